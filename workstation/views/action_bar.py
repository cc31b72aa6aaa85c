"""A bar of actions: icons with text where there is room, else icons alone, and a menu for the rest."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from workstation.views.icons import icon
from workstation.views.theme import current_theme

_GAP_PX = 4
_GROUP_GAP_PX = 12
_MARGIN_PX = 8
_ICON = QSize(16, 16)


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
        self.buttons: list[QToolButton] = []
        self._gaps: list[int] = []
        for group in groups:
            for number, action in enumerate(group):
                button = self._button(action)
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

    def _button(self, action: QAction) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("role", "flat")
        button.setDefaultAction(action)
        button.setIconSize(_ICON)
        # A click leaves the focus, and with it the keys, in the canvas.
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _fit_later(self) -> None:
        said = [(button.defaultAction().iconText(), button.icon().isNull()) for button in self.buttons]
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
        self.more.menu().addActions([button.defaultAction() for button in hidden])

    def _set_style(self, style: Qt.ToolButtonStyle) -> None:
        for button in self.buttons:
            has_icon = not button.icon().isNull()
            wanted = style if has_icon else Qt.ToolButtonStyle.ToolButtonTextOnly
            if button.toolButtonStyle() is not wanted:
                button.setToolButtonStyle(wanted)

    def _width(self, count: int) -> int:
        widths = (button.sizeHint().width() for button in self.buttons[:count])
        return sum(widths) + sum(self._gaps[1:count])
