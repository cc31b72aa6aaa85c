"""Save and load checkpoints: weights as safetensors, training state beside them, written atomically.

`weights.safetensors` always holds the weights to predict with: the averaged ones when averaging is on.
`training_state.pt` holds whatever else an exact resume needs, as tensors and plain values only; the
weights that the optimiser works on are in it when they are others. Pickled objects are never loaded.
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engines.contract.errors import CheckpointError
from engines.core.generations import (
    LAST,
    STATE_FILE,
    WEIGHTS_FILE,
    Generation,
    newest_intact,
    publish,
    read_usable,
    seal,
)


def save(
    checkpoints_dir: Path,
    name: str,
    *,
    weights: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    state: Mapping[str, Any] | None = None,
) -> Path:
    """Write a checkpoint under a temporary name and put it in place.

    Parameters
    ----------
    checkpoints_dir : Path
    name : str
        ``"last"``, the old one of which becomes ``"last.previous"``, or ``"best"``.
    weights : mapping of str to Tensor
    facts : mapping
        Plain values for `model.json`; must hold ``"step"``.
    state : mapping or None
        Training state.

    Returns
    -------
    Path
        The finished folder.
    """
    checkpoints_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=checkpoints_dir))
    try:
        # Clones: safetensors refuses tensors that share memory, as tied weights do.
        plain = {key: tensor.detach().to("cpu").contiguous().clone() for key, tensor in weights.items()}
        save_file(plain, folder / WEIGHTS_FILE)
        if state is not None:
            torch.save(dict(state), folder / STATE_FILE)
        for path in folder.iterdir():
            _flush_to_disk(path)
        seal(folder, dict(facts))
        return publish(folder, name, keep_previous=name == LAST)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def load_weights(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the weights of a checkpoint folder; when it is missing or damaged, those of `read_usable`.

    Returns
    -------
    weights : dict of str to Tensor
        On the processor.
    facts : dict
        Content of `model.json`.

    Raises
    ------
    CheckpointError
        If it is missing or damaged.
    """
    generation = read_usable(folder)
    try:
        return load_file(generation.path / WEIGHTS_FILE), generation.facts
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            "The weights of {path} cannot be read: {reason}.",
            remedy="Use an older checkpoint, or train again.",
            path=folder,
            reason=str(error),
        ) from error


def load_state(generation: Generation) -> dict[str, Any]:
    """Read the training state of a checkpoint.

    Raises
    ------
    CheckpointError
        If it holds anything but tensors and plain values, or is damaged.
    """
    path = generation.path / STATE_FILE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            "The training state {path} cannot be read: {reason}.",
            remedy="Use an older checkpoint, or train again.",
            path=path,
            reason=str(error).splitlines()[0],
        ) from error
    assert isinstance(state, dict)
    return state


def load_newest(checkpoints_dir: Path) -> tuple[Generation, dict[str, Tensor], dict[str, Any]] | None:
    """Return the newest whole generation with its weights and training state, or None."""
    generation = newest_intact(checkpoints_dir)
    if generation is None:
        return None
    weights, _ = load_weights(generation.path)
    return generation, weights, load_state(generation)


def load_into(network: nn.Module, weights: Mapping[str, Tensor], source: Path) -> None:
    """Load weights into a network, every key of both and no other.

    Raises
    ------
    CheckpointError
        With the keys that are missing, left over, or of another shape.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    missing = sorted(expected.keys() - weights.keys())
    left_over = sorted(weights.keys() - expected.keys())
    reshaped = sorted(
        name for name in expected.keys() & weights.keys() if tuple(weights[name].shape) != expected[name]
    )
    problems = [
        f"{what} {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}"
        for what, names in (("missing", missing), ("left over", left_over), ("of another shape", reshaped))
        if names
    ]
    if problems:
        raise CheckpointError(
            "The checkpoint {path} is of another model: {problems}.",
            remedy="Use the settings that it was trained with.",
            path=source,
            problems="; ".join(problems),
        )
    network.load_state_dict(dict(weights))
