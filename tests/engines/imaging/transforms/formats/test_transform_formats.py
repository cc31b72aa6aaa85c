"""Transforms written for other programs map points as ours do, and come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from engines.contract.errors import GeometryError
from engines.imaging.transforms.formats import TransformDescription, read_transform, write_transform
from engines.imaging.transforms.formats.displacement_field import DisplacementField
from engines.imaging.transforms.formats.itk import read_itk, write_itk
from engines.imaging.transforms.point_transform import PointTransform, ProjectiveTransform
from engines.imaging.transforms.transform_fits import fit_transform

FIXED_SIZE, MOVING_SIZE = (301, 203), (260, 240)
DESCRIPTION = TransformDescription(FIXED_SIZE, MOVING_SIZE, "homography", "landmark_fit", 12, 0.4)
AFFINE = ProjectiveTransform([[0.9, -0.2, 20.25], [0.15, 1.1, -8.5], [0, 0, 1]])
HOMOGRAPHY = ProjectiveTransform([[0.9, -0.2, 20.25], [0.15, 1.1, -8.5], [2e-4, -1e-4, 1]])
ALMOST_AFFINE = ProjectiveTransform([[0.9, -0.2, 20.25], [0.15, 1.1, -8.5], [1e-10, 0, 1]])


@pytest.fixture(scope="module")
def curved() -> PointTransform:
    rng = np.random.default_rng(2)
    moving = rng.uniform(0, 240, (30, 2))
    bent = moving + 4 * np.sin(moving[:, ::-1] / 90)
    return fit_transform("thin_plate_spline", moving, AFFINE.apply(bent))


def fixed_points(count: int = 200) -> np.ndarray:
    rng = np.random.default_rng(3)
    corners = [(0, 0), (300, 0), (0, 202), (300, 202)]
    return np.vstack([rng.uniform((0, 0), (300, 202), (count, 2)), corners])


def by_sitk(path: Path, points: np.ndarray) -> np.ndarray:
    transform = sitk.ReadTransform(str(path))
    return np.array([transform.TransformPoint(point.tolist()) for point in points])


@pytest.mark.parametrize("suffix", [".tfm", ".h5"])
def test_affine_is_affine_and_goes_from_fixed_to_moving(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "目录 1" / f"a{suffix}"
    write_itk(path, AFFINE, FIXED_SIZE)
    assert sitk.ReadTransform(str(path)).GetName() == "AffineTransform"
    points = fixed_points()
    np.testing.assert_allclose(by_sitk(path, points), AFFINE.apply_inverse(points), atol=1e-9)
    np.testing.assert_allclose(read_itk(path).matrix, AFFINE.matrix, atol=1e-12)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_text_has_the_layout_of_itk(tmp_path: Path) -> None:
    write_itk(tmp_path / "a.tfm", ProjectiveTransform([[1, 0, -3.5], [0, 1, 2], [0, 0, 1]]), FIXED_SIZE)
    assert (tmp_path / "a.tfm").read_text(encoding="utf-8").splitlines() == [
        "#Insight Transform File V1.0",
        "#Transform 0",
        "Transform: AffineTransform_double_2_2",
        "Parameters: 1 0 0 1 3.5 -2",
        "FixedParameters: 0 0",
    ]


def test_a_centre_is_taken_into_account(tmp_path: Path) -> None:
    path = tmp_path / "hand made.tfm"
    path.write_text(
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_2_2\n"
        "Parameters: 0 -1 1 0 5 6\nFixedParameters: 10 20\n",
        encoding="utf-8",
    )
    # A (x - c) + t + c, a quarter turn about (10, 20).
    np.testing.assert_allclose(read_itk(path).apply_inverse([(11, 20)]), [(15, 27)], atol=1e-12)
    np.testing.assert_allclose(read_itk(path).apply([(15, 27)]), [(11, 20)], atol=1e-12)


@pytest.mark.parametrize("suffix", [".tfm", ".h5"])
def test_the_last_part_of_a_composite_is_applied_first(suffix: str, tmp_path: Path) -> None:
    scale, shift = sitk.ScaleTransform(2, (2.0, 3.0)), sitk.TranslationTransform(2, (10.0, 20.0))
    path = tmp_path / f"composite{suffix}"
    sitk.WriteTransform(sitk.CompositeTransform([scale, shift]), str(path))
    np.testing.assert_allclose(read_itk(path).apply_inverse([(1, 1)]), [(22, 63)], atol=1e-12)


def test_perspective_that_moves_nothing_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_itk(path, ALMOST_AFFINE, FIXED_SIZE)
    assert sitk.ReadTransform(str(path)).GetName() == "AffineTransform"
    points = fixed_points()
    np.testing.assert_allclose(by_sitk(path, points), ALMOST_AFFINE.apply_inverse(points), atol=0.01)


@pytest.mark.parametrize("suffix", [".tfm", ".h5"])
@pytest.mark.parametrize("kind", ["projective", "curved"])
def test_others_become_a_displacement_field(
    suffix: str, kind: str, curved: PointTransform, tmp_path: Path
) -> None:
    transform = HOMOGRAPHY if kind == "projective" else curved
    path = tmp_path / f"a{suffix}"
    write_itk(path, transform, FIXED_SIZE)
    assert sitk.ReadTransform(str(path)).GetName() == "DisplacementFieldTransform"
    points = fixed_points()
    expected = transform.apply_inverse(points)
    np.testing.assert_allclose(by_sitk(path, points), expected, atol=0.02)
    back = read_itk(path)
    assert back.matrix is None
    np.testing.assert_allclose(back.apply_inverse(points), by_sitk(path, points), atol=1e-6)
    inner = points[:50] * 0.8 + 25
    np.testing.assert_allclose(back.apply(back.apply_inverse(inner)), inner, atol=1e-6)


def test_other_curved_transforms_are_sampled_over_the_fixed_image(tmp_path: Path) -> None:
    spline = sitk.BSplineTransformInitializer(sitk.Image(FIXED_SIZE, sitk.sitkUInt8), (4, 4))
    rng = np.random.default_rng(4)
    spline.SetParameters(rng.normal(0, 3, len(spline.GetParameters())).tolist())
    path = tmp_path / "spline.tfm"
    sitk.WriteTransform(spline, str(path))
    with pytest.raises(GeometryError, match="known size"):
        read_itk(path)
    points = fixed_points(50)[:50]
    np.testing.assert_allclose(
        read_itk(path, FIXED_SIZE).apply_inverse(points), by_sitk(path, points), atol=0.02
    )


def test_where_a_transform_has_no_place_the_field_leads_outside(tmp_path: Path) -> None:
    # The horizon of this one crosses the fixed image.
    horizon = ProjectiveTransform(np.linalg.inv([[1, 0, 0], [0, 1, 0], [-1 / 150, 0, 1]]))
    path = tmp_path / "a.h5"
    write_itk(path, horizon, FIXED_SIZE)
    points = np.array([(20.0, 30.0), (60.0, 100.0)])
    np.testing.assert_allclose(by_sitk(path, points), horizon.apply_inverse(points), atol=0.05)


def test_a_field_is_none_outside_its_grid() -> None:
    field = DisplacementField(np.ones((3, 4, 2)), (10.0, 20.0), np.eye(2) * 5)
    np.testing.assert_allclose(field.apply([(12, 22), (0, 0)]), [(13, 23), (0, 0)])


def test_json_keeps_everything_of_a_matrix(curved: PointTransform, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_transform(path, HOMOGRAPHY, DESCRIPTION)
    np.testing.assert_array_equal(read_transform(path, FIXED_SIZE, MOVING_SIZE).matrix, HOMOGRAPHY.matrix)
    with pytest.raises(GeometryError, match=r"moving image of 260 x 240 pixels, and this one has 10 x 10"):
        read_transform(path, FIXED_SIZE, (10, 10))
    with pytest.raises(GeometryError, match="has no matrix"):
        write_transform(tmp_path / "b.json", curved, DESCRIPTION)
    with pytest.raises(GeometryError, match=r"\.tfm, \.h5, \.json"):
        write_transform(tmp_path / "b.xyz", AFFINE, DESCRIPTION)


@pytest.mark.parametrize(("name", "text"), [("a.tfm", "no transform"), ("a.h5", "no"), ("a.json", "{}")])
def test_what_is_no_transform_is_named(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(GeometryError, match=name):
        read_transform(tmp_path / name)


def test_three_dimensions_are_refused(tmp_path: Path) -> None:
    sitk.WriteTransform(sitk.AffineTransform(3), str(tmp_path / "a.tfm"))
    with pytest.raises(GeometryError, match="3 dimensions"):
        read_itk(tmp_path / "a.tfm")
