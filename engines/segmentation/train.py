"""The four phases of training: mask; head alone; both; and both with the head's gradient stopped."""

from __future__ import annotations

from pathlib import Path

import torch

from engines.contract.errors import PreconditionError
from engines.contract.kinds import PanelKind, Split
from engines.contract.panels import PanelFile
from engines.contract.run_context import RunContext
from engines.core.device import choose_device
from engines.core.generations import BEST, LAST
from engines.core.loop import fit
from engines.core.task import TrainingTask
from engines.segmentation.config import TrainConfig
from engines.segmentation.data import MODALITIES, read_grade
from engines.segmentation.evaluation.grade_calibration import LEAST_SUBJECTS, GradeCalibration
from engines.segmentation.evaluation.scores import constant_scores
from engines.segmentation.evaluation.subject_scores import score_subjects
from engines.segmentation.inference.sampling import SamplerOptions
from engines.segmentation.model import SegmentationNetwork
from engines.segmentation.model_card import write_card
from engines.segmentation.networks.architecture import architecture_of
from engines.segmentation.networks.checkpoint import (
    EXTRA_OUTPUTS,
    Start,
    keep_calibration,
    load_network,
    start_from,
)
from engines.segmentation.slices.checks import are_grades_in_order, check_training, shared_between
from engines.segmentation.slices.labels import REGIONS
from engines.segmentation.slices.preparation import Prepared, prepare
from engines.segmentation.training.grade_task import CachedFeatures, GradeTask
from engines.segmentation.training.mask_task import SegmentationTask, Trainable

SEGMENT, GRADE, JOINT, TOGETHER = "segment", "grade", "joint", "together"
_WORST_LOSS = 0.01
_DOCUMENTED = "documented"
_EXPECTED = {
    SEGMENT: {"expected_dice": 0.75, "expected_iou": 0.60},
    GRADE: {"expected_accuracy": 0.88, "expected_auc": 0.92},
}
"""What the author of the documented settings expects of its stages: lines to compare with, not results."""


def train(run: RunContext) -> None:
    """Train a phase in the run folder."""
    config = run.typed_config(TrainConfig)
    phase = run.request.phase
    check_training(run, config)
    start = _start(run, config)
    run.phase("Reading volumes")
    divisor = start.trainable.model.architecture.divisor
    prepared = prepare(run, config, divisor, start.size)
    _write_parameters(run, start.trainable.model)
    write_card(run, start.trainable.model, prepared)
    facts = _facts(run, config, prepared, start)
    device = choose_device(config)
    compares = phase in (GRADE, JOINT) and start.trainable.model.classifier is None
    before = _mask_dice(start.trainable.model, prepared, config, device) if compares else None
    task: TrainingTask
    if phase == GRADE:
        task = GradeTask(start.trainable.cpu(), prepared, config, facts)
    else:
        task = SegmentationTask(
            start.trainable.cpu(), prepared, config, has_grades=phase in (JOINT, TOGETHER), facts=facts
        )
    fit(run, task, config)
    if phase != SEGMENT:
        _calibrate(run, config, prepared)
    if before is not None:
        _compare(run, config, prepared, before, device)


def _start(run: RunContext, config: TrainConfig) -> Start:
    num_regions = 1 if config.regions == "wt" else len(REGIONS)
    wanted = architecture_of(config, len(MODALITIES), num_regions)
    phase = run.request.phase
    if phase in (SEGMENT, TOGETHER) and not run.request.base_run:
        # The same weights for the same seed, whatever was drawn before.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            return Start(Trainable(SegmentationNetwork(wanted)))
    if not run.request.base_run:
        raise PreconditionError(
            "This phase starts from a run of the phase before, and none was given.",
            remedy="Train the mask first.",
        )
    base = run.folder.file_path(run.request.base_run)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        start = start_from(base, wanted, config.image_size)
    if phase in (GRADE, JOINT) and start.trainable.model.head is None:
        raise PreconditionError(
            "This phase trains the grade head, and grade_head is off.",
            remedy="Set grade_head to image or bottleneck.",
        )
    _say_kept(run, base.name, start, config.grade_head)
    return start


def _say_kept(run: RunContext, base: str, start: Start, grade_head: str) -> None:
    """Warn of settings that the run before decides, and of its head when another one takes its place."""
    for setting, (there, ignored) in start.kept.items():
        run.warn(
            "{setting} stays {there}, as in {base} where this training starts: {ignored} is ignored.",
            setting=setting,
            there=there,
            base=base,
            ignored=ignored,
        )
    if start.replaced_head:
        run.warn(
            "The grade head of {base} was read at {there} and is dropped: one at {wanted} begins anew.",
            base=base,
            there=start.replaced_head,
            wanted=grade_head,
        )


