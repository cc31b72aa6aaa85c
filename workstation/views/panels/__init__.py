"""Drawers of panels: one module for each kind, found by its file name.

A module ``<kind>.py`` here has a function ``build(parent) -> PanelWidget``. A new kind of panel is a new
file; nothing else changes.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from engines.contract.panels import PanelFile


class PanelWidget(QWidget):
    """Draws panels of one kind.

    Signals
    -------
    placeChosen : str, object
        An item and a place of it in the world, (x, y, z) in mm, that somebody wants to see.
    viewChanged : dict
        What somebody moved to look at the panel otherwise; plain values, for `set_view`.
    """

    placeChosen = Signal(str, object)
    viewChanged = Signal(dict)

    def show_panel(self, panel: PanelFile, run_folder: Path) -> None:
        """Draw a panel; paths in it are relative to the run folder."""
        raise NotImplementedError

    def set_view(self, values: Mapping[str, Any]) -> None:
        """Show it as it was left; most panels have nothing to move."""


class UnknownPanel(PanelWidget):
    """Stands in where no drawer for a kind exists."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence = QLabel(self)
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.addWidget(self.sentence)

    def show_panel(self, panel: PanelFile, run_folder: Path) -> None:
        """Say that the kind cannot be drawn, and where its data is."""
        text = QCoreApplication.translate(
            "UnknownPanel",
            "This version cannot draw a panel of the kind “{kind}”. Its data is kept in {folder}.",
        )
        self.sentence.setText(text.format(kind=panel.kind.value, folder=run_folder.name + "/panels"))


def has_drawer(kind: str) -> bool:
    """Tell whether panels of a kind can be drawn."""
    return kind.isidentifier() and importlib.util.find_spec(f"{__name__}.{kind}") is not None


def make_drawer(kind: str, parent: QWidget | None = None) -> PanelWidget:
    """Return the drawer of a kind of panel, or a sentence in its place."""
    if not has_drawer(kind):
        return UnknownPanel(parent)
    drawer = importlib.import_module(f"{__name__}.{kind}").build(parent)
    assert isinstance(drawer, PanelWidget)
    return drawer
