"""The Runs screen: every run of the project, and what can be done with the chosen one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.errors import WorkstationError
from engines.contract.evaluation import PAGE_NAME, EvaluationReport
from engines.contract.kinds import Action, OutputKind, RunState, Split
from engines.contract.messages import Message
from engines.contract.panels import PanelFile
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PipelineSpec
from workstation.controllers.command_line import evaluate_command
from workstation.controllers.runs.run_headers import RunHeader, RunHeaders
from workstation.controllers.runs.run_schedule import pipeline_title, schedule_of
from workstation.controllers.runs.run_views import PanelCache, run_view
from workstation.controllers.runs.sweep_views import line_titles, sweep_view
from workstation.controllers.training.train_verbs import resume_reason
from workstation.controllers.workbench import Workbench
from workstation.runs.run_model import RunModel
from workstation.runs.sweep_tables import SweepTables
from workstation.views.protocols.cards import Card
from workstation.views.protocols.runs import EvaluationView, RunRow, RunsView, RunVerbs

if TYPE_CHECKING:
    from workstation.project.project import Project
    from workstation.runs.sweep import SweepTable

REDRAW_MS = 150
MODEL_IN_USE = "model_in_use"
"""Project setting: run id by pipeline."""
PANEL_VIEWS = "panel_views"
"""Project setting: how panels were left, by run id and title."""


@dataclass(frozen=True)
class _Loaded:
    """A run read from its folder."""

    model: RunModel
    panels: tuple[PanelFile, ...]
    evaluation: EvaluationView | None
    log: str


def spec_of(pipeline: str) -> PipelineSpec | None:
    """Return the spec of a pipeline, or None when it is not installed here."""
    try:
        return load_spec(pipeline)
    except WorkstationError:
        return None


def model_in_use(project: Project, pipeline: str) -> str:
    """Return the id of the run whose model was chosen for a pipeline, or an empty text."""
    chosen = project.setting(MODEL_IN_USE, {})
    return str(chosen.get(pipeline, "")) if isinstance(chosen, dict) else ""


def load(path: Path) -> _Loaded:
    """Read everything the screen shows of a run; slow, so it is called on a thread."""
    model = RunModel.load(path)
    return _Loaded(
        model, PanelCache().panels(model), evaluation_view(model.folder), model.folder.read_log_tail()
    )


def evaluation_view(folder: RunFolder) -> EvaluationView | None:
    """Return the evaluation of a run folder, or None when it holds none that can be read."""
    if not folder.evaluation_path.exists():
        return None
    try:
        report = EvaluationReport.read(folder.evaluation_path)
    except WorkstationError:
        return None
    spec = spec_of(report.pipeline)
    try:
        subject_of = {item.id: item.subject for item in folder.read_manifest().items}
    except WorkstationError:
        subject_of = {}
    items = {str(line.get("item")) for line in report.per_item}
    num_subjects = len({subject_of.get(item, item) for item in items})
    page = folder.evaluation_path.with_name(PAGE_NAME)
    metrics = spec.metrics if spec is not None else ()
    return EvaluationView(report, metrics, num_subjects, page if page.is_file() else None)


def run_row(header: RunHeader, now: float, sweep: str = "") -> RunRow:
    """Return a line of the list."""
    spec = spec_of(header.pipeline)
    headline = None
    if spec is not None:
        candidates = (*spec.headline_metrics, *spec.metrics)
        metric = next((metric for metric in candidates if metric.key in header.values), None)
        if metric is not None:
            headline = (metric, header.values[metric.key])
    end = header.ended if header.state.is_over else now
    return RunRow(
        run_id=header.run_id,
        folder=header.folder,
        pipeline=header.pipeline,
        pipeline_title=pipeline_title(header.pipeline) if header.pipeline else "",
        action=header.action,
        phase=header.phase,
        state=header.state,
        started=header.started,
        duration_s=end - header.started if header.started is not None and end is not None else None,
        headline=headline,
        split_hash=header.split_hash,
        preset=header.preset,
        sweep=sweep,
    )


def comparison(first: RunHeader, second: RunHeader) -> Message:
    """Say what may be compared between two runs."""
    runs = {"a": first.run_id, "b": second.run_id}
    if first.pipeline != second.pipeline:
        return Message("A ({a}) and B ({b}) belong to different pipelines and cannot be compared.", runs)
    if first.split_hash != second.split_hash:
        return Message(
            "A ({a}) and B ({b}) have different splits, {first} and {second}: their means come from "
            "different subjects and are not ranked. The curves still show how each of them learned.",
            {**runs, "first": first.split_hash[:8] or "–", "second": second.split_hash[:8] or "–"},
        )
    shared = {**runs, "hash": first.split_hash[:8] or "–"}
    return Message("A ({a}) and B ({b}) share the split {hash}.", shared)


class RunsController(QObject):
    """Connects the project's runs to a `RunsView`.

    Signals
    -------
    verbs_changed
        What can be done now is another.
    selection_wanted : str
        The view should select a run.
    folder_requested : Path
        Somebody wants to see a folder.
    """

    verbs_changed = Signal()
    selection_wanted = Signal(str)
    folder_requested = Signal(object)

    def __init__(self, workbench: Workbench, view: RunsView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._view = view
        self._schedule = schedule_of(workbench)
        self._headers = RunHeaders()
        self._tables = SweepTables()
        self._sweeps: dict[str, SweepTable] = {}
        self._in_sweep: dict[str, tuple[str, str]] = {}
        self._by_id: dict[str, RunHeader] = {}
        self._chosen: list[str] = []
        self._loaded: dict[str, _Loaded] = {}
        self._panels: dict[str, PanelCache] = {}
        self._wanted = ""
        self.verbs = RunVerbs()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._draw)
        workbench.live_runs.changed.connect(self._on_live_changed)
        workbench.live_runs.ended.connect(self._on_live_ended)
        workbench.run_requested.connect(self.show_run)
        self._schedule.changed.connect(self.look)
        self._draw()
        self.look()

    # -- the list ------------------------------------------------------------------------------------

    def look(self) -> None:
        """Read the list again, on a thread."""
        project = self._workbench.project
        if project is None:
            return
        headers, tables = self._headers, self._tables
        self._workbench.background.submit(
            "runs.look",
            lambda: (headers.read(project.runs.folders()), tables.read(project.folder)),
            lambda found: self._on_headers(*found),
        )

    def show_run(self, run_id: str) -> None:
        """Select a run, now or once it is listed."""
        self._wanted = run_id
        if run_id in self._by_id:
            self._wanted = ""
            self.selection_wanted.emit(run_id)
        else:
            self.look()

    def choose(self, run_ids: Sequence[str]) -> None:
        """Show a run, and lay the curves of a second one over it."""
        self._chosen = list(run_ids)
        for run_id in self._chosen[:2]:
            self._load(run_id)
        self._draw()

    def _on_headers(self, headers: list[RunHeader], sweeps: dict[str, SweepTable]) -> None:
        self._sweeps, self._in_sweep = sweeps, line_titles(sweeps)
        self._by_id = {header.run_id: header for header in headers}
        now = time.time()
        none = ("", "")
        self._view.show_runs(
            [
                run_row(self._current(header), now, self._in_sweep.get(header.run_id, none)[1])
                for header in headers
            ]
        )
        project = self._workbench.project
        if project is not None:
            chosen = project.setting(MODEL_IN_USE, {})
            names = list(chosen.values()) if isinstance(chosen, dict) else []
            self._view.show_model_in_use(str(names[-1]) if names else "")
        self._chosen = [run_id for run_id in self._chosen if run_id in self._by_id]
        if self._wanted in self._by_id:
            self.show_run(self._wanted)
        elif not self._chosen and headers:
            self.selection_wanted.emit(headers[0].run_id)
        self._draw()

    def _current(self, header: RunHeader) -> RunHeader:
        """Return a header with the state that a live model knows better."""
        live = self._workbench.live_runs.get(header.run_id)
        if live is None:
            return header
        return replace(header, state=live.model.state)

    # -- the chosen run ------------------------------------------------------------------------------

    def _header(self) -> RunHeader | None:
        return self._by_id.get(self._chosen[0]) if self._chosen else None

    def _model(self, run_id: str) -> RunModel | None:
        live = self._workbench.live_runs.get(run_id)
        if live is not None:
            return live.model
        loaded = self._loaded.get(run_id)
        return loaded.model if loaded is not None else None

    def _load(self, run_id: str) -> None:
        header = self._by_id.get(run_id)
        if header is None:
            return
        known = self._loaded.get(run_id)
        if known is not None and known.model.state is header.state and header.state.is_over:
            return
        path = header.folder
        self._workbench.background.submit(f"runs.load.{run_id}", lambda: load(path), self._on_loaded)

    def _on_loaded(self, loaded: _Loaded) -> None:
        # Two old runs are kept: the chosen one and the one laid over it.
        keep = {run_id: self._loaded[run_id] for run_id in self._chosen[:2] if run_id in self._loaded}
        self._loaded = {**keep, loaded.model.id: loaded}
        self._draw()

    def _on_live_changed(self, run_id: str) -> None:
        if run_id in self._chosen[:2] and not self._timer.isActive():
            self._timer.start()

    def _on_live_ended(self, run_id: str) -> None:
        if run_id in self._chosen[:2]:
            self._load(run_id)
        self.look()

    def _draw(self) -> None:
        header = self._header()
        model = self._model(header.run_id) if header is not None else None
        loaded = self._loaded.get(header.run_id) if header is not None else None
        if header is None or model is None:
            self._view.show_run(None)
            self._view.show_evaluation(None)
            self._view.show_log("")
            self._view.show_sweep(None)
        else:
            self._view.show_run(self._view_of(model))
            self._view.show_evaluation(loaded.evaluation if loaded is not None else None)
            self._view.show_log(loaded.log if loaded is not None else "")
            name, _title = self._in_sweep.get(header.run_id, ("", ""))
            self._view.show_sweep(sweep_view(name, self._sweeps[name]) if name in self._sweeps else None)
        self._draw_comparison()
        self._judge_verbs()

    def _view_of(self, model: RunModel) -> Any:
        request = model.request
        spec = spec_of(request.pipeline) if request is not None else None
        cache = self._panels.setdefault(model.id, PanelCache())
        return replace(run_view(model, spec, cache.panels(model)), panel_views=self._panel_views(model.id))

    def _panel_views(self, run_id: str) -> dict[str, Any]:
        project = self._workbench.project
        found = project.setting(PANEL_VIEWS, {}) if project is not None else {}
        return dict(found.get(run_id, {})) if isinstance(found, dict) else {}

    def keep_panel_view(self, run_id: str, title: str, values: Mapping[str, Any]) -> None:
        """Remember how a panel is looked at; what belongs to runs that are gone is forgotten."""
        project = self._workbench.project
        if project is None:
            return
        stored = project.setting(PANEL_VIEWS, {})
        kept = {key: views for key, views in dict(stored).items() if key in self._by_id}
        own = {**kept.get(run_id, {}), title: dict(values)}
        project.set_setting(PANEL_VIEWS, {**kept, run_id: own})

    def _draw_comparison(self) -> None:
        if len(self._chosen) < 2:
            self._view.show_overlay(None)
            self._view.show_comparison(None)
            return
        if len(self._chosen) > 2:
            self._view.show_overlay(None)
            number = {"n": len(self._chosen)}
            self._view.show_comparison(Message("Two runs can be compared; {n} are selected.", number))
            return
        first, second = (self._by_id[run_id] for run_id in self._chosen)
        model = self._model(second.run_id)
        is_same = first.pipeline == second.pipeline
        self._view.show_overlay(self._view_of(model) if model is not None and is_same else None)
        self._view.show_comparison(comparison(first, second))

    # -- what can be done ----------------------------------------------------------------------------

    def use(self) -> None:
        """Take the model of the chosen run for new results."""
        project, header = self._workbench.project, self._header()
        if project is None or header is None or self.verbs.use is not None:
            return
        chosen = project.setting(MODEL_IN_USE, {})
        chosen = {key: value for key, value in dict(chosen).items() if key != header.pipeline}
        project.set_setting(MODEL_IN_USE, {**chosen, header.pipeline: header.run_id})
        self._view.show_model_in_use(header.run_id)
        self._workbench.note("The model of {run} is used from now on.", run=header.run_id)
        self._workbench.data_changed.emit()
        self._judge_verbs()

    def evaluate(self) -> None:
        """Score the model of the chosen run, as a new run."""
        header = self._header()
        if header is not None and self.verbs.evaluate is None:
            self._prepare(header, Action.EVALUATE)

    def repeat(self) -> None:
        """Start a new run with the settings of the chosen one."""
        header = self._header()
        if header is not None and self.verbs.repeat is None:
            self._prepare(header, Action(header.action))

    def resume(self) -> None:
        """Continue the chosen run."""
        header = self._header()
        if header is None or self.verbs.resume is not None:
            return
        try:
            self._schedule.resume(RunFolder(header.folder))
        except WorkstationError as error:
            self._workbench.post(Card.of_error(error))
            return
        self._loaded.pop(header.run_id, None)
        self.look()

    def discard(self) -> None:
        """Move the chosen run into the trash."""
        project, header = self._workbench.project, self._header()
        if project is None or header is None or self.verbs.discard is not None:
            return
        from workstation.runs.queue import discard

        folder = RunFolder(header.folder)
        self._schedule.forget(folder.id)
        self._workbench.background.submit(
            "runs.discard", lambda: discard(project, folder), self._on_discarded, self._on_refused
        )

    def compare(self) -> None:
        """Show what the chosen run registered beside the other results of that item."""
        header = self._header()
        spec = spec_of(header.pipeline) if header is not None else None
        item_id = self._compared_item(header, spec) if header is not None and spec is not None else ""
        if header is not None and item_id:
            self._workbench.set_item(item_id)
            self._workbench.request_compare(f"run:{header.run_id}")

    def open_folder(self) -> None:
        """Show the folder of the chosen run."""
        header = self._header()
        if header is not None:
            self.folder_requested.emit(header.folder)

    def _prepare(self, header: RunHeader, action: Action) -> None:
        project, spec = self._workbench.project, spec_of(header.pipeline)
        if project is None or spec is None:
            return
        folder = RunFolder(header.folder)
        is_evaluation_of_model = action is Action.EVALUATE and header.action == Action.TRAIN.value

        def prepare() -> RunFolder:
            from workstation.runs.launch import prepare_run

            if is_evaluation_of_model:
                has_sealed = any(item.split is Split.EVALUATION for item in project.items.all())
                split = Split.EVALUATION if has_sealed else Split.VAL
                command = evaluate_command(project.folder, spec, run_id=header.run_id, split=split.value)
                return prepare_run(
                    project, spec, action=action, base_run=folder, split=split, command=command
                )
            request = folder.read_request()
            base = folder.file_path(request.base_run) if request.base_run else None
            return prepare_run(
                project,
                spec,
                action=action,
                phase=request.phase,
                preset=request.preset,
                overrides=request.settings,
                base_run=base,
                items=None if action is Action.TRAIN else [item.id for item in folder.read_manifest().items],
                command=request.command,
            )

        self._workbench.background.submit("runs.prepare", prepare, self._on_prepared, self._on_refused)

    def _on_prepared(self, folder: RunFolder) -> None:
        self._wanted = folder.id
        self._schedule.start(folder)
        self.look()

    def _on_refused(self, error: BaseException) -> None:
        assert isinstance(error, WorkstationError)
        self._workbench.post(Card.of_error(error))

    def _on_discarded(self, folder: Path) -> None:
        self._chosen = []
        self._workbench.note("The run {run} lies in the trash folder of the project.", run=folder.name)
        self.look()

    def _judge_verbs(self) -> None:
        verbs = self._judged()
        self._view.show_verbs(verbs)
        if verbs != self.verbs:
            self.verbs = verbs
            self.verbs_changed.emit()

    def _judged(self) -> RunVerbs:
        header = self._header()
        if header is None:
            none = Message("Choose a run first.")
            return RunVerbs(none, none, none, none, none, none, none)
        header = self._current(header)
        spec = spec_of(header.pipeline)
        model = self._model(header.run_id)
        if spec is None:
            missing = Message("The pipeline {key} is not installed here.", {"key": header.pipeline})
            is_over = header.state.is_over
            discard = None if is_over else Message("Stop the run first.")
            return RunVerbs(missing, missing, missing, missing, discard, None, missing)
        no_model = self._no_model_reason(header)
        is_over = header.state.is_over
        return RunVerbs(
            use=no_model,
            evaluate=no_model,
            resume=self._resume_reason(header, model),
            repeat=None if is_over else Message("The run is under way."),
            discard=None if is_over or header.state is RunState.QUEUED else Message("Stop the run first."),
            compare=None if self._compared_item(header, spec) else Message("The run registered no item."),
        )

    def _compared_item(self, header: RunHeader, spec: PipelineSpec) -> str:
        """Return the item of a run's transforms that is looked at: the current one, else the first."""
        role = next((output.role for output in spec.outputs if output.kind is OutputKind.TRANSFORM), "")
        if header.action != Action.PREDICT.value or not role:
            return ""
        folder = RunFolder(header.folder).outputs_dir / role
        if (folder / f"{self._workbench.item_id}.json").is_file():
            return self._workbench.item_id
        return min((path.stem for path in folder.glob("*.json")), default="")

    @staticmethod
    def _no_model_reason(header: RunHeader) -> Message | None:
        if header.action not in (Action.TRAIN, Action.IMPORT_WEIGHTS):
            return Message("Only a training run has a model.")
        if not any(RunFolder(header.folder).checkpoints_dir.glob("*/weights.safetensors")):
            return Message("The run has not saved a model.")
        return None

    @staticmethod
    def _resume_reason(header: RunHeader, model: RunModel | None) -> Message | None:
        if header.action != Action.TRAIN.value:
            return Message("Only a training run can be continued; repeat this one.")
        return resume_reason(header.state, model)

    def close(self) -> None:
        """Let go of the window's signals."""
        self._timer.stop()
        self._workbench.live_runs.changed.disconnect(self._on_live_changed)
        self._workbench.live_runs.ended.disconnect(self._on_live_ended)
        self._workbench.run_requested.disconnect(self.show_run)
        self._schedule.changed.disconnect(self.look)
