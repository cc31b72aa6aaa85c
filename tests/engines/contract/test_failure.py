from __future__ import annotations

import errno
import signal

import pytest

from engines.contract.errors import CheckpointError, NonFiniteError
from engines.contract.events import Failed, Phase, Progress, Started
from engines.contract.failure import cause_of_death, explain


class OutOfMemoryError(RuntimeError):
    """Stands for torch's own, which is recognised by its name."""


OutOfMemoryError.__module__ = "torch"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OutOfMemoryError("CUDA out of memory"), "The graphics card ran out of memory."),
        (MemoryError(), "The computer ran out of memory."),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "The computer ran out of memory."),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full."),
        (RuntimeError("[enforce fail] PytorchStreamWriter failed writing file"), "The disk is full."),
        (FileNotFoundError(2, "No such file", "眼.png"), "A file that the run needs is missing: 眼.png."),
        (PermissionError(13, "denied", "x.png"), "The run may not read or write a file: x.png."),
        (ModuleNotFoundError("No module named 'monai'", name="monai"), "A Python package is missing: monai."),
        (RuntimeError("CUDA error: device-side assert"), "The graphics card reported an error."),
        (ZeroDivisionError(), "An unexpected error stopped the run (ZeroDivisionError)."),
    ],
)
def test_exceptions_have_named_causes_and_remedies(error: BaseException, cause: str) -> None:
    failure = explain(error)
    assert failure.cause == cause
    assert failure.remedy


def test_own_errors_speak_for_themselves() -> None:
    error = NonFiniteError("{part} is NaN.", remedy="Look at {part}.", part="loss_total")
    assert explain(error).cause == "loss_total is NaN."
    assert explain(error).remedy == "Look at loss_total."


def test_cause_behind_another_error_is_found() -> None:
    error = ValueError("saving failed")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert explain(error).cause == "The disk is full."


def test_own_error_wins_over_what_caused_it() -> None:
    error = CheckpointError("The checkpoint is damaged.")
    error.__cause__ = FileNotFoundError(2, "x")
    assert explain(error).cause == "The checkpoint is damaged."


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [
        (-9, "killed by the system or by somebody"),
        (137, "killed by the system or by somebody"),
        (-11, "segmentation fault"),
        (0xC0000005, "segmentation fault"),
        (-15, "terminated from outside"),
        (3, "exit code 3"),
        (None, "left no reason"),
    ],
)
def test_death_is_explained_by_the_exit_code(exit_code: int | None, words: str) -> None:
    if exit_code is not None and exit_code < 0 and not hasattr(signal, "SIGKILL"):
        pytest.skip("this system has no such signal")
    cause, remedy = cause_of_death(exit_code, [], "")
    assert words in cause
    assert cause.endswith(".")
    assert remedy


def test_death_is_explained_by_the_log_without_an_exit_code() -> None:
    assert "disk is full" in cause_of_death(None, [], "OSError: [Errno 28] No space left on device\n")[0]
    assert "segmentation fault" in cause_of_death(None, [], "Fatal Python error: Segmentation fault\n")[0]
    assert "out of memory" in cause_of_death(1, [], "torch.OutOfMemoryError: CUDA out of memory\n")[0]


def test_death_tells_how_far_the_run_came() -> None:
    started = Started(pipeline="tiny", action="train")
    assert "(at step 7)" in cause_of_death(-9, [started, Progress(step=7, steps=9)], "")[0]
    assert "(during: Validation)" in cause_of_death(-9, [started, Phase(name="Validation")], "")[0]


def test_own_last_words_win_but_not_those_of_an_earlier_attempt() -> None:
    failed = Failed(type="X", message="m", cause="It broke.", remedy="Mend it.")
    started = Started(pipeline="tiny", action="train")
    assert cause_of_death(1, [started, failed], "") == ("It broke.", "Mend it.")
    assert "killed" in cause_of_death(-9, [started, failed, started], "")[0]
