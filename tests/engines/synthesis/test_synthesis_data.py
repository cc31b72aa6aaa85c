"""Windows, masks, stacks, alignment, the cache, and what bad input is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import ConfigError, GeometryError, InputError, SplitError
from engines.contract.kinds import ItemKind, Split
from engines.contract.manifest import FileRecord, ItemRecord
from engines.imaging.volumes.thorax_phantom import ThoraxOptions, ThoraxPhantom, make_thorax
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_volume, write_volume
from engines.synthesis.config import TrainConfig
from engines.synthesis.data import check_subjects, make_case
from engines.synthesis.evaluation.fusion_card import fusion_card, fusion_table
from engines.synthesis.volumes.alignment import aligned
from engines.synthesis.volumes.canonical import axis_turn
from engines.synthesis.volumes.cohort import main as write_pairs
from engines.synthesis.volumes.masks import body_mask, lung_mask, vessel_proxy
from engines.synthesis.volumes.slice_cache import cached_case, store_case
from engines.synthesis.volumes.stacks import StackBlend, distance_deviates, neighbour_step, stack_of
from engines.synthesis.volumes.volume_checks import check_ct, check_slice_order
from engines.synthesis.volumes.windows import WINDOWS, HuWindow

_SMALL = ThoraxOptions(side_px=64, num_slices=12, spacing_mm=(5.2, 5.2, 6.7))


@pytest.fixture(scope="module")
def thorax() -> ThoraxPhantom:
    return make_thorax(3, _SMALL)


def test_a_window_and_its_inverse_agree_and_clip() -> None:
    window = WINDOWS["lung"]
    hu = np.array([-2000.0, -1000.0, 40.0, 400.0, 3000.0])
    assert window.hu(window.normalised(hu)) == pytest.approx([-1000, -1000, 40, 400, 400], abs=1e-3)
    assert window.share_above(hu) == pytest.approx(2 / 5)
    with pytest.raises(ConfigError):
        HuWindow(100, 100)


def test_the_fusion_card_has_the_numbers_of_the_arithmetic() -> None:
    card = fusion_card(HuWindow(-1000, 400))
    assert (card.blood, card.product_vessel) == pytest.approx((0.486, 0.451), abs=1e-3)
    assert (card.real_contrast, card.product_contrast) == pytest.approx((0.414, 0.194), abs=1e-3)
    assert (card.verdict, card.is_warning) == ("kept", False)
    assert fusion_card(HuWindow(-1000, 1000)).product_contrast == pytest.approx(0.011, abs=1e-3)
    assert fusion_card(HuWindow(-160, 240)).verdict == "erased"
    assert fusion_card(HuWindow(-150, 450)).verdict == "inverted"
    assert fusion_card(HuWindow(-160, 240)).is_warning
    assert set(fusion_table()) == set(WINDOWS)


def test_phantom_is_the_same_for_the_same_seed_and_rises_in_vessels_only(thorax: ThoraxPhantom) -> None:
    again = make_thorax(3, _SMALL)
    assert np.array_equal(again.cta.voxels, thorax.cta.voxels)
    rise = thorax.cta.voxels.astype(float) - thorax.ncct.voxels
    assert rise[thorax.vessels].mean() > 150
    outside = ~thorax.vessels & (thorax.ncct.voxels < -950)
    assert abs(rise[outside].mean()) < 5


def test_phantom_is_shifted_by_what_was_asked() -> None:
    still = make_thorax(1, ThoraxOptions(side_px=64, num_slices=4, noise_hu=0.1))
    moved = make_thorax(1, ThoraxOptions(side_px=64, num_slices=4, noise_hu=0.1, shift_px=(3.0, 0.0)))
    difference = np.abs(np.roll(still.cta.voxels, 3, axis=0).astype(float) - moved.cta.voxels)[8:-8]
    assert difference.mean() < 5


def test_masks_find_body_lungs_and_vessels(thorax: ThoraxPhantom) -> None:
    ncct, cta = (volume.voxels.astype(np.float32) for volume in (thorax.ncct, thorax.cta))
    body = body_mask(ncct)
    lungs = lung_mask(ncct, body, _SMALL.spacing_mm)
    overlap = 2 * (lungs.mask & thorax.lungs).sum() / (lungs.mask.sum() + thorax.lungs.sum())
    assert overlap > 0.93
    assert lungs.problem == ""
    assert 0.35 < body.mean() < 0.48
    vessels = vessel_proxy(ncct, cta, body)
    assert (vessels & thorax.vessels).sum() > 0.6 * thorax.vessels.sum()


def test_a_volume_without_lungs_says_so() -> None:
    tissue = np.full((20, 20, 6), 40.0, dtype=np.float32)
    found = lung_mask(tissue, body_mask(tissue), (1.0, 1.0, 1.0))
    assert not found.mask.any()
    assert found.problem


@pytest.mark.parametrize("codes", [(1, 1, 1), (-1, -1, 1), (-1, 1, -1)])
def test_volumes_are_turned_and_turned_back(codes: tuple[int, int, int]) -> None:
    matrix = np.diag([*codes, 1.0]).astype(float)[:, [2, 0, 1, 3]]
    voxels = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    geometry = VolumeGeometry((4, 5, 6), matrix)
    turn = axis_turn(geometry)
    turned = turn.turned(voxels)
    assert np.array_equal(turn.restored(turned), voxels)
    # The first turned voxel lies farthest left, back and down.
    corner = np.argwhere(voxels == turned[0, 0, 0])
    assert np.allclose(
        geometry.world_of(corner)[0], np.min(geometry.world_of(np.argwhere(voxels >= 0)), axis=0)
    )


def test_stacks_keep_their_distance_in_mm() -> None:
    assert neighbour_step(1.0, 2.0) == 2
    assert neighbour_step(5.0, 2.0) == 1
    assert distance_deviates(5.0, 2.0)
    assert not distance_deviates(1.0, 2.0)
    voxels = np.arange(5)[None, None, :] * np.ones((2, 2, 1))
    assert stack_of(voxels, 1, 2)[:, 0, 0].tolist() == [0, 1, 3]


@pytest.mark.parametrize("step", [1, 2])
def test_blending_equal_predictions_returns_them(step: int) -> None:
    truth = np.random.default_rng(0).normal(size=(3, 4, 7)).astype(np.float32)
    blend = StackBlend(truth.shape, step, is_weighted=True)
    for centre in range(7):
        predicted = stack_of(truth, centre, step)
        blend.add(centre, predicted)
    mean, spread = blend.result()
    assert mean == pytest.approx(truth, abs=1e-5)
    assert spread.max() < 1e-2


def test_alignment_grades_and_refuses_other_grids_when_it_may_do_nothing(thorax: ThoraxPhantom) -> None:
    _, record = aligned(thorax.ncct, thorax.cta, "none")
    assert record.grade == "A"
    matrix = thorax.cta.geometry.world_from_voxel.copy()
    matrix[0, 3] += 30.0
    elsewhere = Volume(thorax.cta.voxels, VolumeGeometry(thorax.cta.geometry.shape, matrix))
    with pytest.raises(GeometryError, match="different grids"):
        aligned(thorax.ncct, elsewhere, "none")
    _, shifted = aligned(thorax.ncct, elsewhere, "grid")
    assert shifted.grade == "C"


@pytest.mark.slow
def test_rigid_registration_takes_a_shift_back() -> None:
    moved = make_thorax(2, ThoraxOptions(side_px=64, num_slices=16, shift_px=(4.0, 0.0)))
    before = aligned(moved.ncct, moved.cta, "grid")[1]
    after = aligned(moved.ncct, moved.cta, "rigid")[1]
    assert after.shift_mm == pytest.approx(4 * 2.6, abs=2.5)
    assert after.correlation > before.correlation + 0.05
    assert after.grade < before.grade


@pytest.mark.slow
def test_deformable_registration_goes_beyond_rigid_and_measures_its_folds() -> None:
    options = ThoraxOptions(side_px=64, num_slices=16, spacing_mm=(5.2, 5.2, 5.0), breathing_px=3.0)
    breathing = make_thorax(3, options)
    rigid = aligned(breathing.ncct, breathing.cta, "rigid")[1]
    deformable = aligned(breathing.ncct, breathing.cta, "deformable")[1]
    assert deformable.correlation > rigid.correlation
    assert deformable.smallest_jacobian is not None
    assert 0.1 < deformable.smallest_jacobian < 1.0
    assert deformable.folded_share == 0.0


def test_a_cached_case_is_found_again_and_stale_ones_are_not(tmp_path: Path, thorax: ThoraxPhantom) -> None:
    paths = {"ncct": tmp_path / "a.nii.gz", "cta": tmp_path / "b.nii.gz"}
    write_volume(paths["ncct"], thorax.ncct)
    write_volume(paths["cta"], thorax.cta)
    case = make_case("item", "subject", thorax.ncct, thorax.cta, alignment="none")
    store_case(tmp_path / "cache", case, paths, "none", 0)
    found = cached_case(tmp_path / "cache", "item", paths, "none", 0)
    assert found is not None
    assert np.array_equal(found["cta"], case.cta)
    assert np.array_equal(found["lung"], case.lung)
    assert found["grade"] == case.grade
    assert cached_case(tmp_path / "cache", "item", paths, "rigid", 0) is None
    write_volume(paths["cta"], thorax.ncct)
    assert cached_case(tmp_path / "cache", "item", paths, "none", 0) is None
    assert cached_case(tmp_path / "cache", "other", paths, "none", 0) is None


def _volume(voxels: np.ndarray) -> Volume:
    return Volume(voxels, VolumeGeometry(voxels.shape, np.eye(4)))


def test_what_is_no_ct_is_told_why(thorax: ThoraxPhantom) -> None:
    check_ct(thorax.ncct, "a")
    with pytest.raises(InputError, match="offset of HU"):
        check_ct(_volume(thorax.ncct.voxels.astype(np.int32) + 1024), "a")
    with pytest.raises(InputError, match="MR"):
        check_ct(_volume(np.abs(np.random.default_rng(0).normal(300, 80, (8, 8, 8)))), "a")
    with pytest.raises(InputError, match="same value"):
        check_ct(_volume(np.zeros((4, 4, 4))), "a")
    with pytest.raises(InputError, match="finite"):
        check_ct(_volume(np.full((4, 4, 4), np.nan)), "a")


def test_slices_out_of_order_are_noticed(thorax: ThoraxPhantom) -> None:
    smooth = np.linspace(0, 500, 12)[None, None, :] + np.zeros((8, 8, 1))
    check_slice_order(smooth, "a")
    check_slice_order(thorax.ncct.voxels, "a")
    with pytest.raises(InputError, match="out of order"):
        check_slice_order(smooth[:, :, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]], "a")


def _item(number: int, subject: str, split: Split, sha256: str = "") -> ItemRecord:
    return ItemRecord(
        id=f"item_{number}",
        subject=subject,
        kind=ItemKind.VOLUME_PAIR,
        split=split,
        files={"ncct": FileRecord(path="a", sha256=sha256)},
    )


def test_a_patient_or_a_file_in_two_splits_is_refused() -> None:
    check_subjects([_item(0, "a", Split.TRAIN, "x"), _item(1, "b", Split.VAL, "y")])
    with pytest.raises(SplitError, match="more than one split"):
        check_subjects([_item(0, "a", Split.TRAIN), _item(1, "a", Split.TEST)])
    with pytest.raises(SplitError, match="same volume"):
        check_subjects([_item(0, "a", Split.TRAIN, "x"), _item(1, "b", Split.TEST, "x")])


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="residual_base"):
        TrainConfig.from_values({"fusion": "concat"})
    with pytest.raises(ConfigError, match="perceptual_file"):
        TrainConfig.from_values({"perceptual_weight": 0.5, "perceptual": "vgg19"})


def test_pairs_of_a_real_ct_are_labelled_as_simulated(tmp_path: Path, thorax: ThoraxPhantom) -> None:
    source = tmp_path / "a chest 病人.nii.gz"
    write_volume(source, thorax.ncct)
    folder = tmp_path / "pairs"
    assert write_pairs([str(folder), *[str(source)] * 3]) == 0
    assert "SIMULATED" in (folder / "SIMULATED.txt").read_text(encoding="utf-8")
    rows = (folder / "items.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 7
    assert [row.split(",")[2] for row in rows[1:]] == ["train"] * 4 + ["test"] * 2
    made = read_volume(folder / "enhanced_simulated_00" / "cta.nii.gz")
    assert made.voxels.shape == thorax.ncct.voxels.shape
