"""What every screen shares: the open project, the current item, the live runs, cards, background work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.controllers.background import Background
from workstation.controllers.runs.live_runs import LiveRuns
from workstation.views.protocols.cards import Card

if TYPE_CHECKING:
    from workstation.project.project import Project

_LOOK_FOR_OTHERS_MS = 2000


class Workbench(QObject):
    """Shared state of one window; it holds no widgets.

    Signals
    -------
    project_changed
        A project was opened or closed.
    data_changed
        Items or annotations of the project changed.
    item_changed : str
        Another item is current.
    screen_requested : str
        Somebody wants a screen shown, by key.
    card_posted : Card
    cursor_moved : str
        Where the mouse is, for the status bar.
    strip_changed : StripText or None
        What the strip at the bottom says about the running run.
    run_requested : str
        Somebody wants to look at a run, by id.
    place_requested : (x, y, z)
        A place of the current item, in mm of the world, that is to be shown.
    compare_requested : tuple of str
        Somebody wants to see sources of the current item beside each other, by key.
    """

    project_changed = Signal()
    data_changed = Signal()
    item_changed = Signal(str)
    screen_requested = Signal(str)
    card_posted = Signal(object)
    cursor_moved = Signal(str)
    strip_changed = Signal(object)
    run_requested = Signal(str)
    compare_requested = Signal(object)
    place_requested = Signal(object)
    _changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.background = Background(self)
        self._changes = QTimer(self)
        self._changes.setSingleShot(True)
        self._changes.timeout.connect(self.data_changed.emit)
        self._changed.connect(self._changes.start)
        self._others = QTimer(self)
        self._others.setInterval(_LOOK_FOR_OTHERS_MS)
        self._others.timeout.connect(self._notice_others)
        self.live_runs = LiveRuns(self)
        self._project: Project | None = None
        self._item_id = ""
        self.annotator = ""
        """Name under which edits are stored."""
        self.is_snapping = True
        self.snap_radius_px = 14.0
        """Whether clicks are drawn to vessel forks, and from how far, in pixels of the screen."""

    @property
    def project(self) -> Project | None:
        """The open project."""
        return self._project

    @property
    def item_id(self) -> str:
        """Id of the current item; empty when none is chosen."""
        return self._item_id

    def set_project(self, project: Project | None) -> None:
        """Make a project the open one; the one before is closed."""
        before, self._project = self._project, project
        self._item_id = ""
        self.background.drop_all()
        if before is not None:
            self._others.stop()
            before.changed.disconnect(self._on_change)
            self.live_runs.detach_all()
            before.close()
        if project is not None:
            project.annotator = self.annotator or project.annotator
            project.changed.connect(self._on_change)
            self.live_runs.reattach(project)
            self._others.start()
        self.project_changed.emit()

    def set_item(self, item_id: str) -> None:
        """Choose the current item."""
        if item_id != self._item_id:
            self._item_id = item_id
            self.item_changed.emit(item_id)

    def request_run(self, run_id: str) -> None:
        """Show a run on the screen for runs."""
        self.screen_requested.emit("runs")
        self.run_requested.emit(run_id)

    def request_compare(self, *keys: str) -> None:
        """Show sources of the current item on the screen for comparing."""
        self.screen_requested.emit("compare")
        self.compare_requested.emit(keys)

    def request_place(self, item_id: str, world_mm: object) -> None:
        """Show a place of an item, in mm of the world, on the screen for comparing."""
        self.set_item(item_id)
        self.screen_requested.emit("compare")
        self.place_requested.emit(world_mm)

    def post(self, card: Card) -> None:
        """Show a card."""
        self.card_posted.emit(card)

    def note(self, text: str, **parameters: object) -> None:
        """Show a short card that needs no answer."""
        self.post(Card(Severity.NOTE, Message(text, parameters)))

    def close(self) -> None:
        """Let go of runs, threads and project; runs go on by themselves."""
        self.background.close()
        self.live_runs.detach_all()
        self._others.stop()
        self._changes.stop()
        if self._project is not None:
            self._project.changed.disconnect(self._on_change)
            self._project.close()
            self._project = None

    def _on_change(self, _change: object) -> None:
        # May come from an import on a thread, row after row: the screens are told once, on their own.
        self._changed.emit()

    def _notice_others(self) -> None:
        if self._project is not None:
            self._project.notice_external_changes()
