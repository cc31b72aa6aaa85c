"""`Project`: the one door to everything the user has.

A project is a folder: `project.db` is the truth, `keypoints/` mirrors the pairs as tables, `runs/` and
`exports/` hold what was produced. There is no Save: an edit is on the disk when its call returns. Two
processes may have the same project open.
"""

from __future__ import annotations

import getpass
import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from psygnal import Signal
from sqlalchemy import select

# Importing a file of commands makes their kinds known: undo after a restart needs every one of them.
import workstation.project.commands
import workstation.project.component_commands
import workstation.project.grade_commands
import workstation.project.item_commands
import workstation.project.label_map_commands
import workstation.project.result_commands
import workstation.project.suggestion_commands  # noqa: F401
from engines.contract.errors import ProjectError
from engines.contract.kinds import Action, AnnotationKind, Split
from engines.contract.manifest import Manifest
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PipelineSpec
from workstation.project.annotations import KeypointStore
from workstation.project.emergency import EmergencyFile
from workstation.project.grades import Grade, grades
from workstation.project.history import History
from workstation.project.items import ItemStore, MissingFile
from workstation.project.label_maps import LabelMapStore
from workstation.project.manifests import build_manifest
from workstation.project.runs import RunIndex
from workstation.project.schema import ProjectRow, SettingRow
from workstation.project.splits import SplitStore
from workstation.project.store import DATABASE_NAME, Store, now

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What changed; `item_id` is None when it may be any item."""

    item_id: str | None = None


class Project:
    """A project folder that is open; use `create` or `open`, and `close` (or ``with``).

    Attributes
    ----------
    folder : Path
    id, name : str
        The id stays when the folder moves.
    annotator : str
        Recorded with every edit.
    items, keypoints, label_maps, history, splits, runs
        The parts.
    changed : Signal
        Emits a `Change` after every change, in the thread that made it.
    refused : Signal
        Emits when the disk refused an edit; `history.unsaved` keeps it.
    """

    changed: ClassVar[Signal] = Signal(Change)
    refused: ClassVar[Signal] = Signal()

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self._store = store
        with store.read() as session:
            row = session.scalars(select(ProjectRow)).one()
        self.id, self.name = row.id, row.name
        self.annotator = _user_name()
        self.items = ItemStore(store, folder, self._announce_one)
        self.keypoints = KeypointStore(store, folder / "keypoints")
        self.label_maps = LabelMapStore(store, folder / "label_maps")
        self.splits = SplitStore(store, folder, self._announce_one)
        self.runs = RunIndex(store, folder, self._announce_one)
        self.history = History(
            store,
            EmergencyFile(self.id),
            author=lambda: self.annotator,
            on_edit=self._on_edit,
            on_refusal=lambda: self.refused.emit(),
        )

    @classmethod
    def create(cls, folder: Path, name: str) -> Project:
        """Make an empty project.

        Parameters
        ----------
        folder : Path
            Absent or empty.
        name : str
            For people.

        Raises
        ------
        ProjectError
            If the folder is not empty or cannot be written.
        """
        folder = Path(folder).expanduser().absolute()
        if not name.strip():
            raise ProjectError("A project needs a name.", remedy="Give one with --name.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            is_empty = not any(folder.iterdir())
        except OSError as error:
            raise ProjectError(
                "The project folder {folder} cannot be made: {reason}.",
                remedy="Choose a place that you may write to.",
                folder=folder,
                reason=error.strerror,
            ) from error
        if not is_empty:
            is_project = (folder / DATABASE_NAME).exists()
            raise ProjectError(
                "{folder} already holds a project." if is_project else "{folder} is not empty.",
                remedy="Open it, or choose another folder."
                if is_project
                else "Choose an empty or new folder.",
                folder=folder,
            )
        store = Store.create(folder / DATABASE_NAME)
        with store.write() as session:
            session.add(ProjectRow(id=uuid.uuid4().hex, name=name.strip(), created=now()))
        return cls(folder, store)

    @classmethod
    def open(cls, folder: Path) -> Project:
        """Open a project.

        Raises
        ------
        ProjectError
            If the folder is no project, its database is damaged or newer than this program, or it cannot be
            written.
        """
        folder = Path(folder).expanduser().absolute()
        project = cls(folder, Store.open(folder / DATABASE_NAME))
        try:
            project.keypoints.write_stale_mirrors()
        except OSError as error:
            logger.warning("the keypoint tables in %s cannot be written: %s", folder, error)
        return project

    def close(self) -> None:
        """Let go of the files. Nothing needs to be saved."""
        self._store.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def store(self) -> Store:
        """The database, for the importers and exporters of this package."""
        return self._store

    def missing_files(self) -> list[MissingFile]:
        """Return the files that are no longer where they were."""
        return self.items.missing_files()

    def grades(self) -> dict[str, Grade]:
        """Return the grade of each item that has one."""
        return grades(self._store)

    def setting(self, key: str, default: Any = None) -> Any:
        """Return a setting of the project: plain JSON data."""
        with self._store.read() as session:
            row = session.get(SettingRow, key)
        return default if row is None else row.value

    def set_setting(self, key: str, value: Any) -> None:
        """Store a setting of the project: plain JSON data."""
        with self._store.write() as session:
            session.merge(SettingRow(key=key, value=value))

    def announce(self, item_ids: Iterable[str]) -> None:
        """Bring the mirrors of these items up to date and tell listeners that anything may have changed."""
        for item_id in item_ids:
            self._mirror(item_id)
        self.changed.emit(Change())

    def notice_external_changes(self) -> bool:
        """Emit `changed` when another process has written since the last call, and tell whether it has."""
        is_changed = self._store.take_external_changes()
        if is_changed:
            self.changed.emit(Change())
        return is_changed

    def manifest_for(
        self,
        spec: PipelineSpec,
        *,
        action: Action,
        phase: str = "",
        run_folder: RunFolder,
        items: Sequence[str] | None = None,
        split: Split | str | None = None,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Choose and freeze the items of a run; copy their annotations into its folder.

        Parameters
        ----------
        spec : PipelineSpec
        action : Action
        phase : str
            For training.
        run_folder : RunFolder
            Its `annotations_dir` receives the pairs that are complete and not excluded, and the accepted
            label maps.
        items : sequence of str or None
            Item ids; None: every item the action can use.
        split : Split, "all" or None
            Only items of this split. Training always uses train and val only.
        seed : int
            Of the automatic split: training assigns subjects that have none, 80 % train and 20 % val.
        settings : mapping of str to object, or None
            Of the training; some change what a phase needs.

        Raises
        ------
        PreconditionError
            If items lack what the action needs, a file was moved, evaluation items were asked to be trained
            on, or too few subjects remain.
        SplitError
            If the split leaks.
        UnknownKeyError
            If an item or phase does not exist.
        """
        manifest = build_manifest(
            self.items,
            self.keypoints,
            self.splits,
            self.label_maps,
            self.grades(),
            spec,
            action=action,
            phase=phase,
            run_folder=run_folder,
            chosen=items,
            split=split,
            seed=seed,
            settings=settings,
        )
        if action is not Action.PREDICT or AnnotationKind.LABEL_MAP not in spec.annotation_kinds:
            return manifest
        # Reading volumes takes a second to import.
        from workstation.project.component_decisions import with_decisions

        return with_decisions(manifest, self.store, self.label_maps)

    def _on_edit(self, item_id: str | None) -> None:
        if item_id is not None:
            self._mirror(item_id)
        self._announce_one(item_id)

    def _announce_one(self, item_id: str | None) -> None:
        self.changed.emit(Change(item_id))

    def _mirror(self, item_id: str) -> None:
        # The edit itself is committed: a refused mirror is worth a warning, never an error.
        try:
            self.keypoints.write_mirror(item_id)
        except OSError as error:
            logger.warning("the keypoint table of %s cannot be written: %s", item_id, error)


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user: a container, or Windows without variables
        return "annotator"
