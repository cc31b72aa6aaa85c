"""The cards of the phases: what each is for, how its run goes, what locks it and what opens the lock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engines.contract.kinds import AnnotationKind, RunState
from engines.contract.spec import PhaseSpec, PipelineSpec
from workstation.controllers.runs.live_runs import LiveRun
from workstation.controllers.runs.run_headers import RunHeader
from workstation.controllers.runs.run_views import eta_of, progress_of
from workstation.controllers.training.train_survey import Survey
from workstation.runs.sweep import values_at_best
from workstation.views.protocols.runs import GateValue, PhaseCard

if TYPE_CHECKING:
    from workstation.runs.preconditions import Readiness

IMPORT = "import"
"""Way out of a lock: import files."""
PHASE = "phase:"
"""Way out of a lock: train the phase whose key follows."""
SETTING = "setting:"
"""Way out of a lock: phase, setting and value follow, between colons."""
_DRAWN_ON = {AnnotationKind.KEYPOINT_PAIRS: "pairs", AnnotationKind.LABEL_MAP: "volume"}
"""Screens on which annotations are made."""
_HAS_MODEL = (RunState.FINISHED, RunState.STOPPED)


def phase_card(
    spec: PipelineSpec,
    phase: PhaseSpec,
    survey: Survey | None,
    live: LiveRun | None,
    base: RunHeader | None = None,
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
    base : RunHeader or None
        The model that the phase would start from.
    """
    card = PhaseCard(phase.key, phase.title, phase.purpose)
    ready = survey.readiness.get(phase.key) if survey else None
    if survey is not None and ready is not None and ready.problem is not None:
        ways = tuple(
            (f"{SETTING}{phase.key}:{other.setting}:{other.value}", other.title) for other in ready.ways
        )
        card = replace(
            card, locked_because=ready.problem.message, fix=_way_out(phase, ready, survey), ways=ways
        )
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
    if card.state is None and base is not None:
        card = replace(card, base_gate=gate_of(spec, base))
    return replace(card, gate=_gate(spec, phase, header, live))


def _way_out(phase: PhaseSpec, ready: Readiness, survey: Survey) -> str:
    """Return where a lock can be opened: a screen, `IMPORT`, or `PHASE` with a key."""
    newest = survey.newest
    missing = [key for key in phase.needs.phases if key not in newest or newest[key].state not in _HAS_MODEL]
    if missing or ready.num_ready >= ready.num_needed:
        return f"{PHASE}{next(iter(missing), '')}"
    return _DRAWN_ON.get(phase.needs.annotation, IMPORT) if phase.needs.annotation else IMPORT


def gate_of(spec: PipelineSpec, header: RunHeader) -> GateValue | None:
    """Return what a training run reached of the gate of its phase; None where there is none."""
    phase = next((phase for phase in spec.phases if phase.key == header.phase), None)
    return None if phase is None else _gate(spec, phase, header, None)


def _gate(
    spec: PipelineSpec, phase: PhaseSpec, header: RunHeader | None, live: LiveRun | None
) -> GateValue | None:
    metric = spec.metric(phase.gate.metric) if phase.gate is not None else None
    if phase.gate is None or metric is None or (header is None and live is None):
        return None
    if live is not None:
        value = values_at_best(live.model, (metric,)).get(metric.key)
    else:
        assert header is not None
        value = header.reached(metric.key)
    return GateValue(metric, phase.gate.value, value)