def _facts(run: RunContext, config: TrainConfig, prepared: Prepared, start: Start) -> dict[str, float | None]:
    """Return numbers for the log and the rules that no training changes."""
    model = start.trainable.model
    train, validation = run.items(Split.TRAIN), run.items(Split.VAL)
    grades = [(item.id, read_grade(run, item)) for item in (*train, *validation)]
    is_ordered = are_grades_in_order(grades)
    low, high = prepared.alpha
    constant = constant_scores([case.grade for case in prepared.validation])
    return {
        "alpha_lgg": low or None,
        "alpha_hgg": high or None,
        "constant_accuracy": constant["accuracy"],
        "share_hgg_train": _share_high([case.grade for case in prepared.train]),
        "share_hgg_val": _share_high([case.grade for case in prepared.validation]),
        "last_signal_share": float(model.schedule.signal_share[-1]),
        EXTRA_OUTPUTS: float(start.extra_outputs),
        "head_sees_mask": float(
            model.architecture.grade_head == "bottleneck" and run.request.phase in (JOINT, TOGETHER)
        ),
        "grades_in_order": None if is_ordered is None else float(is_ordered),
        "shared_subjects": float(shared_between(train, validation)),
        "ema_horizon_steps": 1 / (1 - config.ema_decay) if config.ema_decay else 0.0,
        **(_EXPECTED.get(run.request.phase, {}) if run.request.preset == _DOCUMENTED else {}),
    }


def _share_high(grades: list[int]) -> float | None:
    known = [grade for grade in grades if grade >= 0]
    return sum(known) / len(known) if known else None


def _write_parameters(run: RunContext, model: SegmentationNetwork) -> None:
    rows = [[name, count, round(100 * share, 1)] for name, count, share in model.parameter_table()]
    run.panel(
        "parameters",
        PanelFile(
            kind=PanelKind.TABLE,
            title="Parameters",
            data={"columns": ["Part", "Parameters", "Share (%)"], "rows": rows},
        ),
    )


def _calibrate(run: RunContext, config: TrainConfig, prepared: Prepared) -> None:
    """Fit the probability of the grade on all validation subjects, and keep it in the checkpoints."""
    for name in (LAST, BEST):
        folder = run.folder.checkpoints_dir / name
        if not folder.is_dir():
            continue
        model, _ = load_network(run.folder.path, name)
        if model.head is None:
            return
        found = CachedFeatures.of(
            Trainable(model),
            prepared.validation,
            only_tumour=False,
            batch=config.slices_per_batch,
            seed=config.seed,
        )
        with torch.no_grad():
            logits = model.grades_of(found.features).float()
        calibration = GradeCalibration.fit(*found.subject_logits(logits))
        if calibration is None:
            run.warn(
                "The grade's probability was not calibrated: it needs {least} validation subjects of each "
                "grade, and a head that ranks them the right way round.",
                least=LEAST_SUBJECTS,
            )
            return
        keep_calibration(folder, calibration)
        run.summary["grade_scale"] = round(calibration.scale, 4)
        run.summary["grade_bias"] = round(calibration.bias, 4)


def _mask_dice(
    model: SegmentationNetwork, prepared: Prepared, config: TrainConfig, device: torch.device
) -> float | None:
    found = score_subjects(
        model.to(device).eval(),
        prepared.scored(config.num_evaluation_cases),
        prepared.coding,
        SamplerOptions("ddim", config.validation_steps),
        num_samples=config.validation_samples,
        slices_per_batch=config.slices_per_batch,
        device=device,
    )
    return found.means()["dice"]


def _compare(
    run: RunContext, config: TrainConfig, prepared: Prepared, before: float, device: torch.device
) -> None:
    """Measure the masks again on the same subjects, and say so when they became worse."""
    model, _ = load_network(Path(run.folder.path), BEST)
    after = _mask_dice(model, prepared, config, device)
    run.summary["dice_before"], run.summary["dice_after"] = before, after
    for key, value in (("dice_before", before), ("dice_after", after)):
        run.metric(key, value, split="val", step=run.step)
    if after is not None and before - after > _WORST_LOSS:
        run.warn(
            "Dice of the masks fell from {before} to {after} on the same subjects.",
            before=round(before, 4),
            after=round(after, 4),
        )
