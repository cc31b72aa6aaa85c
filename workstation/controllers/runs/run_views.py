"""From a `RunModel` to the records that screens draw; live and old runs go the same way."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np

from engines.contract.errors import WorkstationError
from engines.contract.events import Failed
from engines.contract.kinds import RunState, Severity
from engines.contract.messages import Message
from engines.contract.panels import PanelFile
from engines.contract.spec import MetricSpec, PipelineSpec
from workstation.runs.run_model import RunModel
from workstation.views.protocols.cards import Card
from workstation.views.protocols.runs import Curve, Frame, RunView, StripText

_LOG = logging.getLogger(__name__)
_VALIDATION = "val"


@dataclass
class PanelCache:
    """Panels of one run, read again only when their file changed."""

    _read: dict[str, tuple[float, PanelFile]] = field(default_factory=dict)

    def panels(self, model: RunModel) -> tuple[PanelFile, ...]:
        """Return the panels of a run, in the order of their names; a broken one is left out."""
        found = []
        for name in sorted(model.panels):
            path = model.folder.panels_dir / f"{name}.json"
            try:
                changed = path.stat().st_mtime
                known = self._read.get(str(path))
                if known is None or known[0] != changed:
                    known = (changed, PanelFile.read(path))
                    self._read[str(path)] = known
                found.append(known[1])
            except (OSError, WorkstationError) as error:
                _LOG.warning("Panel %s of %s cannot be drawn: %s", name, model.id, error)
        return tuple(found)


def run_view(model: RunModel, spec: PipelineSpec | None, panels: tuple[PanelFile, ...] = ()) -> RunView:
    """Return what a screen draws of a run."""
    return RunView(
        run_id=model.id,
        state=model.state,
        curves={
            key: Curve(series.steps.astype(np.float64), series.values, series.last_reason)
            for key, series in model.series.items()
        },
        metrics=spec.metrics if spec is not None else (),
        panel_specs=spec.panels if spec is not None else (),
        frames=tuple(
            Frame(step, item, name, path)
            for (item, name), shown in model.previews.items()
            for step, path in shown
        ),
        panels=panels,
        diagnoses=tuple(model.diagnoses),
        warnings=tuple(model.warnings),
        failure=failure_card(model) if model.state is RunState.FAILED else None,
        best=best_point(model, spec),
        patience=_patience(model, spec),
        folder=model.folder.path,
    )


def selecting_metric(model: RunModel, spec: PipelineSpec | None) -> MetricSpec | None:
    """Return the metric that chooses the best checkpoint, as the run tells it; None until it does."""
    told = model.selection.metric if model.selection is not None else model.summary.get("best_metric")
    return spec.metric(told) if spec is not None and isinstance(told, str) else None


def best_point(model: RunModel, spec: PipelineSpec | None) -> tuple[str, int, float | None] | None:
    """Return metric, step and value of the best checkpoint, or None while there is none."""
    checkpoint = model.best_checkpoint
    if checkpoint is None:
        return None
    metric = selecting_metric(model, spec)
    if metric is None:
        return "", checkpoint.step, None
    series = model.series.get((metric.key, _VALIDATION))
    if series is None:
        return metric.key, checkpoint.step, None
    at = np.flatnonzero(series.steps == checkpoint.step)
    value = float(series.values[at[-1]]) if at.size else None
    return metric.key, checkpoint.step, value if value is not None and np.isfinite(value) else None


def _patience(model: RunModel, spec: PipelineSpec | None) -> tuple[int, int] | None:
    best = best_point(model, spec)
    limit = model.request.settings.get("early_stopping_patience") if model.request is not None else None
    if best is None or not best[0] or not isinstance(limit, int) or limit <= 0:
        return None
    series = model.series.get((best[0], _VALIDATION))
    return (int((series.steps > best[1]).sum()), limit) if series is not None else None


def progress_of(model: RunModel) -> float | None:
    """Return 0 to 1, or None while the end is unknown."""
    return min(1.0, model.step / model.steps) if model.steps else None


def eta_of(model: RunModel) -> tuple[float, float] | None:
    """Return the shortest and longest time left in s, or None."""
    left = model.eta
    return (left.low_s, left.high_s) if left is not None else None


def failure_card(model: RunModel) -> Card | None:
    """Return the four lines about a failed run."""
    failure = model.failure
    if failure is None:
        return None
    at = failure.step or model.step
    what = (
        Message("The run {run} failed after step {step}.", {"run": model.id, "step": at})
        if at
        else Message("The run {run} failed before its first step.", {"run": model.id})
    )
    return Card(
        Severity.ERROR,
        what,
        _text(failure.cause or failure.message),
        _kept(model),
        _text(failure.remedy),
        _details(failure),
    )


def _kept(model: RunModel) -> Message:
    if model.checkpoints:
        step = max(point.step for point in model.checkpoints)
        return Message("The model of step {step}, and all your edits.", {"step": step})
    return Message("All your edits; the run had not saved a model yet.")


def _details(failure: Failed) -> str:
    return "\n".join(part for part in (f"{failure.type}: {failure.message}", failure.traceback) if part)


def _text(text: str) -> Message:
    """Return an English sentence of an engine as a message; it has no parameters left."""
    return Message(text)


def strip_text(model: RunModel, title: str, num_queued: int = 0) -> StripText:
    """Return the line of the strip about a run."""
    return StripText(
        run_id=model.id,
        title=title,
        state=model.state,
        progress=progress_of(model),
        eta_s=eta_of(model),
        stage=model.stage,
        num_queued=num_queued,
    )
