"""Trainings from volumes to checkpoint: the stages, what they leave alone, resume, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engines.contract.errors import CheckpointError, InputError, PreconditionError
from engines.contract.events import Event, EventWriter, Metric, Progress, Warned, read_events
from engines.contract.kinds import Split
from engines.contract.manifest import ItemRecord
from engines.contract.panels import PanelFile
from engines.contract.presets import training_config
from engines.contract.registry import load_spec
from engines.contract.run_context import RunContext, StopRequested
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_volume, write_volume
from engines.segmentation.config import TrainConfig
from engines.segmentation.inference.sampling import SamplerOptions
from engines.segmentation.inference.slice_inference import draw_slices
from engines.segmentation.networks.checkpoint import load_network
from engines.segmentation.slices.checks import are_grades_in_order, refuse_generated, started_facts
from engines.segmentation.slices.labels import CODINGS
from engines.segmentation.slices.preparation import Prepared, prepare
from engines.segmentation.train import train
from engines.segmentation.training.mask_task import SegmentationTask, Trainable

Carry = Callable[[RunFolder], RunContext]
Make = Callable[..., RunFolder]
BrainItem = Callable[..., ItemRecord]


def weights_of(folder: RunFolder, name: str = "last") -> dict[str, torch.Tensor]:
    return load_weights(folder.checkpoints_dir / name)[0]


def values_of(folder: RunFolder, key: str, split: str = "val") -> list[float | None]:
    events = read_events(folder.events_path)
    return [e.value for e in events if isinstance(e, Metric) and (e.key, e.split) == (key, split)]


def weights_count(folder: RunFolder) -> int:
    names = (name for name in weights_of(folder, "best") if name.startswith("model."))
    return sum(weights_of(folder, "best")[name].numel() for name in names if "schedule" not in name)


def of_masks(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in weights.items() if ".head." not in name}


def test_every_number_of_an_epoch_is_reported(segmented: RunFolder, graded: RunFolder) -> None:
    for key in (
        "dice",
        "iou",
        "hd95_mm",
        "dice_tc",
        "dice_et",
        "loss_seg",
        "loss_total",
        "chance_dice",
    ):
        assert values_of(segmented, key), key
    for key in ("auc", "f1", "accuracy", "brier", "ece", "loss_cls", "alpha_lgg", "alpha_hgg"):
        assert values_of(graded, key), key
    # One validation subject has one grade: a number would be made up.
    assert values_of(graded, "auc")[-1] is None
    assert values_of(graded, "accuracy")[-1] is not None
    panel = PanelFile.read(segmented.panels_dir / "parameters.json")
    assert panel.data["rows"][-1][0] == "total"


def test_the_facts_of_the_grades_begin_a_run(make: Make) -> None:
    run = RunContext.open(make("facts"))
    facts = started_facts(run)
    run.events.close()
    assert (facts["n_LGG"], facts["n_HGG"]) == (2, 1)
    assert (facts["percent_LGG"], facts["alpha_LGG"], facts["alpha_HGG"]) == (66.7, 0.75, 1.5)


def test_expected_numbers_are_lines_of_the_documented_settings_only(
    make: Make, carry: Carry, segmented: RunFolder
) -> None:
    assert not values_of(segmented, "expected_dice")
    splits = (Split.TRAIN, Split.VAL)
    folder = make("documented", phase="segment", splits=splits, max_steps=1, said_preset="documented")
    carry(folder)
    assert set(values_of(folder, "expected_dice")) == {0.75}
    assert not values_of(folder, "expected_auc")


def test_the_second_stage_leaves_every_other_weight_as_it_was(
    segmented: RunFolder, graded: RunFolder
) -> None:
    before, after = weights_of(segmented, "best"), weights_of(graded)
    for name, tensor in of_masks(before).items():
        assert torch.equal(tensor, after[name]), name
    assert any(not torch.equal(before[name], after[name]) for name in before if ".head." in name)
    assert values_of(graded, "dice_before") == values_of(graded, "dice_after")


def test_the_second_stage_leaves_every_mask_as_it_was(segmented: RunFolder, graded: RunFolder) -> None:
    before, after = (load_network(run.path, "best")[0] for run in (segmented, graded))
    images = np.random.default_rng(0).normal(size=(2, 4, 32, 32)).astype(np.float32)
    drawn = [
        draw_slices(network, images, SamplerOptions("ddim", 3), num_samples=2, seed=0)
        for network in (before, after)
    ]
    np.testing.assert_array_equal(drawn[0].samples, drawn[1].samples)
    np.testing.assert_array_equal(drawn[0].calibration, drawn[1].calibration)
    assert not np.array_equal(drawn[0].grades, drawn[1].grades)


def test_a_short_training_draws_masks_far_better_than_chance(make: Make, carry: Carry) -> None:
    settings = {"max_steps": 60, "batch_size": 8, "slices_per_subject": 8, "learning_rate": 0.004}
    rare = {"epochs": 1000, "validate_every_epochs": 1000, "validation_steps": 5, "ema_decay": 0.9}
    splits = (*[Split.TRAIN] * 5, *[Split.VAL] * 2)
    folder = make("toy", phase="segment", splits=splits, regions="wt", warmup_steps=5, **settings, **rare)
    carry(folder)
    assert (values_of(folder, "chance_dice")[-1] or 1.0) < 0.1
    assert (values_of(folder, "dice")[-1] or 0.0) > 0.7


def test_the_log_says_every_epoch_under_the_known_names(
    make: Make, carry: Carry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "engines.segmentation")
    carry(make("log", stop_gradient=False, weighting="uncertainty", max_steps=1))
    said = " ".join(record.getMessage() for record in caplog.records)
    names = ("seg_dice", "seg_iou", "cls_acc", "cls_f1", "cls_auc", "loss_seg", "loss_cls", "sigma_seg")
    for name in (*names, "sigma_cls"):
        assert f"{name}=" in said, name
    # One validation subject has one grade.
    assert "cls_auc=undefined" in said


def test_the_documented_settings_are_those_that_were_described() -> None:
    stages = {
        "segment": {"learning_rate": 1e-4, "max_steps": 20_000},
        "grade": {"learning_rate": 1e-3, "max_steps": 5_000},
        "joint": {"learning_rate": 1e-5, "max_steps": 2_000, "stop_gradient": False},
    }
    common = {
        "network": "preview", "batch_size": 4, "image_size": 256, "noise_schedule": "linear",
        "noise_steps": 1000, "gradient_clip_norm": 1.0, "calibration_weight": 10.0, "precision": "32-true",
        "focal_weight": 0.5, "focal_gamma": 1.5, "grade_gamma": 2.0, "weighting": "uncertainty",
        "num_evaluation_cases": 20,
    }  # fmt: skip
    for phase, own in stages.items():
        found = training_config(load_spec("segmentation"), phase, "documented").values()
        assert {key: found[key] for key in (*common, *own)} == {**common, **own}


@pytest.mark.parametrize(("after", "is_said"), [(0.795, False), (0.78, True)])
def test_a_dice_that_falls_in_a_later_stage_is_said(
    make: Make, carry: Carry, graded: RunFolder, monkeypatch: pytest.MonkeyPatch, after: float, is_said: bool
) -> None:
    found = iter((0.8, after))
    monkeypatch.setattr("engines.segmentation.train._mask_dice", lambda *_: next(found))
    folder = make("falls", phase="joint", base=graded, max_steps=1)
    carry(folder)
    said = [e.message for e in read_events(folder.events_path) if isinstance(e, Warned)]
    assert any("Dice of the masks fell" in message for message in said) is is_said
    assert values_of(folder, "dice_before") == [0.8]
    assert values_of(folder, "dice_after") == [after]


def test_a_model_has_a_card_with_its_grades(segmented: RunFolder) -> None:
    rows = dict(PanelFile.read(segmented.panels_dir / "model_card.json").data["rows"])
    assert (rows["n_LGG"], rows["n_HGG"], rows["alpha_LGG = N / (2 n)"]) == (2, 1, 0.75)
    assert rows["Split"] == "0123456789abcdef"
    assert rows["Regions"] == "wt tc et"
    assert rows["Parameters"] == weights_count(segmented)


def test_the_third_stage_moves_both_and_compares(make: Make, carry: Carry, graded: RunFolder) -> None:
    folder = make("joint", phase="joint", base=graded, conflict_every_steps=1)
    carry(folder)
    before, after = weights_of(graded, "best"), weights_of(folder)
    assert any(not torch.equal(before[name], after[name]) for name in of_masks(before))
    assert len(values_of(folder, "gradient_cosine", "train")) > 1
    assert values_of(folder, "dice_after")


@pytest.mark.parametrize("weighting", ["uncertainty", "pcgrad"])
def test_both_other_ways_to_weigh_run(make: Make, carry: Carry, weighting: str) -> None:
    folder = make("weighed", stop_gradient=False, weighting=weighting, max_steps=2)
    carry(folder)
    key = "sigma_seg" if weighting == "uncertainty" else "gradient_cosine"
    assert values_of(folder, key, "train")


def test_with_the_gradient_stopped_masks_are_the_same_with_and_without_a_head(
    make: Make, carry: Carry
) -> None:
    with_head, without = make("with", grade_weight=100.0), make("without", grade_head="off")
    carry(with_head)
    carry(without)
    found = of_masks(weights_of(with_head))
    for name, tensor in of_masks(weights_of(without)).items():
        assert torch.equal(tensor, found[name]), name


class _AskToStop(EventWriter):
    def __init__(self, folder: RunFolder, step: int) -> None:
        super().__init__(folder.events_path)
        self._folder, self._step = folder, step

    def write(self, event: Event) -> None:
        super().write(event)
        if isinstance(event, Progress) and event.step >= self._step:
            self._folder.write_control("stop")


def test_a_resumed_training_ends_like_an_uninterrupted_one(make: Make, carry: Carry) -> None:
    whole, parts = make("whole", stop_gradient=False), make("parts", stop_gradient=False)
    carry(whole)
    run = RunContext.open(parts)
    run.events.close()
    run.events = _AskToStop(parts, 2)
    with pytest.raises(StopRequested):
        train(run)
    run.events.close()
    parts.write_control(None)
    parts.write_request(parts.read_request().model_copy(update={"resume": True}))
    carry(parts)
    expected = weights_of(whole)
    for name, tensor in weights_of(parts).items():
        assert torch.equal(tensor, expected[name]), name


@pytest.mark.parametrize(
    "settings",
    [{"method": "unet"}, {"method": "classifier"}, {"prediction": "v", "network": "v2"}],
    ids=str,
)
def test_rows_of_the_ablation_train(make: Make, carry: Carry, settings: dict[str, str]) -> None:
    folder = make("row", max_steps=2, **settings)
    carry(folder)
    key = "loss_cls" if settings.get("method") == "classifier" else "dice"
    assert values_of(folder, key)[-1] is not None
    assert (folder.checkpoints_dir / "best").is_dir()


def test_a_missing_modality_is_said_and_others_train(make: Make, carry: Carry, brain_item: BrainItem) -> None:
    def items(data: Path, run: RunFolder) -> tuple[ItemRecord, ...]:
        splits = (Split.TRAIN, Split.TRAIN, Split.VAL)
        two = ("t1ce", "flair")
        return tuple(
            brain_item(data, run, number, split, grade=("LGG", "HGG")[number % 2], modalities=two)
            for number, split in enumerate(splits)
        )

    folder = make("missing", items=items, max_steps=1)
    carry(folder)
    said = [
        str(e.message) + str(e.parameters) for e in read_events(folder.events_path) if isinstance(e, Warned)
    ]
    assert any("t1, t2" in text for text in said)


@pytest.mark.parametrize("fault", ["cropped", "resampled"])
def test_a_case_on_two_grids_is_left_out_with_why_and_others_train(
    make: Make, carry: Carry, brain_item: BrainItem, fault: str
) -> None:
    def items(data: Path, run: RunFolder) -> tuple[ItemRecord, ...]:
        splits = (Split.TRAIN, Split.TRAIN, Split.TRAIN, Split.VAL)
        found = tuple(
            brain_item(data, run, number, split, grade=("LGG", "HGG")[number % 2], name=f"{fault} {number}")
            for number, split in enumerate(splits)
        )
        path = Path(found[2].files["flair"].path)
        volume = read_volume(path)
        affine = volume.geometry.world_from_voxel
        voxels, affine = (
            (volume.voxels[2:], affine)
            if fault == "cropped"
            else (volume.voxels[::2], affine @ np.diag([2, 1, 1, 1]))
        )
        write_volume(path, Volume(np.ascontiguousarray(voxels), VolumeGeometry(voxels.shape, affine)))
        return found

    folder = make(fault, items=items, max_steps=1)
    carry(folder)
    said = [
        str(e.message) + str(e.parameters) for e in read_events(folder.events_path) if isinstance(e, Warned)
    ]
    (left_out,) = (text for text in said if f"{fault} 2" in text)
    assert "flair" in left_out
    assert values_of(folder, "dice")[-1] is not None


def test_mixed_codings_are_refused(make: Make, carry: Carry, brain_item: BrainItem) -> None:
    def items(data: Path, run: RunFolder) -> tuple[ItemRecord, ...]:
        return tuple(
            brain_item(data, run, number, split, grade=("LGG", "HGG")[number % 2], relabel=relabel)
            for number, (split, relabel) in enumerate(
                [(Split.TRAIN, {1: 4}), (Split.TRAIN, {1: 3, 4: 3}), (Split.VAL, {1: 4})]
            )
        )

    with pytest.raises(InputError, match="two codings"):
        carry(make("mixed", items=items))


def test_one_grade_only_and_no_grade_are_refused(make: Make, carry: Carry, brain_item: BrainItem) -> None:
    def items(data: Path, run: RunFolder) -> tuple[ItemRecord, ...]:
        splits = (Split.TRAIN, Split.TRAIN, Split.VAL)
        return tuple(brain_item(data, run, n, split, grade="HGG") for n, split in enumerate(splits))

    with pytest.raises(PreconditionError, match="All 2 graded training subjects are HGG"):
        carry(make("one grade", items=items))

    def ungraded(data: Path, run: RunFolder) -> tuple[ItemRecord, ...]:
        return tuple(
            record.model_copy(update={"annotations": dict(list(record.annotations.items())[:1])})
            for record in items(data, run)
        )

    with pytest.raises(PreconditionError, match="No training item has a grade"):
        carry(make("ungraded", items=ungraded))


def test_one_subject_alone_is_refused(make: Make, carry: Carry) -> None:
    with pytest.raises(PreconditionError, match="one of each is the least"):
        carry(make("alone", splits=(Split.TRAIN,)))


def test_a_run_of_other_regions_is_refused(make: Make, carry: Carry, segmented: RunFolder) -> None:
    with pytest.raises(CheckpointError, match="modalities and regions"):
        carry(make("other", phase="grade", base=segmented, regions="wt"))


def test_a_run_of_another_method_is_refused(make: Make, carry: Carry, segmented: RunFolder) -> None:
    with pytest.raises(CheckpointError, match="method diffusion; these settings want unet"):
        carry(make("method", phase="grade", base=segmented, method="unet"))


def test_settings_that_the_run_before_decides_are_named(
    make: Make, carry: Carry, segmented: RunFolder
) -> None:
    ignored = {
        "base_width": 16,
        "condition_width": 16,
        "num_levels": 2,
        "prediction": "v",
        "noise_schedule": "cosine",
        "noise_steps": 100,
        "image_size": 64,
    }
    folder = make("decided", phase="grade", base=segmented, epochs=1, grade_head="bottleneck", **ignored)
    carry(folder)
    said = {
        str(event.parameters.get("setting", "head")): event.parameters
        for event in read_events(folder.events_path)
        if isinstance(event, Warned) and event.parameters.get("base") == "segment"
    }
    assert {key: values["ignored"] for key, values in said.items() if key != "head"} == ignored
    assert said["base_width"]["there"] == 8
    assert (said["head"]["there"], said["head"]["wanted"]) == ("image", "bottleneck")


def test_another_network_is_named_alone_as_its_widths_follow(
    make: Make, carry: Carry, segmented: RunFolder
) -> None:
    folder = make("network", phase="grade", base=segmented, epochs=1, network="v2")
    carry(folder)
    said = [e.parameters for e in read_events(folder.events_path) if isinstance(e, Warned)]
    assert [values["setting"] for values in said if "setting" in values] == ["network"]


def test_grades_made_by_counting_are_refused() -> None:
    counted = [(f"BraTS20_Training_{n:03d}", int(n > 76)) for n in range(1, 370)]
    with pytest.raises(InputError, match="001 to 076"):
        refuse_generated(counted)
    assert are_grades_in_order(counted)
    right = [(f"BraTS20_Training_{n:03d}", int(not 260 <= n <= 335)) for n in range(1, 370)]
    refuse_generated(right)
    assert are_grades_in_order(right) is False
    assert are_grades_in_order(right[:5]) is None


def test_the_cache_is_read_again(segmented: RunFolder) -> None:
    files = sorted((segmented.path / "cache").glob("*.h5"))
    assert len(files) == 4
    import h5py

    with h5py.File(files[0]) as file:
        assert file["image"].dtype == np.float16
        assert file["image"].shape[1:] == (4, 32, 32)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_slices_with_tumour_are_drawn_as_often_as_asked(segmented: RunFolder, share: float) -> None:
    run = RunContext.open(segmented)
    config = run.typed_config(TrainConfig).model_copy(update={"tumour_share": share, "flips": False})
    network, _ = load_network(segmented.path, "best")
    prepared = prepare(run, config, network.architecture.divisor)
    run.events.close()
    task = SegmentationTask(Trainable(network), prepared, config, has_grades=True, facts={})
    drawn = [task.train_sample(seed % task.num_train_items, seed) for seed in range(60)]
    found = float(np.mean([bool(sample["mask"][0].any()) for sample in drawn]))
    assert found == pytest.approx(share, abs=0.2 if share == 0.5 else 0.0)
    # A slice without tumour says nothing of the grade.
    assert all((sample["grade"] >= 0) == bool(sample["mask"][0].any()) for sample in drawn)


def test_scored_subjects_are_always_the_same_and_hold_both_grades() -> None:
    cases = tuple(SimpleNamespace(id=f"{n}", grade=int(n % 5 > 0)) for n in range(40))
    prepared = Prepared((), cases, 64, CODINGS["2017"], 3, (1.0, 1.0))
    chosen = prepared.scored(10)
    assert chosen == prepared.scored(10)
    assert [case.grade for case in chosen].count(0) == 2
    assert len(chosen) == 10
    assert [case.grade for case in prepared.scored(4)].count(0) == 2
    assert prepared.scored(0) == cases
