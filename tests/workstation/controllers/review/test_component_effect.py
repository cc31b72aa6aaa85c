"""What rejecting a component does to the centre line, against thinning the rest anew."""

from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.volumes.components import label_components
from engines.imaging.volumes.label_metrics import centre_line_agreement
from workstation.controllers.review.component_effect import cldice_without, lines_of

SHAPE = (40, 24, 20)


def vessels() -> np.ndarray:
    """Two tubes and a speck of class 3, beside an organ of class 1."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:30, 4:7, 4:7] = 3
    labels[5:35, 14:17, 10:13] = 3
    labels[37:39, 20:22, 16:18] = 3
    labels[20:30, 8:12, 2:18] = 1
    return labels


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_rest_need_not_be_thinned_again(number: int) -> None:
    own = vessels()
    other = own.copy()
    other[2:6] = 0
    other[37:39] = 0
    lines = lines_of(own, other, 3)
    assert lines is not None
    pieces, count = label_components(own == 3)
    assert count == 3
    gone = pieces == number
    found = cldice_without(lines, gone[lines.box])
    expected = centre_line_agreement((own == 3) & ~gone, other == 3)
    assert expected is not None
    assert found == pytest.approx(expected.cldice, abs=1e-9)


def test_without_anything_to_compare_there_is_no_number() -> None:
    empty = np.zeros(SHAPE, np.uint8)
    assert lines_of(vessels(), empty, 3) is None
    assert lines_of(empty, None, 3) is None


def test_all_gone_has_no_agreement() -> None:
    lines = lines_of(vessels(), None, 3)
    assert lines is not None
    assert cldice_without(lines, lines.own) is None
