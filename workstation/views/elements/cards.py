"""Message cards: what happened, why, what was kept, what to do; the details one click away.

Cards lie in the lower right corner of the window, where the task panel leaves room; nothing waits for an
answer. Notes leave by themselves, warnings and errors stay until they are closed.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QEnterEvent, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.translation import translate_message
from workstation.views.protocols.cards import Card

WIDTH_PX = 470
MIN_WIDTH_PX = 256
MAX_CARDS = 4
MARGIN_PX = 12
NOTE_MS = 8000
"""A note stays for so long, and longer while the mouse is over it."""


class CardWidget(QFrame):
    """One card."""

    def __init__(self, card: Card, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.card = card
        self.setObjectName("card")
        self.setProperty("severity", card.severity.value)
        self.setAccessibleName(translate_message(card.what))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 9, 9, 10)
        layout.setSpacing(5)
        layout.addLayout(self._head())
        for caption, message in (
            (self.tr("Why"), card.why),
            (self.tr("Kept"), card.kept),
            (self.tr("To do"), card.remedy),
        ):
            text = translate_message(message)
            if text:
                layout.addWidget(_line(f"{caption}: {text}"))
        self.details = QPlainTextEdit(card.details, self)
        self.details.setReadOnly(True)
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.details.setFixedHeight(170)
        self.details.hide()
        layout.addWidget(self.details)
        layout.addLayout(self._buttons())
        self._leaving = QTimer(self)
        self._leaving.setSingleShot(True)
        self._leaving.setInterval(NOTE_MS)
        self._leaving.timeout.connect(self.dismiss)
        self._let_leave()

    def _let_leave(self) -> None:
        if self.card.severity is Severity.NOTE:
            self._leaving.start()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Stay while the mouse is here."""
        self._leaving.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Begin to count again."""
        self._let_leave()
        super().leaveEvent(event)

    def fit(self, width: int) -> int:
        """Take a width and the height that the text needs then; return the height, in px."""
        self.layout().activate()
        height = self.layout().totalHeightForWidth(width)
        self.setFixedSize(width, height)
        return height

    def text(self) -> str:
        """Return everything the card says, for the clipboard."""
        card = self.card
        lines = [translate_message(message) for message in (card.what, card.why, card.kept, card.remedy)]
        return "\n".join([*(line for line in lines if line), card.details]).strip()

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        symbol = {Severity.ERROR: "✘", Severity.WARNING: "▲", Severity.NOTE: "ℹ"}[self.card.severity]
        status = {Severity.ERROR: "failed", Severity.WARNING: "warning", Severity.NOTE: "running"}
        mark = QLabel(symbol)
        mark.setProperty("status", status[self.card.severity])
        what = _line(translate_message(self.card.what))
        what.setProperty("role", "title" if self.card.severity is Severity.ERROR else "")
        self.close_button = QToolButton(self)
        self.close_button.setText("✕")
        self.close_button.setProperty("role", "flat")
        self.close_button.setToolTip(self.tr("Close this card"))
        self.close_button.clicked.connect(self.dismiss)
        head.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(what, 1)
        head.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        return head

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(7)
        for spec in self.card.buttons:
            button = QPushButton(translated_text(spec.text), self)
            button.clicked.connect(lambda _checked=False, clicked=spec.clicked: clicked())
            button.clicked.connect(self.dismiss)
            row.addWidget(button)
        row.addStretch(1)
        if self.card.details:
            self.details_button = QPushButton(self.tr("Details"), self)
            self.details_button.setCheckable(True)
            self.details_button.setProperty("role", "link")
            self.details_button.toggled.connect(self._show_details)
            row.addWidget(self.details_button)
        if self.card.severity is not Severity.NOTE:
            copy = QPushButton(self.tr("Copy"), self)
            copy.setProperty("role", "link")
            copy.setToolTip(self.tr("Copy everything on this card"))
            copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
            row.addWidget(copy)
        return row

    def _show_details(self, is_shown: bool) -> None:
        self.details.setVisible(is_shown)
        self._place_stack()

    def dismiss(self) -> None:
        """Take the card away."""
        self.hide()
        self.setParent(None)
        self.deleteLater()

    def _place_stack(self) -> None:
        stack = self.parentWidget()
        if isinstance(stack, CardStack):
            stack.place()


class CardStack(QWidget):
    """The cards that are shown, newest at the bottom, over the lower right corner of its parent.

    Parameters
    ----------
    parent : QWidget
    column : QWidget or None
        A column at the right of the parent; while it is shown, the cards stay within its width, so that
        they cover nothing beside it.
    """

    def __init__(self, parent: QWidget, column: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = column
        self.setObjectName("card_stack")
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setStyleSheet("QWidget#card_stack { background: transparent; }")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self.bottom_margin_px = 0
        self.right_margin_px = MARGIN_PX
        parent.installEventFilter(self)
        if column is not None:
            column.installEventFilter(self)
        self.hide()

    def cards(self) -> list[CardWidget]:
        """Return the cards that are shown, oldest first."""
        return [child for child in self.children() if isinstance(child, CardWidget) and not child.isHidden()]

    def post(self, card: Card) -> CardWidget:
        """Show a card; the oldest leave when there are too many, and an equal one is replaced."""
        for shown in self.cards():
            if (shown.card.what, shown.card.why, shown.card.details) == (card.what, card.why, card.details):
                shown.dismiss()
        for old in self.cards()[: max(0, len(self.cards()) - MAX_CARDS + 1)]:
            old.dismiss()
        widget = CardWidget(card, self)
        self._layout.addWidget(widget)
        widget.show()
        self.show()
        self.raise_()
        self.place()
        return widget

    def clear(self) -> None:
        """Take every card away."""
        for card in self.cards():
            card.dismiss()
        self.place()

    def place(self) -> None:
        """Sit in the corner."""
        if not self.cards():
            self.hide()
            return
        # A layout asks wrapped text for its height at a width of its own; the cards have a fixed one.
        width = self._width()
        heights = [card.fit(width) for card in self.cards()]
        height = sum(heights) + self._layout.spacing() * (len(heights) - 1)
        y = self.parentWidget().height() - height - MARGIN_PX - self.bottom_margin_px
        x = self.parentWidget().width() - width - self.right_margin_px
        self.setGeometry(max(MARGIN_PX, x), max(MARGIN_PX, y), width, height)

    def _width(self) -> int:
        if self._column is None or not self._column.isVisible():
            return WIDTH_PX
        return min(WIDTH_PX, max(MIN_WIDTH_PX, self._column.width() - 2 * MARGIN_PX))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of the parent and the column."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide):
            self.place()
        return False

    def childEvent(self, event: QEvent) -> None:
        """Close up when a card leaves."""
        super().childEvent(event)
        if event.type() == QEvent.Type.ChildRemoved:
            self.place()


def translated_text(text: str) -> str:
    """Return the text of a button of a card in the language of the window."""
    return translate_message(Message(text))


def _line(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    return label
