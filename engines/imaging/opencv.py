"""The one place where OpenCV is imported.

opencv-python bundles Qt 5 and, on import, points Qt's plug-in and font variables (and the search path
of shared libraries) at its own copy, for this process and for every child of it. Qt 6 of the window
must never see those, so they are put back right after the import. Import OpenCV only as::

    from engines.imaging.opencv import cv2
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_PREFIXES = ("QT_", "QML", "LD_LIBRARY_PATH", "DYLD_")


@contextmanager
def _environment_kept(prefixes: tuple[str, ...]) -> Iterator[None]:
    """Undo every change to variables with one of the prefixes, those that were not set included."""
    before = {name: value for name, value in os.environ.items() if name.startswith(prefixes)}
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith(prefixes)]:
            if name not in before:
                del os.environ[name]
        os.environ.update(before)


with _environment_kept(_PREFIXES):
    import cv2

__all__ = ["cv2"]
