from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.segmentation.config import PredictConfig
from engines.segmentation.evaluation.grade_calibration import GradeCalibration
from engines.segmentation.evaluation.pictures import in_rows
from engines.segmentation.inference.fusion import fuse
from engines.segmentation.inference.review import review_of

ROW = {
    "volume_ml": 2.0,
    "volume_low_ml": 1.0,
    "volume_high_ml": 3.0,
    "pairwise_dice": 1.0,
    "grade": "HGG",
    "probability_hgg": 0.9,
    "probability_low": 0.8,
    "probability_high": 0.95,
}
FITTED = GradeCalibration(2.0, 0.0, 5, 5)


def predicted(
    mask: Any, calibration: Any, *, fitted: GradeCalibration = FITTED, missing: tuple[str, ...] = ()
) -> Any:
    """Two equal samples of one slice; only what the review reads."""
    samples = np.repeat(mask[None, None, None].astype(np.float32), 2, axis=0)
    return SimpleNamespace(
        fused=fuse(samples, PredictConfig()),
        drawn=SimpleNamespace(calibration=calibration[None, None].astype(np.float32)),
        case=SimpleNamespace(missing=missing),
        calibration=fitted,
    )


@pytest.fixture
def mask() -> Any:
    made = np.zeros((16, 16))
    made[4:10, 4:10] = 1
    return made


def rules(found: Any, row: dict[str, Any] | None = None) -> set[str]:
    review = review_of(found, row or ROW, PredictConfig(), has_grades=True)
    assert review.status == ("review" if review.reasons else "accept")
    return {reason.rule for reason in review.reasons}


def test_what_is_sure_may_be_accepted_and_says_its_numbers(mask: Any) -> None:
    review = review_of(predicted(mask, mask), ROW, PredictConfig(threshold=0.4), has_grades=True)
    assert review.status == "accept"
    assert review.threshold == 0.4
    assert review.values["calibration_dice"] == 1.0
    assert (review.values["volume_after_ml"], review.values["probability_high"]) == (2.0, 0.95)


def test_each_doubt_is_said(mask: Any) -> None:
    nothing = np.zeros_like(mask)
    assert rules(predicted(nothing, mask)) == {"no_tumour"}
    assert rules(predicted(mask, nothing)) == {"low_calibration_dice"}
    assert rules(predicted(mask, mask), {**ROW, "pairwise_dice": 0.3}) == {"low_pairwise_dice"}
    assert rules(predicted(mask, mask, missing=("t1", "t2"))) == {"missing_modality"}
    assert rules(predicted(mask, mask), {**ROW, "grade": "undecided"}) == {"undecided_grade"}
    assert rules(predicted(mask, mask, fitted=replace(FITTED, num_low=0))) == {"uncalibrated_grade"}


def test_rows_of_pictures_are_filled_up() -> None:
    tile = np.full((5, 6, 3), 200, np.uint8)
    found = in_rows([tile, tile, tile], [tile], [])
    assert found.shape == (5 + 4 + 5, 3 * 6 + 2 * 4, 3)
    assert not found[9:, 6:].any()
