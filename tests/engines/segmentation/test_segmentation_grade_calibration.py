from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engines.contract.evaluation import EvaluationReport
from engines.contract.kinds import Action, Split
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.imaging.classification import brier_score, reliability
from engines.segmentation.evaluation.grade_calibration import GradeCalibration
from engines.segmentation.evaluation.tables import read_per_item
from engines.segmentation.inference.slice_inference import probability_of, subject_logit
from engines.segmentation.networks.checkpoint import load_network

Carry = Callable[[RunFolder], RunContext]
Make = Callable[..., RunFolder]
TRAIN, VAL, TEST = Split.TRAIN, Split.VAL, Split.TEST


def _subjects(count: int, seed: int) -> tuple[list[float], list[int]]:
    """Return grades drawn by some logits, and these a tenth as large and moved by 0.3."""
    generator = np.random.default_rng(seed)
    true = generator.normal(1.0, 2.0, count)
    is_high = generator.random(count) < 1 / (1 + np.exp(-true))
    return (0.1 * true + 0.3).tolist(), is_high.astype(int).tolist()


def test_the_line_that_was_lost_is_found_again() -> None:
    found = GradeCalibration.fit(*_subjects(4000, 0))
    assert found is not None
    assert found.scale == pytest.approx(10, rel=0.1)
    assert found.bias == pytest.approx(-3, rel=0.1)
    assert found.raw(found.scale * 0.7 + found.bias) == pytest.approx(0.7)


def test_other_subjects_are_told_truer_probabilities() -> None:
    found = GradeCalibration.fit(*_subjects(40, 1))
    assert found is not None
    logits, grades = _subjects(500, 2)
    is_high = np.array(grades) == 1
    before = [probability_of(logit) for logit in logits]
    after = [probability_of(found.scale * logit + found.bias) for logit in logits]
    assert brier_score(after, is_high) < 0.7 * brier_score(before, is_high)
    assert reliability(after, is_high).expected_error < 0.5 * reliability(before, is_high).expected_error


def test_separable_subjects_get_no_infinite_scale() -> None:
    found = GradeCalibration.fit([-1.0, -0.9, -0.8, 0.8, 0.9, 1.0], [0, 0, 0, 1, 1, 1])
    assert found is not None
    assert 1 < found.scale < 20
    assert 0.7 < probability_of(found.scale * 1.0 + found.bias) < 0.99


@pytest.mark.parametrize(
    ("logits", "grades"),
    [
        ([0.1, 0.2, 0.3], [1, 1, 1]),
        ([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]),
        ([1.0, 1.1, 1.2, -1.0, -1.1, -1.2], [0, 0, 0, 1, 1, 1]),
        ([], []),
    ],
    ids=["one grade", "too few", "the wrong way round", "nobody"],
)
def test_nothing_is_fitted_on_what_says_nothing(logits: list[float], grades: list[int]) -> None:
    assert GradeCalibration.fit(logits, grades) is None


def test_slices_and_their_subject_are_calibrated_alike() -> None:
    generator = np.random.default_rng(3)
    grades = generator.normal(size=(7, 2)).astype(np.float32)
    share = generator.random(7).astype(np.float32)
    found = GradeCalibration(3.0, -0.5, 4, 4)
    expected = 3.0 * subject_logit(grades, share) - 0.5
    assert subject_logit(found.logits(grades), share) == pytest.approx(expected, abs=1e-5)
    assert GradeCalibration.from_facts({"grade_calibration": found.facts()}) == found
    assert not GradeCalibration.from_facts({}).is_fitted


def test_a_training_fits_its_validation_subjects_and_keeps_what_it_found(
    make: Make, carry: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, list[int]]] = []

    def fit(logits: list[float], grades: list[int]) -> GradeCalibration:
        seen.append((len(logits), grades))
        return GradeCalibration(2.0, 0.5, 1, 1)

    monkeypatch.setattr(GradeCalibration, "fit", fit)
    folder = make("calibrated", splits=(TRAIN, TRAIN, VAL, VAL), method="classifier", max_steps=1)
    summary = carry(folder).summary
    assert seen == [(2, [0, 1])] * 2
    assert (summary["grade_scale"], summary["grade_bias"]) == (2.0, 0.5)
    for name in ("best", "last"):
        _, facts = load_network(folder.path, name)
        assert GradeCalibration.from_facts(facts) == GradeCalibration(2.0, 0.5, 1, 1)


def test_probabilities_are_those_after_calibration(graded: RunFolder, make: Make, carry: Carry) -> None:
    from engines.segmentation.networks.checkpoint import keep_calibration

    settings = {"sampling_steps": 1, "samples": 1}
    plain = make("plain", Action.PREDICT, base=graded, splits=(TEST,), **settings)
    carry(plain)
    folder = graded.checkpoints_dir / "best"
    _, facts = load_network(graded.path, "best")
    keep_calibration(folder, GradeCalibration(2.0, 1.0, 3, 3))
    try:
        moved = make("moved", Action.PREDICT, base=graded, splits=(TEST,), **settings)
        carry(moved)
        scored = make("scored", Action.EVALUATE, base=graded, splits=(TEST, TEST), **settings)
        carry(scored)
    finally:
        keep_calibration(folder, GradeCalibration.from_facts(facts))
    before, after = (float(read_per_item(run.per_item_path)[0]["probability_hgg"]) for run in (plain, moved))
    logit = np.log(before / (1 - before))
    assert after == pytest.approx(probability_of(2 * logit + 1), abs=2e-3)
    rows = EvaluationReport.read(scored.evaluation_path).rows
    assert rows["uncalibrated_grade"]["auc"] == rows["model"]["auc"]
    assert rows["uncalibrated_grade"]["brier"] != rows["model"]["brier"]
