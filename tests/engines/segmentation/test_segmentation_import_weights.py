from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engines.contract.errors import CheckpointError
from engines.contract.kinds import Action
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.contract.weights_report import FILE_NAME, WeightsReport
from engines.core.checkpoint import load_weights
from engines.segmentation import import_weights
from engines.segmentation.model import SegmentationNetwork
from engines.segmentation.networks.architecture import Architecture
from engines.segmentation.networks.checkpoint import start_from

Carry = Callable[[RunFolder], RunContext]
Make = Callable[..., RunFolder]


def small(base: Architecture) -> Architecture:
    return Architecture(
        network="preview", width=8, condition_width=8, factors=(1, 2), detaches_anchors=True,
        num_regions=base.num_regions, num_steps=base.num_steps,
    )  # fmt: skip


def published_file(folder: Path, channels: int = 2) -> Path:
    """Weights under the names of the published program, its further branch and variance included."""
    network = SegmentationNetwork(small(Architecture()))
    assert network.denoiser is not None
    known = network.denoiser.state_dict()
    tensors = {name: tensor for name, tensor in known.items() if not name.startswith("anchors.")}
    for name in ("out.2.weight", "out.2.bias"):
        tensors[name] = torch.cat([tensors[name] + 0.5 + number for number in range(channels)])
    tensors["hwm.conv.weight"] = torch.zeros(3)
    path = folder / "savedmodel010000.pt"
    torch.save(tensors, path)
    return path


def test_the_published_network_is_filled_and_the_variance_left_out(
    make: Make, carry: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_weights, "preview_architecture", small)
    folder = make("imported", Action.IMPORT_WEIGHTS, source=str(published_file(tmp_path)))
    carry(folder)
    report = WeightsReport.read(folder.outputs_dir / FILE_NAME)
    assert "hwm.conv.weight" in report.unused
    assert not report.other_shape
    assert all(".denoiser.anchors." in name or ".denoiser." not in name for name in report.missing)
    assert any("learned variance" in note for note in report.notes)
    weights, facts = load_weights(folder.checkpoints_dir / "best")
    assert float(weights["model.denoiser.out.2.bias"][0]) == 0.5
    assert facts["architecture"]["prediction"] == "eps"
    # A training that starts from it knows, and its diagnosis says so.
    start = start_from(folder.path, Architecture.from_facts(facts["architecture"]))
    assert start.extra_outputs == 1


def test_weights_of_other_channels_are_refused(
    make: Make, carry: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_weights, "preview_architecture", small)
    path = published_file(tmp_path)
    with pytest.raises(CheckpointError, match="take 5 channels"):
        carry(make("imported", Action.IMPORT_WEIGHTS, source=str(path), num_regions=3))


def test_a_checkpoint_of_ours_comes_in_whole(make: Make, carry: Carry, segmented: RunFolder) -> None:
    folder = make("own", Action.IMPORT_WEIGHTS, source=str(segmented.checkpoints_dir / "best"))
    carry(folder)
    before, after = (load_weights(run.checkpoints_dir / "best")[0] for run in (segmented, folder))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_strange_file_is_refused(make: Make, carry: Carry, tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"layer.weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="neither the published network"):
        carry(make("strange", Action.IMPORT_WEIGHTS, source=str(path)))
