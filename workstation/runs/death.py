"""Why a run ended without saying so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engines.contract.events import Event, Failed
from engines.contract.failure import cause_of_death
from engines.contract.kinds import RunState
from engines.contract.run_folder import RunFolder


def derived_failure(folder: RunFolder, events: Sequence[Event] = (), exit_code: int | None = None) -> Failed:
    """Return the failure of a run whose process is gone and that wrote no summary.

    Parameters
    ----------
    folder : RunFolder
    events : sequence of Event
        The last ones of the run.
    exit_code : int or None
        Exit status when this program started the engine; a negative number is a signal.
    """
    tail = folder.read_log_tail()
    cause, remedy = cause_of_death(exit_code, events, tail)
    return Failed(
        type="ProcessDied",
        message="The engine ended without a word.",
        cause=cause,
        remedy=remedy,
        traceback=tail,
    )


def write_failure(folder: RunFolder, failure: Failed) -> None:
    """Keep a derived failure as the run's summary, so that it is named the same ever after."""
    folder.write_summary(RunState.FAILED, {**failure.model_dump(exclude={"event"}), "is_derived": True})


def failure_of_summary(summary: dict[str, Any]) -> Failed:
    """Return the failure that a summary of state `failed` tells of."""
    message = str(summary.get("message") or summary.get("cause") or "The run failed.")
    known = {"type": str(summary.get("type") or "Failed"), "message": message}
    for key in ("cause", "remedy", "traceback"):
        known[key] = str(summary.get(key) or "")
    known["cause"] = known["cause"] or message
    time = summary.get("time")
    return Failed(**known, **({"time": float(time)} if isinstance(time, int | float) else {}))
