"""ITK transforms, ``.tfm`` (text) and ``.h5`` (HDF5), as SimpleITK, elastix, ANTs and 3D Slicer read them.

ITK maps points of the fixed (output) image to the moving one: the file holds ``moving_from_fixed``.
Coordinates are pixels, as for images of spacing 1 and origin 0.

- ``y = A (x - c) + t + c``, with the centre c: read with any, written with ``c = 0``.
- Of a composite the last component is applied first; SimpleITK does that.
- ITK has no projective or thin-plate class that others read. A projective transform whose perspective
  moves no point of the fixed image by `NEGLIGIBLE_PX` is written as affine; every other one as a
  displacement field over the fixed image, fine enough that linear interpolation is off by no more than
  `NEGLIGIBLE_PX` where the transform is smooth. Outside the fixed image such a file says nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray, Size, apply_homography, invert, normalise
from engines.imaging.transforms.formats.displacement_field import DisplacementField, TurnedRound
from engines.imaging.transforms.point_transform import PointTransform, ProjectiveTransform
from engines.imaging.transforms.transform_fits import fit_affine

NEGLIGIBLE_PX = 0.01
_STEPS_PX = (32, 16, 8, 4, 2)
_NOWHERE_PX = -1e6
_SAMPLING_STEP_PX = 2.0


def write_itk(path: Path, fixed_from_moving: PointTransform, fixed_size: Size) -> None:
    """Write a transform; the suffix says whether as text or as HDF5.

    Parameters
    ----------
    path : Path
        ``.tfm`` or ``.h5``; replaced when it exists.
    fixed_from_moving : PointTransform
    fixed_size : (width, height), px
        Of the fixed image, which a displacement field covers.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    matrix = fixed_from_moving.matrix
    moving_from_fixed = None if matrix is None else _as_affine(invert(matrix), fixed_size)
    if moving_from_fixed is not None:
        transform = sitk.AffineTransform(2)
        transform.SetMatrix(moving_from_fixed[:2, :2].reshape(-1).tolist())
        transform.SetTranslation(moving_from_fixed[:2, 2].tolist())
    else:
        transform = _displacement_transform(fixed_from_moving, fixed_size)
    path.parent.mkdir(parents=True, exist_ok=True)
    # SimpleITK takes plain names only on Windows, and leaves half a file behind when the disk is full.
    with tempfile.TemporaryDirectory(prefix="transform") as folder:
        plain = Path(folder) / f"transform{path.suffix.lower()}"
        try:
            sitk.WriteTransform(transform, str(plain))
        except RuntimeError as error:
            raise OSError(f"{path}: {error}") from error
        beside = path.with_name(f".{path.name}.part")
        try:
            shutil.copyfile(plain, beside)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def read_itk(path: Path, fixed_size: Size | None = None) -> PointTransform:
    """Read a transform.

    Parameters
    ----------
    path : Path
    fixed_size : (width, height) or None, px
        Needed for curved transforms that are no displacement field, such as B-splines.

    Returns
    -------
    PointTransform
        ``fixed_from_moving``; with a matrix when the file holds a linear transform.

    Raises
    ------
    GeometryError
        If the file is no transform of two dimensions, or cannot be inverted.
    """
    transform = _read(path)
    if transform.GetDimension() != 2:
        raise GeometryError(
            "{file} holds a transform of {dimension} dimensions.",
            remedy="Images here have two: export the transform of two 2-D images.",
            file=path.name,
            dimension=transform.GetDimension(),
        )
    if transform.IsLinear():
        return ProjectiveTransform(invert(_matrix(transform)))
    field = _field_of(transform)
    if field is None:
        if fixed_size is None:
            raise GeometryError(
                "{file} holds a curved transform, which is read for an image of known size only.",
                remedy="Name the item that it belongs to.",
                file=path.name,
            )
        field = _sampled(transform, fixed_size)
    steps = np.array(field.GetDirection()).reshape(2, 2) * np.array(field.GetSpacing())
    displacements = sitk.GetArrayFromImage(field)
    if min(displacements.shape[:2]) < 2:
        raise GeometryError("{file} holds a displacement field of less than 2 x 2 nodes.", file=path.name)
    x, y = field.GetOrigin()
    return TurnedRound(DisplacementField(displacements, (x, y), steps))


def _read(path: Path) -> sitk.Transform:
    try:
        with tempfile.TemporaryDirectory(prefix="transform") as folder:
            plain = Path(folder) / f"transform{path.suffix.lower()}"
            shutil.copyfile(path, plain)
            return sitk.ReadTransform(str(plain))
    except (RuntimeError, OSError) as error:
        raise GeometryError(
            "{file} cannot be read as an ITK transform.",
            remedy="Give a .tfm, .txt or .h5 file that ITK, SimpleITK or 3D Slicer wrote.",
            file=path.name,
        ) from error


