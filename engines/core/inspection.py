"""Say how a run stands and what is wrong with it, from its folder alone. No torch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.contract.events import Diagnosis, read_events
from engines.contract.failure import cause_of_death
from engines.contract.kinds import RunState
from engines.contract.messages import Message
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from engines.core.diagnosis import diagnose
from engines.core.generic_rules import rules_of
from engines.core.process import is_running


@dataclass(frozen=True, slots=True)
class Report:
    """State of a run, why it failed if it did, and its diagnoses."""

    run: str
    state: RunState
    cause: str
    remedy: str
    diagnoses: tuple[Diagnosis, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "run": self.run,
            "state": self.state.value,
            "cause": self.cause,
            "remedy": self.remedy,
            "diagnoses": [
                diagnosis.model_dump(mode="json", exclude={"event"}) for diagnosis in self.diagnoses
            ],
        }

    def to_text(self) -> str:
        """Return lines for a terminal."""
        lines = [f"{self.run}: {self.state}"]
        lines += [f"  {text}" for text in (self.cause, self.remedy) if text]
        for diagnosis in self.diagnoses:
            lines.append(f"{diagnosis.severity}: {diagnosis.name}")
            lines += [
                f"  {Message(text, diagnosis.parameters)}"
                for text in (diagnosis.cause, diagnosis.remedy)
                if text
            ]
        if not self.diagnoses:
            lines.append("No rule found anything wrong.")
        return "\n".join(lines)


def inspect(path: Path) -> Report:
    """Read a run folder and apply the rules of its pipeline.

    Diagnoses that the engine emitted while it lived are kept; rules add what they find afterwards.

    Raises
    ------
    InputError
        If it is no run folder.
    """
    folder = RunFolder(path)
    request = folder.read_request()
    events = read_events(folder.events_path)
    summary = folder.read_summary()
    is_alive = summary is None and is_running(folder.read_process())
    state, cause, remedy = RunState.QUEUED, "", ""
    if is_alive:
        state = RunState.RUNNING
    elif summary is not None:
        state = RunState(summary["state"])
        cause, remedy = str(summary.get("cause", "")), str(summary.get("remedy", ""))
    elif folder.read_process() is not None:
        state = RunState.FAILED
        cause, remedy = cause_of_death(None, events, folder.read_log_tail())
    emitted = {event.name: event for event in events if isinstance(event, Diagnosis)}
    found = diagnose(events, rules_of(load_spec(request.pipeline)), now=_silent_until(folder, is_alive))
    for diagnosis in found:
        emitted.setdefault(diagnosis.name, diagnosis)
    return Report(folder.id, state, cause, remedy, tuple(emitted.values()))


def _silent_until(folder: RunFolder, is_alive: bool) -> float | None:
    if is_alive:
        return time.time()
    age_s = folder.heartbeat_age_s()
    return None if age_s is None else time.time() - age_s
