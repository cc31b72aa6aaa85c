"""Transforms from other programs: checked, then kept; see `imported_transforms`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from engines.contract.errors import GeometryError, PreconditionError, ProjectError
from engines.contract.geometry import FloatArray, Size
from engines.contract.transform_file import TransformFile
from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.transforms.quadratic_transform import QuadraticTransform
from engines.imaging.transforms.stored_transform import quadratic_record
from workstation.project.annotations import SIDES
from workstation.project.imported_transforms import IMPORTED, keep_imported
from workstation.project.importers.item_names import ItemNames
from workstation.project.items import Item, ItemFile
from workstation.project.project import Project

_FIT_NODES = 12
_SAME_PX = 0.05
_ITK_SUFFIXES = (".tfm", ".h5", ".hdf5")


def is_transform_file(path: Path) -> bool:
    """Tell whether a file is a transform: by suffix, or as JSON that holds a matrix and its frames."""
    suffix = path.suffix.lower()
    if suffix != ".json":
        return suffix in _ITK_SUFFIXES
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"matrix", "from_frame", "to_frame"} <= content.keys()


def import_transform(project: Project, path: Path, item_id: str | None = None) -> Path:
    """Keep a transform for an item.

    Parameters
    ----------
    project : Project
    path : Path
        ITK ``.tfm`` or ``.h5``, or the homography JSON.
    item_id : str or None
        None: told by the file's name.

    Returns
    -------
    Path
        Where it is kept.

    Raises
    ------
    GeometryError
        If the file is damaged, for images of other sizes, or curved in another way than quadratic.
    UnclearItemError
        If its name tells no item; it lists candidates.
    ProjectError
        If it cannot be kept.
    """
    from engines.imaging.transforms.formats import read_transform

    path = Path(path)
    if item_id is None:
        item_id = ItemNames(project.items.all()).find(path.stem, path.name)
    item = project.items.get(item_id)
    fixed, moving = (_file(item, side) for side in SIDES)
    fixed_size, moving_size = _size(fixed, item_id), _size(moving, item_id)
    transform = read_transform(path, fixed_size, moving_size)
    curve = transform if isinstance(transform, QuadraticTransform) else None
    # Beside its curve a quadratic transform keeps what stands for it where a matrix is asked for.
    matrix = _as_matrix(transform, fixed_size) if curve is None else curve.linear_part
    if matrix is None:
        raise GeometryError(
            "{file} holds a curved transform, and the project keeps transforms with a matrix only.",
            remedy="Give an affine transform, a homography, or the JSON of a quadratic transform.",
            file=path.name,
        )
    content = TransformFile(
        matrix=matrix.tolist(),
        fixed_size=fixed_size,
        moving_size=moving_size,
        model="quadratic" if curve is not None else "homography" if matrix[2, :2].any() else "affine",
        verdict="uncertain",
        method=IMPORTED,
        reason=f"Read from {path.name}; it was not verified.",
        fixed_sha256=fixed.sha256,
        moving_sha256=moving.sha256,
        quadratic=None if curve is None else quadratic_record(curve),
    )
    try:
        return keep_imported(project, item_id, content)
    except OSError as error:
        raise ProjectError(
            "The transform was not kept in {folder}: {reason}.",
            remedy="Free some space or reconnect the disk, then import again.",
            folder=project.folder,
            reason=error.strerror or str(error),
        ) from error


def _as_matrix(fixed_from_moving: PointTransform, fixed_size: Size) -> FloatArray | None:
    """Return the matrix; of a displacement field that is a homography in disguise, that homography."""
    if fixed_from_moving.matrix is not None:
        return fixed_from_moving.matrix
    from engines.imaging.transforms.transform_fits import fit_homography, residuals

    x, y = np.meshgrid(*(np.linspace(0, length - 1, _FIT_NODES) for length in fixed_size))
    fixed = np.column_stack([x.reshape(-1), y.reshape(-1)])
    moving = fixed_from_moving.apply_inverse(fixed)
    if not np.isfinite(moving).all():
        return None
    matrix: FloatArray = fit_homography(moving, fixed)
    return matrix if residuals(matrix, moving, fixed).max() <= _SAME_PX else None


def _file(item: Item, side: str) -> ItemFile:
    file = item.files.get(side)
    if file is None:
        raise PreconditionError(
            "Item {item} is no pair of images, so it takes no transform.",
            remedy="Choose an item with a fixed and a moving image.",
            item=item.id,
        )
    return file


def _size(file: ItemFile, item_id: str) -> Size:
    if file.width is None or file.height is None:
        raise PreconditionError("The size of an image of {item} is not known.", item=item_id)
    return file.width, file.height
