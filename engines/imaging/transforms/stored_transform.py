"""From a transform file to the transform that maps points, and the record of a curved one."""

from __future__ import annotations

import numpy as np

from engines.contract.transform_file import QuadraticRecord, TransformFile
from engines.imaging.transforms.point_transform import PointTransform, ProjectiveTransform
from engines.imaging.transforms.quadratic_transform import QuadraticTransform, quadratic_from_pixels


def stored_transform(file: TransformFile) -> PointTransform | None:
    """Return ``fixed_from_moving`` of a file, curved where it is; None where none was found."""
    if file.quadratic is not None:
        record = file.quadratic
        return quadratic_from_pixels(np.array(record.coefficients).T, record.centre, record.scale)
    matrix = file.homography_fixed_from_moving
    return None if matrix is None else ProjectiveTransform(matrix)


def quadratic_record(fixed_from_moving: QuadraticTransform) -> QuadraticRecord:
    """Return what a file holds of a quadratic transform between pixels."""
    coefficients, centre, scale = fixed_from_moving.in_pixels()
    return QuadraticRecord(
        centre=(float(centre[0]), float(centre[1])), scale=scale, coefficients=coefficients.T.tolist()
    )
