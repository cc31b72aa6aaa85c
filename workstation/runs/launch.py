"""Prepare run folders from a project, and start engines on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import engines
from engines.contract.config import RunConfig
from engines.contract.errors import PreconditionError
from engines.contract.files import relative_or_absolute
from engines.contract.kinds import Action, Split
from engines.contract.manifest import Manifest
from engines.contract.presets import training_config
from engines.contract.registry import config_class
from engines.contract.run_folder import RunFolder, RunRequest
from engines.contract.spec import PipelineSpec
from workstation.runs.preconditions import check_model, check_phase, newest_finished_run
from workstation.runs.process_watch import (
    DetachedProcess,
    Liveness,
    Rung,
    StopLadder,
    exit_code_of,
    is_alive,
    liveness,
    remember_child,
)

if TYPE_CHECKING:
    from workstation.project.project import Project

__all__ = [
    "Liveness",
    "Rung",
    "StopLadder",
    "exit_code_of",
    "is_alive",
    "liveness",
    "prepare_run",
    "resume_run",
    "start_engine",
]
_EXIT_S = 20.0
"""Time that the process of an ended run gets before it is said to be running still."""


def resolve_config(
    spec: PipelineSpec,
    action: Action,
    *,
    phase: str = "",
    preset: str = "",
    overrides: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Resolve defaults, preset and overrides into the settings of an action.

    Raises
    ------
    ConfigError
        If a setting is unknown or out of bounds.
    UnknownKeyError
        If the phase or preset does not exist.
    """
    if action is Action.TRAIN:
        return training_config(spec, phase, preset, overrides)
    return config_class(spec, action).from_values(overrides or {})


def prepare_run(
    project: Project,
    spec: PipelineSpec,
    *,
    action: Action,
    phase: str = "",
    preset: str = "",
    overrides: Mapping[str, Any] | None = None,
    base_run: RunFolder | Path | None = None,
    items: Sequence[str] | None = None,
    split: Split | str | None = None,
    command: str = "",
) -> RunFolder:
    """Write the given half of a new run folder and record it in the project.

    Parameters
    ----------
    project : Project
    spec : PipelineSpec
    action : Action
    phase : str
        Phase of a run that makes a model; the pipeline's first one by default.
    preset : str
        Training preset; the phase's own by default.
    overrides : mapping of str to object
        Settings that win over preset and defaults.
    base_run : RunFolder, Path or None
        Run whose model is used; by default a phase begins from the newest run of the one before it.
    items : sequence of str or None
        Ids of the items to use; all that fit by default.
    split : Split, "all" or None
        Only items of this split; None for all.
    command : str
        Command line that repeats the run.

    Raises
    ------
    PreconditionError
        If something the action needs is missing: what, how many, and how to get it.
    SplitError
        If the project's split leaks.
    ConfigError, UnknownKeyError
        If a setting, phase or preset is wrong.
    ProjectError, RunFolderError
        If the run folder cannot be written.
    """
    if action.makes_model:
        phase = phase or spec.phases[0].key
        spec.phase(phase)
    if action is Action.TRAIN:
        preset = preset or spec.phase(phase).preset
    config = resolve_config(spec, action, phase=phase, preset=preset, overrides=overrides)
    project.splits.check_no_leak()
    if action is Action.TRAIN:
        check_phase(project, spec, spec.phase(phase), items, config.values())
        earlier = spec.phase(phase).needs.phases
        if base_run is None and earlier:
            base_run = newest_finished_run(project, spec, phase=earlier[-1])
    elif action is Action.PREDICT:
        check_model(spec, has_model=base_run is not None)
    stem = action.value if action is Action.IMPORT_WEIGHTS else phase or action.value
    folder = RunFolder(project.runs.new_folder(spec.key, stem))
    base = base_run.path if isinstance(base_run, RunFolder) else base_run
    try:
        if action is Action.IMPORT_WEIGHTS:
            manifest = Manifest(items=())
        else:
            manifest = project.manifest_for(
                spec,
                action=action,
                phase=phase,
                run_folder=folder,
                items=items,
                split=split,
                seed=config.seed,
                settings=config.values(),
            )
        request = RunRequest(
            pipeline=spec.key,
            action=action,
            phase=phase,
            preset=preset,
            base_run=relative_or_absolute(base.resolve(), folder.path.resolve()) if base is not None else "",
            project=project.name,
            command=command,
            settings=config.values(),
        )
        folder.create(request, manifest)
    except BaseException:
        # Nobody has heard of this folder yet.
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    project.runs.add(folder.id, folder.path)
    return folder


def resume_run(folder: RunFolder) -> int:
    """Continue a run that has ended from its newest checkpoint; return the engine's process id.

    Raises
    ------
    PreconditionError
        If the run is still alive, or was no training.
    """
    _wait_for_exit(folder)
    prepare_resume(folder)
    return start_engine(folder)


def _wait_for_exit(folder: RunFolder) -> None:
    """Let the process of a run that has told its end go: it lives on for a moment after its last event."""
    if folder.read_summary() is None:
        return
    deadline = time.monotonic() + _EXIT_S
    while is_alive(folder) and time.monotonic() < deadline:
        time.sleep(0.05)


def prepare_resume(folder: RunFolder) -> None:
    """Write into the folder that the run shall continue, see `resume_run`."""
    if is_alive(folder):
        raise PreconditionError("The run {run} is still running.", remedy="Stop it first.", run=folder.id)
    request = folder.read_request()
    if request.action is Action.TRAIN:
        folder.write_request(request.model_copy(update={"resume": True}))
    folder.write_control(None)
    # The old end is told by the events; a summary would still say that the run is over.
    folder.summary_path.unlink(missing_ok=True)


def start_engine(folder: RunFolder) -> int:
    """Start ``python -m engines run FOLDER`` so that it outlives this program; return its process id.

    Raises
    ------
    RunFolderError
        If the folder holds no run.
    PreconditionError
        If its engine is alive already.
    """
    folder.read_request()
    if is_alive(folder):
        raise PreconditionError(
            "The run {run} is already running.", remedy="Follow it in the run list.", run=folder.id
        )
    folder.process_path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "engines", "run", str(folder.path.resolve())]
    return spawn(command, folder)


def spawn(command: Sequence[str], folder: RunFolder) -> int:
    """Start a detached engine process whose output goes to the run's log; return its process id."""
    with folder.log_path.open("ab") as log:
        child = DetachedProcess(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=engine_environment(),
            close_fds=True,
            **_detached(),
        )
    remember_child(folder, child)
    return child.pid


def _detached() -> dict[str, Any]:
    """Return what makes a child outlive us and our terminal."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def engine_environment() -> dict[str, str]:
    """Return the environment of an engine: the packages of a checkout are found from any folder."""
    root = str(Path(next(iter(engines.__path__))).resolve().parent)
    known = os.environ.get("PYTHONPATH", "")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(part for part in (root, known) if part),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
