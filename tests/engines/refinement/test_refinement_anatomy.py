"""Gate, pieces judged by anatomy, and fusion of classes."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import GeometryError
from engines.refinement.anatomy.clean import judge_components
from engines.refinement.anatomy.fuse import fuse
from engines.refinement.anatomy.gate import judge

SPACING = (0.5, 0.5, 0.5)


def tube(start: int = 4, stop: int = 56, j: float = 14.0, k: float = 14.0) -> np.ndarray:
    """Return a slightly winding round tube along the first axis."""
    at = np.meshgrid(*map(np.arange, (60, 30, 30)), indexing="ij")
    wave = np.sin(at[0] / 6.0)
    is_near = (at[1] - j - wave) ** 2 + (at[2] - k) ** 2 <= 2.3**2
    return is_near & (at[0] >= start) & (at[0] < stop)


def test_an_unchanged_mask_is_suggested() -> None:
    assert judge(tube(), tube(), SPACING) == judge(tube(), tube(), SPACING)
    assert judge(tube(), tube(), SPACING).status == "accept"


def test_more_pieces_are_rejected() -> None:
    worse = tube()
    worse[30:32] = False
    verdict = judge(tube(), worse, SPACING)
    assert verdict.status == "reject"
    assert "components" in verdict.rules


def test_an_empty_result_is_rejected() -> None:
    verdict = judge(tube(), np.zeros_like(tube()), SPACING)
    assert (verdict.status, verdict.rules) == ("reject", ("empty",))


def test_lost_contact_with_the_aorta_is_rejected() -> None:
    aorta = np.zeros_like(tube())
    aorta[0:4, 8:20, 8:20] = True
    assert judge(tube(), tube(), SPACING, aorta).status == "accept"
    verdict = judge(tube(), tube(20, 56), SPACING, aorta)
    assert verdict.status == "reject"
    assert "contact" in verdict.rules


@pytest.mark.parametrize(
    ("after", "rule"), [(tube(4, 40), "length"), (tube(4, 40), "volume"), (tube(4, 20), "dice")]
)
def test_large_changes_are_reviewed(after: np.ndarray, rule: str) -> None:
    verdict = judge(tube(), after, SPACING)
    assert verdict.status == "review"
    assert rule in verdict.rules


def test_a_shrinking_mask_does_not_wrap_round() -> None:
    slightly = tube(4, 55)
    assert judge(tube(), slightly, SPACING).status == "accept"


def test_changes_far_from_the_label_are_reviewed() -> None:
    longer = tube(4, 40)
    verdict = judge(longer, tube(4, 56), SPACING)
    assert "far" in verdict.rules


def test_pieces_are_judged_by_anatomy_and_not_by_rank() -> None:
    other = tube(20, 40, 25.0, 5.0)
    mask = tube(6, 30) | tube(33, 50) | other
    mask[50, 26, 26] = True
    image = np.full(mask.shape, -80.0)
    lumen = mask | tube(6, 50)
    image[lumen] = np.random.default_rng(0).normal(350.0, 20.0, int(lumen.sum()))
    image[other] = 120.0
    aorta = np.zeros_like(mask)
    aorta[2:6, 8:20, 8:20] = True
    muscle = np.zeros_like(mask)
    muscle[:, :8] = True
    judged = judge_components(mask, image, SPACING, {"aorta": aorta, "myocardium": muscle})
    by_proposal = {piece.proposal: piece for piece in judged}
    assert set(by_proposal) == {"keep", "bridge", "remove", "review"}
    assert "root" in by_proposal["keep"].rules
    gap = by_proposal["bridge"].gap_mm
    assert gap is not None
    assert gap == pytest.approx(2.0, abs=0.3)
    assert "small" in by_proposal["remove"].rules
    assert "intensity" in by_proposal["review"].rules


def test_a_leak_into_another_chamber_is_flagged() -> None:
    mask = tube(6, 30) | tube(36, 54, 24.0, 24.0)
    leak = np.zeros_like(mask)
    leak[34:58, 19:29, 20:28] = True
    image = np.where(mask, 350.0, -80.0)
    judged = judge_components(mask, image, SPACING, {"leak": leak})
    assert next(piece for piece in judged if "leak" in piece.rules).proposal == "review"


def test_stronger_classes_win_and_conflicts_are_counted() -> None:
    labels = np.zeros((12, 12, 12), dtype=np.uint8)
    labels[2:6] = 1
    labels[6:8] = 6
    coronary = np.zeros(labels.shape, dtype=bool)
    coronary[5:9, 5, 5] = True
    pulmonary = np.zeros(labels.shape, dtype=bool)
    pulmonary[1:5, 3, 3] = True
    fused = fuse(labels, {9: coronary, 7: pulmonary})
    assert (fused.labels[5:9, 5, 5] == 9).all()
    assert fused.labels[1, 3, 3] == 7
    assert (fused.labels[2:5, 3, 3] == 1).all()
    assert fused.conflicts == {(9, 1): 1, (9, 6): 2, (1, 7): 3}


def test_freed_voxels_take_their_neighbours_label() -> None:
    labels = np.zeros((12, 12, 12), dtype=np.uint8)
    labels[2:10, 2:10, 2:10] = 1
    labels[5:7, 5:7, 5:7] = 9
    labels[0, 0, 0] = 9
    fused = fuse(labels, {9: np.zeros(labels.shape, dtype=bool)})
    assert (fused.labels[5:7, 5:7, 5:7] == 1).all()
    assert fused.labels[0, 0, 0] == 0


def test_untouched_classes_stay() -> None:
    labels = np.zeros((10, 10, 10), dtype=np.uint8)
    labels[1:4] = 2
    labels[5:8, 4:6, 4:6] = 9
    same = fuse(labels, {9: labels == 9})
    np.testing.assert_array_equal(same.labels, labels)
    assert same.conflicts == {}


def test_another_grid_is_refused() -> None:
    with pytest.raises(GeometryError, match="another grid"):
        fuse(np.zeros((4, 4, 4), dtype=np.uint8), {9: np.zeros((4, 4, 5), dtype=bool)})
