"""The table of cases: every case with both masks and the reference, worst change first, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engines.imaging.volumes.case_statistics import FEW_SUBJECTS, FEWEST_SUBJECTS
from engines.imaging.volumes.label_comparison import HIGHER_IS_BETTER, Metric
from workstation.actions.registry import ActionRegistry
from workstation.views.elements.empty_state import action_button
from workstation.views.protocols.volume_compare import CaseRow, CaseTable, TableChoice
from workstation.views.runs.run_colours import status_colour
from workstation.views.runs.run_words import sentence, subjects_text

ROW_PX = 24
SIDES = ("before", "after", "delta")
_TINY = 1e-9


class CaseTableView(QWidget):
    """Which masks are compared, and the cases.

    Signals
    -------
    choiceChanged : TableChoice
    caseOpened : str
        Item id.
    sortChosen : Metric
    """

    choiceChanged = Signal(object)
    caseOpened = Signal(str)
    sortChosen = Signal(object)

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choice = TableChoice()
        self._table: CaseTable | None = None
        self.boxes = {name: QComboBox() for name in ("before", "after", "reference")}
        titles = (self.tr("Before"), self.tr("After"), self.tr("Reference"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        for column, (box, title) in enumerate(zip(self.boxes.values(), titles, strict=True)):
            label = QLabel(title)
            label.setProperty("role", "muted")
            box.setAccessibleName(title)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
            box.activated.connect(self._on_chosen)
            grid.addWidget(label, 0, 2 * column)
            grid.addWidget(box, 0, 2 * column + 1)
            grid.setColumnStretch(2 * column + 1, 1)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(90)
        self.measure_button = action_button(actions.action("compare.measure"))
        self.stop_button = action_button(actions.action("compare.stop_measuring"))
        self.export_button = action_button(actions.action("compare.export_table"))
        for button in (self.measure_button, self.stop_button, self.export_button):
            button.is_short = True
        bar = QHBoxLayout()
        bar.setContentsMargins(10, 6, 10, 4)
        bar.setSpacing(8)
        bar.addLayout(grid, 1)
        for widget in (self.progress, self.stop_button, self.measure_button, self.export_button):
            bar.addWidget(widget)
        self.facts = QLabel()
        self.facts.setContentsMargins(10, 0, 10, 3)
        self.facts.setProperty("role", "muted")
        self.facts.setWordWrap(True)
        self.table = _table()
        self.table.cellActivated.connect(self._on_opened)
        self.table.cellDoubleClicked.connect(self._on_opened)
        self.table.horizontalHeader().sectionClicked.connect(self._on_header)
        self.table.setHorizontalHeaderLabels([self.tr("Case"), *self._headers()])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addWidget(self.facts)
        layout.addWidget(self.table, 1)
        layout.addStretch()
        self.show_progress(0, 0)
        self.show_table(None)

    # -- shown ---------------------------------------------------------------------------------------

    def show_names(self, names: Sequence[tuple[str, int]], choice: TableChoice) -> None:
        """List the names of label maps with the number of items that have them, and the choice."""
        self._choice = choice
        chosen = (choice.before, choice.after, choice.reference)
        for box, name in zip(self.boxes.values(), chosen, strict=True):
            with QSignalBlocker(box):
                box.clear()
                for known, count in names:
                    box.addItem(known, known)
                    box.setItemData(box.count() - 1, self._cases_text(count), Qt.ItemDataRole.ToolTipRole)
                box.setCurrentIndex(box.findData(name))
                # The box may be too narrow for the whole name.
                box.setToolTip(name)
                box.setEnabled(bool(names))

    def show_progress(self, done: int, total: int) -> None:
        """Say how many cases are measured; both 0: nothing is going on."""
        is_busy = total > 0
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)
        self.progress.setVisible(is_busy)
        self.progress.setToolTip(self.tr("{done} of {total} cases").format(done=done, total=total))
        self.stop_button.setVisible(is_busy)
        self.measure_button.setVisible(not is_busy)

    def show_table(self, table: CaseTable | None) -> None:
        """Fill the table; None until it is measured."""
        self._table = table
        self.table.setVisible(table is not None and bool(table.rows))
        self.facts.setText(self._facts(table))
        is_warned = table is not None and 0 < table.num_subjects < FEW_SUBJECTS
        self.facts.setProperty("status", "warning" if is_warned else "")
        self.facts.style().unpolish(self.facts)
        self.facts.style().polish(self.facts)
        if table is None:
            return
        self.table.setRowCount(len(table.rows) + 1 if table.rows else 0)
        for line, row in enumerate(table.rows):
            self._fill_row(line, row)
        if table.rows:
            self._fill_means(len(table.rows), table)
        self.table.setHorizontalHeaderLabels([self.tr("Case"), *self._headers(table.sorted_by)])
        self.table.resizeColumnsToContents()

    # -- parts ---------------------------------------------------------------------------------------

    def _fill_row(self, line: int, row: CaseRow) -> None:
        problem = sentence(row.problem)
        first = QTableWidgetItem(f"▲ {row.item_id}" if problem else row.item_id)
        first.setToolTip(problem or self.tr("Double click or Return opens the case"))
        self.table.setItem(line, 0, first)
        for column, (metric, side) in enumerate(_columns(), start=1):
            cell = _number_cell(row.value(metric, side), metric, side)
            agreement = row.before if side == "before" else row.after
            reason = agreement.reasons.get(metric) if agreement is not None else None
            if side == "delta" and reason is None and row.before is not None:
                reason = row.before.reasons.get(metric)
            cell.setToolTip(problem or sentence(reason))
            self.table.setItem(line, column, cell)

    def _fill_means(self, line: int, table: CaseTable) -> None:
        bold = self.font()
        bold.setBold(True)
        first = QTableWidgetItem(self.tr("mean"))
        first.setFont(bold)
        self.table.setItem(line, 0, first)
        for column, (metric, side) in enumerate(_columns(), start=1):
            cell = _number_cell(table.means.get((metric, side)), metric, side)
            cell.setFont(bold)
            interval = table.intervals.get(metric)
            if side == "delta" and interval is not None:
                cell.setToolTip(
                    self.tr("95 % interval by subject: {low} to {high}").format(
                        low=_signed(interval.low, metric), high=_signed(interval.high, metric)
                    )
                )
            self.table.setItem(line, column, cell)

    def _facts(self, table: CaseTable | None) -> str:
        if table is None:
            return self.tr("Numbers of every case that has all three label maps; nothing is measured yet.")
        if not table.rows:
            return self.tr("No case has all three label maps.")
        parts = [self.tr("{cases}, {subjects}.").format(
            cases=self._cases_text(len(table.rows)), subjects=subjects_text(table.num_subjects)
        )]  # fmt: skip
        interval = table.intervals.get(table.sorted_by)
        if interval is not None:
            parts.append(
                self.tr("Mean change of {metric}: 95 % interval by subject {low} to {high}.").format(
                    metric=self._names()[table.sorted_by],
                    low=_signed(interval.low, table.sorted_by),
                    high=_signed(interval.high, table.sorted_by),
                )
            )
        else:
            parts.append(
                self.tr("No interval of the mean: that takes {n} subjects with numbers.").format(
                    n=FEWEST_SUBJECTS
                )
            )
        if table.num_subjects < FEW_SUBJECTS:
            parts.insert(0, "▲")
            parts.append(self.tr("With so few subjects a difference may be chance."))
        return " ".join(parts)

    def _cases_text(self, count: int) -> str:
        return self.tr("1 case") if count == 1 else self.tr("{n} cases").format(n=count)

    def _names(self) -> dict[Metric, str]:
        return {
            Metric.DICE: self.tr("Dice"),
            Metric.NSD_05: self.tr("NSD 0.5 mm"),
            Metric.NSD_1: self.tr("NSD 1 mm"),
            Metric.HD95: self.tr("HD95 [mm]"),
            Metric.CLDICE: self.tr("clDice"),
            Metric.VOLUME: self.tr("Volume [mL]"),
            Metric.COMPONENTS: self.tr("Pieces"),
        }

    def _headers(self, sorted_by: Metric | None = None) -> list[str]:
        sides = {"before": self.tr("before"), "after": self.tr("after"), "delta": "Δ"}
        names = self._names()
        return [
            f"{names[metric]}\n{sides[side]}{' ▾' if side == 'delta' and metric is sorted_by else ''}"
            for metric, side in _columns()
        ]

    def _on_chosen(self, _index: int) -> None:
        names = {name: str(box.currentData() or "") for name, box in self.boxes.items()}
        self.choiceChanged.emit(replace(self._choice, **names))

    def _on_opened(self, line: int, _column: int) -> None:
        if self._table is not None and line < len(self._table.rows):
            self.caseOpened.emit(self._table.rows[line].item_id)

    def _on_header(self, column: int) -> None:
        if column > 0:
            self.sortChosen.emit(_columns()[column - 1][0])


def _columns() -> list[tuple[Metric, str]]:
    return [(metric, side) for metric in Metric for side in SIDES]


def _table() -> QTableWidget:
    table = QTableWidget(0, 1 + len(_columns()))
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setTabKeyNavigation(False)
    table.setShowGrid(False)
    table.setAlternatingRowColors(True)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(ROW_PX)
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    header.setMinimumSectionSize(44)
    return table


def _number_cell(value: float | None, metric: Metric, side: str) -> QTableWidgetItem:
    text = "–" if value is None else _signed(value, metric) if side == "delta" else _plain(value, metric)
    cell = QTableWidgetItem(text)
    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    is_higher_better = HIGHER_IS_BETTER[metric]
    if side == "delta" and value is not None and is_higher_better is not None and abs(value) > _TINY:
        # The sign stands beside the colour; a worse case is marked, too.
        is_worse = (value < 0) == is_higher_better
        cell.setForeground(QColor(status_colour("failed" if is_worse else "done")))
        if is_worse:
            cell.setText(f"{text} !")
    return cell


def _plain(value: float, metric: Metric) -> str:
    if metric is Metric.COMPONENTS:
        return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"
    return f"{value:.2f}" if metric in (Metric.HD95, Metric.VOLUME) else f"{value:.3f}"


def _signed(value: float, metric: Metric) -> str:
    text = _plain(abs(value), metric)
    return f"{'−' if value < 0 else '+'}{text}" if float(text) else text
