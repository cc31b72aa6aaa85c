"""Score refinement against clean label maps: the field, and what simple morphology and a threshold do.

Items without a clean label map are scored by themselves only: agreement with their input is no quality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from engines.contract.errors import InputError, PreconditionError
from engines.contract.evaluation import EvaluationReport
from engines.contract.kinds import Split
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.core.evaluation_page import PagePicture, write_page
from engines.imaging.images import write_image
from engines.imaging.volumes.label_metrics import Mask, bounding_box
from engines.refinement.config import EvaluateConfig
from engines.refinement.data import REFERENCE_ROLE, NativeCase, read_case
from engines.refinement.evaluation.baselines import BASELINES, MORPHOLOGY, baseline_masks
from engines.refinement.evaluation.noise_bench import BenchOptions, is_hard, procedural_case
from engines.refinement.evaluation.scores import AGAINST_CLEAN, SCORES, mean_scores, score_mask, why_undefined
from engines.refinement.predict import field_runner, refinable_items
from engines.refinement.reports.pictures import projection_picture
from engines.refinement.reports.tables import write_per_item

_COLUMNS = ("item", "row", *SCORES, "reason")
_NUM_BOOTSTRAPS = 2000
_NUM_PICTURES = 12
EASY, HARD = "Easy cases", "Hard third: weak contrast, calcium, veins beside the arteries"
BENCH_SPLIT = "noise_bench"
Scores = dict[str, float | None]


@dataclass(frozen=True)
class _Case:
    name: str
    read: Callable[[], NativeCase]
    is_hard: bool | None = None


def evaluate(run: RunContext) -> None:
    """Score every item and write the report."""
    config = run.typed_config(EvaluateConfig)
    is_bench = config.cases == "noise_bench"
    items = () if is_bench else refinable_items(run)
    runner = field_runner(run, config)
    label_class = runner.label_class if runner is not None else config.label_class
    cases = (
        _bench_cases(config, label_class)
        if is_bench
        else [_Case(item.id, partial(read_case, run, item, label_class)) for item in items]
    )
    names = (*(("model",) if runner is not None else ()), *BASELINES)
    per_item: list[dict[str, Any]] = []
    scored: list[tuple[_Case, dict[str, Scores]]] = []
    pictures: list[PagePicture] = []
    run.phase("Scoring")
    for number, case in enumerate(cases):
        run.check_stop()
        run.progress(number, len(cases))
        try:
            native = case.read()
            spacing = native.image.geometry.spacing_mm
            masks = dict(baseline_masks(native.mask, native.image.voxels, spacing, config))
            if runner is not None:
                masks["model"] = runner.refine(case.name, native).mask
        except InputError as error:
            reason = error.render()
            run.warn("{item} was not scored: {reason}", item=case.name, reason=reason)
            per_item += [{"item": case.name, "row": name, "reason": reason} for name in names]
            continue
        found = {name: score_mask(masks[name], native.mask, native.reference, spacing) for name in names}
        if native.reference is not None and len(pictures) < _NUM_PICTURES:
            pictures += _pictures(run, case, native.mask, masks, native.reference)
        scored.append((case, found))
        for name, values in found.items():
            entry = {"item": case.name, "row": name, **values}
            reason = why_undefined(values, native.reference is not None)
            per_item.append({**entry, "reason": reason} if reason else entry)
        write_per_item(run.folder.per_item_path, _COLUMNS, per_item)
    run.progress(len(cases), len(cases))
    if not scored:
        raise PreconditionError(
            "None of the {items} items could be scored.",
            remedy="Look at the warnings of the run.",
            items=len(cases),
        )
    report = _report(run, config, scored, per_item)
    report.write(run.folder.evaluation_path)
    write_per_item(run.folder.per_item_path, _COLUMNS, per_item)
    write_page(run, report, pictures, [*_notes(config, report), *_selection_notes(run, config, scored)])
    run.summary["items"] = len(scored)
    run.summary["rows"] = report.rows


def _pictures(
    run: RunContext, case: _Case, label: Mask, masks: Mapping[str, Mask], clean: Mask
) -> list[PagePicture]:
    """Draw what the label, and what the field, has wrong: missing magenta, too much green."""
    box = bounding_box(clean | label, margin=2)
    shown = {"input": "Input"} | ({"model": "Refined"} if "model" in masks else {})
    pictures = []
    for name, title in shown.items():
        path = run.folder.outputs_dir / "pictures" / f"{case.name}_{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, projection_picture(clean[box], masks[name][box]))
        caption = "Against the clean label: missing magenta, too much green."
        pictures.append(PagePicture(path, f"{case.name}: {title}", caption))
    return pictures


def _selection_notes(
    run: RunContext, config: EvaluateConfig, scored: Sequence[tuple[_Case, dict[str, Scores]]]
) -> list[str]:
    """Say where the scores are of items by which the checkpoint was chosen."""
    base_run = run.request.base_run
    if not base_run or config.weights != "best" or config.cases == "noise_bench":
        return []
    items = RunFolder(run.folder.file_path(base_run)).read_manifest().items
    chosen_by = {item.id for item in items if item.split is Split.VAL and item.has(REFERENCE_ROLE)}
    seen = [case.name for case, _ in scored if case.name in chosen_by]
    if not seen:
        return []
    return [
        f"{len(seen)} of {len(scored)} items were validation items of the training with clean labels, by "
        "which its best checkpoint was chosen: their scores flatter the field. Evaluate other items, or set "
        "weights to last."
    ]


def _bench_cases(config: EvaluateConfig, label_class: int) -> list[_Case]:
    options = BenchOptions(config.noise_severity, config.seed, config.bench_voxels, config.bench_spacing_mm)
    return [
        _Case(f"bench_{number:02d}", partial(procedural_case, number, label_class, options), is_hard(number))
        for number in range(config.num_cases)
    ]


def _report(
    run: RunContext,
    config: EvaluateConfig,
    scored: Sequence[tuple[_Case, dict[str, Scores]]],
    per_item: list[dict[str, Any]],
) -> EvaluationReport:
    groups = {}
    for title, wanted in ((EASY, False), (HARD, True)):
        members = [found for case, found in scored if case.is_hard is wanted]
        if members:
            groups[title] = _means(members)
    splits = {item.split.value for item in run.manifest.items if item.split is not None}
    split = splits.pop() if len(splits) == 1 else "all"
    base_run = run.request.base_run
    everything = [found for _, found in scored]
    return EvaluationReport(
        pipeline=run.spec.key,
        run=run.folder.file_path(base_run).name if base_run else None,
        split=BENCH_SPLIT if config.cases == "noise_bench" else split,
        split_hash=run.manifest.split_hash,
        items=len(scored),
        rows=_means(everything),
        per_item=per_item,
        intervals=_intervals(everything),
        groups=groups,
    )


def _means(members: Sequence[dict[str, Scores]]) -> dict[str, Scores]:
    return {name: mean_scores([found[name] for found in members]) for name in members[0]}


def _intervals(members: Sequence[dict[str, Scores]]) -> dict[str, dict[str, tuple[float, float]]]:
    """Return 95 % intervals of the means over cases, drawn again with replacement."""
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    for name in members[0]:
        for key in AGAINST_CLEAN:
            values = [value for found in members if (value := found[name][key]) is not None]
            if len(values) > 1:
                intervals.setdefault(name, {})[key] = interval_of_mean(values)
    return intervals


def interval_of_mean(values: Iterable[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean; the same for the same values."""
    given = np.array(list(values))
    drawn = np.random.default_rng(0).choice(given, (_NUM_BOOTSTRAPS, len(given))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _notes(config: EvaluateConfig, report: EvaluationReport) -> list[str]:
    notes = [
        "Dice, clDice, surface Dice and distances are against the clean label map. Agreement with the input "
        "is no quality: the input itself reaches 1.",
    ]
    if config.cases == "noise_bench":
        notes.append(
            "Cases are procedural, and their labels were spoiled on purpose: they show whether a repair "
            "repairs, not how good it is on patients."
        )
    model = report.rows.get("model")
    defined = {name: report.rows[name]["dice"] for name in MORPHOLOGY}
    if model is not None and model["dice"] is not None and None not in defined.values():
        best = max(MORPHOLOGY, key=lambda name: defined[name] or 0.0)
        gain = model["dice"] - (defined[best] or 0.0)
        notes.append(f"Against the best morphology row, {best}, the field gains {gain:+.3f} Dice.")
    return notes
