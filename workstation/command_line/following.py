"""Start an engine from the command line and stay with it until it is over."""

from __future__ import annotations

import time
from typing import Any

from engines.contract import errors
from engines.contract.errors import InputError, WorkstationError
from engines.contract.events import Diagnosis, Event, Failed, Phase, Progress, Started, Warned
from engines.contract.kinds import Action, RunState, Severity
from engines.contract.messages import Message
from engines.contract.run_folder import RunFolder
from workstation.command_line.output import ProgressBar, complain, remark
from workstation.runs.process_watch import Rung
from workstation.runs.run_model import RunModel
from workstation.runs.supervisor import POLL_S, Launch, RunSupervisor


class _Reporter:
    """Shows progress and findings while a run goes on, and keeps its warnings for the end."""

    def __init__(self, bar: ProgressBar) -> None:
        self._bar = bar
        self.warnings: list[str] = []
        self._stage = ""
        self._facts: dict[str, Any] = {}

    def on_events(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Phase):
                self._stage = event.name
            elif isinstance(event, Progress):
                self._say_facts()
                self._bar.show(event.step, event.steps, self._stage)
            elif isinstance(event, Started) and event.action == Action.TRAIN:
                self._facts = event.facts
            elif isinstance(event, Warned):
                self.warnings.append(str(Message(event.message, event.parameters)))
            elif isinstance(event, Diagnosis) and event.severity is not Severity.NOTE:
                remark(f"{event.severity}: {Message(event.cause, event.parameters)}")

    def _say_facts(self) -> None:
        """Say what is trained on, once it is sure that something is."""
        if self._facts:
            remark("  ".join(f"{name} {value}" for name, value in self._facts.items()))
        self._facts = {}

    def on_state(self, state: RunState) -> None:
        """States are told at the end."""

    def on_failure(self, failure: Failed) -> None:
        """Failures are told at the end."""

    def on_rung(self, rung: Rung) -> None:
        said = {
            Rung.ASKED: "Stopping after this step; everything is kept.",
            Rung.TERMINATED: "The run does not answer: terminating it.",
            Rung.KILLED: "The run does not answer: killing it.",
        }
        remark(said[rung])


def follow(folder: RunFolder, launch: Launch, title: str) -> RunModel:
    """Start an engine, show how far it is, and return what is known when it is over.

    Ctrl+C steps on the stop ladder: the run finishes its step, saves, and ends.
    """
    with ProgressBar(title) as bar:
        reporter = _Reporter(bar)
        supervisor = RunSupervisor(folder, reporter, launch)
        try:
            supervisor.start()
        except KeyboardInterrupt:
            supervisor.request_stop()
        while not supervisor.is_settled:
            try:
                time.sleep(POLL_S)
                supervisor.look()
            except KeyboardInterrupt:
                supervisor.request_stop()
    if supervisor.model.state is not RunState.FAILED:
        for warning in reporter.warnings:
            remark(f"warning: {warning}")
    supervisor.model.summary = folder.read_summary() or supervisor.model.summary
    return supervisor.model


def exit_code_of_run(model: RunModel) -> int:
    """Say why a run failed, if it did, and return the exit code: 2 when the input was wrong, 1 otherwise."""
    if model.state is not RunState.FAILED:
        return 0
    failure = model.failure
    if failure is None:
        complain(f"The run {model.id} failed.")
        return 1
    complain(f"The run {model.id} failed: {failure.cause} {failure.remedy}")
    kind = getattr(errors, failure.type, WorkstationError)
    return 2 if isinstance(kind, type) and issubclass(kind, InputError) else 1
