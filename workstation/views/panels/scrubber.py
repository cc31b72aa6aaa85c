"""Panels of kind `scrubber`: something that comes about step by step, gone through with a slider."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from workstation.views.panels.image_series import ImageSeries


def build(parent: QWidget | None = None) -> ImageSeries:
    """Return a drawer; frames of one item over its steps are what an image series holds, too."""
    return ImageSeries(parent)
