"""An evaluation: rows against metrics with their units, and the items below, worst first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QColor, QDesktopServices
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engines.contract.spec import MetricSpec
from workstation.views.protocols.runs import EvaluationView
from workstation.views.runs.run_colours import status_colour
from workstation.views.runs.run_words import (
    items_text,
    key_label,
    metric_label,
    number_text,
    spoken,
    subjects_text,
    tr,
)

FEW_SUBJECTS = 10
ROW_PX = 26
_LEAST_ROWS = 3
"""So many rows are seen without scrolling on a low window."""
_PLAIN_FIELDS = frozenset({"item", "row"})
_MODEL_ROWS = ("fused", "model", "model_raw")


class EvaluationTable(QWidget):
    """Means of every row, then one line for each item of the chosen row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: EvaluationView | None = None
        self.facts = _wrapped(self, "muted")
        self.warning = _wrapped(self, "")
        self.warning.setProperty("status", "warning")
        self.rows = _table(self)
        self.missing = _wrapped(self, "muted")
        self.row_box = QComboBox(self)
        self.row_box.setToolTip(self.tr("Whose results the items below show"))
        self.row_box.currentIndexChanged.connect(self._fill_items)
        self.items = _table(self)
        self.items.setMinimumHeight(3 * ROW_PX)
        self.items_title = QLabel(self.tr("Items, worst first"), self)
        self.items_title.setProperty("role", "section")
        self.page_button = QPushButton(self.tr("Open the page"), self)
        self.page_button.setAutoDefault(False)
        self.page_button.setToolTip(self.tr("Bounds, intervals, curves and pictures, in the browser"))
        self.page_button.clicked.connect(self._open_page)
        head = QHBoxLayout()
        head.addWidget(self.items_title)
        head.addStretch(1)
        head.addWidget(self.page_button)
        head.addWidget(self.row_box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.facts)
        layout.addWidget(self.warning)
        layout.addWidget(self.rows, 2)
        layout.addWidget(self.missing)
        layout.addLayout(head)
        layout.addWidget(self.items, 1)
        self.show_evaluation(None)

    def show_evaluation(self, view: EvaluationView | None) -> None:
        """Draw a report, or say that there is none."""
        self._view = view
        for widget in (self.rows, self.items, self.row_box, self.items_title, self.missing):
            widget.setVisible(view is not None)
        self.page_button.setVisible(view is not None and view.page is not None)
        self.warning.setVisible(view is not None and view.num_subjects < FEW_SUBJECTS)
        if view is None:
            self.facts.setText(
                self.tr("This run holds no evaluation. “Evaluate” scores its model on the evaluation items.")
            )
            return
        report = view.report
        self.facts.setText(
            self.tr("{items}, {subjects} · split {split} · hash {hash} · model {run}").format(
                items=items_text(report.items),
                subjects=subjects_text(view.num_subjects),
                split=spoken(report.split),
                hash=report.split_hash or "–",
                run=report.run or self.tr("none"),
            )
        )
        self.warning.setText(
            "▲ "
            + self.tr("Only {subjects}: a difference between two rows may be chance.").format(
                subjects=subjects_text(view.num_subjects)
            )
        )
        self._fill_rows(view)
        before = self.row_box.currentData()
        self.row_box.blockSignals(True)
        self.row_box.clear()
        for name in report.rows:
            self.row_box.addItem(row_label(name), name)
        self.row_box.setCurrentIndex(max(0, self.row_box.findData(before)))
        self.row_box.blockSignals(False)
        self._fill_items()

    def _open_page(self) -> None:
        if self._view is not None and self._view.page is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._view.page)))

    def _fill_rows(self, view: EvaluationView) -> None:
        metrics = _shown_metrics(view)
        table = self.rows
        table.clear()
        table.setRowCount(len(view.report.rows))
        table.setColumnCount(1 + len(metrics))
        table.setHorizontalHeaderLabels([self.tr("Row"), *(metric_label(metric) for metric in metrics)])
        for row, (name, values) in enumerate(view.report.rows.items()):
            first = _cell(row_label(name))
            if name in _MODEL_ROWS:
                font = first.font()
                font.setBold(True)
                first.setFont(font)
            table.setItem(row, 0, first)
            for column, metric in enumerate(metrics, start=1):
                reason = spoken(metric.undefined_when)
                table.setItem(row, column, _value_cell(values.get(metric.key), reason))
        _fit_columns(table)
        bar = table.horizontalScrollBar().sizeHint().height()
        around = table.horizontalHeader().sizeHint().height() + bar + 4
        table.setMinimumHeight(around + ROW_PX * min(_LEAST_ROWS, table.rowCount()))
        table.setMaximumHeight(around + ROW_PX * table.rowCount())
        reasons: dict[str, list[str]] = {}
        for metric in metrics:
            is_missing = any(row.get(metric.key) is None for row in view.report.rows.values())
            if metric.undefined_when and is_missing:
                reasons.setdefault(spoken(metric.undefined_when), []).append(spoken(metric.label))
        # A reason of many columns is said once, without them: each cell says its own as a tooltip.
        missing = [f"{named[0]}: {why}" if len(named) == 1 else why for why, named in reasons.items()]
        self.missing.setText(self.tr("not measured") + " – " + " ".join(missing))
        self.missing.setVisible(bool(missing))

    def _fill_items(self) -> None:
        view, name = self._view, self.row_box.currentData()
        if view is None or name is None:
            return
        lines = [line for line in view.report.per_item if line.get("row") == name]
        known = {metric.key: metric for metric in view.metrics}
        keys = list(dict.fromkeys(key for line in lines for key in line if key not in _PLAIN_FIELDS))
        numeric = [key for key in keys if any(isinstance(line.get(key), int | float) for line in lines)]
        columns = [*numeric, *(key for key in keys if key not in numeric)]
        judge = _judging_metric(numeric, known)
        if judge is not None:
            lines.sort(key=lambda line: _badness(line.get(judge), known.get(judge)), reverse=True)
        table = self.items
        table.clear()
        table.setRowCount(len(lines))
        table.setColumnCount(1 + len(columns))
        titles = [metric_label(known[key]) if key in known else key_label(key) for key in columns]
        table.setHorizontalHeaderLabels([self.tr("Item"), *titles])
        for row, line in enumerate(lines):
            table.setItem(row, 0, _cell(str(line.get("item", ""))))
            for column, key in enumerate(columns, start=1):
                value = line.get(key)
                if key in numeric:
                    table.setItem(row, column, _value_cell(value, spoken(str(line.get("reason", "")))))
                else:
                    table.setItem(row, column, _cell("" if value is None else _word(str(value))))
        _fit_columns(table)


