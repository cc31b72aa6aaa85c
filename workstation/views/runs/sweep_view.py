"""The table of a sweep: what each value of a setting came to, over its seeds."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engines.contract.spec import MetricSpec
from workstation.views.protocols.runs import SweepRow, SweepView
from workstation.views.runs.run_words import key_label, metric_label, number_text

_NONE = "–"
_RUN = Qt.ItemDataRole.UserRole
_FACTS = 3


class SweepTableView(QWidget):
    """Draws a `SweepView`; the best value of the first metric is bold.

    Signals
    -------
    runChosen : str
        A run behind a line that was activated.
    """

    runChosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel(self)
        self.title.setWordWrap(True)
        self.title.setProperty("role", "muted")
        self.table = QTableWidget(self)
        self.table.verticalHeader().hide()
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setToolTip(self.tr("Enter or a double click goes to the first run of a line."))
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.itemActivated.connect(lambda cell: self.runChosen.emit(str(cell.data(_RUN))))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.title)
        layout.addWidget(self.table, 1)
        self._shown: SweepView | None = None

    def show_sweep(self, sweep: SweepView | None) -> None:
        """Draw a sweep, or nothing."""
        if sweep == self._shown:
            return
        self._shown = sweep
        if sweep is None:
            self.table.setRowCount(0)
            return
        self.title.setText(
            self.tr(
                "{name}: {runs} runs of one split ({hash}). Mean ± standard deviation over seeds, at the "
                "checkpoint that each run kept as its best."
            ).format(
                name=sweep.name,
                runs=sum(len(row.runs) for row in sweep.rows),
                hash=sweep.split_hash[:8] or _NONE,
            )
        )
        titles = [self.tr("Setting"), self.tr("Value"), self.tr("Seeds")]
        self.table.setColumnCount(len(titles) + len(sweep.metrics))
        self.table.setHorizontalHeaderLabels([*titles, *(metric_label(metric) for metric in sweep.metrics)])
        self.table.setRowCount(len(sweep.rows))
        best = _best_row(sweep)
        for number, row in enumerate(sweep.rows):
            self._draw_row(number, row, sweep.metrics, is_best=number == best)

    def _draw_row(
        self, number: int, row: SweepRow, metrics: tuple[MetricSpec, ...], *, is_best: bool
    ) -> None:
        name = key_label(row.key) if row.key else self.tr("unchanged")
        seeds = str(row.num_finished)
        if row.num_finished < len(row.runs):
            seeds = self.tr("{n} of {all}").format(n=row.num_finished, all=len(row.runs))
        cells = [name, row.value or _NONE, seeds]
        cells += [_value_text(row.values.get(metric.key)) for metric in metrics]
        for column, text in enumerate(cells):
            cell = QTableWidgetItem(text)
            cell.setData(_RUN, next(iter(row.runs), ""))
            cell.setToolTip("\n".join(row.runs))
            if column >= _FACTS - 1:
                cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if is_best and column == _FACTS:
                font = cell.font()
                font.setBold(True)
                cell.setFont(font)
                cell.setText(f"★ {text}")
            self.table.setItem(number, column, cell)


def _value_text(value: tuple[float, float | None] | None) -> str:
    if value is None:
        return _NONE
    mean, spread = value
    return number_text(mean) if spread is None else f"{number_text(mean)} ± {spread:.2g}"


def _best_row(sweep: SweepView) -> int:
    """Return the row with the best mean of the first metric, or -1."""
    if not sweep.metrics:
        return -1
    metric = sweep.metrics[0]
    sign = 1.0 if metric.higher_is_better else -1.0
    means = [
        (sign * value[0], number)
        for number, row in enumerate(sweep.rows)
        if (value := row.values.get(metric.key)) is not None
    ]
    return max(means)[1] if means else -1
