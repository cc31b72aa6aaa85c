"""Loops and branch lengths of drawn trees."""

from __future__ import annotations

import numpy as np
import pytest

from engines.refinement.anatomy.topology import branch_errors, line_length_mm, num_loops


def _ring(side: int = 20) -> np.ndarray:
    i, j, k = np.ogrid[:side, :side, :side]
    across = np.hypot(i - side / 2, j - side / 2)
    return np.asarray(np.hypot(across - 6.0, k - side / 2) <= 1.8)


def test_a_ring_is_one_loop_and_a_hollow_ball_is_none() -> None:
    ring = _ring()
    assert num_loops(ring) == 1
    cut = ring.copy()
    cut[:, 10:, 9:12] = False
    assert num_loops(cut[:, :10]) == 0
    i, j, k = np.ogrid[:20, :20, :20]
    distance = np.sqrt((i - 10) ** 2 + (j - 10) ** 2 + (k - 10) ** 2)
    assert num_loops((distance <= 7) & (distance >= 4)) == 0
    assert num_loops(np.zeros((4, 4, 4), dtype=bool)) == 0


def test_a_lost_branch_is_missing_and_an_invented_one_is_spurious() -> None:
    clean = np.zeros((40, 30, 20), dtype=bool)
    clean[4:36, 14:17, 9:12] = True
    branched = clean.copy()
    branched[19:22, 17:29, 9:12] = True
    spacing = (0.5, 1.0, 0.5)
    lost = branch_errors(clean, branched, spacing)
    assert lost.missing_mm == pytest.approx(11.0, abs=2.5)
    assert lost.spurious_mm == 0.0
    invented = branch_errors(branched, clean, spacing)
    assert invented.spurious_mm == lost.missing_mm
    assert invented.missing_mm == 0.0


def test_nothing_has_no_branches_and_no_zero() -> None:
    nothing = np.zeros((8, 8, 8), dtype=bool)
    assert branch_errors(nothing, _ring(), (1.0, 1.0, 1.0)).missing_mm is None


def test_a_line_is_as_long_as_its_steps() -> None:
    line = np.zeros((12, 12, 12), dtype=bool)
    line[np.arange(10), np.arange(10), 3] = True
    assert line_length_mm(line, (1.0, 1.0, 2.0)) == pytest.approx(9 * np.sqrt(2))
