"""Carry out the request of a run folder and report how it ended: what ``python -m engines run`` does.

Imports no torch; the pipeline's function does when it needs a network.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engines.contract.config import RunConfig
from engines.contract.errors import InputError, RunFolderError
from engines.contract.events import Event, EventWriter, Failed, Finished, Started, Stopped
from engines.contract.failure import explain
from engines.contract.kinds import Action, RunState, Split
from engines.contract.registry import load_spec, resolve
from engines.contract.run_context import RunContext, StopRequested
from engines.contract.run_folder import RunFolder
from engines.core import generations, process

FINISHED, FAILED, WRONG_INPUT = 0, 1, 2

_log = logging.getLogger(__name__)


class _SilentEvents(EventWriter):
    """Writes nothing: for the processes that only help process 0 to train."""

    def __init__(self) -> None:
        pass

    def write(self, event: Event) -> None:
        """Drop the event."""

    def close(self) -> None:
        """Nothing to close."""


def check(path: Path) -> RunContext:
    """Verify that a run folder can be started, without starting it or writing to it.

    Raises
    ------
    InputError
        What is missing or wrong, in one sentence.
    """
    folder = RunFolder(path)
    request = folder.read_request()
    spec = load_spec(request.pipeline)
    if request.phase:
        spec.phase(request.phase)
    config = folder.read_config()
    manifest = folder.read_manifest()
    for item in manifest.items:
        recorded = [record.path for record in item.files.values()]
        recorded += [record.path for record in item.annotations.values()]
        for name in recorded:
            if not folder.file_path(name).is_file():
                raise RunFolderError(
                    "The file {file} of item {item} does not exist.",
                    remedy="Put it back or relink it in the project, then start the run again.",
                    file=folder.file_path(name),
                    item=item.id,
                )
    if request.base_run and not folder.file_path(request.base_run).is_dir():
        raise RunFolderError(
            "The run {base} that this one builds on does not exist.",
            remedy="Choose another run.",
            base=request.base_run,
        )
    return RunContext(folder, request, config, manifest, _SilentEvents())


def execute(path: Path) -> int:
    """Run a run folder to its end and return the exit code.

    Every way to end leaves a last event and a `summary.json`, except a death that no program can catch.

    Raises
    ------
    InputError
        If there is no run folder at `path`, or another process runs it; nothing was written then.
    """
    folder = RunFolder(path)
    folder.read_request()
    if process.rank() != 0:
        return _help(folder)
    if folder.read_summary() is None and _is_taken(folder):
        raise RunFolderError(
            "The run {run} is already running.", remedy="Wait for it, or stop it first.", run=folder.id
        )
    resumed = folder.read_summary() is not None or folder.read_request().resume
    folder.summary_path.unlink(missing_ok=True)
    if resumed:
        # A stop that ended the run before must not end it again.
        folder.write_control(None)
    folder.write_process(process.this_process())
    events = EventWriter(folder.events_path)
    started_s = time.monotonic()
    run: RunContext | None = None
    try:
        with process.Heartbeat(folder), _stop_on_signals(folder):
            run = check(path)
            run.events = events
            return _carry_out(run, started_s)
    # The one catch-all of the engines: whatever breaks a run becomes its last event.
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        return _report_failure(folder, events, run, error, started_s)
    finally:
        folder.write_control(None)
        events.close()


def _is_taken(folder: RunFolder) -> bool:
    record = folder.read_process()
    if record is None or process.is_here(record):
        return process.is_running(record)
    # On a shared disk another machine can only be seen by its heartbeat.
    age_s = folder.heartbeat_age_s()
    return age_s is not None and age_s < 5 * process.HEARTBEAT_S


def _help(folder: RunFolder) -> int:
    """Train beside process 0, without a word."""
    process.limit_threads(folder.read_config().num_threads)
    run = check(folder.path)
    try:
        _call(run)
    except StopRequested:
        _log.info("Stopped.")
    return FINISHED


def _carry_out(run: RunContext, started_s: float) -> int:
    process.lower_priority()
    process.limit_threads(run.config.num_threads)
    process.write_environment(run.folder, run.request, run.config)
    started = _started(run)
    run.emit(started)
    _log.info("%s", " ".join(f"{name}={value}" for name, value in started.facts.items()))
    try:
        _call(run)
    except StopRequested:
        summary = _summary(run, started_s)
        run.emit(Stopped(step=run.step))
        run.folder.write_summary(RunState.STOPPED, summary)
        return FINISHED
    summary = _summary(run, started_s)
    run.emit(Finished(summary=summary))
    run.folder.write_summary(RunState.FINISHED, summary)
    return FINISHED


def _call(run: RunContext) -> None:
    resolve(run.spec.function(run.request.action))(run)


def _started(run: RunContext) -> Started:
    request = run.request
    resumed_from_step = None
    if request.resume and request.action is Action.TRAIN:
        newest = generations.newest_intact(run.folder.checkpoints_dir)
        resumed_from_step = newest.step if newest else 0
    run.step = resumed_from_step or 0
    return Started(
        pipeline=request.pipeline,
        action=request.action,
        phase=request.phase,
        device=run.config.device,
        num_items={str(split): len(run.items(split)) for split in Split if run.items(split)},
        resumed_from_step=resumed_from_step,
        facts={"items": len(run.manifest.items), **_numbers_of(run.config), **_own_facts(run)},
    )


def _own_facts(run: RunContext) -> dict[str, Any]:
    name = run.spec.started_facts
    if not name or run.request.action is not Action.TRAIN:
        return {}
    facts: dict[str, Any] = resolve(name)(run)
    return facts


def _numbers_of(config: RunConfig) -> dict[str, Any]:
    names = ("seed", "epochs", "batch_size", "learning_rate")
    return {name: getattr(config, name) for name in names if hasattr(config, name)}


def _summary(run: RunContext, started_s: float) -> dict[str, Any]:
    return {**run.summary, "step": run.step, "duration_s": round(time.monotonic() - started_s, 3)}


def _report_failure(
    folder: RunFolder, events: EventWriter, run: RunContext | None, error: BaseException, started_s: float
) -> int:
    text = "".join(traceback.format_exception(error))
    is_wrong_input = isinstance(error, InputError) and run is None
    _log.error("%s", error if is_wrong_input else text)
    failure = explain(error)
    step = run.step if run else 0
    event = Failed(
        type=type(error).__name__,
        message=str(error),
        cause=failure.cause,
        remedy=failure.remedy,
        traceback=text,
        step=step,
    )
    facts = _summary(run, started_s) if run else {"step": step}
    facts |= {
        "type": event.type,
        "message": event.message,
        "cause": failure.cause,
        "remedy": failure.remedy,
    }
    try:
        events.write(event)
        folder.write_summary(RunState.FAILED, facts)
    except OSError as write_error:
        # On a full disk the log is all that is left; the window derives the cause from it.
        _log.error("The failure could not be recorded: %s", write_error)
    return WRONG_INPUT if is_wrong_input else FAILED


@contextmanager
def _stop_on_signals(folder: RunFolder) -> Iterator[None]:
    """Handle the first SIGTERM or Ctrl+C like ``control = stop``; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def request_stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        folder.write_control("stop")

    numbers = [signal.SIGTERM, signal.SIGINT]
    if hasattr(signal, "SIGBREAK"):  # what Windows has for it
        numbers.append(signal.SIGBREAK)
    before = {number: signal.signal(number, request_stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