def _matrix(transform: sitk.Transform) -> FloatArray:
    origin, right, below = (
        np.array(transform.TransformPoint(point)) for point in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    )
    matrix = np.eye(3)
    matrix[:2] = np.column_stack([right - origin, below - origin, origin])
    return matrix


def _as_affine(moving_from_fixed: FloatArray, fixed_size: Size) -> FloatArray | None:
    """Return the affine transform that a projective one is, or None when its perspective matters."""
    projective = normalise(moving_from_fixed)
    if not projective[2, :2].any():
        return projective
    nodes = _nodes(fixed_size, max(max(fixed_size) / 8, 1.0))[0].reshape(-1, 2)
    mapped = apply_homography(projective, nodes)
    if not np.isfinite(mapped).all():
        return None
    affine = fit_affine(nodes, mapped)
    worst = np.abs(apply_homography(affine, nodes) - mapped).max()
    return affine if worst <= NEGLIGIBLE_PX else None


def _displacement_transform(
    fixed_from_moving: PointTransform, fixed_size: Size
) -> sitk.DisplacementFieldTransform:
    for step in _STEPS_PX:
        nodes, displacements = _displacements(fixed_from_moving, fixed_size, step)
        if step == _STEPS_PX[-1] or _interpolation_error(fixed_from_moving, nodes, displacements) <= (
            NEGLIGIBLE_PX
        ):
            break
    image = sitk.GetImageFromArray(displacements, isVector=True)
    image.SetSpacing((float(step), float(step)))
    return sitk.DisplacementFieldTransform(image)


def _nodes(fixed_size: Size, step: float) -> tuple[FloatArray, tuple[int, int]]:
    """Return the grid from the first pixel's centre to the last one's or beyond, ``(rows, columns, 2)``."""
    columns, rows = (int(np.ceil((length - 1) / step)) + 1 for length in fixed_size)
    columns, rows = max(columns, 2), max(rows, 2)
    x, y = np.meshgrid(np.arange(columns) * float(step), np.arange(rows) * float(step))
    return np.stack([x, y], axis=2), (rows, columns)


def _displacements(
    fixed_from_moving: PointTransform, fixed_size: Size, step: float
) -> tuple[FloatArray, FloatArray]:
    nodes, shape = _nodes(fixed_size, step)
    mapped = fixed_from_moving.apply_inverse(nodes.reshape(-1, 2)).reshape(*shape, 2)
    # Where the transform has no place, a point far outside every moving image.
    is_nowhere = ~np.isfinite(mapped).all(axis=2)
    mapped[is_nowhere] = _NOWHERE_PX
    return nodes, mapped - nodes


def _interpolation_error(
    fixed_from_moving: PointTransform, nodes: FloatArray, displacements: FloatArray
) -> float:
    """Return the largest error in the middle of the cells, px, where all of it is defined."""
    corners = [displacements[y:, x:] for y in (0, 1) for x in (0, 1)]
    rows, columns = nodes.shape[0] - 1, nodes.shape[1] - 1
    mean = sum(corner[:rows, :columns] for corner in corners) / 4
    middles = (nodes[:-1, :-1] + nodes[1:, 1:]) / 2
    mapped = fixed_from_moving.apply_inverse(middles.reshape(-1, 2)).reshape(rows, columns, 2)
    error = np.hypot(*np.moveaxis(mapped - middles - mean, 2, 0))
    is_defined = np.isfinite(error) & (error < -_NOWHERE_PX / 100)
    return float(error[is_defined].max(initial=0.0))


def _field_of(transform: sitk.Transform) -> sitk.Image | None:
    """Return the displacement field of a transform that is nothing else."""
    if transform.GetTransformEnum() == sitk.sitkComposite:
        composite = sitk.CompositeTransform(transform)
        if composite.GetNumberOfTransforms() != 1:
            return None
        transform = composite.GetNthTransform(0)
    if transform.GetTransformEnum() != sitk.sitkDisplacementField:
        return None
    return sitk.DisplacementFieldTransform(transform).GetDisplacementField()


def _sampled(transform: sitk.Transform, fixed_size: Size) -> sitk.Image:
    _nodes_xy, (rows, columns) = _nodes(fixed_size, _SAMPLING_STEP_PX)
    return sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, (columns, rows), (0.0, 0.0), (_SAMPLING_STEP_PX,) * 2
    )
