"""Score masks and grades by subject: model, its parts, a plain U-Net, a threshold, constant answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import InputError, PreconditionError
from engines.contract.evaluation import EvaluationReport
from engines.contract.files import write_json_atomically
from engines.contract.kinds import PanelKind
from engines.contract.manifest import ItemRecord
from engines.contract.panels import PanelFile
from engines.contract.run_context import RunContext
from engines.imaging.classification import bootstrap_interval, roc_auc
from engines.imaging.volumes.case_statistics import bootstrap_interval as mean_interval
from engines.imaging.volumes.label_metrics import Spacing
from engines.segmentation.config import EvaluateConfig
from engines.segmentation.data import BrainCase, read_case
from engines.segmentation.evaluation.grade_panels import write_grade_panels
from engines.segmentation.evaluation.scores import GradeScores, constant_scores, mask_scores, mean_of
from engines.segmentation.evaluation.tables import write_per_item
from engines.segmentation.inference.prediction import CaseRunner, PredictedCase
from engines.segmentation.inference.sampling import SamplerOptions
from engines.segmentation.model_card import add_steps_curve
from engines.segmentation.predict import case_runner, predictable_items
from engines.segmentation.slices.checks import has_label_map
from engines.segmentation.slices.labels import CODINGS, LabelCoding, detect_coding, regions_of

MODEL, CALIBRATION, ONE_SAMPLE, OTSU, UNET = "model", "calibration", "one_sample", "otsu_flair", "unet"
UNCALIBRATED = "uncalibrated_grade"
VOLUME_GRADE, CONSTANT_GRADE = "volume_grade", "constant_grade"
_STEPS = (1, 2, 5, 10, 20, 50)
_STEPS_ITEMS = 8
_FLAIR = 3
_ERROR_VOXELS = 20_000
_MASK_KEYS = tuple(
    f"{name}{suffix}{unit}"
    for suffix in ("", "_tc", "_et")
    for name, unit in (("dice", ""), ("iou", ""), ("hd95", "_mm"))
)
_DICE_KEYS = ("dice", "dice_tc", "dice_et")
_COLUMNS = (
    "item",
    "row",
    *_MASK_KEYS,
    "pairwise_dice",
    "error_auc",
    "volume_ml",
    "denoiser_calls",
    "condition_calls",
    "grade",
    "probability_hgg",
    "reason",
)
_EXTRA = ("pairwise_dice", "error_auc", "volume_ml", "denoiser_calls", "condition_calls")

Regions = npt.NDArray[np.bool_]


@dataclass
class _Table:
    """Everything that was scored.

    Parameters
    ----------
    per_item : list of dict
    grades : dict of row to GradeScores
    volumes : list of float
        Of the model's masks, or of the true ones without a model, in the order of `grades`.
    num_scored : int
    threshold : float
        Probability from which the high grade is said.
    """

    threshold: float
    per_item: list[dict[str, Any]] = field(default_factory=list)
    grades: dict[str, GradeScores] = field(default_factory=dict)
    volumes: list[float] = field(default_factory=list)
    true_grades: list[int] = field(default_factory=list)
    num_scored: int = 0

    def add(self, item: str, row: str, **values: Any) -> None:
        """Take in what a row scored on an item."""
        self.per_item.append({"item": item, "row": row, **values})

    def add_grade(self, row: str, probability: float, grade: int) -> None:
        """Take in the grade of an item."""
        self.grades.setdefault(row, GradeScores(threshold=self.threshold)).add(probability, grade)


def evaluate(run: RunContext) -> None:
    """Score every item and write the report."""
    config = run.typed_config(EvaluateConfig)
    items = predictable_items(run)
    runner = case_runner(run, config)
    plain = case_runner(run, config, config.unet_run) if config.unet_run else None
    coding = runner.coding if runner is not None else _coding(run, items, config)
    table = _Table(config.grade_threshold)
    run.phase("Scoring")
    for number, item in enumerate(items):
        run.check_stop()
        run.progress(number, len(items))
        try:
            _score(run, item, runner, plain, coding, table)
        except InputError as error:
            reason = error.render()
            run.warn("{item} was not scored: {reason}", item=item.id, reason=reason)
            table.add(item.id, MODEL if runner is not None else OTSU, reason=reason)
        write_per_item(run.folder.per_item_path, _COLUMNS, table.per_item)
    run.progress(len(items), len(items))
    if not table.num_scored:
        raise PreconditionError(
            "None of the {items} items could be scored.",
            remedy="Look at the warnings of the run.",
            items=len(items),
        )
    rows = _rows(table, runner, plain)
    if config.has_steps_curve and runner is not None and runner.network.is_diffusion:
        _measure_steps(run, items, runner, coding)
    _report(run, table, rows, config)


def _coding(run: RunContext, items: tuple[ItemRecord, ...], config: EvaluateConfig) -> LabelCoding:
    if config.label_coding != "auto":
        return CODINGS[config.label_coding]
    values = {}
    for item in items:
        if has_label_map(item):
            case = read_case(run, item, needs_labels=True)
            assert case.labels is not None
            values[item.id] = [int(value) for value in np.unique(case.labels) if value]
    return detect_coding(values)


def _score(
    run: RunContext,
    item: ItemRecord,
    runner: CaseRunner | None,
    plain: CaseRunner | None,
    coding: LabelCoding,
    table: _Table,
) -> None:
    case = read_case(run, item, needs_labels=False)
    num_regions = runner.network.architecture.num_regions if runner is not None else 1
    true = None if case.labels is None else regions_of(case.labels, coding, num_regions)
    missing = {} if true is not None else {"reason": "there is no label map to score against"}
    voxel_ml = case.geometry.voxel_volume_ml
    volume = float(true[0].sum()) * voxel_ml if true is not None else 0.0
    if runner is not None:
        predicted = runner.predict(case, tick=run.check_stop)
        if runner.network.classifier is None:
            volume = _score_model(predicted, runner, true, missing, table)
        else:
            # No mask was drawn: nothing is scored as an empty one, and volumes stay the true ones.
            _score_model(predicted, runner, None, {"reason": "a classifier draws no masks"}, table)
    if plain is not None:
        found = plain.predict(case, tick=run.check_stop)
        masks = found.whole(found.fused.regions)
        table.add(item.id, UNET, **_masks(masks[: _count(true)], true, case), **missing)
        if plain.has_grades:
            table.add_grade(UNET, found.grade_probability(), case.grade)
    table.add(item.id, OTSU, **_masks(_otsu(case)[None], None if true is None else true[:1], case), **missing)
    table.add_grade(CONSTANT_GRADE, 0.0, case.grade)
    table.true_grades.append(case.grade)
    table.volumes.append(volume)
    table.num_scored += 1


def _score_model(
    predicted: PredictedCase,
    runner: CaseRunner,
    true: Regions | None,
    missing: dict[str, str],
    table: _Table,
) -> float:
    case, drawn, fused = predicted.case, predicted.drawn, predicted.fused
    slices, network = len(predicted.numbers), runner.network
    masks = predicted.whole(fused.regions)
    volume = float(masks[0].sum()) * case.geometry.voxel_volume_ml
    row: dict[str, Any] = {
        **_masks(masks, true, case),
        "pairwise_dice": fused.pairwise_dice,
        "error_auc": None if true is None else _error_auc(predicted, masks[0], true[0]),
        "volume_ml": volume,
        "denoiser_calls": network.num_denoiser_calls / slices,
        "condition_calls": network.num_condition_calls / slices,
        **missing,
    }
    if runner.has_grades:
        probability = predicted.grade_probability()
        row |= {"grade": case.grade if case.grade >= 0 else None, "probability_hgg": probability}
        table.add_grade(MODEL, probability, case.grade)
        table.add_grade(UNCALIBRATED, predicted.raw_grade_probability(), case.grade)
    table.add(case.id, MODEL, **row)
    parts = (
        (CALIBRATION, np.moveaxis(drawn.calibration, 1, 0)),
        (ONE_SAMPLE, np.moveaxis(drawn.samples[0], 1, 0)),
    )
    for name, probability_map in parts:
        found = predicted.whole(probability_map >= 0.5)
        table.add(case.id, name, **_masks(found, true, case), **missing)
    return volume


def _masks(found: Regions, true: Regions | None, case: BrainCase) -> dict[str, float | None]:
    if true is None:
        return {}
    return dict(mask_scores(found, true, _spacing(case)))


def _count(true: Regions | None) -> int | None:
    return None if true is None else len(true)


def _spacing(case: BrainCase) -> Spacing:
    spacing = list(case.geometry.spacing_mm)
    between = spacing.pop(case.geometry.axial_axis)
    return between, spacing[0], spacing[1]


def _otsu(case: BrainCase) -> npt.NDArray[np.bool_]:
    from skimage.filters import threshold_otsu

    flair = case.image[:, _FLAIR]
    inside = flair[case.brain]
    if float(np.ptp(inside)) == 0:
        return np.zeros_like(case.brain)
    return np.asarray(case.brain & (flair > threshold_otsu(inside)))


def _error_auc(
    predicted: PredictedCase, mask: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_]
) -> float | None:
    """Return how well entropy tells wrong voxels of the brain from right ones; None when none is wrong."""
    if len(predicted.drawn.samples) < 2:
        return None
    brain = predicted.case.brain
    entropy, wrong = predicted.whole(predicted.fused.entropy)[brain], (mask ^ true)[brain]
    chosen = np.random.default_rng(0).permutation(len(wrong))[:_ERROR_VOXELS]
    return roc_auc(entropy[chosen], wrong[chosen])


def _rows(
    table: _Table, runner: CaseRunner | None, plain: CaseRunner | None
) -> dict[str, dict[str, float | None]]:
    names = [OTSU]
    if runner is not None:
        names = [MODEL, CALIBRATION, ONE_SAMPLE, *([UNET] if plain is not None else []), OTSU]
    rows: dict[str, dict[str, float | None]] = {}
    for name in names:
        own = [entry for entry in table.per_item if entry["row"] == name]
        keys = [key for key in (*_MASK_KEYS, *_EXTRA) if any(key in entry for entry in own)]
        rows[name] = {key: mean_of(own, key) for key in keys}
        grades = table.grades.get(name)
        if grades is not None:
            rows[name] |= grades.values()
    raw = table.grades.get(UNCALIBRATED)
    rows[UNCALIBRATED] = raw.values() if raw is not None else {"auc": None}
    graded = [index for index, grade in enumerate(table.true_grades) if grade >= 0]
    volumes = [table.volumes[index] for index in graded]
    is_high = [table.true_grades[index] == 1 for index in graded]
    rows[VOLUME_GRADE] = {"auc": roc_auc(volumes, is_high) if graded else None}
    rows[CONSTANT_GRADE] = constant_scores(table.true_grades)
    return rows


def _intervals(table: _Table, subjects: Mapping[str, str]) -> dict[str, dict[str, tuple[float, float]]]:
    """Return 95 % intervals of Dice and AUC of each row, over subjects drawn again.

    Parameters
    ----------
    table : _Table
    subjects : mapping of str to str
        Subject of each item.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name in dict.fromkeys(entry["row"] for entry in table.per_item):
        own = [entry for entry in table.per_item if entry["row"] == name]
        people = [subjects[entry["item"]] for entry in own]
        for key in _DICE_KEYS:
            of_mean = mean_interval([entry.get(key) for entry in own], people)
            if of_mean is not None:
                found.setdefault(name, {})[key] = (of_mean.low, of_mean.high)
    for name in (MODEL, UNET):
        grades = table.grades.get(name)
        of_area = (
            bootstrap_interval(grades.probabilities, grades.is_high) if grades and grades.grades else None
        )
        if of_area is not None:
            found.setdefault(name, {})["auc"] = of_area
    return found


