"""The files of one refined case below ``outputs/``, and whether they are there already."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.contract.component_table import ROLE as COMPONENTS
from engines.contract.files import hash_file, hash_text
from engines.contract.item_review import CHANGED_ML, COMMON_COLUMNS, Conflict, ItemReview, ReviewColumn
from engines.contract.item_review import ROLE as REVIEW
from engines.contract.kinds import AnnotationKind
from engines.contract.manifest import ComponentDecision, ItemRecord
from engines.contract.probability_file import ROLE as PROBABILITY
from engines.contract.probability_file import SparseProbability
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.imaging.volumes.label_metrics import Mask
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import write_volume
from engines.refinement.anatomy.piece_table import component_table
from engines.refinement.anatomy.steps import STEPS, Steps, as_volume
from engines.refinement.anatomy.stored_results import REPORT, mask_path, write_mask
from engines.refinement.data import NativeCase, image_role
from engines.refinement.reports.case_page import write_case_page
from engines.refinement.reports.case_report import CaseReport, ClassChange, class_change, class_changes
from engines.refinement.reports.pictures import Picture, slice_picture
from engines.refinement.reports.surface_picture import seen_from_front, spacing_from_front, surface_picture

if TYPE_CHECKING:
    from engines.refinement.config import PredictConfig

COLUMNS: tuple[ReviewColumn, ...] = (
    *COMMON_COLUMNS,
    ReviewColumn(
        key="pieces_left_out",
        title="Left out",
        help="Pieces that cleaning leaves out: specks, stubs, and what a person rejected.",
        decimals=0,
    ),
    ReviewColumn(
        key="shift_mm", title="Shift / mm", help="Mean distance of the old and the new surface.", decimals=3
    ),
)


@dataclass(frozen=True, eq=False)
class RefinedItem:
    """A refined mask, from the field or from the disk.

    Parameters
    ----------
    native : NativeCase
    mask : ndarray of bool, (I, J, K)
    label_class : int
    probability : SparseProbability
    is_finite : bool
    facts : dict
        What the report says of where it comes from.
    """

    native: NativeCase
    mask: Mask
    label_class: int
    probability: SparseProbability
    is_finite: bool
    facts: dict[str, Any]


def case_is_written(folder: RunFolder, item_id: str, inputs: str) -> bool:
    """Tell whether a case is finished, from the same inputs."""
    facts = _facts(folder, item_id)
    if facts.get("inputs") != inputs:
        return False
    paths = [_label_map_path(folder, step.role, item_id) for step in STEPS]
    return all(path.is_file() for path in (*paths, _path(folder, REVIEW, f"{item_id}.json")))


def stored_row(folder: RunFolder, item_id: str) -> dict[str, Any]:
    """Return the row of a finished case in the table of items."""
    return dict(_facts(folder, item_id)["row"])


def write_case(
    run: RunContext,
    item: ItemRecord,
    refined: RefinedItem,
    steps: Steps,
    decisions: tuple[ComponentDecision, ...],
    inputs: str,
    seconds: float,
) -> dict[str, Any]:
    """Write and announce everything about a case; return its row in the table of items.

    Parameters
    ----------
    run : RunContext
    item : ItemRecord
    refined : RefinedItem
    steps : Steps
    decisions : tuple of ComponentDecision
        That were carried out.
    inputs : str
        Hash of what the result depends on.
    seconds : float
        How long it took.
    """
    native, spacing = refined.native, refined.native.image.geometry.spacing_mm
    folder = run.folder
    for role, labels in steps.labels.items():
        path = _label_map_path(folder, role, item.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(path, as_volume(labels, native))
        run.output(item.id, role, path)
    write_mask(mask_path(folder, item.id), refined.mask)
    table = _path(folder, COMPONENTS, f"{item.id}.json")
    component_table(steps.cleaned.components, refined.label_class).write(table)
    run.output(item.id, COMPONENTS, table)
    threshold = _write_probability(run, item, refined)
    changes = class_changes(native.label_map.voxels, steps.result, spacing)
    own = next(
        (change for change in changes if change.label == refined.label_class),
        class_change(refined.label_class, native.mask, native.mask & False, spacing),
    )
    row = _row(item, refined, steps, own, seconds)
    report = CaseReport(
        item.id,
        refined.label_class,
        steps.verdict.status,
        steps.verdict.reasons,
        steps.findings,
        changes,
        steps.conflicts,
        steps.cleaned.components,
        decisions,
        {**_facts_of(run, item, refined, inputs, seconds), "row": row},
    )
    page = _path(folder, REPORT, f"{item.id}.html")
    write_case_page(page, report, _pictures(native, steps.result == refined.label_class))
    run.output(item.id, REPORT, page)
    review = _path(folder, REVIEW, f"{item.id}.json")
    ItemReview(
        status=steps.verdict.status,
        reasons=steps.verdict.reasons,
        values={column.key: row.get(column.key) for column in COLUMNS},
        columns=COLUMNS,
        steps=STEPS,
        threshold=threshold,
        report=page.relative_to(folder.path).as_posix(),
        conflicts=tuple(
            Conflict(winner=winner, loser=loser, num_voxels=count)
            for (winner, loser), count in steps.conflicts.items()
        ),
        priority=steps.priority,
    ).write(review)
    run.output(item.id, REVIEW, review)
    # Last: a resumed run takes the case for finished when it is there.
    report.write(page.parent)
    return row


def _pictures(native: NativeCase, result: Mask) -> tuple[tuple[str, Picture], ...]:
    geometry = native.image.geometry
    image, before, after = (
        seen_from_front(voxels, geometry) for voxels in (native.image.voxels, native.mask, result)
    )
    # Slices have the front at the top.
    upright = [np.flip(voxels, axis=1) for voxels in (image, before, after)]
    return (
        ("Slice with most changes, from the feet", slice_picture(*upright)),
        ("Surface, from the front", surface_picture(before, after, spacing_from_front(geometry))),
    )


def _write_probability(run: RunContext, item: ItemRecord, refined: RefinedItem) -> float:
    path = _path(run.folder, PROBABILITY, f"{item.id}.npz")
    refined.probability.write(path)
    run.output(item.id, PROBABILITY, path)
    config = _config(run)
    if config.write_probability:
        native = refined.native
        path = path.with_suffix("").with_suffix(".nii.gz")
        full = refined.probability.full().astype("float32")
        write_volume(path, Volume(full, native.image.geometry, native.image.header))
        run.output(item.id, PROBABILITY, path)
    return config.threshold


def _row(
    item: ItemRecord, refined: RefinedItem, steps: Steps, own: ClassChange, seconds: float
) -> dict[str, Any]:
    voxel_ml = refined.native.image.geometry.voxel_volume_ml
    return {
        "item": item.id,
        "gate": steps.verdict.status,
        "rules": "; ".join(steps.verdict.rules),
        "volume_before_ml": round(own.volume_before_ml, 4),
        "volume_after_ml": round(own.volume_after_ml, 4),
        CHANGED_ML: round((own.voxels_added + own.voxels_removed) * voxel_ml, 4),
        "voxels_added": own.voxels_added,
        "voxels_removed": own.voxels_removed,
        "components_before": own.components_before,
        "components_after": own.components_after,
        "dice_to_input": round(own.dice, 4),
        "shift_mm": None if own.shift_mm is None else round(own.shift_mm, 4),
        "pieces_left_out": sum(not piece.is_kept for piece in steps.cleaned.components),
        "queries": refined.facts["queries"],
        "lattice_points": refined.facts["lattice_points"],
        "new_case": refined.facts["new_case"],
        "seconds": seconds,
    }


def _facts_of(
    run: RunContext, item: ItemRecord, refined: RefinedItem, inputs: str, seconds: float
) -> dict[str, Any]:
    role = image_role(item)
    config = _config(run)
    label_map = item.annotations.get(AnnotationKind.LABEL_MAP)
    return {
        "run": run.folder.id,
        "pipeline": run.spec.key,
        **refined.facts,
        "image_sha256": hash_file(run.input_path(item, role)) if role is not None else "",
        "label_map_sha256": hash_file(run.folder.file_path(label_map.path)) if label_map else "",
        "config_sha256": hash_text(json.dumps(config.values(), sort_keys=True)),
        "inputs": inputs,
        "seconds": seconds,
        "settings": config.values(),
    }


def _config(run: RunContext) -> PredictConfig:
    from engines.refinement.config import PredictConfig

    return run.typed_config(PredictConfig)


def _facts(folder: RunFolder, item_id: str) -> dict[str, Any]:
    try:
        values = json.loads(_path(folder, REPORT, f"{item_id}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _label_map_path(folder: RunFolder, role: str, item_id: str) -> Path:
    return _path(folder, role, f"{item_id}.nii.gz")


def _path(folder: RunFolder, role: str, name: str) -> Path:
    return folder.outputs_dir / role / name
