"""What the Help menu does: pages, first steps, licences; and how a step of the first steps is carried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from workstation.controllers.project.first_run import FirstRun
from workstation.controllers.training.train_controller import TrainController
from workstation.licences import Credits, read_credits
from workstation.screens import SCREENS
from workstation.views.window.help_pages import FIRST_PAGE, HelpPages
from workstation.views.window.help_view import HelpView
from workstation.views.window.licences_view import LicencesView

if TYPE_CHECKING:
    from workstation.main_window import MainWindow

QUICK_PRESET = "tiny"
_READY_MS = 8000
"""A screen that is built for a step has so long until its action can run."""


class HelpActions(QObject):
    """Binds the actions of the Help menu that explain, and the line of first steps.

    Parameters
    ----------
    window : MainWindow
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._help: HelpView | None = None
        self._licences: LicencesView | None = None
        self._wanted = ""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_READY_MS)
        self._patience.timeout.connect(self._give_up)
        card = window.first_steps
        self.first_run = FirstRun(window.workbench, card, tuple(spec.key for spec in SCREENS), self)
        card.stepRequested.connect(self._carry_out)
        card.helpRequested.connect(lambda: self.show_page(FIRST_PAGE))
        card.hideRequested.connect(lambda: self.first_run.set_shown(False))
        bind = window.actions_.bind
        bind("help.page", lambda: self.show_page(window.screen_key or FIRST_PAGE))
        bind("help.licences", self._show_licences)
        self._steps_action = bind("help.first_steps", self._toggle_first_steps, self._no_project_reason)
        self.first_run.shown_changed.connect(self._steps_action.setChecked)
        window.screen_shown.connect(self.first_run.note_screen)

    # -- help ----------------------------------------------------------------------------------------

    def show_page(self, key: str, heading: str = "") -> None:
        """Open the help window on a page."""
        if self._help is None:
            pages = HelpPages(self._window.actions_, self._window.settings.language)
            self._help = HelpView(pages, self._window)
        self._help.open_page(key, heading)

    def _show_licences(self) -> None:
        if self._licences is None:
            self._licences = LicencesView(self._window)
        if not self._licences.has_credits:
            # Opening another project drops what is under way: then it is asked for again.
            self._window.workbench.background.submit("licences", read_credits, self._on_credits)
        self._licences.show()
        self._licences.raise_()

    def _on_credits(self, found: Credits) -> None:
        if self._licences is not None:
            self._licences.show_credits(found.licences, found.sources, found.methods, found.libraries)

    def _no_project_reason(self) -> str:
        return "" if self._window.workbench.project is not None else self.tr("Open a project first.")

    def _toggle_first_steps(self) -> None:
        self.first_run.set_shown(self._steps_action.isChecked())

    # -- first steps ---------------------------------------------------------------------------------

    def _carry_out(self, step: str) -> None:
        """Go where a step is done, and do what a button can do of it."""
        does: dict[str, Callable[[], None]] = {
            "import": self._window.actions_.action("project.import_folder").trigger,
            "place": lambda: self._on_pair("pairs.add"),
            "train": self._train,
            "register": lambda: self._on_pair("pairs.register"),
            "compare": lambda: self._window.show_screen("compare"),
        }
        does[step]()

    def _on_pair(self, action: str) -> None:
        self._window.show_screen("pairs")
        self.first_run.choose_image_pair()
        self._run_when_ready(action)

    def _train(self) -> None:
        self._window.show_screen("train")
        if not self.first_run.is_sample:
            return
        screen = self._window.screen("train")
        controller = screen.controller if screen is not None else None
        if isinstance(controller, TrainController):
            if QUICK_PRESET in controller.presets:
                controller.choose_preset(QUICK_PRESET)
            self._run_when_ready("train.start")

    def _run_when_ready(self, key: str) -> None:
        """Run an action, or wait a little for its screen; what forbids it is said in its tooltip."""
        self._give_up()
        action = self._window.actions_.action(key)
        if action.isEnabled():
            action.trigger()
            return
        self._wanted = key
        action.changed.connect(self._on_changed)
        self._patience.start()

    def _on_changed(self) -> None:
        key = self._wanted
        if key and self._window.actions_.action(key).isEnabled():
            self._give_up()
            # Not from within the signal: the screen is still telling what changed.
            QTimer.singleShot(0, self._window.actions_.action(key).trigger)

    def _give_up(self) -> None:
        if self._wanted:
            self._window.actions_.action(self._wanted).changed.disconnect(self._on_changed)
        self._wanted = ""
        self._patience.stop()
