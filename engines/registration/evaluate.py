"""Score registration against landmarks: the model, the classical recipe, and the bounds on either side.

Errors are distances in fixed-image pixels after mapping moving landmarks to the fixed image. The verdict
never changes a score. `landmark_fit` is a homography fitted to the very landmarks it is scored on: a
bound from annotation noise and curvature, not a method.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.contract.errors import GeometryError, InputError, PreconditionError
from engines.contract.evaluation import EvaluationReport
from engines.contract.geometry import FloatArray, apply_homography
from engines.contract.kinds import AnnotationKind
from engines.contract.manifest import ItemRecord, read_keypoint_pairs
from engines.contract.run_context import RunContext
from engines.imaging.images import read_image
from engines.imaging.matching.landmark_metrics import PairScore, score_pair, score_pairs
from engines.imaging.matching.stress import derive
from engines.imaging.transforms.transform_fits import fit
from engines.imaging.transforms.warping import rotate_on_enlarged_canvas
from engines.registration.config import EvaluateConfig
from engines.registration.predict import learned_registrar, pair_items, write_per_item
from engines.registration.registrars import ClassicalRegistrar, Image, PairResult, Registrar

FEWEST_LANDMARKS = 4
_COLUMNS = (
    "item",
    "row",
    "mean_error_px",
    "median_error_px",
    "max_error_px",
    "outcome",
    "verdict",
    "z",
    "s",
    "reason",
)


@dataclass(frozen=True)
class ScoredPair:
    """A pair as it is scored, after stress and turn.

    Parameters
    ----------
    fixed, moving : ndarray of uint8 or uint16
    fixed_xy, moving_xy : ndarray of float64, (N, 2)
        Landmarks in pixels of these images.
    """

    fixed: Image
    moving: Image
    fixed_xy: FloatArray
    moving_xy: FloatArray


def evaluate(run: RunContext) -> None:
    """Score every pair with landmarks and write the report."""
    config = run.typed_config(EvaluateConfig)
    items = pair_items(run)
    learned = learned_registrar(run, config)
    registrars: list[Registrar] = [ClassicalRegistrar(config)]
    names = ["classical", "identity", "landmark_fit"]
    if learned is not None:
        registrars.insert(0, learned)
        names = ["model", "model_raw", *names]
    scores: dict[str, list[PairScore]] = {name: [] for name in names}
    per_item: list[dict[str, Any]] = []
    num_scored = 0
    run.phase("Scoring")
    for number, item in enumerate(items):
        run.check_stop()
        run.progress(number, len(items))
        try:
            pair = scored_pair(run, item, config)
            results = _results(pair, item, registrars, run.should_stop)
        except InputError as error:
            reason = error.render()
            run.warn("{item} was not scored: {reason}", item=item.id, reason=reason)
            per_item += [{"item": item.id, "row": name, "reason": reason} for name in names]
            continue
        run.check_stop()
        num_scored += 1
        for name in names:
            result = results[name]
            score = score_pair(result.homography_fixed_from_moving, pair.fixed_xy, pair.moving_xy)
            scores[name].append(score)
            per_item.append(_entry(item, name, result, score))
        write_per_item(run.folder.per_item_path, _COLUMNS, per_item)
    run.progress(len(items), len(items))
    if not num_scored:
        raise PreconditionError(
            "None of the {items} pairs has {least} or more landmarks.",
            remedy="Place keypoint pairs, or import them, before evaluating.",
            items=len(items),
            least=FEWEST_LANDMARKS,
        )
    rows = {name: score_pairs(scores[name]) for name in names}
    _report(run, rows, per_item, num_scored)


def scored_pair(run: RunContext, item: ItemRecord, config: EvaluateConfig) -> ScoredPair:
    """Read a pair with its landmarks; make it harder and turn it as the settings say.

    Raises
    ------
    InputError
        If it has too few landmarks or a file cannot be read.
    """
    record = item.annotations.get(AnnotationKind.KEYPOINT_PAIRS)
    fixed_xy = moving_xy = np.zeros((0, 2))
    if record is not None:
        _, fixed_xy, moving_xy = read_keypoint_pairs(run.folder.file_path(record.path))
    if len(fixed_xy) < FEWEST_LANDMARKS:
        raise PreconditionError(
            "it has {count} landmarks, and {least} are needed.",
            remedy="Place more keypoint pairs.",
            count=len(fixed_xy),
            least=FEWEST_LANDMARKS,
        )
    fixed, moving = (read_image(run.input_path(item, role)) for role in ("fixed", "moving"))
    if config.stress != "none":
        # Each item gets its own draw, the same one whatever other items are scored.
        seed = zlib.crc32(f"{config.stress_seed}/{item.id}".encode())
        fixed, moving, fixed_matrix, moving_matrix = derive(config.stress, fixed, moving, seed)
        fixed_xy = apply_homography(fixed_matrix, fixed_xy)
        moving_xy = apply_homography(moving_matrix, moving_xy)
    moving, turn = rotate_on_enlarged_canvas(moving, config.rotation_deg)
    return ScoredPair(fixed, moving, fixed_xy, apply_homography(turn, moving_xy))


def _results(
    pair: ScoredPair,
    item: ItemRecord,
    registrars: list[Registrar],
    should_stop: Callable[[], bool],
) -> dict[str, PairResult]:
    modalities = {f"{role}_modality": item.files[role].modality for role in ("fixed", "moving")}
    results = {
        result.method: result
        for registrar in registrars
        for result in registrar.register(pair.fixed, pair.moving, **modalities, should_stop=should_stop)
    }
    results["identity"] = PairResult("identity", np.eye(3), "not_registered", "identity")
    results["landmark_fit"] = _landmark_fit(pair)
    return results


def _landmark_fit(pair: ScoredPair) -> PairResult:
    for model in ("homography", "affine", "similarity"):
        try:
            matrix = fit(model, pair.moving_xy, pair.fixed_xy)
        except GeometryError:
            # Landmarks on one line or in one place determine fewer parameters: try the next family.
            continue
        return PairResult("landmark_fit", matrix, "registered", model)
    return PairResult("landmark_fit", None, "not_registered", reason="The landmarks determine no transform.")


def _entry(item: ItemRecord, name: str, result: PairResult, score: PairScore) -> dict[str, Any]:
    is_failed = score.outcome == "failed"
    entry: dict[str, Any] = {
        "item": item.id,
        "row": name,
        "mean_error_px": None if is_failed else score.mean_error_px,
        "median_error_px": None if is_failed else score.median_error_px,
        "max_error_px": None if is_failed else score.max_error_px,
        "outcome": score.outcome,
    }
    if name not in ("identity", "landmark_fit"):
        entry |= {"verdict": result.verdict, "z": result.z, "s": result.s}
    if result.inliers is not None:
        entry["inliers"] = result.inliers
    reason = result.reason or ("No transform was found." if is_failed else "")
    return {**entry, "reason": reason} if reason else entry


def _report(
    run: RunContext,
    rows: Mapping[str, dict[str, float | None]],
    per_item: list[dict[str, Any]],
    num_scored: int,
) -> None:
    splits = {item.split.value for item in run.manifest.items if item.split is not None}
    base_run = run.request.base_run
    report = EvaluationReport(
        pipeline=run.spec.key,
        run=run.folder.file_path(base_run).name if base_run else None,
        split=splits.pop() if len(splits) == 1 else "all",
        split_hash=run.manifest.split_hash,
        items=num_scored,
        rows=dict(rows),
        per_item=per_item,
    )
    report.write(run.folder.evaluation_path)
    write_per_item(run.folder.per_item_path, _COLUMNS, per_item)
    run.summary["items"] = num_scored
    run.summary["rows"] = dict(rows)
