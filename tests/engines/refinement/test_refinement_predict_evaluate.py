"""Refined label maps on the native grid, and their scores."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import CheckpointError, PreconditionError
from engines.contract.evaluation import PAGE_NAME, EvaluationReport
from engines.contract.kinds import Split
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.core.generations import seal
from engines.imaging.volumes.label_metrics import dice
from engines.imaging.volumes.volume_files import read_label_map
from engines.refinement.config import EvaluateConfig
from engines.refinement.evaluate import BENCH_SPLIT, EASY, HARD
from engines.refinement.evaluation.baselines import BASELINES, baseline_masks
from engines.refinement.evaluation.noise_bench import BenchOptions, procedural_case
from engines.refinement.evaluation.scores import mean_scores, score_mask

Carry = Callable[[RunFolder], RunContext]
Make = Callable[..., RunFolder]


def _rows(folder: RunFolder) -> list[dict[str, str]]:
    with folder.per_item_path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_refining_repairs_what_the_image_shows(
    make: Make, carry_out: Carry, trained: RunFolder, vessel: Callable[..., np.ndarray]
) -> None:
    """A trained case whose label now has a gap and a speck: the gap is closed, the speck is gone."""
    truth = vessel((28, 24, 22), 0)
    broken = truth.copy()
    broken[9:12] = False
    broken[2:5, 20:22, 2:4] = True
    folder = make("predict", base_run=str(trained.path), splits=(Split.TEST,), label=broken)
    carry_out(folder)
    path = folder.outputs_dir / "fused" / "case_0.nii.gz"
    refined = read_label_map(path)
    given = read_label_map(folder.path / "annotations" / "case_0.label_map.nii.gz")
    assert refined.geometry.difference(given.geometry) is None
    assert set(np.unique(refined.voxels)) == {0, 9}
    assert dice(refined.voxels == 9, truth) > dice(broken, truth)
    (row,) = _rows(folder)
    assert row["new_case"] == "False"
    assert int(row["components_after"]) < int(row["components_before"])


def test_sparse_and_dense_inference_write_the_same_labels(
    make: Make, carry_out: Carry, trained: RunFolder
) -> None:
    found = {}
    for inference in ("sparse", "dense"):
        settings = {"inference": inference, "latent_steps": 20, "write_probability": True}
        folder = make("predict", name=inference, base_run=str(trained.path), settings=settings)
        run = carry_out(folder)
        assert run.summary["items"] == 3
        found[inference] = [
            read_label_map(folder.outputs_dir / "fused" / f"case_{number}.nii.gz").voxels
            for number in range(3)
        ]
        assert (folder.outputs_dir / "probability" / "case_0.nii.gz").is_file()
        assert [row["new_case"] for row in _rows(folder)] == ["False", "False", "True"]
    for sparse, dense in zip(found["sparse"], found["dense"], strict=True):
        np.testing.assert_array_equal(sparse, dense)


def test_refining_needs_a_run(make: Make, carry_out: Carry) -> None:
    with pytest.raises(PreconditionError, match="training run"):
        carry_out(make("predict"))


def test_case_ids_that_do_not_match_are_refused(
    make: Make, carry_out: Carry, trained: RunFolder, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained.path, copy)
    best = copy / "checkpoints" / "best"
    from engines.core.generations import read_generation

    facts = read_generation(best).facts
    seal(best, {**facts, "rows": {"case_0": 0}})
    with pytest.raises(CheckpointError, match="case ids"):
        carry_out(make("predict", base_run=str(copy)))


def test_an_item_that_cannot_be_read_is_left_out_with_its_reason(
    make: Make, carry_out: Carry, trained: RunFolder
) -> None:
    folder = make("predict", base_run=str(trained.path), settings={"latent_steps": 5})
    (folder.path.parent / f"data of {folder.path.name}" / "ct_1.nii.gz").write_bytes(b"nothing")
    run = carry_out(folder)
    assert run.summary["items"] == 2
    reasons = {row["item"]: row["reason"] for row in _rows(folder)}
    assert reasons["case_1"]
    assert not reasons["case_0"]


def test_every_row_is_scored_against_the_clean_label(
    make: Make, carry_out: Carry, trained: RunFolder, vessel: Callable[..., np.ndarray]
) -> None:
    broken = vessel((28, 24, 22), 0)
    broken[9:12] = False
    folder = make("evaluate", base_run=str(trained.path), splits=(Split.TEST,), label=broken)
    carry_out(folder)
    report = EvaluationReport.read(folder.evaluation_path)
    assert set(report.rows) == {"model", *BASELINES}
    assert report.rows["input"]["dice_to_input"] == 1.0
    model, given = report.rows["model"]["dice"], report.rows["input"]["dice"]
    assert model is not None
    assert given is not None
    assert model > given
    page = (folder.outputs_dir / PAGE_NAME).read_text(encoding="utf-8")
    assert "case_0: Refined" in page
    assert "flatter" not in page


def test_scores_of_items_that_chose_the_checkpoint_are_said_to_flatter(
    make: Make, carry_out: Carry, trained: RunFolder
) -> None:
    for weights in ("best", "last"):
        settings = {"weights": weights, "latent_steps": 0}
        folder = make("evaluate", name=weights, base_run=str(trained.path), settings=settings)
        carry_out(folder)
        page = (folder.outputs_dir / PAGE_NAME).read_text(encoding="utf-8")
        assert ("1 of 3 items were validation items" in page) == (weights == "best")


def test_without_a_clean_label_quality_is_undefined_with_a_reason(make: Make, carry_out: Carry) -> None:
    folder = make("evaluate", has_reference=False, splits=(Split.TEST,))
    carry_out(folder)
    report = EvaluationReport.read(folder.evaluation_path)
    assert report.rows["input"]["dice"] is None
    assert report.rows["input"]["components"] == 1.0
    assert all("no clean label map" in entry["reason"] for entry in report.per_item)


def test_the_noise_bench_scores_spoiled_procedural_labels(
    make: Make, carry_out: Carry, trained: RunFolder
) -> None:
    settings = {"cases": "noise_bench", "num_cases": 3, "bench_voxels": 40, "bench_spacing_mm": 1.0}
    folder = make(
        "evaluate", base_run=str(trained.path), has_reference=False, settings={**settings, "latent_steps": 0}
    )
    carry_out(folder)
    report = EvaluationReport.read(folder.evaluation_path)
    assert report.items == 3
    assert report.split == BENCH_SPLIT
    assert set(report.rows) == {"model", *BASELINES}
    assert set(report.groups) == {EASY, HARD}
    given = report.rows["input"]["dice"]
    assert given is not None
    assert 0.3 < given < 0.98
    low, high = report.intervals["input"]["dice"]
    assert low < given < high
    assert {entry["item"] for entry in report.per_item} == {"bench_00", "bench_01", "bench_02"}
    assert HARD in (folder.outputs_dir / PAGE_NAME).read_text(encoding="utf-8")


def test_cases_of_the_noise_bench_are_the_same_for_the_same_seed() -> None:
    options = BenchOptions(num_voxels=40, spacing_mm=1.0)
    first, again = (procedural_case(0, 9, options) for _ in range(2))
    np.testing.assert_array_equal(first.image.voxels, again.image.voxels)
    np.testing.assert_array_equal(first.label_map.voxels, again.label_map.voxels)
    other = procedural_case(0, 9, replace(options, seed=1))
    assert (other.label_map.voxels != first.label_map.voxels).any()


def test_baselines_do_what_they_say() -> None:
    mask = np.zeros((30, 20, 20), dtype=bool)
    mask[2:12, 9:12, 9:12] = True
    mask[13:28, 9:12, 9:12] = True
    mask[20, 2, 2] = True
    image = np.where(mask, 300, -50).astype(np.int16)
    image[12, 9:12, 9:12] = 300
    image[20, 2, 2] = 0
    found = baseline_masks(mask, image, (1.0, 1.0, 1.0), EvaluateConfig())
    assert tuple(found) == BASELINES
    np.testing.assert_array_equal(found["input"], mask)
    assert not found["drop_specks"][20, 2, 2]
    assert found["closing"][12, 10, 10]
    assert found["largest_two"].sum() == mask.sum() - 1
    assert found["hu_threshold"][12, 10, 10]
    assert not found["hu_threshold"][20, 2, 2]


def test_an_empty_mask_has_undefined_distances_and_no_zero() -> None:
    reference = np.zeros((8, 8, 8), dtype=bool)
    reference[2:5, 2:5, 2:5] = True
    nothing = np.zeros_like(reference)
    scores = score_mask(nothing, reference, reference, (1.0, 1.0, 1.0))
    assert scores["hd95_mm"] is None
    assert scores["dice"] == 0.0
    full = score_mask(reference, reference, reference, (1.0, 1.0, 1.0))
    assert mean_scores([scores, full])["hd95_mm"] == full["hd95_mm"] == 0.0
