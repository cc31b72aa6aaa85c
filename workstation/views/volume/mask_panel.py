"""Tools of the mask editor: what draws and how, operations with their numbers, and what would change."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engines.contract.messages import Message
from workstation.actions.registry import ActionRegistry
from workstation.translation import translate_message
from workstation.views.elements.action_bar import BarButton
from workstation.views.elements.empty_state import action_button
from workstation.views.protocols.masks import ChangeSummary, ToolRow

TOOLS = ("erase", "paint", "polygon", "fill", "pick", "crosshair")
_COLUMNS = 2
_ICON = QSize(15, 15)
_FINE_RANGE = 20.0
"""Gates narrower than this have fractions."""


class MaskPanel(QWidget):
    """The panel; a `MaskPanelView`.

    Parameters
    ----------
    actions : ActionRegistry

    Attributes
    ----------
    margin_mm, smooth_mm, island_mm3 : QDoubleSpinBox
        Numbers of the operations.

    Signals
    -------
    radiusTyped : float
        In mm.
    gateTyped : float, float
    """

    radiusTyped = Signal(float)
    gateTyped = Signal(float, float)

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(7)
        column.addWidget(_section(self.tr("DRAW")))
        grid = QGridLayout()
        grid.setSpacing(4)
        for number, verb in enumerate(TOOLS):
            grid.addWidget(_button(actions, verb), number // _COLUMNS, number % _COLUMNS)
        column.addLayout(grid)
        self.target = QLabel()
        self.target.setTextFormat(Qt.TextFormat.RichText)
        self.target.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        column.addWidget(self.target)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.hint.setProperty("role", "muted")
        column.addWidget(self.hint)
        self.change = ChangeBox(actions)
        column.addWidget(self.change)
        column.addLayout(self._brush(actions))
        column.addLayout(self._gate(actions))
        column.addWidget(_button(actions, "background"))
        column.addWidget(_section(self.tr("CHANGE THE CLASS")))
        column.addLayout(self._operations(actions))
        self.change.show_change(None)

    # -- MaskPanelView -------------------------------------------------------------------------------

    def show_tools(self, tools: ToolRow) -> None:
        """Show how the tools are set."""
        _put(self.radius, tools.radius_mm)
        digits = 0 if abs(tools.high - tools.low) >= _FINE_RANGE else 3
        for field, value in ((self.low, tools.low), (self.high, tools.high)):
            with QSignalBlocker(field):
                field.setDecimals(digits)
                field.setSuffix(f" {tools.unit}" if tools.unit else "")
            _put(field, value)
        for field in (self.low, self.high):
            field.setEnabled(tools.is_gated)
        if tools.class_name:
            name = tools.class_name.replace("&", "&amp;").replace("<", "&lt;")
            where = tools.map_name.replace("&", "&amp;").replace("<", "&lt;")
            text = self.tr("{name} in {where}").format(name=f"<b>{name}</b>", where=where)
            self.target.setText(f'<span style="color:{tools.colour or "#888888"}">■</span> {text}')
        else:
            self.target.setText(self.tr("No label map yet"))
        self.target.setToolTip(f"{tools.class_name}\n{tools.map_name}".strip())

    def show_change(self, change: ChangeSummary | None) -> None:
        """Show what an operation would change; None: nothing."""
        self.change.show_change(change)

    def show_hint(self, hint: Message) -> None:
        """Say what the next click means."""
        self.hint.setText(translate_message(hint))

    # -- parts ---------------------------------------------------------------------------------------

    def _brush(self, actions: ActionRegistry) -> QHBoxLayout:
        self.radius = _field(self.tr("Radius of the brush"), 0.1, 100.0, 1, self.tr(" mm"))
        self.radius.setToolTip(self.tr("Radius of the brush; [ and ], Shift and wheel, or Alt and a drag."))
        self.radius.valueChanged.connect(self.radiusTyped)
        row = QHBoxLayout()
        row.setSpacing(5)
        label = QLabel(self.tr("Radius"))
        label.setProperty("role", "muted")
        label.setBuddy(self.radius)
        row.addWidget(label)
        row.addWidget(self.radius, 1)
        row.addWidget(_button(actions, "ball"))
        return row

    def _gate(self, actions: ActionRegistry) -> QHBoxLayout:
        self.low = _field(self.tr("Lowest value of the gate"), -1e9, 1e9, 0)
        self.high = _field(self.tr("Highest value of the gate"), -1e9, 1e9, 0)
        row = QHBoxLayout()
        row.setSpacing(5)
        row.addWidget(_button(actions, "gate"))
        for field in (self.low, self.high):
            field.valueChanged.connect(self._on_gate)
            row.addWidget(field, 1)
        return row

    def _operations(self, actions: ActionRegistry) -> QGridLayout:
        self.margin_mm = _field(self.tr("Margin"), 0.1, 50.0, 1, self.tr(" mm"))
        self.margin_mm.setValue(1.0)
        self.smooth_mm = _field(self.tr("Radius of smoothing"), 0.1, 50.0, 1, self.tr(" mm"))
        self.smooth_mm.setValue(1.0)
        self.island_mm3 = _field(self.tr("Smallest piece that stays"), 0.01, 1e6, 2, self.tr(" mm³"))
        self.island_mm3.setValue(10.0)
        grid = QGridLayout()
        grid.setSpacing(4)
        pairs = (
            ("interpolate", "clear_slice"),
            ("copy_previous", "copy_next"),
            ("holes", "threshold"),
        )
        for row, verbs in enumerate(pairs):
            for column, verb in enumerate(verbs):
                grid.addWidget(_button(actions, verb), row, column)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        margin = QHBoxLayout()
        margin.setSpacing(3)
        for widget in (_button(actions, "grow"), _button(actions, "shrink"), self.margin_mm):
            margin.addWidget(widget)
        grid.addLayout(margin, 3, 0, 1, 2)
        for row, (verb, field) in enumerate((("smooth", self.smooth_mm), ("islands", self.island_mm3)), 4):
            grid.addWidget(_button(actions, verb), row, 0)
            grid.addWidget(field, row, 1)
        return grid

    def _on_gate(self) -> None:
        self.gateTyped.emit(self.low.value(), self.high.value())


class ChangeBox(QFrame):
    """What an operation would change, with the two answers; hidden while there is none.

    Parameters
    ----------
    actions : ActionRegistry
    """

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("change_box")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 4)
        column.setSpacing(4)
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.facts = QLabel()
        self.facts.setWordWrap(True)
        self.apply_button = action_button(actions.action("masks.apply"), "primary")
        self.drop_button = action_button(actions.action("masks.drop"))
        row = QHBoxLayout()
        row.addWidget(self.apply_button, 1)
        row.addWidget(self.drop_button)
        column.addWidget(self.title)
        column.addWidget(self.facts)
        column.addLayout(row)

    def show_change(self, change: ChangeSummary | None) -> None:
        """Say what would change, in voxels and millilitres."""
        self.setVisible(change is not None)
        if change is None:
            return
        self.title.setText(translate_message(change.title))
        self.apply_button.setVisible(not change.is_running)
        if change.is_running:
            self.facts.setText(self.tr("Working it out…"))
            return
        lines = []
        if change.num_added:
            text = self.tr("▲ adds {n} voxels, {ml} mL")
            lines.append(text.format(n=_number(change.num_added), ml=_ml(change.added_ml)))
        if change.num_removed:
            text = self.tr("▼ removes {n} voxels, {ml} mL")
            lines.append(text.format(n=_number(change.num_removed), ml=_ml(change.removed_ml)))
        if change.num_replaced:
            text = self.tr("● takes {n} voxels from other classes")
            lines.append(text.format(n=_number(change.num_replaced)))
        self.facts.setText("\n".join(lines))


def _button(actions: ActionRegistry, verb: str) -> BarButton:
    button = BarButton(actions.action(f"masks.{verb}"))
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setIconSize(_ICON)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button


def _field(name: str, low: float, high: float, digits: int, suffix: str = "") -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setRange(low, high)
    field.setDecimals(digits)
    field.setSuffix(suffix)
    field.setKeyboardTracking(False)
    field.setAccessibleName(name)
    field.setToolTip(name)
    # Its range alone would make it wider than the panel.
    field.setMinimumWidth(60)
    field.setFocusPolicy(Qt.FocusPolicy.ClickFocus | Qt.FocusPolicy.TabFocus)
    return field


def _put(field: QDoubleSpinBox, value: float) -> None:
    """Show a value, but never under the hands of the person who types another."""
    if field.hasFocus() and abs(field.value() - value) <= 0.5 * 10.0 ** -field.decimals():
        return
    with QSignalBlocker(field):
        field.setValue(value)


def _section(title: str) -> QLabel:
    label = QLabel(title)
    label.setProperty("role", "section")
    return label


def _number(count: int) -> str:
    # A thin space every three digits reads the same in both languages.
    return f"{count:,}".replace(",", "\u2009")


def _ml(volume: float) -> str:
    return f"{volume:.2f}" if volume >= 0.1 else f"{volume:.2g}"
