"""What can be done on the Train screen now, and for the rest why not."""

from __future__ import annotations

from dataclasses import dataclass

from engines.contract.errors import PreconditionError
from engines.contract.kinds import RunState
from engines.contract.messages import Message
from workstation.runs.run_model import RunModel
from workstation.views.protocols.runs import Verbs

_NO_RUN = Message("This phase has no run yet.")


@dataclass(frozen=True)
class Situation:
    """Everything that decides what can be done.

    Parameters
    ----------
    model : RunModel or None
        The run of the chosen phase.
    is_surveyed : bool
        Whether the project was looked at.
    lock : PreconditionError or None
        What the phase lacks.
    problem : str
        What is wrong with the settings; empty when nothing is.
    is_preparing : bool
        Whether a new run is being prepared.
    """

    model: RunModel | None
    has_project: bool
    has_phase: bool
    is_surveyed: bool
    lock: PreconditionError | None
    problem: str
    is_preparing: bool


def judge(now: Situation) -> Verbs:
    """Return the reason why each verb is off, or None where it is on."""
    model = now.model
    if model is None:
        return Verbs(
            start=_start_reason(now, is_live=False),
            pause=_NO_RUN,
            proceed=Message("The run is not paused."),
            stop=_NO_RUN,
            discard=_NO_RUN,
            resume=_NO_RUN,
        )
    state = model.state
    is_live = not state.is_over
    can_stop = state in (RunState.STARTING, RunState.RUNNING, RunState.PAUSED)
    return Verbs(
        start=_start_reason(now, is_live=is_live),
        pause=None if state is RunState.RUNNING else Message("Only a running run can be paused."),
        proceed=None if state is RunState.PAUSED else Message("The run is not paused."),
        stop=None if can_stop else Message("Only a running run can be stopped."),
        discard=Message("Stop the run first.") if is_live else None,
        resume=resume_reason(model.state, model),
    )


def _start_reason(now: Situation, *, is_live: bool) -> Message | None:
    if not now.has_project:
        return Message("Open a project first.")
    if not now.has_phase:
        return Message("Choose a pipeline first.")
    if not now.is_surveyed:
        return Message("Looking at the project…")
    if now.is_preparing:
        return Message("The run is being prepared…")
    if now.lock is not None:
        return now.lock.advice
    if now.problem:
        return Message("A setting is wrong: {problem}", {"problem": now.problem})
    if is_live:
        return Message("A run of this phase is under way.")
    return None


def resume_reason(state: RunState, model: RunModel | None) -> Message | None:
    """Return why a training run cannot be continued, or None when it can."""
    if state is RunState.FINISHED:
        return Message("The run reached its end.")
    if state not in (RunState.STOPPED, RunState.FAILED):
        return Message("The run is under way.")
    if model is None or not model.checkpoints:
        return Message("The run has saved nothing to continue from; start it again.")
    return None
