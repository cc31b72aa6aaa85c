"""Register the pairs of a run: by the classical recipe, or by a trained network when a run is given."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines.contract.errors import InputError, PreconditionError
from engines.contract.files import write_text_atomically
from engines.contract.manifest import ItemRecord
from engines.contract.run_context import RunContext
from engines.contract.transform_file import TransformFile
from engines.imaging.images import ImageArray, read_image, write_image
from engines.imaging.transforms.warping import blend, warp_to_fixed
from engines.registration.config import MatcherConfig, PredictConfig
from engines.registration.inference.pair_result import PairResult
from engines.registration.inference.registrars import ClassicalRegistrar, PairWork, Registrar
from engines.registration.inference.suggestions import suggestions_of

_COLUMNS = (
    "item",
    "method",
    "verdict",
    "z",
    "s",
    "overlap",
    "sharpness",
    "model",
    "inliers",
    "rmse_px",
    "reason",
)


def predict(run: RunContext) -> None:
    """Register every pair and write transform, suggested keypoint pairs, registered image and blend."""
    config = run.typed_config(PredictConfig)
    items = pair_items(run)
    classical = ClassicalRegistrar()
    learned = learned_registrar(run, config) if config.method != "classical" else None
    if config.method in ("model", "fused") and learned is None:
        raise PreconditionError(
            "Registering with a model needs a training run, and none was given.",
            remedy="Choose a finished run, or set method to classical.",
        )
    rows: list[dict[str, Any]] = []
    run.phase("Registering")
    for number, item in enumerate(items):
        run.check_stop()
        run.progress(number, len(items))
        try:
            result = _done_before(run, item) or _register_item(run, item, config, classical, learned)
        except InputError as error:
            run.warn("{item} was left out: {reason}", item=item.id, reason=error.render())
            result = PairResult("", None, "not_registered", reason=error.render())
        rows.append(_row(item, result))
        write_per_item(run.folder.per_item_path, _COLUMNS, rows)
    run.progress(len(items), len(items))
    verdicts = [row["verdict"] for row in rows]
    run.summary["items"] = len(rows)
    run.summary["verdicts"] = {name: verdicts.count(name) for name in sorted(set(verdicts))}


def pair_items(run: RunContext) -> tuple[ItemRecord, ...]:
    """Return the items that are pairs.

    Raises
    ------
    PreconditionError
        If there is none.
    """
    items = tuple(item for item in run.manifest.items if item.has("fixed", "moving"))
    if not items:
        raise PreconditionError(
            "No item has a fixed and a moving image.", remedy="Import both images of a pair as one item."
        )
    return items


def learned_registrar(run: RunContext, config: MatcherConfig) -> Registrar | None:
    """Return the trained network that the run was given, or None; only then is torch imported."""
    if not run.request.base_run:
        return None
    from engines.core.device import choose_device
    from engines.registration.inference.learned import LearnedRegistrar

    path = run.folder.file_path(run.request.base_run)
    return LearnedRegistrar(path, config, choose_device(config))


def pair_work(run: RunContext, item: ItemRecord, config: MatcherConfig) -> PairWork:
    """Read both images of a pair."""
    fixed, moving = (read_image(run.input_path(item, role)) for role in ("fixed", "moving"))
    return PairWork(
        fixed,
        moving,
        config,
        fixed_modality=item.files["fixed"].modality,
        moving_modality=item.files["moving"].modality,
        should_stop=run.should_stop,
    )


def write_per_item(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Write ``per_item.csv``, atomically; what a row lacks stays empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    write_text_atomically(path, buffer.getvalue())


def _done_before(run: RunContext, item: ItemRecord) -> PairResult | None:
    """Return what an earlier part of this run found for an item: a run that goes on does nothing twice."""
    path = run.folder.outputs_dir / "transform" / f"{item.id}.json"
    suggestions = run.folder.outputs_dir / "suggestions" / f"{item.id}.json"
    if not (path.is_file() and suggestions.is_file()):
        return None
    file = TransformFile.read(path)
    return PairResult(
        file.method,
        file.homography_fixed_from_moving,
        file.verdict,
        file.model,
        file.s,
        file.z,
        file.overlap,
        file.reason,
        file.sharpness,
        file.inliers,
        file.rmse_px,
    )


def _register_item(
    run: RunContext,
    item: ItemRecord,
    config: PredictConfig,
    classical: Registrar,
    learned: Registrar | None,
) -> PairResult:
    work = pair_work(run, item, config)
    fixed, moving = work.fixed, work.moving
    wanted = "classical" if learned is None else "model" if config.method == "model" else "fused"
    (result,) = (learned or classical).register(work, (wanted,))
    # A stop inside a pair leaves it undone, not wrongly "not registered".
    run.check_stop()
    outputs = run.folder.outputs_dir
    transform_path = outputs / "transform" / f"{item.id}.json"
    hashes = (item.files["fixed"].sha256, item.files["moving"].sha256)
    result.transform_file(fixed, moving, *hashes).write(transform_path)
    run.output(item.id, "transform", transform_path)
    transform = result.fixed_from_moving
    if config.write_images and transform is not None:
        size = (fixed.shape[1], fixed.shape[0])
        pictures: dict[str, ImageArray] = {
            "registered": warp_to_fixed(moving, transform, size),
            "blend": blend(fixed, moving, transform),
        }
        for role, picture in pictures.items():
            path = outputs / role / f"{item.id}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, picture)
            run.output(item.id, role, path)
    # Last of all: with it the item is done.
    suggestions_path = outputs / "suggestions" / f"{item.id}.json"
    suggestions_of(result, fixed, moving, hashes, config.max_suggestions).write(suggestions_path)
    run.output(item.id, "suggestions", suggestions_path)
    return replace(result, keypoints=None)


def _row(item: ItemRecord, result: PairResult) -> dict[str, Any]:
    values = {name: getattr(result, name) for name in _COLUMNS[1:]}
    return {"item": item.id, **values}
