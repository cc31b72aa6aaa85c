"""The Train screen: what can be trained, with which settings, and what the run of a phase is doing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.errors import ConfigError, WorkstationError
from engines.contract.kinds import Action, RunState, Split
from engines.contract.manifest import hash_of_split
from engines.contract.messages import Message
from engines.contract.presets import training_config
from engines.contract.registry import all_specs, config_class
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PhaseSpec, PipelineSpec
from workstation.controllers.command_line import train_command
from workstation.controllers.run_headers import RunHeader, RunHeaders
from workstation.controllers.run_schedule import schedule_of
from workstation.controllers.run_views import PanelCache, eta_of, progress_of, run_view
from workstation.controllers.workbench import Workbench
from workstation.runs.run_model import RunModel
from workstation.views.protocols import Card
from workstation.views.run_protocols import DataSummary, GateValue, PhaseCard, PipelineRow, TrainView, Verbs

if TYPE_CHECKING:
    from workstation.project.items import Item
    from workstation.project.project import Project
    from workstation.runs.preconditions import Readiness

REDRAW_MS = 100
IMPORT = "import"
PHASE = "phase:"
_IDLE_STATES = (RunState.STOPPED, RunState.FAILED)


@dataclass(frozen=True)
class _Survey:
    """What a look at the project found, for one pipeline."""

    readiness: Mapping[str, Readiness]
    data: Mapping[str, DataSummary]
    newest: Mapping[str, RunHeader]
    """Newest training run of each phase."""


def survey(project: Project, spec: PipelineSpec, headers: RunHeaders) -> _Survey:
    """Look at items and runs; slow on large projects, so it is called on a thread."""
    from workstation.runs.preconditions import readiness

    items = project.items.all()
    newest: dict[str, RunHeader] = {}
    for header in headers.read(project.runs.folders()):
        if header.pipeline == spec.key and header.action == Action.TRAIN.value:
            newest.setdefault(header.phase, header)
    return _Survey(
        {phase.key: readiness(project, spec, phase) for phase in spec.phases},
        {phase.key: summarise(items, spec, phase) for phase in spec.phases},
        newest,
    )


def summarise(items: Sequence[Item], spec: PipelineSpec, phase: PhaseSpec) -> DataSummary:
    """Count the items that a phase can learn from, and those that training leaves out."""
    usable = [item for item in items if item.kind in spec.item_kinds and item.has(*phase.needs.roles)]
    sealed = (Split.TEST, Split.EVALUATION)
    counts: Counter[str] = Counter()
    subjects: dict[str, set[str]] = {}
    learned = [item for item in usable if item.split not in sealed]
    for item in learned:
        key = item.split.value if item.split else ""
        counts[key] += 1
        subjects.setdefault(key, set()).add(item.subject)
    return DataSummary(
        subjects={key: len(names) for key, names in subjects.items()},
        items=dict(counts),
        num_sealed_items=sum(item.split in sealed for item in items if item.kind in spec.item_kinds),
        # As in the manifest of a run, so that the two can be compared by eye.
        split_hash=hash_of_split((item.subject, item.split.value) for item in learned if item.split),
    )


class TrainController(QObject):
    """Connects project and runs to a `TrainView`.

    Signals
    -------
    verbs_changed
        What can be done now is another.
    import_requested
        A lock can be opened by importing files.
    """

    verbs_changed = Signal()
    import_requested = Signal()

    def __init__(self, workbench: Workbench, view: TrainView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._view = view
        self._schedule = schedule_of(workbench)
        self._headers = RunHeaders()
        self._specs = all_specs()
        self._spec: PipelineSpec | None = self._specs[0] if self._specs else None
        self._phase = self._spec.phases[0].key if self._spec and self._spec.phases else ""
        self._preset = ""
        self._values: dict[str, Any] = {}
        self._problem = ""
        self._survey: _Survey | None = None
        self._old_models: dict[str, RunModel] = {}
        self._panels: dict[str, PanelCache] = {}
        self._shown_revision: tuple[str, int, RunState] | None = None
        self._is_preparing = False
        self._is_touched = False
        """Whether a person changed the form since the phase was chosen."""
        self._is_shown = False
        self.verbs = Verbs()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._draw_run)
        workbench.data_changed.connect(self.look)
        workbench.live_runs.changed.connect(self._on_live_changed)
        workbench.live_runs.ended.connect(self._on_live_ended)
        self._schedule.changed.connect(self.look)
        self._schedule.watchers.append(self._watches)
        self._show_pipelines()
        self._show_form()
        self._draw_cards()
        self.look()

    # -- what is chosen ------------------------------------------------------------------------------

    @property
    def phase(self) -> str:
        """Key of the chosen phase."""
        return self._phase

    @property
    def model(self) -> RunModel | None:
        """The run of the chosen phase: a live one, else the newest."""
        run_id = self._run_id(self._phase)
        live = self._workbench.live_runs.get(run_id) if run_id else None
        return live.model if live is not None else self._old_models.get(run_id)

    def choose_pipeline(self, key: str) -> None:
        """Show another pipeline."""
        spec = next((spec for spec in self._specs if spec.key == key), None)
        if spec is None or spec is self._spec:
            return
        self._spec, self._survey, self._preset = spec, None, ""
        self._is_touched = False
        self._phase = spec.phases[0].key if spec.phases else ""
        self._show_pipelines()
        self._show_form()
        self._draw_cards()
        self.look()

    def choose_phase(self, key: str) -> None:
        """Choose a phase."""
        if key == self._phase or self._spec is None:
            return
        self._phase, self._preset, self._is_touched = key, "", False
        self._show_form()
        self._load_old_model()
        self._draw_cards()
        self._draw_run()

    def choose_preset(self, name: str) -> None:
        """Fill the form with the values of a preset."""
        self._preset, self._is_touched = name, True
        self._show_form()
        self._draw_cards()

    def set_settings(self, values: Mapping[str, Any], problem: str) -> None:
        """Take what the form holds; `problem` says what is wrong with it."""
        self._values, self._problem = dict(values), problem
        self._is_touched = True
        self._show_command()
        self._judge_verbs()

    # -- what can be done ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the chosen phase as a new run."""
        project, spec = self._workbench.project, self._spec
        if project is None or spec is None or self.verbs.start is not None:
            return
        phase, preset, overrides, command = self._phase, self._preset, self.overrides(), self._command()

        def prepare() -> RunFolder:
            from workstation.runs.launch import prepare_run

            return prepare_run(
                project,
                spec,
                action=Action.TRAIN,
                phase=phase,
                preset=preset,
                overrides=overrides,
                command=command,
            )

        self._is_preparing = True
        self._judge_verbs()
        self._workbench.background.submit("train.start", prepare, self._on_prepared, self._on_refused)

    def pause(self) -> None:
        """Let the run wait after its step."""
        live = self._live()
        if live is not None:
            live.thread_of_run.pause()

    def proceed(self) -> None:
        """Let a paused run go on."""
        live = self._live()
        if live is not None:
            live.thread_of_run.resume()

    def stop(self) -> None:
        """End the run after its step; everything is kept."""
        live = self._live()
        if live is not None:
            live.thread_of_run.request_stop()

    def resume(self) -> None:
        """Continue the run that was stopped or failed."""
        model = self.model
        if model is None or self.verbs.resume is not None:
            return
        try:
            self._schedule.resume(model.folder)
        except WorkstationError as error:
            self._workbench.post(Card.of_error(error))
            return
        self._old_models.pop(model.id, None)
        self._draw_run()

    def discard(self) -> None:
        """Move the run into the trash."""
        project, model = self._workbench.project, self.model
        if project is None or model is None or self.verbs.discard is not None:
            return
        from workstation.runs.queue import discard

        folder = model.folder
        self._schedule.forget(folder.id)
        self._workbench.background.submit(
            "train.discard", lambda: discard(project, folder), self._on_discarded, self._on_refused
        )

    def apply_remedy(self, patch: Mapping[str, Any]) -> None:
        """Start again with the settings of the shown run and a remedy's changes to them."""
        self._adopt_settings(self.model, patch)
        self.start()

    def fix(self, where: str) -> None:
        """Go where a lock can be opened: a screen, the import of files, or an earlier phase."""
        if where == IMPORT:
            self.import_requested.emit()
        elif where.startswith(PHASE):
            self.choose_phase(where.removeprefix(PHASE))
        else:
            self._workbench.screen_requested.emit(where)

    def overrides(self) -> dict[str, Any]:
        """Return the settings that differ from the preset."""
        base = self._preset_values()
        return {key: value for key, value in self._values.items() if value != base.get(key)}

    # -- looking -------------------------------------------------------------------------------------

    def set_shown(self, is_shown: bool) -> None:
        """Take note whether the screen is the one on show."""
        self._is_shown = is_shown
        if is_shown:
            self.look()

    def _watches(self, run_id: str) -> bool:
        return self._is_shown and run_id == self._run_id(self._phase)

    def look(self) -> None:
        """Look at the project again, on a thread."""
        project, spec = self._workbench.project, self._spec
        if project is None or spec is None:
            return
        headers = self._headers
        self._workbench.background.submit(
            "train.look", lambda: survey(project, spec, headers), self._on_survey
        )

    def _on_survey(self, found: _Survey) -> None:
        self._survey = found
        live = self._live()
        if live is not None:
            self._adopt_once(live.model)
        self._load_old_model()
        self._draw_cards()
        self._draw_run()

    def _run_id(self, phase: str) -> str:
        """Return the run that stands for a phase: a live one, else the newest."""
        spec = self._spec
        for live in reversed(self._workbench.live_runs.live()):
            request = live.model.request
            if (
                spec is not None
                and request is not None
                and (request.pipeline, request.action, request.phase) == (spec.key, Action.TRAIN, phase)
            ):
                return live.id
        header = self._survey.newest.get(phase) if self._survey else None
        return header.run_id if header is not None else ""

    def _live(self) -> Any:
        model = self.model
        return self._workbench.live_runs.get(model.id) if model is not None else None

    def _adopt_settings(self, model: RunModel | None, patch: Mapping[str, Any] | None = None) -> None:
        """Write the settings of a run, and changes to them, into the form."""
        request = model.request if model is not None else None
        if request is not None and self._spec is not None and request.preset in self._spec.presets:
            self._preset = request.preset
            self._show_form()
        wanted = {**(request.settings if request is not None else {}), **(patch or {})}
        base = self._preset_values()
        changed = {key: value for key, value in wanted.items() if key in base and value != base[key]}
        if changed:
            self._view.set_values(changed)

    def _load_old_model(self) -> None:
        """Read the newest run of the phase when nobody follows it."""
        run_id = self._run_id(self._phase)
        if not run_id or self._survey is None or self._workbench.live_runs.get(run_id) is not None:
            return
        header = self._survey.newest.get(self._phase)
        known = self._old_models.get(run_id)
        if header is None or (known is not None and known.state == header.state):
            return
        path = header.folder
        self._workbench.background.submit("train.load", lambda: RunModel.load(path), self._on_loaded)

    def _on_loaded(self, model: RunModel) -> None:
        self._old_models = {model.id: model}
        self._adopt_once(model)
        self._draw_cards()
        self._draw_run()

    def _adopt_once(self, model: RunModel) -> None:
        """Go on with the settings of the newest run, unless the person has begun to choose others."""
        if not self._is_touched:
            self._adopt_settings(model)
            self._is_touched = True

    def _on_live_changed(self, run_id: str) -> None:
        if run_id == self._run_id(self._phase) and not self._timer.isActive():
            self._timer.start()

    def _on_live_ended(self, _run_id: str) -> None:
        self.look()
        self._draw_run()

    def _on_prepared(self, folder: RunFolder) -> None:
        self._is_preparing = False
        self._schedule.start(folder)
        self._draw_cards()
        self._draw_run()

    def _on_refused(self, error: BaseException) -> None:
        self._is_preparing = False
        assert isinstance(error, WorkstationError)
        self._workbench.post(Card.of_error(error))
        self._judge_verbs()

    def _on_discarded(self, folder: Path) -> None:
        self._old_models = {}
        self._workbench.note("The run {run} lies in the trash folder of the project.", run=folder.name)
        self.look()

    # -- drawing -------------------------------------------------------------------------------------

    def _show_pipelines(self) -> None:
        rows = [PipelineRow(spec.key, spec.title, spec.summary) for spec in self._specs]
        self._view.show_pipelines(rows, self._spec.key if self._spec else "")

    def _show_form(self) -> None:
        spec = self._spec
        if spec is None or not self._phase:
            return
        self._preset = self._preset or spec.phase(self._phase).preset
        self._view.show_presets(spec.presets, self._preset)
        self._values, self._problem = self._preset_values(), ""
        schema = config_class(spec, Action.TRAIN).model_json_schema()
        self._view.show_settings(schema, self._values, self._check)
        self._show_command()

    def _preset_values(self) -> dict[str, Any]:
        if self._spec is None:
            return {}
        return training_config(self._spec, self._phase, self._preset).values()

    def _check(self, values: Mapping[str, Any]) -> Message | None:
        """Say what is wrong with the settings together."""
        if self._spec is None:
            return None
        try:
            config_class(self._spec, Action.TRAIN).from_values(values)
        except ConfigError as error:
            return error.message
        return None

    def _command(self) -> str:
        project, spec = self._workbench.project, self._spec
        if project is None or spec is None:
            return ""
        return train_command(
            project.folder, spec, phase=self._phase, preset=self._preset, overrides=self.overrides()
        )

    def _show_command(self) -> None:
        self._view.show_command(self._command())

    def _draw_cards(self) -> None:
        if self._spec is None:
            return
        self._view.show_phases([self._card(phase) for phase in self._spec.phases], self._phase)
        data = self._survey.data.get(self._phase) if self._survey else None
        self._view.show_data(data or DataSummary())
        self._judge_verbs()

    def _card(self, phase: PhaseSpec) -> PhaseCard:
        card = PhaseCard(phase.key, phase.title, phase.purpose)
        ready = self._survey.readiness.get(phase.key) if self._survey else None
        if ready is not None and ready.problem is not None:
            reason = ready.problem
            card = replace(
                card,
                locked_because=Message(
                    f"{reason.message.text} {reason.remedy.text}", dict(reason.message.parameters)
                ),
                fix=self._way_out(phase, ready),
            )
        header = self._survey.newest.get(phase.key) if self._survey else None
        run_id = self._run_id(phase.key)
        live = self._workbench.live_runs.get(run_id) if run_id else None
        if live is not None:
            model = live.model
            card = replace(
                card,
                state=model.state,
                progress=progress_of(model),
                eta_s=eta_of(model),
                stage=model.stage,
                run_id=run_id,
            )
        elif header is not None:
            card = replace(card, state=header.state, run_id=header.run_id)
        return replace(card, gate=self._gate(phase, header))

    def _way_out(self, phase: PhaseSpec, ready: Readiness) -> str:
        """Return where a lock can be opened: see `fix`."""
        if ready.num_ready < ready.num_needed:
            return "pairs" if phase.needs.annotation is not None else IMPORT
        newest = self._survey.newest if self._survey is not None else {}
        has_model = (RunState.FINISHED, RunState.STOPPED)
        missing = (
            key for key in phase.needs.phases if key not in newest or newest[key].state not in has_model
        )
        return f"{PHASE}{next(missing, '')}"

    def _gate(self, phase: PhaseSpec, header: RunHeader | None) -> GateValue | None:
        if phase.gate is None or self._spec is None or header is None:
            return None
        metric = self._spec.metric(phase.gate.metric)
        if metric is None:
            return None
        return GateValue(metric, phase.gate.value, header.values.get(metric.key))

    def _draw_run(self) -> None:
        model = self.model
        if model is None:
            if self._shown_revision is not None or not self._run_id(self._phase):
                self._view.show_run(None)
            self._shown_revision = None
            self._draw_cards()
            return
        shown = (model.id, model.revision, model.state)
        if shown != self._shown_revision:
            self._shown_revision = shown
            cache = self._panels.setdefault(model.id, PanelCache())
            self._view.show_run(run_view(model, self._spec, cache.panels(model)))
        self._draw_cards()

    def _judge_verbs(self) -> None:
        verbs = self._judged()
        if verbs != self.verbs:
            self.verbs = verbs
            self._view.show_verbs(verbs)
            self.verbs_changed.emit()
        else:
            self._view.show_verbs(verbs)

    def _judged(self) -> Verbs:
        model = self.model
        state = model.state if model is not None else None
        no_run = Message("This phase has no run yet.")
        is_live = state is not None and not state.is_over
        return Verbs(
            start=self._start_reason(is_live=is_live),
            pause=None if state is RunState.RUNNING else _reason(state, "Only a running run can be paused."),
            proceed=None if state is RunState.PAUSED else Message("The run is not paused."),
            stop=None
            if state in (RunState.STARTING, RunState.RUNNING, RunState.PAUSED)
            else _reason(state, "Only a running run can be stopped."),
            discard=no_run if state is None else (Message("Stop the run first.") if is_live else None),
            resume=no_run if model is None else self._resume_reason(model),
        )

    def _start_reason(self, *, is_live: bool) -> Message | None:
        if self._workbench.project is None:
            return Message("Open a project first.")
        if self._spec is None or not self._phase:
            return Message("Choose a pipeline first.")
        if self._survey is None:
            return Message("Looking at the project…")
        if self._is_preparing:
            return Message("The run is being prepared…")
        ready = self._survey.readiness.get(self._phase)
        if ready is not None and ready.problem is not None:
            return Message(
                f"{ready.problem.message.text} {ready.problem.remedy.text}",
                dict(ready.problem.message.parameters),
            )
        if self._problem:
            return Message("A setting is wrong: {problem}", {"problem": self._problem})
        if is_live:
            return Message("A run of this phase is under way.")
        return None

    @staticmethod
    def _resume_reason(model: RunModel) -> Message | None:
        if model.state is RunState.FINISHED:
            return Message("The run reached its end.")
        if model.state not in _IDLE_STATES:
            return Message("The run is under way.")
        if not model.checkpoints:
            return Message("The run has saved nothing to continue from; start it again.")
        return None

    def close(self) -> None:
        """Let go of the window's signals."""
        self._timer.stop()
        self._workbench.data_changed.disconnect(self.look)
        self._workbench.live_runs.changed.disconnect(self._on_live_changed)
        self._workbench.live_runs.ended.disconnect(self._on_live_ended)
        self._schedule.changed.disconnect(self.look)
        self._schedule.watchers.remove(self._watches)


def _reason(state: RunState | None, text: str) -> Message:
    return Message("This phase has no run yet.") if state is None else Message(text)
