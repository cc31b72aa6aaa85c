"""The numbers of everything that is compared, and what each of them is worth."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from workstation.views.protocols.compare import SourceNumbers
from workstation.views.runs.run_colours import status_colour
from workstation.views.runs.run_words import sentence

ROW_PX = 26
_STATUS = {
    "registered": "done",
    "uncertain": "warning",
    "not_registered": "failed",
    "accepted": "done",
    "rejected": "failed",
}


class CompareTable(QTableWidget):
    """One line a source: verdict, landmark error with its evidence, left-out error, overlap."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setColumnCount(6)
        self.setHorizontalHeaderLabels(
            [
                self.tr("Source"),
                self.tr("Verdict"),
                self.tr("Mean landmark error"),
                self.tr("which is"),
                self.tr("Left out"),
                self.tr("Overlap"),
            ]
        )
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def show_numbers(self, rows: Sequence[SourceNumbers]) -> None:
        """Fill the table."""
        self.setRowCount(len(rows))
        for line, row in enumerate(rows):
            for column, (text, tip) in enumerate(self._cells(row)):
                item = QTableWidgetItem(text)
                item.setToolTip(tip)
                if column in (2, 4, 5):
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(line, column, item)
            if row.verdict in _STATUS:
                self.item(line, 1).setForeground(QColor(status_colour(_STATUS[row.verdict])))

    def _cells(self, row: SourceNumbers) -> list[tuple[str, str]]:
        verdicts = {
            "registered": self.tr("✔ registered"),
            "uncertain": self.tr("▲ uncertain"),
            "not_registered": self.tr("✘ not registered"),
            "accepted": self.tr("✔ accepted"),
            "rejected": self.tr("✘ rejected"),
        }
        name, meaning = self._evidence(row)
        not_measured = self.tr("There are no pairs to measure with.") if not row.num_pairs else ""
        return [
            (sentence(row.title), sentence(row.title)),
            (verdicts.get(row.verdict, "–"), ""),
            (_pixels(row.mean_px), not_measured or self._pairs_text(row.num_pairs)),
            (name, meaning),
            (
                _pixels(row.left_out_px),
                self.tr("Mean error at each pair under the fit to the others: the honest error of a fit."),
            ),
            ("–" if row.overlap is None else f"{100 * row.overlap:.0f} %", self.tr("Of the fixed image.")),
        ]

    def _pairs_text(self, count: int) -> str:
        if count == 1:
            return self.tr("In pixels of the fixed image, at one placed pair.")
        return self.tr("In pixels of the fixed image, over {n} placed pairs.").format(n=count)

    def _evidence(self, row: SourceNumbers) -> tuple[str, str]:
        known = {
            "fit": (
                self.tr("fit"),
                self.tr("The transform was fitted to these pairs: the error is smaller than anywhere else."),
            ),
            "own": (
                self.tr("partly its own"),
                self.tr("Some of the pairs are accepted suggestions of this run."),
            ),
            "trained": (self.tr("trained on"), self.tr("The model of this run learned from this item.")),
            "independent": (self.tr("independent"), self.tr("The pairs took no part in this transform.")),
        }
        return known.get(row.evidence, ("–", ""))


def _pixels(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} px"
