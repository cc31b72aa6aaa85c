"""Every private touch of napari, with version and reason. There is none today; keep it that way.

What is public is used where it is needed: `napari.components.ViewerModel`, `napari.qt.QtViewer`, its
`canvas.native`, `model.scene.camera` and `model.canvas`. A test fails when another file of the program
reaches for an underscore of napari.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager

NAPARI_SERIES = "0.9"
"""The series that the canvases were written against."""


def quiet_import() -> AbstractContextManager[None]:
    """Keep napari's plugin manager from printing its own pydantic deprecations on import."""
    return warnings.catch_warnings(action="ignore", category=DeprecationWarning)
