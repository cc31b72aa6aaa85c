from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from engines.contract.errors import GeometryError, UnknownKeyError
from engines.imaging.volumes.coronary_phantom import (
    AORTA,
    MYOCARDIUM,
    NUM_TREES,
    CoronaryPhantom,
    PhantomOptions,
    make_phantom,
)
from engines.imaging.volumes.label_metrics import dice, num_components, surface_distances
from engines.imaging.volumes.label_noise import MIXED, OPERATORS, corrupt

HARD = PhantomOptions(has_weak_contrast=True, has_calcium=True, has_veins=True)


@cache
def phantom(seed: int, *, is_hard: bool = False) -> CoronaryPhantom:
    return make_phantom(seed, HARD if is_hard else None)


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_two_trees_lie_on_the_heart_and_begin_at_the_aorta(seed: int) -> None:
    made = phantom(seed)
    arteries, label_map = made.coronary, made.label_map.voxels
    spacing = made.image.geometry.spacing_mm

    assert num_components(arteries) == NUM_TREES
    assert 0.0010 < arteries.mean() < 0.0025
    to_heart = surface_distances(arteries, (label_map == MYOCARDIUM) | arteries, spacing)
    assert to_heart.to_reference_mm.max() < 3.0
    nearest = surface_distances(arteries, label_map == AORTA, spacing).to_reference_mm
    assert nearest.min() <= 1.5 * spacing[0]
    assert not any(arteries.take([0, -1], axis=axis).any() for axis in range(3))


def test_vessels_taper_and_hang_on_their_parents() -> None:
    branches = {branch.name: branch for branch in phantom(0).branches}
    assert {"left_main", "lad", "lcx", "rca"} < set(branches)
    for branch in branches.values():
        assert branch.radii_mm[0] > branch.radii_mm[-1]
        if branch.parent:
            distance = np.linalg.norm(branches[branch.parent].points_mm - branch.points_mm[0], axis=1)
            assert distance.min() < 2.0
    assert branches["rca"].length_mm > 60


def test_contrast_calcium_and_veins_make_a_case_hard() -> None:
    easy, hard = phantom(0), phantom(0, is_hard=True)
    bright = easy.image.voxels[easy.coronary].mean()
    assert hard.image.voxels[hard.coronary & ~hard.calcium].mean() < 0.7 * bright
    assert easy.image.voxels.max() < 600 < hard.image.voxels.max()
    assert hard.veins.sum() > 200
    assert not (hard.veins & hard.coronary).any()
    assert not easy.veins.any()
    assert not easy.calcium.any()


def test_the_same_seed_gives_the_same_case() -> None:
    first, second = make_phantom(7), make_phantom(7)
    assert np.array_equal(first.image.voxels, second.image.voxels)
    assert not np.array_equal(first.coronary, phantom(0).coronary)


@pytest.mark.parametrize("name", OPERATORS)
def test_noise_grows_with_its_severity_and_repeats(name: str) -> None:
    clean = phantom(0).coronary
    scores = [
        np.mean([dice(corrupt(clean, [name], level, seed), clean) for seed in range(2)])
        for level in (1, 2, 3)
    ]

    assert 1.0 > scores[0] >= scores[1] > scores[2] - 0.01
    assert scores[0] > scores[2]
    # The thinnest vessels are one voxel wide: taking one voxel takes them all.
    assert scores[2] > (0.02 if name == "under_dilation" else 0.35)
    assert np.array_equal(corrupt(clean, [name], 2, 5), corrupt(clean, [name], 2, 5))


def test_each_noise_does_what_its_name_says() -> None:
    clean = phantom(0).coronary
    noisy = {name: corrupt(clean, [name], 2, 1) for name in OPERATORS}
    for name in ("breaks", "dropped_branch", "under_dilation"):
        assert not (noisy[name] & ~clean).any(), name
    for name in ("leaks", "specks", "over_dilation"):
        assert not (clean & ~noisy[name]).any(), name
    assert num_components(noisy["breaks"]) > NUM_TREES
    assert num_components(noisy["specks"]) > NUM_TREES + 10
    assert num_components(noisy["leaks"]) == NUM_TREES
    assert num_components(noisy["dropped_branch"]) == NUM_TREES
    lost = 1 - noisy["dropped_branch"].sum() / clean.sum()
    assert 0.02 < lost < 0.25


def test_mixed_noise_is_about_as_bad_as_real_labels() -> None:
    clean = phantom(0).coronary
    noisy = corrupt(clean, MIXED, 2, 0)
    assert 0.6 < dice(noisy, clean) < 0.92
    assert num_components(noisy) > 15


def test_veins_are_taken_for_arteries() -> None:
    made = phantom(0, is_hard=True)
    noisy = corrupt(made.coronary, [], 2, 0, veins=made.veins)
    share = (noisy & made.veins).sum() / made.veins.sum()
    assert 0.3 <= share < 0.5
    assert not (noisy & ~made.veins & ~made.coronary).any()


def test_wrong_requests_are_refused() -> None:
    clean = phantom(0).coronary
    with pytest.raises(UnknownKeyError, match="jitter"):
        corrupt(clean, ["jiter"], 1, 0)
    with pytest.raises(GeometryError, match="1, 2 or 3"):
        corrupt(clean, ["jitter"], 4, 0)
    with pytest.raises(GeometryError, match="empty"):
        corrupt(np.zeros_like(clean), ["jitter"], 1, 0)
