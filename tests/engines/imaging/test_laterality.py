from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.laterality import (
    is_mirroring,
    laterality_of_name,
    laterality_of_vessels,
    pairs_look_mirrored,
)
from engines.imaging.transforms.point_transform import ProjectiveTransform


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("012_OD_cf.png", "OD"),
        ("012-os.tif", "OS"),
        ("Left eye 3.jpg", "OS"),
        ("od_and_os.png", None),
        ("model.png", None),
        ("cosmos.png", None),
        ("左眼 OS 1.png", "OS"),
    ],
)
def test_name_tells_the_eye_by_a_word_of_its_own(name: str, expected: str | None) -> None:
    assert laterality_of_name(name) == expected


def fan(at_x: float) -> np.ndarray:
    """Vessels that run out of a disc, thinner and fewer further away; some noise everywhere."""
    rows, columns = np.mgrid[:300, :300]
    angle = np.arctan2(rows - 150, columns - at_x * 300)
    distance = np.hypot(rows - 150, columns - at_x * 300)
    lines = (np.abs(np.sin(6 * angle)) * distance < 5).astype(np.float32)
    noise = np.random.default_rng(0).random((300, 300)) < 0.02
    return np.maximum(lines, noise).astype(np.float32)


def test_vessels_converge_on_the_nasal_side() -> None:
    assert laterality_of_vessels(fan(0.8)) == "OD"
    assert laterality_of_vessels(fan(0.2)) == "OS"


@pytest.mark.parametrize("strength", [fan(0.5), np.zeros((200, 200), np.float32)])
def test_what_does_not_tell_is_not_known(strength: np.ndarray) -> None:
    assert laterality_of_vessels(strength) is None


def test_even_noise_is_not_known() -> None:
    noise = (np.random.default_rng(1).random((300, 300)) < 0.1).astype(np.float32)
    assert laterality_of_vessels(noise) is None


def test_mirroring_is_a_negative_determinant() -> None:
    assert is_mirroring(ProjectiveTransform(np.diag([-1.0, 1.0, 1.0])), (10.0, 10.0))
    assert not is_mirroring(ProjectiveTransform(np.diag([-1.0, -1.0, 1.0])), (10.0, 10.0))


def test_pairs_of_a_mirrored_image_are_recognised() -> None:
    rng = np.random.default_rng(2)
    points = rng.uniform(0, 500, (8, 2))
    noise = rng.normal(0, 3, (8, 2))
    assert pairs_look_mirrored(points, points * [-1.2, 1.2] + [600, 5] + noise)
    assert not pairs_look_mirrored(points, points * 1.2 + [6, 5] + noise)


def test_pairs_on_a_line_or_too_few_say_nothing() -> None:
    line = np.array([[0.0, 5.0], [100.0, 5.0], [200.0, 5.0], [400.0, 5.0]])
    assert not pairs_look_mirrored(line, line[::-1] + 1)
    assert not pairs_look_mirrored(line[:3], line[:3])
