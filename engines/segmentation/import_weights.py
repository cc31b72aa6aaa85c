"""Make a model from weights of another program: the published diffusion network, or a checkpoint of ours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engines.contract.errors import CheckpointError
from engines.contract.run_context import RunContext
from engines.contract.weights_report import WeightsReport
from engines.core.generations import FACTS_FILE
from engines.core.weights import fill, load_weights, publish_import, require_complete
from engines.segmentation.config import ImportConfig
from engines.segmentation.data import MODALITIES
from engines.segmentation.model import SegmentationNetwork
from engines.segmentation.networks.architecture import Architecture, preview_architecture
from engines.segmentation.networks.checkpoint import EXTRA_OUTPUTS
from engines.segmentation.training.mask_task import Trainable

_OF_PUBLISHED = "input_blocks.0.0.weight"
_PREFIX = "model.denoiser."
_LAST = ("out.2.weight", "out.2.bias")
_HIGHWAY = "hwm."
_SUFFIXES = (".safetensors", ".pt", ".pth")
_PUBLISHED_SIZE = 256


def import_weights(run: RunContext) -> None:
    """Read the weights, and write a checkpoint that predicts or can be trained on."""
    config = run.typed_config(ImportConfig)
    source = _file_of(Path(config.source))
    tensors = load_weights(source)
    if _OF_PUBLISHED in tensors:
        trainable, report, facts = _published(tensors, config)
    else:
        trainable, report, facts = _own(tensors, source)
    model = trainable.model
    facts |= {
        "architecture": model.architecture.facts(),
        "mode": f"{model.architecture.method} {model.architecture.network}",
        "parameters": {name: count for name, count, _ in model.parameter_table()},
    }
    publish_import(run, source, trainable.state_dict(), facts, report)


def _file_of(source: Path) -> Path:
    if not source.is_dir():
        return source
    found = sorted(path for path in source.iterdir() if path.suffix in _SUFFIXES)
    if len(found) != 1:
        raise CheckpointError(
            "{folder} holds {count} files of weights.",
            remedy="Choose one of them: {names}.",
            folder=source,
            count=len(found),
            names=", ".join(path.name for path in found) or "there is none",
        )
    return found[0]


def _published(
    tensors: dict[str, Tensor], config: ImportConfig
) -> tuple[Trainable, WeightsReport, dict[str, Any]]:
    """Return the published diffusion network with its weights; what it lacks begins anew."""
    num_inputs = int(tensors[_OF_PUBLISHED].shape[1])
    wanted = len(MODALITIES) + config.num_regions
    if num_inputs != wanted:
        raise CheckpointError(
            "These weights take {found} channels; four modalities and {regions} masks are {wanted}.",
            remedy="Choose weights for T1, T1 with contrast, T2 and FLAIR, or correct num_regions.",
            found=num_inputs,
            regions=config.num_regions,
            wanted=wanted,
        )
    architecture = replace(
        preview_architecture(Architecture(num_regions=config.num_regions, num_steps=config.noise_steps)),
        prediction="eps",
        grade_head="off",
    )
    torch.manual_seed(config.seed)
    trainable = Trainable(SegmentationNetwork(architecture))
    notes = [
        "These weights were trained on masks of 0 and 1, and here masks are -1 and 1: train on before use.",
        "The image-only branch is another one here and begins anew.",
    ]
    num_outputs = int(tensors[_LAST[0]].shape[0]) if _LAST[0] in tensors else config.num_regions
    if num_outputs > config.num_regions:
        # The further channels say how sure the noise is; they are no mask.
        tensors = {**tensors, **{name: tensors[name][: config.num_regions] for name in _LAST}}
        notes.append(
            f"Of {num_outputs} output channels {config.num_regions} stay: the others are a learned variance."
        )
    report = fill(trainable, tensors, lambda name: None if name.startswith(_HIGHWAY) else _PREFIX + name)
    facts = {
        "size": _PUBLISHED_SIZE,
        "label_coding": "binary",
        "alpha": [0.0, 0.0],
        EXTRA_OUTPUTS: num_outputs - config.num_regions,
    }
    return trainable, report.model_copy(update={"notes": (*report.notes, *notes)}), facts


def _own(tensors: dict[str, Tensor], source: Path) -> tuple[Trainable, WeightsReport, dict[str, Any]]:
    path = source.with_name(FACTS_FILE)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        architecture = Architecture.from_facts(facts["architecture"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            "{source} is neither the published network nor a checkpoint of this program.",
            remedy="Choose a file with input_blocks, or weights.safetensors with its model.json beside it.",
            source=source.name,
        ) from error
    trainable = Trainable(SegmentationNetwork(architecture))
    report = fill(trainable, tensors)
    require_complete(report, source)
    return trainable, report, {key: facts[key] for key in ("size", "label_coding", "alpha")}