def _measure_steps(
    run: RunContext, items: tuple[ItemRecord, ...], runner: CaseRunner, coding: LabelCoding
) -> None:
    """Measure Dice of one sample against steps, and write the curve."""
    run.phase("Measuring steps")
    dice: dict[int, list[float]] = {}
    chosen = [item for item in items if has_label_map(item)][:_STEPS_ITEMS]
    for item in chosen:
        case = read_case(run, item, needs_labels=True)
        assert case.labels is not None
        true = regions_of(case.labels, coding, runner.network.architecture.num_regions)
        for steps in _STEPS:
            if steps > runner.network.architecture.num_steps:
                continue
            options = SamplerOptions(
                runner.options.kind, steps, runner.options.eta, runner.options.start_share
            )
            found = runner.predict(case, options=options, num_samples=1, tick=run.check_stop)
            scored = mask_scores(found.whole(found.fused.regions), true, _spacing(case))
            dice.setdefault(steps, []).append(scored["dice"])
    curve = {steps: float(np.mean(values)) for steps, values in dice.items()}
    write_json_atomically(
        run.folder.outputs_dir / "steps_dice.json",
        {
            "items": [item.id for item in chosen],
            "dice": {str(steps): value for steps, value in curve.items()},
        },
    )
    names = [item.id for item in chosen]
    base = run.folder.file_path(run.request.base_run)
    if not add_steps_curve(base, curve, names, runner.options.kind):
        run.warn("The model of {run} has no card: the curve is kept with this run alone.", run=base.name)
    run.summary["steps_dice"] = {str(steps): round(value, 4) for steps, value in curve.items()}
    series = [{"name": "Dice", "x": list(curve), "y": list(curve.values())}]
    run.panel(
        "steps_dice",
        PanelFile(
            kind=PanelKind.CURVE,
            title="Dice against steps",
            data={"series": series, "x_label": "Steps", "y_label": "Dice"},
        ),
    )


