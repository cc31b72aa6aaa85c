"""Weights of the published and of the documented head, and runs of the earlier program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from engines.contract.errors import CheckpointError, InputError, PreconditionError
from engines.contract.events import Metric, read_events
from engines.contract.kinds import Action, Split
from engines.contract.manifest import Manifest
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest
from engines.contract.weights_report import WeightsReport
from engines.imaging.volumes.near_format import read_table
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_label_map
from engines.refinement.config import ImportConfig
from engines.refinement.data import NativeCase
from engines.refinement.fields.compatible_field import CompatibleArchitecture, CompatibleField, Head
from engines.refinement.fields.compatible_runner import documented_lattice
from engines.refinement.old_runs import read_log

SMALL = (8, 8, 8, 8)
LOG = """Epoch 1/300 (boundary_bias=50%)
  Batch [0/499] Loss: 0.3274 Dice: 0.5427 LR: 0.001000
Epoch 1 Train: \t[total] 0.2907\t[shape] 0.2900\t[dice] 0.5966\t[l2] 6.2532
  Training time: 120.24s
Epoch 1 Eval:  \t[total] 0.6516\t[shape] 0.6509\t[dice] 0.0757\t[l2] 6.2554
Epoch 2/300 (boundary_bias=50%)
Epoch 2 Train: \t[total] 0.3006\t[shape] 0.3000\t[dice] 0.5824\t[l2] 6.2555
"""


def architecture(head: Head = "documented", *, has_appearance: bool = False, num_cases: int = 2) -> Any:
    return CompatibleArchitecture(head, num_cases, 32, SMALL, has_appearance)


def make_field(
    head: Head = "documented", *, has_appearance: bool = False, num_cases: int = 2
) -> CompatibleField:
    torch.manual_seed(1)
    return CompatibleField(architecture(head, has_appearance=has_appearance, num_cases=num_cases))


def import_run(folder: Path, source: Path, **settings: Any) -> RunContext:
    """Carry out the import of some weights."""
    from engines.refinement.import_weights import import_weights

    run_folder = RunFolder(folder / "导入 run")
    config = ImportConfig(source=str(source), num_threads=1, device="cpu", **settings)
    request = RunRequest(
        pipeline="refinement", action=Action.IMPORT_WEIGHTS, phase="fit", settings=config.values()
    )
    run_folder.create(request, Manifest(items=()))
    run = RunContext.open(run_folder)
    try:
        import_weights(run)
    finally:
        run.events.close()
    return run


def old_run(folder: Path, **config: Any) -> Path:
    """Write a run folder as the earlier program laid it out, and return it."""
    checkpoints = folder / "checkpoints" / "Coronary_1"
    checkpoints.mkdir(parents=True)
    for name in ("best", "latest"):
        torch.save(make_field().state_dict(), checkpoints / f"{name}.pth")
    (checkpoints / "config.json").write_text(
        json.dumps({"class_index": 9, "data_path": "data", **config}), encoding="utf-8"
    )
    (folder / "logs").mkdir()
    (folder / "logs" / "train.log").write_text(f"Checkpoint path: ./checkpoints/Coronary_1\n{LOG}", "utf-8")
    (folder / "logs" / "other.log").write_text("Epoch 1 Train: \t[dice] 0.9\n", "utf-8")
    (folder / "data").mkdir()
    (folder / "data" / "info.csv").write_text("id\ncase_1\ncase_0\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("head", ["documented", "official"])
@pytest.mark.parametrize("has_appearance", [False, True])
def test_a_lattice_in_slabs_is_the_lattice_at_once(
    head: Head, has_appearance: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Norms see every point of the lattice, however many slabs it goes through in."""
    side = 10
    field = make_field(head, has_appearance=has_appearance).eval()
    for module in field.modules():
        if isinstance(module, nn.GroupNorm):
            nn.init.normal_(module.weight, 1.0, 0.3)
    image = np.random.default_rng(0).random((side, side, side)).astype(np.float32)
    appearance = image if has_appearance else None
    monkeypatch.setattr("engines.refinement.fields.compatible_field._POINTS_AT_ONCE", 300)
    found = field.whole_lattice(1, side, appearance)

    at = torch.linspace(-1, 1, side)
    first, second, third = torch.meshgrid(at, at, at, indexing="ij")
    grid = torch.stack((third, second, first), -1)[None]
    with torch.no_grad():
        maps = field.decoder.grids(field.encoder.weight[1])
        parts = [grid.permute(0, 4, 1, 2, 3)]
        parts += [functional.grid_sample(one, grid, align_corners=True) for one in maps]
        if has_appearance:
            parts.append(torch.from_numpy(image)[None, None])
        inputs = torch.cat(parts, dim=1)
        decoder = field.decoder
        if head == "documented":
            hidden = decoder.fc2(decoder.fc1(inputs))
            logit = decoder.output(decoder.fc4(decoder.fc3(torch.cat([hidden, inputs], dim=1))))
        else:
            logit = decoder.implicit_mlp(inputs)
    np.testing.assert_allclose(found, torch.sigmoid(logit)[0, 0].numpy(), atol=2e-5)


@pytest.mark.parametrize(
    ("head", "count"), [("documented", 849_921 + 998 * 256), ("official", 691_457 + 998 * 256)]
)
def test_the_heads_have_as_many_parameters_as_published(head: Head, count: int) -> None:
    field = CompatibleField(CompatibleArchitecture(head, 998, 256, (64, 48, 32, 16), False))
    assert sum(parameter.numel() for parameter in field.parameters()) == count
    assert CompatibleArchitecture.of_weights(field.state_dict()) == field.architecture


