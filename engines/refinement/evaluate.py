"""Score refinement against clean label maps: the field, and what simple morphology and a threshold do.

Items without a clean label map are scored by themselves only: agreement with their input is no quality.
"""

from __future__ import annotations

from typing import Any

from engines.contract.errors import InputError, PreconditionError
from engines.contract.evaluation import EvaluationReport
from engines.contract.run_context import RunContext
from engines.refinement.baselines import BASELINES, baseline_masks
from engines.refinement.config import EvaluateConfig
from engines.refinement.data import read_case
from engines.refinement.predict import field_runner, refinable_items
from engines.refinement.scores import SCORES, mean_scores, score_mask, why_undefined
from engines.refinement.tables import write_per_item

_COLUMNS = ("item", "row", *SCORES, "reason")


def evaluate(run: RunContext) -> None:
    """Score every item and write the report."""
    config = run.typed_config(EvaluateConfig)
    items = refinable_items(run)
    runner = field_runner(run, config)
    names = (*(("model",) if runner is not None else ()), *BASELINES)
    scores: dict[str, list[dict[str, float | None]]] = {name: [] for name in names}
    per_item: list[dict[str, Any]] = []
    num_scored = 0
    run.phase("Scoring")
    for number, item in enumerate(items):
        run.check_stop()
        run.progress(number, len(items))
        label_class = runner.label_class if runner is not None else config.label_class
        try:
            native = read_case(run, item, label_class)
            spacing = native.image.geometry.spacing_mm
            masks = dict(baseline_masks(native.mask, native.image.voxels, spacing, config))
            if runner is not None:
                masks["model"] = runner.refine(item.id, native).mask
        except InputError as error:
            reason = error.render()
            run.warn("{item} was not scored: {reason}", item=item.id, reason=reason)
            per_item += [{"item": item.id, "row": name, "reason": reason} for name in names]
            continue
        num_scored += 1
        for name in names:
            scored = score_mask(masks[name], native.mask, native.reference, spacing)
            scores[name].append(scored)
            entry = {"item": item.id, "row": name, **scored}
            reason = why_undefined(scored, native.reference is not None)
            per_item.append({**entry, "reason": reason} if reason else entry)
        write_per_item(run.folder.per_item_path, _COLUMNS, per_item)
    run.progress(len(items), len(items))
    if not num_scored:
        raise PreconditionError(
            "None of the {items} items could be scored.",
            remedy="Look at the warnings of the run.",
            items=len(items),
        )
    rows = {name: mean_scores(scores[name]) for name in names}
    splits = {item.split.value for item in run.manifest.items if item.split is not None}
    base_run = run.request.base_run
    EvaluationReport(
        pipeline=run.spec.key,
        run=run.folder.file_path(base_run).name if base_run else None,
        split=splits.pop() if len(splits) == 1 else "all",
        split_hash=run.manifest.split_hash,
        items=num_scored,
        rows=rows,
        per_item=per_item,
    ).write(run.folder.evaluation_path)
    write_per_item(run.folder.per_item_path, _COLUMNS, per_item)
    run.summary["items"] = num_scored
    run.summary["rows"] = rows
