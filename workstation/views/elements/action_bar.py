"""A bar of actions: icons with text where there is room, else icons alone, and a menu for the rest."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from workstation.views.elements.icons import icon
from workstation.views.elements.theme import current_theme

_GAP_PX = 4
_GROUP_GAP_PX = 12
_MARGIN_PX = 8
_ICON = QSize(16, 16)


class BarButton(QToolButton):
    """Follows an action without holding it: its keys stay with the widgets they were given to.

    A button that holds an action is one of the places where its keys work; with Tab among them, the focus
    would never leave it.
    """

    def __init__(self, action: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.action = action
        self.setProperty("role", "flat")
        self.setIconSize(_ICON)
        # A click leaves the focus, and with it the keys, in the canvas.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCheckable(action.isCheckable())
        self.clicked.connect(self._on_clicked)
        action.changed.connect(self.follow)
        self.follow()

    def follow(self) -> None:
        """Look as the action does."""
        action = self.action
        self.setText(action.iconText())
        self.setIcon(action.icon())
        self.setToolTip(action.toolTip())
        self.setStatusTip(action.statusTip())
        self.setAccessibleName(action.iconText())
        self.setEnabled(action.isEnabled())
        self.setChecked(action.isChecked())

    def _on_clicked(self) -> None:
        self.action.trigger()
        # An action that is checked already may have said no.
        self.follow()


class ActionBar(QFrame):
    """Above a pane; it fits itself into any width.

    Parameters
    ----------
    groups : sequence of sequence of QAction
        A gap stands between groups.
    """

    def __init__(self, groups: Sequence[Sequence[QAction]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pane_bar")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(_MARGIN_PX, 4, _MARGIN_PX, 4)
        row.setSpacing(0)
        self.buttons: list[BarButton] = []
        self._gaps: list[int] = []
        for group in groups:
            for number, action in enumerate(group):
                button = BarButton(action, self)
                self._gaps.append(_GROUP_GAP_PX if number == 0 and self.buttons else _GAP_PX)
                row.addSpacing(self._gaps[-1] if self.buttons else 0)
                row.addWidget(button)
                self.buttons.append(button)
                # A text or an icon that changes takes another width.
                action.changed.connect(self._fit_later)
        self.more = QToolButton(self)
        self.more.setProperty("role", "flat")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.more.setToolTip(self.tr("More actions"))
        self.more.setAccessibleName(self.tr("More actions"))
        self.more.setMenu(QMenu(self.more))
        self.more.setIcon(icon("more", current_theme()))
        self.more.hide()
        row.addWidget(self.more)
        row.addStretch(1)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._fit)
        self._said: list[tuple[str, bool]] = []

    def minimumSizeHint(self) -> QSize:
        """Return room for the menu at least."""
        return QSize(60, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the buttons into the new width."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme and the font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self.more.setIcon(icon("more", current_theme()))
            self._fit_later()

    def _fit_later(self) -> None:
        said = [(button.action.iconText(), button.icon().isNull()) for button in self.buttons]
        if said != self._said:
            self._said = said
            self._later.start()

    def _fit(self) -> None:
        room = self.width() - 2 * _MARGIN_PX
        self._set_style(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        if self._width(len(self.buttons)) > room:
            self._set_style(Qt.ToolButtonStyle.ToolButtonIconOnly)
        num_shown = len(self.buttons)
        if self._width(num_shown) > room:
            room -= self.more.sizeHint().width() + _GAP_PX
            while num_shown and self._width(num_shown) > room:
                num_shown -= 1
        hidden = self.buttons[num_shown:]
        for button in self.buttons:
            button.setVisible(button not in hidden)
        self.more.setVisible(bool(hidden))
        self.more.menu().clear()
        self.more.menu().addActions([button.action for button in hidden])

    def _set_style(self, style: Qt.ToolButtonStyle) -> None:
        for button in self.buttons:
            has_icon = not button.icon().isNull()
            wanted = style if has_icon else Qt.ToolButtonStyle.ToolButtonTextOnly
            if button.toolButtonStyle() is not wanted:
                button.setToolButtonStyle(wanted)

    def _width(self, count: int) -> int:
        widths = (button.sizeHint().width() for button in self.buttons[:count])
        return sum(widths) + sum(self._gaps[1:count])
