"""The chosen components, outlined in the slices and as a surface in 3-D; made on a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engines.imaging.volumes.volume import VolumeGeometry
from workstation.controllers.review.component_survey import Survey
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.volume import LabelLayer, LabelStyle, SurfaceMesh

if TYPE_CHECKING:
    from workstation.controllers.volume.volume_controller import VolumeController

KEY = "components.chosen"
_Made = tuple[npt.NDArray[np.uint8], tuple[SurfaceMesh, ...]]
_CHANNEL = "components.highlight"
_LARGEST_NUM_FACES = 60_000


class ComponentHighlight:
    """What is chosen, for the eye.

    Parameters
    ----------
    workbench : Workbench
    volumes : VolumeController
    colour : "#rrggbb"
    """

    def __init__(self, workbench: Workbench, volumes: VolumeController, colour: str) -> None:
        self._bench = workbench
        self._volumes = volumes
        self._colour = colour
        self._is_shown = False

    def show(self, survey: Survey | None, keys: Sequence[str], geometry: VolumeGeometry | None) -> None:
        """Show some lines of a survey; none takes it away."""
        if survey is None or geometry is None or not keys:
            self._bench.background.drop(_CHANNEL)
            # Surfaces are shown anew each time, which is not free while somebody draws.
            if self._is_shown:
                self._is_shown = False
                self._volumes.remove_labels(KEY)
                self._volumes.surfaces.set_marks(())
            return
        colour = self._colour
        self._bench.background.submit(
            _CHANNEL,
            lambda: (_outlined(survey, keys, geometry), _meshes(survey, keys, geometry, colour)),
            lambda made: self._on_made(made, geometry),
        )

    def _on_made(self, made: _Made, geometry: VolumeGeometry) -> None:
        labels, meshes = made
        self._is_shown = True
        layer = LabelLayer(
            KEY, "", labels, geometry, {1: self._colour}, opacity=1.0, style=LabelStyle.OUTLINE
        )
        self._volumes.add_labels(layer)
        self._volumes.surfaces.set_marks(meshes)


def _outlined(survey: Survey, keys: Sequence[str], geometry: VolumeGeometry) -> npt.NDArray[np.uint8]:
    # Pages of zeros that nobody writes to take no memory.
    labels = np.zeros(geometry.shape, dtype=np.uint8, order="F")
    for mask, box in survey.masks(keys):
        labels[box][mask] = 1
    return labels


def _meshes(
    survey: Survey, keys: Sequence[str], geometry: VolumeGeometry, colour: str
) -> tuple[SurfaceMesh, ...]:
    # scikit-image takes long to import, and nothing else of the screen needs it.
    from engines.imaging.volumes.surfaces import surface_of

    meshes = []
    for mask, box in survey.masks(keys):
        moved = np.eye(4)
        moved[:3, 3] = [side.start for side in box]
        i, j, k = mask.shape
        grid = VolumeGeometry((i, j, k), geometry.world_from_voxel @ moved)
        vertices, faces = surface_of(mask, grid, largest_num_faces=_LARGEST_NUM_FACES)
        vertices = _grown(vertices, faces, 0.3 * min(geometry.spacing_mm))
        meshes.append(SurfaceMesh(vertices, faces, colour, key=KEY))
    return tuple(meshes)


def _grown(
    vertices_mm: npt.NDArray[np.float32], faces: npt.NDArray[np.int32], distance_mm: float
) -> npt.NDArray[np.float32]:
    """Return a surface a little outside, so that it covers the one of its class."""
    corners = vertices_mm[faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outwards = np.zeros((len(vertices_mm), 3))
    for corner in range(3):
        np.add.at(outwards, faces[:, corner], across)
    outwards /= np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-12)
    return (vertices_mm + distance_mm * outwards).astype(np.float32)
