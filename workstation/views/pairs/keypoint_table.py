"""The table of keypoint pairs: one row a pair, with both residuals, units in the headers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QWidget

from workstation.views.elements.tool_table import ToolTable
from workstation.views.pairs.keypoint_columns import COLUMN_OF
from workstation.views.pairs.keypoint_model import KeypointModel, ShownPairs
from workstation.views.protocols.pairs import PairRow

_WIDTHS_PX = {
    "label": 54,
    "state": 98,
    "fixed": 118,
    "moving": 118,
    "fit": 56,
    "loo": 90,
    "score": 48,
    "annotator": 52,
    "source": 60,
    "use": 36,
}


class KeypointTable(ToolTable):
    """The table.

    Signals
    -------
    pairsChosen : list of str
        The person selected these rows; the one gone to is the last.
    useToggled : pair id, bool
        The person ticked the box of a pair, or cleared it.
    shownChanged
        Other pairs are shown, or in another order.
    """

    pairsChosen = Signal(list)
    useToggled = Signal(str, bool)
    shownChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pairs = KeypointModel(self)
        self.pairs.useToggled.connect(self.useToggled)
        self.shown = ShownPairs(self)
        self.shown.setSourceModel(self.pairs)
        self.setModel(self.shown)
        self._selected = ""
        self._said: list[str] = []
        self._is_showing = False
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(25)
        self.setAccessibleName(self.tr("Keypoint pairs"))
        header = self.horizontalHeader()
        header.setMinimumSectionSize(30)
        for key, width in _WIDTHS_PX.items():
            self.setColumnWidth(COLUMN_OF[key], width)
        header.setSectionResizeMode(COLUMN_OF["source"], QHeaderView.ResizeMode.Stretch)
        # Keys tell the selection before the row gone to, the mouse after it.
        self.selectionModel().currentRowChanged.connect(self._on_chosen)
        self.selectionModel().selectionChanged.connect(self._on_chosen)
        for changed in (self.shown.layoutChanged, self.shown.modelReset):
            changed.connect(self.shownChanged)
        for changed in (self.shown.rowsInserted, self.shown.rowsRemoved):
            changed.connect(self.shownChanged)

    # -- what is shown -------------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[PairRow], selected: str) -> None:
        """Show pairs, and select one without saying so."""
        with self._showing():
            # Rows must not change places under a point that is dragged.
            is_dragging = bool(QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton)
            if self.shown.dynamicSortFilter() is is_dragging:
                self.shown.setDynamicSortFilter(not is_dragging)
            self.pairs.set_rows(rows)
            self._show_selected(selected)

    def set_filter(self, text: str, state: str) -> None:
        """Show only some pairs; see `ShownPairs.set_filter`."""
        with self._showing():
            self.shown.set_filter(text, state)
            self._show_selected(self._selected)
        self.shownChanged.emit()

    def order(self) -> list[str]:
        """Return the ids of the pairs that are shown, from top to bottom."""
        return [row.id for row in self.shown_rows()]

    def shown_rows(self) -> list[PairRow]:
        """Return the pairs that are shown, from top to bottom."""
        places = (self.shown.mapToSource(self.shown.index(k, 0)) for k in range(self.shown.rowCount()))
        return [self.pairs.row(place.row()) for place in places]

    def _show_selected(self, selected: str) -> None:
        model, flags = self.selectionModel(), QItemSelectionModel.SelectionFlag
        place = self._place(selected)
        if not place.isValid():
            model.clear()
        elif not (
            model.isRowSelected(place.row(), QModelIndex()) and model.currentIndex().row() == place.row()
        ):
            column = max(0, model.currentIndex().column())
            model.setCurrentIndex(place.siblingAtColumn(column), flags.ClearAndSelect | flags.Rows)
        if selected != self._selected and place.isValid():
            self.scrollTo(place)
        self._selected = selected
        self._said = [selected] if selected else []

    def _place(self, pair_id: str) -> QModelIndex:
        index = self.pairs.index_of(pair_id)
        return QModelIndex() if index is None else self.shown.mapFromSource(self.pairs.index(index, 0))

    @contextmanager
    def _showing(self) -> Iterator[None]:
        self._is_showing = True
        try:
            yield
        finally:
            self._is_showing = False

    # -- the person ----------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Tick with the space bar, leave letters to the screen, and move with the others."""
        if event.key() == Qt.Key.Key_Space:
            self._toggle_use()
        else:
            super().keyPressEvent(event)

    def _toggle_use(self) -> None:
        box = self.currentIndex().siblingAtColumn(COLUMN_OF["use"])
        if box.isValid() and box.flags() & Qt.ItemFlag.ItemIsUserCheckable:
            is_used = Qt.CheckState(box.data(Qt.ItemDataRole.CheckStateRole)) is Qt.CheckState.Checked
            state = Qt.CheckState.Unchecked if is_used else Qt.CheckState.Checked
            self.shown.setData(box, state, Qt.ItemDataRole.CheckStateRole)

    def _on_chosen(self) -> None:
        if self._is_showing:
            return
        ids = [self._id_of(index) for index in self.selectionModel().selectedRows()]
        current = self._id_of(self.currentIndex()) if self.currentIndex().isValid() else ""
        ids.sort(key=lambda pair_id: pair_id == current)
        if ids and ids != self._said:
            self._said, self._selected = ids, ids[-1]
            self.pairsChosen.emit(ids)

    def _id_of(self, index: QModelIndex) -> str:
        return self.pairs.row(self.shown.mapToSource(index).row()).id
