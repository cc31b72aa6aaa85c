"""Text logs of other trainings: lines with ``Epoch N`` and ``name=value`` or ``name: value``.

A value belongs to the last epoch that was named; several of one name in an epoch are averaged. Names that
this program does not know are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from engines.contract.errors import InputError

_EPOCH = re.compile(r"\bepoch\s*[:=#]?\s*\[?\s*(\d+)", re.IGNORECASE)
_VALUE = re.compile(
    r"([A-Za-z_][\w./]*)\s*[:=]\s*([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf))(?![\w:.])"
)
_NO_VALUES = {"epoch", "step", "iter", "batch"}
_OTHER_NAMES = {
    "d_real": "D_real",
    "d_fake": "D_fake",
    "gnorm_d": "gnorm_D",
    "loss_d": "d_loss",
    "valloss": "val_loss",
}
_OF_VALIDATION = ("val_",)


@dataclass
class ImportedLog:
    """Values by epoch.

    Parameters
    ----------
    values : dict of (epoch, name) to float
    lines : int
        Lines that held a value.
    """

    values: dict[tuple[int, str], float] = field(default_factory=dict)
    lines: int = 0

    @property
    def epochs(self) -> list[int]:
        """Epochs that have a value, ascending."""
        return sorted({epoch for epoch, _ in self.values})

    def of_epoch(self, epoch: int) -> dict[str, float]:
        """Return the values of an epoch by name."""
        return {name: value for (found, name), value in self.values.items() if found == epoch}


def read_log(path: Path) -> ImportedLog:
    """Read a text log.

    Raises
    ------
    InputError
        If it cannot be read, or no line has an epoch and a value.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(
            "The log {path} cannot be read: {reason}.", path=path, reason=error.strerror or str(error)
        ) from error
    log = parse_log(lines)
    if not log.values:
        raise InputError(
            "{path} has no line with an epoch and a value.",
            remedy="Lines should look like 'Epoch 3 D_real=0.75 d_loss: 0.94'.",
            path=path.name,
        )
    return log


def parse_log(lines: Iterable[str]) -> ImportedLog:
    """Return the values in lines; those before the first epoch are left out."""
    sums: dict[tuple[int, str], list[float]] = {}
    epoch: int | None = None
    count = 0
    for line in lines:
        found = _EPOCH.search(line)
        if found:
            epoch = int(found.group(1))
            line = line[: found.start()] + " " + line[found.end() :]
        if epoch is None:
            continue
        pairs = [(name, value) for name, value in _VALUE.findall(line) if name.lower() not in _NO_VALUES]
        count += bool(pairs)
        for name, value in pairs:
            sums.setdefault((epoch, _OTHER_NAMES.get(name.lower(), name)), []).append(float(value))
    values = {key: sum(numbers) / len(numbers) for key, numbers in sums.items()}
    return ImportedLog(values, count)


def split_of(name: str) -> str:
    """Return which part of the data a value of a log is about."""
    return "val" if name.lower().startswith(_OF_VALIDATION) else "train"
