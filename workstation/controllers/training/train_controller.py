"""The Train screen: what can be trained, with which settings, and what the run of a phase is doing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Action, RunState
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PipelineSpec
from workstation.controllers.runs.run_headers import RunHeader, RunHeaders
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.runs.run_views import PanelCache, run_view
from workstation.controllers.training.phase_runs import PhaseRuns
from workstation.controllers.training.train_cards import IMPORT, PHASE, SETTING, gate_of, phase_card
from workstation.controllers.training.train_form import TrainForm
from workstation.controllers.training.train_survey import Survey, survey
from workstation.controllers.training.train_verbs import Situation, judge
from workstation.controllers.training.training_preview import draw_preview
from workstation.controllers.workbench import Workbench
from workstation.runs.run_model import RunModel
from workstation.views.protocols.cards import Card
from workstation.views.protocols.runs import BaseRow, DataSummary, PipelineRow, TrainView, Verbs

REDRAW_MS = 100


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
        self.form = TrainForm(view, lambda: workbench.project.folder if workbench.project else None)
        self._runs = PhaseRuns(workbench.live_runs, self._spec)
        self._panels: dict[str, PanelCache] = {}
        self._shown_revision: tuple[str, int, RunState] | None = None
        self._is_preparing = False
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
        self.form.choose(self._spec, self._phase)
        self._draw_cards()
        self.look()

    # -- what is chosen ------------------------------------------------------------------------------

    @property
    def phase(self) -> str:
        """Key of the chosen phase."""
        return self._phase

    @property
    def spec(self) -> PipelineSpec | None:
        """The chosen pipeline."""
        return self._spec

    @property
    def presets(self) -> tuple[str, ...]:
        """Names of the presets of the chosen pipeline."""
        return self._spec.presets if self._spec is not None else ()

    @property
    def model(self) -> RunModel | None:
        """The run of the chosen phase: a live one, else the newest."""
        return self._runs.model(self._phase)

    def choose_pipeline(self, key: str) -> None:
        """Show another pipeline."""
        spec = next((spec for spec in self._specs if spec.key == key), None)
        if spec is None or spec is self._spec:
            return
        self._spec = self._runs.spec = spec
        self._runs.survey = None
        self._phase = spec.phases[0].key if spec.phases else ""
        self._show_pipelines()
        self.form.choose(self._spec, self._phase)
        self._draw_cards()
        self.look()

    def choose_phase(self, key: str) -> None:
        """Choose a phase."""
        if key == self._phase or self._spec is None:
            return
        self._phase = key
        self.form.choose(self._spec, key)
        self._carry()
        if self.model is not None:
            self.form.adopt_once(self.model)
        self._load_old_model()
        self._draw_cards()
        self._draw_run()
        self.look()

    def choose_preset(self, name: str) -> None:
        """Fill the form with the values of a preset; what the phase can do without stays as it is."""
        kept = self._deciding()
        self.form.choose_preset(name)
        values = self.form.values
        if changed := {key: value for key, value in kept.items() if value not in (None, values.get(key))}:
            self._view.set_values(changed)
        self.look()
        self._draw_cards()

    def set_settings(self, values: Mapping[str, Any], problem: str) -> None:
        """Take what the form holds; `problem` says what is wrong with it."""
        before = self._deciding()
        self.form.take(values, problem)
        if self._deciding() != before:
            self.look()
        self._judge_verbs()

    def choose_base(self, run_id: str) -> None:
        """Start from the model of this run."""
        self.form.choose_base("" if run_id == self._newest_base() else run_id)
        self._draw_cards()

    # -- what can be done ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the chosen phase as a new run."""
        project, spec = self._workbench.project, self._spec
        if project is None or spec is None or self.verbs.start is not None:
            return
        phase, preset = self._phase, self.form.preset
        overrides, command = self.form.overrides(), self.form.command()
        # What is shown is what is used, whatever ends meanwhile.
        base = self.form.base_run or self._newest_base()

        def prepare() -> RunFolder:
            from workstation.runs.launch import prepare_run

            return prepare_run(
                project,
                spec,
                action=Action.TRAIN,
                phase=phase,
                preset=preset,
                overrides=overrides,
                base_run=RunFolder(project.runs.folder(base)) if base else None,
                command=command,
            )

        self._is_preparing = True
        self._judge_verbs()
        self._workbench.background.submit("train.start", prepare, self._on_prepared, self._on_refused)

    def pause(self) -> None:
        """Let the run wait after its step."""
        if (live := self._runs.live(self._phase)) is not None:
            live.thread_of_run.pause()

    def proceed(self) -> None:
        """Let a paused run go on."""
        if (live := self._runs.live(self._phase)) is not None:
            live.thread_of_run.resume()

    def stop(self) -> None:
        """End the run after its step; everything is kept."""
        if (live := self._runs.live(self._phase)) is not None:
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
        self._runs.forget()
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
        self.form.adopt(self.model, patch)
        self.start()

    def fix(self, where: str) -> None:
        """Go where a lock can be opened: a screen, the import of files, an earlier phase, or a setting."""
        if where == IMPORT:
            self.import_requested.emit()
        elif where.startswith(SETTING):
            phase, setting, value = where.removeprefix(SETTING).split(":")
            self.choose_phase(phase)
            self._view.set_values({setting: value})
        elif where.startswith(PHASE):
            self.choose_phase(where.removeprefix(PHASE))
        else:
            self._workbench.screen_requested.emit(where)

    def draw_preview(self, seed: int) -> None:
        """Draw what the phase would see of one item with the settings in the form."""
        project, spec = self._workbench.project, self._spec
        if project is None or spec is None or not spec.training_preview or self.form.problem:
            self._view.show_preview(())
            return
        phase, values = self._phase, self.form.values
        self._workbench.background.submit(
            "train.preview",
            lambda: draw_preview(project, spec, phase, values, seed),
            self._view.show_preview,
            self._on_preview_failed,
        )

    def _on_preview_failed(self, error: BaseException) -> None:
        assert isinstance(error, WorkstationError)
        self._view.show_preview(())
        self._workbench.post(Card.of_error(error))

    # -- looking -------------------------------------------------------------------------------------

    def set_shown(self, is_shown: bool) -> None:
        """Take note whether the screen is the one on show."""
        self._is_shown = is_shown
        if is_shown:
            self.look()

    def _watches(self, run_id: str) -> bool:
        return self._is_shown and run_id == self._runs.run_id(self._phase)

    def look(self) -> None:
        """Look at the project again, on a thread."""
        project, spec = self._workbench.project, self._spec
        if project is None or spec is None:
            return
        held = {self._phase: self.form.values} if self.form.is_touched else {}
        self._workbench.background.submit(
            "train.look", lambda: survey(project, spec, self._headers, held), self._on_survey
        )

    def _on_survey(self, found: Survey) -> None:
        self._runs.survey = found
        self._carry()
        live = self._runs.live(self._phase)
        if live is not None:
            self.form.adopt_once(live.model)
        self._load_old_model()
        self._draw_cards()
        self._draw_run()

    def _carry(self) -> None:
        """Go on as the phase before was trained."""
        if self._runs.survey is not None:
            base = next(iter(self._bases(self._phase)), None)
            self.form.carry(self._runs.survey.carried.get(self._phase, {}), base.preset if base else "")

    def _deciding(self) -> dict[str, Any]:
        """Return the settings of the form that change what the phase needs."""
        others = self._spec.phase(self._phase).other_needs if self._spec and self._phase else ()
        return {other.setting: self.form.values.get(other.setting) for other in others}

    def _bases(self, phase: str) -> tuple[RunHeader, ...]:
        return self._runs.survey.bases.get(phase, ()) if self._runs.survey is not None else ()

    def _newest_base(self) -> str:
        return next((header.run_id for header in self._bases(self._phase)), "")

    def _load_old_model(self) -> None:
        """Read the newest run of the phase when nobody follows it."""
        path = self._runs.unread(self._phase)
        if path is not None:
            self._workbench.background.submit("train.load", lambda: RunModel.load(path), self._on_loaded)

    def _on_loaded(self, model: RunModel) -> None:
        self._runs.keep(model)
        self.form.adopt_once(model)
        self._draw_cards()
        self._draw_run()

    def _on_live_changed(self, run_id: str) -> None:
        if run_id == self._runs.run_id(self._phase) and not self._timer.isActive():
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
        self._runs.forget()
        self._workbench.note("The run {run} lies in the trash folder of the project.", run=folder.name)
        self.look()

    # -- drawing -------------------------------------------------------------------------------------

    def _show_pipelines(self) -> None:
        rows = [PipelineRow(spec.key, spec.title, spec.summary) for spec in self._specs]
        self._view.show_pipelines(rows, self._spec.key if self._spec else "")
        self._view.offer_preview(self._spec is not None and bool(self._spec.training_preview))

    def _draw_cards(self) -> None:
        if self._spec is None:
            return
        wanted = self.form.base_run
        cards = []
        for phase in self._spec.phases:
            bases = self._bases(phase.key)
            chosen = (base for base in bases if phase.key == self._phase and base.run_id == wanted)
            base = next(chosen, next(iter(bases), None))
            cards.append(phase_card(self._spec, phase, self._runs.survey, self._runs.live(phase.key), base))
        self._view.show_phases(cards, self._phase)
        rows = [
            BaseRow(base.run_id, base.run_id.replace(f"_{self._spec.key}_", " "), gate_of(self._spec, base))
            for base in self._bases(self._phase)
        ]
        self._view.show_bases(rows, wanted or self._newest_base())
        data = self._runs.survey.data.get(self._phase) if self._runs.survey else None
        self._view.show_data(data or DataSummary())
        self._judge_verbs()

    def _draw_run(self) -> None:
        model = self.model
        if model is None:
            if self._shown_revision is not None or not self._runs.run_id(self._phase):
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
        verbs = judge(self._situation())
        if verbs != self.verbs:
            self.verbs = verbs
            self._view.show_verbs(verbs)
            self.verbs_changed.emit()
        else:
            self._view.show_verbs(verbs)

    def _situation(self) -> Situation:
        ready = self._runs.survey.readiness.get(self._phase) if self._runs.survey is not None else None
        return Situation(
            model=self.model,
            has_project=self._workbench.project is not None,
            has_phase=self._spec is not None and bool(self._phase),
            is_surveyed=self._runs.survey is not None,
            lock=ready.problem if ready is not None else None,
            problem=self.form.problem,
            is_preparing=self._is_preparing,
        )

    def close(self) -> None:
        """Let go of the window's signals."""
        self._timer.stop()
        self._workbench.data_changed.disconnect(self.look)
        self._workbench.live_runs.changed.disconnect(self._on_live_changed)
        self._workbench.live_runs.ended.disconnect(self._on_live_ended)
        self._schedule.changed.disconnect(self.look)
        self._schedule.watchers.remove(self._watches)
