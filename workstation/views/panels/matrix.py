"""Panels of kind `matrix`: counts of one thing against another, as of grades said and true."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QWidget

from engines.contract.panels import PanelFile
from workstation.views.panels.table import TablePanel
from workstation.views.runs.run_words import spoken


class MatrixPanel(TablePanel):
    """Draws ``{"rows", "columns", "row_label", "column_label", "values"}`` with the share in each row."""

    def show_panel(self, panel: PanelFile, run_folder: Path) -> None:
        """Write each count with its share of the row, since rows are often of unlike size."""
        data = panel.data
        row_label, column_label = (spoken(str(data.get(key, ""))) for key in ("row_label", "column_label"))
        titles = [f"{column_label}: {spoken(str(name))}" for name in data.get("columns", ())]
        rows = []
        for name, values in zip(data.get("rows", ()), data.get("values", ()), strict=True):
            total = sum(values)
            shares = (f"{value}  ({value / total:.0%})" if total else f"{value}" for value in values)
            rows.append([f"{row_label}: {spoken(str(name))}", *shares])
        self.fill(["", *titles] if titles else [], rows)


def build(parent: QWidget | None = None) -> MatrixPanel:
    """Return a drawer of matrices."""
    return MatrixPanel(parent)