def test_an_old_run_folder_becomes_a_run_with_its_curves(tmp_path: Path) -> None:
    run = import_run(tmp_path, old_run(tmp_path / "old 旧"))
    report = WeightsReport.read(run.folder.outputs_dir / "weights_report.json")
    assert report.is_complete
    assert not report.unused
    assert any("whole lattices only" in note for note in report.notes)
    assert (run.summary["head"], run.summary["label_class"]) == ("documented", 9)
    metrics = [event for event in read_events(run.folder.events_path) if isinstance(event, Metric)]
    drawn = {(event.key, event.split, event.epoch): event.value for event in metrics}
    assert drawn["sample_dice", "train", 1] == 0.5966
    assert drawn["lattice_dice", "val", 1] == 0.0757
    assert drawn["learning_rate", "train", 2] == 0.001
    assert {event.step for event in metrics} == {499, 998}
    declared = {metric.key for metric in run.spec.metrics} | {"learning_rate"}
    assert {event.key for event in metrics} <= declared


def test_an_imported_field_refines_the_cases_it_knows(
    tmp_path: Path, make: Callable[..., RunFolder], carry_out: Callable[[RunFolder], RunContext]
) -> None:
    imported = import_run(tmp_path, old_run(tmp_path / "old"))
    settings = {"resolution": 16, "keep_margin": 0.0}
    folder = make("predict", base_run=str(imported.folder.path), splits=(Split.TEST,) * 3, settings=settings)
    run = carry_out(folder)
    assert run.summary["items"] == 2
    assert "no latent for case_2" in folder.per_item_path.read_text(encoding="utf-8")
    facts = json.loads((folder.outputs_dir / "report" / "case_0.json").read_text(encoding="utf-8"))
    assert facts["variant"] == "documented, shape"
    assert facts["queries"] == 16**3
    assert set(np.unique(read_label_map(folder.outputs_dir / "refined" / "case_0.nii.gz").voxels)) <= {0, 9}


def test_a_table_with_other_cases_is_refused(tmp_path: Path) -> None:
    source = old_run(tmp_path / "old")
    (source / "data" / "info.csv").write_text("id\na\nb\nc\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"has 3 cases.*latents for 2.*--set table"):
        import_run(tmp_path, source)


def test_without_a_table_the_import_says_that_nothing_can_be_refined(tmp_path: Path) -> None:
    torch.save({"state_dict": make_field("official").state_dict()}, tmp_path / "best.pth")
    run = import_run(tmp_path, tmp_path / "best.pth")
    report = WeightsReport.read(run.folder.outputs_dir / "weights_report.json")
    assert any("No table of cases" in note for note in report.notes)
    assert run.summary["head"] == "official"


def test_other_weights_are_refused_with_what_is_missing(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "best.pth")
    with pytest.raises(CheckpointError, match=r"encoder\.weight is missing"):
        import_run(tmp_path, tmp_path)
    state = make_field().state_dict()
    del state["decoder.fc4.0.bias"]
    torch.save(state, tmp_path / "best.pth")
    with pytest.raises(CheckpointError, match=r"missing decoder\.fc4\.0\.bias"):
        import_run(tmp_path / "second", tmp_path)
    with pytest.raises(PreconditionError, match="no file or folder"):
        import_run(tmp_path / "third", tmp_path / "nothing.pth")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"no best\.pth"):
        import_run(tmp_path / "fourth", tmp_path / "empty")


def test_a_field_of_this_program_is_imported_as_it_is(tmp_path: Path, trained: RunFolder) -> None:
    run = import_run(tmp_path, trained.checkpoints_dir / "best")
    assert WeightsReport.read(run.folder.outputs_dir / "weights_report.json").is_complete
    from engines.core.checkpoint import load_weights

    given, facts = load_weights(trained.checkpoints_dir / "best")
    found, imported = load_weights(run.folder.checkpoints_dir / "best")
    assert all(torch.equal(given[name], found[name]) for name in given)
    assert imported["rows"] == facts["rows"]


def test_the_lattice_covers_all_classes_and_ten_voxels_more() -> None:
    labels = np.zeros((60, 50, 40), np.uint8)
    labels[20:30, 15:35, 18:22] = 3
    labels[40, 25, 20] = 9
    geometry = VolumeGeometry((60, 50, 40), np.diag([1.0, 1.0, 2.0, 1.0]))
    native = NativeCase(Volume(labels, geometry), Volume(labels, geometry), labels == 9, None)
    lattice = documented_lattice(native, 8)
    # Edges of the box: 10 to 51 voxels, in 8 parts.
    assert lattice.start_ijk[0] + 0.5 == pytest.approx(10 + 41 / 16)
    assert lattice.step_ijk == (41 / 8, 40 / 8, 24 / 8)
    cube = np.zeros((64, 64, 64), np.uint8)
    cube[30:34] = 9
    geometry = VolumeGeometry((64, 64, 64), np.eye(4))
    native = NativeCase(Volume(cube, geometry), Volume(cube, geometry), cube == 9, None)
    assert documented_lattice(native, 64).is_crop


def test_tables_and_logs_are_read_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ROI_id,ROI_anomaly,low_quality\na,,\nb,1,\nc,,yes\nd,,\n", "utf-8")
    assert read_table(tmp_path / "a.csv") == ["a", "d"]
    (tmp_path / "b.csv").write_text("name\na\n", "utf-8")
    with pytest.raises(InputError, match="has no column of case ids; it has: name"):
        read_table(tmp_path / "b.csv")
    (tmp_path / "a.log").write_text("Epoch 3\nTrain Loss: \t[total] 0.5\nEval Loss: \t[dice] nan\n", "utf-8")
    train, val = read_log(tmp_path / "a.log")
    assert (train.epoch, train.split, train.values) == (3, "train", {"total": 0.5})
    assert np.isnan(val.values["dice"])


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