def row_label(name: str) -> str:
    """Return a readable name of a row."""
    return key_label(name)


def _shown_metrics(view: EvaluationView) -> list[MetricSpec]:
    """Return the metrics that any row has, described ones first, in the order of the spec."""
    present = dict.fromkeys(key for values in view.report.rows.values() for key in values)
    known = [metric for metric in view.metrics if metric.key in present]
    described = {metric.key for metric in known}
    rest = [MetricSpec(key, key_label(key), "", True) for key in present if key not in described]
    return [*known, *rest]


def _judging_metric(numeric: list[str], known: Mapping[str, MetricSpec]) -> str | None:
    """Return the metric by which items are ordered: the first described one, else the first number."""
    return next((key for key in numeric if key in known), numeric[0] if numeric else None)


def _badness(value: Any, metric: MetricSpec | None) -> float:
    if not isinstance(value, int | float):
        return float("inf")
    return -float(value) if metric is not None and metric.higher_is_better else float(value)


def _value_cell(value: Any, reason: str) -> QTableWidgetItem:
    if isinstance(value, bool):
        cell = _cell(tr("yes") if value else tr("no"))
    elif isinstance(value, int | float):
        cell = _cell(number_text(float(value)))
    else:
        cell = _cell(tr("not measured"))
        cell.setForeground(QColor(status_colour("stale")))
        font = cell.font()
        font.setItalic(True)
        cell.setFont(font)
        cell.setToolTip(reason)
    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return cell


def _word(text: str) -> str:
    """Return a text as it is, and a lower_snake_case word as people write it."""
    return key_label(text) if text.isidentifier() and text.islower() else spoken(text)


def _cell(text: str) -> QTableWidgetItem:
    cell = QTableWidgetItem(text)
    cell.setToolTip(text)
    return cell


def _table(parent: QWidget) -> QTableWidget:
    table = QTableWidget(parent)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setAlternatingRowColors(True)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(ROW_PX)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    return table


def _fit_columns(table: QTableWidget) -> None:
    table.resizeColumnsToContents()
    for column in range(table.columnCount()):
        table.setColumnWidth(column, min(280, table.columnWidth(column) + 8))


def _wrapped(parent: QWidget, role: str) -> QLabel:
    label = QLabel(parent)
    label.setWordWrap(True)
    label.setProperty("role", role)
    return label
