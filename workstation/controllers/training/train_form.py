"""The settings on the Train screen: preset, values, what is wrong with them, and the command they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engines.contract.errors import ConfigError
from engines.contract.kinds import Action
from engines.contract.messages import Message
from engines.contract.presets import training_config
from engines.contract.registry import config_class
from engines.contract.spec import PipelineSpec
from workstation.controllers.command_line import train_command
from workstation.runs.run_model import RunModel
from workstation.views.protocols.runs import TrainView


class TrainForm:
    """Fills the form of a `TrainView` for a pipeline and a phase, and keeps what it holds.

    Parameters
    ----------
    view : TrainView
    folder : callable
        Returns the folder of the open project, for the command line.

    Attributes
    ----------
    preset : str
    problem : str
        What is wrong with the settings; empty when nothing is.
    is_touched : bool
        Whether a person changed something since the phase was chosen.
    """

    def __init__(self, view: TrainView, folder: Callable[[], Path | None]) -> None:
        self._view = view
        self._folder = folder
        self._spec: PipelineSpec | None = None
        self._phase = ""
        self._base: dict[str, Any] = {}
        """Values of the preset; reading them for every key that is pressed would be felt."""
        self._values: dict[str, Any] = {}
        self.preset = ""
        self.problem = ""
        self.is_touched = False
        self.base_run = ""
        """Run to start from when it was chosen; empty: the newest of the phase before."""

    def choose(self, spec: PipelineSpec | None, phase: str) -> None:
        """Show the settings of a phase with its own preset, untouched."""
        self._spec, self._phase = spec, phase
        self.preset, self.is_touched, self.base_run = "", False, ""
        self.show()

    def choose_preset(self, name: str) -> None:
        """Fill in the values of a preset."""
        self.preset, self.is_touched = name, True
        self.show()

    def take(self, values: Mapping[str, Any], problem: str) -> None:
        """Take what the form holds now."""
        self._values, self.problem = dict(values), problem
        self.is_touched = True
        self._view.show_command(self.command())

    def show(self) -> None:
        """Fill the form anew."""
        spec = self._spec
        if spec is None or not self._phase:
            return
        self.preset = self.preset or spec.phase(self._phase).preset
        self._view.show_presets(spec.presets, self.preset)
        self._base = training_config(spec, self._phase, self.preset).values()
        self._values, self.problem = dict(self._base), ""
        schema = config_class(spec, Action.TRAIN).model_json_schema()
        self._view.show_settings(schema, self._values, self._check)
        self._view.show_command(self.command())

    def adopt_once(self, model: RunModel) -> None:
        """Go on with the settings of the newest run, unless the person has begun to choose others."""
        if not self.is_touched:
            self.adopt(model, {})
            self.is_touched = True

    def adopt(self, model: RunModel | None, patch: Mapping[str, Any]) -> None:
        """Write the settings of a run, and changes to them, into the form."""
        request = model.request if model is not None else None
        if request is not None and self._spec is not None and request.preset in self._spec.presets:
            self.preset = request.preset
            self.show()
        wanted = {**(request.settings if request is not None else {}), **patch}
        changed = {
            key: value for key, value in wanted.items() if key in self._base and value != self._base[key]
        }
        if changed:
            self._view.set_values(changed)

    def choose_base(self, run_id: str) -> None:
        """Start from this run; empty: from the newest."""
        self.base_run = run_id
        self._view.show_command(self.command())

    def carry(self, values: Mapping[str, Any], preset: str = "") -> None:
        """Take over what an earlier phase was trained with, unless the person has begun to choose."""
        if self.is_touched:
            return
        if self._spec is not None and preset in self._spec.presets and preset != self.preset:
            self.preset = preset
            self.show()
        changed = {key: value for key, value in values.items() if value != self._values.get(key)}
        if changed:
            self._view.set_values(changed)
            self.is_touched = False

    @property
    def values(self) -> dict[str, Any]:
        """Everything the form holds."""
        return dict(self._values)

    def overrides(self) -> dict[str, Any]:
        """Return the settings that differ from the preset."""
        return {key: value for key, value in self._values.items() if value != self._base.get(key)}

    def command(self) -> str:
        """Return the command line that trains the same in a project; empty without one."""
        folder = self._folder()
        if folder is None or self._spec is None:
            return ""
        return train_command(
            folder,
            self._spec,
            phase=self._phase,
            preset=self.preset,
            overrides=self.overrides(),
            base_run=self.base_run,
        )

    def _check(self, values: Mapping[str, Any]) -> Message | None:
        """Say what is wrong with the settings together."""
        if self._spec is None:
            return None
        try:
            config_class(self._spec, Action.TRAIN).from_values(values)
        except ConfigError as error:
            return error.message
        return None
