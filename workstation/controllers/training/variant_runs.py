"""Short trainings of a phase that differ in one choice: started one after another, put side by side.

What differs is told by the pipeline; no pipeline is known by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Action, Severity
from engines.contract.messages import Message
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PhaseSpec, PipelineSpec
from workstation.controllers.command_line import variants_command
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.workbench import Workbench
from workstation.runs.run_model import RunModel
from workstation.views.protocols.cards import NOTHING, Card, CardButton

if TYPE_CHECKING:
    from workstation.runs.sweep import SweepTable, Trial

SEED = 0


class VariantRuns(QObject):
    """Starts the variants of a phase and tells how they went.

    Parameters
    ----------
    workbench : Workbench
    """

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._schedule = schedule_of(workbench)
        self._spec: PipelineSpec | None = None
        self._phase: PhaseSpec | None = None
        self._preset = self._command = ""
        self._is_preparing = False
        self._trials: dict[str, Trial] = {}
        """By the id of the run that tries it."""
        self._folders: dict[str, Path] = {}
        self._waiting: set[str] = set()
        workbench.live_runs.ended.connect(self._on_ended)

    @property
    def is_busy(self) -> bool:
        """Whether a comparison is under way."""
        return self._is_preparing or bool(self._waiting)

    def start(
        self,
        spec: PipelineSpec,
        phase: PhaseSpec,
        preset: str,
        overrides: Mapping[str, Any],
        base: str,
    ) -> None:
        """Prepare every variant on a thread, and queue them.

        Parameters
        ----------
        spec : PipelineSpec
        phase : PhaseSpec
            With variants.
        preset : str
        overrides : mapping
            What was changed in the form; a variant's own settings win.
        base : str
            Run to start from; empty for the newest of the phase before.
        """
        project, variants = self._workbench.project, phase.variants
        if project is None or variants is None or self.is_busy:
            return
        self._spec, self._phase, self._preset = spec, phase, preset
        command = self._command = variants_command(
            project.folder, spec, phase=phase.key, preset=preset, overrides=overrides, base_run=base
        )
        self._is_preparing = True

        def prepare() -> list[tuple[Trial, RunFolder]]:
            from workstation.runs.launch import prepare_run
            from workstation.runs.sweep import plan_variants

            base_run = RunFolder(project.runs.folder(base)) if base else None
            return [
                (
                    trial,
                    prepare_run(
                        project,
                        spec,
                        action=Action.TRAIN,
                        phase=phase.key,
                        preset=preset,
                        overrides=trial.overrides(overrides),
                        base_run=base_run,
                        command=command,
                    ),
                )
                for trial in plan_variants(variants, [SEED])
            ]

        self._workbench.background.submit("train.variants", prepare, self._on_prepared, self._on_refused)

    def _on_prepared(self, prepared: list[tuple[Trial, RunFolder]]) -> None:
        self._is_preparing = False
        self._trials = {folder.id: trial for trial, folder in prepared}
        self._folders = {folder.id: folder.path for _, folder in prepared}
        self._waiting = set(self._trials)
        self._workbench.note("{n} short trainings were queued, one after another.", n=len(prepared))
        for _, folder in prepared:
            self._schedule.start(folder)

    def _on_refused(self, error: BaseException) -> None:
        self._is_preparing = False
        assert isinstance(error, WorkstationError)
        self._workbench.post(Card.of_error(error))

    def _on_ended(self, run_id: str) -> None:
        if run_id not in self._waiting:
            return
        self._waiting.discard(run_id)
        project, spec, phase = self._workbench.project, self._spec, self._phase
        if self._waiting or project is None or spec is None or phase is None:
            return
        trials, folders = dict(self._trials), dict(self._folders)
        preset, command = self._preset, self._command
        root = project.folder / "sweeps"

        def table() -> tuple[SweepTable, Path]:
            from workstation.runs.sweep import SweepTable, line_of, new_folder

            made = SweepTable(spec.key, phase.key, preset, command)
            for name, trial in trials.items():
                model = RunModel.load(folders[name])
                made.split_hash = model.folder.read_manifest().split_hash
                made.lines.append(line_of(trial, model, spec))
            target = new_folder(root)
            made.write(target)
            return made, target

        self._workbench.background.submit("train.variants.table", table, self._on_table, self._on_refused)

    def _on_table(self, found: tuple[SweepTable, Path]) -> None:
        table, target = found
        spec, phase = self._spec, self._phase
        assert spec is not None
        assert phase is not None
        assert phase.variants is not None
        metric = next((one for one in spec.headline_metrics if one.key in table.metric_keys), None)
        lines = [line for line in table.lines if metric and line.metrics.get(metric.key) is not None]
        if metric is not None:
            sign = -1.0 if metric.higher_is_better else 1.0
            lines.sort(key=lambda line: sign * float(line.metrics[metric.key] or 0.0))
        values = "; ".join(
            f"{line.value} {line.metrics[metric.key]:.4g} {metric.unit}".rstrip() for line in lines if metric
        )
        show = CardButton("Show", partial(self._workbench.request_run, lines[0].run)) if lines else None
        measured = (
            Message("{metric}, best first: {values}.", _words(metric.label, values)) if metric else NOTHING
        )
        self._workbench.post(
            Card(
                Severity.NOTE,
                Message("{title}: finished.", {"title": Message(phase.variants.title)}),
                measured,
                Message("The table lies in {folder}.", {"folder": f"{target.parent.name}/{target.name}"}),
                buttons=(show,) if show is not None else (),
            )
        )


def _words(label: str, values: str) -> dict[str, object]:
    return {"metric": Message(label), "values": values}
