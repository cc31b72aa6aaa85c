"""Rules that know segmentation and grading; those of every pipeline are in `engines.core.diagnosis`.

Each names a mistake that an implementation of this method was seen to make.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from engines.contract.kinds import Severity
from engines.core.diagnosis import Finding, History, Rule, evidence_of

_MOST_SINGLE_CLASS = 0.3
_LEAST_BATCHES = 10
_NEAR_CHANCE = 0.03
_PATIENCE_VALIDATIONS = 3
_CONFLICT_SHARE = 0.2
_LEAST_ANGLES = 5
_LARGEST_DRIFT = 0.15
_EMA_GAP = 0.2
_SAME_MASK = 0.8
_SURE, _GOOD = 0.97, 0.8
_LEARNT = 0.3


def _value(history: History, key: str, split: str = "val") -> Any | None:
    """Return the newest point of a series that has a value, or None."""
    points = [point for point in history.points(key, split) if point.value is not None]
    return points[-1] if points else None


def _fact(
    key: str, is_wrong: Callable[[float], bool], finding: Finding
) -> Callable[[History], Finding | None]:
    """Return a rule about the newest value of one metric; its cause may name ``{value}``."""

    def find(history: History) -> Finding | None:
        point = _value(history, key)
        if point is None or not is_wrong(point.value):
            return None
        return Finding(
            finding.cause,
            {"value": point.value},
            evidence_of([point]),
            finding.remedy,
            finding.config_patch,
            point.step,
        )

    return find


def _single_class(history: History) -> Finding | None:
    """Fire when many batches hold one grade only."""
    points = [point for point in history.points("single_class_batch", "train") if point.value is not None]
    if len(points) < _LEAST_BATCHES:
        return None
    share = statistics.fmean(point.value or 0.0 for point in points)
    if share < _MOST_SINGLE_CLASS:
        return None
    return Finding(
        "{percent:.0f} % of the batches hold one grade only: metrics of single batches mean nothing, and the "
        "head is pulled to and fro.",
        {"percent": 100 * share},
        evidence_of(points[-5:]),
        "Metrics here are over all subjects; use larger batches for the gradient.",
        {"batch_size": 16},
        points[-1].step,
    )


def _at_chance(history: History) -> Finding | None:
    """Fire when the drawn masks score as coin flips do, validation after validation."""
    dice = [point for point in history.points("dice", "val") if point.value is not None and point.step > 0]
    chance = {point.step: point.value for point in history.points("chance_dice", "val")}
    recent = [point for point in dice if chance.get(point.step)][-_PATIENCE_VALIDATIONS:]
    if len(recent) < _PATIENCE_VALIDATIONS:
        return None
    if any(abs((point.value or 0.0) - (chance[point.step] or 0.0)) > _NEAR_CHANCE for point in recent):
        return None
    return Finding(
        "Dice is {dice:.3f}, and coin flips score {chance:.3f}: what is scored is noise, not a mask.",
        {"dice": recent[-1].value, "chance": chance[recent[-1].step]},
        evidence_of(recent),
        "Predict the clean mask instead of the noise; scoring takes drawn masks.",
        {"prediction": "x0"},
        recent[-1].step,
    )


def _conflict(history: History) -> Finding | None:
    """Fire when both tasks pull against each other in more than a fifth of the measurements."""
    points = [point for point in history.points("gradient_cosine", "train") if point.value is not None]
    if len(points) < _LEAST_ANGLES:
        return None
    against = [point for point in points if (point.value or 0.0) < 0]
    if len(against) <= _CONFLICT_SHARE * len(points):
        return None
    return Finding(
        "Mask and grade pull against each other in {percent:.0f} % of the measurements.",
        {"percent": 100 * len(against) / len(points)},
        evidence_of(against[-5:]),
        "Stop the grade's gradient at the head, or take conflicts out of it.",
        {"stop_gradient": True, "weighting": "fixed"},
        points[-1].step,
    )


def _drift(history: History) -> Finding | None:
    """Fire when grades are distributed differently in training and validation."""
    train, validation = _value(history, "share_hgg_train"), _value(history, "share_hgg_val")
    if train is None or validation is None or abs(train.value - validation.value) <= _LARGEST_DRIFT:
        return None
    return Finding(
        "{train:.0f} % of the training subjects have the high grade and {val:.0f} % of those for validation.",
        {"train": 100 * train.value, "val": 100 * validation.value},
        evidence_of([train, validation]),
        "Split again by subject, stratified by grade.",
        step=validation.step,
    )


def _stale_average(history: History) -> Finding | None:
    """Fire when the averaged weights look back further than the training has come, and score worse."""
    horizon, trained = _value(history, "ema_horizon_steps"), _value(history, "calib_dice", "train")
    validated = _value(history, "calib_dice")
    if horizon is None or trained is None or validated is None or validated.step == 0:
        return None
    if horizon.value * 2 < validated.step or trained.value - validated.value < _EMA_GAP:
        return None
    return Finding(
        "The averaged weights look back {horizon:.0f} steps and the run has {steps}: they still hold its "
        "start (Dice {averaged:.2f} against {trained:.2f} in training).",
        {
            "horizon": horizon.value,
            "steps": validated.step,
            "averaged": validated.value,
            "trained": trained.value,
        },
        evidence_of([trained, validated]),
        "Lower ema_decay, or train longer.",
        {"ema_decay": 0.99},
        validated.step,
    )


def _ignores_image(history: History) -> Finding | None:
    """Fire when another subject's image gives the same mask."""
    swapped = _value(history, "swapped_image_dice")
    if swapped is None or swapped.step == 0 or swapped.value < _SAME_MASK:
        return None
    return Finding(
        "Drawn masks stay the same when the image is another subject's (Dice {value:.2f}).",
        {"value": swapped.value},
        evidence_of([swapped]),
        "Predict the clean mask, and let the loss of the mask reach the image-only branch.",
        {"prediction": "x0"},
        swapped.step,
    )


