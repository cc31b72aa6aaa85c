"""Runs of the earlier program: where their files lie, and what their logs say."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.contract.errors import CheckpointError

WEIGHT_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
_EPOCH = re.compile(r"^\s*Epoch\s+(\d+)\b")
_SUMMARY = re.compile(r"\b(Train|Eval)\b[^\[]*:\s*(\[.*)$")
_VALUE = re.compile(r"\[(\w+)\]\s*(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|nan)", re.IGNORECASE)
_RATE = re.compile(r"\bLR:\s*([0-9.e+-]+)")
_STEPS = re.compile(r"\bBatch\s*\[(\d+)/(\d+)\]")


@dataclass(frozen=True)
class OldRun:
    """Files of a run.

    Parameters
    ----------
    weights : Path
    settings : dict
        Content of `config.json`; empty without one.
    logs : tuple of Path
    """

    weights: Path
    settings: dict[str, Any]
    logs: tuple[Path, ...]


@dataclass(frozen=True)
class LoggedEpoch:
    """What a log says of one epoch.

    Parameters
    ----------
    epoch : int
        From 1.
    split : "train" or "val"
    values : dict of str to float
        ``total``, ``shape``, ``dice``, ``l2``, and ``learning_rate`` while it was trained.
    step : int
        Optimiser steps so far; the epoch where the log does not say.
    """

    epoch: int
    split: str
    values: dict[str, float]
    step: int


def find_old_run(source: Path, checkpoint: str) -> OldRun:
    """Find the files of a run from a file of weights, its folder, or the folder above both.

    Parameters
    ----------
    source : Path
    checkpoint : str
        ``"best"`` or ``"latest"``, where a folder has both.

    Raises
    ------
    CheckpointError
        If there are no weights.
    """
    weights = source if source.is_file() else _weights_in(source, checkpoint)
    folder = weights.parent
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        settings = {}
    except (OSError, ValueError) as error:
        raise CheckpointError(
            "{path} cannot be read.",
            remedy="Mend it, or move it away; then give its values by --set.",
            path=folder / "config.json",
        ) from error
    if not isinstance(settings, dict):
        settings = {}
    return OldRun(weights, settings, _logs_of(folder, source if source.is_dir() else folder))


def read_log(path: Path) -> list[LoggedEpoch]:
    """Return the epochs of a log, in its order; lines that say something else are skipped."""
    found = []
    epoch, steps, rate = 0, 0, None
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if match := _EPOCH.match(line):
                epoch = int(match.group(1))
            if match := _STEPS.search(line):
                steps = int(match.group(2))
                if own := _RATE.search(line):
                    rate = float(own.group(1))
            summary = _SUMMARY.search(line)
            if summary is None or not epoch:
                continue
            values = {name.lower(): float(text) for name, text in _VALUE.findall(summary.group(2))}
            is_training = summary.group(1) == "Train"
            if is_training and rate is not None:
                values["learning_rate"] = rate
            found.append(LoggedEpoch(epoch, "train" if is_training else "val", values, epoch * max(1, steps)))
    return found


def _weights_in(folder: Path, checkpoint: str) -> Path:
    for place in (folder, *sorted(folder.glob("checkpoints/*"), reverse=True), folder / "checkpoints"):
        for name in (checkpoint, "best", "latest", "last"):
            for suffix in WEIGHT_SUFFIXES:
                if (place / f"{name}{suffix}").is_file():
                    return place / f"{name}{suffix}"
    raise CheckpointError(
        "{folder} has no best.pth or latest.pth.",
        remedy="Choose the folder of a run, or the file of its weights.",
        folder=folder,
    )


def _logs_of(folder: Path, source: Path) -> tuple[Path, ...]:
    """Return the logs of a run: of several beside it, those that name its folder."""
    for place in (folder, source, folder.parent.parent):
        logs = sorted((place / "logs").glob("*.log"))
        own = [path for path in logs if folder.name in path.read_text(encoding="utf-8", errors="replace")]
        if own or len(logs) == 1:
            return tuple(own or logs)
    return ()
