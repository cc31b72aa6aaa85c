"""Bifurcations of drawn vessels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from engines.imaging.images import read_mask
from engines.imaging.opencv import cv2
from engines.imaging.vessels.bifurcations import find_bifurcations


def _draw(*lines: tuple, width: int = 5, side: int = 400) -> np.ndarray:
    mask = np.zeros((side, side), np.uint8)
    for start, end in lines:
        cv2.line(mask, start, end, 1, width)
    return mask.astype(bool)


def test_a_fork_is_one_point_at_its_place() -> None:
    vessels = _draw(((60, 200), (200, 200)), ((200, 200), (320, 120)), ((200, 200), (320, 290)))
    found = find_bifurcations(vessels)
    assert found.degrees.tolist() == [3]
    np.testing.assert_allclose(found.points_xy, [[200, 200]], atol=3.0)
    assert found.thickness_px[0] == pytest.approx(6, abs=3)


@pytest.mark.parametrize("width", [1, 3, 7, 11])
def test_a_crossing_is_one_point_of_degree_four(width: int) -> None:
    found = find_bifurcations(_draw(((60, 150), (330, 260)), ((80, 330), (310, 70)), width=width))
    assert found.degrees.tolist() == [4]


def test_straight_and_curved_vessels_have_none() -> None:
    curve = np.zeros((400, 400), np.uint8)
    cv2.ellipse(curve, (200, 200), (120, 90), 20, 0, 300, 1, 5)
    for vessels in (curve.astype(bool), _draw(((40, 60), (350, 300)), width=9)):
        assert len(find_bifurcations(vessels)) == 0


def test_ragged_edges_make_no_points() -> None:
    vessels = _draw(((40, 60), (350, 300)), width=11)
    for x in range(60, 330, 23):
        vessels[int(60 + (x - 40) * 240 / 310) - 8, x] = True
    rng = np.random.default_rng(0)
    edge = cv2.dilate(vessels.astype(np.uint8), np.ones((3, 3))).astype(bool) & ~vessels
    vessels |= edge & (rng.random(edge.shape) < 0.3)
    assert len(find_bifurcations(vessels)) == 0


def test_points_near_the_rim_and_specks_are_left_out() -> None:
    vessels = _draw(((60, 200), (200, 200)), ((200, 200), (320, 120)), ((200, 200), (320, 290)))
    field = np.zeros_like(vessels)
    field[:, :203] = True
    assert len(find_bifurcations(vessels, field)) == 0
    assert len(find_bifurcations(_draw(((5, 5), (9, 5)), ((7, 5), (7, 9)), width=1))) == 0
    assert len(find_bifurcations(np.zeros((100, 100), bool))) == 0


def test_the_thickest_are_kept_and_apart() -> None:
    forks = []
    for y, reach in ((80, 30), (200, 50), (320, 70)):
        forks += [((60, y), (200, y)), ((200, y), (200 + reach, y - 40)), ((200, y), (200 + reach, y + 40))]
    vessels = _draw(*forks)
    vessels |= _draw(((60, 200), (200, 200)), width=13)
    found = find_bifurcations(vessels, max_points=1)
    assert len(find_bifurcations(vessels)) == 3
    assert found.points_xy[0, 1] == pytest.approx(200, abs=6)


def test_drawn_tree_has_many_points_on_vessels(vessel_tree: tuple) -> None:
    vessels = vessel_tree[1]
    found = find_bifurcations(vessels, vessel_tree[0].max(axis=2) > 12)
    assert 10 < len(found) < 200
    columns, rows = np.rint(found.points_xy).astype(int).T
    assert cv2.dilate(vessels.astype(np.uint8), np.ones((5, 5)))[rows, columns].all()
    distance = np.linalg.norm(found.points_xy[:, None] - found.points_xy[None], axis=2)
    assert distance[~np.eye(len(found), dtype=bool)].min() >= 5.0


def test_manual_mask_of_a_real_eye() -> None:
    root = os.environ.get("WORKSTATION_REFERENCE_DATA")
    if not root:
        pytest.skip("WORKSTATION_REFERENCE_DATA is not set")
    folder = Path(root) / "retina" / "drive" / "training"
    if not folder.is_dir():
        pytest.skip("the reference data holds no vessel masks")
    vessels = read_mask(folder / "1st_manual" / "21_manual1.gif")
    found = find_bifurcations(vessels, read_mask(folder / "mask" / "21_training_mask.gif"))
    assert 60 < len(found) < 160
    assert (found.degrees == 3).mean() > 0.7
