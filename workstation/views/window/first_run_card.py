"""The line of first steps below the top bar: which step is next, one sentence, one button."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from workstation.views.protocols.first_run import StepRow

HEIGHT_PX = 50
DONE, RUNNING = "✔", "▶"


class FirstRunCard(QFrame):
    """Leads through a first session and covers nothing.

    Signals
    -------
    stepRequested : str
        Somebody pressed the button of a step.
    helpRequested, hideRequested
    """

    stepRequested = Signal(str)
    helpRequested = Signal()
    hideRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("first_run")
        self.setAccessibleName(self.tr("First steps"))
        self.setFixedHeight(HEIGHT_PX)
        self._rows: tuple[StepRow, ...] = ()
        self._chosen = ""
        self._texts = self._words()
        self.step_buttons: dict[str, QToolButton] = {}
        self._steps = QHBoxLayout()
        self._steps.setSpacing(4)
        self.sentence = QLabel(self)
        self.sentence.setWordWrap(True)
        self.go = QPushButton(self)
        self.go.setProperty("role", "primary")
        self.go.clicked.connect(self._on_go)
        self.hide_button = QToolButton(self)
        self.hide_button.setText("✕")
        self.hide_button.setProperty("role", "flat")
        self.hide_button.setToolTip(self.tr("Hide the first steps; the Help menu brings them back"))
        self.hide_button.setAccessibleName(self.tr("Hide the first steps"))
        self.hide_button.clicked.connect(self.hideRequested)
        title = QLabel(self.tr("FIRST STEPS"), self)
        title.setProperty("role", "section")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 8, 0)
        layout.setSpacing(12)
        layout.addWidget(title)
        layout.addLayout(self._steps)
        layout.addWidget(self.sentence, 1)
        layout.addWidget(self.go)
        layout.addWidget(self.hide_button)
        self.hide()

    def show_steps(self, rows: Sequence[StepRow]) -> None:
        """Show the steps; the first that is not done is chosen when the steps changed."""
        if tuple(rows) == self._rows:
            return
        if [row.key for row in rows] != [row.key for row in self._rows]:
            self._make(rows)
        self._rows = tuple(rows)
        self._chosen = next((row.key for row in rows if not row.is_done), "")
        for number, row in enumerate(rows, start=1):
            button = self.step_buttons[row.key]
            mark = DONE if row.is_done else RUNNING if row.is_running else str(number)
            state = self.tr("done") if row.is_done else self.tr("running") if row.is_running else ""
            title = self._texts[row.key][0]
            button.setText(f"{mark}  {title}")
            button.setAccessibleName(f"{title} {state}".strip())
            status = "done" if row.is_done else "running" if row.is_running else ""
            if button.property("status") != status:
                button.setProperty("status", status)
                button.style().polish(button)
        self._say()

    def set_shown(self, is_shown: bool) -> None:
        """Show or hide the line."""
        self.setVisible(is_shown)

    def _make(self, rows: Sequence[StepRow]) -> None:
        for button in self.step_buttons.values():
            self._steps.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.step_buttons = {}
        for row in rows:
            button = QToolButton(self)
            button.setProperty("role", "step")
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setToolTip(self._texts[row.key][1])
            button.clicked.connect(lambda _checked=False, key=row.key: self._choose(key))
            self._steps.addWidget(button)
            self.step_buttons[row.key] = button
        order = [*self.step_buttons.values(), self.go, self.hide_button]
        for first, second in pairwise(order):
            self.setTabOrder(first, second)

    def _choose(self, key: str) -> None:
        self._chosen = key
        self._say()

    def _say(self) -> None:
        """Write sentence and button of the chosen step, or that all are done."""
        for key, button in self.step_buttons.items():
            button.setChecked(key == self._chosen)
        row = next((row for row in self._rows if row.key == self._chosen), None)
        if row is None:
            self.sentence.setText(self.tr("That was the whole circle. Every screen has a page of help."))
            self.go.setText(self.tr("Open help"))
            return
        _title, sentence, verb = self._texts[row.key]
        if row.is_running:
            sentence = self.tr(
                "It runs in a process of its own: go on working, the strip below shows how far."
            )
        self.sentence.setText(sentence)
        self.go.setText(verb)

    def _on_go(self) -> None:
        if self._chosen:
            self.stepRequested.emit(self._chosen)
        else:
            self.helpRequested.emit()

    def _words(self) -> dict[str, tuple[str, str, str]]:
        """Return title, sentence and button of every step."""
        return {
            "import": (
                self.tr("Bring images"),
                self.tr("Drop a folder or a table of images into this window, or choose one."),
                self.tr("Import…"),
            ),
            "place": (
                self.tr("Place a pair"),
                self.tr("Click a vessel fork in the fixed image, then the same fork in the moving one."),
                self.tr("Add a pair"),
            ),
            "train": (
                self.tr("Train"),
                self.tr("Train a small network on synthetic pairs; on the sample it takes about a minute."),
                self.tr("Train"),
            ),
            "register": (
                self.tr("Register"),
                self.tr("Let the vessels find the transform between the two images, without any points."),
                self.tr("Register"),
            ),
            "compare": (
                self.tr("Compare"),
                self.tr("See whether it fits: side by side, by curtain, flicker or checkerboard."),
                self.tr("Compare"),
            ),
        }
