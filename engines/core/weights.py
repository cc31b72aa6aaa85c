"""Weights of other programs: read without running anything in them, put into a module, and reported.

Only tensors and plain values are read. A file that needs code of its own to be read is refused: that code
could be anything.
"""

from __future__ import annotations

import logging
import pickle
import warnings
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from engines.contract.errors import CheckpointError
from engines.contract.events import Checkpoint
from engines.contract.files import hash_file
from engines.contract.run_context import RunContext
from engines.contract.weights_report import FILE_NAME, OtherShape, WeightsReport
from engines.core import checkpoint, generations

SAFETENSORS = ".safetensors"
SECTIONS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "params_ema",
    "params",
    "weights",
    "module",
    "ema",
)
"""Where programs keep their weights in a checkpoint, the likeliest first."""
_WRAPPERS = ("module.", "_orig_mod.")
_MOST_NAMED = 5
_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    SafetensorError,
    pickle.UnpicklingError,
)
_log = logging.getLogger(__name__)

Rename = Callable[[str], str | None] | Mapping[str, str]
"""The model's name of a tensor, from the file's; None leaves it out. Names that a mapping lacks stay."""


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read everything in a checkpoint file that is tensors and plain values, on the processor.

    Parameters
    ----------
    path : Path
        ``.safetensors``, or what PyTorch saves.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, or holds objects that only their own code could read.
    """
    if not path.is_file():
        raise CheckpointError(
            "There is no file {path}.", remedy="Choose the file that holds the weights.", path=path
        )
    try:
        if path.suffix == SAFETENSORS:
            return dict(load_file(path))
        with torch.serialization.safe_globals(_plain_classes()), warnings.catch_warnings():
            # About protocols of pickle that it may not understand: what it understands is read, or nothing.
            warnings.simplefilter("ignore", UserWarning)
            found = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        # The words of PyTorch advise to run what is in the file; they only go into the log.
        _log.info("%s cannot be read: %s", path, error)
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise CheckpointError(
                "{path} holds objects that only their own program can read; they are never run here.",
                remedy="Save its state_dict, or save it as safetensors, with the program that made it.",
                path=path,
            ) from error
        raise CheckpointError(
            "{path} is no readable file of weights.",
            remedy="Choose a .safetensors file, or a state_dict saved by PyTorch; copy a damaged file again.",
            path=path,
        ) from error
    return {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {"": found}


def load_weights(path: Path, section: str = "") -> dict[str, Tensor]:
    """Read the weights in a checkpoint file, by the names that it gives them.

    Prefixes that wrappers for several devices or for compilation add to every name are left out.

    Parameters
    ----------
    path : Path
    section : str
        Key under which they are; one of `SECTIONS`, or where there is only one, by default.

    Raises
    ------
    CheckpointError
        If the file cannot be read safely, or holds no weights.
    """
    content = load_checkpoint(path)
    if section and section not in content:
        raise CheckpointError(
            "{path} has no section '{section}'.",
            remedy="Choose one of: {known}.",
            path=path,
            section=section,
            known=", ".join(content),
        )
    found = _tensors(content[section] if section else content)
    if not found:
        raise CheckpointError(
            "{path} holds no weights; it has: {found}.",
            remedy="Choose the file that holds the state_dict of the model.",
            path=path,
            found=", ".join(list(content)[:_MOST_NAMED]) or "nothing",
        )
    for prefix in _WRAPPERS:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found


def fill(module: nn.Module, tensors: Mapping[str, Tensor], rename: Rename | None = None) -> WeightsReport:
    """Copy into a module every tensor that it knows by name and shape; the others stay as they are.

    Raises
    ------
    CheckpointError
        If two tensors of the file get one name.
    """
    known = module.state_dict()
    values: dict[str, Tensor] = {}
    unused: list[str] = []
    other_shape: list[OtherShape] = []
    for name, tensor in tensors.items():
        target = _renamed(name, rename)
        if target is None or target not in known:
            unused.append(name)
        elif target in values or any(entry.name == target for entry in other_shape):
            raise CheckpointError(
                "Two tensors of the file stand for {name}.",
                remedy="Choose a file of one model.",
                name=target,
            )
        elif tensor.shape != known[target].shape:
            other_shape.append(
                OtherShape(name=target, in_file=tuple(tensor.shape), in_model=tuple(known[target].shape))
            )
        else:
            values[target] = tensor
    module.load_state_dict(values, strict=False)
    notes = ()
    broken = [name for name, tensor in values.items() if not bool(torch.isfinite(tensor.float()).all())]
    if broken:
        notes = (f"Not every number is finite in: {_named(broken)}.",)
    taken = {*values, *(entry.name for entry in other_shape)}
    return WeightsReport(
        matched=tuple(name for name in known if name in values),
        missing=tuple(name for name in known if name not in taken),
        unused=tuple(unused),
        other_shape=tuple(other_shape),
        notes=notes,
    )


def require_complete(report: WeightsReport, source: Path) -> None:
    """Refuse weights that leave a part of the model as it was initialised.

    Raises
    ------
    CheckpointError
        With the names that are missing or of another shape.
    """
    if report.is_complete:
        return
    shapes = [f"{entry.name} {entry.in_file} for {entry.in_model}" for entry in report.other_shape]
    problems = [
        f"{what} {_named(names)}"
        for what, names in (
            ("missing", report.missing),
            ("of another shape", shapes),
            ("unknown here", report.unused),
        )
        if names
    ]
    raise CheckpointError(
        "The weights of {path} are of another model: {problems}.",
        remedy="Choose weights of this model, or settings that describe theirs.",
        path=source,
        problems="; ".join(problems),
    )


def publish_import(
    run: RunContext,
    source: Path,
    weights: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    report: WeightsReport,
) -> None:
    """Write what an importing run made: the checkpoint, the report, and where it came from.

    Parameters
    ----------
    run : RunContext
    source : Path
        The file that was read.
    weights : mapping of str to Tensor
    facts : mapping
        What a training of this pipeline writes of its model; ``step`` is 0 unless given.
    report : WeightsReport
    """
    origin = {"imported_from": str(source), "imported_sha256": hash_file(source)}
    run.folder.outputs_dir.mkdir(parents=True, exist_ok=True)
    report.model_copy(update={"source": str(source)}).write(run.folder.outputs_dir / FILE_NAME)
    checkpoint.save(
        run.folder.checkpoints_dir,
        generations.BEST,
        weights=weights,
        facts={"step": 0, "epoch": 0, **facts, **origin},
    )
    run.emit(Checkpoint(path=f"checkpoints/{generations.BEST}", step=int(facts.get("step", 0)), best=True))
    for note in report.notes:
        run.warn("{note}", note=note)
    run.summary |= {
        **origin,
        "matched": len(report.matched),
        "missing": len(report.missing),
        "unused": len(report.unused),
        "other_shape": len(report.other_shape),
    }


def _plain_classes() -> list[Any]:
    """Return what old checkpoints hold beside tensors and is plain data: numbers of NumPy, and options."""
    scalar = np.float64(0).__reduce__()[0]
    dtypes = [type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "?")]
    return [Namespace, np.dtype, scalar, (scalar, "numpy.core.multiarray.scalar"), *dtypes]


def _tensors(value: Any) -> dict[str, Tensor]:
    """Return the tensors by name at the likeliest place of a checkpoint; none where no place is likely."""
    if not isinstance(value, Mapping):
        return {}
    direct = {str(name): entry for name, entry in value.items() if isinstance(entry, Tensor)}
    if direct and 2 * len(direct) >= len(value):
        return direct
    nested = {str(name): entry for name, entry in value.items() if isinstance(entry, Mapping)}
    for name in SECTIONS:
        if found := _tensors(nested.get(name)):
            return found
    candidates = [found for entry in nested.values() if (found := _tensors(entry))]
    return candidates[0] if len(candidates) == 1 else direct


def _renamed(name: str, rename: Rename | None) -> str | None:
    if rename is None:
        return name
    return rename.get(name, name) if isinstance(rename, Mapping) else rename(name)


def _named(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (
        f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    )
