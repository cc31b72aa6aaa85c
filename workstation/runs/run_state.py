"""Which state of a run may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.contract.kinds import RunState

TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.STARTING, RunState.RUNNING, RunState.STOPPED, RunState.FAILED}),
    RunState.STARTING: frozenset(
        {RunState.RUNNING, RunState.STOPPING, RunState.STOPPED, RunState.FINISHED, RunState.FAILED}
    ),
    RunState.RUNNING: frozenset(
        {RunState.PAUSED, RunState.STOPPING, RunState.STOPPED, RunState.FINISHED, RunState.FAILED}
    ),
    RunState.PAUSED: frozenset(
        {RunState.RUNNING, RunState.STOPPING, RunState.STOPPED, RunState.FINISHED, RunState.FAILED}
    ),
    # A run that is asked to stop may still reach its end by itself.
    RunState.STOPPING: frozenset({RunState.STOPPED, RunState.FINISHED, RunState.FAILED}),
    # Resuming starts an ended run again.
    RunState.FINISHED: frozenset({RunState.QUEUED, RunState.STARTING}),
    RunState.STOPPED: frozenset({RunState.QUEUED, RunState.STARTING}),
    RunState.FAILED: frozenset({RunState.QUEUED, RunState.STARTING}),
}
"""Allowed next states."""


def may_follow(new: RunState, old: RunState) -> bool:
    """Tell whether `new` may come right after `old`."""
    return new in TRANSITIONS[old]


def state_of_summary(summary: Mapping[str, Any] | None) -> RunState | None:
    """Return the final state that a summary tells, or None when there is none or it tells none."""
    if summary is None:
        return None
    try:
        state = RunState(str(summary.get("state")))
    except ValueError:
        return None
    return state if state.is_over else None
