"""Closed surfaces of masks, in world mm, and STL files of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError, InputError
from engines.contract.files import write_bytes_atomically
from engines.contract.geometry import FloatArray
from engines.imaging.volumes.volume import VolumeGeometry, VoxelArray

Vertices: TypeAlias = npt.NDArray[np.float32]
Faces: TypeAlias = npt.NDArray[np.int32]

LARGEST_NUM_FACES = 200_000
_NUM_SMOOTHINGS = 16
_SMOOTHING = (0.5, -0.53)
"""A step inwards and a slightly longer one outwards (Taubin 1995): steps go away, the size stays."""
_LARGEST_OFFSET_VOXELS = 0.25
_STL_HEADER = b"binary STL, mm, SPACE=LPS"
_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def surface_of(
    mask: VoxelArray,
    geometry: VolumeGeometry,
    *,
    smallest_step_mm: float | None = None,
    largest_num_faces: int = LARGEST_NUM_FACES,
) -> tuple[Vertices, Faces]:
    """Return the smoothed surface of a mask; it is closed, also where the mask meets the edge of the grid.

    Only the bounding box of the mask is worked on. Where the surface would have too many faces, voxels are
    averaged in blocks first, so very thin parts may then be lost.

    Parameters
    ----------
    mask : ndarray, (I, J, K)
        Anything but 0 is inside.
    geometry : VolumeGeometry
    smallest_step_mm : float or None
        Voxels are averaged up to about this size; None: as they are.
    largest_num_faces : int
        About as many triangles are returned at most.

    Returns
    -------
    vertices : ndarray of float32, (N, 3)
        World RAS mm.
    faces : ndarray of int32, (M, 3)
        Corners of each triangle, counter-clockwise seen from outside, whichever way the axes point.

    Raises
    ------
    InputError
        If the mask is empty.
    GeometryError
        If mask and grid do not fit.
    """
    from skimage.measure import marching_cubes

    if mask.shape != geometry.shape:
        raise GeometryError(
            "A mask of {shape} voxels does not lie on a grid of {expected}.",
            shape=" x ".join(map(str, mask.shape)),
            expected=" x ".join(map(str, geometry.shape)),
        )
    inside, start = _cropped(mask)
    factors = _factors(inside, geometry, smallest_step_mm, largest_num_faces)
    filled = _averaged(inside, factors)
    num_averaged = int(np.prod(factors))
    # Averages of blocks are often exactly one half, which would give triangles without an area.
    level = 0.5 if num_averaged == 1 else 0.5 - 0.25 / num_averaged
    corners, faces, _normals, _values = marching_cubes(np.pad(filled, 1), level)
    voxels = (corners.astype(np.float64) - 1.0 + 0.5) * factors - 0.5 + start
    vertices = _smoothed(geometry.world_of(voxels), faces)
    if signed_volume_ml(vertices, faces) < 0:
        faces = faces[:, ::-1]
    solid_ml = float(np.count_nonzero(inside)) * geometry.voxel_volume_ml
    limit_mm = _LARGEST_OFFSET_VOXELS * float((np.array(geometry.spacing_mm) * factors).min())
    vertices = _with_volume(vertices, faces, solid_ml, limit_mm)
    return vertices.astype(np.float32), np.ascontiguousarray(faces, dtype=np.int32)


def signed_volume_ml(vertices: npt.NDArray[np.floating], faces: npt.NDArray[np.integer]) -> float:
    """Return the volume of a closed surface, vertices in mm; negative when its triangles face inwards."""
    a, b, c = (vertices[faces[:, corner]].astype(np.float64) for corner in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6000.0


def write_stl(path: str | os.PathLike[str], vertices: Vertices, faces: Faces) -> Path:
    """Write a surface as a binary STL file, atomically.

    The file holds LPS positions, as other medical programs expect, and says so in its header.

    Parameters
    ----------
    path : path
    vertices, faces : ndarray
        As from `surface_of`: world RAS mm.

    Raises
    ------
    OSError
        If the disk refuses; the file that was there is untouched.
    """
    lps = np.asarray(vertices, dtype=np.float32) * np.array([-1.0, -1.0, 1.0], dtype=np.float32)
    triangles = np.zeros(len(faces), dtype=_STL_TRIANGLE)
    corners = lps[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    triangles["normal"] = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    triangles["corners"] = corners
    header = _STL_HEADER.ljust(80, b" ") + np.uint32(len(faces)).tobytes()
    target = Path(path)
    write_bytes_atomically(target, header + triangles.tobytes())
    return target


def _cropped(mask: VoxelArray) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    """Return the part of the mask within its bounding box, and where it begins."""
    inside: VoxelArray = mask
    start = np.zeros(3)
    for axis in (2, 0, 1):
        occupied = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        if not occupied.size:
            raise InputError("The mask is empty: it has no surface.", remedy="Choose a class that is drawn.")
        start[axis] = occupied[0]
        inside = inside.take(range(occupied[0], occupied[-1] + 1), axis=axis)
    return inside.astype(bool), start


def _factors(
    inside: npt.NDArray[np.bool_], geometry: VolumeGeometry, step_mm: float | None, largest_num_faces: int
) -> npt.NDArray[np.int64]:
    """Return how many voxels are averaged along each axis."""
    spacing = np.array(geometry.spacing_mm)
    factors = np.maximum(1, np.round((step_mm or 0.0) / spacing)).astype(np.int64)
    while _num_faces(_averaged(inside, factors)) > largest_num_faces:
        sizes = factors * spacing
        # The finest axes grow first, so that blocks become cubes.
        coarser = np.where(sizes <= sizes.min() * 1.5, factors + 1, factors)
        if not (_averaged(inside, coarser) >= 0.5).any():
            break
        factors = coarser
    return factors


def _num_faces(filled: npt.NDArray[np.float32]) -> int:
    # Marching cubes makes a vertex for each edge of the grid that leaves the solid, and two faces a vertex.
    solid = np.pad(filled >= 0.5, 1)
    return 2 * sum(int(np.count_nonzero(np.diff(solid, axis=axis))) for axis in range(3))


def _averaged(inside: npt.NDArray[np.bool_], factors: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the filled fraction of each block; blocks begin at the first voxel."""
    if (factors == 1).all():
        return inside.astype(np.float32)
    counts = -(-np.array(inside.shape) // factors)
    padded = np.pad(inside, [(0, int(end)) for end in counts * factors - inside.shape])
    blocks = padded.reshape([int(size) for pair in zip(counts, factors, strict=True) for size in pair])
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))


