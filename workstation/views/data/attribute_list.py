"""What is said of a case as a whole: one chooser each, and under it who said so, when, and from where."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from workstation.translation import translate, translate_message
from workstation.views.elements.moments import moment_text
from workstation.views.protocols.attributes import AttributeRow


class AttributeList(QWidget):
    """The list; an `AttributeListView`. Hidden while nothing is asked of the case.

    Signals
    -------
    valueChosen : str, str
        Key of the attribute, and its value; empty takes it away.
    """

    valueChosen = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: dict[str, AttributeField] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(7)
        self.hide()

    def show_rows(self, rows: Sequence[AttributeRow]) -> None:
        """Show the attributes of the case; a field that stays is not made anew."""
        for key in self.fields.keys() - {row.key for row in rows}:
            field = self.fields.pop(key)
            self._column.removeWidget(field)
            field.deleteLater()
        for row in rows:
            field = self.fields.get(row.key) or self._field(row.key)
            field.show_row(row)
        self.setVisible(bool(rows))

    def _field(self, key: str) -> AttributeField:
        field = AttributeField(self)
        field.valueChosen.connect(lambda value: self.valueChosen.emit(key, value))
        self.fields[key] = field
        self._column.addWidget(field)
        return field


class AttributeField(QWidget):
    """One attribute.

    Attributes
    ----------
    box : QComboBox
    provenance : QLabel

    Signals
    -------
    valueChosen : str
    """

    valueChosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel(self)
        self.box = QComboBox(self)
        self.title.setBuddy(self.box)
        self.provenance = QLabel(self)
        self.provenance.setProperty("role", "muted")
        self.provenance.setWordWrap(True)
        self.box.activated.connect(lambda _index: self.valueChosen.emit(str(self.box.currentData())))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(3)
        grid.addWidget(self.title, 0, 0)
        grid.addWidget(self.box, 0, 1)
        grid.addWidget(self.provenance, 1, 0, 1, 2)
        grid.setColumnStretch(1, 1)

    def show_row(self, row: AttributeRow) -> None:
        """Show what can be chosen, and what holds."""
        title = translate(row.title)
        self.title.setText(title)
        self.box.setAccessibleName(title)
        self.box.setToolTip(translate(row.note))
        # A table may have brought a value that nobody offers.
        values = dict.fromkeys([*row.values, *([row.value] if row.value else [])])
        with QSignalBlocker(self.box):
            self.box.clear()
            self.box.addItem(self.tr("not given"), "")
            for value in values:
                self.box.addItem(value, value)
            self.box.setCurrentIndex(max(0, self.box.findData(row.value)))
        parts = [translate_message(row.source), row.annotator, moment_text(row.at)]
        self.provenance.setText(", ".join(part for part in parts if part) if row.value else "")
        self.provenance.setVisible(bool(self.provenance.text()))
