"""Panels of kind `curve`: named lines with their own axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QVBoxLayout, QWidget

from engines.contract.panels import PanelFile
from workstation.views.panels import PanelWidget
from workstation.views.protocols.runs import Curve
from workstation.views.runs.run_plots import CurvePlot, Look
from workstation.views.runs.run_words import spoken


class CurvePanel(PanelWidget):
    """Draws ``{"series": [{"name", "x", "y"}], "x_label", "y_label"}``; null in `y` is a gap."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = CurvePlot(self, is_smoothed=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)

    def show_panel(self, panel: PanelFile, run_folder: Path) -> None:
        """Draw the lines."""
        curves, looks = {}, {}
        for index, series in enumerate(panel.data.get("series", ())):
            key = (str(series["name"]), "")
            curves[key] = Curve(
                np.array(series["x"], dtype=np.float64),
                # None becomes NaN: a gap, not a zero.
                np.array(series["y"], dtype=np.float64),
            )
            looks[key] = Look(spoken(str(series["name"])), index, index)
        self.plot.set_axis_labels(
            spoken(str(panel.data.get("x_label", ""))), spoken(str(panel.data.get("y_label", "")))
        )
        self.plot.show_curves(curves, looks)


def build(parent: QWidget | None = None) -> CurvePanel:
    """Return a drawer of curves."""
    return CurvePanel(parent)
