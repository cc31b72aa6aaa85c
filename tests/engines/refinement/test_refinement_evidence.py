"""A field overrules the label as far as the label of the same case bears it out."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.imaging.volumes.label_metrics import Mask, num_components
from engines.refinement.fields.evidence import Evidence, weigh

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


def test_wounds_of_a_label_are_healed_where_the_field_is_not_trusted() -> None:
    """A hole and a short gap lie against the label; a vein that touches it in one place does not."""
    truth = np.zeros(SHAPE, dtype=bool)
    truth[4:56, 5:14, 8:17] = True
    label = truth.copy()
    label[30:34, 7:12, 10:15] = False
    label[44:47] = False
    vein = _bar(4, 56, at=20)
    vein[20:24, 14:20, 10:13] = True
    found = _weigh(label, truth | vein, longest_bridge_mm=1.0, least_agreement=0.99)
    assert found.is_careful
    np.testing.assert_array_equal(found.mask[:, :14], truth[:, :14])
    assert not found.mask[:, 16:].any()


def test_a_field_that_leaves_crumbs_is_not_trusted() -> None:
    label = _bar(4, 56)
    crumbs = np.zeros(SHAPE, dtype=bool)
    crumbs[4:56:6, 8, 11] = True
    found = _weigh(label, crumbs, smallest_piece_mm3=0.0)
    assert found.is_careful
    assert found.agreement == 0.0
    assert num_components(found.mask) == 1
    assert not _weigh(label, crumbs, smallest_piece_mm3=0.0, least_agreement=0.0).is_careful


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
