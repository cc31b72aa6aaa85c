"""`RunSupervisor`: starts or attaches to the engine of one run, follows it, and stops it when asked.

No Qt and no thread: the window runs it in a `RunThread`, the command line in its own loop. Ending the
supervision never ends the run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from engines.contract.errors import WorkstationError
from engines.contract.events import Event, EventReader, Failed
from engines.contract.kinds import RunState
from engines.contract.run_folder import RunFolder
from workstation.runs.death import derived_failure, failure_of_summary, write_failure
from workstation.runs.process_watch import Liveness, Rung, StopLadder, exit_code_of, liveness
from workstation.runs.run_model import RunModel
from workstation.runs.run_state import state_of_summary

_logger = logging.getLogger(__name__)

POLL_S = 0.1
"""Time between two looks at the events."""
LIVENESS_EVERY_S = 0.5
"""Time between two looks at the process."""
EXIT_S = 15.0
"""Time that an engine may take to exit after its last event."""
PORTION = 2000
"""Events of an old, long run are told in portions of this size."""

Launch = Callable[[RunFolder], int]
"""Starts the engine of a run folder and returns its process id."""


class Listener(Protocol):
    """Who is told what happens, in the supervisor's thread."""

    def on_events(self, events: list[Event]) -> None:
        """Take events in their order; this comes before the state that they cause."""

    def on_state(self, state: RunState) -> None:
        """Take the new state."""

    def on_failure(self, failure: Failed) -> None:
        """Take the reason, told just before the state `failed`."""

    def on_rung(self, rung: Rung) -> None:
        """Take the new rung of the stop ladder."""


