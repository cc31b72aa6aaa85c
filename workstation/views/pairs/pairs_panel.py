"""Task panel of the Pairs screen: add, fit, register, view."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from workstation.actions.registry import ActionRegistry
from workstation.views.elements.empty_state import action_button
from workstation.views.pairs.transform_chooser import TransformChooser
from workstation.views.protocols.pairs import FitSummary, MethodRow, ModelScore, RegistrationSummary
from workstation.views.runs.run_words import metric_text, moment_text, spoken


class PairsPanel(QScrollArea):
    """Right column of the Pairs screen.

    Signals
    -------
    modelChosen : str
        A key of `transform_chooser.MODELS`.
    methodChosen : str
        Id of a row of the method list.
    linkChosen : str
        ``"pairs"`` or ``"result"``.
    snapRadiusChosen : float
        In pixels of the screen.
    """

    modelChosen = Signal(str)
    methodChosen = Signal(str)
    linkChosen = Signal(str)
    snapRadiusChosen = Signal(float)

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(7)
        layout.addWidget(action_button(actions.action("pairs.add"), "primary"))
        self.hint = _text("muted")
        layout.addWidget(self.hint)
        self._add_snapping(layout, actions)
        self._add_fit(layout, actions)
        self._add_registration(layout, actions)
        self._add_link(layout, actions)
        layout.addStretch(1)
        self.setWidget(inner)

    # -- sections ------------------------------------------------------------------------------------

    def _add_snapping(self, layout: QVBoxLayout, actions: ActionRegistry) -> None:
        snap = actions.action("pairs.snap")
        self.snap_box = QCheckBox(self.tr("Snap to forks"))
        self.snap_box.setToolTip(snap.toolTip())
        self.snap_box.clicked.connect(lambda _checked=False: snap.trigger())
        # A bound method: a function would outlive the panel, and the action outlives both.
        self._snap = snap
        snap.changed.connect(self._tell_snap_tip)
        self.snap_radius = QSpinBox()
        self.snap_radius.setRange(3, 60)
        self.snap_radius.setSuffix(self.tr(" px"))
        self.snap_radius.setKeyboardTracking(False)
        self.snap_radius.setAccessibleName(self.tr("Snapping radius"))
        self.snap_radius.setToolTip(self.tr("How near to a fork a click must be, on the screen."))
        self.snap_radius.valueChanged.connect(lambda value: self.snapRadiusChosen.emit(float(value)))
        row = QHBoxLayout()
        row.addWidget(self.snap_box, 1)
        row.addWidget(self.snap_radius)
        layout.addLayout(row)

    def _tell_snap_tip(self) -> None:
        self.snap_box.setToolTip(self._snap.toolTip())

    def _add_fit(self, layout: QVBoxLayout, actions: ActionRegistry) -> None:
        layout.addWidget(_section(self.tr("TRANSFORM OF THE PAIRS")))
        self.chooser = TransformChooser()
        self.chooser.modelChosen.connect(self.modelChosen)
        layout.addWidget(self.chooser)
        layout.addWidget(action_button(actions.action("pairs.worst")))

    def _add_registration(self, layout: QVBoxLayout, actions: ActionRegistry) -> None:
        layout.addWidget(_section(self.tr("REGISTRATION")))
        self.method = QComboBox()
        self.method.setAccessibleName(self.tr("Method of registration"))
        self.method.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.method.currentIndexChanged.connect(self._show_method_tip)
        self.method.currentIndexChanged.connect(
            lambda _index: self.methodChosen.emit(str(self.method.currentData() or ""))
        )
        layout.addWidget(self.method)
        self.register_button = action_button(actions.action("pairs.register"))
        layout.addWidget(self.register_button)
        layout.addWidget(action_button(actions.action("pairs.registrations")))
        self.verdict = _text("")
        layout.addWidget(self.verdict)
        self.verdict_reason = _text("muted")
        layout.addWidget(self.verdict_reason)
        self.anyway_button = action_button(actions.action("pairs.use_registration"))
        layout.addWidget(self.anyway_button)

    def _add_link(self, layout: QVBoxLayout, actions: ActionRegistry) -> None:
        layout.addWidget(_section(self.tr("VIEWS AND OVERLAY USE")))
        self._links = QButtonGroup(self)
        self.link_buttons = {
            "pairs": QRadioButton(self.tr("The pairs")),
            "result": QRadioButton(self.tr("The registration")),
        }
        for name, button in self.link_buttons.items():
            self._links.addButton(button)
            layout.addWidget(button)
            button.clicked.connect(lambda _checked=False, name=name: self.linkChosen.emit(name))
        self.link_buttons["pairs"].setChecked(True)

    # -- what is shown -------------------------------------------------------------------------------

    def show_hint(self, text: str) -> None:
        """Say what the next click means."""
        self.hint.setText(text)

    def show_snapping(self, *, is_on: bool, radius_px: float) -> None:
        """Show whether clicks snap, and from how far on the screen."""
        with QSignalBlocker(self.snap_box), QSignalBlocker(self.snap_radius):
            self.snap_box.setChecked(is_on)
            self.snap_radius.setValue(round(radius_px))
        self.snap_radius.setEnabled(is_on)

    def show_fit(self, fit: FitSummary) -> None:
        """Show the fit, or how many pairs it still needs."""
        self.chooser.show_fit(fit)

    def show_models(self, scores: Sequence[ModelScore]) -> None:
        """Show how well every kind of transform suits the pairs."""
        self.chooser.show_models(scores)

    def show_methods(self, methods: Sequence[MethodRow], chosen: str) -> None:
        """List the methods of registration."""
        with QSignalBlocker(self.method):
            self.method.clear()
            for method in methods:
                self.method.addItem(_method_text(method), method.id)
                tip = spoken(method.help)
                if method.is_in_use:
                    tip = self.tr("{run}\nThe model of this run is in use.").format(run=tip)
                self.method.setItemData(self.method.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            self.method.setCurrentIndex(max(0, self.method.findData(chosen)))
        # The list is wider than the narrow panel: its lines are read whole.
        self.method.view().setMinimumWidth(self.method.view().sizeHintForColumn(0) + 24)
        self._show_method_tip()

    def _show_method_tip(self) -> None:
        self.method.setToolTip(str(self.method.currentData(Qt.ItemDataRole.ToolTipRole) or ""))

    def show_registration(self, registration: RegistrationSummary) -> None:
        """Show verdict, score and method of the last registration, in words first."""
        words = {
            "": (self.tr("Not registered yet"), "stale", "○"),
            "running": (self.tr("Registering…"), "running", "▶"),
            "registered": (self.tr("Registered"), "done", "✔"),
            "uncertain": (self.tr("Uncertain: look before you trust it"), "warning", "▲"),
            "not_registered": (self.tr("Not registered: no plausible transform"), "failed", "✘"),
            "failed": (self.tr("The registration run failed"), "failed", "✘"),
        }
        text, status, symbol = words[registration.verdict]
        self.verdict.setText(f"{symbol} {text}")
        self.verdict.setProperty("status", status)
        self.verdict.style().polish(self.verdict)
        facts = []
        if registration.method:
            facts.append(self.tr("Method: {method}").format(method=registration.method))
        if registration.z is not None:
            facts.append(self.tr("score z = {z:.1f}").format(z=registration.z))
        if registration.sharpness is not None:
            facts.append(self.tr("sharpness = {sharpness:.1f}").format(sharpness=registration.sharpness))
        if registration.reason:
            facts.append(registration.reason)
        self.verdict_reason.setText("\n".join(facts))
        self.verdict_reason.setVisible(bool(facts))
        self.anyway_button.setVisible(registration.verdict == "uncertain" and not registration.is_confirmed)
        button = self.link_buttons["result"]
        can_link = registration.has_transform and registration.is_confirmed
        button.setEnabled(can_link)
        button.setToolTip("" if can_link else self.tr("There is no confirmed registration of this item."))
        with QSignalBlocker(self._links):
            self.link_buttons["result" if registration.is_used else "pairs"].setChecked(True)


def _section(title: str) -> QWidget:
    box = QFrame()
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 6, 0, 0)
    label = QLabel(title)
    label.setProperty("role", "section")
    layout.addWidget(label)
    return box


def _text(role: str, text: str = "") -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    if role:
        label.setProperty("role", role)
    return label


def _method_text(method: MethodRow) -> str:
    """Return what a run is for a person: phase, date and the value that chose its model."""
    parts = [f"★ {spoken(method.title)}" if method.is_in_use else spoken(method.title)]
    if method.started is not None:
        parts.append(moment_text(method.started))
    if method.metric is not None:
        parts.append(f"{spoken(method.metric.label)} {metric_text(method.metric, method.value)}")
    return ", ".join(parts)
