"""Presets: named values of a pipeline's training settings, as YAML under ``resources/presets/<key>/``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.contract.config import RunConfig, read_yaml
from engines.contract.errors import UnknownKeyError
from engines.contract.kinds import Action
from engines.contract.registry import config_class
from engines.contract.resources import resource_path
from engines.contract.spec import PipelineSpec


def preset_values(spec: PipelineSpec, phase: str, preset: str) -> dict[str, Any]:
    """Return the values a preset sets for a phase.

    A preset file holds a mapping ``all`` and one mapping for each phase key; the phase's values win.

    Raises
    ------
    UnknownKeyError
        If the pipeline has no such preset or phase.
    """
    spec.phase(phase)
    if preset not in spec.presets:
        raise UnknownKeyError(
            "{pipeline} has no preset '{preset}'.",
            remedy="Choose one of: {known}.",
            pipeline=spec.key,
            preset=preset,
            known=", ".join(spec.presets),
        )
    sections = read_yaml(resource_path("presets", spec.key, f"{preset}.yaml"))
    return {**(sections.get("all") or {}), **(sections.get(phase) or {})}


def training_config(
    spec: PipelineSpec, phase: str, preset: str = "", overrides: Mapping[str, Any] | None = None
) -> RunConfig:
    """Resolve defaults, preset and overrides, later ones winning, into the training settings of a phase."""
    chosen = preset or spec.phase(phase).preset
    values = {**preset_values(spec, phase, chosen), **(overrides or {})}
    return config_class(spec, Action.TRAIN).from_values(values)