def _report(
    run: RunContext, table: _Table, rows: dict[str, dict[str, float | None]], config: EvaluateConfig
) -> None:
    splits = {item.split.value for item in run.manifest.items if item.split is not None}
    base_run = run.request.base_run
    report = EvaluationReport(
        pipeline=run.spec.key,
        run=run.folder.file_path(base_run).name if base_run else None,
        split=splits.pop() if len(splits) == 1 else "all",
        split_hash=run.manifest.split_hash,
        items=table.num_scored,
        rows=rows,
        per_item=table.per_item,
        intervals=_intervals(table, {item.id: item.subject for item in run.manifest.items}),
    )
    report.write(run.folder.evaluation_path)
    if MODEL in table.grades:
        write_grade_panels(run, table.grades[MODEL], config.abstain_band)
    _write_page(run, report)
    run.summary["items"] = table.num_scored
    run.summary["rows"] = rows


def _write_page(run: RunContext, report: EvaluationReport) -> None:
    from engines.core.evaluation_page import write_page

    notes = (
        "Masks are drawn, not read from a noisy training step; Dice is over whole volumes, one a subject.",
        "Where both masks of a region are empty Dice is 1 and the distance 0; where one is, Dice is 0 and "
        "the distance 373.13 mm.",
        "The grade is that of the data set, for research only; intervals are over subjects drawn again.",
        "Probabilities of the grade are calibrated on the validation subjects of the training, which are not "
        "those of this report; uncalibrated_grade is what they were before.",
        "The volume_grade row ranks subjects by tumour volume alone, constant_grade says the frequent grade.",
        "Samples of one network show less uncertainty than there is.",
    )
    write_page(run, report, notes=notes)
