"""The display menu of a pane: how its image is shown while it is annotated. It never changes the data."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QLocale, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QDoubleValidator
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)

from workstation.translation import translate_message
from workstation.views.protocols.display import SideDisplay, SideFacts, Window

_FIELD_WIDTH_PX = 84
_LARGEST_VALUE = 1e9


def warning_text(facts: SideFacts) -> str:
    """Return why an image may be mirrored, with a sign before it; empty when nothing speaks for it."""
    warning = translate_message(facts.warning)
    return f"⚠ {warning}" if warning else ""


class DisplayForm(QFrame):
    """Check boxes, brightness and size of one side.

    Signals
    -------
    displayChosen : SideDisplay
    autoWanted
        Brightness from the grey values of the image.
    widthGiven : float
        Width of the image in mm; 0 when it is not known.
    """

    displayChosen = Signal(object)
    autoWanted = Signal()
    widthGiven = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("display_form")
        self._display = SideDisplay()
        self._window: Window = (0.0, 255.0)
        self.green = QCheckBox(self.tr("&Green channel"))
        self.contrast = QCheckBox(self.tr("&Local contrast (CLAHE)"))
        self.inverted = QCheckBox(self.tr("&Invert"))
        self.vessels = QCheckBox(self.tr("&Vessels over the image"))
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setAccessibleName(self.tr("Opacity of the vessels"))
        self.opacity.setToolTip(self.tr("Opacity of the vessels"))
        self.centre, self.width_field, self.millimetres = QLineEdit(), QLineEdit(), QLineEdit()
        self.millimetres.setPlaceholderText(self.tr("not known"))
        self.auto = QPushButton(self.tr("&Automatic"))
        self.reset = QPushButton(self.tr("&Reset all"))
        self._build()
        for box in (self.green, self.contrast, self.inverted, self.vessels):
            box.toggled.connect(self._on_changed)
        self.opacity.valueChanged.connect(self._on_changed)
        self.centre.editingFinished.connect(self._on_window)
        self.width_field.editingFinished.connect(self._on_window)
        self.millimetres.editingFinished.connect(self._on_millimetres)
        self.auto.clicked.connect(self.autoWanted.emit)
        self.reset.clicked.connect(lambda: self.displayChosen.emit(SideDisplay()))

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        for widget in (self.green, self.contrast, self.inverted, self.vessels, self.opacity):
            layout.addWidget(widget)
        for field, lowest in (
            (self.centre, -_LARGEST_VALUE),
            (self.width_field, 0.0),
            (self.millimetres, 0.0),
        ):
            validator = QDoubleValidator(lowest, _LARGEST_VALUE, 4, field)
            # A point in every language, as everywhere in the program.
            validator.setLocale(QLocale.c())
            validator.setNotation(QDoubleValidator.Notation.StandardNotation)
            field.setValidator(validator)
            field.setFixedWidth(_FIELD_WIDTH_PX)
        form = QFormLayout()
        brightness = QLabel(self.tr("Brightness: drag with the right button"))
        brightness.setProperty("role", "section")
        form.addRow(brightness)
        form.addRow(self.tr("&Centre"), self.centre)
        form.addRow(self.tr("&Width"), self.width_field)
        size = QLabel(self.tr("Size of the image"))
        size.setProperty("role", "section")
        form.addRow(size)
        form.addRow(self.tr("Width in &mm"), self.millimetres)
        layout.addLayout(form)
        row = QHBoxLayout()
        row.addWidget(self.auto)
        row.addWidget(self.reset)
        layout.addLayout(row)

    def show_display(self, display: SideDisplay) -> None:
        """Show which ways of display are on."""
        self._display = display
        for box, is_on in (
            (self.green, display.is_green),
            (self.contrast, display.has_local_contrast),
            (self.inverted, display.is_inverted),
            (self.vessels, display.has_vessels),
        ):
            with QSignalBlocker(box):
                box.setChecked(is_on)
        with QSignalBlocker(self.opacity):
            self.opacity.setValue(round(100 * display.vessel_opacity))
        self.opacity.setEnabled(display.has_vessels)

    def show_window(self, window: Window) -> None:
        """Show the values between which the image is drawn."""
        self._window = window
        self.centre.setText(f"{(window[0] + window[1]) / 2:.4g}")
        self.width_field.setText(f"{window[1] - window[0]:.4g}")

    def show_facts(self, facts: SideFacts) -> None:
        """Offer what the image allows, and say why not."""
        self.green.setEnabled(facts.is_colour)
        self.green.setToolTip("" if facts.is_colour else self.tr("The image is grey already."))
        too_large = self.tr("Not for images over 100 million pixels.")
        for box in (self.contrast, self.vessels):
            box.setEnabled(not facts.is_large)
            box.setToolTip(too_large if facts.is_large else "")
        width = None if facts.spacing_mm is None else facts.spacing_mm * facts.width_px
        self.millimetres.setText("" if width is None else f"{width:.4g}")

    def _on_changed(self) -> None:
        self.opacity.setEnabled(self.vessels.isChecked())
        self._display = replace(
            self._display,
            is_green=self.green.isChecked(),
            has_local_contrast=self.contrast.isChecked(),
            is_inverted=self.inverted.isChecked(),
            has_vessels=self.vessels.isChecked(),
            vessel_opacity=self.opacity.value() / 100,
        )
        self.displayChosen.emit(self._display)

    def _on_window(self) -> None:
        if not (self.centre.hasAcceptableInput() and self.width_field.hasAcceptableInput()):
            self.show_window(self._window)
            return
        centre, width = float(self.centre.text()), max(float(self.width_field.text()), 1e-3)
        window = (centre - width / 2, centre + width / 2)
        shown = (f"{(self._window[0] + self._window[1]) / 2:.4g}", f"{self._window[1] - self._window[0]:.4g}")
        # Leaving a field without a change is no choice.
        if (self.centre.text(), self.width_field.text()) != shown:
            self.displayChosen.emit(replace(self._display, window=window))

    def _on_millimetres(self) -> None:
        text = self.millimetres.text()
        if self.millimetres.isModified():
            self.millimetres.setModified(False)
            self.widthGiven.emit(float(text) if text and self.millimetres.hasAcceptableInput() else 0.0)


class DisplayButton(QToolButton):
    """Opens the form; says by a dot that the image is not shown as it is in its file.

    Attributes
    ----------
    form : DisplayForm
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form = DisplayForm()
        menu = QMenu(self)
        action = QWidgetAction(menu)
        action.setDefaultWidget(self.form)
        menu.addAction(action)
        self.setMenu(menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setProperty("role", "flat")
        # The arrow stands in the text, where it keeps its place at every size.
        self.setStyleSheet("QToolButton::menu-indicator { image: none; width: 0; }")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(self.tr("How this image is shown. It never changes the data."))
        self.show_display(SideDisplay())

    def show_display(self, display: SideDisplay) -> None:
        """Show which ways of display are on."""
        is_plain = replace(display, vessel_opacity=SideDisplay().vessel_opacity) == SideDisplay()
        self.setText(self.tr("Display ▾") if is_plain else self.tr("● Display ▾"))
        self.form.show_display(display)

    def show_facts(self, facts: SideFacts) -> None:
        """Offer what the image allows."""
        self.form.show_facts(facts)
        self.setEnabled(facts.width_px > 0)
