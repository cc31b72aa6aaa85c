"""From scored pairs to the report file and its page."""

from __future__ import annotations

from collections.abc import Sequence

from engines.contract.errors import InputError
from engines.contract.evaluation import EvaluationReport
from engines.contract.run_context import RunContext
from engines.core.evaluation_page import PagePicture, PageTable, write_page
from engines.imaging.images import write_image
from engines.imaging.matching.landmark_metrics import score_pairs
from engines.imaging.transforms.point_transform import PointTransform
from engines.registration.config import EvaluateConfig
from engines.registration.evaluation.conditions import Condition, scored_pair
from engines.registration.evaluation.landmark_bounds import BOUND_MODELS, landmark_fit, landmark_fit_left_out
from engines.registration.evaluation.pictures import hard_pair_picture
from engines.registration.evaluation.summaries import (
    Scored,
    bootstrap,
    condition_table,
    error_chart,
    fire_table,
    groups_of,
    percentile_table,
    rotation_chart,
    summary_of,
    verdict_table,
)
from engines.registration.predict import pair_items

_NOTES = (
    "Errors are distances of landmarks in pixels of the fixed image, moving landmarks mapped to it. "
    "AUC to T px is the mean over t = 1..T of the share of pairs whose mean error is below t; "
    "a pair without a transform is a miss.",
    "Acceptable: largest error at most 50 px and median at most 20 px. Inaccurate: any other transform. "
    "Failed: no transform. The verdict changes no score.",
    "model_raw is the network's own keypoints, descriptors and consensus; model adds the refinement and "
    "verification that all methods share; for fused the network and the exhaustive search both propose.",
    "landmark_fit is fitted to the landmarks that score it; landmark_fit_left_out scores each landmark by "
    "the others. perfect_detector matches descriptors at the landmarks themselves: what it misses is the "
    "descriptor's fault, what the model misses beyond it the detector's.",
    "regression, where it was asked for, is a small network that regresses an affine transform from both "
    "images at once: trained on the batches of the model, as many steps, verified like model_raw and not "
    "refined. It has no sweep of turns and scales.",
    "Where a row reaches landmark_fit, the set is at its ceiling and shows no further gain.",
    "Intervals are drawn over subjects; they widen with few of them and say nothing about other clinics.",
)


def write_report(
    run: RunContext,
    config: EvaluateConfig,
    report: EvaluationReport,
    scored: Sequence[Scored],
    names: Sequence[str],
    first: Condition,
) -> EvaluationReport:
    """Fill in rows, intervals and parts, write ``evaluation.json`` and the page, and return the report."""
    plain = [one for one in scored if one.condition == first]
    by_row = {name: [one for one in plain if one.row == name] for name in names}
    modalities = {item.id: _modalities(run, item.id) for item in run.manifest.items}
    report = report.model_copy(
        update={
            "rows": {name: summary_of(by_row[name]) for name in names},
            "intervals": {
                name: found
                for name in names
                if (found := bootstrap(by_row[name], config.bootstrap_samples, config.seed))
            },
            "groups": {
                **groups_of(plain, names, lambda one: f"Pairs of {one.facts['polarity']} polarity"),
                **groups_of(plain, names, lambda one: f"Pairs of {modalities[one.item]}"),
            },
        }
    )
    report.write(run.folder.evaluation_path)
    methods = [name for name in names if any("verdict" in one.facts for one in by_row[name])]
    tables = [
        condition_table(scored, names),
        verdict_table(scored, methods),
        percentile_table(plain, methods),
        _bound_table(run, first),
    ]
    fire = fire_table(plain, names)
    tables += [fire] if fire is not None else []
    rotation = rotation_chart(scored, [*methods, "landmark_fit"])
    charts = [error_chart(plain, names, report.bounds), *([rotation] if rotation is not None else [])]
    run.phase("Writing the page")
    pictures = _pictures(run, config, plain, methods[0])
    write_page(run, report, pictures, _NOTES, tables=tables, charts=charts)
    return report


def _modalities(run: RunContext, item_id: str) -> str:
    item = next(item for item in run.manifest.items if item.id == item_id)
    names = [item.files[role].modality or "?" for role in ("fixed", "moving") if role in item.files]
    return " and ".join(names)


def _bound_table(run: RunContext, first: Condition) -> PageTable:
    """Return the landmark fits of every family, in and out of sample."""
    pairs = []
    for item in pair_items(run):
        try:
            pairs.append(scored_pair(run, item, first))
        except InputError:
            # Said before, when it was to be scored.
            continue
    rows = []
    for model in BOUND_MODELS:
        inside = score_pairs([landmark_fit(pair, model)[0] for pair in pairs])
        outside = score_pairs([landmark_fit_left_out(pair, model)[0] for pair in pairs])
        rows.append((model, inside["auc_25"], inside["median_error_px"], outside["auc_25"]))
    return PageTable(
        "Landmark fits",
        ("family", "AUC to 25 px", "median error, px", "AUC to 25 px, each landmark left out"),
        tuple(rows),
    )


def _pictures(
    run: RunContext, config: EvaluateConfig, plain: Sequence[Scored], method: str
) -> list[PagePicture]:
    """Draw the pairs with the largest errors of a method."""
    hardest = sorted((one for one in plain if one.row == method), key=lambda one: -one.score.mean_error_px)[
        : config.num_pictures
    ]
    items = {item.id: item for item in run.manifest.items}
    pictures = []
    for one in hardest:
        pair = scored_pair(run, items[one.item], one.condition)
        transform = one.facts.get("transform")
        path = run.folder.outputs_dir / "pictures" / f"{one.item}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(
            path, hard_pair_picture(pair, transform if isinstance(transform, PointTransform) else None)
        )
        said = (
            "no transform"
            if one.score.outcome == "failed"
            else f"mean error {one.score.mean_error_px:.1f} px"
        )
        verdict = str(one.facts.get("verdict", "")).replace("_", " ")
        pictures.append(PagePicture(path, one.item, f"{method}: {said}, {verdict}"))
    return pictures
