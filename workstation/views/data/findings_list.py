"""Remarks on an import with the buttons that answer them; many of one sort are answered at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engines.contract.kinds import Severity
from workstation.translation import translate_message
from workstation.views.protocols.imports import FindingRow

MOST_SHOWN = 40
FEWEST_FOR_ALL = 3
_SYMBOLS = {
    Severity.ERROR: ("✘", "failed"),
    Severity.WARNING: ("▲", "warning"),
    Severity.NOTE: ("\N{INFORMATION SOURCE}", "running"),
}


class FindingsList(QScrollArea):
    """A list of remarks.

    Signals
    -------
    fixClicked : str, int, bool
        Key of the remark, index of its button, and whether it is meant for all of its sort.
    findingClicked : list of str
        Rows that a remark is about.
    """

    fixClicked = Signal(str, int, bool)
    findingClicked = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Findings"))
        self._rows: list[FindingRow] = []

    def show_rows(self, rows: Sequence[FindingRow]) -> None:
        """Show remarks; the first ones of many."""
        self._rows = list(rows)
        place = self.verticalScrollBar().value()
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(4, 2, 8, 2)
        layout.setSpacing(2)
        counts = Counter(row.kind for row in rows)
        headed: set[str] = set()
        for row in rows[:MOST_SHOWN]:
            if counts[row.kind] >= FEWEST_FOR_ALL and row.kind not in headed:
                headed.add(row.kind)
                layout.addWidget(self._head(row, counts[row.kind]))
            layout.addWidget(self._line(row))
        if len(rows) > MOST_SHOWN:
            more = QLabel(self.tr("and {n} more").format(n=len(rows) - MOST_SHOWN))
            more.setProperty("role", "muted")
            layout.addWidget(more)
        layout.addStretch(1)
        old = self.takeWidget()
        if old is not None:
            # A button of it may be on the stack: it goes when the event is over.
            old.hide()
            old.setParent(self)
            old.deleteLater()
        self.setWidget(content)
        self.verticalScrollBar().setValue(place)

    def _line(self, row: FindingRow) -> QWidget:
        line = QFrame()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(2, 1, 2, 1)
        layout.setSpacing(6)
        symbol, status = _SYMBOLS[row.severity]
        mark = QLabel(symbol)
        mark.setProperty("status", status)
        mark.setFixedWidth(16)
        layout.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        text = QLabel(translate_message(row.message))
        text.setWordWrap(True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        layout.addWidget(text, 1)
        if row.items:
            show = self._button(self.tr("Show"), "link")
            show.clicked.connect(lambda _checked=False: self.findingClicked.emit(list(row.items)))
            layout.addWidget(show)
        for index, fix in enumerate(row.fixes):
            button = self._button(translate_message(fix))
            button.clicked.connect(
                lambda _checked=False, index=index: self.fixClicked.emit(row.key, index, False)
            )
            layout.addWidget(button)
        return line

    def _head(self, row: FindingRow, count: int) -> QWidget:
        """Return the line that answers every remark of one sort."""
        line = QFrame()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(2, 4, 2, 1)
        layout.setSpacing(6)
        text = QLabel(self.tr("{n} of this sort:").format(n=count))
        text.setProperty("role", "section")
        layout.addWidget(text, 1)
        for index, fix in enumerate(row.fixes):
            title = translate_message(fix)
            if title.endswith("…") or fix.parameters:
                continue
            button = self._button(self.tr("{fix} (all {n})").format(fix=title, n=count), "link")
            button.clicked.connect(
                lambda _checked=False, index=index: self.fixClicked.emit(row.key, index, True)
            )
            layout.addWidget(button)
        return line

    def _button(self, text: str, role: str = "") -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        if role:
            button.setProperty("role", role)
        return button
