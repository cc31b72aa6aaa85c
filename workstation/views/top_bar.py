"""The top bar: the name of the project, and one button a screen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QToolButton, QWidget

from workstation.actions.registry import ActionRegistry

HEIGHT_PX = 40


class TopBar(QWidget):
    """Above everything else.

    Parameters
    ----------
    actions : ActionRegistry
    screens : sequence of str
        Keys of the screens, whose actions are ``screen.<key>``.
    """

    def __init__(
        self, actions: ActionRegistry, screens: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("top_bar")
        self.setFixedHeight(HEIGHT_PX)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 0)
        layout.setSpacing(2)
        self.project_label = QLabel()
        self.project_label.setProperty("role", "title")
        layout.addWidget(self.project_label)
        layout.addSpacing(18)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        for key in screens:
            button = QToolButton()
            button.setProperty("role", "screen")
            button.setCheckable(True)
            action = actions.action(f"screen.{key}")
            button.setText(f"{action.text()}  {action.shortcut().toString()}")
            button.clicked.connect(action.trigger)
            self._group.addButton(button)
            self._buttons[key] = button
            layout.addWidget(button)
        layout.addStretch(1)

    def show_project(self, name: str, folder: str) -> None:
        """Name the open project; an empty folder says that there is none."""
        self.project_label.setText(name if folder else self.tr("No project"))
        self.project_label.setToolTip(folder)
        for button in self._buttons.values():
            button.setVisible(bool(folder))

    def show_screen(self, key: str) -> None:
        """Mark the screen that is shown."""
        self._buttons[key].setChecked(True)
