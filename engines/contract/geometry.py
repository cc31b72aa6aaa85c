"""Coordinates: the one convention, written down, and the conversions that follow from it.

2-D images
    A point is ``(x, y)`` in pixels, x to the right and y down; the centre of the first pixel is
    ``(0, 0)``, so an image of width w covers ``-0.5 <= x <= w - 0.5``. Arrays are ``(height, width)``.
3-D volumes
    Arrays are ``(z, y, x)``. A voxel position is ``(z, y, x)`` with the first voxel's centre at 0.
    World positions are ``(x, y, z)`` in millimetres, RAS+ (x to the right, y to the front, z up), as
    in NIfTI. `affine` maps homogeneous voxel ``(x, y, z)`` to world, also as in NIfTI.
Transforms
    Matrices act on column vectors and are named ``out_from_in``; they are read right to left.
    ``homography_fixed_from_moving`` maps moving pixels to fixed pixels; the ``T_0to1`` of the
    registration literature, with image 0 fixed, is ``homography_moving_from_fixed``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError

FloatArray: TypeAlias = npt.NDArray[np.float64]
Size: TypeAlias = tuple[int, int]
"""Image size as ``(width, height)`` in pixels."""

PIXEL_CONVENTION = "x right, y down, centre of the first pixel at (0, 0)"


def as_points_xy(points_xy: npt.ArrayLike) -> FloatArray:
    """Return points as float64 ``(N, 2)``.

    Raises
    ------
    GeometryError
        If the array has another shape.
    """
    points = np.asarray(points_xy, dtype=np.float64)
    if points.size == 0:
        return points.reshape(0, 2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise GeometryError("Points must be an (N, 2) array of x and y, not {shape}.", shape=points.shape)
    return points


def apply_homography(matrix: npt.ArrayLike, points_xy: npt.ArrayLike) -> FloatArray:
    """Map points by a 3x3 homography.

    Parameters
    ----------
    matrix : array_like, (3, 3)
        ``out_from_in``.
    points_xy : array_like, (N, 2)
        Points in the *in* frame, pixels.

    Returns
    -------
    ndarray of float64, (N, 2)
        Points in the *out* frame. A point on the horizon line becomes ``inf``.
    """
    points = as_points_xy(points_xy)
    homography = np.asarray(matrix, dtype=np.float64)
    if homography.shape != (3, 3):
        raise GeometryError("A homography is a 3x3 matrix, not {shape}.", shape=homography.shape)
    mapped = np.column_stack([points, np.ones(len(points))]) @ homography.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(mapped[:, :2] / mapped[:, 2:], dtype=np.float64)


def compose(*matrices: npt.ArrayLike) -> FloatArray:
    """Return the product of ``out_from_in`` matrices, scaled so that the last entry is 1 where it can be."""
    product = np.eye(3)
    for matrix in matrices:
        product = product @ np.asarray(matrix, dtype=np.float64)
    return normalise(product)


def invert(matrix: npt.ArrayLike) -> FloatArray:
    """Return ``in_from_out`` of an ``out_from_in`` homography.

    Raises
    ------
    GeometryError
        If the matrix is singular.
    """
    try:
        return normalise(np.linalg.inv(np.asarray(matrix, dtype=np.float64)))
    except np.linalg.LinAlgError as error:
        raise GeometryError("The transform cannot be inverted: its matrix is singular.") from error


def normalise(matrix: npt.ArrayLike) -> FloatArray:
    """Scale a homography so that its last entry is 1, unless that entry is 0."""
    homography = np.asarray(matrix, dtype=np.float64)
    last = homography[2, 2]
    return homography / last if abs(last) > 1e-12 else homography


def resize_matrix(in_size: tuple[float, float], out_size: tuple[float, float]) -> FloatArray:
    """Return the exact pixel-centre matrix ``out_from_in`` of a resize.

    Image edges map to image edges, so ``x_out = (x_in + 0.5) * s - 0.5``.

    Parameters
    ----------
    in_size, out_size : (width, height), px
    """
    scale_x, scale_y = out_size[0] / in_size[0], out_size[1] / in_size[1]
    return np.array(
        [[scale_x, 0.0, 0.5 * scale_x - 0.5], [0.0, scale_y, 0.5 * scale_y - 0.5], [0.0, 0.0, 1.0]]
    )


def translation_matrix(offset_xy: tuple[float, float]) -> FloatArray:
    """Return the matrix that adds an offset in pixels."""
    matrix = np.eye(3)
    matrix[:2, 2] = offset_xy
    return matrix


def similarity_matrix(
    angle_deg: float,
    scale: float,
    centre_xy: tuple[float, float],
    offset_xy: tuple[float, float] = (0.0, 0.0),
) -> FloatArray:
    """Return a turn and scaling about a centre, followed by a shift.

    Parameters
    ----------
    angle_deg : float
        Degrees, counter-clockwise as seen on the screen (y points down).
    scale : float
        Ratio of out to in.
    centre_xy, offset_xy : (x, y), px
    """
    angle = np.deg2rad(angle_deg)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    to_centre = translation_matrix((centre_xy[0] + offset_xy[0], centre_xy[1] + offset_xy[1]))
    matrix: FloatArray = to_centre @ turn @ translation_matrix((-centre_xy[0], -centre_xy[1]))
    return matrix


def rotation_on_enlarged_canvas(size: Size, angle_deg: float) -> tuple[FloatArray, Size]:
    """Return the rotation of an image about its centre on a canvas that cuts nothing.

    Parameters
    ----------
    size : (width, height), px
    angle_deg : float
        Degrees, counter-clockwise as seen on the screen.

    Returns
    -------
    rotated_from_original : ndarray of float64, (3, 3)
        Exactly the identity at 0 degrees.
    rotated_size : (width, height), px
    """
    if angle_deg % 360.0 == 0.0:
        return np.eye(3), size
    width, height = size
    angle = np.deg2rad(angle_deg)
    cosine, sine = abs(np.cos(angle)), abs(np.sin(angle))
    out_width = int(np.ceil(width * cosine + height * sine - 1e-6))
    out_height = int(np.ceil(width * sine + height * cosine - 1e-6))
    centre = ((width - 1) / 2, (height - 1) / 2)
    offset = ((out_width - 1) / 2 - centre[0], (out_height - 1) / 2 - centre[1])
    return similarity_matrix(angle_deg, 1.0, centre, offset), (out_width, out_height)


def image_corners_xy(size: Size) -> FloatArray:
    """Return the centres of the four corner pixels, clockwise from the top left, ``(4, 2)``."""
    width, height = size
    return np.array([[0.0, 0.0], [width - 1.0, 0.0], [width - 1.0, height - 1.0], [0.0, height - 1.0]])


def inside(points_xy: npt.ArrayLike, size: Size, margin_px: float = 0.0) -> npt.NDArray[np.bool_]:
    """Tell which points lie on an image of ``(width, height)``, at least `margin_px` from its edge pixels."""
    points = as_points_xy(points_xy)
    limit = np.array([size[0] - 1.0, size[1] - 1.0]) - margin_px
    return np.asarray(np.all((points >= margin_px) & (points <= limit), axis=1))


@dataclass(frozen=True)
class VolumeGeometry:
    """Where a volume lies in the world.

    Parameters
    ----------
    shape_zyx : tuple of int
        Number of voxels.
    affine : ndarray of float64, (4, 4)
        World ``(x, y, z)`` in mm, RAS+, from voxel ``(x, y, z)``.
    """

    shape_zyx: tuple[int, int, int]
    affine: FloatArray

    def __post_init__(self) -> None:
        if np.shape(self.affine) != (4, 4) or abs(np.linalg.det(self.affine[:3, :3])) < 1e-12:
            raise GeometryError(
                "The volume's affine is not an invertible 4x4 matrix.",
                remedy="Check the orientation fields of the file.",
            )

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres as ``(z, y, x)`` in mm."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    def world_from_voxel(self, voxels_zyx: npt.ArrayLike) -> FloatArray:
        """Map voxel positions ``(N, 3)`` in ``(z, y, x)`` to world ``(x, y, z)`` in mm."""
        voxels = np.atleast_2d(np.asarray(voxels_zyx, dtype=np.float64))[:, ::-1]
        return np.asarray(voxels @ self.affine[:3, :3].T + self.affine[:3, 3], dtype=np.float64)

    def voxel_from_world(self, world_xyz_mm: npt.ArrayLike) -> FloatArray:
        """Map world positions ``(N, 3)`` in ``(x, y, z)`` mm to voxels in ``(z, y, x)``."""
        world = np.atleast_2d(np.asarray(world_xyz_mm, dtype=np.float64)) - self.affine[:3, 3]
        return np.asarray((world @ np.linalg.inv(self.affine[:3, :3]).T)[:, ::-1], dtype=np.float64)

    def is_same_grid(self, other: VolumeGeometry, tolerance_mm: float = 1e-3) -> bool:
        """Tell whether two volumes share shape and affine up to a tolerance."""
        return self.shape_zyx == other.shape_zyx and bool(
            np.allclose(self.affine, other.affine, atol=tolerance_mm)
        )
