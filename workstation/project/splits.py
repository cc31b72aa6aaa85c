"""Train, val, test and evaluation by subject: given in a table, set by a person, or assigned with a seed.

Subjects that share an image (the same content hash) are one group and get one split. Masks do not bind:
two people may well have the same field of view.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from engines.contract.errors import PreconditionError, SplitError
from engines.contract.kinds import FileKind, Split
from engines.contract.manifest import hash_of_split
from workstation.project.items import Item, load_items
from workstation.project.schema import SplitRow, SubjectRow
from workstation.project.store import Store, now

VALIDATION_SHARE = 0.2
_BINDING = (FileKind.IMAGE, FileKind.VOLUME)


class SplitStore:
    """The splits of a project.

    Parameters
    ----------
    store : Store
    folder : Path
        The project folder.
    on_change : callable
        Called with None after a change.
    """

    def __init__(self, store: Store, folder: Path, on_change: Callable[[str | None], None]) -> None:
        self._store = store
        self._folder = folder
        self._on_change = on_change

    def of_subjects(self) -> dict[str, Split]:
        """Return the split of every subject that has one."""
        query = select(SubjectRow.name, SplitRow.split).join(SplitRow)
        with self._store.read() as session:
            return {name: Split(split) for name, split in session.execute(query)}

    def hash(self) -> str:
        """Return a name for the split of the whole project."""
        return hash_of_split((subject, split.value) for subject, split in self.of_subjects().items())

    def set(self, subject: str, split: Split) -> None:
        """Give a subject, and every subject that shares an image with it, a split.

        Raises
        ------
        SplitError
            If there is no such subject.
        """
        with self._store.write() as session:
            groups = groups_of(load_items(session, self._folder))
            group = next((group for group in groups if subject in group), None)
            if group is None:
                raise SplitError("The project has no subject '{subject}'.", subject=subject)
            for name in group:
                write_split(session, name, split, origin="person")
        self._on_change(None)

    def assign(
        self, items: Sequence[Item], *, seed: int = 0, strata: Mapping[str, str] | None = None
    ) -> dict[str, Split]:
        """Give the subjects of these items that have no split one, 80 % train and 20 % val, and store it.

        Subjects that have a split keep it. A group with a split in it is completed. When train and val both
        exist already, new groups go to train.

        Parameters
        ----------
        items : sequence of Item
        seed : int
        strata : mapping of subject to str, optional
            What both splits should have the same share of: a grade, a hospital.

        Returns
        -------
        dict of str to Split
            What was assigned.

        Raises
        ------
        PreconditionError
            If train and val cannot both get a subject.
        SplitError
            If the splits that exist leak.
        """
        with self._store.write() as session:
            everything = load_items(session, self._folder)
            check_no_leak(everything)
            assigned = _assign(everything, {item.subject for item in items}, seed, strata or {})
            for subject, split in assigned.items():
                write_split(session, subject, split, origin="automatic", seed=seed)
        if assigned:
            self._on_change(None)
        return assigned

    def check_no_leak(self) -> None:
        """Refuse splits that have one subject's images on two sides.

        Raises
        ------
        SplitError
            With the subjects and the image.
        """
        with self._store.read() as session:
            check_no_leak(load_items(session, self._folder))


def groups_of(items: Iterable[Item]) -> list[tuple[str, ...]]:
    """Return the subjects, those that share an image together, in the order of the items."""
    group_of: dict[str, list[str]] = {}
    first_with: dict[str, str] = {}
    for item in items:
        group_of.setdefault(item.subject, [item.subject])
        for content in _contents(item):
            other = first_with.setdefault(content, item.subject)
            mine, theirs = group_of[item.subject], group_of[other]
            if mine is not theirs:
                theirs.extend(mine)
                group_of.update(dict.fromkeys(mine, theirs))
    unique = {id(group): group for group in group_of.values()}
    return [tuple(group) for group in unique.values()]


def check_no_leak(items: Iterable[Item]) -> None:
    """Refuse items of which one subject, or one image, lies in two splits; see `SplitStore.check_no_leak`."""
    split_of_subject: dict[str, Split] = {}
    split_of_content: dict[str, tuple[Split, Item]] = {}
    for item in items:
        if item.split is None:
            continue
        if split_of_subject.setdefault(item.subject, item.split) is not item.split:
            raise SplitError(
                "The split leaks: subject '{subject}' is in {first} and in {second}.",
                remedy="Put all items of a subject into one split.",
                subject=item.subject,
                first=split_of_subject[item.subject].value,
                second=item.split.value,
            )
        for content in _contents(item):
            split, other = split_of_content.setdefault(content, (item.split, item))
            if split is not item.split:
                raise SplitError(
                    "The split leaks: the same image is in {first} (item '{other}' of '{other_subject}')"
                    " and in {second} (item '{item}' of '{subject}').",
                    remedy="Put both subjects into one split.",
                    first=split.value,
                    other=other.id,
                    other_subject=other.subject,
                    second=item.split.value,
                    item=item.id,
                    subject=item.subject,
                )


def write_split(
    session: Session, subject: str, split: Split, *, origin: str, seed: int | None = None
) -> None:
    """Record the split of one subject."""
    subject_id = session.scalars(select(SubjectRow.id).where(SubjectRow.name == subject)).one()
    row = session.get(SplitRow, subject_id)
    if row is None:
        row = SplitRow(subject_id=subject_id, split=split.value, origin=origin, seed=seed, changed=now())
        session.add(row)
    row.split, row.origin, row.seed, row.changed = split.value, origin, seed, now()
    session.flush()


def _contents(item: Item) -> list[str]:
    return [file.sha256 for file in item.files.values() if file.kind in _BINDING]


def _assign(
    everything: Sequence[Item], subjects: Collection[str], seed: int, strata: Mapping[str, str]
) -> dict[str, Split]:
    known = {item.subject: item.split for item in everything if item.split is not None}
    assigned: dict[str, Split] = {}
    free: list[tuple[str, ...]] = []
    for group in groups_of(everything):
        if not any(subject in subjects for subject in group):
            continue
        given = next((known[subject] for subject in group if subject in known), None)
        if given is None:
            free.append(group)
        else:
            assigned.update({subject: given for subject in group if subject not in known})
    present = {(known | assigned)[subject] for subject in subjects if subject in known | assigned}
    num_val = _num_validation_groups(len(free), present)
    order = sorted(free)
    random.Random(seed).shuffle(order)
    chosen = set(range(num_val))
    if strata:
        # Sorted by stratum, every n-th goes to val: each stratum gives its share.
        order.sort(key=lambda group: strata.get(group[0], ""))
        chosen = {int((index + 0.5) * len(order) / num_val) for index in range(num_val)}
    for index, group in enumerate(order):
        assigned.update(dict.fromkeys(group, Split.VAL if index in chosen else Split.TRAIN))
    _require_both_sides(subjects, known | assigned)
    return assigned


def _num_validation_groups(num_free: int, present: Collection[Split]) -> int:
    if Split.VAL in present:
        return 0
    num_for_train = 0 if Split.TRAIN in present else 1
    return max(0, min(num_free - num_for_train, max(1, round(VALIDATION_SHARE * num_free))))


def _require_both_sides(subjects: Collection[str], splits: Mapping[str, Split]) -> None:
    usable = [splits[subject] for subject in subjects if splits[subject] in (Split.TRAIN, Split.VAL)]
    if Split.TRAIN in usable and Split.VAL in usable:
        return
    raise PreconditionError(
        "Training needs one subject in 'train' and another in 'val', and of the {count} that can be used "
        "none is in '{missing}'.",
        remedy="Import images of at least two subjects, or put one of several into '{missing}'. Subjects "
        "that share an image count as one; 'test' and 'evaluation' are never trained on.",
        count=len(usable),
        missing=(Split.VAL if Split.TRAIN in usable else Split.TRAIN).value,
    )
