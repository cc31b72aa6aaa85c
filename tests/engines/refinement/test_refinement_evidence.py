"""A field overrules the label as far as the label of the same case bears it out."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.imaging.volumes.label_metrics import Mask, num_components
from engines.refinement.evidence import Evidence, weigh

SHAPE = (60, 30, 24)
SPACING = (1.0, 1.0, 1.0)


def _bar(start: int, stop: int, at: int = 8) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[start:stop, at - 1 : at + 2, 10:13] = True
    return mask


def _weigh(label: Mask, refined: Mask, **settings: Any) -> Evidence:
    values = {"least_agreement": 0.85, "longest_bridge_mm": 8.0, "smallest_piece_mm3": 10.0, **settings}
    return weigh(label, refined, SPACING, **values)


def test_a_field_that_the_label_bears_out_decides_alone() -> None:
    """A missing end comes back, and a speck goes."""
    truth, label = _bar(4, 56), _bar(4, 50)
    label[30, 25, 20] = True
    found = _weigh(label, truth)
    assert not found.is_careful
    assert found.agreement is not None
    assert found.agreement > 0.85
    np.testing.assert_array_equal(found.mask, truth)


def test_a_vein_beside_the_artery_does_not_come_in() -> None:
    artery = _bar(4, 56)
    label = artery.copy()
    label[28:32] = False
    vein = _bar(4, 56, at=16)
    found = _weigh(label, artery | vein)
    assert found.is_careful
    np.testing.assert_array_equal(found.mask, artery)
    everything = _weigh(label, artery | vein, least_agreement=0.0)
    assert (everything.mask & vein).any()


def test_a_careful_result_keeps_the_branches_of_the_label() -> None:
    """The field misses one of them and follows something else; a leak off the centre line goes."""
    label = _bar(4, 56)
    label[20:24, 10:15, 10:13] = True
    found = _weigh(label, _bar(4, 56, at=20) | _bar(4, 40))
    assert found.is_careful
    assert num_components(found.mask) == 1
    assert found.mask[45:54, 8, 11].all()
    assert not found.mask[20:24, 13:15].any()
    assert not found.mask[:, 18:].any()


def test_a_gap_that_is_long_stays_open() -> None:
    label = _bar(4, 20) | _bar(40, 56)
    found = _weigh(label, _bar(4, 56))
    assert found.is_careful
    assert num_components(found.mask) == 2


def test_a_label_that_is_torn_in_many_places_is_healed() -> None:
    """Little of its course is left, so field and label agree badly; yet every hole is near to the label."""
    truth = _bar(4, 56)
    label = truth.copy()
    for start in range(8, 52, 8):
        label[start : start + 5] = False
    vein = _bar(4, 56, at=20)
    found = _weigh(label, truth | vein, longest_bridge_mm=1.0, smallest_piece_mm3=0.0)
    assert found.is_careful
    np.testing.assert_array_equal(found.mask, truth)


def test_a_wound_is_measured_in_radii() -> None:
    """A hole of one size: healed in a vessel that is wide for it, open in one that is not."""
    for radius, is_healed in ((4, True), (1, False)):
        label = np.zeros(SHAPE, dtype=bool)
        label[4:56, 15 - radius : 16 + radius, 12 - radius : 13 + radius] = True
        refined = label.copy()
        label[22:36] = False
        refined[38:] = False
        found = _weigh(label, refined | _bar(4, 56, at=25), longest_bridge_mm=1.0)
        assert found.is_careful
        assert found.mask[29, 15, 12] == is_healed


def test_nothing_to_weigh_is_no_error() -> None:
    nothing = np.zeros(SHAPE, dtype=bool)
    found = _weigh(_bar(4, 20), nothing)
    assert not found.mask.any()
    assert found.agreement is None
    assert _weigh(nothing, _bar(4, 20)).mask.any()


def test_a_branch_stays_however_thin_it_becomes() -> None:
    label = _bar(4, 56) | _bar(4, 12, at=22)
    found = _weigh(label, _bar(4, 56, at=15), smallest_piece_mm3=60.0)
    assert found.is_careful
    assert num_components(found.mask) == 2
