"""Line filter, centre lines, search and score on drawn lines."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.geometry import compose, similarity_matrix, translation_matrix
from engines.imaging.field_of_view import field_of_view
from engines.imaging.matching.oriented_search import search
from engines.imaging.matching.overlap_score import lies_in, map_with_directions, overlap_share, score_overlap
from engines.imaging.matching.skeleton_icp import refine_transform
from engines.imaging.opencv import cv2
from engines.imaging.vessels.skeleton import SkeletonPoints, skeleton_of_response, skeleton_points
from engines.imaging.vessels.vessel_features import prepare
from engines.imaging.vessels.vesselness import flatten_field, line_maps


def _line(angle_deg: float, value: float, side: int = 161) -> np.ndarray:
    image = np.zeros((side, side), np.float32)
    reach = 70 * np.array([np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))])
    middle = side // 2
    ends = [tuple(np.rint(middle + sign * reach).astype(int).tolist()) for sign in (-1, 1)]
    cv2.line(image, ends[0], ends[1], value, 5, cv2.LINE_AA)
    return image


@pytest.mark.parametrize("angle_deg", [0, 30, 60, 90, 120, 150])
@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_line_answers_in_its_polarity_and_direction(angle_deg: float, value: float) -> None:
    dark, bright = line_maps(_line(angle_deg, value))
    answer, other = (dark, bright) if value < 0 else (bright, dark)
    middle = 80
    assert answer.response[middle, middle] > 0.5
    assert other.response[middle, middle] < 0.1 * answer.response[middle, middle]
    assert np.rad2deg(answer.direction[middle, middle]) == pytest.approx(angle_deg % 180, abs=1)


def test_constant_field_and_rim_do_not_answer() -> None:
    rows, columns = np.indices((300, 300))
    mask = np.hypot(rows - 150, columns - 150) < 120
    image = np.where(mask, 100 + columns // 6, 0).astype(np.uint8)
    flat = flatten_field(image, mask)
    assert (flat[~mask] == 0).all()
    dark, bright = line_maps(flatten_field(np.where(mask, 120, 0).astype(np.uint8), mask))
    assert max(dark.response.max(), bright.response.max()) < 1e-2
    assert skeleton_of_response(bright, mask).sum() == 0


def test_illumination_does_not_change_the_answer() -> None:
    columns = np.indices((300, 300))[1]
    texture = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 60, (300, 300)), (0, 0), 3)
    mask = np.ones((300, 300), bool)
    plain = flatten_field((128 + texture).clip(0, 255).astype(np.uint8), mask)
    shaded = flatten_field(((128 + texture) * (0.4 + columns / 600)).clip(0, 255).astype(np.uint8), mask)
    assert np.corrcoef(plain.ravel(), shaded.ravel())[0, 1] > 0.97


def test_skeleton_runs_along_the_line_and_points_are_sampled() -> None:
    dark, _ = line_maps(_line(30, -1.0))
    rows, columns = np.indices((161, 161))
    along = np.array([np.cos(np.pi / 6), np.sin(np.pi / 6)])
    band = np.abs((rows - 80) * along[0] - (columns - 80) * along[1]) < 12
    skeleton = skeleton_of_response(dark, band)
    points = skeleton_points(skeleton, dark.direction)
    offset = (points.points_xy - 80) @ [-along[1], along[0]]
    assert len(points) > 100
    assert np.abs(offset).max() < 3.0
    many = skeleton_points(np.ones((100, 100), bool), np.zeros((100, 100), np.float32), seed=1)
    assert len(many) == 4000
    again = skeleton_points(np.ones((100, 100), bool), np.zeros((100, 100), np.float32), seed=1)
    np.testing.assert_array_equal(many.points_xy, again.points_xy)


def test_directions_are_mapped_by_the_local_jacobian() -> None:
    points = SkeletonPoints(np.array([[100.0, 50.0], [30.0, 200.0]]), np.array([0.3, 1.2]))
    matrix = np.array([[1.1, 0.2, 5.0], [-0.1, 0.9, 3.0], [4e-4, -2e-4, 1.0]])
    mapped, directions = map_with_directions(matrix, points)
    step = 1e-4 * np.column_stack([np.cos(points.directions), np.sin(points.directions)])
    moved, _ = map_with_directions(matrix, SkeletonPoints(points.points_xy + step, points.directions))
    numeric = np.arctan2(*(moved - mapped).T[::-1])
    np.testing.assert_allclose(directions, numeric, atol=1e-5)


def test_lies_in_is_false_outside_and_at_infinity() -> None:
    mask = np.ones((10, 20), bool)
    mask[0, 0] = False
    points = np.array([[0, 0], [1, 0], [19.4, 9.4], [19.6, 5], [-0.6, 3], [np.inf, 2], [np.nan, 2]])
    assert lies_in(mask, points).tolist() == [False, True, True, False, False, False, False]


def test_score_of_a_copy_is_full_and_falls_with_shift_and_turn(vessel_tree: tuple) -> None:
    features = prepare(vessel_tree[0])
    part = (features.points, features.mask)

    def score(matrix: np.ndarray) -> float:
        return score_overlap(*part, *part, matrix).s

    exact = score_overlap(*part, *part, np.eye(3))
    assert exact.s == pytest.approx(1.0)
    assert exact.overlap == pytest.approx(1.0, abs=0.01)
    assert exact.z > 10
    assert 1.0 > score(translation_matrix((2, 0))) > score(translation_matrix((8, 0)))
    assert score(similarity_matrix(20, 1, (320, 320))) < 0.3
    assert score(translation_matrix((5000, 0))) == 0.0
    assert overlap_share(*part, *part, translation_matrix((5000, 0))) == 0.0


def test_search_finds_turn_scale_and_shift(vessel_tree: tuple) -> None:
    features = prepare(vessel_tree[0])
    turned_image = cv2.warpPerspective(
        vessel_tree[0], similarity_matrix(-130.0, 0.8, (239.5, 239.5), (30, 10)), (480, 480)
    )
    turned = prepare(turned_image)
    truth = compose(
        features.common_from_native,
        np.linalg.inv(similarity_matrix(-130.0, 0.8, (239.5, 239.5), (30, 10))),
        np.linalg.inv(turned.common_from_native),
    )
    found = search(features, turned, 4)
    assert [candidate.score for candidate in found] == sorted((c.score for c in found), reverse=True)
    middle = np.array([[320.0, 320.0, 1.0]]).T
    error = np.linalg.norm((found[0].fixed_from_moving @ middle - truth @ middle)[:2])
    assert error < 25
    assert found[0].fixed_from_moving[:2, :2] == pytest.approx(truth[:2, :2], abs=0.1)
    assert search(features, turned, 4, should_stop=lambda: True) == []


def test_refinement_brings_a_rough_start_within_half_a_pixel(vessel_tree: tuple) -> None:
    features = prepare(vessel_tree[0])
    start = similarity_matrix(2.5, 1.03, (320, 320), (8, -6))
    refined = refine_transform(features, features, start)
    assert refined is not None
    assert refined.model == "homography"
    corners = np.array([[100, 100, 1], [540, 100, 1], [540, 540, 1], [100, 540, 1.0]]).T
    mapped = refined.fixed_from_moving @ corners
    np.testing.assert_allclose(mapped[:2] / mapped[2], corners[:2], atol=0.5)


def test_implausible_or_distant_starts_are_rejected(vessel_tree: tuple) -> None:
    features = prepare(vessel_tree[0])
    assert refine_transform(features, features, translation_matrix((3000, 0))) is None
    assert refine_transform(features, features, similarity_matrix(0, 0.2, (320, 320))) is None
    empty = prepare(np.zeros((100, 100), np.uint8))
    assert refine_transform(features, empty, np.eye(3)) is None


def test_ambiguous_polarity_offers_both_readings(vessel_tree: tuple) -> None:
    assert prepare(vessel_tree[0]).alternative is None
    noise = prepare(np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8))
    assert noise.alternative is not None
    assert {noise.polarity, noise.alternative.polarity} == {"dark", "bright"}
    forced = prepare(vessel_tree[0], "bright")
    assert (forced.polarity, forced.alternative) == ("bright", None)
    assert field_of_view(vessel_tree[0]).any()
