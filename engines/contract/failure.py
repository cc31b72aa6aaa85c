"""Name the cause of a failed run in plain words, from an exception or from how its process ended.

The engine process explains its own exceptions with `explain`. The window, which watches from another
process, asks `cause_of_death` when an engine ended without a summary.
"""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from engines.contract.errors import WorkstationError
from engines.contract.events import Event, Failed, Metric, Phase, Progress, Started

_MEMORY_REMEDY = "Use a smaller batch or smaller images, or close other programs, and resume the run."
_DISK_REMEDY = "Free some space on that disk, then resume the run."


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run failed and what to do, each one English sentence."""

    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Known:
    recognises: Callable[[BaseException], bool]
    failure: Failure


def _is_graphics_memory(error: BaseException) -> bool:
    # By name: this module must not import torch.
    kind = type(error)
    return (kind.__name__ == "OutOfMemoryError" and kind.__module__.startswith("torch")) or (
        isinstance(error, RuntimeError) and "CUDA out of memory" in str(error)
    )


def _is_main_memory(error: BaseException) -> bool:
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in text)
        or (type(error).__module__.startswith("cv2") and "Insufficient memory" in text)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    )


def _is_disk_full(error: BaseException) -> bool:
    full = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
    return (isinstance(error, OSError) and error.errno in full) or any(
        words in str(error) for words in ("No space left on device", "PytorchStreamWriter failed")
    )


def _is_device_fault(error: BaseException) -> bool:
    reported = re.search(r"CUDA error|cuDNN error|MPS backend", str(error))
    return isinstance(error, RuntimeError) and reported is not None


_KNOWN: tuple[_Known, ...] = (
    _Known(
        _is_graphics_memory,
        Failure(
            "The graphics card ran out of memory.",
            "Use a smaller batch, accumulate batches, or choose 16-mixed precision; then resume the run.",
        ),
    ),
    _Known(_is_main_memory, Failure("The computer ran out of memory.", _MEMORY_REMEDY)),
    _Known(_is_disk_full, Failure("The disk is full.", _DISK_REMEDY)),
    _Known(
        lambda error: isinstance(error, RuntimeError) and "DataLoader worker" in str(error),
        Failure(
            "A process that prepares items died; often shared memory ran out.",
            "Set num_workers to 0, or give the container more shared memory.",
        ),
    ),
    _Known(
        _is_device_fault,
        Failure(
            "The graphics card reported an error.",
            "Resume the run; if it happens again, restart the computer or set device to cpu.",
        ),
    ),
    _Known(
        lambda error: isinstance(error, ModuleNotFoundError),
        Failure("A Python package is missing.", "Run bootstrap.py again; it installs what is missing."),
    ),
    _Known(
        lambda error: isinstance(error, FileNotFoundError),
        Failure("A file that the run needs is missing.", "Put the file back or relink it, then resume."),
    ),
    _Known(
        lambda error: isinstance(error, PermissionError),
        Failure("The run may not read or write a file.", "Change the rights of the file or folder."),
    ),
)


def explain(error: BaseException) -> Failure:
    """Return the named cause of an exception.

    Errors of the contract speak for themselves; others are looked up, along the chain of causes.
    """
    for link in _chain(error):
        if isinstance(link, WorkstationError):
            return Failure(link.message.render(), link.remedy.render())
        for known in _KNOWN:
            if known.recognises(link):
                detail = getattr(link, "filename", None) or getattr(link, "name", None)
                cause = f"{known.failure.cause[:-1]}: {detail}." if detail else known.failure.cause
                return Failure(cause, known.failure.remedy)
    return Failure(
        f"An unexpected error stopped the run ({type(error).__name__}).",
        "Read the traceback; it belongs into a report of the problem.",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__


_SIGNAL_FAILURES = {
    "SIGKILL": Failure(
        "The run was killed by the system or by somebody (signal 9); often memory ran out.", _MEMORY_REMEDY
    ),
    "SIGSEGV": Failure(
        "The engine crashed inside a library (segmentation fault).",
        "Resume the run; if it crashes again, set device to cpu and num_workers to 0.",
    ),
    "SIGBUS": Failure(
        "The engine lost access to memory (bus error); often shared memory or the disk is full.",
        "Set num_workers to 0 and free some disk space, then resume the run.",
    ),
    "SIGABRT": Failure(
        "The engine was aborted by a library.", "Read the end of the log, then resume the run."
    ),
    "SIGILL": Failure(
        "The engine used an instruction that this processor lacks.",
        "Install a torch build made for this processor.",
    ),
    "SIGTERM": Failure("The run was terminated from outside.", "Resume the run when it was not meant."),
    "SIGINT": Failure("The run was interrupted from the keyboard.", "Resume the run when it was not meant."),
    "SIGHUP": Failure("The session that the run lived in was closed.", "Resume the run."),
    "SIGXCPU": Failure("The run used up its processor time limit.", "Raise the limit and resume the run."),
}
# Exit codes of Windows that mean what a signal means elsewhere.
_WINDOWS_CODES = {0xC0000005: "SIGSEGV", 0xC000001D: "SIGILL", 0xC0000374: "SIGABRT", 0xC000013A: "SIGINT"}

_LOG_FAILURES: tuple[tuple[str, Failure], ...] = (
    (
        r"out of memory|MemoryError|DefaultCPUAllocator|oom-kill",
        Failure("The run ran out of memory.", _MEMORY_REMEDY),
    ),
    (r"No space left on device|not enough space on the disk", Failure("The disk is full.", _DISK_REMEDY)),
    (r"Segmentation fault|access violation", _SIGNAL_FAILURES["SIGSEGV"]),
    (r"Bus error", _SIGNAL_FAILURES["SIGBUS"]),
    (r"Fatal Python error: Aborted", _SIGNAL_FAILURES["SIGABRT"]),
    (r"^Killed$", _SIGNAL_FAILURES["SIGKILL"]),
    (
        r"ModuleNotFoundError|No module named",
        Failure("A Python package is missing.", "Run bootstrap.py again; it installs what is missing."),
    ),
)


def signal_of(exit_code: int) -> str:
    """Return the name of the signal that an exit code stands for, or an empty string."""
    if exit_code & 0xFFFFFFFF in _WINDOWS_CODES:
        return _WINDOWS_CODES[exit_code & 0xFFFFFFFF]
    number = -exit_code if exit_code < 0 else exit_code - 128 if 128 < exit_code < 192 else 0
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def cause_of_death(exit_code: int | None, events: Sequence[Event], log_tail: str) -> tuple[str, str]:
    """Name why an engine ended without writing a summary.

    Parameters
    ----------
    exit_code : int or None
        As `subprocess` gives it: ``-9`` for signal 9; None when the process was not our child.
    events : sequence of Event
        Of the run; the last ones are enough.
    log_tail : str
        End of ``log.txt``.

    Returns
    -------
    cause, remedy : str
        English sentences.
    """
    events = _since_last_start(events)
    for event in reversed(events):
        if isinstance(event, Failed):
            return event.cause, event.remedy
    name = signal_of(exit_code) if exit_code is not None else ""
    if name in _SIGNAL_FAILURES:
        failure = _SIGNAL_FAILURES[name]
    elif name:
        failure = Failure(f"The engine was ended by {name}.", "Resume the run.")
    else:
        failure = _from_log(log_tail) or _unknown(exit_code)
    return f"{failure.cause[:-1]}{_where(events)}.", failure.remedy


def _since_last_start(events: Sequence[Event]) -> Sequence[Event]:
    # What an earlier attempt died of is no news about this one.
    for index in range(len(events) - 1, -1, -1):
        if isinstance(events[index], Started):
            return events[index:]
    return events


def _from_log(log_tail: str) -> Failure | None:
    for pattern, failure in _LOG_FAILURES:
        if re.search(pattern, log_tail, flags=re.MULTILINE):
            return failure
    return None


def _unknown(exit_code: int | None) -> Failure:
    if exit_code is None:
        return Failure(
            "The engine is gone and left no reason: it was killed, or the computer was shut down.",
            "Resume the run; it goes on from its last checkpoint.",
        )
    return Failure(
        f"The engine ended with exit code {exit_code} and left no summary.",
        "Read the end of the log, then resume the run.",
    )


def _where(events: Sequence[Event]) -> str:
    """Return how far the run had come, as a phrase that ends a sentence."""
    step = max((event.step for event in events if isinstance(event, Progress | Metric)), default=0)
    if step:
        return f" (at step {step})"
    phases = [event.name for event in events if isinstance(event, Phase)]
    return f" (during: {phases[-1]})" if phases else ""
