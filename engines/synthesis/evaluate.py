"""Score synthetic CTA against the real one, beside the NCCT as it is, patient by patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engines.contract.errors import InputError, PreconditionError
from engines.contract.evaluation import EvaluationReport
from engines.contract.run_context import RunContext
from engines.core.evaluation_page import PagePicture, write_page
from engines.imaging.volumes.label_metrics import Mask
from engines.imaging.volumes.volume_files import read_geometry
from engines.synthesis.config import EvaluateConfig
from engines.synthesis.data import CTA, NCCT, SynthesisCase, lung_network, read_case
from engines.synthesis.evaluation.metrics import SCORES, bootstrap_interval, mean_scores, score_volume
from engines.synthesis.evaluation.pictures import Picture, difference_strip, projection_strip, stacked, strip
from engines.synthesis.evaluation.reports import write_picture_panel, write_table
from engines.synthesis.evaluation.slice_reports import slice_errors, write_slice_reports
from engines.synthesis.predict import items_with_ncct, make_synthesiser, warn_of_distance, warn_of_flips
from engines.synthesis.volumes.windows import FloatVoxels

MODEL, GENERATOR, IDENTITY = "model", "generator", "identity"
_COLUMNS = ("item", "row", *SCORES, "reason")
_CAPTION = (
    "NCCT, generated, refined, real: vessels; lungs; largest values of 7 slices; difference to the real."
)
_EMPTY = {
    "lung_mae_hu": "no lungs were found",
    "vessel_mae_hu": "no voxel rises by more than 80 HU",
    "vessel_contrast_ratio": "no vessels or no muscle were found",
    "psnr_db": "both volumes are equal",
    "vessel_dice": "no voxel is above the threshold",
}


def evaluate(run: RunContext) -> None:
    """Score every pair and write the report, slices by their error, and pictures of the worst."""
    config = run.typed_config(EvaluateConfig)
    items = [item for item in items_with_ncct(run) if item.has(CTA)]
    if not items:
        raise PreconditionError(
            "No item has both an NCCT and a CTA.", remedy="Import the CTA of the same patients."
        )
    synthesiser = make_synthesiser(run, config)
    if synthesiser is not None:
        warn_of_flips(run, config, synthesiser)
    lungs = lung_network(config)
    names: tuple[str, ...] = (IDENTITY,)
    if synthesiser is not None:
        names = (MODEL, *((GENERATOR,) if synthesiser.has_refiner else ()), IDENTITY)
    per_item: list[dict[str, Any]] = []
    slices: list[dict[str, Any]] = []
    pictures: list[tuple[float, str, Picture]] = []
    scores: dict[str, list[dict[str, float | None]]] = {name: [] for name in names}
    run.phase("Scoring")
    for number, item in enumerate(items):
        run.check_stop()
        run.progress(number, len(items))
        try:
            case = read_case(run, item, alignment=config.alignment, seed=config.seed, lungs=lungs)
        except InputError as error:
            reason = error.render()
            run.warn("{item} was not scored: {reason}", item=item.id, reason=reason)
            per_item += [{"item": item.id, "row": name, "reason": reason} for name in names]
            continue
        made: dict[str, FloatVoxels] = {IDENTITY: case.ncct.astype(np.float32)}
        if synthesiser is not None:
            warn_of_distance(run, item.id, synthesiser, case.spacing_mm[2])
            synthesis = synthesiser.make(case.ncct, case.spacing_mm[2], lambda _done, _all: run.check_stop())
            made |= {MODEL: synthesis.final, GENERATOR: synthesis.generated}
        for name in names:
            scored = _scored(made[name], case, config)
            scores[name].append(scored)
            entry = {"item": item.id, "row": name, **scored}
            missing = "; ".join(reason for key, reason in _EMPTY.items() if scored[key] is None)
            per_item.append({**entry, "reason": missing} if missing else entry)
        geometry = read_geometry(run.input_path(item, NCCT))
        own = slice_errors(case, {name: made[name] for name in names}, geometry)
        slices += own
        pictures += _worst(case, made, names, own, config.num_worst)
        write_table(run.folder.per_item_path, _COLUMNS, per_item)
    run.progress(len(items), len(items))
    _finish(run, config, names, scores, per_item, slices, pictures)


def _finish(
    run: RunContext,
    config: EvaluateConfig,
    names: Sequence[str],
    scores: Mapping[str, list[dict[str, float | None]]],
    per_item: list[dict[str, Any]],
    slices: list[dict[str, Any]],
    pictures: list[tuple[float, str, Picture]],
) -> None:
    num_scored = len(scores[IDENTITY])
    if not num_scored:
        raise PreconditionError(
            "None of the items could be scored.", remedy="Look at the warnings of the run."
        )
    rows = {name: mean_scores(scores[name]) for name in names}
    splits = {item.split.value for item in run.manifest.items if item.split is not None}
    base_run = run.request.base_run
    report = EvaluationReport(
        pipeline=run.spec.key,
        run=run.folder.file_path(base_run).name if base_run else None,
        split=splits.pop() if len(splits) == 1 else "all",
        split_hash=run.manifest.split_hash,
        items=num_scored,
        rows=rows,
        per_item=per_item,
        intervals=intervals(run, config, scores, per_item),
    )
    report.write(run.folder.evaluation_path)
    write_table(run.folder.per_item_path, _COLUMNS, per_item)
    folder = run.folder.outputs_dir / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    write_slice_reports(run, folder, slices, names)
    pictures.sort(key=lambda entry: -entry[0])
    shown = [
        (f"{number + 1}: {label}", f"worst_{number:03d}.png", picture)
        for number, (_, label, picture) in enumerate(pictures[: config.num_worst])
    ]
    if shown:
        write_picture_panel(run, "worst_slices", "Worst slices", folder, shown)
    write_page(
        run,
        report,
        [PagePicture(folder / file, label, _CAPTION) for label, file, _ in shown],
        _notes(config),
    )
    run.summary["items"] = num_scored
    run.summary["rows"] = rows
    run.summary["range_hu"] = [config.range_low, config.range_high]


def _notes(config: EvaluateConfig) -> tuple[str, ...]:
    return (
        "Synthetic images, not for diagnosis.",
        f"PSNR and SSIM hold for {config.range_low:g} to {config.range_high:g} HU, in the body.",
        "The row identity is the NCCT as it is.",
        "Fine detail compares the power from 0.25 to 0.5 cycles per pixel; most of it is noise.",
    )


def intervals(
    run: RunContext,
    config: EvaluateConfig,
    scores: Mapping[str, list[dict[str, float | None]]],
    per_item: Sequence[Mapping[str, Any]],
) -> dict[str, dict[str, tuple[float, float]]]:
    """Return the 95 % bootstrap interval over patients of every number of every row."""
    subject_of = {item.id: item.subject for item in run.manifest.items}
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name in scores:
        own = [entry for entry in per_item if entry["row"] == name and "mae_hu" in entry]
        found[name] = {}
        for key in SCORES:
            by_subject: dict[str, list[float]] = {}
            for entry in own:
                if entry[key] is not None:
                    by_subject.setdefault(subject_of[str(entry["item"])], []).append(float(entry[key]))
            means = [float(np.mean(values)) for values in by_subject.values()]
            interval = bootstrap_interval(means, resamples=config.num_resamples, seed=config.seed)
            if interval is not None:
                found[name][key] = interval
    return found


def _masks(case: SynthesisCase) -> dict[str, Mask]:
    return {"body": case.body, "lung": case.lung, "vessel": case.vessel}


def _scored(found: FloatVoxels, case: SynthesisCase, config: EvaluateConfig) -> dict[str, float | None]:
    return score_volume(
        found,
        case.cta.astype(np.float32),
        case.ncct.astype(np.float32),
        _masks(case),
        vessel_hu=config.vessel_hu,
        data_range=(config.range_low, config.range_high),
    )


def _worst(
    case: SynthesisCase,
    made: Mapping[str, FloatVoxels],
    names: Sequence[str],
    slices: Sequence[Mapping[str, Any]],
    count: int,
) -> list[tuple[float, str, Picture]]:
    """Return pictures of the slices of a case with the largest error of the first row."""
    own = sorted((row for row in slices if row["row"] == names[0]), key=lambda row: -float(row["mae_hu"]))
    real = case.cta.astype(np.float32)
    # NCCT, then G before G2, as the image is made, then the real one.
    order = [made[name] for name in (IDENTITY, GENERATOR, MODEL) if name in names]
    found = []
    for row in own[:count]:
        k = int(row["slice"]) - 1
        planes = [volume[:, :, k] for volume in order]
        slab = max(0, k - 3), min(case.num_slices - 1, k + 3)
        picture = stacked(
            [
                strip([*planes, real[:, :, k]]),
                strip([*planes, real[:, :, k]], is_lung=True),
                projection_strip([*order, real], *slab),
                difference_strip(planes, real[:, :, k]),
            ]
        )
        label = f"{case.id}, slice {k + 1}, {float(row['mae_hu']):.0f} HU"
        found.append((float(row["mae_hu"]), label, picture))
    return found
