from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from engines.contract.events import Metric
from engines.core.diagnosis import diagnose
from engines.segmentation.diagnose import RULES

Series = Mapping[tuple[str, str], Sequence[float | None]]


def fired(series: Series) -> set[str]:
    """Return the rules that fire on series of (key, split), one point every ten steps from 10 on."""
    events = [
        Metric(key=key, split=split, step=10 * (number + 1), value=value)
        for (key, split), values in series.items()
        for number, value in enumerate(values)
    ]
    return {found.name for found in diagnose(events, RULES)}


CASES: list[tuple[str, Series, Series]] = [
    (
        "noise_schedule_empty",
        {("last_signal_share", "val"): [0.0]},
        {("last_signal_share", "val"): [4e-5]},
    ),
    (
        "learned_variance_mismatch",
        {("extra_output_channels", "val"): [1.0]},
        {("extra_output_channels", "val"): [0.0]},
    ),
    (
        "single_class_batches",
        {("single_class_batch", "train"): [1.0, 0.0] * 8},
        {("single_class_batch", "train"): [0.0] * 14 + [1.0, 1.0]},
    ),
    (
        "scored_on_noise",
        {("dice", "val"): [0.10, 0.09, 0.11], ("chance_dice", "val"): [0.1] * 3},
        {("dice", "val"): [0.10, 0.09, 0.60], ("chance_dice", "val"): [0.1] * 3},
    ),
    (
        "tasks_in_conflict",
        {("gradient_cosine", "train"): [-0.2, 0.1, -0.3, 0.2, 0.1]},
        {("gradient_cosine", "train"): [0.2, 0.1, -0.3, 0.2, 0.1]},
    ),
    ("head_sees_mask", {("head_sees_mask", "val"): [1.0]}, {("head_sees_mask", "val"): [0.0]}),
    (
        "grades_drift",
        {("share_hgg_train", "val"): [0.8], ("share_hgg_val", "val"): [0.5]},
        {("share_hgg_train", "val"): [0.8], ("share_hgg_val", "val"): [0.75]},
    ),
    (
        "average_stale",
        {
            ("ema_horizon_steps", "val"): [1000.0, 1000.0],
            ("calib_dice", "train"): [0.7, 0.8],
            ("calib_dice", "val"): [0.1, 0.2],
        },
        {
            ("ema_horizon_steps", "val"): [5.0, 5.0],
            ("calib_dice", "train"): [0.7, 0.8],
            ("calib_dice", "val"): [0.1, 0.2],
        },
    ),
    (
        "image_ignored",
        {("swapped_image_dice", "val"): [0.95]},
        {("swapped_image_dice", "val"): [0.2]},
    ),
    (
        "samples_over_sure",
        {("pairwise_dice", "val"): [0.99], ("dice", "val"): [0.6]},
        {("pairwise_dice", "val"): [0.99], ("dice", "val"): [0.9]},
    ),
    ("generated_grades", {("grades_in_order", "val"): [1.0]}, {("grades_in_order", "val"): [0.0]}),
    ("leak", {("shared_subjects", "val"): [2.0]}, {("shared_subjects", "val"): [0.0]}),
]


@pytest.mark.parametrize(("name", "wrong", "right"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_fires_on_its_mistake_and_is_silent_otherwise(name: str, wrong: Series, right: Series) -> None:
    assert fired(wrong) == {name}
    assert not fired(right)
    assert not fired({key: [None] for key in wrong if name != "noise_schedule_empty"})


def test_every_rule_has_a_case() -> None:
    assert {rule.name for rule in RULES} == {case[0] for case in CASES}
