"""The first steps in a project: which there are, and which were seen to have happened.

A step is done when the project holds its result, however the person got there: a pair that a hand placed,
a training run and a registration run that ended well, the Compare screen after it. What was seen once
stays done; it is remembered in the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from engines.contract.kinds import Action, RunState
from workstation.controllers.runs.run_headers import RunHeaders
from workstation.controllers.workbench import Workbench
from workstation.project.first_steps import SAMPLE_SETTING, first_image_pair, has_pair_by_hand
from workstation.views.protocols.first_run import FirstRunView, StepKey, StepRow

if TYPE_CHECKING:
    from workstation.project.project import Project

SETTING = "first_run"
COMPARE_SCREEN = "compare"
SAMPLE_STEPS: tuple[StepKey, ...] = ("place", "train", "register", "compare")
NEW_STEPS: tuple[StepKey, ...] = ("import", "place", "register")
_ENDED_WELL = (RunState.FINISHED, RunState.STOPPED)
_STEP_OF_ACTION: dict[Action, StepKey] = {Action.TRAIN: "train", Action.PREDICT: "register"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a project found.

    Parameters
    ----------
    project : Project
    plan : tuple of step keys
        Steps that this project is led through; empty for none.
    done : frozenset of step keys
    is_hidden : bool or None
        None leaves it as it is.
    """

    project: Project
    plan: tuple[StepKey, ...]
    done: frozenset[str]
    is_hidden: bool | None


class FirstRun(QObject):
    """Behind the line of first steps.

    Parameters
    ----------
    workbench : Workbench
    view : FirstRunView
    screens : sequence of str
        Keys of the screens that exist.

    Signals
    -------
    shown_changed : bool
        The line appeared or disappeared.
    """

    shown_changed = Signal(bool)

    def __init__(
        self,
        workbench: Workbench,
        view: FirstRunView,
        screens: tuple[str, ...],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view = view
        self._screens = screens
        self._headers = RunHeaders()
        self._plan: tuple[StepKey, ...] = ()
        self._done: frozenset[str] = frozenset()
        self._is_hidden = True
        workbench.project_changed.connect(self._on_project)
        workbench.data_changed.connect(self.look)
        workbench.live_runs.attached.connect(lambda _run: self._draw())
        workbench.live_runs.ended.connect(lambda _run_id: self.look())

    # -- state ---------------------------------------------------------------------------------------

    @property
    def is_shown(self) -> bool:
        """Whether the line is there."""
        return bool(self._plan) and not self._is_hidden

    @property
    def is_sample(self) -> bool:
        """Whether the open project is the sample project."""
        project = self._bench.project
        return project is not None and bool(project.setting(SAMPLE_SETTING))

    def steps(self) -> list[StepRow]:
        """Return the steps in order."""
        running = {
            _STEP_OF_ACTION.get(run.model.request.action)
            for run in self._bench.live_runs.live()
            if run.model.request is not None
        }
        return [StepRow(key, key in self._done, key in running) for key in self._offered()]

    def _offered(self) -> list[StepKey]:
        return [key for key in self._plan if key != COMPARE_SCREEN or key in self._screens]

    # -- what the person does ------------------------------------------------------------------------

    def set_shown(self, is_shown: bool) -> None:
        """Hide the line, or bring it back: then every project is led through all steps."""
        if self._bench.project is None or is_shown == self.is_shown:
            return
        if is_shown and not self._plan:
            self._plan = SAMPLE_STEPS
        self._is_hidden = not is_shown
        self._remember()
        self._draw()

    def note_screen(self, key: str) -> None:
        """Take note that a screen is shown: comparing a registration is seen by this."""
        if key == COMPARE_SCREEN and "register" in self._done and key not in self._done and self._plan:
            self._done |= {key}
            self._remember()
            self._draw()

    def choose_image_pair(self) -> None:
        """Make an item with two images the current one, unless it is already."""
        project = self._bench.project
        if project is None:
            return
        item_id = first_image_pair(project, self._bench.item_id)
        if item_id:
            self._bench.set_item(item_id)

    # -- looking -------------------------------------------------------------------------------------

    def _on_project(self) -> None:
        self._plan, self._done, self._is_hidden = (), frozenset(), True
        self._draw()
        self._look(is_new=True)

    def look(self) -> None:
        """Look for steps that happened, on a thread; nothing is looked for when nobody is led."""
        if self.is_shown and not self._done.issuperset(self._offered()):
            self._look(is_new=False)
        else:
            self._draw()

    def _look(self, *, is_new: bool) -> None:
        project = self._bench.project
        if project is None:
            return
        plan, done = self._plan, self._done

        def work() -> Seen:
            if not is_new:
                return Seen(project, plan, self._see(project, done), None)
            stored = _stored(project)
            seen = self._see(project, frozenset(stored["done"]))
            is_over = seen.issuperset(stored["plan"])
            return Seen(project, tuple(stored["plan"]), seen, bool(stored["is_hidden"]) or is_over)

        self._bench.background.submit("first_run", work, self._on_seen)

    def _see(self, project: Project, done: frozenset[str]) -> frozenset[str]:
        found = set(done)
        if "import" not in found and project.items.count():
            found.add("import")
        if "place" not in found and has_pair_by_hand(project):
            found.add("place")
        if not found.issuperset(_STEP_OF_ACTION.values()):
            for header in self._headers.read(project.runs.folders()):
                if header.state in _ENDED_WELL and header.action in {
                    action.value for action in _STEP_OF_ACTION
                }:
                    found.add(_STEP_OF_ACTION[Action(header.action)])
        return frozenset(found)

    def _on_seen(self, seen: Seen) -> None:
        if seen.project is not self._bench.project:
            return
        is_changed = not self._done.issuperset(seen.done) or seen.plan != self._plan
        self._plan = seen.plan
        self._done |= seen.done
        if seen.is_hidden is not None:
            self._is_hidden = seen.is_hidden
        if is_changed and self._plan:
            self._remember()
        self._draw()

    def _remember(self) -> None:
        project = self._bench.project
        if project is None:
            return
        value = {"plan": list(self._plan), "done": sorted(self._done), "is_hidden": self._is_hidden}
        self._bench.background.submit(
            "first_run.remember", lambda: project.set_setting(SETTING, value), lambda _none: None
        )

    def _draw(self) -> None:
        self._view.show_steps(self.steps())
        self._view.set_shown(self.is_shown)
        self.shown_changed.emit(self.is_shown)


def _stored(project: Project) -> dict[str, Any]:
    """Return what a project remembers of its first steps, or how it begins."""
    stored = project.setting(SETTING)
    if isinstance(stored, dict) and {"plan", "done", "is_hidden"} <= set(stored):
        return stored
    is_sample = bool(project.setting(SAMPLE_SETTING))
    plan = SAMPLE_STEPS if is_sample else () if project.items.count() else NEW_STEPS
    return {"plan": plan, "done": (), "is_hidden": not plan}
