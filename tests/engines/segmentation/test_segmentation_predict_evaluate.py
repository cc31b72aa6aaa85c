from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from engines.contract.errors import InputError
from engines.contract.evaluation import EvaluationReport
from engines.contract.events import Output, read_events
from engines.contract.item_review import ItemReview
from engines.contract.kinds import Action, Split
from engines.contract.panels import PanelFile
from engines.contract.run_context import RunContext, StopRequested
from engines.contract.run_folder import RunFolder
from engines.imaging.images import read_image
from engines.imaging.volumes.volume_files import read_label_map, read_volume
from engines.segmentation.config import PredictConfig
from engines.segmentation.evaluate import _intervals, _Table
from engines.segmentation.evaluation.scores import (
    GradeScores,
    chance_dice,
    constant_scores,
    mask_scores,
    pairwise_dice,
)
from engines.segmentation.evaluation.tables import read_per_item
from engines.segmentation.inference.fusion import entropy_bits, fuse, staple
from engines.segmentation.model import SegmentationNetwork
from engines.segmentation.predict import said_grade

Carry = Callable[[RunFolder], RunContext]
Make = Callable[..., RunFolder]
TEST = (Split.TEST, Split.TEST)
FEW = {"sampling_steps": 2, "samples": 2}


@pytest.fixture(scope="module")
def predicted(graded: RunFolder, carry: Carry, make_module: Make) -> RunFolder:
    folder = make_module("predicted", Action.PREDICT, base=graded, splits=TEST, **FEW)
    carry(folder)
    return folder


@pytest.fixture(scope="module")
def evaluated(graded: RunFolder, segmented: RunFolder, carry: Carry, make_module: Make) -> RunFolder:
    folder = make_module(
        "evaluated",
        Action.EVALUATE,
        base=graded,
        splits=TEST,
        unet_run=str(segmented.path),
        has_steps_curve=True,
        **FEW,
    )
    carry(folder)
    return folder


def test_outputs_lie_on_the_grid_of_the_files(predicted: RunFolder) -> None:
    outputs = [event for event in read_events(predicted.events_path) if isinstance(event, Output)]
    assert {event.role for event in outputs} == {
        *("label_map", "probability", "entropy", "mutual_information", "review")
    }
    item = predicted.read_manifest().items[0]
    image = read_volume(predicted.file_path(item.files["flair"].path))
    labels = read_label_map(predicted.outputs_dir / "label_map" / f"{item.id}.nii.gz")
    assert labels.geometry.difference(image.geometry) is None
    assert set(np.unique(labels.voxels)) <= {0, 1, 2, 4}
    probability = read_volume(predicted.outputs_dir / "probability" / f"{item.id}.nii.gz").voxels
    assert 0 <= probability.min() <= probability.max() <= 1
    entropy = read_volume(predicted.outputs_dir / "entropy" / f"{item.id}.nii.gz").voxels
    np.testing.assert_array_equal((labels.voxels > 0), probability >= 0.5)
    assert entropy.max() <= 1


def test_a_row_says_what_it_cost_and_how_sure_it_is(predicted: RunFolder) -> None:
    rows = read_per_item(predicted.per_item_path)
    assert len(rows) == 2
    for row in rows:
        assert (float(row["denoiser_calls"]), float(row["condition_calls"])) == (4, 1)
        assert float(row["volume_low_ml"]) <= float(row["volume_high_ml"])
        low, said, high = (float(row[f"probability_{end}"]) for end in ("low", "hgg", "high"))
        assert 0 <= low <= said <= high <= 1
        assert row["grade"] in ("LGG", "HGG", "undecided")


def test_pictures_are_not_black(predicted: RunFolder) -> None:
    for name in ("uncertainty", "calibration", "samples", "drawing", "film"):
        panel = PanelFile.read(predicted.panels_dir / f"{name}.json")
        assert panel.data["frames"]
        for frame in panel.data["frames"]:
            is_black_rightly = frame["name"] in ("votes", "disagreement", "spread")
            assert is_black_rightly or np.asarray(read_image(predicted.path / frame["path"])).max() > 0
    assert PanelFile.read(predicted.panels_dir / "slice_grades.json").data["series"]
    grades = PanelFile.read(predicted.panels_dir / "grades.json").data
    assert [len(row) for row in grades["rows"]] == [len(grades["columns"])] * 2


def test_a_result_says_why_a_person_should_look(predicted: RunFolder) -> None:
    item = predicted.read_manifest().items[0]
    review = ItemReview.read(predicted.outputs_dir / "review" / f"{item.id}.json")
    assert review.status == "review"
    assert "uncalibrated_grade" in {reason.rule for reason in review.reasons}
    assert [step.role for step in review.steps] == ["label_map"]
    assert 0 <= float(review.values["probability_hgg"] or -1) <= 1
    # Three regions: one threshold would mix them up.
    assert review.threshold is None
    assert not (predicted.outputs_dir / "probability" / f"{item.id}.npz").exists()


