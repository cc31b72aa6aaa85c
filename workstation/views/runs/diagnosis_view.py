"""Findings about a run: name, evidence, cause, and the button that applies the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engines.contract.events import Diagnosis
from engines.contract.messages import Message
from workstation.views.runs.run_words import (
    key_label,
    number_text,
    sentence,
    severity_words,
    tr,
)

MAX_EVIDENCE = 3
"""Newest points that are printed; the curve shows the rest."""


class DiagnosisCard(QFrame):
    """One finding.

    Signals
    -------
    remedy_requested : dict
        The settings that carry the remedy out.
    """

    remedy_requested = Signal(dict)

    def __init__(
        self, diagnosis: Diagnosis, *, can_apply: bool | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setProperty("severity", diagnosis.severity.value)
        words = severity_words(diagnosis.severity)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(11, 8, 9, 9)
        layout.setSpacing(4)
        head = QHBoxLayout()
        mark = QLabel(words.text, self)
        mark.setProperty("status", words.status)
        head.addWidget(_line(f"<b>{key_label(diagnosis.name)}</b>", self), 1)
        head.addWidget(mark)
        layout.addLayout(head)
        layout.addWidget(_line(sentence(Message(diagnosis.cause, diagnosis.parameters)), self))
        evidence = evidence_text(diagnosis.evidence)
        if evidence:
            layout.addWidget(_muted(evidence, self))
        remedy = sentence(Message(diagnosis.remedy, diagnosis.parameters))
        if remedy:
            layout.addWidget(_line(f"→ {remedy}", self))
        self.apply_button: QPushButton | None = None
        if diagnosis.config_patch:
            layout.addWidget(_muted(patch_text(diagnosis.config_patch), self))
        if diagnosis.config_patch and can_apply is not None:
            self.apply_button = QPushButton(self.tr("Apply and start again"), self)
            self.apply_button.setEnabled(can_apply)
            self.apply_button.setToolTip(
                self.tr("Write these values into the form and start a new run; this one is kept.")
                if can_apply
                else self.tr("Stop the run first.")
            )
            patch = dict(diagnosis.config_patch)
            self.apply_button.clicked.connect(lambda: self.remedy_requested.emit(patch))
            layout.addWidget(self.apply_button)


class DiagnosisView(QWidget):
    """Every finding of a run, newest first, then its warnings.

    Signals
    -------
    remedy_requested : dict
    """

    remedy_requested = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[Any, ...] = ()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.empty = _muted("", self)
        self._layout.addWidget(self.empty)
        self.cards: list[DiagnosisCard] = []
        self._notes: list[QLabel] = []
        self.show_findings((), (), has_run=False, can_apply=False)

    def show_findings(
        self,
        diagnoses: Sequence[Diagnosis],
        warnings: Sequence[Message],
        *,
        has_run: bool,
        can_apply: bool | None,
    ) -> None:
        """Draw the findings, the newest of each name; `can_apply` None: no remedy can be applied here."""
        newest = list({diagnosis.name: diagnosis for diagnosis in diagnoses}.values())[::-1]
        lines = list(dict.fromkeys(sentence(warning) for warning in warnings))
        wanted = (tuple(newest), tuple(lines), has_run, can_apply)
        if wanted == self._shown:
            return
        self._shown = wanted
        for widget in (*self.cards, *self._notes):
            self._layout.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self.cards, self._notes = [], []
        for diagnosis in newest:
            card = DiagnosisCard(diagnosis, can_apply=can_apply, parent=self)
            card.remedy_requested.connect(self.remedy_requested)
            self._layout.addWidget(card)
            self.cards.append(card)
        for line in lines:
            note = _line(f"▲ {line}", self)
            self._layout.addWidget(note)
            self._notes.append(note)
        self.empty.setText(
            self.tr("Nothing conspicuous so far.") if has_run else self.tr("No run to look at yet.")
        )
        self.empty.setVisible(not newest and not lines)


def evidence_text(evidence: Sequence[Mapping[str, Any]]) -> str:
    """Return the newest points of the evidence in words."""
    parts = []
    for point in evidence[-MAX_EVIDENCE:]:
        value = point.get("value")
        shown = number_text(float(value)) if isinstance(value, int | float) else tr("not measured")
        where = tr("step {n}").format(n=point.get("step", "?"))
        parts.append(f"{key_label(str(point.get('key', '')))}: {shown} ({where})")
    return "\n".join(parts)


def patch_text(patch: Mapping[str, Any]) -> str:
    """Return the changed settings in words."""
    return ", ".join(f"{key_label(key)} = {value}" for key, value in patch.items())


def _line(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setWordWrap(True)
    return label


def _muted(text: str, parent: QWidget) -> QLabel:
    label = _line(text, parent)
    label.setProperty("role", "muted")
    return label
