"""What is known of the chosen result: rules that fired, its steps, the threshold, conflicts of classes."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.actions.registry import ActionRegistry
from workstation.translation import translate, translate_message
from workstation.views.elements.action_bar import BarButton
from workstation.views.protocols.review import ReviewDetails, ThresholdSummary

_SLIDER_STEPS = 1000
_LEAST_PX = 396
"""Room for the slider with its numbers and answers."""


class ReviewDetailsBox(QScrollArea):
    """Beside the queue.

    Parameters
    ----------
    actions : ActionRegistry

    Signals
    -------
    stepChosen : str
        Role.
    thresholdMoved : float
    """

    stepChosen = Signal(str)
    thresholdMoved = Signal(float)

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMinimumWidth(_LEAST_PX)
        self.reasons = _words()
        self.hint = _words()
        self.hint.setProperty("role", "muted")
        self.steps = StepButtons()
        self.steps.stepChosen.connect(self.stepChosen)
        self.threshold = ThresholdLine(actions)
        self.threshold.moved.connect(self.thresholdMoved)
        self.conflicts = _words()
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(12, 6, 12, 8)
        column.setSpacing(6)
        parts = (self.steps, self.hint, self.reasons, self.threshold, self.conflicts)
        for part in parts:
            column.addWidget(part)
        column.addStretch(1)
        self.setWidget(body)
        self.show_details(None)
        self.threshold.show_threshold(None)

    def show_details(self, details: ReviewDetails | None) -> None:
        """Show the chosen result; None: there is none."""
        for part in (self.steps, self.reasons, self.conflicts, self.hint):
            part.setVisible(details is not None)
        if details is None:
            return
        line = details.line
        self.steps.setToolTip(f"{translate(line.title)}\n{line.run_id}")
        reasons = [f"• {translate_message(reason)}" for reason in line.reasons]
        if not reasons and line.status:
            reasons = [self.tr("No rule speaks against it.")]
        self.reasons.setText("\n".join(reasons))
        self.reasons.setVisible(bool(reasons))
        self.steps.show_steps(details)
        conflicts = [translate_message(message) for message in details.conflicts]
        if details.priority.text:
            conflicts.append(translate_message(details.priority))
        self.conflicts.setText("\n".join(conflicts))
        self.conflicts.setVisible(bool(conflicts))
        hint = "" if details.is_loaded else self.tr("Return opens the case; each step becomes a proposal.")
        self.hint.setText(self.tr("Bringing the steps in…") if details.is_working else hint)
        self.hint.setVisible(bool(self.hint.text()))

    def show_threshold(self, threshold: ThresholdSummary | None) -> None:
        """Show a threshold with its numbers; None: the result has no probability."""
        self.threshold.show_threshold(threshold)


class StepButtons(QWidget):
    """The steps of a result, one of them looked at.

    Signals
    -------
    stepChosen : str
        Role.
    """

    stepChosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[str, QToolButton] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        self._row.addWidget(QLabel(self.tr("Step")))
        self._row.addStretch(1)

    def show_steps(self, details: ReviewDetails) -> None:
        """Show steps; they can be chosen once they are proposals."""
        if list(self.buttons) != [step.role for step in details.steps]:
            for button in self.buttons.values():
                self._row.removeWidget(button)
                button.hide()
                button.deleteLater()
            self.buttons = {step.role: self._button(step.role) for step in details.steps}
        for number, step in enumerate(details.steps, 1):
            button = self.buttons[step.role]
            button.setText(f"{number} {translate(step.title)}")
            button.setEnabled(details.is_loaded)
            with QSignalBlocker(button):
                button.setChecked(step.is_chosen)

    def _button(self, role: str) -> QToolButton:
        button = QToolButton(self)
        button.setCheckable(True)
        button.setProperty("role", "flat")
        button.setToolTip(self.tr("Look at the label map of this step, against the accepted one."))
        button.clicked.connect(lambda: self._on_clicked(role))
        self._row.insertWidget(self._row.count() - 1, button)
        return button

    def _on_clicked(self, role: str) -> None:
        # The one that is looked at stays looked at.
        self.buttons[role].setChecked(True)
        self.stepChosen.emit(role)


class ThresholdLine(QWidget):
    """A slider, its number, what it means now, and two answers.

    Signals
    -------
    moved : float
    """

    moved = Signal(float)

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _SLIDER_STEPS)
        self.slider.setPageStep(50)
        self.slider.setSingleStep(10)
        self.slider.setMinimumWidth(60)
        self.slider.setAccessibleName(self.tr("Threshold of the probability"))
        self.slider.setToolTip(self.tr("Voxels from this probability on belong to the class."))
        self.slider.valueChanged.connect(lambda value: self.moved.emit(value / _SLIDER_STEPS))
        self.value = QDoubleSpinBox()
        self.value.setRange(0.0, 1.0)
        self.value.setDecimals(2)
        self.value.setSingleStep(0.02)
        self.value.setFixedWidth(72)
        self.value.setAccessibleName(self.tr("Threshold of the probability"))
        self.value.valueChanged.connect(self.moved)
        self.counts = QLabel()
        self.counts.setMinimumWidth(126)
        self.counts.setToolTip(self.tr("Volume and pieces at this threshold."))
        self.apply = BarButton(actions.action("review.apply_threshold"))
        self.drop = BarButton(actions.action("review.drop_threshold"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.slider, 1)
        for part in (self.value, self.counts, self.apply, self.drop):
            row.addWidget(part)

    def show_threshold(self, threshold: ThresholdSummary | None) -> None:
        """Show a threshold with its numbers; None: hide."""
        self.setVisible(threshold is not None)
        if threshold is None:
            return
        with QSignalBlocker(self.slider), QSignalBlocker(self.value):
            self.slider.setValue(round(threshold.value * _SLIDER_STEPS))
            self.value.setValue(threshold.value)
        if threshold.volume_ml is None or threshold.num_components is None:
            # The numbers before stay readable while the next ones are counted.
            self.counts.setText(self.counts.text() or self.tr("counting…"))
            return
        pieces = (
            self.tr("1 piece")
            if threshold.num_components == 1
            else self.tr("{n} pieces").format(n=threshold.num_components)
        )
        self.counts.setText(
            self.tr("{volume} mL, {pieces}").format(volume=f"{threshold.volume_ml:.3f}", pieces=pieces)
        )


def _words() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
