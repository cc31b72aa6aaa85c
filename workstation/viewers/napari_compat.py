"""Every private touch of napari, with version and reason. There is none today; keep it that way.

What is public is used where it is needed: `napari.components.ViewerModel`, `napari.qt.QtViewer`, its
`canvas.native`, `canvas.events`, `model.scene.camera` and `model.canvas`. A test fails when another file of
the program reaches for an underscore of napari.
"""

from __future__ import annotations

import threading
import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.qt import QtViewer

NAPARI_SERIES = "0.9"
"""The series that the canvases were written against."""


def quiet_import() -> AbstractContextManager[None]:
    """Keep napari's plugin manager from printing its own pydantic deprecations on import."""
    return warnings.catch_warnings(action="ignore", category=DeprecationWarning)


_MOST_ERRORS = 16
"""OpenGL has eight kinds of error; a driver may keep a flag for each of its parts."""

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


def make_viewer(model: ViewerModel) -> QtViewer:
    """Return napari's bare canvas of a model; on the thread of the window only.

    Before each frame the canvas forgets the OpenGL errors that are not its own: Qt shares the context and
    asks for none, so that an error of its compositor would be reported at the canvas's first call and
    leave a surface undrawn.
    """
    with quiet_import():
        from napari.qt import QtViewer

    viewer = QtViewer(model, show_welcome_screen=False)
    viewer.canvas.events.draw.connect(_forget_errors_of_others, position="first")
    return viewer


def _forget_errors_of_others(_event: object) -> None:
    from vispy.gloo import gl

    # A lost context answers with an error for ever.
    for _ in range(_MOST_ERRORS):
        if not gl.glGetError():
            return
