"""The component table with its actions, its numbers, and what waits for an answer."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from engines.contract.component_table import ComponentColumn
from engines.contract.messages import Message
from workstation.actions.registry import ActionRegistry
from workstation.translation import readable, translate, translate_message
from workstation.views.elements.action_bar import ActionBar
from workstation.views.elements.empty_state import action_button
from workstation.views.protocols.components import (
    OPEN,
    REJECTED,
    ComponentLine,
    ComponentSummary,
    Offer,
    rules_of,
)
from workstation.views.review.component_model import STATES, table_text
from workstation.views.review.component_table import ComponentTable

GROUPS = (
    ("accept", "reject", "restore"),
    ("previous", "next", "pick"),
    ("accept_large", "reject_small"),
    ("follow",),
    ("bridge", "keep_only"),
)
_SPIN_PX = 112


class ComponentPanel(QWidget):
    """A `ComponentPanelView`.

    Parameters
    ----------
    actions : ActionRegistry

    Signals
    -------
    linesChosen : list of str
    numbersChanged
        The limit or the radius is another: what is offered must be looked at again.
    shownChanged : bool
        The table is seen, or no longer.
    """

    linesChosen = Signal(list)
    numbersChanged = Signal()
    shownChanged = Signal(bool)

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = ComponentTable()
        self.table.linesChosen.connect(self.linesChosen)
        self.table.menu_actions = [actions.action(f"components.{verb}") for group in GROUPS for verb in group]
        self.bar = ActionBar([[actions.action(f"components.{verb}") for verb in group] for group in GROUPS])
        self.offer = OfferBar(actions)
        self.count = QLabel()
        self.count.setProperty("role", "muted")
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.empty = QLabel()
        self.empty.setProperty("role", "muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        middle = QWidget()
        self._pages = QStackedLayout(middle)
        self._pages.addWidget(self.table)
        self._pages.addWidget(self.empty)
        # A question takes the place of the numbers: the table keeps its height.
        head = QWidget()
        self._heads = QStackedLayout(head)
        self._heads.addWidget(self._make_numbers())
        self._heads.addWidget(self.offer)
        head.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        top = QFrame()
        top.setObjectName("pane_bar")
        line = QHBoxLayout(top)
        line.setContentsMargins(0, 0, 10, 0)
        line.addWidget(self.bar, 1)
        line.addWidget(self.count)
        column.addWidget(top)
        column.addWidget(head)
        column.addWidget(middle, 1)
        self.foot = self._make_foot()
        column.addWidget(self.foot)
        self._lines: Sequence[ComponentLine] = ()
        self._columns: Sequence[ComponentColumn] = ()
        self._selected: Sequence[str] = ()
        self._unit = ""
        self._class_name = ""
        self._is_measuring = False
        self._had_offer = False

    # -- ComponentPanelView --------------------------------------------------------------------------

    @property
    def threshold_ml(self) -> float:
        """Volume that *accept large* and *reject small* compare with."""
        return self.limit.value()

    @property
    def radius_mm(self) -> float:
        """Radius of a bridge."""
        return self.radius.value()

    @property
    def rule(self) -> str:
        """Rule whose suggestions *do as suggested* follows; empty for all."""
        return str(self.rules.currentData() or "")

    def show_effect(self, effect: Message) -> None:
        """Say what rejecting the chosen components would do; empty: nothing."""
        text = translate_message(effect) if effect.text else ""
        self.effect.setText(text)
        self.effect.setToolTip(text)

    def show_lines(
        self, lines: Sequence[ComponentLine], columns: Sequence[ComponentColumn], selected: Sequence[str]
    ) -> None:
        """Show components, and select some without saying so."""
        self._lines, self._columns, self._selected = lines, columns, selected
        self._show_rules()
        self.foot.setVisible(bool(lines))
        self.table.show_lines(lines, columns, selected, self._unit)
        self._count()

    def show_summary(self, summary: ComponentSummary) -> None:
        """Say what the table is about."""
        note = translate_message(summary.note) if summary.note.text else ""
        if summary.is_working and not self._lines:
            note = self.tr("Looking for components…")
        self.empty.setText(note)
        self._pages.setCurrentWidget(self.empty if note else self.table)
        self._class_name = summary.class_name
        self._is_measuring = summary.is_working and bool(self._lines)
        self._count()
        if summary.unit != self._unit:
            self._unit = summary.unit
            self.table.show_lines(self._lines, self._columns, self._selected, self._unit)

    def show_offer(self, offer: Offer | None) -> None:
        """Ask for an answer to an edit that is shown in the slices; None: no question."""
        self.offer.show_text("" if offer is None else translate_message(offer.text))
        self._heads.setCurrentIndex(int(offer is not None))
        if offer is not None:
            # Return and Esc are answers here.
            self.offer.apply.setFocus()
        elif self._had_offer:
            self.table.setFocus()
        self._had_offer = offer is not None

    def order(self) -> list[str]:
        """Return the keys of the lines that are shown, from top to bottom."""
        return self.table.order()

    # -- inside --------------------------------------------------------------------------------------

    def _make_numbers(self) -> QWidget:
        line = QFrame()
        line.setObjectName("pane_bar")
        self.limit = _spin(0.1, 3, 1000.0, 0.01, self.tr("mL"))
        self.limit.setAccessibleName(self.tr("Limit between small and large components"))
        self.limit.setToolTip(self.tr("Components below are small, the others large."))
        self.radius = _spin(1.0, 1, 20.0, 0.1, self.tr("mm"))
        self.radius.setAccessibleName(self.tr("Radius of a bridge"))
        self.radius.setToolTip(self.tr("Of the tube that joins two components."))
        self.smallest = _spin(0.0, 3, 1000.0, 0.01, self.tr("mL"))
        self.smallest.setAccessibleName(self.tr("Smallest component that is shown"))
        self.smallest.setToolTip(self.tr("The table leaves out what is smaller."))
        self.state = QComboBox()
        self.state.addItem(self.tr("any state"), None)
        for key, text in STATES.items():
            self.state.addItem(table_text(text), key)
        self.state.setAccessibleName(self.tr("State of the components that are shown"))
        for spin in (self.limit, self.radius):
            spin.valueChanged.connect(self.numbersChanged)
        self.smallest.valueChanged.connect(self._filter)
        self.state.currentIndexChanged.connect(self._filter)
        row = QHBoxLayout(line)
        row.setContentsMargins(10, 2, 8, 2)
        row.setSpacing(6)
        for title, widget in (
            (self.tr("Limit"), self.limit),
            (self.tr("Bridge radius"), self.radius),
            (self.tr("Show from"), self.smallest),
        ):
            row.addSpacing(4)
            row.addWidget(QLabel(title))
            row.addWidget(widget)
        row.addWidget(self.state)
        row.addStretch(1)
        return line

    def _make_foot(self) -> QWidget:
        """Return the line below the table: which rule is followed, and what a rejection costs."""
        line = QFrame()
        line.setObjectName("pane_bar")
        self.rules = QComboBox()
        self.rules.addItem(self.tr("any rule"), "")
        self.rules.setAccessibleName(self.tr("Rule whose suggestions are followed"))
        self.rules.setToolTip(self.tr("“Do as suggested” follows this rule only."))
        self.rules.currentIndexChanged.connect(self.numbersChanged)
        self.rules.hide()
        self.effect = QLabel()
        self.effect.setProperty("role", "muted")
        self.effect.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(line)
        row.setContentsMargins(10, 1, 8, 1)
        row.setSpacing(8)
        row.addWidget(self.rules)
        row.addWidget(self.effect, 1)
        line.hide()
        return line

    def _show_rules(self) -> None:
        """Offer the rules of what is suggested."""
        rules = sorted({rule for line in self._lines if line.proposal for rule in rules_of(line)})
        if rules != [self.rules.itemData(index) for index in range(1, self.rules.count())]:
            chosen = self.rule
            with QSignalBlocker(self.rules):
                while self.rules.count() > 1:
                    self.rules.removeItem(1)
                for rule in rules:
                    self.rules.addItem(translate(readable(rule)), rule)
                self.rules.setCurrentIndex(max(0, self.rules.findData(chosen)))
        self.rules.setVisible(any(line.proposal for line in self._lines))

    def _filter(self) -> None:
        self.table.set_filter(self.smallest.value(), self.state.currentData())
        self._count()

    def _count(self) -> None:
        there = [line for line in self._lines if line.state != REJECTED]
        num_open = sum(line.state == OPEN for line in there)
        words = self.tr("{n} components, {open} open, {volume} mL")
        if len(there) == 1:
            words = self.tr("1 component, {open} open, {volume} mL")
        text = words.format(
            n=len(there),
            open=num_open,
            volume=f"{sum(line.volume_ml for line in there):.3f}",
        )
        num_hidden = len(self._lines) - self.table.shown.rowCount()
        if num_hidden:
            text += "   " + self.tr("{n} not shown").format(n=num_hidden)
        if self._is_measuring:
            text += "   " + self.tr("measuring…")
        self.count.setText(text)
        self.count.setToolTip(f"{self._class_name}\n{text}")

    def showEvent(self, event: QShowEvent) -> None:
        """Say that the table is seen."""
        super().showEvent(event)
        self.shownChanged.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Say that the table is seen no longer."""
        super().hideEvent(event)
        self.shownChanged.emit(False)


class OfferBar(QFrame):
    """What the hatched voxels mean, and two answers."""

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pane_bar")
        self.text = QLabel()
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.apply = action_button(actions.action("components.apply"), "primary")
        self.cancel = action_button(actions.action("components.cancel"))
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 2, 8, 2)
        row.addWidget(self.text, 1)
        for button in (self.apply, self.cancel):
            button.is_short = True
            button.setAutoDefault(True)
            row.addWidget(button)

    def show_text(self, text: str) -> None:
        """Show a question, or none for an empty text."""
        self.text.setText(text)
        self.text.setToolTip(text)


def _spin(value: float, decimals: int, largest: float, step: float, unit: str) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setDecimals(decimals)
    spin.setRange(0.0, largest)
    spin.setSingleStep(step)
    spin.setKeyboardTracking(False)
    spin.setFixedWidth(_SPIN_PX)
    spin.setSuffix(f" {unit}")
    with QSignalBlocker(spin):
        spin.setValue(value)
    return spin
