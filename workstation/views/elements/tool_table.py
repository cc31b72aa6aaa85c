"""A table on a screen whose letters are tools: it searches nothing and has a menu of actions."""

from __future__ import annotations

from PySide6.QtGui import QAction, QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import QMenu, QTableView, QWidget


class ToolTable(QTableView):
    """Leaves letters to the screen.

    Attributes
    ----------
    menu_actions : list of QAction
        Offered for the line under the mouse.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.menu_actions: list[QAction] = []

    def keyboardSearch(self, search: str) -> None:
        """Search nothing: letters are tools here, as they are in the panes."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave letters to the screen, and move with the others."""
        if event.text().isalpha():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done with the chosen lines."""
        if self.menu_actions and self.indexAt(event.pos()).isValid():
            menu = QMenu(self)
            menu.setToolTipsVisible(True)
            menu.addActions(self.menu_actions)
            menu.aboutToHide.connect(menu.deleteLater)
            menu.popup(event.globalPos())