def _over_sure(history: History) -> Finding | None:
    """Fire when drawn masks agree with each other far more than with the truth."""
    pairwise, dice = _value(history, "pairwise_dice"), _value(history, "dice")
    if pairwise is None or dice is None or dice.step == 0:
        return None
    if pairwise.value < _SURE or not _LEARNT <= dice.value < _GOOD:
        return None
    return Finding(
        "Drawn masks agree with each other (Dice {pairwise:.2f}) far more than with the truth ({dice:.2f}): "
        "their disagreement is no measure of error.",
        {"pairwise": pairwise.value, "dice": dice.value},
        evidence_of([pairwise, dice]),
        "Do not read the map of uncertainty as a chance of error; draw with noise in each step.",
        step=dice.step,
    )


def _schedule(history: History) -> Finding | None:
    """Fire when no signal is left at the last step, by which everything is divided."""
    points = history.points("last_signal_share", "val")
    if not points or (points[-1].value is not None and points[-1].value > 0):
        return None
    return Finding(
        "At the last step of the noise nothing is left of the mask: divisions by 0 follow.",
        {},
        evidence_of(points[-1:]),
        "Train with 1000 steps of noise; take fewer steps when sampling.",
        {"noise_steps": 1000},
        points[-1].step,
    )


RULES = (
    Rule("noise_schedule_empty", Severity.ERROR, _schedule),
    Rule(
        "learned_variance_mismatch",
        Severity.WARNING,
        _fact(
            "extra_output_channels",
            lambda value: value > 0,
            Finding(
                "The weights where this training starts had {value:.0f} more output channels than there are "
                "regions. They hold a learned variance, which is no mask, and were left out.",
                remedy="Right if num_regions is what the weights segment; else import them again with it.",
            ),
        ),
    ),
    Rule("single_class_batches", Severity.NOTE, _single_class),
    Rule("scored_on_noise", Severity.ERROR, _at_chance),
    Rule("tasks_in_conflict", Severity.WARNING, _conflict),
    Rule(
        "head_sees_mask",
        Severity.WARNING,
        _fact(
            "head_sees_mask",
            lambda value: value > 0,
            Finding(
                "The grade is read from the middle of the diffusion network, which holds the true mask in "
                "training and noise in use.",
                remedy="Read it from the image-only branch.",
                config_patch={"grade_head": "image"},
            ),
        ),
    ),
    Rule("grades_drift", Severity.WARNING, _drift),
    Rule("average_stale", Severity.WARNING, _stale_average),
    Rule("image_ignored", Severity.WARNING, _ignores_image),
    Rule("samples_over_sure", Severity.NOTE, _over_sure),
    Rule(
        "generated_grades",
        Severity.WARNING,
        _fact(
            "grades_in_order",
            lambda value: value > 0,
            Finding(
                "Sorted by number all subjects of one grade come first: these grades look generated.",
                remedy="Compare them with the table that comes with the data set.",
            ),
        ),
    ),
    Rule(
        "leak",
        Severity.ERROR,
        _fact(
            "shared_subjects",
            lambda value: value > 0,
            Finding(
                "{value:.0f} subjects or files are in training and in validation: the numbers are too good.",
                remedy="Split again by subject; join copies of one subject.",
            ),
        ),
    ),
)
