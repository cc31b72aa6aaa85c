"""The top bar: the name of the project, one button a screen, and the search for actions."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from workstation.actions.registry import ActionRegistry

HEIGHT_PX = 40
_ICON = QSize(16, 16)
_NAME_WIDTH_PX = 260


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
        self._actions = actions
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 8, 0)
        layout.setSpacing(2)
        self.project_label = QLabel()
        self.project_label.setProperty("role", "title")
        self.project_label.setMaximumWidth(_NAME_WIDTH_PX)
        layout.addWidget(self.project_label)
        layout.addSpacing(18)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        for key in screens:
            button = QToolButton()
            button.setProperty("role", "screen")
            button.setCheckable(True)
            button.clicked.connect(actions.action(f"screen.{key}").trigger)
            self._group.addButton(button)
            self._buttons[key] = button
            layout.addWidget(button)
        layout.addStretch(1)
        self.search = QToolButton()
        self.search.setProperty("role", "flat")
        self.search.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.search.clicked.connect(actions.action("window.palette").trigger)
        layout.addWidget(self.search)
        for button in (*self._buttons.values(), self.search):
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setIconSize(_ICON)
        self.dress()
        actions.shortcuts_changed.connect(self.dress)

    def dress(self) -> None:
        """Show the keys and icons that the actions have now."""
        for key, button in self._buttons.items():
            self._show(button, f"screen.{key}", self._actions.action(f"screen.{key}").text())
        self._show(self.search, "window.palette", self.tr("Search"))

    def _show(self, button: QToolButton, key: str, text: str) -> None:
        action = self._actions.action(key)
        button.setText(f"{text.replace('&', '')}  {action.shortcut().toString()}".rstrip())
        button.setIcon(action.icon())
        button.setToolTip(action.toolTip())

    def show_project(self, name: str, folder: str) -> None:
        """Name the open project; an empty folder says that there is none."""
        text = name if folder else self.tr("No project")
        room = _NAME_WIDTH_PX - 8
        self.project_label.setText(
            self.project_label.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
        )
        self.project_label.setToolTip(folder)
        for button in self._buttons.values():
            button.setVisible(bool(folder))

    def show_screen(self, key: str) -> None:
        """Mark the screen that is shown."""
        self._buttons[key].setChecked(True)
