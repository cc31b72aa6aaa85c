"""The run folder: everything a run was given and everything it produced.

The window writes `config.yaml`, `manifest.json` and `annotations/`; the engine writes the rest. A run
that is live, finished, re-opened, or copied back from a cluster is read by this one class.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from engines.contract.config import SCHEMA_VERSION, RunConfig, read_yaml
from engines.contract.errors import RunFolderError
from engines.contract.files import write_json_atomically, write_text_atomically
from engines.contract.kinds import Action, RunState
from engines.contract.manifest import Manifest
from engines.contract.registry import config_class, load_spec

Control = Literal["pause", "resume", "stop"]


class RunRequest(BaseModel):
    """Content of `config.yaml`: what to do, with every resolved value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    pipeline: str
    action: Action
    phase: str = ""
    preset: str = ""
    base_run: str = ""
    """Run folder whose model is used, relative to this one or absolute; empty for none."""
    resume: bool = False
    """Whether to continue from the newest checkpoint of this folder."""
    project: str = ""
    """Name of the project, for people."""
    command: str = ""
    """Command line that repeats the run."""
    settings: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """Who runs the run: process id, its start time in s since the epoch, and the machine."""

    pid: int
    started_at: float
    host: str


class RunFolder:
    """Typed access to a run folder.

    Parameters
    ----------
    path : Path
        The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def id(self) -> str:
        """Name of the run: the folder's name."""
        return self.path.name

    @property
    def config_path(self) -> Path:
        """What to do, as YAML."""
        return self.path / "config.yaml"

    @property
    def manifest_path(self) -> Path:
        """Items of the run."""
        return self.path / "manifest.json"

    @property
    def annotations_dir(self) -> Path:
        """Frozen copies of annotations."""
        return self.path / "annotations"

    @property
    def events_path(self) -> Path:
        """The truth about the run."""
        return self.path / "events.jsonl"

    @property
    def checkpoints_dir(self) -> Path:
        """Weights and training state."""
        return self.path / "checkpoints"

    @property
    def previews_dir(self) -> Path:
        """Pictures by step."""
        return self.path / "previews"

    @property
    def panels_dir(self) -> Path:
        """Pictures of the pipeline as data."""
        return self.path / "panels"

    @property
    def outputs_dir(self) -> Path:
        """Results: ``outputs/<role>/<item id>.<ext>``."""
        return self.path / "outputs"

    @property
    def evaluation_path(self) -> Path:
        """The report of an evaluation."""
        return self.outputs_dir / "evaluation.json"

    @property
    def per_item_path(self) -> Path:
        """Metrics of each item, as CSV."""
        return self.path / "per_item.csv"

    @property
    def summary_path(self) -> Path:
        """Written last; carries the final state."""
        return self.path / "summary.json"

    @property
    def environment_path(self) -> Path:
        """Versions, device, precision, seed, command line."""
        return self.path / "environment.json"

    @property
    def control_path(self) -> Path:
        """pause, resume or stop; read between steps."""
        return self.path / "control"

    @property
    def heartbeat_path(self) -> Path:
        """Touched every 2 s while the engine lives."""
        return self.path / "heartbeat"

    @property
    def process_path(self) -> Path:
        """Who runs it."""
        return self.path / "process.json"

    @property
    def log_path(self) -> Path:
        """Standard output and error of the engine."""
        return self.path / "log.txt"

    def read_log_tail(self, num_bytes: int = 20_000) -> str:
        """Return the end of the engine's output; empty when there is none."""
        try:
            with self.log_path.open("rb") as stream:
                stream.seek(max(0, stream.seek(0, 2) - num_bytes))
                return stream.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    @property
    def tensorboard_dir(self) -> Path:
        """The same scalars for TensorBoard."""
        return self.path / "tensorboard"

    def create(self, request: RunRequest, manifest: Manifest) -> None:
        """Write the half that the window owns.

        Raises
        ------
        RunFolderError
            If the folder already holds a run or cannot be written.
        """
        if self.config_path.exists():
            raise RunFolderError(
                "{path} already holds a run.", remedy="Choose another folder.", path=self.path
            )
        try:
            self.annotations_dir.mkdir(parents=True, exist_ok=True)
            manifest.write(self.manifest_path)
            self.write_request(request)
        except OSError as error:
            raise RunFolderError(
                "The run folder {path} cannot be written: {reason}.",
                remedy="Free some space or choose a folder you may write to.",
                path=self.path,
                reason=error.strerror,
            ) from error

    def write_request(self, request: RunRequest) -> None:
        """Write `config.yaml`."""
        text = yaml.safe_dump(request.model_dump(mode="json"), allow_unicode=True, sort_keys=False)
        write_text_atomically(self.config_path, text)

    def read_request(self) -> RunRequest:
        """Read `config.yaml`.

        Raises
        ------
        RunFolderError
            If it is missing, damaged or of a newer version.
        """
        if not self.config_path.is_file():
            raise RunFolderError(
                "{path} is not a run folder: it has no config.yaml.",
                remedy="Choose a folder under runs/.",
                path=self.path,
            )
        values = read_yaml(self.config_path)
        version = values.get("schema_version")
        if version != SCHEMA_VERSION:
            raise RunFolderError(
                "{path} was written in version {version}; this program reads version {known}.",
                remedy="Open it with the version that wrote it.",
                path=self.path,
                version=version,
                known=SCHEMA_VERSION,
            )
        try:
            return RunRequest.model_validate(values)
        except ValidationError as error:
            raise RunFolderError(
                "config.yaml of {run} is damaged: {reason}.",
                remedy="Start the run again from the project.",
                run=self.id,
                reason=error.errors()[0]["msg"],
            ) from error

    def read_config(self) -> RunConfig:
        """Return the settings as the pipeline's own class for the action."""
        request = self.read_request()
        return config_class(load_spec(request.pipeline), request.action).from_values(request.settings)

    def read_manifest(self) -> Manifest:
        """Read the items."""
        return Manifest.read(self.manifest_path)

    def file_path(self, recorded: str) -> Path:
        """Return the path of a file named in the manifest or in an event."""
        path = Path(recorded)
        return path if path.is_absolute() else Path(os.path.normpath(self.path / path))

    def write_control(self, control: Control | None) -> None:
        """Ask the engine to pause, resume or stop; None takes the request back."""
        if control is None:
            self.control_path.unlink(missing_ok=True)
        else:
            write_text_atomically(self.control_path, control)

    def read_control(self) -> str:
        """Return what was asked of the engine, or an empty string."""
        try:
            return self.control_path.read_text(encoding="utf-8").strip()
        except OSError:
            # Absent, or being replaced at this moment on Windows: the next step reads it.
            return ""

    def touch_heartbeat(self) -> None:
        """Say that the engine lives."""
        self.heartbeat_path.touch()

    def heartbeat_age_s(self) -> float | None:
        """Return the seconds since the last heartbeat, or None when there was none."""
        try:
            return max(0.0, time.time() - self.heartbeat_path.stat().st_mtime)
        except FileNotFoundError:
            return None

    def write_process(self, process: ProcessRecord) -> None:
        """Record who runs the run."""
        write_json_atomically(
            self.process_path, {"pid": process.pid, "started_at": process.started_at, "host": process.host}
        )

    def read_process(self) -> ProcessRecord | None:
        """Return who runs or ran the run, or None."""
        values = self._read_json(self.process_path)
        if values is None:
            return None
        return ProcessRecord(int(values["pid"]), float(values["started_at"]), str(values["host"]))

    def write_summary(self, state: RunState, facts: dict[str, Any]) -> None:
        """Write the last file of a run."""
        write_json_atomically(self.summary_path, {"state": state.value, **facts})

    def read_summary(self) -> dict[str, Any] | None:
        """Return the summary, or None when the run has not ended or died without one."""
        return self._read_json(self.summary_path)

    def _read_json(self, path: Path) -> dict[str, Any] | None:
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return values if isinstance(values, dict) else None
