"""Refine the label maps of a run, step by step: refine, clean, fuse, check, and ask the gate.

A run that was stopped and is started again skips the items whose inputs are the same. With `from_run` the
field is not asked: the stored results of an earlier run are cleaned, fused and checked with what a person
decided since.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.contract.errors import InputError, PreconditionError
from engines.contract.files import hash_file, hash_text
from engines.contract.item_review import Reason
from engines.contract.kinds import AnnotationKind
from engines.contract.manifest import ComponentDecision, ItemRecord
from engines.contract.probability_file import SparseProbability
from engines.contract.run_context import RunContext
from engines.refinement.anatomy.clean import CleanRules
from engines.refinement.anatomy.gate import judge_field
from engines.refinement.anatomy.organs import ANATOMIES, Anatomy
from engines.refinement.anatomy.steps import take_steps
from engines.refinement.anatomy.stored_results import StoredResults
from engines.refinement.config import FieldConfig, PredictConfig
from engines.refinement.data import image_role, read_case
from engines.refinement.reports.case_files import RefinedItem, case_is_written, stored_row, write_case
from engines.refinement.reports.tables import write_per_item

if TYPE_CHECKING:
    from engines.refinement.fields.runners import ItemRunner

COLUMNS = (
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
    "pieces_left_out",
    "queries",
    "lattice_points",
    "new_case",
    "seconds",
    "reason",
)
_NOT_OF_THE_RESULT = ("device", "num_threads", "write_probability")
"""Settings that change nothing of a result."""


def predict(run: RunContext) -> None:
    """Refine every item and write each step on the grid of its label map."""
    config = run.typed_config(PredictConfig)
    items = refinable_items(run)
    source = _source(run, config)
    rows: list[dict[str, Any]] = []
    run.phase("Refining")
    for number, item in enumerate(items):
        run.check_stop()
        run.progress(number, len(items))
        try:
            rows.append(_one(run, item, source, config))
        except InputError as error:
            run.warn("{item} was left out: {reason}", item=item.id, reason=error.render())
            rows.append({"item": item.id, "reason": error.render()})
        write_per_item(run.folder.per_item_path, COLUMNS, rows)
    run.progress(len(items), len(items))
    if all("reason" in row for row in rows):
        raise PreconditionError(
            "None of the {count} items could be refined. The first: {reason}",
            remedy="Look at the warnings of the run.",
            count=len(rows),
            reason=rows[0]["reason"],
        )
    run.summary["items"] = sum("reason" not in row for row in rows)
    gates = [row["gate"] for row in rows if "gate" in row]
    run.summary["gates"] = {name: gates.count(name) for name in sorted(set(gates))}


def _one(
    run: RunContext, item: ItemRecord, source: ItemRunner | StoredResults, config: PredictConfig
) -> dict[str, Any]:
    inputs = _inputs_hash(run, item, source, config)
    if case_is_written(run.folder, item.id, inputs):
        return stored_row(run.folder, item.id)
    started = time.monotonic()
    if isinstance(source, StoredResults):
        refined, decisions = _from_disk(item, source, config)
    else:
        refined, decisions = _from_field(run, item, source, config), item.decisions
    shape = refined.mask.shape
    decisions = tuple(one for one in decisions if one.shape == shape and one.label == refined.label_class)
    steps = take_steps(
        refined.native,
        refined.mask,
        refined.label_class,
        anatomy_of(config),
        _rules(config),
        decisions,
        is_finite=refined.is_finite,
    )
    steps = replace(steps, verdict=steps.verdict.also(_doubts(refined, config)))
    seconds = round(time.monotonic() - started, 2)
    return write_case(run, item, refined, steps, decisions, inputs, seconds)


def _doubts(refined: RefinedItem, config: PredictConfig) -> list[Reason]:
    facts = refined.facts
    return judge_field(
        refined.probability.full() >= config.threshold,
        refined.mask,
        facts["agreement"],
        is_careful=bool(facts["careful"]),
    )


def _source(run: RunContext, config: PredictConfig) -> ItemRunner | StoredResults:
    if config.from_run:
        return StoredResults(run, config.from_run)
    runner = field_runner(run, config)
    if runner is None:
        raise PreconditionError(
            "Refining needs a training run, and none was given.", remedy="Choose a finished run."
        )
    return runner


def _from_field(run: RunContext, item: ItemRecord, runner: ItemRunner, config: PredictConfig) -> RefinedItem:
    native = read_case(run, item, runner.label_class)
    refined = runner.refine(item.id, native)
    lattice, values = refined.case.lattice, refined.values
    full = np.zeros(native.mask.shape, dtype=np.float32)
    full[lattice.native_box] = lattice.at_native(values.probability)
    facts = {
        "model": run.request.base_run and run.folder.file_path(run.request.base_run).name,
        "model_sha256": runner.weights_sha256,
        "variant": runner.variant,
        "lattice": asdict(lattice),
        "queries": values.num_queries,
        "lattice_points": int(np.prod(lattice.shape)),
        "new_case": refined.is_new,
        "agreement": refined.agreement,
        "careful": refined.is_careful,
    }
    return RefinedItem(
        native,
        refined.mask,
        runner.label_class,
        SparseProbability.of(full, label=runner.label_class),
        bool(np.isfinite(values.probability).all()),
        facts,
    )


def _from_disk(
    item: ItemRecord, results: StoredResults, config: PredictConfig
) -> tuple[RefinedItem, tuple[ComponentDecision, ...]]:
    stored = results.read(item, config)
    names = ("model", "model_sha256", "variant", "lattice", "queries", "lattice_points", "new_case")
    facts = {name: stored.facts.get(name) for name in (*names, "agreement", "careful")}
    facts["from_run"] = results.folder.id
    # What was decided about that run's own result is nearest to the point, so it comes last and holds.
    decisions = sorted(item.decisions, key=lambda one: one.source == results.folder.id)
    refined = RefinedItem(
        stored.native, stored.mask, int(stored.facts["label_class"]), stored.probability, True, facts
    )
    return refined, tuple(decisions)


def _inputs_hash(
    run: RunContext, item: ItemRecord, source: ItemRunner | StoredResults, config: PredictConfig
) -> str:
    """Return a hash of everything that the result of an item depends on."""
    files = [run.folder.file_path(record.path) for record in item.annotations.values()]
    role = image_role(item)
    if role is not None:
        files.append(run.input_path(item, role))
    origin = source.folder.id if isinstance(source, StoredResults) else source.weights_sha256
    settings = {key: value for key, value in config.values().items() if key not in _NOT_OF_THE_RESULT}
    values = {
        "files": [hash_file(path) if path.is_file() else "" for path in files],
        "origin": origin,
        "settings": settings,
        "decisions": [decision.model_dump(mode="json") for decision in item.decisions],
    }
    return hash_text(json.dumps(values, sort_keys=True))


def anatomy_of(config: PredictConfig) -> Anatomy:
    """Return the anatomy that the settings describe."""
    anatomy = ANATOMIES[config.anatomy]
    return replace(
        anatomy,
        aorta=config.aorta_class or anatomy.aorta,
        myocardium=config.myocardium_class or anatomy.myocardium,
    )


def _rules(config: PredictConfig) -> CleanRules:
    return CleanRules(
        ostium_mm=config.ostium_mm,
        myocardium_mm=config.far_from_myocardium_mm,
        gap_mm=config.gap_mm,
        smallest_mm3=config.speck_mm3,
        shortest_mm=config.stub_mm,
    )


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


def field_runner(run: RunContext, config: FieldConfig) -> ItemRunner | None:
    """Return the trained or imported field that the run was given, or None."""
    if not run.request.base_run:
        return None
    from engines.core.device import choose_device
    from engines.refinement.fields.runners import open_runner

    return open_runner(run.folder.file_path(run.request.base_run), config, choose_device(config))
