"""Segment and grade the items of a run, one volume after the other."""

from __future__ import annotations

import time
from typing import Any

from engines.contract import item_review, probability_file
from engines.contract.errors import InputError, PreconditionError
from engines.contract.manifest import ItemRecord
from engines.contract.probability_file import SparseProbability
from engines.contract.run_context import RunContext
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import write_volume
from engines.segmentation.config import PredictConfig, SamplingConfig
from engines.segmentation.data import GRADES, MODALITIES, read_case
from engines.segmentation.evaluation.tables import read_per_item, write_per_item
from engines.segmentation.inference.prediction import CaseRunner, PredictedCase
from engines.segmentation.inference.prediction_panels import PredictionPanels
from engines.segmentation.inference.review import LABEL_MAP, UNDECIDED, review_of
from engines.segmentation.slices.labels import labels_of

COLUMNS = (
    "item",
    "volume_ml",
    "volume_low_ml",
    "volume_high_ml",
    "pairwise_dice",
    "probability_hgg",
    "probability_low",
    "probability_high",
    "grade",
    "slices",
    "samples",
    "steps",
    "sampler",
    "seed",
    "denoiser_calls",
    "condition_calls",
    "missing",
    "seconds",
    "reason",
)


def predict(run: RunContext) -> None:
    """Write label maps, uncertainty and grades; a run that goes on leaves finished items as they are."""
    config = run.typed_config(PredictConfig)
    items = predictable_items(run)
    runner = case_runner(run, config)
    if runner is None:
        raise PreconditionError(
            "Segmenting needs a training run, and none was given.", remedy="Choose a finished run."
        )
    rows: list[dict[str, Any]] = [
        dict(row)
        for row in read_per_item(run.folder.per_item_path)
        if (run.folder.outputs_dir / LABEL_MAP / f"{row['item']}.nii.gz").is_file()
    ]
    done = {row["item"] for row in rows}
    panels = PredictionPanels(run, config, has_grades=runner.has_grades)
    run.phase("Segmenting")
    for number, item in enumerate(items):
        run.check_stop()
        run.progress(number, len(items))
        if item.id in done:
            continue
        started = time.monotonic()
        try:
            case = read_case(run, item, needs_labels=False)
            predicted = runner.predict(case, tick=run.check_stop)
        except InputError as error:
            run.warn("{item} was left out: {reason}", item=item.id, reason=error.render())
            rows.append({"item": item.id, "reason": error.render()})
            continue
        # Counted before pictures ask the network for more.
        row = _row(predicted, runner, config)
        _write(run, item, predicted, row, runner, config)
        panels.add(predicted, runner, row)
        rows.append({**row, "seconds": round(time.monotonic() - started, 2)})
        write_per_item(run.folder.per_item_path, COLUMNS, rows)
    write_per_item(run.folder.per_item_path, COLUMNS, rows)
    run.progress(len(items), len(items))
    run.summary["items"] = sum(not row.get("reason") for row in rows)
    if not run.summary["items"]:
        raise PreconditionError(
            "None of the {items} items could be segmented.",
            remedy="Look at the warnings of the run.",
            items=len(items),
        )


def predictable_items(run: RunContext) -> tuple[ItemRecord, ...]:
    """Return the items with at least one modality.

    Raises
    ------
    PreconditionError
        If there is none.
    """
    items = tuple(item for item in run.manifest.items if any(item.has(name) for name in MODALITIES))
    if not items:
        raise PreconditionError(
            "No item has one of {names}.", remedy="Import volumes of a brain.", names=", ".join(MODALITIES)
        )
    return items


def case_runner(run: RunContext, config: SamplingConfig, base: str = "") -> CaseRunner | None:
    """Return the trained network that the run was given, or another one by its folder; None without."""
    wanted = base or run.request.base_run
    if not wanted:
        return None
    from engines.core.device import choose_device

    return CaseRunner(run.folder.file_path(wanted), config, choose_device(config))


def _write(
    run: RunContext,
    item: ItemRecord,
    predicted: PredictedCase,
    row: dict[str, Any],
    runner: CaseRunner,
    config: PredictConfig,
) -> None:
    case, fused = predicted.case, predicted.fused
    review = run.folder.outputs_dir / item_review.ROLE / f"{item.id}.json"
    review_of(predicted, row, config, has_grades=runner.has_grades).write(review)
    run.output(item.id, item_review.ROLE, review)
    if len(fused.regions) == 1:
        # A threshold moved by hand means one class; with three regions it would mix them up.
        values = case.to_volume(predicted.whole(fused.probability[0]))
        path = run.folder.outputs_dir / probability_file.ROLE / f"{item.id}.npz"
        SparseProbability.of(values, label=runner.coding.oedema).write(path)
    labels = labels_of(predicted.whole(fused.regions), runner.coding)
    outputs: list[tuple[str, Any]] = [(LABEL_MAP, labels)]
    if config.write_probability:
        outputs.append(("probability", predicted.whole(fused.probability[0])))
    if config.write_uncertainty:
        outputs.append(("entropy", predicted.whole(fused.entropy)))
        outputs.append(("mutual_information", predicted.whole(fused.mutual_information)))
    # The label map comes last: it says that the item is finished.
    for role, slices in reversed(outputs):
        path = run.folder.outputs_dir / role / f"{item.id}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(path, Volume(case.to_volume(slices), case.geometry, case.header))
        run.output(item.id, role, path)


def _row(predicted: PredictedCase, runner: CaseRunner, config: PredictConfig) -> dict[str, Any]:
    fused, voxel_ml = predicted.fused, predicted.voxel_ml
    low, high = fused.volume_interval()
    network, slices = runner.network, len(predicted.numbers)
    row: dict[str, Any] = {
        "item": predicted.case.id,
        "volume_ml": round(float(fused.regions[0].sum()) * voxel_ml, 3),
        "volume_low_ml": round(low * voxel_ml, 3),
        "volume_high_ml": round(high * voxel_ml, 3),
        "pairwise_dice": None if fused.pairwise_dice is None else round(fused.pairwise_dice, 4),
        "slices": slices,
        "samples": len(predicted.drawn.samples),
        "steps": config.sampling_steps if network.is_diffusion else 1,
        "sampler": config.sampler if network.is_diffusion else "",
        "seed": config.seed,
        "denoiser_calls": network.num_denoiser_calls / slices,
        "condition_calls": network.num_condition_calls / slices,
        "missing": " ".join(predicted.case.missing),
    }
    if runner.has_grades:
        probability = predicted.grade_probability()
        interval = predicted.grade_interval(config.seed)
        row |= {
            "probability_hgg": round(probability, 4),
            "probability_low": round(interval[0], 4),
            "probability_high": round(interval[1], 4),
            "grade": said_grade(probability, config),
        }
    return row


def said_grade(probability: float, config: SamplingConfig) -> str:
    """Return the grade that is said, or that nothing is."""
    if abs(probability - config.grade_threshold) < config.abstain_band:
        return UNDECIDED
    return GRADES[int(probability >= config.grade_threshold)]
