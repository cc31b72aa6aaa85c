"""Grey-value window of an image: presets, level and width, typed with any sign."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QWidget

from workstation.actions.registry import ActionRegistry
from workstation.views.elements.empty_state import action_button
from workstation.views.protocols.volume import WindowRow

LARGEST_VALUE = 1e9
_SMALL_WIDTH = 20.0
"""Below, values have fractions: shown with more digits."""


class WindowBox(QWidget):
    """Preset, level and width.

    Parameters
    ----------
    actions : ActionRegistry
    presets : mapping of name to (low, high)
        In HU, in the order of their keys.

    Signals
    -------
    windowTyped : float, float
        Low and high.
    presetChosen : str
    """

    windowTyped = Signal(float, float)
    presetChosen = Signal(str)

    def __init__(
        self,
        actions: ActionRegistry,
        presets: Mapping[str, tuple[float, float]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.preset = QComboBox(self)
        self.preset.setAccessibleName(self.tr("Window preset"))
        self.preset.setPlaceholderText(self.tr("Own window"))
        self.preset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for name in presets:
            self.preset.addItem(name, name)
        self.preset.activated.connect(lambda _index: self.presetChosen.emit(str(self.preset.currentData())))
        self.auto = action_button(actions.action("volume.auto_window"))
        self.auto.is_short = True
        self.level, self.width_ = self._field(self.tr("Level")), self._field(self.tr("Width"))
        self.width_.setMinimum(0.0)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(5)
        grid.addWidget(self.preset, 0, 0, 1, 2)
        grid.addWidget(self.auto, 0, 2, 1, 2)
        labels = (QLabel(self.tr("Level"), self), QLabel(self.tr("Width"), self))
        for column, (label, field) in enumerate(zip(labels, (self.level, self.width_), strict=True)):
            label.setBuddy(field)
            label.setProperty("role", "muted")
            grid.addWidget(label, 1, 2 * column)
            grid.addWidget(field, 1, 2 * column + 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        self.show_window(WindowRow())

    def show_window(self, window: WindowRow) -> None:
        """Show the window of an image, or that there is none."""
        width = window.high - window.low
        digits = 0 if width >= _SMALL_WIDTH else 3
        for field, value in ((self.level, (window.low + window.high) / 2), (self.width_, width)):
            with QSignalBlocker(field):
                field.setDecimals(digits)
                field.setSingleStep(max(10.0**-digits, round(width / 50, digits)))
                field.setSuffix(f" {window.unit}" if window.unit else "")
                if not field.hasFocus() or abs(field.value() - value) > 0.5 * 10.0**-digits:
                    field.setValue(value)
            field.setEnabled(bool(window.title))
        self.preset.setEnabled(bool(window.unit))
        self.preset.setToolTip("" if window.unit else self.tr("Presets are for images in HU."))
        with QSignalBlocker(self.preset):
            self.preset.setCurrentIndex(self.preset.findData(window.preset) if window.preset else -1)

    def _field(self, name: str) -> QDoubleSpinBox:
        field = QDoubleSpinBox(self)
        field.setRange(-LARGEST_VALUE, LARGEST_VALUE)
        field.setKeyboardTracking(False)
        field.setAccessibleName(name)
        field.setMinimumWidth(64)
        field.valueChanged.connect(self._on_typed)
        return field

    def _on_typed(self) -> None:
        half = self.width_.value() / 2
        self.windowTyped.emit(self.level.value() - half, self.level.value() + half)
