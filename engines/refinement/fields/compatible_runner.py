"""An imported field, ready to refine the cases that it was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from engines.contract.errors import CheckpointError, InputError
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_into, load_weights
from engines.core.generations import WEIGHTS_FILE
from engines.imaging.volumes.near_format import foreground_box
from engines.refinement.config import FieldConfig
from engines.refinement.data import NativeCase, RefinementCase
from engines.refinement.evaluation.baselines import without_small
from engines.refinement.fields.compatible_field import CompatibleArchitecture, CompatibleField
from engines.refinement.fields.field_runner import Refined
from engines.refinement.fields.lattice_inference import FieldValues
from engines.refinement.lattice import FloatGrid, WorkLattice

_CUBES = (64, 96, 128, 192, 256, 512)
"""Sides of arrays that were cropped and resized before: these are taken whole."""


class CompatibleRunner:
    """An imported field of a run.

    Parameters
    ----------
    run_path : Path
        Folder of the importing run.
    config : FieldConfig
        `resolution` points a side are asked, all of them.
    device : torch.device

    Raises
    ------
    CheckpointError
        If the run has no usable checkpoint.
    """

    def __init__(self, run_path: Path, config: FieldConfig, device: torch.device) -> None:
        folder = RunFolder(run_path).checkpoints_dir / config.weights
        weights, facts = load_weights(folder)
        try:
            architecture = CompatibleArchitecture.of_facts(facts["compatible_head"])
            self._rows = {str(name): int(row) for name, row in facts["rows"].items()}
            self.label_class = int(facts["label_class"])
            self._window_hu = (float(facts["window_hu"][0]), float(facts["window_hu"][1]))
            self.weights_sha256 = str(facts["files"][WEIGHTS_FILE])
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(
                "The imported weights of {run} are damaged.",
                remedy="Import them again.",
                run=run_path.name,
            ) from error
        self._field = CompatibleField(architecture)
        load_into(self._field, weights, folder)
        self._field.to(device).eval()
        self._config = config

    @property
    def variant(self) -> str:
        """Which head it has, and whether it sees the image."""
        architecture = self._field.architecture
        return f"{architecture.head}, {'shape+appearance' if architecture.has_appearance else 'shape'}"

    def refine(self, item: str, native: NativeCase) -> Refined:
        """Refine one item on a lattice over all classes, as the imported program prepared its cases.

        Raises
        ------
        InputError
            If the field has no latent for the item.
        """
        row = self._rows.get(item)
        if row is None:
            raise InputError(
                "The imported field has no latent for {item}; it knows {count} cases{some}.",
                remedy="Name the item as its table of cases does, or import it with that table: "
                "--set table=info.csv.",
                item=item,
                count=len(self._rows),
                some=f", for example {', '.join(list(self._rows)[:3])}" if self._rows else "",
            )
        config = self._config
        lattice = documented_lattice(native, config.resolution)
        image = lattice.sample(native.image.voxels)
        occupancy = lattice.occupancy(native.mask)
        probability = self._ask(row, image)
        mask = lattice.refined_mask(native.mask, occupancy, probability, config.threshold, config.keep_margin)
        voxel_mm3 = 1000.0 * native.image.geometry.voxel_volume_ml
        mask = without_small(mask, config.smallest_piece_mm3 / voxel_mm3)
        case = RefinementCase(item, lattice, image, occupancy)
        return Refined(mask, case, FieldValues(probability, probability.size), False)

    def _ask(self, row: int, image: FloatGrid) -> FloatGrid:
        appearance = None
        if self._field.architecture.has_appearance:
            low, high = self._window_hu
            # The other program's arrays are (k, j, i).
            appearance = np.clip((image.T - low) / (high - low), 0, 1).astype(np.float32)
        return np.ascontiguousarray(self._field.whole_lattice(row, image.shape[0], appearance).T)


def documented_lattice(native: NativeCase, side: int) -> WorkLattice:
    """Return a cubic lattice over the box of all classes and ten voxels more.

    Cases that were cropped and resized to a cube before are taken whole.
    """
    labels = native.label_map.voxels
    box = (
        tuple(slice(0, size) for size in labels.shape)
        if len(set(labels.shape)) == 1 and labels.shape[0] in _CUBES
        else foreground_box(labels != 0)
    )
    spacing = native.image.geometry.spacing_mm
    counts = [part.stop - part.start for part in box]
    steps = [count / side for count in counts]
    # Resizing keeps the edges of the box, not the middles of its voxels.
    starts = [part.start + 0.5 * step - 0.5 for part, step in zip(box, steps, strict=True)]
    native_shape = labels.shape
    return WorkLattice(
        shape=(side, side, side),
        native_shape=(native_shape[0], native_shape[1], native_shape[2]),
        start_ijk=(starts[0], starts[1], starts[2]),
        step_ijk=(steps[0], steps[1], steps[2]),
        spacing_mm=float(np.mean([step * own for step, own in zip(steps, spacing, strict=True)])),
    )
