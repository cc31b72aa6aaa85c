"""Build a network from a run: the weights, and what stands beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from engines.contract.errors import CheckpointError
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_into, load_weights
from engines.core.generations import read_generation, seal
from engines.segmentation.evaluation.grade_calibration import GradeCalibration
from engines.segmentation.model import SegmentationNetwork
from engines.segmentation.networks.architecture import Architecture
from engines.segmentation.training.mask_task import Trainable


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


def start_from(base: Path, wanted: Architecture) -> tuple[Trainable, dict[str, Any]]:
    """Return a network to train on, with the weights of a run; a head that it lacks begins anew.

    Parameters
    ----------
    base : Path
        Run folder.
    wanted : Architecture
        Its modalities, regions and head count; the rest is as in the run.

    Raises
    ------
    CheckpointError
        If the run's network is for other modalities or regions.
    """
    tensors, facts = load_weights(RunFolder(base).checkpoints_dir / "best")
    known = _architecture(facts, base)
    same = (known.num_modalities, known.num_regions) == (wanted.num_modalities, wanted.num_regions)
    if not same:
        raise CheckpointError(
            "The network of {base} has {known} modalities and regions; these settings want {wanted}.",
            remedy="Set regions as in that run, or start anew.",
            base=base.name,
            known=f"{known.num_modalities} and {known.num_regions}",
            wanted=f"{wanted.num_modalities} and {wanted.num_regions}",
        )
    architecture = replace(
        known, grade_head=wanted.grade_head, stop_gradient=wanted.stop_gradient, dropout=wanted.dropout
    )
    trainable = Trainable(SegmentationNetwork(architecture))
    fresh = trainable.state_dict()
    of_head = {name for name in fresh if name.startswith("model.head.")}
    if known.grade_head != architecture.grade_head:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("model.head.")}
        tensors |= {name: fresh[name] for name in of_head}
    load_into(trainable, tensors, base)
    return trainable, facts


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


def device_copy(network: SegmentationNetwork, device: torch.device) -> SegmentationNetwork:
    """Move a network to where it computes."""
    return network.to(device).eval()
