"""What an empty region says: one sentence, one primary button, and links."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workstation.actions.registry import ActionRegistry


class ActionButton(QPushButton):
    """A button that follows an action: text, tooltip, and whether it is enabled and checked."""

    def __init__(self, action: QAction, role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        self._is_short = False
        self.setProperty("role", role)
        self.setCheckable(action.isCheckable())
        action.changed.connect(self._follow)
        self.clicked.connect(action.trigger)
        self._follow()

    @property
    def is_short(self) -> bool:
        """Whether the short text of the action is shown."""
        return self._is_short

    @is_short.setter
    def is_short(self, is_short: bool) -> None:
        self._is_short = is_short
        self._follow()

    def _follow(self) -> None:
        action = self._action
        self.setText((action.iconText() if self._is_short else action.text()).replace("&", ""))
        self.setIcon(action.icon() if self.property("role") != "primary" else QIcon())
        self.setToolTip(action.toolTip())
        self.setEnabled(action.isEnabled())
        self.setChecked(action.isChecked())


def action_button(action: QAction, role: str = "", parent: QWidget | None = None) -> ActionButton:
    """Return a button for an action; the role is one of the style sheet: primary, link..."""
    return ActionButton(action, role, parent)


class EmptyState(QWidget):
    """A sentence in the middle with buttons below.

    Parameters
    ----------
    sentence, hint : str
        Translated.
    primary : QAction or None
    links : sequence of QAction
    """

    def __init__(
        self,
        sentence: str,
        hint: str = "",
        primary: QAction | None = None,
        links: Sequence[QAction] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addStretch(3)
        self.sentence = QLabel(sentence, self)
        self.sentence.setObjectName("drop_hint")
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self.sentence)
        self.hint = QLabel(hint, self)
        self.hint.setProperty("role", "muted")
        self.hint.setWordWrap(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setVisible(bool(hint))
        layout.addWidget(self.hint)
        if primary is not None:
            self.primary = action_button(primary, "primary", self)
            layout.addWidget(self.primary, 0, Qt.AlignmentFlag.AlignHCenter)
        row = QHBoxLayout()
        row.setSpacing(18)
        row.addStretch(1)
        for link in links:
            row.addWidget(action_button(link, "link", self))
        row.addStretch(1)
        layout.addLayout(row)
        layout.addStretch(4)


def first_steps(actions: ActionRegistry) -> EmptyState:
    """Return what a window without a project says."""
    tr = QCoreApplication.translate
    return EmptyState(
        tr("EmptyState", "Drop a table, or open the sample project"),
        tr(
            "EmptyState",
            "A table is a CSV or TSV file with one row per image: subject, item, role, path. "
            "The sample project holds a few retina images and is built in seconds.",
        ),
        actions.action("project.sample"),
        [actions.action(f"project.{verb}") for verb in ("open", "new", "import")],
    )
