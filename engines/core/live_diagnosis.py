"""Apply the diagnosis rules while a run trains, and emit each name once. No torch."""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
import time
from collections.abc import Sequence

from engines.contract.events import Diagnosis, Event, read_events
from engines.contract.run_context import RunContext
from engines.core.diagnosis import History, Rule, new_diagnoses

_WATCH_PERIOD_S = 5.0
_RULES_PERIOD_S = 10.0

_log = logging.getLogger(__name__)


class LiveDiagnosis:
    """Follow a run's own events; a context manager.

    A thread looks for a stall, which the training itself cannot report, and writes to the log where
    every thread of the engine is.

    Parameters
    ----------
    run : RunContext
    rules : sequence of Rule
    """

    def __init__(self, run: RunContext, rules: Sequence[Rule]) -> None:
        self._run = run
        self._rules = rules
        self._lock = threading.RLock()
        earlier = read_events(run.folder.events_path)
        self._history = History.of(earlier)
        self._known = {event.name for event in earlier if isinstance(event, Diagnosis)}
        self._checked_at = time.monotonic()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="diagnosis", daemon=True)

    def __enter__(self) -> LiveDiagnosis:
        self._run.observers.append(self._add)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._run.observers.remove(self._add)

    def _add(self, event: Event) -> None:
        with self._lock:
            self._history.add(event)

    def update(self) -> None:
        """Apply the rules now."""
        self._checked_at = time.monotonic()
        with self._lock:
            fired = new_diagnoses(self._history, self._rules, self._known)
        for diagnosis in fired:
            self._run.emit(diagnosis)

    def update_when_due(self) -> None:
        """Apply the rules unless that was done a moment ago."""
        if time.monotonic() - self._checked_at >= _RULES_PERIOD_S:
            self.update()

    def _watch(self) -> None:
        stall_rules = [rule for rule in self._rules if rule.name == "stalled"]
        while not self._is_over.wait(_WATCH_PERIOD_S):
            with self._lock:
                self._history.now = time.time()
                fired = new_diagnoses(self._history, stall_rules, self._known)
            for diagnosis in fired:
                self._run.emit(diagnosis)
                _dump_stacks()


def _dump_stacks() -> None:
    try:
        faulthandler.dump_traceback(file=sys.stderr)
    except (AttributeError, ValueError, OSError) as error:
        _log.warning("The stacks could not be written: %s", error)