def test_a_prediction_that_goes_on_leaves_finished_items_as_they_are(
    make: Make, carry: Carry, graded: RunFolder
) -> None:
    folder = make("again", Action.PREDICT, base=graded, splits=TEST, **FEW)
    carry(folder)
    first, second = (item.id for item in folder.read_manifest().items)
    paths = [folder.outputs_dir / "label_map" / f"{name}.nii.gz" for name in (first, second)]
    paths[1].unlink()
    before, content = paths[0].stat().st_mtime_ns, paths[0].read_bytes()
    carry(folder)
    assert paths[0].stat().st_mtime_ns == before
    assert paths[1].is_file()
    assert paths[0].read_bytes() == content


def test_a_prediction_stops_within_one_step_and_goes_on_afterwards(
    make: Make, carry: Carry, graded: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make("stopped", Action.PREDICT, base=graded, splits=TEST[:1], sampling_steps=5, samples=1)
    calls = []
    ask = SegmentationNetwork.denoised

    def counted(network: SegmentationNetwork, *inputs: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 3:
            folder.write_control("stop")
        return ask(network, *inputs)

    monkeypatch.setattr(SegmentationNetwork, "denoised", counted)
    with pytest.raises(StopRequested):
        carry(folder)
    assert len(calls) == 3
    assert not list(folder.outputs_dir.glob("label_map/*"))
    folder.write_control(None)
    assert carry(folder).summary["items"] == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"fusion": "staple"},
        {"sampler": "dpm_solver"},
        {"sampler": "ancestral", "start": "calibration"},
        {"write_uncertainty": False, "write_probability": False},
    ],
    ids=str,
)
def test_every_way_to_draw_predicts(
    make: Make, carry: Carry, graded: RunFolder, settings: dict[str, object]
) -> None:
    folder = make("drawn", Action.PREDICT, base=graded, splits=TEST[:1], **{**FEW, **settings})
    assert carry(folder).summary["items"] == 1


def test_more_steps_than_trained_are_refused(make: Make, carry: Carry, graded: RunFolder) -> None:
    with pytest.raises(InputError, match="trained with 1000 steps"):
        carry(make("steps", Action.PREDICT, base=graded, splits=TEST[:1], sampling_steps=2000))


def test_an_evaluation_has_every_row_and_its_page(evaluated: RunFolder, graded: RunFolder) -> None:
    report = EvaluationReport.read(evaluated.evaluation_path)
    assert set(report.rows) == {
        "model", "calibration", "one_sample", "unet", "otsu_flair", "volume_grade", "constant_grade",
        "uncalibrated_grade",
    }  # fmt: skip
    assert report.items == 2
    for name in ("model", "calibration", "unet"):
        assert 0 <= report.rows[name]["dice"] <= 1
    assert report.rows["model"]["denoiser_calls"] == 4
    assert report.rows["model"]["auc"] is not None
    assert report.intervals["model"]["auc"][0] <= report.rows["model"]["auc"]
    assert (evaluated.outputs_dir / "evaluation.html").is_file()
    curve = PanelFile.read(evaluated.panels_dir / "steps_dice.json").data["series"][0]
    assert curve["x"] == [1, 2, 5, 10, 20, 50]
    card = dict(PanelFile.read(graded.panels_dir / "model_card.json").data["rows"])
    assert card["Dice in 10 steps"] == round(curve["y"][3], 4)
    assert card["Dice against steps measured on"] == "2 items, ddim"
    for name in ("reliability", "confusion", "roc", "precision_recall", "abstain"):
        assert (evaluated.panels_dir / f"{name}.json").is_file()
    decision = PanelFile.read(evaluated.panels_dir / "confusion.json").data
    assert len(decision["scores"]) == len(decision["is_positive"]) == 2
    assert (decision["threshold"], decision["band"]) == (0.5, 0.1)


def test_a_classifier_has_grades_and_no_masks(make: Make, carry: Carry) -> None:
    base = make("classifier", method="classifier", max_steps=1)
    carry(base)
    folder = make("graded alone", Action.EVALUATE, base=base, splits=TEST, **FEW)
    carry(folder)
    rows = EvaluationReport.read(folder.evaluation_path).rows
    assert rows["model"].get("dice") is None
    assert rows["model"]["auc"] is not None
    assert rows["otsu_flair"]["dice"] is not None
    # By the true volumes, as the model has none.
    assert rows["volume_grade"]["auc"] in (0.0, 1.0)


def test_dice_has_an_interval_over_subjects() -> None:
    table = _Table(0.5)
    for number in range(6):
        table.add(f"{number}", "model", dice=0.9 if number % 2 else 0.7, dice_tc=None)
    found = _intervals(table, {f"{number}": f"{number}" for number in range(6)})
    low, high = found["model"]["dice"]
    assert 0.7 <= low < 0.8 < high <= 0.9
    assert set(found["model"]) == {"dice"}
    # Six scans of two people are two cases, too few for an interval.
    assert not _intervals(table, {f"{number}": f"{number % 2}" for number in range(6)})


