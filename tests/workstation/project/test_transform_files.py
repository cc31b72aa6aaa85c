"""Transforms of other programs are checked, kept beside the registrations, and never replace any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import GeometryError
from engines.contract.transform_file import TransformFile
from engines.imaging.transforms.formats import TransformDescription, write_transform
from engines.imaging.transforms.formats.itk import read_itk, write_itk
from engines.imaging.transforms.point_transform import ProjectiveTransform
from engines.imaging.transforms.quadratic_transform import fit_quadratic
from engines.imaging.transforms.stored_transform import quadratic_record, stored_transform
from engines.imaging.transforms.transform_fits import fit_transform
from workstation.project.exporters import export
from workstation.project.imported_transforms import newest_imported
from workstation.project.importers.item_names import UnclearItemError
from workstation.project.importers.transform_files import (
    import_transform,
    is_transform_file,
)
from workstation.project.project import Project

AFFINE = ProjectiveTransform([[0.9, -0.1, 12.5], [0.1, 0.9, -3.25], [0, 0, 1]])
HOMOGRAPHY = ProjectiveTransform([[0.9, -0.1, 12.5], [0.1, 0.9, -3.25], [1e-3, 0, 1]])


def save(path: Path, transform: ProjectiveTransform, size: tuple[int, int] = (100, 80)) -> Path:
    write_transform(path, transform, TransformDescription(size, size, "affine", "landmark_fit"))
    return path


@pytest.mark.parametrize("suffix", [".tfm", ".h5", ".json"])
def test_a_transform_comes_in_and_goes_out(suffix: str, project: Project, tmp_path: Path) -> None:
    path = save(tmp_path / f"a{suffix}", AFFINE)
    assert is_transform_file(path)
    kept = import_transform(project, path)
    assert kept.is_relative_to(project.folder)
    found = newest_imported(project, "a")
    assert found is not None
    np.testing.assert_allclose(found[1].matrix, AFFINE.matrix, atol=1e-12)
    assert (found[1].verdict, found[1].model, path.name in found[1].reason) == ("uncertain", "affine", True)
    assert newest_imported(project, "b") is None
    (out,) = export(project, "itk_tfm", tmp_path / "out").files
    assert out.name == "a.tfm"


def test_a_homography_comes_back_from_a_displacement_field(project: Project, tmp_path: Path) -> None:
    import_transform(project, save(tmp_path / "a.h5", HOMOGRAPHY))
    found = newest_imported(project, "a")
    assert found is not None
    corners = [(0, 0), (99, 0), (0, 79), (99, 79)]
    mapped = ProjectiveTransform(found[1].matrix).apply(corners)
    np.testing.assert_allclose(mapped, HOMOGRAPHY.apply(corners), atol=0.1)


def test_the_newest_counts_and_older_ones_stay(project: Project, tmp_path: Path) -> None:
    first = import_transform(project, save(tmp_path / "x.json", AFFINE), "a")
    second = import_transform(project, save(tmp_path / "y.json", HOMOGRAPHY), "a")
    assert first.is_file()
    assert first != second
    found = newest_imported(project, "a")
    assert found is not None
    assert found[1].model == "homography"


def test_what_does_not_fit_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UnclearItemError) as caught:
        import_transform(project, save(tmp_path / "zebra.tfm", AFFINE))
    assert set(caught.value.candidates) == {"a", "b"}
    with pytest.raises(GeometryError, match="90 x 80"):
        import_transform(project, save(tmp_path / "a.json", AFFINE, (90, 80)))
    points = np.random.default_rng(1).uniform(0, 79, (12, 2))
    curved = fit_transform("thin_plate_spline", points, points + 5 * np.sin(points[:, ::-1] / 9))
    write_itk(tmp_path / "a.h5", curved, (100, 80))
    with pytest.raises(GeometryError, match="curved"):
        import_transform(project, tmp_path / "a.h5")
    assert newest_imported(project, "a") is None


def test_other_json_is_no_transform(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"matrix": 1}', encoding="utf-8")
    assert not is_transform_file(tmp_path / "a.json")
    assert not is_transform_file(tmp_path / "gone.json")


@pytest.mark.parametrize("format_name", ["itk_tfm", "itk_h5", "homography_json"])
def test_a_quadratic_transform_goes_out_with_its_curve(
    format_name: str, project: Project, tmp_path: Path
) -> None:
    moving = np.random.default_rng(2).uniform(0, 99, (40, 2))
    curve = fit_quadratic(moving, moving + 6e-4 * moving[:, ::-1] ** 2 + 3.0)
    file = TransformFile(
        matrix=curve.linear_part.tolist(),
        fixed_size=(100, 80),
        moving_size=(100, 80),
        model="quadratic",
        verdict="registered",
        method="model",
        quadratic=quadratic_record(curve),
    )
    file.write(tmp_path / "a.json")
    import_transform(project, tmp_path / "a.json")
    (out,) = export(project, format_name, tmp_path / "out").files
    again = stored_transform(TransformFile.read(out)) if out.suffix == ".json" else read_itk(out, (100, 80))
    assert again is not None
    corners = np.array([(5.0, 5.0), (90.0, 5.0), (5.0, 70.0), (90.0, 70.0)])
    straight = ProjectiveTransform(file.matrix).apply_inverse(corners)
    assert np.abs(straight - curve.apply_inverse(corners)).max() > 0.5
    np.testing.assert_allclose(again.apply_inverse(corners), curve.apply_inverse(corners), atol=0.02)
