"""Refine the label maps of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.contract.errors import InputError, PreconditionError
from engines.contract.kinds import AnnotationKind
from engines.contract.manifest import ItemRecord
from engines.contract.run_context import RunContext
from engines.imaging.volumes.label_metrics import dice, num_components, volume_ml
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import write_volume
from engines.refinement.config import FieldConfig, PredictConfig
from engines.refinement.data import NativeCase, image_role, read_case
from engines.refinement.field_runner import FieldRunner, Refined
from engines.refinement.gate import judge
from engines.refinement.tables import write_per_item

_COLUMNS = (
    "item",
    "gate",
    "rules",
    "volume_before_ml",
    "volume_after_ml",
    "voxels_added",
    "voxels_removed",
    "components_before",
    "components_after",
    "dice_to_input",
    "queries",
    "lattice_points",
    "new_case",
    "reason",
)


def predict(run: RunContext) -> None:
    """Refine every item and write its label map on the grid of its image."""
    config = run.typed_config(PredictConfig)
    items = refinable_items(run)
    runner = field_runner(run, config)
    if runner is None:
        raise PreconditionError(
            "Refining needs a training run, and none was given.", remedy="Choose a finished run."
        )
    rows: list[dict[str, Any]] = []
    run.phase("Refining")
    for number, item in enumerate(items):
        run.check_stop()
        run.progress(number, len(items))
        try:
            native = read_case(run, item, runner.label_class)
            refined = runner.refine(item.id, native)
        except InputError as error:
            run.warn("{item} was left out: {reason}", item=item.id, reason=error.render())
            rows.append({"item": item.id, "reason": error.render()})
            continue
        _write(run, item, native, refined, config, runner.label_class)
        rows.append(_row(item, native, refined))
        write_per_item(run.folder.per_item_path, _COLUMNS, rows)
    write_per_item(run.folder.per_item_path, _COLUMNS, rows)
    run.progress(len(items), len(items))
    run.summary["items"] = sum("reason" not in row for row in rows)
    gates = [row["gate"] for row in rows if "gate" in row]
    run.summary["gates"] = {name: gates.count(name) for name in sorted(set(gates))}


def refinable_items(run: RunContext) -> tuple[ItemRecord, ...]:
    """Return the items with an image and a label map.

    Raises
    ------
    PreconditionError
        If there is none.
    """
    items = tuple(
        item
        for item in run.manifest.items
        if image_role(item) is not None and AnnotationKind.LABEL_MAP in item.annotations
    )
    if not items:
        raise PreconditionError(
            "No item has an image and a label map.", remedy="Import both, or accept a label map."
        )
    return items


def field_runner(run: RunContext, config: FieldConfig) -> FieldRunner | None:
    """Return the trained field that the run was given, or None."""
    if not run.request.base_run:
        return None
    from engines.core.device import choose_device
    from engines.refinement.field_runner import FieldRunner

    return FieldRunner(run.folder.file_path(run.request.base_run), config, choose_device(config))


def merged_labels(native: NativeCase, refined: Refined, label_class: int) -> Volume:
    """Return the label map with the refined class in it; other classes keep every voxel.

    What the class lost becomes background, and where it wants a voxel of another class it yields.
    """
    labels = np.array(native.label_map.voxels)
    others = (labels != 0) & (labels != label_class)
    labels[native.mask] = 0
    labels[refined.mask & ~others] = label_class
    return Volume(labels, native.label_map.geometry, native.label_map.header)


def _write(
    run: RunContext,
    item: ItemRecord,
    native: NativeCase,
    refined: Refined,
    config: PredictConfig,
    label_class: int,
) -> None:
    path = run.folder.outputs_dir / "label_map" / f"{item.id}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, merged_labels(native, refined, label_class))
    run.output(item.id, "label_map", path)
    if config.write_probability:
        probability = np.zeros(native.mask.shape, dtype=np.float32)
        probability[refined.case.lattice.native_box] = refined.case.lattice.at_native(
            refined.values.probability
        )
        path = run.folder.outputs_dir / "probability" / f"{item.id}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(path, Volume(probability, native.image.geometry, native.image.header))
        run.output(item.id, "probability", path)


def _row(item: ItemRecord, native: NativeCase, refined: Refined) -> dict[str, Any]:
    spacing = native.image.geometry.spacing_mm
    before, after = native.mask, refined.mask
    verdict = judge(before, after, spacing)
    return {
        "item": item.id,
        "gate": verdict.status,
        "rules": "; ".join(verdict.rules),
        "volume_before_ml": round(volume_ml(before, spacing), 4),
        "volume_after_ml": round(volume_ml(after, spacing), 4),
        "voxels_added": int((after & ~before).sum()),
        "voxels_removed": int((before & ~after).sum()),
        "components_before": num_components(before),
        "components_after": num_components(after),
        "dice_to_input": round(dice(after, before), 4),
        "queries": refined.values.num_queries,
        "lattice_points": int(np.prod(refined.case.lattice.shape)),
        "new_case": refined.is_new,
    }
