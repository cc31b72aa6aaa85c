"""The cards of the phases: what each is for, how its run goes, what locks it and what opens the lock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engines.contract.kinds import AnnotationKind, RunState
from engines.contract.spec import PhaseSpec, PipelineSpec
from workstation.controllers.live_runs import LiveRun
from workstation.controllers.run_headers import RunHeader
from workstation.controllers.run_views import eta_of, progress_of
from workstation.controllers.train_survey import Survey
from workstation.views.run_protocols import GateValue, PhaseCard

if TYPE_CHECKING:
    from workstation.runs.preconditions import Readiness

IMPORT = "import"
"""Way out of a lock: import files."""
PHASE = "phase:"
"""Way out of a lock: train the phase whose key follows."""
_DRAWN_ON = {AnnotationKind.KEYPOINT_PAIRS: "pairs", AnnotationKind.LABEL_MAP: "volume"}
"""Screens on which annotations are made."""
_HAS_MODEL = (RunState.FINISHED, RunState.STOPPED)


def phase_card(
    spec: PipelineSpec, phase: PhaseSpec, survey: Survey | None, live: LiveRun | None
) -> PhaseCard:
    """Return the card of a phase.

    Parameters
    ----------
    spec : PipelineSpec
    phase : PhaseSpec
    survey : Survey or None
        None until the project was looked at.
    live : LiveRun or None
        The run of the phase when it is followed.
    """
    card = PhaseCard(phase.key, phase.title, phase.purpose)
    ready = survey.readiness.get(phase.key) if survey else None
    if survey is not None and ready is not None and ready.problem is not None:
        card = replace(card, locked_because=ready.problem.advice, fix=_way_out(phase, ready, survey))
    header = survey.newest.get(phase.key) if survey else None
    if live is not None:
        model = live.model
        card = replace(
            card,
            state=model.state,
            progress=progress_of(model),
            eta_s=eta_of(model),
            stage=model.stage,
            run_id=model.id,
        )
    elif header is not None:
        card = replace(card, state=header.state, run_id=header.run_id)
    return replace(card, gate=_gate(spec, phase, header))


def _way_out(phase: PhaseSpec, ready: Readiness, survey: Survey) -> str:
    """Return where a lock can be opened: a screen, `IMPORT`, or `PHASE` with a key."""
    if ready.num_ready < ready.num_needed:
        return _DRAWN_ON.get(phase.needs.annotation, IMPORT) if phase.needs.annotation else IMPORT
    newest = survey.newest
    missing = (key for key in phase.needs.phases if key not in newest or newest[key].state not in _HAS_MODEL)
    return f"{PHASE}{next(missing, '')}"


def _gate(spec: PipelineSpec, phase: PhaseSpec, header: RunHeader | None) -> GateValue | None:
    if phase.gate is None or header is None:
        return None
    metric = spec.metric(phase.gate.metric)
    if metric is None:
        return None
    return GateValue(metric, phase.gate.value, header.values.get(metric.key))
