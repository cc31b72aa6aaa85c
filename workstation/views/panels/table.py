"""Panels of kind `table`: words and numbers in rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from engines.contract.panels import PanelFile
from workstation.views.panels import PanelWidget
from workstation.views.runs.run_words import number_text, spoken

ROW_PX = 26


class TablePanel(PanelWidget):
    """Draws ``{"columns": [title], "rows": [[value]]}``; a row with a place leads there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(self)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setAlternatingRowColors(True)
        self.table.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.table.verticalHeader().hide()
        self.table.cellActivated.connect(self._on_row)
        self._places: list[tuple[str, tuple[float, ...]] | None] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)

    def show_panel(self, panel: PanelFile, run_folder: Path) -> None:
        """Fill the table."""
        self.fill([str(title) for title in panel.data.get("columns", ())], panel.data.get("rows", ()))
        self._places = [
            (str(place["item"]), tuple(float(value) for value in place["world_mm"])) if place else None
            for place in panel.data.get("places", ())
        ]
        self.table.setToolTip(self.tr("A double click, or Enter, leads to the place") if self._places else "")

    def _on_row(self, row: int, _column: int) -> None:
        place = self._places[row] if row < len(self._places) else None
        if place is not None:
            self.placeChosen.emit(*place)

    def fill(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Show rows under their titles; numbers stand at the right."""
        self.table.setColumnCount(len(columns))
        self.table.setHorizontalHeaderLabels([spoken(title) for title in columns])
        self.table.setRowCount(len(rows))
        for place, row in enumerate(rows):
            for column, value in enumerate(row):
                self.table.setItem(place, column, _cell(value))
        self.table.resizeColumnsToContents()


def _cell(value: Any) -> QTableWidgetItem:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return QTableWidgetItem("–" if value is None else spoken(str(value)))
    cell = QTableWidgetItem(f"{value:,}" if isinstance(value, int) else number_text(value))
    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return cell


def build(parent: QWidget | None = None) -> TablePanel:
    """Return a drawer of tables."""
    return TablePanel(parent)
