"""Phases of a pipeline as cards in a row: what each is for, its state, and why one cannot start."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engines.contract.kinds import RunState
from workstation.views.protocols.runs import PhaseCard
from workstation.views.runs.run_words import eta_text, gate_text, sentence, spoken, state_words

_LEAST_WIDTH_PX = 172
"""Four phases are seen at once in a low window."""
_MOVING = (RunState.STARTING, RunState.RUNNING, RunState.PAUSED, RunState.STOPPING)


class PhaseCardWidget(QFrame):
    """One phase.

    Signals
    -------
    chosen : str
        Its key, when it was clicked or took the focus.
    fix_requested : str
        Where the reason of a lock can be put right.
    """

    chosen = Signal(str)
    fix_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("phase_card")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMinimumWidth(_LEAST_WIDTH_PX)
        self.setMaximumWidth(420)
        self._key = ""
        self._fix = ""
        self.title = _wrapped(self, "title")
        self.state = QLabel(self)
        self.purpose = _wrapped(self, "muted")
        self.reason = _wrapped(self)
        self.gate = _wrapped(self)
        self.base = _wrapped(self, "muted")
        self.ways: list[QPushButton] = []
        self.fix = QPushButton(self.tr("Fix it"), self)
        self.fix.setProperty("role", "link")
        self.fix.setToolTip(self.tr("Go where this can be put right"))
        self.fix.clicked.connect(lambda: self.fix_requested.emit(self._fix))
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(True)
        self.time_left = QLabel(self)
        self.time_left.setProperty("role", "muted")
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.state, 0, Qt.AlignmentFlag.AlignTop)
        reason = QHBoxLayout()
        reason.addWidget(self.reason, 1)
        reason.addWidget(self.fix, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(11, 8, 11, 9)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.purpose)
        layout.addLayout(reason)
        self._ways = QVBoxLayout()
        self._ways.setSpacing(2)
        layout.addLayout(self._ways)
        layout.addWidget(self.base)
        layout.addWidget(self.gate)
        layout.addWidget(self.bar)
        layout.addWidget(self.time_left)
        layout.addStretch(1)

    def show_card(self, card: PhaseCard, *, is_chosen: bool) -> None:
        """Draw a phase."""
        self._key, self._fix = card.key, card.fix
        is_moving = card.state in _MOVING
        words = state_words(card.state, is_locked=card.locked_because is not None)
        self.title.setText(spoken(card.title))
        self.setToolTip(spoken(card.purpose))
        self.state.setText(words.text)
        _set_property(self.state, "status", words.status)
        self.purpose.setText(spoken(card.purpose))
        # It is read before a phase starts; later the room belongs to the curves below.
        self.purpose.setVisible(card.state is None and (is_chosen or card.locked_because is None))
        locked = sentence(card.locked_because)
        self.reason.setText(locked)
        self.reason.setVisible(bool(locked) and not is_moving)
        self.fix.setVisible(bool(locked and card.fix) and not is_moving)
        self._show_ways(card.ways if is_chosen and not is_moving else ())
        self.base.setText(
            self.tr("Starts from {gate}").format(gate=gate_text(card.base_gate)) if card.base_gate else ""
        )
        self.base.setVisible(card.base_gate is not None and not locked)
        self.gate.setText(gate_text(card.gate) if card.gate else "")
        self.gate.setVisible(card.gate is not None)
        self.bar.setVisible(is_moving)
        if is_moving:
            self._show_progress(card)
        self.time_left.setVisible(is_moving)
        self.setAccessibleName(f"{spoken(card.title)}: {words.text}. {locked}".strip())
        _set_property(self, "chosen", is_chosen)

    def _show_progress(self, card: PhaseCard) -> None:
        if card.progress is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * card.progress))
            self.bar.setFormat(f"{100 * card.progress:.0f} %")
        stage = spoken(card.stage)
        if card.state is RunState.RUNNING and (card.eta_s is not None or not stage):
            self.time_left.setText(eta_text(card.eta_s))
        else:
            self.time_left.setText(stage or state_words(card.state).word)

    def _show_ways(self, ways: Sequence[tuple[str, str]]) -> None:
        """Offer other ways to start; the buttons stay while the offer does, and keep the focus."""
        texts = [spoken(title) for _way, title in ways]
        if texts == [button.text() for button in self.ways]:
            return
        for button in self.ways:
            self._ways.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.ways = []
        for (way, _title), text in zip(ways, texts, strict=True):
            button = QPushButton(text, self)
            button.setProperty("role", "link")
            button.setToolTip(self.tr("Train without what is missing: this changes a setting"))
            button.clicked.connect(lambda _checked=False, way=way: self.fix_requested.emit(way))
            self._ways.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
            self.ways.append(button)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the phase."""
        self.chosen.emit(self._key)
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose the phase with the space bar or the return key."""
        is_plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if is_plain and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(self._key)
            return
        super().keyPressEvent(event)


class PhaseCards(QScrollArea):
    """The cards of a pipeline.

    Signals
    -------
    chosen : str
    fix_requested : str
    """

    chosen = Signal(str)
    fix_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._body = QWidget(self)
        self._row = QHBoxLayout(self._body)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setWidget(self._body)
        self.cards: list[PhaseCardWidget] = []

    def show_phases(self, cards: Sequence[PhaseCard], chosen: str) -> None:
        """Draw the phases; existing cards are renewed in place, so the focus stays."""
        while len(self.cards) > len(cards):
            gone = self.cards.pop()
            self._row.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        while len(self.cards) < len(cards):
            card = PhaseCardWidget(self._body)
            card.chosen.connect(self.chosen)
            card.fix_requested.connect(self.fix_requested)
            self._row.addWidget(card, 1)
            self.cards.append(card)
        for widget, card in zip(self.cards, cards, strict=True):
            widget.show_card(card, is_chosen=card.key == chosen)
        self._fit_height()

    def event(self, event: QEvent) -> bool:
        """Fit the height to the tallest card."""
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            self._fit_height()
        return super().event(event)

    def _fit_height(self) -> None:
        if not self.cards:
            return
        between = self._row.spacing() * (len(self.cards) - 1)
        width = max(_LEAST_WIDTH_PX, min(420, (self.viewport().width() - between) // len(self.cards)))
        height = max(max(card.heightForWidth(width), card.minimumSizeHint().height()) for card in self.cards)
        bar = self.horizontalScrollBar()
        height += bar.sizeHint().height() if bar.isVisible() else 0
        height += 2 * self.frameWidth()
        if height != self.height():
            self.setFixedHeight(height)


def _wrapped(parent: QWidget, role: str = "") -> QLabel:
    label = QLabel(parent)
    label.setWordWrap(True)
    if role:
        label.setProperty("role", role)
    return label


def _set_property(widget: QWidget, name: str, value: object) -> None:
    """Set what the style sheet looks at, and let it look again only when it changed."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
