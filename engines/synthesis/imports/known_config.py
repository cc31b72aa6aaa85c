"""Settings of the earlier implementation, by their names there: ``discriminator.d_cond_mode`` and so on.

Keys that this program does not know are kept and shown, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.contract.config import read_yaml
from engines.synthesis.config import TrainConfig

_KNOWN = {
    "model.residual_output": "residual_output",
    "refine.hidden_dim": "refine_hidden",
    "refine.num_blocks": "refine_blocks",
    "refine.warmup_steps": "warmup_steps",
    "refine.freeze_G": "freeze_g",
    "refine.fusion": "fusion",
    "refine.residual_base": "residual_base",
    "discriminator.d_cond_mode": "d_cond_mode",
    "discriminator.gan_loss_type": "gan_loss_type",
    "discriminator.disc_type": "disc_type",
    "discriminator.r1_gamma": "r1_gamma",
    "discriminator.r1_interval": "r1_interval",
    "discriminator.r1_reduction": "r1_reduction",
    "discriminator.n_blocks_resD": "n_blocks_res_d",
    "discriminator.use_attention": "use_attention",
    "discriminator.ndf": "ndf",
    "discriminator.num_D": "num_d",
    "discriminator.gan_weight": "gan_weight",
    "discriminator.feat_match_weight": "feat_match_weight",
    "discriminator.label_smoothing": "label_smoothing",
    "discriminator.grad_clip_norm_D": "grad_clip_norm_d",
    "train.pretrained_G": "pretrained_g",
    "train.pretrained_G2": "pretrained_g2",
    "train.skip_warmup": "skip_warmup",
    "train.num_epochs": "epochs",
    "lung_weight_start": "lung_weight_start",
    "lung_weight_end": "lung_weight_end",
    "lung_weight_epochs": "lung_weight_epochs",
    "ema_decay": "ema_decay",
    "diag_interval": "diag_interval",
    "r1_reduction": "r1_reduction",
    "window": "window",
}
_REFINE_RATE, _REFINE_SCHEDULE = "refine.lr", "refine.lr_scheduler"
_SCHEDULES = {"cosine": "cosine", "constant": "constant", "none": "constant"}
_SWITCHES = ("refine.enabled", "discriminator.enabled")
_PLACES = ("train.output_dir",)
"""Read and kept, but this program has run folders instead."""


@dataclass(frozen=True)
class KnownConfig:
    """A configuration file of the earlier implementation.

    Parameters
    ----------
    phase : str
        What its switches ask for.
    settings : dict
        Values of `TrainConfig`, checked.
    unused : dict
        Known keys that have no place here, by dotted name.
    unknown : dict
        Keys nobody knows, by dotted name.
    """

    phase: str
    settings: dict[str, Any] = field(default_factory=dict)
    unused: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)


def read_known_config(path: Path) -> KnownConfig:
    """Read a YAML file with the names of the earlier implementation.

    Raises
    ------
    ConfigError
        If it cannot be read, or a known key has a value that cannot be.
    """
    return known_config(read_yaml(path))


def known_config(values: Mapping[str, Any]) -> KnownConfig:
    """Sort the keys of such a configuration."""
    flat = _flattened(values)
    settings: dict[str, Any] = {}
    unused: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    has_refiner, has_discriminator = (bool(flat.get(key, False)) for key in _SWITCHES)
    for key, value in flat.items():
        if key in _KNOWN:
            settings[_KNOWN[key]] = "" if value is None else _as_number(value)
        elif key == _REFINE_RATE and has_refiner:
            settings["learning_rate"] = _as_number(value)
        elif key == _REFINE_SCHEDULE and str(value) in _SCHEDULES:
            settings["schedule"] = _SCHEDULES[str(value)]
        elif key in (*_SWITCHES, *_PLACES, _REFINE_RATE, _REFINE_SCHEDULE):
            unused[key] = value
        else:
            unknown[key] = value
    phase = ("g2_d" if has_discriminator else "g2") if has_refiner else "g_d" if has_discriminator else "g"
    TrainConfig.from_values(settings)
    return KnownConfig(phase, settings, unused, unknown)


def _flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found |= _flattened(value, f"{name}.")
        else:
            found[name] = value
    return found


def _as_number(value: Any) -> Any:
    # YAML 1.1 takes 1e-4 for a word.
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
