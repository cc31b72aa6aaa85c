"""Trainings of a minute at 64 px, whose numbers mean something: what each phase brings, a D that is stuck."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engines.contract.events import Metric, read_events
from engines.contract.kinds import Action, Split
from engines.contract.manifest import ItemRecord
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights
from engines.core.diagnosis import diagnose
from engines.imaging.volumes.thorax_phantom import ThoraxOptions
from engines.synthesis.diagnose import RULES

_OPTIONS = ThoraxOptions(side_px=64, num_slices=16, spacing_mm=(5.2, 5.2, 5.0))
_SPLITS = (*[Split.TRAIN] * 4, Split.VAL, Split.VAL)
_SETTINGS = {
    "crop_px": 0,
    "batch_size": 2,
    "slices_per_epoch": 80,
    "num_val_slices": 12,
    "generator": "small",
    "refine_hidden": 16,
    "refine_blocks": 2,
    "ema_decay": 0.97,
    "max_minutes": 0.0,
    "preview_every_epochs": 0,
    "diag_interval": 10,
}
_JUDGES_DETAIL = {
    "learning_rate": 1e-3,
    "d_high_pass": True,
    "gan_share": 0.5,
    "feat_match_weight": 0.0,
    "best_by": "fine_detail",
    "r1_gamma": 0.0,
    "ndf": 32,
    "discriminator_rate": 1.0,
    "discriminator_schedule": "constant",
    "preheat_steps": 120,
}
RunSynthesis = Callable[..., RunFolder]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def patients(
    tmp_path_factory: pytest.TempPathFactory, simulated_patients: Callable[..., tuple[ItemRecord, ...]]
) -> tuple[ItemRecord, ...]:
    return simulated_patients(tmp_path_factory.mktemp("chests"), _OPTIONS, _SPLITS)


@pytest.fixture(scope="module")
def generator(
    tmp_path_factory: pytest.TempPathFactory, patients: tuple[ItemRecord, ...], run_synthesis: RunSynthesis
) -> RunFolder:
    path = tmp_path_factory.mktemp("runs") / "g"
    return run_synthesis(path, Action.TRAIN, patients, phase="g", **_SETTINGS, epochs=4)


def _last(run: RunFolder, key: str, split: str = "val") -> float:
    events = read_events(run.events_path)
    values = [
        event.value
        for event in events
        if isinstance(event, Metric) and (event.key, event.split) == (key, split) and event.value is not None
    ]
    return float(values[-1])


def _found(run: RunFolder) -> set[str]:
    return {found.name for found in diagnose(read_events(run.events_path), RULES)}


def test_every_phase_brings_what_it_is_for(
    tmp_path: Path,
    patients: tuple[ItemRecord, ...],
    generator: RunFolder,
    run_synthesis: RunSynthesis,
) -> None:
    assert _last(generator, "l1_vs_cta") < 0.8 * _last(generator, "l1_ncct_vs_cta")
    fused = {**_SETTINGS, "fusion": "concat", "residual_base": "g", "vessel_weight": 0.5}
    refined = run_synthesis(
        tmp_path / "g2", Action.TRAIN, patients, phase="g2", base=str(generator.path), **fused, epochs=12
    )
    assert _last(refined, "l1_vs_cta") < _last(generator, "l1_vs_cta")
    assert _last(refined, "vessel_mae_hu") < 0.9 * _last(generator, "vessel_mae_hu")
    judged = run_synthesis(
        tmp_path / "g2_d",
        Action.TRAIN,
        patients,
        phase="g2_d",
        base=str(refined.path),
        **{**fused, **_JUDGES_DETAIL},
        epochs=6,
    )
    before, after = _last(refined, "hf_ratio"), _last(judged, "hf_ratio")
    assert abs(1.0 - after) < 0.8 * abs(1.0 - before), (before, after)
    assert _last(judged, "vessel_mae_hu") < 1.05 * _last(refined, "vessel_mae_hu")
    assert not _found(judged) & {"d_collapsed", "d_pinned", "baseline_lost", "invented_texture"}


def test_a_discriminator_that_hardly_steps_is_called_collapsed_and_pinned(
    tmp_path: Path, patients: tuple[ItemRecord, ...], generator: RunFolder, run_synthesis: RunSynthesis
) -> None:
    settings = {**_SETTINGS, "learning_rate": 1e-4, "discriminator_rate": 1e-2, "preheat_steps": 0}
    run = run_synthesis(
        tmp_path / "pinned",
        Action.TRAIN,
        patients,
        phase="g_d",
        base=str(generator.path),
        **{**settings, "gan_weight": 0.01, "ndf": 16, "epochs": 6},
    )
    assert {"d_collapsed", "d_pinned"} <= _found(run)


def test_a_resumed_training_of_g_and_d_is_the_one_that_was_not_stopped(
    tmp_path: Path, patients: tuple[ItemRecord, ...], generator: RunFolder, run_synthesis: RunSynthesis
) -> None:
    settings = {
        **_SETTINGS,
        **_JUDGES_DETAIL,
        "r1_gamma": 1.0,
        "r1_interval": 2,
        "preheat_steps": 3,
        "slices_per_epoch": 8,
        "epochs": 2,
    }
    whole = run_synthesis(
        tmp_path / "whole", Action.TRAIN, patients, phase="g_d", base=str(generator.path), **settings
    )
    for limit in (2, 0):
        halves = run_synthesis(
            tmp_path / "halves",
            Action.TRAIN,
            patients,
            phase="g_d",
            base=str(generator.path),
            **{**settings, "max_steps": limit},
        )
    expected, _ = load_weights(whole.checkpoints_dir / "last")
    found, _ = load_weights(halves.checkpoints_dir / "last")
    assert all(torch.equal(found[name], value) for name, value in expected.items())
