"""Every edit is a stored command; undo and redo are entries of the same journal and survive a restart.

`History.execute` commits the edit and its journal entry in one transaction before it returns. A command
belongs to one item (or to the project: None), and items do not share a stack: with an item, undo and
redo walk the edits of that item and those of the project; without, everything.

A new kind of edit is a new subclass of `Command` in a file of its own: nothing here changes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import TypeAdapter
from sqlalchemy import Select, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session, defer

from engines.contract.errors import InputError, PreconditionError, WorkstationError
from engines.contract.messages import Message
from workstation.project import undo_order
from workstation.project.emergency import EmergencyFile
from workstation.project.schema import CommandRow
from workstation.project.store import Store, now, reason_of

Entry = Literal["do", "undo", "redo"]
_FACTS = (defer(CommandRow.payload), defer(CommandRow.effect))
"""Of a list of edits: what a thousand strokes changed is many megabytes, and none of it is shown."""


class EditNotSavedError(WorkstationError):
    """The disk or the database refused an edit; the project is as it was before it.

    Attributes
    ----------
    command : Command or None
        The edit, to be executed again when the cause is gone; None for an undo or redo.
    """

    command: Command | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What a command works with while it is executed.

    Parameters
    ----------
    session : Session
        The open write transaction.
    annotator : str
    at : str
        Time of the edit, ISO 8601, UTC.
    """

    session: Session
    annotator: str
    at: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did.

    Parameters
    ----------
    item_id : str or None
        Item whose stack it belongs to.
    title : Message
        For undo menus and the history list: "move point 5 in fixed".
    effect : dict
        Plain JSON data from which it can be taken back and done again.
    """

    item_id: str | None
    title: Message
    effect: dict[str, Any]


class Command(ABC):
    """An edit. Subclasses are frozen pydantic dataclasses with a `kind` of their own."""

    kind: ClassVar[str]
    _kinds: ClassVar[dict[str, type[Command]]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "kind" in cls.__dict__:
            Command._kinds[cls.kind] = cls

    @abstractmethod
    def apply(self, edit: Edit) -> Outcome:
        """Change the rows. Raise an `InputError` to refuse; nothing is changed then."""

    @classmethod
    @abstractmethod
    def revert(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Take an effect back."""

    @classmethod
    @abstractmethod
    def reapply(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Bring back an effect that was taken back."""

    def to_payload(self) -> dict[str, Any]:
        """Return the command as plain JSON data."""
        payload = TypeAdapter(type(self)).dump_python(self, mode="json")
        assert isinstance(payload, dict)
        return payload

    @staticmethod
    def from_payload(kind: str, payload: dict[str, Any]) -> Command:
        """Rebuild a command."""
        command = TypeAdapter(Command.of_kind(kind)).validate_python(payload)
        assert isinstance(command, Command)
        return command

    @staticmethod
    def of_kind(kind: str) -> type[Command]:
        """Return a class of commands.

        Raises
        ------
        PreconditionError
            If this program has no such edit.
        """
        if kind not in Command._kinds:
            raise PreconditionError(
                "This program does not know the edit '{kind}'.",
                remedy="Open the project with the program that made the edit.",
                kind=kind,
            )
        return Command._kinds[kind]


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """An entry of the journal; `title` names the edit that was done, undone or redone.

    `is_open` tells of an undone edit that it can be done again: nothing was edited since.
    """

    sequence: int
    action: Entry
    item_id: str | None
    kind: str
    title: Message
    annotator: str
    at: str
    is_undone: bool
    is_open: bool = False


class History:
    """The journal of edits.

    Parameters
    ----------
    store : Store
    emergency : EmergencyFile
        Where an edit goes that the project's disk refuses.
    author : callable
        Returns the annotator's name.
    on_edit : callable
        Told the item of every committed entry.
    on_refusal : callable
        Told that the disk refused an edit.
    """

    def __init__(
        self,
        store: Store,
        emergency: EmergencyFile,
        author: Callable[[], str],
        on_edit: Callable[[str | None], None],
        on_refusal: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._emergency = emergency
        self._author = author
        self._on_edit = on_edit
        self._on_refusal = on_refusal

    def execute(self, command: Command) -> StoredCommand:
        """Do an edit; it is on the disk when this returns.

        Raises
        ------
        InputError
            If the command refuses.
        EditNotSavedError
            If the disk refuses: the edit is kept in a second place and in the error.
        """
        try:
            with self._store.write() as session:
                stored = self._record(session, command)
        except (DatabaseError, OSError) as error:
            raise self._not_saved(error, command) from error
        self._on_edit(stored.item_id)
        return stored

    def execute_within(self, session: Session, command: Command) -> StoredCommand:
        """Do an edit as part of a larger write transaction; the caller reports the change."""
        return self._record(session, command)

    def undo(self, item_id: str | None = None) -> StoredCommand | None:
        """Take back the last edit of an item, or of the project; None when there is none."""
        return self._step("undo", item_id)

    def redo(self, item_id: str | None = None) -> StoredCommand | None:
        """Do again what was undone last, unless something was edited since; None when there is nothing."""
        return self._step("redo", item_id)

    def undo_title(self, item_id: str | None = None) -> Message | None:
        """Return what `undo` would take back."""
        return self._title(undo_order.undoable(item_id))

    def redo_title(self, item_id: str | None = None) -> Message | None:
        """Return what `redo` would do again."""
        return self._title(undo_order.redoable(item_id))

    def list(self, limit: int = 200, item_id: str | None = None) -> list[StoredCommand]:
        """Return the newest entries of the journal, newest first."""
        query = select(CommandRow).options(*_FACTS).order_by(CommandRow.sequence.desc()).limit(limit)
        with self._store.read() as session:
            return [_stored(row) for row in session.scalars(undo_order.within(query, item_id))]

    def timeline(self, limit: int = 1000, item_id: str | None = None) -> Sequence[StoredCommand]:
        """Return the newest edits of an item, or of the project, newest first, without undos and redos.

        Edits that can be done again stand above those that are done, in the order in which `redo` would
        take them, the last one on top.
        """
        with self._store.read() as session:
            is_edit = select(CommandRow).options(*_FACTS).where(CommandRow.action == "do")
            rows = session.scalars(
                undo_order.within(is_edit, item_id).order_by(CommandRow.sequence.desc()).limit(limit)
            ).all()
            open_edits = undo_order.redoable(item_id).with_only_columns(CommandRow.sequence)
            waiting = session.scalars(open_edits).all()
        by_sequence = {row.sequence: row for row in rows}
        open_rows = [by_sequence[number] for number in reversed(waiting) if number in by_sequence]
        rest = [row for row in rows if row.sequence not in set(waiting)]
        return [_stored(row, is_open=True) for row in open_rows] + [_stored(row) for row in rest]

    def steps_to(self, sequence: int, item_id: str | None = None) -> int:
        """Return how many steps lead to the moment just after an edit: below 0 undos, above 0 redos.

        Parameters
        ----------
        sequence : int
            Of an edit; 0 is the moment before the first one.

        Raises
        ------
        InputError
            If the edit was undone and can no longer be done again, or is not among these.
        """
        with self._store.read() as session:
            return undo_order.steps_to(session, sequence, item_id)

    def go_to(self, sequence: int, item_id: str | None = None) -> int:
        """Undo or redo, all or nothing, until an edit is the last one that is done; see `steps_to`.

        Returns
        -------
        steps : int
            As `steps_to` says; each is an entry of the journal.
        """
        try:
            with self._store.write() as session:
                steps = undo_order.steps_to(session, sequence, item_id)
                stored = [
                    self._step_within(session, "undo" if steps < 0 else "redo", item_id)
                    for _ in range(abs(steps))
                ]
        except (DatabaseError, OSError) as error:
            raise self._not_saved(error, None) from error
        for changed in dict.fromkeys(entry.item_id for entry in stored if entry is not None):
            self._on_edit(changed)
        return steps

    def unsaved(self) -> Sequence[Command]:
        """Return the edits that a disk refused and that were kept in the second place."""
        return [Command.from_payload(kind, payload) for kind, payload in self._emergency.read()]

    def save_unsaved(self) -> tuple[int, tuple[InputError, ...]]:
        """Do the kept edits in one transaction; they leave the second place only when that is on the disk.

        Returns
        -------
        num_saved : int
        refusals : tuple of InputError
            Why the other edits no longer fit, for example because their pair is gone.

        Raises
        ------
        EditNotSavedError
            If the disk refuses again; everything stays in the second place.
        """
        stored: list[StoredCommand] = []
        refusals: list[InputError] = []
        try:
            with self._store.write() as session:
                for command in self.unsaved():
                    try:
                        stored.append(self._record(session, command))
                    except InputError as refusal:
                        refusals.append(refusal)
        except (DatabaseError, OSError) as error:
            raise self._not_saved(error, None) from error
        self._emergency.remove()
        for item_id in dict.fromkeys(command.item_id for command in stored):
            self._on_edit(item_id)
        return len(stored), tuple(refusals)

    def forget_unsaved(self) -> None:
        """Drop the kept edits that the person declines."""
        self._emergency.remove()

    def _record(self, session: Session, command: Command) -> StoredCommand:
        edit = Edit(session, self._author(), now())
        outcome = command.apply(edit)
        row = CommandRow(
            action="do",
            target=None,
            undone_at=None,
            item_id=outcome.item_id,
            kind=command.kind,
            payload=command.to_payload(),
            effect=outcome.effect,
            title=outcome.title.text,
            title_parameters=dict(outcome.title.parameters),
            annotator=edit.annotator,
            at=edit.at,
        )
        session.add(row)
        session.flush()
        return _stored(row)

    def _step(self, action: Literal["undo", "redo"], item_id: str | None) -> StoredCommand | None:
        try:
            with self._store.write() as session:
                stored = self._step_within(session, action, item_id)
        except (DatabaseError, OSError) as error:
            raise self._not_saved(error, None) from error
        if stored is not None:
            self._on_edit(stored.item_id)
        return stored

    def _step_within(
        self, session: Session, action: Literal["undo", "redo"], item_id: str | None
    ) -> StoredCommand | None:
        query = undo_order.undoable(item_id) if action == "undo" else undo_order.redoable(item_id)
        target = session.scalars(query.limit(1)).first()
        if target is None:
            return None
        edit = Edit(session, self._author(), now())
        command = Command.of_kind(target.kind)
        (command.revert if action == "undo" else command.reapply)(edit, target.effect)
        row = CommandRow(
            action=action,
            target=target.sequence,
            undone_at=None,
            item_id=target.item_id,
            kind=target.kind,
            payload={},
            effect={},
            title=target.title,
            title_parameters=target.title_parameters,
            annotator=edit.annotator,
            at=edit.at,
        )
        session.add(row)
        session.flush()
        target.undone_at = row.sequence if action == "undo" else None
        session.flush()
        return _stored(row)

    def _title(self, query: Select[CommandRow]) -> Message | None:
        # Not the whole row: what a stroke changed may be long.
        words = query.with_only_columns(CommandRow.title, CommandRow.title_parameters).limit(1)
        with self._store.read() as session:
            row = session.execute(words).first()
        return None if row is None else Message(*row)

    def _not_saved(self, error: DatabaseError | OSError, command: Command | None) -> EditNotSavedError:
        is_kept = command is not None and self._emergency.append(command.kind, command.to_payload())
        refused = EditNotSavedError(
            "The edit was not saved in {path}: {reason}.",
            remedy="Free some space or reconnect the disk, then do it again.",
            kept="The edit was kept in {emergency}."
            if is_kept
            else "The project is as it was before this edit.",
            path=self._store.path,
            reason=reason_of(error),
            emergency=self._emergency.path,
        )
        refused.command = command
        self._on_refusal()
        return refused


def _stored(row: CommandRow, *, is_open: bool = False) -> StoredCommand:
    return StoredCommand(
        sequence=row.sequence,
        action=row.action,  # type: ignore[arg-type]
        item_id=row.item_id,
        kind=row.kind,
        title=Message(row.title, row.title_parameters),
        annotator=row.annotator,
        at=row.at,
        is_undone=row.undone_at is not None,
        is_open=is_open,
    )
