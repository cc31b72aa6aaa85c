"""Train a phase: read images, take over the weights of the phase before, and run the shared loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from engines.contract.errors import PreconditionError
from engines.contract.kinds import Split
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.core import checkpoint
from engines.core.loop import fit
from engines.registration.config import TrainConfig
from engines.registration.training.images import load_labelled_views
from engines.registration.training.pairs_task import PairsTask, network_facts
from engines.registration.training.phase_plan import PHASE_KEYS, Terms
from engines.registration.training.real_pairs import RealPair, load_real_pairs
from engines.registration.training.recipes import with_recipe

_OF_NETWORK = ("mode", "width", "descriptor_size", "num_channels", "stems", "has_full_detector")


def train(run: RunContext) -> None:
    """Train the phase that the run asks for.

    Raises
    ------
    PreconditionError
        If images, vessel masks, real pairs or the earlier phase are missing; the sentence says which.
    """
    config, changed = with_recipe(run.typed_config(TrainConfig))
    if changed:
        run.warn("The literal recipe sets: {settings}.", settings=", ".join(changed))
    phase = run.request.phase or PHASE_KEYS[0]
    terms = Terms(phase)
    facts, weights, value_maps = _start(run, config, phase)
    preprocessing = facts["preprocessing"]
    run.phase("Reading images")
    train_views = load_labelled_views(run, Split.TRAIN, config, preprocessing, seed=config.seed)
    validation_views = load_labelled_views(run, Split.VAL, config, preprocessing, seed=config.seed + 1)
    real_train: list[RealPair] = []
    real_validation: list[RealPair] = []
    if terms.has_real_pairs:
        run.phase("Reading real pairs")
        real_train = load_real_pairs(run, Split.TRAIN, config, preprocessing)
        real_validation = load_real_pairs(run, Split.VAL, config, preprocessing)
        if not real_train:
            raise PreconditionError(
                "Phase 4 needs real pairs: no pair of split 'train' has a transform that can be trusted.",
                remedy="Place more than four keypoint pairs on a pair of split train, "
                "or allow pairs that the classical recipe registers with real_pairs.",
            )
        run.summary["real_pairs"] = {
            pair.item: {"rmse_px": round(pair.geometry.rmse_px, 3), "weight": round(pair.geometry.weight, 3)}
            for pair in real_train
        }
    run.phase("Training")
    task = PairsTask(
        train_views,
        validation_views,
        config,
        phase,
        facts=facts,
        weights=weights,
        value_maps=value_maps,
        real_train=real_train,
        real_validation=real_validation,
    )
    fit(run, task, config)


def _start(
    run: RunContext, config: TrainConfig, phase: str
) -> tuple[dict[str, Any], Mapping[str, Tensor] | None, Mapping[str, Any] | None]:
    """Return facts of the network, weights and value maps to start from."""
    wanted = network_facts(config)
    if not run.request.base_run:
        if phase != PHASE_KEYS[0]:
            raise PreconditionError(
                "{phase} starts from the weights of an earlier phase, and no run was given.",
                remedy="Train the phase before it first, or choose a run to start from.",
                phase=run.spec.phase(phase).title,
            )
        return wanted, None, None
    base = RunFolder(run.folder.file_path(run.request.base_run))
    weights, found = checkpoint.load_weights(base.checkpoints_dir / "best")
    facts = {**wanted, **{key: found[key] for key in (*_OF_NETWORK, "preprocessing") if key in found}}
    different = [key for key in _OF_NETWORK if facts[key] != wanted[key]]
    if different:
        run.warn(
            "The network of {run} is kept; these settings differ from it: {settings}.",
            run=base.id,
            settings=", ".join(different),
        )
    return facts, weights, _value_maps(base)


def _value_maps(base: RunFolder) -> Mapping[str, Any] | None:
    """Return what an earlier phase remembered about the eyes, or None."""
    newest = checkpoint.load_newest(base.checkpoints_dir)
    if newest is None:
        return None
    _, _, state = newest
    maps: Mapping[str, Any] | None = state.get("task", {}).get("value_maps")
    return maps
