"""Corrections of items as edits: what an image is, whose eye it is, which image is fixed, who is one person.

Each can be undone. An exchange of fixed and moving is its own inverse, so it stores nothing but the item and
survives images that were moved to another folder meanwhile; the others store names before and after.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic.dataclasses import dataclass
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from engines.contract.errors import InputError, SplitError, UnknownKeyError
from engines.contract.kinds import Split
from engines.contract.messages import Message
from workstation.project.history import Command, Edit, Outcome
from workstation.project.items import subject_id_of, visit_id_of
from workstation.project.schema import FileRow, ItemRow, PairRow, SplitRow, SubjectRow, VisitRow
from workstation.project.splits import write_split

SWAPPED_ROLES = {
    "fixed": "moving",
    "moving": "fixed",
    "vessel_mask": "moving_vessel_mask",
    "moving_vessel_mask": "vessel_mask",
}
"""What each role becomes when fixed and moving change places."""

LATERALITIES = ("OD", "OS", "OU")


class ItemCommand(Command):
    """An edit of what items are; its effect holds names before and after."""

    @classmethod
    def revert(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Put back what was before."""
        _put_all(edit, effect, expected="after", wanted="before")

    @classmethod
    def reapply(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Put back what was after."""
        _put_all(edit, effect, expected="before", wanted="after")


@dataclass(frozen=True)
class EditItem(ItemCommand):
    """Correct what is known of an item.

    Parameters
    ----------
    item_id : str
    subject : str
        A new name makes a new subject, which takes over the split.
    visit, laterality : str or None
        Laterality is OD, OS or OU.
    modalities : dict of role to str or None
        Of the files to be corrected.
    """

    kind: ClassVar[str] = "edit_item"
    item_id: str
    subject: str
    visit: str | None
    laterality: str | None
    modalities: dict[str, str | None]

    def apply(self, edit: Edit) -> Outcome:
        """Write the names."""
        item = _item(edit.session, self.item_id)
        if not self.subject.strip():
            raise InputError("An item needs a subject.", remedy="Write a name or number for the person.")
        if self.laterality is not None and self.laterality not in LATERALITIES:
            raise InputError(
                "There is no laterality '{value}'.", remedy="Choose OD, OS or OU.", value=self.laterality
            )
        before = _item_facts(edit.session, item)
        after = {"subject": self.subject.strip(), "visit": self.visit or None, "laterality": self.laterality}
        files = []
        for role, modality in self.modalities.items():
            file = edit.session.get(FileRow, (self.item_id, role))
            if file is None:
                raise UnknownKeyError("{item} has no file as '{role}'.", item=self.item_id, role=role)
            files.append(
                {"item": self.item_id, "role": role, "before": file.modality, "after": modality or None}
            )
        is_new = _split_row(edit.session, str(after["subject"])) is None
        splits = []
        old_split = _split_row(edit.session, str(before["subject"]))
        is_known = edit.session.scalar(select(SubjectRow.id).where(SubjectRow.name == after["subject"]))
        if is_new and not is_known and old_split is not None:
            splits.append({"subject": after["subject"], "before": None, "after": old_split.split})
        effect = {
            "items": [{"id": self.item_id, "before": before, "after": after}],
            "files": files,
            "splits": splits,
        }
        type(self).reapply(edit, effect)
        return Outcome(self.item_id, Message("correct {item}", {"item": self.item_id}), effect)


@dataclass(frozen=True)
class MergeSubjects(ItemCommand):
    """Make several subjects one: all of their items belong to one person from now on.

    Parameters
    ----------
    subjects : tuple of str
        At least two, `into` among them or not.
    into : str
        The name that stays.
    split : Split or None
        Needed when the subjects are in different splits; it holds for all of them.
    """

    kind: ClassVar[str] = "merge_subjects"
    subjects: tuple[str, ...]
    into: str
    split: Split | None = None

    def apply(self, edit: Edit) -> Outcome:
        """Move the items; the splits of the other subjects leave with them."""
        names = tuple(dict.fromkeys((self.into, *self.subjects)))
        if len(names) < 2:
            raise InputError("At least two subjects are needed to make one.")
        known = set(edit.session.scalars(select(SubjectRow.name).where(SubjectRow.name.in_(names))))
        for name in names:
            if name not in known:
                raise UnknownKeyError("The project has no subject '{subject}'.", subject=name)
        splits = {name: row.split for name in names if (row := _split_row(edit.session, name)) is not None}
        chosen = self.split.value if self.split is not None else _agreed(splits)
        effect = {
            "items": [
                {
                    "id": item.id,
                    "before": (facts := _item_facts(edit.session, item)),
                    "after": {**facts, "subject": self.into},
                }
                for item in _items_of(edit.session, [name for name in names if name != self.into])
            ],
            "files": [],
            "splits": [
                {"subject": name, "before": splits.get(name), "after": chosen if name == self.into else None}
                for name in names
            ],
        }
        type(self).reapply(edit, effect)
        others = ", ".join(name for name in names if name != self.into)
        return Outcome(
            None,
            Message("make {subjects} and {into} one subject", {"subjects": others, "into": self.into}),
            effect,
        )


@dataclass(frozen=True)
class SwapRoles(Command):
    """Exchange the fixed and the moving image of an item, with their vessel masks and keypoints."""

    kind: ClassVar[str] = "swap_roles"
    item_id: str

    def apply(self, edit: Edit) -> Outcome:
        """Exchange them."""
        _item(edit.session, self.item_id)
        for role in ("fixed", "moving"):
            if edit.session.get(FileRow, (self.item_id, role)) is None:
                raise InputError("{item} has no {role} image.", item=self.item_id, role=role)
        effect = {"item": self.item_id}
        type(self).reapply(edit, effect)
        title = Message("exchange fixed and moving of {item}", {"item": self.item_id})
        return Outcome(self.item_id, title, effect)

    @classmethod
    def revert(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Exchange them again."""
        cls.reapply(edit, effect)

    @classmethod
    def reapply(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Exchange roles of files, and the two sides of every pair."""
        session, item_id = edit.session, effect["item"]
        rows = list(session.scalars(select(FileRow).where(FileRow.item_id == item_id)))
        contents = [
            {column.name: getattr(row, column.name) for column in FileRow.__table__.columns} for row in rows
        ]
        # The role is part of the key: rows leave before they come back under the other name.
        for row in rows:
            session.delete(row)
        session.flush()
        for content in contents:
            role = content["role"]
            session.add(FileRow(**{**content, "role": SWAPPED_ROLES.get(role, role)}))
        # Deleted pairs, too: an edit that is undone later may bring them back.
        for pair in session.scalars(select(PairRow).where(PairRow.item_id == item_id)):
            pair.fixed_x, pair.moving_x = pair.moving_x, pair.fixed_x
            pair.fixed_y, pair.moving_y = pair.moving_y, pair.fixed_y
            pair.revision += 1
            pair.changed = edit.at
        session.flush()


def _agreed(splits: dict[str, str]) -> str | None:
    """Return the split of several subjects.

    Raises
    ------
    SplitError
        If they are in different ones: only a person can say which holds.
    """
    if len(set(splits.values())) > 1:
        raise SplitError(
            "The subjects are in different splits: {splits}.",
            remedy="Say which split they get as one subject.",
            splits=", ".join(f"{name} in '{split}'" for name, split in splits.items()),
        )
    return next(iter(splits.values()), None)


def _put_all(edit: Edit, effect: dict[str, Any], *, expected: str, wanted: str) -> None:
    for change in effect["items"]:
        _put_item(edit.session, change["id"], change[expected], change[wanted])
    for change in effect["files"]:
        row = edit.session.get(FileRow, (change["item"], change["role"]))
        if row is None or row.modality != change[expected]:
            raise _changed_since(change["item"])
        row.modality = change[wanted]
    for change in effect["splits"]:
        _put_split(edit.session, change["subject"], change[wanted])
    edit.session.flush()


def _put_item(session: Session, item_id: str, expected: dict[str, Any], wanted: dict[str, Any]) -> None:
    item = _item(session, item_id)
    # Compared by name: an entry does not know the numbers of rows.
    if _item_facts(session, item) != expected:
        raise _changed_since(item_id)
    item.subject_id = subject_id_of(session, wanted["subject"])
    item.visit_id = visit_id_of(session, item.subject_id, wanted["visit"]) if wanted["visit"] else None
    item.laterality = wanted["laterality"]
    session.flush()


def _put_split(session: Session, subject: str, split: str | None) -> None:
    if split is not None:
        write_split(session, subject, Split(split), origin="person")
        return
    subject_id = session.scalar(select(SubjectRow.id).where(SubjectRow.name == subject))
    session.execute(delete(SplitRow).where(SplitRow.subject_id == subject_id))


def _changed_since(item_id: str) -> InputError:
    return InputError(
        "{item} was changed by another edit in between.", remedy="Undo that edit first.", item=item_id
    )


def _item(session: Session, item_id: str) -> ItemRow:
    row = session.get(ItemRow, item_id)
    if row is None:
        raise UnknownKeyError("The project has no item '{item}'.", item=item_id)
    return row


def _items_of(session: Session, subjects: list[str]) -> list[ItemRow]:
    query = select(ItemRow).join(SubjectRow, ItemRow.subject_id == SubjectRow.id)
    return list(session.scalars(query.where(SubjectRow.name.in_(subjects)).order_by(ItemRow.position)))


def _item_facts(session: Session, item: ItemRow) -> dict[str, Any]:
    visit = session.get(VisitRow, item.visit_id) if item.visit_id is not None else None
    return {
        "subject": session.get_one(SubjectRow, item.subject_id).name,
        "visit": visit.name if visit is not None else None,
        "laterality": item.laterality,
    }


def _split_row(session: Session, subject: str) -> SplitRow | None:
    return session.scalars(select(SplitRow).join(SubjectRow).where(SubjectRow.name == subject)).one_or_none()
