"""Make synthetic CTA volumes of the items of a run; every file says that it is synthetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from engines.contract.errors import InputError, PreconditionError
from engines.contract.manifest import ItemRecord
from engines.contract.run_context import RunContext
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from engines.synthesis.config import PredictConfig, VolumeConfig
from engines.synthesis.data import NCCT, as_hu, read_ct
from engines.synthesis.evaluation.metrics import mae_hu
from engines.synthesis.evaluation.reports import write_table
from engines.synthesis.inference.secondary_capture import MARK, write_secondary_capture
from engines.synthesis.inference.synthesiser import Synthesiser
from engines.synthesis.volumes.canonical import axis_turn
from engines.synthesis.volumes.masks import body_mask
from engines.synthesis.volumes.windows import FloatVoxels

_COLUMNS = (
    "item",
    "slices",
    "slice_spacing_mm",
    "neighbour_mm",
    "mean_change_hu",
    "mean_spread_hu",
    "reason",
)


def predict(run: RunContext) -> None:
    """Make and write the volume of every item that has an NCCT."""
    config = run.typed_config(PredictConfig)
    items = items_with_ncct(run)
    synthesiser = make_synthesiser(run, config)
    if synthesiser is None:
        raise PreconditionError(
            "Making a CTA needs a training run, and none was given.", remedy="Choose a finished run."
        )
    warn_of_flips(run, config, synthesiser)
    rows: list[dict[str, Any]] = []
    run.phase("Making volumes")
    for number, item in enumerate(items):
        run.check_stop()
        run.progress(number, len(items))
        try:
            rows.append(_make(run, item, synthesiser, config))
        except InputError as error:
            run.warn("{item} was left out: {reason}", item=item.id, reason=error.render())
            rows.append({"item": item.id, "reason": error.render()})
        write_table(run.folder.per_item_path, _COLUMNS, rows)
    run.progress(len(items), len(items))
    run.summary["items"] = sum("reason" not in row for row in rows)


def items_with_ncct(run: RunContext) -> tuple[ItemRecord, ...]:
    """Return the items that hold an NCCT.

    Raises
    ------
    PreconditionError
        If there is none.
    """
    items = tuple(item for item in run.manifest.items if item.has(NCCT))
    if not items:
        raise PreconditionError("No item has an NCCT.", remedy="Import volumes in the role NCCT.")
    return items


def make_synthesiser(run: RunContext, config: VolumeConfig) -> Synthesiser | None:
    """Return the networks that the run was given, or None."""
    if not run.request.base_run:
        return None
    from engines.core.device import choose_device

    return Synthesiser(run.folder.file_path(run.request.base_run), config, choose_device(config))


def warn_of_flips(run: RunContext, config: VolumeConfig, synthesiser: Synthesiser) -> None:
    """Say when mirrored slices are averaged in that training never saw: chests are not symmetric."""
    if config.tta_flips and not synthesiser.was_mirrored:
        run.warn("Mirrored slices are averaged in, but training never saw any: set tta_flips to false.")


def warn_of_distance(run: RunContext, item: str, synthesiser: Synthesiser, spacing_mm: float) -> None:
    """Say when neighbours lie at another distance than in training."""
    if synthesiser.distance_deviates(spacing_mm):
        run.warn(
            "{item} has slices every {spacing:.2f} mm; the networks know neighbours at {trained:.2f} mm.",
            item=item,
            spacing=spacing_mm,
            trained=synthesiser.neighbour_mm,
        )


def _make(
    run: RunContext, item: ItemRecord, synthesiser: Synthesiser, config: PredictConfig
) -> dict[str, Any]:
    volume = read_ct(run, item, NCCT)
    turn = axis_turn(volume.geometry)
    ncct = np.ascontiguousarray(as_hu(turn.turned(volume.voxels)))
    spacing = turn.spacing(volume.geometry)
    warn_of_distance(run, item.id, synthesiser, spacing[2])
    made = synthesiser.make(ncct, spacing[2], lambda _done, _all: run.check_stop())
    written: dict[str, FloatVoxels] = {"synthetic_cta": made.final}
    if config.write_generated and synthesiser.has_refiner:
        written["generated_cta"] = made.generated
    if config.write_spread:
        written["spread"] = made.spread
    for role, voxels in written.items():
        path = run.folder.outputs_dir / role / f"{item.id}.nii.gz"
        write_marked_nifti(path, turn.restored(as_hu(voxels)), volume.geometry)
        run.output(item.id, role, path)
    if config.write_dicom:
        folder = run.folder.outputs_dir / "dicom" / item.id
        write_secondary_capture(folder, made.final, turn, volume.geometry, case=item.id)
    body = body_mask(ncct)
    return {
        "item": item.id,
        "slices": ncct.shape[2],
        "slice_spacing_mm": spacing[2],
        "neighbour_mm": synthesiser.neighbour_mm,
        "mean_change_hu": mae_hu(made.final, ncct.astype(np.float32), body),
        "mean_spread_hu": float(made.spread[body].mean()) if body.any() else None,
    }


def write_marked_nifti(path: Path, voxels: np.ndarray[Any, Any], geometry: VolumeGeometry) -> None:
    """Write a NIfTI whose header says that it is synthetic."""
    image = nib.Nifti1Image(voxels, geometry.world_from_voxel)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = MARK.encode("ascii")[:79]
    image.header["intent_name"] = b"SYNTHETIC"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, Volume(voxels, geometry, image.header.binaryblock))
