"""Stress derivations: seeded, and landmarks follow."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import ConfigError
from engines.contract.geometry import apply_homography, invert
from engines.imaging.matching.stress import STRESS_KINDS, derive
from engines.imaging.transforms.warping import warp_to_fixed


@pytest.mark.parametrize("kind", STRESS_KINDS)
def test_same_seed_same_pair_other_seed_other_pair(vessel_tree: tuple, kind: str) -> None:
    image = vessel_tree[0]
    first, again, other = (derive(kind, image, image, seed) for seed in (5, 5, 6))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.allclose(first.stressed_from_moving, other.stressed_from_moving)


@pytest.mark.parametrize("kind", STRESS_KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_pixels_lie_where_the_matrices_say(vessel_tree: tuple, kind: str, seed: int) -> None:
    image = vessel_tree[0]
    pair = derive(kind, image, image, seed)
    for stressed, matrix in (
        (pair.fixed, pair.stressed_from_fixed),
        (pair.moving, pair.stressed_from_moving),
    ):
        back = warp_to_fixed(stressed, invert(matrix), (480, 480)).astype(float)
        is_seen = back[100:380, 100:380, 1] > 60
        values = [part[100:380, 100:380, 1][is_seen] for part in (back, image.astype(float))]
        least = 0.5 if kind == "degraded" else 0.98
        assert np.corrcoef(values)[0, 1] > least


def test_kinds_do_what_they_say(vessel_tree: tuple) -> None:
    image = vessel_tree[0]
    zoom = derive("zoom", image, image, 0)
    assert (zoom.moving > 12).any(axis=2).sum() < np.pi * (0.31 * 480) ** 2
    low = derive("low_overlap", image, image, 0)
    assert low.fixed.shape[1] == 312
    scale = np.sqrt(np.linalg.det(derive("any", image, image, 3).stressed_from_moving[:2, :2]))
    assert 0.74 < scale < 1.34
    degraded = derive("degraded", image, image, 0)
    seen, original = (part[:, :, 1][part[:, :, 1] > 60] for part in (degraded.moving, image))
    assert seen.std() < 0.8 * original.std()
    heavily = derive("heavily_degraded", image, image, 0)
    np.testing.assert_array_equal(heavily.stressed_from_moving, degraded.stressed_from_moving)
    noises = [
        np.abs(np.diff(pair.moving[200:280, 200:280, 1].astype(int))).mean() for pair in (degraded, heavily)
    ]
    assert noises[1] > 1.3 * noises[0]
    for pair in (zoom, degraded, heavily):
        np.testing.assert_array_equal(pair.fixed, image)


def test_low_overlap_keeps_opposite_sides(vessel_tree: tuple) -> None:
    image = vessel_tree[0]
    middles = set()
    for seed in range(6):
        pair = derive("low_overlap", image, image, seed)
        height, width = pair.moving.shape[:2]
        centre = apply_homography(invert(pair.stressed_from_moving), [[(width - 1) / 2, (height - 1) / 2]])[0]
        keeps_right = pair.stressed_from_fixed[0, 2] < 0
        assert (centre[0] < 239.5) == keeps_right
        middles.add(bool(keeps_right))
    assert middles == {True, False}


def test_unknown_kind_is_refused(vessel_tree: tuple) -> None:
    with pytest.raises(ConfigError, match="sideways"):
        derive("sideways", vessel_tree[0], vessel_tree[0], 0)
