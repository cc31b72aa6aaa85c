"""What a phase takes from the run before it, or from files: architecture, weights, window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from engines.contract.errors import CheckpointError, PreconditionError
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights as load_run_weights
from engines.core.generations import BEST
from engines.core.weights import fill, load_weights, require_complete
from engines.synthesis.config import TrainConfig
from engines.synthesis.model import PARTS, Architecture, SynthesisNetwork, take_part
from engines.synthesis.volumes.windows import HuWindow, chosen_window

_FIRST = "g"
_OF_GENERATOR = ("generator", "residual_output", "residual_scale")
_OF_DISCRIMINATOR = (
    "disc_type",
    "d_cond_mode",
    "ndf",
    "num_d",
    "n_blocks_res_d",
    "use_attention",
    "spectral_norm",
    "d_high_pass",
)


@dataclass(frozen=True)
class Base:
    """The checkpoint a phase begins from.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Those to predict with: averaged where the run averaged. Empty for the first phase.
    facts : mapping
    """

    weights: Mapping[str, Tensor] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def read_base(run: RunContext) -> Base:
    """Return the checkpoint of the run before, empty when there is none."""
    if not run.request.base_run:
        return Base()
    folder = RunFolder(run.folder.file_path(run.request.base_run))
    weights, facts = load_run_weights(folder.checkpoints_dir / BEST)
    if "architecture" not in facts:
        raise CheckpointError(
            "The run {run} is not one of synthesis.", remedy="Choose a run of synthesis.", run=folder.id
        )
    return Base(weights, facts)


def window_of(config: TrainConfig, base: Base) -> HuWindow:
    """Return the window of a run.

    Raises
    ------
    CheckpointError
        If the run before was trained in another one: its networks would see other values.
    """
    window = chosen_window(config.window, config.window_low, config.window_high)
    known = base.facts.get("window")
    if known is not None and HuWindow(**known) != window:
        raise CheckpointError(
            "The run before was trained in the window {low:.0f} to {high:.0f} HU, and this one is set to "
            "{own_low:.0f} to {own_high:.0f} HU.",
            remedy="Set window to the same, or train G again.",
            low=known["low_hu"],
            high=known["high_hu"],
            own_low=window.low_hu,
            own_high=window.high_hu,
        )
    return window


def architecture_of(config: TrainConfig, phase: str, base: Base) -> Architecture:
    """Return the networks of a phase; sizes of what is taken from the run before are those of that run.

    Raises
    ------
    PreconditionError
        If a later phase has neither a run before it nor a file of G.
    """
    own = Architecture.of(config, phase)
    if phase != _FIRST and not base.weights and not config.pretrained_g:
        raise PreconditionError(
            "This phase needs a trained G, and none was given.",
            remedy="Train G first, or set pretrained_g to a file.",
        )
    if not base.facts:
        return own
    before = base.facts["architecture"]
    own = replace(own, **{key: before[key] for key in _OF_GENERATOR if key in before})
    if own.registrar and before.get("registrar"):
        own = replace(own, registrar=before["registrar"])
    if own.disc_type and before.get("disc_type"):
        own = replace(own, **{key: before[key] for key in _OF_DISCRIMINATOR if key in before})
    if own.fusion and before.get("fusion"):
        keys = ("fusion", "residual_base", "refine_hidden", "refine_blocks")
        own = replace(own, **{key: before[key] for key in keys})
    return own


def take_weights(network: SynthesisNetwork, config: TrainConfig, base: Base) -> tuple[str, ...]:
    """Load what the run before and the files have of each network; return the names of those loaded."""
    loaded = []
    for part in PARTS:
        module = getattr(network, part)
        if module is not None and take_part(module, base.weights, part):
            loaded.append(part)
    for part, file in (("generator", config.pretrained_g), ("refiner", config.pretrained_g2)):
        module = getattr(network, part)
        if not file or module is None:
            continue
        path = Path(file)
        require_complete(fill(module, load_weights(path), _without_prefix(part)), path)
        loaded.append(part)
    return tuple(dict.fromkeys(loaded))


def _without_prefix(part: str) -> Any:
    def rename(name: str) -> str | None:
        if name.split(".", 1)[0] in PARTS:
            return name.removeprefix(f"{part}.") if name.startswith(f"{part}.") else None
        return name

    return rename
