"""The command line that does what a button does."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from engines.contract.spec import PipelineSpec
from workstation.runs.preconditions import SWEEP_COMMAND


def train_command(
    project: Path,
    spec: PipelineSpec,
    *,
    phase: str,
    preset: str,
    overrides: Mapping[str, Any],
    base_run: str = "",
) -> str:
    """Return ``workstation train ...`` with the settings that differ from the preset."""
    words = ["workstation", "train", str(project), spec.key, "--phase", phase, "--preset", preset]
    return join(words + _settings(overrides, base_run))


def variants_command(
    project: Path,
    spec: PipelineSpec,
    *,
    phase: str,
    preset: str,
    overrides: Mapping[str, Any],
    base_run: str = "",
) -> str:
    """Return ``workstation sweep ... --variants``: the short trainings that a phase offers to compare."""
    words = [
        *SWEEP_COMMAND.split(),
        str(project),
        spec.key,
        "--phase",
        phase,
        "--preset",
        preset,
        "--variants",
    ]
    return join(words + _settings(overrides, base_run))


def _settings(overrides: Mapping[str, Any], base_run: str) -> list[str]:
    words = ["--base-run", base_run] if base_run else []
    for key, value in overrides.items():
        words += ["--set", f"{key}={scalar(value)}"]
    return words


def evaluate_command(project: Path, spec: PipelineSpec, *, run_id: str, split: str) -> str:
    """Return ``workstation evaluate ...`` for a run."""
    return join(["workstation", "evaluate", str(project), spec.key, "--run", run_id, "--split", split])


def scalar(value: Any) -> str:
    """Return a value as ``--set`` reads it."""
    if isinstance(value, str):
        return value
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def join(words: Sequence[str]) -> str:
    """Return a line that the shell of this system splits into the same words."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
