"""Which run stands for a phase on the Train screen: a live one, else the newest."""

from __future__ import annotations

from pathlib import Path

from engines.contract.kinds import Action
from engines.contract.spec import PipelineSpec
from workstation.controllers.runs.live_runs import LiveRun, LiveRuns
from workstation.controllers.training.train_survey import Survey
from workstation.runs.run_model import RunModel


class PhaseRuns:
    """Finds the runs of a pipeline's phases, followed or read from their folders.

    Attributes
    ----------
    spec : PipelineSpec or None
    survey : Survey or None
        None until the project was looked at.
    """

    def __init__(self, live_runs: LiveRuns, spec: PipelineSpec | None) -> None:
        self._live_runs = live_runs
        self._old_models: dict[str, RunModel] = {}
        self.spec = spec
        self.survey: Survey | None = None

    def run_id(self, phase: str) -> str:
        """Return the run that stands for a phase, or an empty text."""
        spec = self.spec
        for live in reversed(self._live_runs.live()):
            request = live.model.request
            if (
                spec is not None
                and request is not None
                and (request.pipeline, request.action, request.phase) == (spec.key, Action.TRAIN, phase)
            ):
                return live.id
        header = self.survey.newest.get(phase) if self.survey else None
        return header.run_id if header is not None else ""

    def live(self, phase: str) -> LiveRun | None:
        """Return the run of a phase when it is followed; it may be over."""
        run_id = self.run_id(phase)
        return self._live_runs.get(run_id) if run_id else None

    def model(self, phase: str) -> RunModel | None:
        """Return what is known about the run of a phase; None until it was read."""
        live = self.live(phase)
        return live.model if live is not None else self._old_models.get(self.run_id(phase))

    def unread(self, phase: str) -> Path | None:
        """Return the folder of a phase's run when nobody follows it and its state is another than read."""
        header = self.survey.newest.get(phase) if self.survey else None
        if header is None or header.run_id != self.run_id(phase) or self.live(phase) is not None:
            return None
        known = self._old_models.get(header.run_id)
        return header.folder if known is None or known.state is not header.state else None

    def keep(self, model: RunModel) -> None:
        """Keep a run that was read; only one is kept."""
        self._old_models = {model.id: model}

    def forget(self) -> None:
        """Forget the run that was read."""
        self._old_models = {}
