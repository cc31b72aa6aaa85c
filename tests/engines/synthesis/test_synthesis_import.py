"""Checkpoints, configurations and logs of the earlier implementation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engines.contract.config import read_yaml
from engines.contract.errors import CheckpointError, ConfigError, InputError
from engines.contract.events import Metric, read_events
from engines.contract.kinds import Action
from engines.contract.manifest import Manifest
from engines.contract.registry import config_class, load_spec
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest
from engines.contract.weights_report import FILE_NAME, WeightsReport
from engines.core.checkpoint import load_weights
from engines.synthesis.import_weights import import_weights
from engines.synthesis.imports.known_config import known_config, read_known_config
from engines.synthesis.imports.log_import import parse_log
from engines.synthesis.model import build_network
from engines.synthesis.networks.generator import SIZES, Generator
from engines.synthesis.networks.refiner import RefineNet

_KNOWN = """
model: {residual_output: true}
refine: {enabled: true, hidden_dim: 64, num_blocks: 6, lr: 1e-4, lr_scheduler: cosine, warmup_steps: 200,
  freeze_G: true}
discriminator: {enabled: false, d_cond_mode: none, gan_loss_type: hinge, r1_gamma: 10.0, r1_interval: 16,
  disc_type: patchgan, n_blocks_resD: 4, use_attention: true, ndf: 64, num_D: 2, gan_weight: 1.0,
  feat_match_weight: 1.0, label_smoothing: 0.0, grad_clip_norm_D: 0.0}
train: {pretrained_G: runs/checkpoint_epoch0070.pt, pretrained_G2: '', skip_warmup: true, num_epochs: 100,
  output_dir: ./outputs_g2}
