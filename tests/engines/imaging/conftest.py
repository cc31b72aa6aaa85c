"""Drawn vessels and, where it is there, reference data."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engines.imaging.images import read_image
from engines.imaging.opencv import cv2


def draw_vessel_tree(side: int = 480, seed: int = 3) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Return a green-ish fundus-like picture with dark branching vessels, and the vessels as a mask."""
    rng = np.random.default_rng(seed)
    vessels = np.zeros((side, side), np.uint8)
    disc = np.array([0.3 * side, 0.5 * side])

    def grow(start: npt.NDArray[np.float64], angle: float, width: float, steps: int) -> None:
        position = start
        for step in range(steps):
            angle += rng.normal(0.0, 0.12)
            target = position + 0.02 * side * np.array([np.cos(angle), np.sin(angle)])
            ends = [tuple(round(16 * value) for value in point) for point in (position, target)]
            cv2.line(vessels, ends[0], ends[1], 255, max(1, round(width)), cv2.LINE_AA, 4)
            position = target
            if step % 5 == 4 and width > 1.5:
                grow(
                    position, angle + rng.choice([-1, 1]) * rng.uniform(0.5, 0.9), 0.65 * width, steps - step
                )

    for angle in np.linspace(0, 2 * np.pi, 7, endpoint=False):
        grow(disc, float(angle), 0.012 * side, 22)
    rows, columns = np.mgrid[:side, :side]
    field = np.hypot(columns - (side - 1) / 2, rows - (side - 1) / 2) < 0.48 * side
    shade = 150.0 - 0.08 * np.hypot(columns - disc[0], rows - disc[1])
    texture = cv2.GaussianBlur(rng.normal(0, 12, (side, side)).astype(np.float32), (0, 0), 2)
    grey = np.where(field, shade + texture - 55.0 * (vessels / 255.0), 0.0).clip(0, 255)
    image = np.dstack([np.minimum(1.4 * grey, 255), grey, 0.4 * grey]).astype(np.uint8)
    return image, (vessels > 127) & field


@pytest.fixture(scope="session")
def vessel_tree() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Picture ``(480, 480, 3)`` and vessel mask ``(480, 480)``."""
    return draw_vessel_tree()


@pytest.fixture(scope="session")
def other_vessel_tree() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Picture and mask of another eye."""
    return draw_vessel_tree(seed=11)


@dataclass(frozen=True)
class LandmarkPair:
    """One public pair: images RGB, landmarks as 0-based pixel centres."""

    name: str
    fixed: npt.NDArray[np.uint8]
    moving: npt.NDArray[np.uint8]
    fixed_xy: npt.NDArray[np.float64]
    moving_xy: npt.NDArray[np.float64]


@pytest.fixture(scope="session")
def landmark_pairs() -> dict[str, LandmarkPair]:
    """The public landmark pairs by name."""
    root = os.environ.get("WORKSTATION_REFERENCE_DATA")
    if not root:
        pytest.skip("WORKSTATION_REFERENCE_DATA is not set")
    folder = Path(root) / "retina" / "landmark_pairs"
    if not folder.is_dir():
        pytest.skip("the reference data holds no landmark pairs")
    rows: dict[str, list[list[float]]] = {}
    with (folder / "landmarks.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            values = [float(row[key]) - 1.0 for key in ("fix_x", "fix_y", "mov_x", "mov_y")]
            rows.setdefault(row["pair"], []).append(values)
    pairs = {}
    for name, values in rows.items():
        points = np.array(values)
        fixed, moving = (read_image(folder / f"pair_{role}_{name}.png") for role in ("fixed", "moving"))
        pairs[name] = LandmarkPair(name, fixed, moving, points[:, :2], points[:, 2:])
    return pairs
