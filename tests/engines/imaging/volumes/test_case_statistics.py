from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.volumes.case_statistics import bootstrap_interval, mean_of


def test_interval_holds_the_mean_and_shrinks_with_more_subjects() -> None:
    random = np.random.default_rng(1)
    few, many = (list(random.normal(0.1, 0.05, count)) for count in (6, 200))
    wide = bootstrap_interval(few, [f"s{index}" for index in range(6)])
    narrow = bootstrap_interval(many, [f"s{index}" for index in range(200)])
    assert wide is not None
    assert narrow is not None
    assert wide.low < np.mean(few) < wide.high
    assert narrow.high - narrow.low < wide.high - wide.low


def test_interval_resamples_subjects_and_not_cases() -> None:
    # Each subject's cases are alike: a hundred copies make nobody surer.
    values = [0.0, 0.1, 0.2, 0.3, 0.4]
    once = bootstrap_interval(values, list("abcde"))
    often = bootstrap_interval(
        [value for value in values for _ in range(100)], list(np.repeat([*"abcde"], 100))
    )
    assert once is not None
    assert often is not None
    assert often.low == pytest.approx(once.low)
    assert often.high == pytest.approx(once.high)


def test_no_interval_with_four_subjects() -> None:
    assert bootstrap_interval([0.1] * 8, list("aabbccdd")) is None
    assert bootstrap_interval([0.1, None, 0.2, 0.3, 0.4, 0.5], list("abcdee")) is None


def test_interval_is_repeatable() -> None:
    values, subjects = [0.1, 0.4, 0.2, 0.3, 0.9], list("abcde")
    assert bootstrap_interval(values, subjects) == bootstrap_interval(values, subjects)


def test_mean_leaves_out_what_has_no_value() -> None:
    assert mean_of([1.0, None, 3.0]) == 2.0
    assert mean_of([None]) is None
