"""Build a network from a run: the weights, and what stands beside them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engines.contract.errors import CheckpointError
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_into, load_weights
from engines.core.generations import read_generation, seal
from engines.segmentation.evaluation.grade_calibration import GradeCalibration
from engines.segmentation.model import SegmentationNetwork
from engines.segmentation.networks.architecture import Architecture
from engines.segmentation.training.mask_task import Trainable

EXTRA_OUTPUTS = "extra_output_channels"
_SIZES = {
    "width": "base_width",
    "condition_width": "condition_width",
    "factors": "num_levels",
    "prediction": "prediction",
    "schedule": "noise_schedule",
    "num_steps": "noise_steps",
}
"""Parts of an architecture that a run decides for what starts from it, and the settings that name them."""


@dataclass(frozen=True)
class Start:
    """Where a training begins.

    Parameters
    ----------
    trainable : Trainable
    size : int
        Side of the slices of the run that it starts from; 0 without one.
    kept : mapping of str to (object, object)
        Settings that are as in that run, although others are set: its value, and the one that is ignored.
    replaced_head : str
        Where that run's grade head was read, when another one begins in its place.
    extra_outputs : int
        Output channels that its imported weights had beyond the regions, and that were left out.
    """

    trainable: Trainable
    size: int = 0
    kept: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    replaced_head: str = ""
    extra_outputs: int = 0


def load_network(base: Path, weights: str) -> tuple[SegmentationNetwork, dict[str, Any]]:
    """Return the network of a run in evaluation mode, on the processor, and its facts.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, or of another pipeline.
    """
    tensors, facts = load_weights(RunFolder(base).checkpoints_dir / weights)
    architecture = _architecture(facts, base)
    trainable = Trainable(SegmentationNetwork(architecture))
    load_into(trainable, tensors, base)
    trainable.eval()
    return trainable.model, facts


def start_from(base: Path, wanted: Architecture, image_size: int = 0) -> Start:
    """Return a network to train on, with the weights of a run; a head that it lacks begins anew.

    Parameters
    ----------
    base : Path
        Run folder.
    wanted : Architecture
        Method, modalities and regions must be those of the run; its head counts; the rest is as in the run.
    image_size : int
        Side of slices that is set; 0 for any.

    Raises
    ------
    CheckpointError
        If the run's network is of another method, or for other modalities or regions.
    """
    tensors, facts = load_weights(RunFolder(base).checkpoints_dir / "best")
    known = _architecture(facts, base)
    _check_kind(base, known, wanted)
    architecture = replace(
        known, grade_head=wanted.grade_head, stop_gradient=wanted.stop_gradient, dropout=wanted.dropout
    )
    trainable = Trainable(SegmentationNetwork(architecture))
    fresh = trainable.state_dict()
    of_head = {name for name in fresh if name.startswith("model.head.")}
    is_other_head = known.grade_head != architecture.grade_head
    if is_other_head:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("model.head.")}
        tensors |= {name: fresh[name] for name in of_head}
    load_into(trainable, tensors, base)
    size = int(facts["size"])
    kept = _kept(known, wanted)
    if image_size and image_size != size:
        kept["image_size"] = (size, image_size)
    had_head = is_other_head and "off" not in (known.grade_head, wanted.grade_head)
    extra = int(facts.get(EXTRA_OUTPUTS, 0))
    return Start(trainable, size, kept, known.grade_head if had_head else "", extra)


def _check_kind(base: Path, known: Architecture, wanted: Architecture) -> None:
    if known.method != wanted.method:
        raise CheckpointError(
            "The network of {base} is of method {known}; these settings want {wanted}.",
            remedy="Set method to {known}, or start from a run of the method that is wanted.",
            base=base.name,
            known=known.method,
            wanted=wanted.method,
        )
    if (known.num_modalities, known.num_regions) != (wanted.num_modalities, wanted.num_regions):
        raise CheckpointError(
            "The network of {base} has {known} modalities and regions; these settings want {wanted}.",
            remedy="Set regions as in that run, or start anew.",
            base=base.name,
            known=f"{known.num_modalities} and {known.num_regions}",
            wanted=f"{wanted.num_modalities} and {wanted.num_regions}",
        )


def _kept(known: Architecture, wanted: Architecture) -> dict[str, tuple[Any, Any]]:
    """Return the settings that a run's network decides otherwise than these."""
    if known.network != wanted.network:
        # Its widths follow from it.
        return {"network": (known.network, wanted.network)}
    pairs = {setting: (getattr(known, name), getattr(wanted, name)) for name, setting in _SIZES.items()}
    pairs["num_levels"] = (len(known.factors), len(wanted.factors))
    return {setting: pair for setting, pair in pairs.items() if pair[0] != pair[1]}


def keep_calibration(folder: Path, calibration: GradeCalibration) -> None:
    """Write a calibration into a whole checkpoint.

    Raises
    ------
    CheckpointError
        If it is missing or damaged.
    """
    facts = {key: value for key, value in read_generation(folder).facts.items() if key != "files"}
    seal(folder, {**facts, "grade_calibration": calibration.facts()})


def _architecture(facts: dict[str, Any], base: Path) -> Architecture:
    try:
        return Architecture.from_facts(facts["architecture"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            "The checkpoint of {base} is of another pipeline or version.",
            remedy="Choose a run of this pipeline.",
            base=base.name,
        ) from error
