"""The formats of transforms by suffix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engines.contract.errors import GeometryError
from engines.contract.geometry import Size
from engines.contract.messages import Message
from engines.contract.transform_file import TransformFile
from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.transforms.stored_transform import stored_transform


@dataclass(frozen=True, slots=True)
class TransformDescription:
    """What is known of a transform beside where it maps; the JSON keeps it, ITK files cannot.

    Parameters
    ----------
    fixed_size, moving_size : (width, height), px
    model : str
        similarity, affine, homography, ...
    method : str
        ``"landmark_fit"`` for a fit to pairs, else the method of the registration.
    inliers : int or None
        Pairs that it is fitted to.
    rmse_px : float or None
    fixed_sha256, moving_sha256, software : str
    """

    fixed_size: Size
    moving_size: Size
    model: str
    method: str
    inliers: int | None = None
    rmse_px: float | None = None
    fixed_sha256: str = ""
    moving_sha256: str = ""
    software: str = ""


@dataclass(frozen=True, slots=True)
class TransformFormat:
    """A format of transforms: its suffix, its name, and what others should know."""

    suffix: str
    title: Message
    explanation: Message


FORMATS: Mapping[str, TransformFormat] = {
    known.suffix: known
    for known in (
        TransformFormat(
            ".tfm",
            Message("ITK transform (text)"),
            Message("For SimpleITK and 3D Slicer; a displacement field unless the transform is affine."),
        ),
        TransformFormat(
            ".h5",
            Message("ITK transform (HDF5)"),
            Message("For SimpleITK and 3D Slicer; a displacement field unless the transform is affine."),
        ),
        TransformFormat(
            ".json",
            Message("Homography JSON"),
            Message("The matrix from moving to fixed pixels, with sizes, model and hashes of the images."),
        ),
    )
}


def write_transform(path: Path, fixed_from_moving: PointTransform, description: TransformDescription) -> None:
    """Write a transform in the format of the suffix.

    Raises
    ------
    GeometryError
        If the suffix is none of `FORMATS`, or JSON cannot hold a curved transform.
    OSError
        If the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise GeometryError(
            "'{suffix}' is no format of transforms.",
            remedy="Choose one of: {known}.",
            suffix=suffix,
            known=", ".join(FORMATS),
        )
    if suffix != ".json":
        # SimpleITK takes a moment to load, and a window needs it only here.
        from engines.imaging.transforms.formats.itk import write_itk

        write_itk(path, fixed_from_moving, description.fixed_size)
        return
    if fixed_from_moving.matrix is None:
        raise GeometryError(
            "A transform of the model '{model}' has no matrix, which the JSON would hold.",
            remedy="Export it as .tfm or .h5, or choose a similarity, affine transform or homography.",
            model=description.model,
        )
    TransformFile(
        matrix=fixed_from_moving.matrix.tolist(),
        fixed_size=description.fixed_size,
        moving_size=description.moving_size,
        model=description.model,
        verdict="registered",
        method=description.method,
        inliers=description.inliers,
        rmse_px=description.rmse_px,
        fixed_sha256=description.fixed_sha256,
        moving_sha256=description.moving_sha256,
        software=description.software,
    ).write(path)


def read_transform(
    path: Path, fixed_size: Size | None = None, moving_size: Size | None = None
) -> PointTransform:
    """Read a transform of any of `FORMATS`.

    Parameters
    ----------
    path : Path
    fixed_size, moving_size : (width, height) or None, px
        Of the images that it shall belong to: a JSON for images of other sizes is refused.

    Returns
    -------
    PointTransform
        ``fixed_from_moving``.

    Raises
    ------
    GeometryError
        If the file is damaged, holds no transform, or belongs to images of other sizes.
    """
    if path.suffix.lower() != ".json":
        from engines.imaging.transforms.formats.itk import read_itk

        return read_itk(path, fixed_size)
    content = TransformFile.read(path)
    for side, said, actual in (
        ("fixed", content.fixed_size, fixed_size),
        ("moving", content.moving_size, moving_size),
    ):
        if actual is not None and said != tuple(actual):
            raise GeometryError(
                "{file} is for a {side} image of {said_width} x {said_height} pixels, and this one has "
                "{width} x {height}.",
                remedy="Use the transform of these two images.",
                file=path.name,
                side=side,
                said_width=said[0],
                said_height=said[1],
                width=actual[0],
                height=actual[1],
            )
    transform = stored_transform(content)
    if transform is None:
        raise GeometryError(
            "{file} says that no transform was found.", remedy="Register the pair again.", file=path.name
        )
    return transform
