"""Which checkpoints a run folder holds, and which of them are whole. No torch.

A checkpoint is a folder. ``last`` is the newest, ``last.previous`` the one before it, ``best`` the one
with the best validation metric. `model.json` is written last into it and lists the hash of every other
file, so a folder without it, or with a file that does not match, is damaged.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.contract.errors import CheckpointError
from engines.contract.files import hash_file, write_json_atomically

LAST = "last"
PREVIOUS = "last.previous"
BEST = "best"

WEIGHTS_FILE = "weights.safetensors"
STATE_FILE = "training_state.pt"
FACTS_FILE = "model.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Generation:
    """One checkpoint on the disk.

    Parameters
    ----------
    path : Path
    facts : dict
        Content of `model.json`: what the task says about its model, ``step``, ``epoch``, ``files``...
    """

    path: Path
    facts: dict[str, Any]

    @property
    def step(self) -> int:
        """Optimiser step after which it was written."""
        return int(self.facts["step"])


def seal(folder: Path, facts: dict[str, Any]) -> None:
    """Write `model.json` with the hashes of the other files; from then on the checkpoint is whole."""
    files = {path.name: hash_file(path) for path in sorted(folder.iterdir()) if path.name != FACTS_FILE}
    write_json_atomically(folder / FACTS_FILE, {**facts, "files": files})


def read_generation(path: Path) -> Generation:
    """Read and verify one checkpoint.

    Raises
    ------
    CheckpointError
        If it is missing or damaged; the sentence names the file.
    """
    try:
        facts = json.loads((path / FACTS_FILE).read_text(encoding="utf-8"))
        hashes = {name: str(digest) for name, digest in facts["files"].items()}
        int(facts["step"])
        for name, expected in hashes.items():
            if hash_file(path / name) != expected:
                raise CheckpointError(
                    "The checkpoint {path} is damaged: {file} does not match its hash.",
                    remedy="Use an older checkpoint, or train again.",
                    path=path,
                    file=name,
                )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "The checkpoint {path} is missing or damaged: {reason}.",
            remedy="Use an older checkpoint, or train again.",
            path=path,
            reason=str(error),
        ) from error
    return Generation(path, facts)


def newest_intact(checkpoints_dir: Path) -> Generation | None:
    """Return the newest whole generation that a run can continue from, or None.

    A damaged one is skipped with a warning in the log.
    """
    found: list[Generation] = []
    for name in (LAST, PREVIOUS):
        path = checkpoints_dir / name
        if not path.exists():
            continue
        try:
            generation = read_generation(path)
        except CheckpointError as error:
            _log.warning("%s", error)
            continue
        if (path / STATE_FILE).exists():
            found.append(generation)
    return max(found, key=lambda generation: generation.step, default=None)


def read_usable(path: Path) -> Generation:
    """Read a checkpoint, or what comes closest to it when it is missing or damaged.

    For ``best`` that is ``last``, which a run stopped before its first validation has; for ``last`` it is
    the generation before.

    Raises
    ------
    CheckpointError
        If none is whole; about the one that was asked for.
    """
    order = (BEST, LAST, PREVIOUS)
    names = order[order.index(path.name) :] if path.name in order else ()
    try:
        return read_generation(path)
    except CheckpointError as error:
        for name in names[1:]:
            substitute = path.with_name(name)
            try:
                generation = read_generation(substitute)
            except CheckpointError:
                continue
            _log.warning("%s %s is used instead.", error, substitute)
            return generation
        raise


def model_folder(run_path: Path) -> Path:
    """Return the checkpoint of a run to predict with: the best one, else the last.

    Raises
    ------
    CheckpointError
        If the run has no whole checkpoint.
    """
    try:
        return read_usable(run_path / "checkpoints" / BEST).path
    except CheckpointError as error:
        raise CheckpointError(
            "The run {run} has no usable checkpoint.",
            remedy="Train until the first checkpoint is written, or choose another run.",
            run=run_path.name,
        ) from error


def publish(new: Path, name: str, *, keep_previous: bool) -> Path:
    """Move a finished temporary folder to its name; with `keep_previous` the old one becomes the previous.

    A crash at any point leaves at least one whole generation.
    """
    target = new.parent / name
    previous = new.parent / PREVIOUS
    discarded = new.parent / f".{name}.discarded"
    shutil.rmtree(discarded, ignore_errors=True)
    if keep_previous and target.exists():
        if previous.exists():
            _rename(previous, discarded)
        _rename(target, previous)
    elif target.exists():
        _rename(target, discarded)
    _rename(new, target)
    shutil.rmtree(discarded, ignore_errors=True)
    return target


def remove_leftovers(checkpoints_dir: Path) -> None:
    """Delete what a killed engine left half-written, and put back what it was about to replace."""
    replaced = checkpoints_dir / f".{BEST}.discarded"
    if replaced.exists() and not (checkpoints_dir / BEST).exists():
        _rename(replaced, checkpoints_dir / BEST)
    for path in checkpoints_dir.glob(".*"):
        shutil.rmtree(path, ignore_errors=True)


def _rename(source: Path, target: Path, *, attempts: int = 20) -> None:
    for attempt in range(attempts):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            # Windows refuses while a reader has a file of the folder open.
            if os.name != "nt" or attempt == attempts - 1:
                raise
            time.sleep(0.1)
