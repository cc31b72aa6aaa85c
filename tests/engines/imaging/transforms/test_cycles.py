"""Circles of three registrations."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.geometry import compose, invert, similarity_matrix, translation_matrix
from engines.imaging.transforms.cycles import RegisteredPair, cycles

SIZE = (200, 160)
B_FROM_A = similarity_matrix(20.0, 1.1, (100.0, 80.0), (5.0, 3.0))
C_FROM_B = similarity_matrix(-5.0, 0.5, (100.0, 80.0), (-20.0, 8.0))


def _pair(item: str, fixed: str, moving: str, matrix: np.ndarray) -> RegisteredPair:
    return RegisteredPair(item, fixed, moving, SIZE, SIZE, matrix)


def test_true_transforms_come_back_to_where_they_began() -> None:
    found = cycles(
        [
            _pair("ab", "b", "a", B_FROM_A),
            _pair("bc", "c", "b", C_FROM_B),
            _pair("ca", "a", "c", invert(compose(C_FROM_B, B_FROM_A))),
        ]
    )
    (cycle,) = found
    assert cycle.items == ("ab", "bc", "ca")
    assert cycle.mean_error_px == pytest.approx(0.0, abs=1e-9)
    assert cycle.start == "b", "the image that shows least lies inside the others"


def test_a_wrong_side_shows_in_every_circle_it_closes() -> None:
    wrong = compose(translation_matrix((12.0, 0.0)), B_FROM_A)
    (cycle,) = cycles(
        [
            _pair("ab", "b", "a", wrong),
            _pair("bc", "c", "b", C_FROM_B),
            _pair("ac", "c", "a", compose(C_FROM_B, B_FROM_A)),
        ]
    )
    assert cycle.start == "b"
    assert cycle.mean_error_px == pytest.approx(12.0, abs=1e-6)
    assert cycle.max_error_px == pytest.approx(12.0, abs=1e-6)


def test_no_circle_without_three_images_or_a_common_part() -> None:
    sides = [_pair("ab", "b", "a", B_FROM_A), _pair("bc", "c", "b", C_FROM_B)]
    assert cycles(sides) == []
    assert cycles([*sides, _pair("ba", "a", "b", invert(B_FROM_A))]) == []
    assert cycles([*sides, _pair("cd", "d", "c", np.eye(3))]) == []
    far = translation_matrix((1000.0, 0.0))
    assert cycles([_pair("ab", "b", "a", far), _pair("bc", "c", "b", far), _pair("ca", "a", "c", far)]) == []
