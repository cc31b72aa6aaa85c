"""The line under the table: suggestions that wait for an answer, and what undo would take back."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from workstation.actions.registry import ActionRegistry
from workstation.translation import translate_message
from workstation.views.protocols.edits import SourceRow, SuggestionSummary

_MARGIN_PX = 8
_GAP_PX = 4
_UNDO_WIDTH_PX = 200


class SuggestionBar(QFrame):
    """One line, as narrow as it must be: sentences give way to buttons.

    Parameters
    ----------
    actions : ActionRegistry

    Signals
    -------
    thresholdChosen : float
    sourceChosen : str
        Id of the item whose points are carried over.
    """

    thresholdChosen = Signal(float)
    sourceChosen = Signal(str)

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pane_bar")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(_MARGIN_PX, 3, _MARGIN_PX, 3)
        row.setSpacing(_GAP_PX)
        self.count = QLabel()
        row.addWidget(self.count)
        self.accept_button = _button(actions.action("pairs.accept"))
        self.reject_button = _button(actions.action("pairs.reject"))
        self.sure_button = _button(actions.action("pairs.accept_sure"))
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(0.0, 1.0)
        self.threshold.setSingleStep(0.05)
        self.threshold.setDecimals(2)
        self.threshold.setKeyboardTracking(False)
        self.threshold.setFocusPolicy(Qt.FocusPolicy.ClickFocus | Qt.FocusPolicy.TabFocus)
        self.threshold.setAccessibleName(self.tr("Least score that is accepted"))
        self.threshold.setToolTip(self.tr("Score, 0 to 1, from which all suggestions are accepted at once."))
        self.threshold.valueChanged.connect(self.thresholdChosen)
        self.reject_all_button = _button(actions.action("pairs.reject_all"))
        self._answers = (
            self.accept_button,
            self.reject_button,
            self.sure_button,
            self.threshold,
            self.reject_all_button,
        )
        for widget in self._answers:
            row.addWidget(widget)
        self.ask_button = _button(actions.action("pairs.suggest"))
        self.propagate_button = _button(actions.action("pairs.propagate"))
        row.addWidget(self.ask_button)
        row.addWidget(self.propagate_button)
        self.note = QLabel()
        self.note.setProperty("role", "muted")
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(self.note, 1)
        self._undo = actions.action("edit.undo")
        self.undo_button = QToolButton()
        self.undo_button.setProperty("role", "flat")
        self.undo_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.undo_button.clicked.connect(self._on_undo_clicked)
        self._undo.changed.connect(self._show_undo)
        row.addWidget(self.undo_button)
        self._left = 0
        # What gives way first where there is no room; all of it is in the menu, too.
        self._dispensable = (
            self.reject_all_button,
            self.propagate_button,
            self.undo_button,
            self.reject_button,
            self.accept_button,
            self.threshold,
        )
        self._show_undo()
        self.show_suggestions(SuggestionSummary())

    def show_suggestions(self, suggestions: SuggestionSummary) -> None:
        """Show how many are left, and what became of the last question."""
        left = suggestions.num_left
        self.count.setText(self.tr("Suggestions: {n} left").format(n=left))
        self._left = left
        with QSignalBlocker(self.threshold):
            self.threshold.setValue(suggestions.threshold)
        if suggestions.is_asking:
            note = self.tr("Registering, to find suggestions…")
        else:
            note = translate_message(suggestions.note)
        self.note.setText(note)
        self.note.setToolTip(note)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit into the new width."""
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Return any width: what has no room is left away."""
        return QSize(0, super().minimumSizeHint().height())

    def _fit(self) -> None:
        """Show what there is to answer, and what there is room for."""
        shown = [self.ask_button, self.propagate_button, self.undo_button]
        if self._left:
            shown = [self.count, *self._answers, *shown]
        for widget in self._dispensable:
            width = sum(part.sizeHint().width() + _GAP_PX for part in shown)
            if widget in shown and width > self.width() - 2 * _MARGIN_PX:
                shown.remove(widget)
        for part in (self.count, *self._answers, self.ask_button, self.propagate_button, self.undo_button):
            part.setVisible(part in shown)

    def ask_source(self, sources: Sequence[SourceRow]) -> None:
        """Open a menu of the items whose points can be carried over."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for source in sources:
            entry = menu.addAction(translate_message(source.title))
            entry.triggered.connect(
                lambda _checked=False, item_id=source.item_id: self.sourceChosen.emit(item_id)
            )
        button = self.propagate_button
        menu.setActiveAction(menu.actions()[0])
        menu.popup(button.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def _on_undo_clicked(self) -> None:
        self._undo.trigger()

    def _show_undo(self) -> None:
        keys = self._undo.shortcut().toString()
        text = self._undo.text().replace("&", "")
        text = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, _UNDO_WIDTH_PX)
        text = f"{text}   {keys}".rstrip()
        self.undo_button.setEnabled(self._undo.isEnabled())
        self.undo_button.setToolTip(self._undo.toolTip())
        if text != self.undo_button.text():
            self.undo_button.setText(text)
            self._fit()


def _button(action: QAction) -> QToolButton:
    button = QToolButton()
    button.setProperty("role", "flat")
    button.setDefaultAction(action)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
    # A click leaves the focus, and with it the keys, in the canvas.
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