def _smoothed(vertices: FloatArray, faces: npt.NDArray[np.integer]) -> FloatArray:
    from scipy.sparse import coo_matrix, diags

    count = len(vertices)
    rows = np.concatenate([faces[:, 0], faces[:, 1], faces[:, 2]])
    columns = np.concatenate([faces[:, 1], faces[:, 2], faces[:, 0]])
    neighbours = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count)).tocsr()
    neighbours = neighbours.maximum(neighbours.T)
    neighbours.data[:] = 1.0
    mean = diags(1.0 / np.maximum(np.asarray(neighbours.sum(axis=1)).ravel(), 1.0)) @ neighbours
    for _ in range(_NUM_SMOOTHINGS):
        for weight in _SMOOTHING:
            vertices = vertices + weight * (mean @ vertices - vertices)
    return vertices


def _with_volume(
    vertices: FloatArray, faces: npt.NDArray[np.integer], volume_ml: float, limit_mm: float
) -> FloatArray:
    """Move the surface along its normals by one distance, so that it encloses a volume.

    Marching cubes cuts the corners of voxels, which takes a large part of a thin vessel.
    """
    for _ in range(2):
        a, b, c = (vertices[faces[:, corner]] for corner in range(3))
        cross = np.cross(b - a, c - a)
        normals = np.zeros_like(vertices)
        for corner in range(3):
            for axis in range(3):
                normals[:, axis] += np.bincount(
                    faces[:, corner], weights=cross[:, axis], minlength=len(vertices)
                )
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        area_mm2 = float(np.linalg.norm(cross, axis=1).sum()) / 2.0
        missing_mm3 = (volume_ml - signed_volume_ml(vertices, faces)) * 1000.0
        offset_mm = float(np.clip(missing_mm3 / max(area_mm2, 1e-12), -limit_mm, limit_mm))
        vertices = vertices + offset_mm * np.divide(
            normals, lengths, out=np.zeros_like(normals), where=lengths > 0
        )
    return vertices
