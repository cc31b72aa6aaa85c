"""Surfaces of the visible classes of a label map, made on a thread some time after the last edit."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from engines.imaging.volumes.volume import Volume
from workstation.controllers.background import Background, CancelToken
from workstation.views.protocols.volume import SurfaceMesh

DELAY_MS = 1000
"""After the last edit; a hand that draws is never disturbed."""
LARGEST_NUM_FACES = 400_000
"""Of all classes together."""
SMALLEST_NUM_FACES = 8_000

_CHANNEL = "volume.surfaces"
_Cache = dict[tuple[str, int], tuple[int, SurfaceMesh | None]]


@dataclass(frozen=True)
class SurfaceRequest:
    """What is to be shown.

    Parameters
    ----------
    key : str
        Label map.
    volume : Volume
    colours : mapping of label to "#rrggbb"
        The visible classes.
    """

    key: str
    volume: Volume
    colours: Mapping[int, str]


def make_surfaces(
    request: SurfaceRequest, cache: _Cache, should_stop: Callable[[], bool]
) -> tuple[SurfaceMesh, ...] | None:
    """Return one surface for each class that has voxels, or None when it was stopped; slow.

    Parameters
    ----------
    cache : dict
        Surfaces made before by label map and label, with a checksum of their voxels; added to.
    """
    # scikit-image takes long to import, and nothing else of the screen needs it.
    from engines.imaging.volumes.surfaces import surface_of

    meshes = []
    budget = max(SMALLEST_NUM_FACES, LARGEST_NUM_FACES // max(1, len(request.colours)))
    for value, colour in request.colours.items():
        if should_stop():
            return None
        mask = request.volume.voxels == value
        checksum = zlib.crc32(np.packbits(mask.ravel(order="K")).data)
        known = cache.get((request.key, value))
        if known is None or known[0] != checksum:
            mesh = None
            if mask.any():
                vertices, faces = surface_of(mask, request.volume.geometry, largest_num_faces=budget)
                mesh = SurfaceMesh(vertices, faces, colour, key=str(value))
            known = cache[request.key, value] = (checksum, mesh)
        if known[1] is not None:
            meshes.append(SurfaceMesh(known[1].vertices_mm, known[1].faces, colour, key=str(value)))
    return tuple(meshes)


class SurfaceUpdates(QObject):
    """Keeps the surfaces up to date; newer work ends what is under way.

    Parameters
    ----------
    background : Background
    asked : callable
        Returns what is to be shown now, or None for nothing.
    is_drawing : callable
        While this is true nothing is begun: a thread that works makes the stroke stutter.

    Signals
    -------
    made : tuple of SurfaceMesh
    """

    made = Signal(object)

    def __init__(
        self,
        background: Background,
        asked: Callable[[], SurfaceRequest | None],
        is_drawing: Callable[[], bool] = lambda: False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._background = background
        self._asked = asked
        self._is_drawing = is_drawing
        self._token = CancelToken()
        self._cache: _Cache = {}
        self._is_on = True
        self._made: tuple[SurfaceMesh, ...] = ()
        self._marks: tuple[SurfaceMesh, ...] = ()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self.make)

    def set_on(self, is_on: bool) -> None:
        """Make surfaces, or none while no pane shows them."""
        was_on, self._is_on = self._is_on, is_on
        if not is_on:
            self.stop()
        elif not was_on:
            self.make()

    def set_marks(self, marks: Sequence[SurfaceMesh]) -> None:
        """Show these above the surfaces, a chosen component for example, until others are given."""
        self._marks = tuple(marks)
        self.made.emit((*self._made, *self._marks))

    def make_later(self) -> None:
        """Make them when nothing was edited for a while."""
        self._token.cancel()
        if self._is_on:
            self._timer.start()

    def make(self) -> None:
        """Make them now."""
        self.stop()
        if self._is_drawing():
            self.make_later()
            return
        request = self._asked()
        if not self._is_on:
            return
        if request is None or not request.colours:
            self._on_made(())
            return
        token, cache = CancelToken(), self._cache
        self._token = token
        self._background.submit(
            _CHANNEL, lambda: make_surfaces(request, cache, token.is_cancelled), self._on_made
        )

    def stop(self) -> None:
        """End what is under way."""
        self._timer.stop()
        self._token.cancel()
        self._background.drop(_CHANNEL)

    def forget(self) -> None:
        """Let go of every surface; another case comes."""
        self.stop()
        # Not emptied: a thread may still be adding to it.
        self._cache = {}
        self._marks = ()
        self._on_made(())

    def _on_made(self, meshes: Sequence[SurfaceMesh] | None) -> None:
        if meshes is not None:
            self._made = tuple(meshes)
            self.made.emit((*self._made, *self._marks))
