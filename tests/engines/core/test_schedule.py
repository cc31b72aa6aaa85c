from __future__ import annotations

from itertools import pairwise

import pytest

from engines.core.schedule import learning_rate_factor


def factors(total: int, warmup: int, kind: str) -> list[float]:
    return [
        learning_rate_factor(step, total_steps=total, warmup_steps=warmup, kind=kind) for step in range(total)
    ]


def test_warmup_rises_in_equal_steps_to_the_peak() -> None:
    assert factors(10, 4, "constant") == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1])


def test_cosine_falls_from_the_peak_to_zero() -> None:
    values = factors(100, 0, "cosine")
    assert values[0] == 1.0
    assert values[50] == pytest.approx(0.5)
    assert values[-1] == pytest.approx(0.0, abs=1e-3)
    assert all(later < earlier for earlier, later in pairwise(values))


def test_cosine_starts_at_the_peak_after_the_warmup() -> None:
    assert factors(10, 4, "cosine")[4] == 1.0


def test_warmup_longer_than_the_run_is_no_error() -> None:
    assert factors(3, 10, "cosine") == pytest.approx([0.1, 0.2, 0.3])