def test_baselines_need_no_model(make: Make, carry: Carry) -> None:
    folder = make("baselines", Action.EVALUATE, splits=TEST)
    carry(folder)
    report = EvaluationReport.read(folder.evaluation_path)
    assert report.run is None
    assert report.rows["otsu_flair"]["dice"] < 0.6
    assert report.rows["volume_grade"]["auc"] is not None


# -- parts ---------------------------------------------------------------------------------------------


def config(**values: object) -> PredictConfig:
    return PredictConfig.from_values(values)


def test_agreeing_samples_are_sure_and_others_are_not() -> None:
    one = np.zeros((1, 2, 1, 8, 8), np.float32)
    one[..., 2:6, 2:6] = 1
    same = fuse(np.repeat(one, 4, axis=0), config())
    assert same.mutual_information.max() == pytest.approx(0, abs=1e-4)
    assert same.pairwise_dice == 1.0
    assert same.volume_interval() == (32.0, 32.0)
    other = np.concatenate([one, 1 - one])
    split = fuse(other, config())
    assert split.mutual_information.min() == pytest.approx(1, abs=1e-3)
    assert split.spread.max() == pytest.approx(0.5)
    assert split.pairwise_dice == 0.0


def test_staple_trusts_the_samples_that_agree() -> None:
    true = np.zeros((1, 4, 16, 16), bool)
    true[..., 4:12, 4:12] = True
    bad = np.zeros_like(true)
    bad[..., 4:12, 4:6] = True
    found = staple(np.stack([true, true, true, bad]))
    assert found[true].min() > 0.9
    assert found[~true].max() < 0.1
    assert not staple(np.zeros((3, 1, 2, 4, 4), bool)).any()


def test_entropy_is_one_bit_at_one_half() -> None:
    np.testing.assert_allclose(entropy_bits(np.array([0.0, 0.5, 1.0])), [0, 1, 0], atol=1e-4)


def test_a_mask_of_noise_scores_as_known() -> None:
    generator = np.random.default_rng(0)
    for share in (0.026, 0.05, 0.088):
        true = generator.random((1, 1, 400, 400)) < share
        noise = generator.random(true.shape) < 0.5
        spacing = (1.0, 1.0, 1.0)
        assert mask_scores(noise, true, spacing)["dice"] == pytest.approx(chance_dice(share), abs=0.01)
    assert chance_dice(0.088) == pytest.approx(0.15, abs=0.001)


def test_empty_regions_score_by_the_rule() -> None:
    nothing, something = np.zeros((1, 3, 4, 4), bool), np.ones((1, 3, 4, 4), bool)
    spacing = (1.0, 1.0, 1.0)
    assert mask_scores(nothing, nothing, spacing) == {"dice": 1.0, "iou": 1.0, "hd95_mm": 0.0}
    assert mask_scores(nothing, something, spacing)["hd95_mm"] == 373.13
    assert pairwise_dice(something[None, 0]) is None


def test_one_grade_leaves_the_ranking_undefined() -> None:
    scores = GradeScores([0.7, 0.4], [1, 1])
    assert scores.values()["auc"] is None
    assert scores.values()["f1"] is None
    assert scores.values()["accuracy"] == 0.5
    assert GradeScores().values()["brier"] is None
    assert constant_scores([1] * 293 + [0] * 76)["accuracy"] == pytest.approx(0.794, abs=5e-4)


def test_the_area_of_an_epoch_is_that_of_all_its_subjects_together() -> None:
    generator = np.random.default_rng(0)
    scores, grades = np.round(generator.random(24), 1), generator.integers(0, 2, 24)
    found = GradeScores()
    batches = []
    for start in range(0, 24, 4):
        batch = GradeScores()
        for score, grade in zip(scores[start : start + 4], grades[start : start + 4], strict=True):
            found.add(float(score), int(grade))
            batch.add(float(score), int(grade))
        batches.append(batch.values()["auc"])
    high, low = scores[grades == 1], scores[grades == 0]
    pairs = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    assert found.values()["auc"] == pytest.approx(pairs.mean())
    # What a mean over batches would be: another number, or none.
    known = [value for value in batches if value is not None]
    assert np.mean(known) != pytest.approx(pairs.mean(), abs=0.01)


def test_near_one_half_nothing_is_said() -> None:
    found = [said_grade(probability, config(abstain_band=0.1)) for probability in (0.2, 0.45, 0.55, 0.8)]
    assert found == ["LGG", "undecided", "undecided", "HGG"]
    assert said_grade(0.8, config(abstain_band=0.1, grade_threshold=0.95)) == "LGG"
    scores = GradeScores([0.2, 0.8, 0.9], [0, 0, 1], threshold=0.85)
    assert scores.values()["accuracy"] == 1.0