data: {root: /somewhere}
"""


def test_the_known_configuration_loads_and_unknown_keys_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "known.yaml"
    path.write_text(_KNOWN, encoding="utf-8")
    found = read_known_config(path)
    assert found.phase == "g2"
    assert found.settings["learning_rate"] == pytest.approx(1e-4)
    assert found.settings["refine_hidden"] == 64
    assert found.settings["pretrained_g"] == "runs/checkpoint_epoch0070.pt"
    assert found.unknown == {"data.root": "/somewhere"}
    assert "train.output_dir" in found.unused
    values = read_yaml(path)
    values["discriminator"]["enabled"] = True
    assert known_config(values).phase == "g2_d"
    values["discriminator"]["gan_loss_type"] = "wasserstein"
    with pytest.raises(ConfigError, match="gan_loss_type"):
        known_config(values)


_LOG = """INFO start lr=0.0002
Epoch 1: D_real=0.675, D_fake=0.675, gnorm_D: 37.2 d_loss=0.945
[12:00:01] Epoch [2/100] D_real=0.749 D_fake=0.749 gnorm_D=10.0 d_loss: 0.945 gan_g=0.198 speed=3.5
val_loss: 0.635
step 4 val_loss: 0.645
"""


def test_a_text_log_is_read_by_epoch_and_unknown_names_are_kept() -> None:
    log = parse_log(_LOG.splitlines())
    assert log.epochs == [1, 2]
    assert log.of_epoch(1) == {"D_real": 0.675, "D_fake": 0.675, "gnorm_D": 37.2, "d_loss": 0.945}
    second = log.of_epoch(2)
    assert second["val_loss"] == pytest.approx(0.64)
    assert second["speed"] == 3.5
    assert "step" not in second


def _import(folder: Path, source: Path, **settings: object) -> RunFolder:
    spec = load_spec("synthesis")
    config = config_class(spec, Action.IMPORT_WEIGHTS).from_values(
        {"source": str(source), "generator": "tiny", "num_threads": 1, "device": "cpu", **settings}
    )
    run = RunFolder(folder)
    run.create(
        RunRequest(pipeline="synthesis", action=Action.IMPORT_WEIGHTS, settings=config.values(), phase="g"),
        Manifest(items=()),
    )
    context = RunContext.open(run)
    try:
        import_weights(context)
    finally:
        context.events.close()
    return run


def _source(folder: Path) -> Path:
    torch.manual_seed(1)
    online, averaged = Generator(SIZES["tiny"]), Generator(SIZES["tiny"])
    refiner = RefineNet("product", "input")
    for network in (online, averaged, refiner):
        # As after training: last layers begin at zero.
        nn.init.normal_(network.last.weight, std=0.1)
    folder.mkdir()
    torch.save(
        {
            "epoch": 70,
            "G": online.state_dict(),
            "G_ema": {f"module.{name}": tensor for name, tensor in averaged.state_dict().items()},
            "G2": refiner.state_dict(),
        },
        folder / "checkpoint_best.pt",
    )
    torch.save({"G": online.state_dict()}, folder / "checkpoint_epoch0070.pt")
    (folder / "train.log").write_text(_LOG, encoding="utf-8")
    (folder / "config.yaml").write_text(_KNOWN, encoding="utf-8")
    torch.save(averaged.state_dict(), folder.with_suffix(".expected"))
    return folder


def test_a_folder_brings_averaged_weights_settings_and_curves(tmp_path: Path) -> None:
    source = _source(tmp_path / "old run 旧")
    run = _import(tmp_path / "imported", source)
    weights, facts = load_weights(run.checkpoints_dir / "best")
    expected = torch.load(source.with_suffix(".expected"), weights_only=True)
    assert all(torch.equal(weights[f"generator.{name}"], value) for name, value in expected.items())
    assert facts["architecture"]["fusion"] == "product"
    assert facts["architecture"]["residual_base"] == "input"
    _check_images(
        weights, facts, expected, torch.load(source / "checkpoint_best.pt", weights_only=True)["G2"]
    )
    assert facts["is_averaged"]
    report = WeightsReport.read(run.outputs_dir / FILE_NAME)
    assert report.is_complete
    assert any("G_ema" in note for note in report.notes)
    metrics = [event for event in read_events(run.events_path) if isinstance(event, Metric)]
    assert {(metric.key, metric.split) for metric in metrics} >= {("D_real", "train"), ("val_loss", "val")}
    assert (run.panels_dir / "log.json").is_file()
    assert (run.outputs_dir / "known_config.json").is_file()


def _check_images(
    weights: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    generator: Mapping[str, Tensor],
    refiner: Mapping[str, Tensor],
) -> None:
    """Compare what comes out, bit by bit, with the networks that the file was written from."""
    network = build_network(facts)
    network.load_state_dict(dict(weights))
    first, second = Generator(SIZES["tiny"]), RefineNet("product", "input")
    first.load_state_dict(dict(generator))
    second.load_state_dict(dict(refiner))
    ncct = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        made, refined = network.eval().images(ncct)
        assert torch.equal(made, first.eval()(ncct))
        assert torch.equal(refined, second.eval()(ncct, made))
    assert not torch.equal(refined, made)


def test_layers_of_other_names_are_matched_by_order_when_all_shapes_agree(tmp_path: Path) -> None:
    network = Generator(SIZES["tiny"])
    renamed = {f"layer_{n}": tensor for n, tensor in enumerate(network.state_dict().values())}
    torch.save({"state_dict": renamed}, tmp_path / "g.pt")
    run = _import(tmp_path / "run", tmp_path / "g.pt")
    report = WeightsReport.read(run.outputs_dir / FILE_NAME)
    assert report.is_complete
    assert any("order" in note for note in report.notes)


def test_another_architecture_is_refused_layer_by_layer(tmp_path: Path) -> None:
    torch.save({"G": Generator(SIZES["small"]).state_dict()}, tmp_path / "g.pt")
    with pytest.raises(CheckpointError, match=r"down\.0\.0\.weight is"):
        _import(tmp_path / "run", tmp_path / "g.pt")
    assert WeightsReport.read(tmp_path / "run" / "outputs" / FILE_NAME).other_shape


def test_nothing_to_import_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing at"):
        _import(tmp_path / "a", tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no checkpoint"):
        _import(tmp_path / "b", tmp_path / "empty")
