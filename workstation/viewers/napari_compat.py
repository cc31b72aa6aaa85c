"""Every private touch of napari, with version and reason. There is none today; keep it that way.

What is public is used where it is needed: `napari.components.ViewerModel`, `napari.qt.QtViewer`, its
`canvas.native`, `model.scene.camera` and `model.canvas`. A test fails when another file of the program
reaches for an underscore of napari.
"""

from __future__ import annotations

import threading
import warnings
from contextlib import AbstractContextManager

import numpy as np

NAPARI_SERIES = "0.9"
"""The series that the canvases were written against."""


def quiet_import() -> AbstractContextManager[None]:
    """Keep napari's plugin manager from printing its own pydantic deprecations on import."""
    return warnings.catch_warnings(action="ignore", category=DeprecationWarning)


_WARMING = threading.Lock()
_is_warm = threading.Event()


def warm_up() -> None:
    """Make a layer, once and without Qt: the first one loads libraries for almost a second.

    Called on the thread that imports the screens, so that the window does not stand still for it, and
    again before a canvas is made. Whoever comes second waits: the unit registry behind a layer builds
    itself on first use and is broken for good when two threads begin it together.
    """
    with _WARMING:
        if _is_warm.is_set():
            return
        with quiet_import():
            from napari.layers import Image

        Image(np.zeros((4, 4), np.uint8))
        _is_warm.set()