class RunSupervisor:
    """Supervise one run folder: `start`, then `look` every `POLL_S` until `is_settled`.

    Parameters
    ----------
    folder : RunFolder
    listener : Listener
    launch : callable or None
        Starts the engine; None attaches to a run that is alive, over, or still to be started by others.
    ladder : StopLadder or None
    """

    def __init__(
        self,
        folder: RunFolder,
        listener: Listener,
        launch: Launch | None = None,
        *,
        ladder: StopLadder | None = None,
    ) -> None:
        self.folder = folder
        self.model = RunModel(folder)
        """What is known so far; belongs to the supervisor's thread."""
        self.is_settled = False
        """Whether the run is over, its process gone, and everything told."""
        self._listener = listener
        self._launch = launch
        self._ladder = ladder or StopLadder(folder)
        self._reader = EventReader(folder.events_path)
        self._pid: int | None = None
        self._exit_code: int | None = None
        self._next_look = 0.0
        self._over_since: float | None = None

    def start(self) -> None:
        """Tell the past of the run, then start or attach to its engine."""
        self._read_events(is_past=True)
        if self._launch is None:
            self.model.settle()
            self._tell_state()
            if self.model.state is RunState.STOPPING:
                # The stop was asked for before the former supervisor went away.
                self.request_stop()
            return
        self._go_to(RunState.STARTING)
        try:
            self._pid = self._ladder.pid = self._launch(self.folder)
        except (WorkstationError, OSError) as error:
            _logger.warning("The engine of %s did not start: %s", self.folder.id, error)
            self._fail(_not_started(error))
            self.is_settled = True

    def look(self) -> None:
        """Read what is new, climb the stop ladder when it is time, and see whether the engine lives."""
        if self.is_settled:
            return
        self._read_events()
        if self.model.state.is_over:
            self._settle()
        elif self._is_look_due() and self._is_gone():
            # Its last words are complete now.
            self._read_events()
            if not self.model.state.is_over:
                self._conclude()
            self._settle()
        if not self.is_settled and self._ladder.advance():
            self._listener.on_rung(self._ladder.rung)

    def _is_look_due(self) -> bool:
        """Tell whether to look at the process: now and then, and always while it is being stopped."""
        now = time.monotonic()
        if now < self._next_look and self._ladder.rung is Rung.NONE:
            return False
        self._next_look = now + LIVENESS_EVERY_S
        return True

    def request_stop(self) -> None:
        """Step on the stop ladder; asking twice changes nothing."""
        if self.model.state.is_over:
            return
        self._ladder.begin()
        self._go_to(RunState.STOPPING)
        self._listener.on_rung(self._ladder.rung)

    def pause(self) -> None:
        """Ask the engine to wait after its step."""
        if self.model.state is RunState.RUNNING:
            self._keep(lambda: self.folder.write_control("pause"))

    def resume(self) -> None:
        """Let a paused engine go on."""
        if self.model.state in (RunState.RUNNING, RunState.PAUSED):
            self._keep(lambda: self.folder.write_control("resume"))

    def _settle(self) -> None:
        if self._is_gone():
            self._read_events()
            self._ladder.sweep()
            self.is_settled = True
            return
        # The last event is written, the process still ends.
        self._over_since = self._over_since or time.monotonic()
        if time.monotonic() - self._over_since > EXIT_S:
            self._ladder.begin()

    def _is_gone(self) -> bool:
        """Tell whether the engine has ended; a run that somebody else will start has not."""
        if self._pid is not None and self._exit_code is None:
            self._exit_code = exit_code_of(self._pid)
            if self._exit_code is None:
                return False
        alive = liveness(self.folder)
        is_ours_or_over = self._pid is not None or self.model.state.is_over
        return alive is Liveness.DEAD or (alive is Liveness.NEVER_STARTED and is_ours_or_over)

    def _conclude(self) -> None:
        """Name the end of a run whose process is gone and whose events do not tell it."""
        summary = self.folder.read_summary()
        state = state_of_summary(summary)
        if summary is not None and state is RunState.FAILED:
            self._fail(failure_of_summary(summary))
        elif state is not None:
            self._go_to(state)
        elif self._ladder.rung in (Rung.TERMINATED, Rung.KILLED):
            # It was asked to stop and did not obey: stopped, with what the last checkpoint holds.
            self._keep(lambda: self.folder.write_summary(RunState.STOPPED, {"ended_by": self._ladder.rung}))
            self._go_to(RunState.STOPPED)
        else:
            failure = derived_failure(self.folder, tuple(self.model.recent), self._exit_code)
            self._keep(lambda: write_failure(self.folder, failure))
            self._fail(failure)

    def _keep(self, write: Callable[[], None]) -> None:
        """Write into the run folder; a full disk must not end the supervision."""
        try:
            write()
        except OSError as error:
            _logger.warning("%s cannot be written to: %s", self.folder.id, error)

    def _fail(self, failure: Failed) -> None:
        self.model.set_failure(failure)
        self._tell_state()

    def _go_to(self, state: RunState) -> None:
        if self.model.set_state(state):
            self._tell_state()

    def _tell_state(self) -> None:
        if self.model.state is RunState.FAILED and self.model.failure is not None:
            self._listener.on_failure(self.model.failure)
        self._listener.on_state(self.model.state)

    def _read_events(self, *, is_past: bool = False) -> None:
        """Tell what was written since the last call; the states of the past are not told again."""
        try:
            events = self._reader.poll()
        except OSError as error:
            # A network disk that is away for a moment: the next look reads on.
            _logger.warning("The events of %s cannot be read: %s", self.folder.id, error)
            return
        for start in range(0, len(events), PORTION):
            portion = events[start : start + PORTION]
            before = self.model.state
            self.model.apply(portion)
            self._listener.on_events(portion)
            if self.model.state is not before and not is_past:
                self._tell_state()


def _not_started(error: WorkstationError | OSError) -> Failed:
    if isinstance(error, WorkstationError):
        cause, remedy = error.message.render(), error.remedy.render()
    else:
        cause = f"The engine could not be started: {error}."
        remedy = "Try again; if it fails again, see: workstation doctor."
    return Failed(type=type(error).__name__, message=str(error), cause=cause, remedy=remedy)
