"""Transform files map points as what they were made of."""

from __future__ import annotations

import numpy as np

from engines.contract.transform_file import QuadraticRecord, TransformFile
from engines.imaging.transforms.quadratic_transform import fit_quadratic
from engines.imaging.transforms.stored_transform import stored_transform

_FACTS = {"fixed_size": (10, 10), "moving_size": (10, 10), "verdict": "registered", "method": "by hand"}


def test_a_matrix_a_curve_and_nothing() -> None:
    shift = [[1.0, 0.0, 3.0], [0.0, 1.0, -2.0], [0.0, 0.0, 1.0]]
    moved = stored_transform(TransformFile(matrix=shift, **_FACTS))
    assert moved is not None
    np.testing.assert_allclose(moved.apply([[1.0, 2.0]]), [[4.0, 0.0]])
    assert stored_transform(TransformFile(matrix=None, **_FACTS)) is None
    points = np.random.default_rng(0).uniform(0, 400, (40, 2))
    bent = points + 1e-4 * points**2 + 7.0
    curve = fit_quadratic(points, bent)
    coefficients, centre, scale = curve.in_pixels()
    record = QuadraticRecord(centre=tuple(centre), scale=scale, coefficients=coefficients.T.tolist())
    file = TransformFile(matrix=shift, model="quadratic", quadratic=record, **_FACTS)
    again = stored_transform(TransformFile.model_validate_json(file.model_dump_json()))
    assert again is not None
    assert again.matrix is None
    np.testing.assert_allclose(again.apply(points), bent, atol=1e-8)
    np.testing.assert_allclose(again.apply_inverse(bent), points, atol=1e-6)
