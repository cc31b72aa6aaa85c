"""Panels of kind `reliability`: how often what was stated with some probability came true."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from engines.contract.panels import PanelFile
from workstation.views.panels import PanelWidget
from workstation.views.panels.curve import CurvePanel


class ReliabilityPanel(PanelWidget):
    """Draws ``{"stated", "observed", "counts", "expected_error"}`` beside the line of perfect honesty."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves = CurvePanel(self)
        self.facts = QLabel(self)
        self.facts.setProperty("role", "muted")
        self.facts.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.curves, 1)
        layout.addWidget(self.facts)

    def show_panel(self, panel: PanelFile, run_folder: Path) -> None:
        """Draw the two lines, and say how many cases each point stands for."""
        counts = [int(count) for count in panel.data.get("counts", ())]
        points = zip(panel.data.get("stated", ()), panel.data.get("observed", ()), counts, strict=True)
        filled = [(stated, observed) for stated, observed, count in points if count]
        series = [
            {"name": self.tr("as stated"), "x": [0, 1], "y": [0, 1]},
            {"name": self.tr("observed"), "x": [x for x, _ in filled], "y": [y for _, y in filled]},
        ]
        data = {"series": series, "x_label": self.tr("Stated"), "y_label": self.tr("Observed")}
        self.curves.show_panel(panel.model_copy(update={"data": data}), run_folder)
        error = panel.data.get("expected_error")
        shown = ", ".join(str(count) for count in counts if count)
        text = self.tr("Cases at each point: {counts}.").format(counts=shown) if shown else ""
        if error is not None:
            text += " " + self.tr("Expected calibration error {error:.3f}.").format(error=float(error))
        self.facts.setText(text.strip())


def build(parent: QWidget | None = None) -> ReliabilityPanel:
    """Return a drawer of reliability diagrams."""
    return ReliabilityPanel(parent)
