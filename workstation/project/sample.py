"""The sample project: images that may be shared, and pairs whose true transform is known.

Five people, of whom the last two are computed:

- ``person-a``: one photograph, and three pairs of it with a warped copy that looks like a red-free image
  or an angiogram. The transform is known, so the landmarks are exact. Split `evaluation`.
- ``person-b``: two photographs of one eye at two visits, with computed vessel masks. Split `train`.
- ``person-c``: an angiogram with a computed vessel mask, its pair with an OCTA image of 6 x 6 mm, and two
  pairs with one of 3 x 3 mm. The 3 mm image shows 4 % of the angiogram and is found because its modality
  says where to look; the three pairs close a circle. Split `val`.
- ``person-d`` and ``person-e``: phantoms of coronary CT angiographies, see `sample_volume`. Splits `train`
  and `val`.

``resources/sample/SOURCES.tsv`` says for each file where it comes from and under which licence.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engines.contract.errors import ProjectError
from engines.contract.geometry import (
    FloatArray,
    apply_homography,
    compose,
    inside,
    similarity_matrix,
    translation_matrix,
)
from engines.contract.manifest import KEYPOINT_COLUMNS
from engines.contract.resources import resource_path
from engines.imaging.field_of_view import field_of_view
from engines.imaging.images import read_image, write_image
from engines.imaging.opencv import cv2
from engines.imaging.transforms.warping import warp_to_fixed
from workstation.project.first_steps import SAMPLE_SETTING
from workstation.project.project import Project
from workstation.project.sample_volume import add_label_maps, volume_rows, write_volume_files
from workstation.project.store import DATABASE_NAME

SAMPLE_NAME = "Sample project"
ITEM_COLUMNS = ("subject", "item", "role", "path", "modality", "visit", "laterality", "split", "spacing_mm")
SOURCES_NAME = "SOURCES.tsv"
_PHOTOGRAPH = "colour_fundus.jpg"
_SHIPPED = ("visit_1.jpg", "visit_1_vessels.png", "visit_2.jpg", "visit_2_vessels.png")
_SHIPPED_ANGIOGRAPHY = ("angiogram.png", "angiogram_vessels.png", "octa.png", "octa_3mm.png")
_INSIDE_MARGIN_PX = 5.0


@dataclass(frozen=True, slots=True)
class _Warp:
    """How one warped copy is made."""

    item: str
    file: str
    modality: str
    is_bright: bool
    """Whether vessels become bright, as in an angiogram."""
    rotation_deg: float
    scale: float
    offset_xy: tuple[float, float]
    tilt: float
    """Perspective, in 1 / px."""
    seed: int


_WARPS = (
    _Warp("known-1", "redfree_1.png", "RF", False, 8.0, 1.04, (18.0, -12.0), 2e-5, 1),
    _Warp("known-2", "angiogram_like_2.png", "FA", True, -14.0, 0.93, (-24.0, 15.0), -3e-5, 2),
    _Warp("known-3", "angiogram_like_3.png", "FA", True, 24.0, 1.08, (10.0, 30.0), 4e-5, 3),
)


def create_sample(folder: Path) -> Project:
    """Make the sample project, or open it when it is there already; nothing is ever overwritten.

    Parameters
    ----------
    folder : Path
        Absent, empty, or a project.

    Raises
    ------
    ProjectError
        If the folder holds something else or cannot be written.
    """
    folder = Path(folder).expanduser().absolute()
    if (folder / DATABASE_NAME).exists():
        return Project.open(folder)
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise ProjectError(
                "{folder} is not empty and holds no project.",
                remedy="Choose an empty or new folder for the sample project.",
                folder=folder,
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Made beside its place and moved there whole: a crash leaves no half project to be opened.
        draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")
        shutil.rmtree(draft, ignore_errors=True)
        try:
            _fill(draft)
            if folder.exists():
                folder.rmdir()
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise ProjectError(
            "The sample project cannot be made in {folder}: {reason}.",
            remedy="Choose a place that you may write to.",
            folder=folder,
            reason=error.strerror or str(error),
        ) from error
    return Project.open(folder)


def _fill(folder: Path) -> None:
    from workstation.project.importers import import_paths

    with Project.create(folder, SAMPLE_NAME) as project:
        tables = write_sample_files(folder / "images")
        report = import_paths(project, tables)
        assert report.exit_code == 0, report
        add_label_maps(project)
        project.set_setting(SAMPLE_SETTING, True)


def write_sample_files(folder: Path) -> list[Path]:
    """Write the images, `items.csv` and `keypoints.csv` of the sample; return the two tables."""
    folder.mkdir(parents=True)
    for name in (_PHOTOGRAPH, *_SHIPPED, *_SHIPPED_ANGIOGRAPHY, "README.txt", SOURCES_NAME):
        shutil.copyfile(resource_path("sample", name), folder / name)
    moving = np.asarray(read_image(folder / _PHOTOGRAPH), dtype=np.uint8)
    landmarks = _read_landmarks(resource_path("sample", "landmarks.csv"))
    points: list[tuple[object, ...]] = []
    for warp in _WARPS:
        fixed, fixed_from_moving = _warped_copy(moving, warp)
        write_image(folder / warp.file, fixed)
        points.extend(_landmark_rows(warp, landmarks, fixed_from_moving, (fixed.shape[1], fixed.shape[0])))
    write_volume_files(folder)
    return [
        _write_table(folder / "items.csv", ITEM_COLUMNS, _item_rows()),
        _write_table(folder / "keypoints.csv", KEYPOINT_COLUMNS, points),
    ]


def read_sources() -> list[dict[str, str]]:
    """Return a row for each shipped file of the sample: origin, licence, citation, what was done to it."""
    with resource_path("sample", SOURCES_NAME).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def _item_rows() -> list[tuple[object, ...]]:
    spacings = {row["file"]: row["spacing_mm"] for row in read_sources()}
    rows: list[tuple[object, ...]] = []
    for warp in _WARPS:
        rows += [
            ("person-a", warp.item, "fixed", warp.file, warp.modality, "", "L", "evaluation"),
            ("person-a", warp.item, "moving", _PHOTOGRAPH, "CF", "", "L", "evaluation"),
        ]
    rows += [
        ("person-b", "visits", "fixed", "visit_1.jpg", "CF", "", "L", "train"),
        ("person-b", "visits", "moving", "visit_2.jpg", "CF", "", "L", "train"),
        ("person-c", "fa-octa", "fixed", "angiogram.png", "FA", "", "L", "val"),
        ("person-c", "fa-octa", "moving", "octa.png", "OCTA", "", "L", "val"),
        ("person-c", "fa-octa-3mm", "fixed", "angiogram.png", "FA", "", "L", "val"),
        ("person-c", "fa-octa-3mm", "moving", "octa_3mm.png", "OCTA", "", "L", "val"),
        ("person-c", "octa-6mm-3mm", "fixed", "octa.png", "OCTA", "", "L", "val"),
        ("person-c", "octa-6mm-3mm", "moving", "octa_3mm.png", "OCTA", "", "L", "val"),
    ]
    for visit in ("1", "2"):
        item = f"visit-{visit}"
        rows += [
            ("person-b", item, "image", f"visit_{visit}.jpg", "CF", visit, "L", "train"),
            ("person-b", item, "vessel_mask", f"visit_{visit}_vessels.png", "", visit, "L", "train"),
        ]
    rows += [
        ("person-c", "angiogram", "image", "angiogram.png", "FA", "", "L", "val"),
        ("person-c", "angiogram", "vessel_mask", "angiogram_vessels.png", "", "", "L", "val"),
    ]
    return [*((*row, spacings.get(str(row[3]), "")) for row in rows), *volume_rows()]


def _warped_copy(moving: npt.NDArray[np.uint8], warp: _Warp) -> tuple[npt.NDArray[np.uint8], FloatArray]:
    """Return the grey, warped copy and `homography_fixed_from_moving`."""
    height, width = moving.shape[:2]
    tilt = np.eye(3)
    tilt[2, 0], tilt[2, 1] = warp.tilt, -0.5 * warp.tilt
    centre = ((width - 1) / 2, (height - 1) / 2)
    fixed_from_moving = compose(
        similarity_matrix(warp.rotation_deg, warp.scale, centre, warp.offset_xy),
        translation_matrix(centre),
        tilt,
        translation_matrix((-centre[0], -centre[1])),
    )
    look = _angiogram_like(moving) if warp.is_bright else moving[:, :, 1].astype(np.float32)
    fixed = warp_to_fixed(np.clip(look, 0, 255).astype(np.uint8), fixed_from_moving, (width, height))
    noise = np.random.default_rng(warp.seed).normal(0.0, 4.0, fixed.shape)
    seen = fixed > 0
    return np.where(seen, np.clip(fixed + noise, 1, 255), 0).astype(np.uint8), fixed_from_moving


def _angiogram_like(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Turn dark vessels of a photograph into bright ones on a dark ground, (H, W)."""
    green = image[:, :, 1].astype(np.float32)
    eye = field_of_view(image)
    weight = cv2.GaussianBlur(eye.astype(np.float32), (0, 0), 20.0) + 1e-3
    local = cv2.GaussianBlur(np.where(eye, green, 0).astype(np.float32), (0, 0), 20.0) / weight
    vessels = np.clip((local - green) * 5.0, 0.0, 140.0)
    glow = cv2.GaussianBlur(vessels, (0, 0), 6.0)
    return np.where(eye, 55.0 + vessels + 0.4 * glow, 0.0).astype(np.float32)


def _landmark_rows(
    warp: _Warp,
    landmarks: Sequence[tuple[str, float, float]],
    fixed_from_moving: FloatArray,
    size: tuple[int, int],
) -> list[tuple[object, ...]]:
    moving_xy = np.array([point[1:] for point in landmarks], dtype=np.float64)
    fixed_xy = apply_homography(fixed_from_moving, moving_xy)
    is_inside = inside(fixed_xy, size, margin_px=_INSIDE_MARGIN_PX)
    return [
        (warp.item, name, *(f"{value:.3f}" for value in (*fixed_xy[index], *moving_xy[index])))
        for index, (name, _x, _y) in enumerate(landmarks)
        if is_inside[index]
    ]


def _read_landmarks(path: Path) -> list[tuple[str, float, float]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return [(row["point"], float(row["x"]), float(row["y"])) for row in csv.DictReader(stream)]


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return path
