"""A small part of the eye is found in a whole field, and a bent one is bent back."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.geometry import apply_homography, invert, similarity_matrix
from engines.imaging.matching.classical_registration import (
    ClassicalOptions,
    Proposal,
    prepare,
    register,
    register_features,
)
from engines.imaging.matching.curved_refinement import refine_quadratic
from engines.imaging.matching.registration_result import verdict_for
from engines.imaging.matching.search_frames import COMMON_FRAME, SURE_Z, SearchFrame, frames_for
from engines.imaging.opencv import cv2


def test_frames_follow_the_modality() -> None:
    assert frames_for("CF", "FA") == frames_for(None, None) == frames_for("OCTA", "OCT") == (COMMON_FRAME,)
    for fixed, moving in (("FA", "OCTA"), ("octa", "CF")):
        common, zoomed = frames_for(fixed, moving)
        assert common == COMMON_FRAME
        wide, narrow = zoomed.fixed_diameter_px, zoomed.moving_diameter_px
        assert (wide > narrow) == (moving == "OCTA")
        assert zoomed.num_candidates > 4
        # Together the two frames cover one gapless range of ratios of the fields.
        ratio = max(wide, narrow) / min(wide, narrow)
        assert 1.9 / ratio > 0.53
        assert 0.53 / ratio < 0.17


@pytest.mark.parametrize("frame", frames_for("CF", "OCTA"))
def test_either_sign_registers_by_itself_and_a_fair_z_asks_less_of_the_other(frame: SearchFrame) -> None:
    sharp, likely = frame.registered_sharpness, frame.uncertain_sharpness
    assert verdict_for(SURE_Z, 0.0, frame) == "registered"
    assert verdict_for(0.0, sharp, frame) == "registered"
    assert verdict_for(frame.registered_z, likely, frame) == "registered"
    assert verdict_for(SURE_Z - 0.01, likely - 0.01, frame) == "uncertain"
    assert verdict_for(frame.registered_z - 0.01, sharp - 0.01, frame) == "uncertain"
    assert verdict_for(0.0, likely, frame) == "uncertain"
    assert verdict_for(frame.uncertain_z, 0.0, frame) == "uncertain"
    assert verdict_for(frame.uncertain_z - 0.01, likely - 0.01, frame) == "not_registered"


def test_a_small_part_of_a_field_is_registered_where_the_modality_tells_of_it(vessel_tree: tuple) -> None:
    fixed, _ = vessel_tree
    # A square of 138 px of the fixed image of 480 px, turned and blown up to 400 px.
    narrow_from_fixed = similarity_matrix(12.0, 2.9, (190.0, 200.0), (200.0 - 190.0, 200.0 - 200.0))
    crop = cv2.warpPerspective(fixed[:, :, 1], narrow_from_fixed, (400, 400), flags=cv2.INTER_CUBIC)
    narrow = (255 - crop).astype(np.uint8)
    corners = np.array([[20.0, 20.0], [380.0, 20.0], [380.0, 380.0], [20.0, 380.0]])
    truth = apply_homography(invert(narrow_from_fixed), corners)
    options = ClassicalOptions(frames=frames_for("CF", "OCTA"))
    found = register(fixed, narrow, options=options)
    assert found.verdict != "not_registered", "the drawing has few vessels there, so it may be uncertain"
    assert found.homography_fixed_from_moving is not None
    gap = apply_homography(found.homography_fixed_from_moving, corners) - truth
    assert np.linalg.norm(gap, axis=1).max() < 3.0
    without = register(fixed, narrow)
    matrix = without.homography_fixed_from_moving
    missed = np.inf if matrix is None else np.linalg.norm(apply_homography(matrix, corners) - truth, axis=1)
    assert np.min(missed) > 25.0, "the common size alone does not reach this far"


def test_a_proposal_is_weighed_with_the_poses_of_the_search(vessel_tree: tuple) -> None:
    fixed, _ = vessel_tree
    features = prepare(fixed)
    wrong = Proposal(similarity_matrix(90.0, 1.0, (240.0, 240.0), (60.0, 0.0)), "matcher")
    found = register_features(features, features, proposals=[wrong])
    assert found.verdict == "registered"
    assert found.candidates[0].source == "search"
    sources = {candidate.source for candidate in found.candidates}
    right = register_features(features, features, proposals=[Proposal(np.eye(3), "matcher")])
    assert "matcher" in {candidate.source for candidate in right.candidates} | sources


@pytest.fixture(scope="module")
def bent(vessel_tree: tuple) -> tuple:
    """Fixed picture, a moving one that is bent by up to 10 px, and where its pixels come from."""
    fixed, _ = vessel_tree
    rows, columns = np.mgrid[0:480, 0:480].astype(np.float32)
    u, v = (columns - 240) / 240, (rows - 240) / 240
    fixed_x, fixed_y = columns + 8 * u * u - 4 * u * v, rows + 7 * v * v - 3 * u * v
    moving = cv2.remap(fixed, fixed_x, fixed_y, cv2.INTER_LINEAR)
    return fixed, moving, np.stack([fixed_x, fixed_y], axis=2)


def test_a_quadratic_follows_a_bend_that_a_homography_cannot(bent: tuple) -> None:
    fixed, moving, fixed_of_pixel = bent
    curved = register(fixed, moving, options=ClassicalOptions(model="quadratic"))
    assert (curved.verdict, curved.model) == ("registered", "quadratic")
    assert curved.quadratic_fixed_from_moving is not None
    places = np.stack(np.meshgrid(np.arange(100, 400, 50), np.arange(100, 400, 50)), axis=-1).reshape(-1, 2)
    truth = fixed_of_pixel[places[:, 1], places[:, 0]]
    bow = np.linalg.norm(curved.quadratic_fixed_from_moving.apply(places) - truth, axis=1).mean()
    flat = np.linalg.norm(
        apply_homography(curved.homography_fixed_from_moving, places) - truth, axis=1
    ).mean()
    assert bow < 0.7
    assert bow < 0.5 * flat


def test_no_vessels_give_no_curve() -> None:
    empty = prepare(np.full((200, 200), 90, np.uint8))
    assert refine_quadratic(empty, empty, np.eye(3)) is None
