"""Score registration against landmarks: the model, the classical recipe, and the bounds on either side.

Errors are distances in fixed-image pixels after mapping moving landmarks to the fixed image. The verdict
never changes a score. `landmark_fit` is a homography fitted to the very landmarks it is scored on: a
bound from annotation noise and curvature, not a method.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.contract.errors import InputError, PreconditionError
from engines.contract.evaluation import EvaluationReport
from engines.contract.manifest import ItemRecord
from engines.contract.run_context import RunContext, StopRequested
from engines.imaging.matching.landmark_metrics import PairScore, score_errors, score_pair
from engines.registration.config import EvaluateConfig
from engines.registration.evaluation.conditions import (
    FEWEST_LANDMARKS,
    Condition,
    ScoredPair,
    conditions_of,
    scored_pair,
)
from engines.registration.evaluation.landmark_bounds import landmark_fit, landmark_fit_left_out
from engines.registration.evaluation.pair_facts import facts_of
from engines.registration.evaluation.report import write_report
from engines.registration.evaluation.summaries import Scored
from engines.registration.inference.pair_result import PairResult
from engines.registration.inference.registrars import ClassicalRegistrar, PairWork, Registrar
from engines.registration.predict import learned_registrar, pair_items, write_per_item

LEARNED_ROWS = ("fused", "model", "model_raw")
BOUNDS = ("perfect_detector", "landmark_fit", "landmark_fit_left_out")
_COLUMNS = (
    "item",
    "row",
    "condition",
    "seed",
    "mean_error_px",
    "median_error_px",
    "max_error_px",
    "mean_error_share",
    "outcome",
    "verdict",
    "model",
    "source",
    "z",
    "s",
    "overlap",
    "sharpness",
    "matches",
    "inliers",
    "inlier_ratio",
    "coverage",
    "cells",
    "scale",
    "stretch",
    "perspective",
    "matching_accuracy",
    "polarity",
    "cpu_s",
    "reason",
)


def evaluate(run: RunContext) -> None:
    """Score every pair with landmarks under every condition, and write table and page."""
    config = run.typed_config(EvaluateConfig)
    items = pair_items(run)
    learned = learned_registrar(run, config)
    registrars: list[Registrar] = [*([learned] if learned is not None else []), ClassicalRegistrar()]
    methods: tuple[str, ...] = (*(LEARNED_ROWS if learned is not None else ()), "classical")
    if config.regression and learned is not None:
        from engines.registration.evaluation.affine_regression import ROW, regression_registrar

        registrars.append(regression_registrar(run, config))
        methods = (*methods, ROW)
    conditions = conditions_of(config)
    # Most landmarks of a harder variant lie outside its common area, so matching at them bounds nothing.
    has_detector_bound = learned is not None and conditions[0].stress == "none"
    names = (*methods, *(BOUNDS[:1] if has_detector_bound else ()), "identity", *BOUNDS[1:])
    scored: list[Scored] = []
    entries: list[dict[str, Any]] = []
    run.phase("Scoring")
    for number, (condition, item) in enumerate((one, item) for one in conditions for item in items):
        run.check_stop()
        run.progress(number, len(conditions) * len(items))
        try:
            pair = scored_pair(run, item, condition)
            found = _score_all(run, item, pair, condition, registrars, methods, config)
        except InputError as error:
            if condition == conditions[0]:
                reason = error.render()
                run.warn("{item} was not scored: {reason}", item=item.id, reason=reason)
                entries += [{"item": item.id, "row": name, "reason": reason} for name in names]
            continue
        scored += found
        entries += [_entry(one, pair, is_plain=condition == conditions[0]) for one in found]
        write_per_item(run.folder.per_item_path, _COLUMNS, entries)
    run.progress(len(conditions) * len(items), len(conditions) * len(items))
    if not scored:
        raise PreconditionError(
            "None of the {items} pairs has {least} or more landmarks.",
            remedy="Place keypoint pairs, or import them, before evaluating.",
            items=len(items),
            least=FEWEST_LANDMARKS,
        )
    write_per_item(run.folder.per_item_path, _COLUMNS, entries)
    _report(run, config, scored, entries, names, conditions[0])


def _score_all(
    run: RunContext,
    item: ItemRecord,
    pair: ScoredPair,
    condition: Condition,
    registrars: list[Registrar],
    methods: tuple[str, ...],
    config: EvaluateConfig,
) -> list[Scored]:
    """Score one pair under one condition by every method and bound.

    Raises
    ------
    StopRequested
        If the run was asked to stop meanwhile: a stop inside a pair leaves it undone, not wrongly failed.
    """
    work = PairWork(
        pair.fixed,
        pair.moving,
        config,
        fixed_modality=item.files["fixed"].modality,
        moving_modality=item.files["moving"].modality,
        should_stop=run.should_stop,
    )

    def scored(name: str, score: PairScore, facts: dict[str, Any]) -> Scored:
        return Scored(item.id, item.subject, condition, name, score, {**facts, "polarity": polarity})

    results = [result for registrar in registrars for result in registrar.register(work, methods)]
    if run.should_stop():
        raise StopRequested
    fixed, moving = work.readings(work.frames[0])[0]
    polarity = "same" if fixed.polarity == moving.polarity else "opposite"
    found = [scored(result.method, _score(result, pair), _facts(result, pair)) for result in results]
    for registrar in registrars:
        detect = getattr(registrar, "perfect_detector", None)
        if detect is not None and condition.stress == "none":
            result, accuracy = detect(work, pair.fixed_xy, pair.moving_xy)
            found.append(scored(result.method, _score(result, pair), {"matching_accuracy": accuracy}))
    identity = score_pair(np.eye(3), pair.fixed_xy, pair.moving_xy)
    found.append(scored("identity", identity, {}))
    for name, (score, model) in (
        ("landmark_fit", landmark_fit(pair)),
        ("landmark_fit_left_out", landmark_fit_left_out(pair)),
    ):
        found.append(scored(name, score, {"model": model or None}))
    return found


def _score(result: PairResult, pair: ScoredPair) -> PairScore:
    if result.quadratic is None:
        return score_pair(result.homography_fixed_from_moving, pair.fixed_xy, pair.moving_xy)
    return score_errors(np.linalg.norm(result.quadratic.apply(pair.moving_xy) - pair.fixed_xy, axis=1))


def _facts(result: PairResult, pair: ScoredPair) -> dict[str, Any]:
    facts = {**facts_of(result, pair), "transform": result.fixed_from_moving}
    return {**facts, **({"reason": result.reason} if result.reason else {})}


def _entry(one: Scored, pair: ScoredPair, *, is_plain: bool) -> dict[str, Any]:
    is_failed = one.score.outcome == "failed"
    diagonal = float(np.hypot(*pair.fixed.shape[:2]))
    entry: dict[str, Any] = {
        "item": one.item,
        "row": one.row,
        "mean_error_px": None if is_failed else one.score.mean_error_px,
        "median_error_px": None if is_failed else one.score.median_error_px,
        "max_error_px": None if is_failed else one.score.max_error_px,
        "mean_error_share": None if is_failed else one.score.mean_error_px / diagonal,
        "outcome": one.score.outcome,
        **{key: value for key, value in one.facts.items() if value is not None and key != "transform"},
    }
    if not is_plain:
        entry |= {"condition": one.condition.name, "seed": one.condition.seed}
    if is_failed and not entry.get("reason"):
        entry["reason"] = "No transform was found."
    return entry


def _report(
    run: RunContext,
    config: EvaluateConfig,
    scored: list[Scored],
    entries: list[dict[str, Any]],
    names: tuple[str, ...],
    first: Condition,
) -> None:
    splits = {item.split.value for item in run.manifest.items if item.split is not None}
    base_run = run.request.base_run
    plain = [one for one in scored if one.condition == first]
    report = EvaluationReport(
        pipeline=run.spec.key,
        run=run.folder.file_path(base_run).name if base_run else None,
        split=splits.pop() if len(splits) == 1 else "all",
        split_hash=run.manifest.split_hash,
        items=len({one.item for one in plain}),
        rows={},
        per_item=[entry for entry in entries if "condition" not in entry],
        bounds=tuple(name for name in BOUNDS if name in names),
    )
    report = write_report(run, config, report, scored, names, first)
    run.summary["items"] = report.items
    run.summary["rows"] = report.rows
