"""Line maps part right from wrong where centre lines no longer do."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.geometry import compose, invert, similarity_matrix
from engines.imaging.matching.classical_registration import choose, judge, prepare, verify
from engines.imaging.matching.peak_sharpness import peak_sharpness
from engines.imaging.matching.registration_result import RefinedCandidate
from engines.imaging.matching.search_frames import COMMON_FRAME, SURE_Z
from engines.imaging.opencv import cv2
from engines.imaging.vessels.vessel_features import VesselFeatures


@pytest.fixture(scope="module")
def degraded(vessel_tree: tuple) -> tuple[VesselFeatures, VesselFeatures, np.ndarray]:
    """Features of a picture and of a turned, blurred, flat and noisy copy, and the true transform."""
    fixed, _ = vessel_tree
    moving_from_fixed = similarity_matrix(37.0, 1.0, (239.5, 239.5))
    turned = cv2.warpPerspective(fixed[:, :, 1], moving_from_fixed, (480, 480))
    seen = turned > 0
    blurred = cv2.GaussianBlur(turned.astype(np.float32), (0, 0), 3.0)
    flat = blurred[seen].mean() + 0.2 * (blurred - blurred[seen].mean())
    noisy = flat + np.random.default_rng(3).normal(0, 8, flat.shape)
    moving = np.where(seen, noisy, 0).clip(0, 255).astype(np.uint8)
    return prepare(fixed), prepare(moving, "dark"), invert(moving_from_fixed)


def test_the_true_pose_is_sharp_where_centre_lines_agree_no_more_than_by_chance(degraded: tuple) -> None:
    fixed, moving, truth = degraded
    assert verify(fixed, moving, truth).z < COMMON_FRAME.registered_z
    judged = judge(fixed, moving, truth)
    assert judged.verdict == "registered"
    assert judged.sharpness is not None
    assert judged.sharpness > COMMON_FRAME.registered_sharpness


@pytest.mark.parametrize("degrees", [20.0, 90.0, 180.0])
def test_a_wrong_pose_is_not_sharp(degraded: tuple, degrees: float) -> None:
    fixed, moving, truth = degraded
    wrong = compose(similarity_matrix(degrees, 1.0, (239.5, 239.5)), truth)
    judged = judge(fixed, moving, wrong)
    assert judged.verdict == "not_registered"
    assert judged.sharpness is not None
    assert judged.sharpness < COMMON_FRAME.uncertain_sharpness


def test_the_sharp_candidate_is_chosen_over_one_whose_centre_lines_agree_more(degraded: tuple) -> None:
    fixed, moving, truth = degraded
    wrong = compose(similarity_matrix(90.0, 1.0, (239.5, 239.5)), truth)
    candidates = [
        RefinedCandidate(wrong, "affine", 0.2, 4.0, 1.0),
        RefinedCandidate(truth, "affine", 0.1, 3.0, 1.0),
    ]
    result = choose(fixed, moving, candidates)
    np.testing.assert_array_equal(result.homography_fixed_from_moving, truth)
    assert (result.verdict, result.z) == ("registered", 3.0)
    assert result.candidates[0].z == 3.0
    # A sure z needs no second sign, and is not overruled by it.
    sure = RefinedCandidate(wrong, "affine", 0.5, SURE_Z, 1.0)
    assert choose(fixed, moving, [sure, *candidates]).sharpness is None
    # A fair one whose line maps do not agree is worth no more than a look.
    fair = RefinedCandidate(wrong, "affine", 0.5, COMMON_FRAME.registered_z + 1, 1.0)
    assert choose(fixed, moving, [fair]).verdict == "uncertain"


def test_images_without_a_common_area_have_no_sharpness(degraded: tuple) -> None:
    fixed, moving, _ = degraded
    assert peak_sharpness(fixed, moving, similarity_matrix(0.0, 1.0, (0.0, 0.0), (5000.0, 0.0))) == 0.0
