"""`RunContext`: what an engine function is given, and its only way to speak.

`train`, `predict` and `evaluate` of a pipeline take one `RunContext`. It holds the folder, the request,
the settings and the items; it emits events and answers whether the run should stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from engines.contract.config import RunConfig
from engines.contract.events import (
    Continued,
    Event,
    EventWriter,
    Metric,
    Output,
    Panel,
    Paused,
    Phase,
    Progress,
    Warned,
    finite_or_none,
)
from engines.contract.kinds import Split
from engines.contract.manifest import ItemRecord, Manifest
from engines.contract.panels import PanelFile
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder, RunRequest
from engines.contract.spec import PipelineSpec

ConfigT = TypeVar("ConfigT", bound=RunConfig)


class StopRequested(Exception):
    """The run was asked to stop; raised between items after everything done so far is saved."""


@dataclass
class RunContext:
    """The run as its engine sees it.

    Parameters
    ----------
    folder : RunFolder
    request : RunRequest
    config : RunConfig
        Of the pipeline's class for the action.
    manifest : Manifest
    events : EventWriter
    """

    folder: RunFolder
    request: RunRequest
    config: RunConfig
    manifest: Manifest
    events: EventWriter
    summary: dict[str, Any] = field(default_factory=dict)
    """Facts for `summary.json`; the engine fills it."""
    step: int = 0
    """Last finished step, for the events that end a run."""
    observers: list[Callable[[Event], None]] = field(default_factory=list)
    """Called with every event after it was written, on the thread that emitted it."""

    @classmethod
    def open(cls, folder: RunFolder) -> RunContext:
        """Read a run folder and open its events file for appending."""
        request = folder.read_request()
        return cls(
            folder, request, folder.read_config(), folder.read_manifest(), EventWriter(folder.events_path)
        )

    @property
    def spec(self) -> PipelineSpec:
        """Spec of the run's pipeline."""
        return load_spec(self.request.pipeline)

    def typed_config(self, kind: type[ConfigT]) -> ConfigT:
        """Return the settings as the class the caller expects."""
        assert isinstance(self.config, kind)
        return self.config

    def emit(self, event: Event) -> None:
        """Append an event."""
        self.events.write(event)
        for observer in self.observers:
            observer(event)

    def phase(self, name: str) -> None:
        """Say which stage begins, in one English phrase."""
        self.emit(Phase(name=name))

    def progress(self, step: int, steps: int, epoch: int = 0) -> None:
        """Say how far the run is."""
        self.step = step
        self.emit(Progress(step=step, steps=steps, epoch=epoch))

    def metric(
        self, key: str, value: float | None, *, split: str, step: int, epoch: int = 0, reason: str = ""
    ) -> None:
        """Report one value; None or a non-finite number means undefined, and `reason` says why."""
        finite = finite_or_none(value)
        if finite is None and value is not None and not reason:
            reason = "not a finite number"
        self.emit(Metric(key=key, value=finite, split=split, step=step, epoch=epoch, reason=reason))

    def warn(self, message: str, **parameters: Any) -> None:
        """Tell people something that stops nothing."""
        self.emit(Warned(message=message, parameters=parameters))

    def output(self, item: str, role: str, path: Path) -> None:
        """Announce a result file below the run folder."""
        self.emit(Output(item=item, role=role, path=path.relative_to(self.folder.path).as_posix()))

    def panel(self, name: str, panel: PanelFile) -> None:
        """Write a picture of the pipeline and announce it."""
        panel.write(self.folder.panels_dir / f"{name}.json")
        self.emit(Panel(name=name))

    def input_path(self, item: ItemRecord, role: str) -> Path:
        """Return the file of an item's role."""
        return self.folder.file_path(item.files[role].path)

    def items(self, *splits: Split) -> tuple[ItemRecord, ...]:
        """Return the items of some splits."""
        return self.manifest.of_split(*splits)

    def should_stop(self) -> bool:
        """Tell whether the run was asked to stop; waits here while it is paused."""
        control = self.folder.read_control()
        if control == "pause":
            self._wait_while_paused()
            control = self.folder.read_control()
        return control == "stop"

    def check_stop(self) -> None:
        """Raise `StopRequested` when the run was asked to stop; waits here while it is paused."""
        if self.should_stop():
            raise StopRequested

    def _wait_while_paused(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self.emit(Paused(step=self.step))
        while self.folder.read_control() == "pause":
            sleep(0.2)
        self.emit(Continued(step=self.step))
