"""The line about proposals: what one adds, takes away and keeps, and the answers to it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QPixmap
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from workstation.actions.registry import ActionRegistry
from workstation.translation import translate_message
from workstation.views.elements.action_bar import ActionBar
from workstation.views.protocols.components import ChangeColours, ProposalSummary

GROUPS = (("show",), ("accept", "accept_slice", "accept_component"), ("replace", "reject"), ("resample",))
_SWATCH_PX = 10


class ProposalBar(QFrame):
    """A `ProposalBarView`; hidden while the case has no proposal.

    Parameters
    ----------
    actions : ActionRegistry
    colours : ChangeColours

    Signals
    -------
    proposalChosen : str
        Label map id.
    """

    proposalChosen = Signal(str)

    def __init__(
        self, actions: ActionRegistry, colours: ChangeColours, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("proposal_bar")
        self._summary = ProposalSummary()
        self.choice = QComboBox()
        self.choice.setMinimumWidth(90)
        self.choice.setMaximumWidth(240)
        self.choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.choice.setAccessibleName(self.tr("Proposal"))
        self.choice.activated.connect(lambda row: self.proposalChosen.emit(self.choice.itemData(row)))
        self.added, self.removed, self.kept = (QLabel() for _ in range(3))
        self.note = QLabel()
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        facts = QHBoxLayout()
        facts.setContentsMargins(10, 4, 10, 0)
        facts.setSpacing(8)
        facts.addWidget(QLabel(self.tr("Proposal")))
        facts.addWidget(self.choice, 3)
        swatches = [_swatch(colour) for colour in (colours.added, colours.removed, colours.kept)]
        for swatch, label in zip(swatches, (self.added, self.removed, self.kept), strict=True):
            facts.addWidget(swatch)
            facts.addWidget(label)
        # A sentence that must be read takes the room of the numbers.
        self._numbers = (swatches[0], self.added, self.removed, swatches[2], self.kept)
        self._lost = swatches[1]
        facts.addWidget(self.note, 3)
        self.bar = ActionBar([[actions.action(f"proposals.{verb}") for verb in group] for group in GROUPS])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(facts)
        column.addWidget(self.bar)
        self.hide()

    def show_proposals(self, summary: ProposalSummary) -> None:
        """Show what would change, and what can be chosen."""
        self._summary = summary
        with QSignalBlocker(self.choice):
            self.choice.clear()
            for row in summary.rows:
                self.choice.addItem(row.title, row.key)
                self.choice.setItemData(
                    self.choice.count() - 1, row.source or row.title, Qt.ItemDataRole.ToolTipRole
                )
            self.choice.setCurrentIndex(self.choice.findData(summary.chosen))
        ml = summary.voxel_ml
        lost = summary.removed + summary.relabelled
        self.added.setText(
            self.tr("{n} added, {volume} mL").format(n=summary.added, volume=_ml(summary.added, ml))
        )
        self.removed.setText(self.tr("{n} removed, {volume} mL").format(n=lost, volume=_ml(lost, ml)))
        self.kept.setText(self.tr("{n} kept").format(n=summary.kept))
        self.removed.setToolTip(
            self.tr("Only replacing takes them away; {n} of them would go over to another class.").format(
                n=summary.relabelled
            )
        )
        self.kept.setToolTip(self.tr("{volume} mL").format(volume=_ml(summary.kept, ml)))
        text = self._sentence(summary)
        self.note.setText(text)
        self.note.setToolTip(text)
        is_urgent = bool(summary.question.text or summary.note.text)
        for part in self._numbers:
            part.setVisible(not is_urgent)
        self._lost.setVisible(not summary.note.text)
        self.note.setProperty("role", "" if is_urgent else "muted")
        self.note.style().polish(self.note)
        self.setVisible(bool(summary.rows))

    def changeEvent(self, event: QEvent) -> None:
        """Say it again in another language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.show_proposals(self._summary)

    def _sentence(self, summary: ProposalSummary) -> str:
        if summary.question.text:
            return translate_message(summary.question)
        if summary.note.text:
            return translate_message(summary.note)
        if summary.is_working:
            return self.tr("comparing…")
        if summary.target:
            return self.tr("against {name}").format(name=summary.target)
        return self.tr("nothing is accepted yet: accepting makes a label map")


def _ml(voxels: int, voxel_ml: float) -> str:
    return f"{voxels * voxel_ml:.3f}"


def _swatch(colour: str) -> QLabel:
    picture = QPixmap(_SWATCH_PX, _SWATCH_PX)
    picture.fill(QColor(colour))
    label = QLabel()
    label.setPixmap(picture)
    return label
