"""Open the field of a run, trained here or imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch

from engines.contract.run_folder import RunFolder
from engines.core.generations import read_usable
from engines.refinement.config import FieldConfig
from engines.refinement.data import NativeCase
from engines.refinement.fields.field_runner import FieldRunner

if TYPE_CHECKING:
    from engines.refinement.fields.field_runner import Refined


class ItemRunner(Protocol):
    """A field that refines items."""

    label_class: int
    weights_sha256: str

    @property
    def variant(self) -> str:
        """Whether it sees the image."""

    def refine(self, item: str, native: NativeCase) -> Refined:
        """Refine one item."""


def open_runner(run_path: Path, config: FieldConfig, device: torch.device) -> ItemRunner:
    """Return the field of a run.

    Raises
    ------
    CheckpointError
        If the run has no usable checkpoint, or one of another model.
    """
    facts = read_usable(RunFolder(run_path).checkpoints_dir / config.weights).facts
    if "compatible_head" in facts:
        from engines.refinement.fields.compatible_runner import CompatibleRunner

        return CompatibleRunner(run_path, config, device)
    return FieldRunner(run_path, config, device)
