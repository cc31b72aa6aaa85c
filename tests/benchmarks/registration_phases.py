"""Train the four phases one after another on public fundus images, beside an untrained and the classical row.

    WORKSTATION_REFERENCE_DATA=DATA python tests/benchmarks/registration_phases.py OUT [--preset laptop]
        [--phases phase_1 phase_2] [--set key=value ...] [--classical] [--final 15]
    WORKSTATION_REFERENCE_DATA=DATA python tests/benchmarks/registration_phases.py OUT --leave-one-out
        [--pairs 13] [--set epochs=10]

Validation pairs are warps of unseen eyes that also change the modality: at most 30 degrees, 20 % shift.
`success_5px` is the share whose image corners land within 5 px on average, at the working size. OUT receives
ordinary run folders; a finished phase in OUT is not trained again. With ``--final N`` the best weights of
the last phase are scored once more on N warps of each unseen eye whose looks and warps are drawn from other
seeds than those that chose the weights.

With ``--leave-one-out`` phase 4 is trained from OUT's phase 3 on all real pairs but one, each in turn. The
pair that was left out is scored after the first and after the last epoch, so that nothing is chosen by it.
Pairs that share an image are left out together. These weights serve this table only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from registration_training import landmark_items, run_engine, training_items

from engines.contract.config import parse_overrides
from engines.contract.events import Metric, read_events
from engines.contract.kinds import Action, RunState, Split
from engines.contract.manifest import ItemRecord, Manifest, hash_of_split
from engines.contract.presets import training_config
from engines.contract.registry import load_spec
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest

_SPEC = load_spec("registration")
_PHASES = tuple(phase.key for phase in _SPEC.phases)
_FINAL_LOOKS_SEED, _FINAL_WARPS_SEED = 4_321, 700_000
_KEYS = ("success_5px", "matching_accuracy", "repeatability_3px", "corner_error_px")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is missing and print one line per phase and row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", default="laptop", choices=_SPEC.presets)
    parser.add_argument("--phases", nargs="*", default=list(_PHASES[:3]), choices=_PHASES)
    parser.add_argument("--set", action="append", default=[], metavar="key=value")
    parser.add_argument("--classical", action="store_true", help="also score the classical recipe")
    parser.add_argument(
        "--final", type=int, default=0, metavar="N", help="also score N new warps of each eye"
    )
    parser.add_argument("--leave-one-out", action="store_true")
    parser.add_argument("--pairs", type=int, default=13)
    options = parser.parse_args(arguments)
    reference = os.environ.get("WORKSTATION_REFERENCE_DATA")
    if not reference:
        parser.error("set WORKSTATION_REFERENCE_DATA to the folder of reference data")
    retina = Path(reference) / "retina"
    out = options.out.resolve()
    overrides = parse_overrides(options.set)
    if options.leave_one_out:
        _leave_one_out(out, retina, options.preset, overrides, options.pairs)
        return 0
    base = ""
    for number, phase in enumerate(options.phases):
        items = training_items(retina / "drive" / "training")
        folder = train_phase(out / phase, phase, options.preset, overrides, items, base)
        if number == 0:
            _print_rows_without_training(folder, has_classical=options.classical)
        _print_phase(phase, folder)
        base = str(folder.path)
    if options.final:
        _print_final(RunFolder(Path(base)), options.final)
    return 0


def train_phase(
    path: Path,
    phase: str,
    preset: str,
    overrides: dict[str, Any],
    items: Sequence[ItemRecord],
    base: str,
) -> RunFolder:
    """Train a phase in a new run folder, or return the finished one."""
    folder = RunFolder(path)
    if (folder.read_summary() or {}).get("state") != RunState.FINISHED:
        config = training_config(_SPEC, phase, preset, overrides)
        request = RunRequest(
            pipeline=_SPEC.key,
            action=Action.TRAIN,
            phase=phase,
            preset=preset,
            base_run=base,
            settings=config.values(),
        )
        rows = ((item.subject, str(item.split)) for item in items)
        folder.create(request, Manifest(items=tuple(items), split_hash=hash_of_split(rows)))
        run_engine(folder)
    return folder


def _print_phase(phase: str, folder: RunFolder) -> None:
    summary = folder.read_summary() or {}
    _say(f"{phase}: {summary.get('ended_by')}, {summary.get('epoch')} epochs, {summary.get('training_s')} s")
    series = _series(folder)
    for key in _KEYS:
        points = series.get(key, [])
        best = max(points, default=None) if key != "corner_error_px" else min(points, default=None)
        last = f"{points[-1]:.3f}" if points else "-"
        _say(f"  {key:20} last {last}  best {'-' if best is None else f'{best:.3f}'}")
    curve = series.get("success_5px", [])
    step = max(1, len(curve) // 12)
    _say("  success_5px by validation: " + " ".join(f"{value:.2f}" for value in curve[::step]))


def _series(folder: RunFolder) -> dict[str, list[float]]:
    series: dict[str, list[float]] = {}
    for event in read_events(folder.events_path):
        if isinstance(event, Metric) and event.split == "val" and event.value is not None:
            series.setdefault(event.key, []).append(event.value)
    return series


def _print_rows_without_training(folder: RunFolder, *, has_classical: bool) -> None:
    """Score an untrained network, and the classical recipe on the same pictures, on the validation pairs."""
    import numpy as np
    import torch

    from engines.contract.geometry import invert
    from engines.imaging.matching.classical_registration import register
    from engines.registration.config import TrainConfig
    from engines.registration.data import validation_pair
    from engines.registration.inference.matching import corner_error_px
    from engines.registration.training.images import load_labelled_views
    from engines.registration.training.pairs_task import VALIDATION_SEED, PairsTask, network_facts
    from engines.registration.training.pictures import grey_picture

    run = RunContext.open(folder)
    try:
        config = run.typed_config(TrainConfig)
        facts = network_facts(config)
        views = load_labelled_views(run, Split.VAL, config, facts["preprocessing"], seed=config.seed + 1)
    finally:
        run.events.close()
    task = PairsTask(views[:1], views, config)
    with torch.no_grad():
        values = task.validation_metrics(task.network.eval(), torch.device("cpu"))
    _say("untrained: " + "  ".join(f"{key} {_text(values[key])}" for key in _KEYS))
    if not has_classical:
        return
    errors, start = [], time.process_time()
    for number, view in enumerate(views):
        for warp in range(config.validation_warps):
            pair = validation_pair(view, config, VALIDATION_SEED + 1000 * number + warp, warp)
            fixed, moving = (grey_picture(*pair.channels[side]) for side in (0, 1))
            result = register(fixed, moving)
            matrix = result.homography_fixed_from_moving
            true = invert(pair.homography_moving_from_fixed)
            size = (fixed.shape[1], fixed.shape[0])
            errors.append(np.inf if matrix is None else corner_error_px(matrix, true, size))
    share = float(np.mean(np.array(errors) <= 5.0))
    used = (time.process_time() - start) / len(errors)
    _say(f"classical: success_5px {share:.3f}  corner_error_px {np.median(errors):.2f}  ({used:.1f} s each)")


def _print_final(folder: RunFolder, warps_per_eye: int) -> None:
    """Score the best weights, and untrained ones, on warps that no choice was made by."""
    import torch

    from engines.core.checkpoint import load_weights
    from engines.registration.config import TrainConfig
    from engines.registration.data import validation_pair
    from engines.registration.evaluation.scoring import score_warped
    from engines.registration.evaluation.summaries import wilson
    from engines.registration.model import build_network
    from engines.registration.training.images import load_labelled_views
    from engines.registration.training.pair_losses import PairLosses
    from engines.registration.training.phase_plan import Terms
    from engines.registration.training.value_maps import ValueMaps

    weights, facts = load_weights(folder.checkpoints_dir / "best")
    run = RunContext.open(folder)
    try:
        config = run.typed_config(TrainConfig).model_copy(update={"looks_per_item": warps_per_eye})
        views = load_labelled_views(run, Split.VAL, config, facts["preprocessing"], seed=_FINAL_LOOKS_SEED)
    finally:
        run.events.close()
    pairs = [
        validation_pair(view, config, _FINAL_WARPS_SEED + 1000 * number + warp, warp)
        for number, view in enumerate(views)
        for warp in range(warps_per_eye)
    ]
    losses = PairLosses(config, Terms(folder.read_request().phase), ValueMaps(config.image_size_px))
    for row in ("untrained", "trained"):
        torch.manual_seed(config.seed)
        network = build_network(facts)
        if row == "trained":
            network.load_state_dict(dict(weights))
        with torch.no_grad():
            values = score_warped(pairs, network.eval(), losses, torch.device("cpu"))
        low, high = wilson(round(float(values["success_5px"] or 0) * len(pairs)), len(pairs)) or (0.0, 1.0)
        _say(
            f"final, {row}, {len(pairs)} pairs: "
            + "  ".join(f"{key} {_text(values[key])}" for key in _KEYS)
            + f"  (success_5px {low:.2f} to {high:.2f}, 95 % Wilson)"
        )


def _leave_one_out(out: Path, retina: Path, preset: str, overrides: dict[str, Any], num_pairs: int) -> None:
    """Train phase 4 without each pair in turn and print the error of the pair that was left out."""
    base = str(RunFolder(out / "phase_3").path)
    drawn = RunFolder(out / "leave_one_out")
    pairs = landmark_items(retina / "landmark_pairs", drawn)
    synthetic = training_items(retina / "drive" / "training")
    _say(
        "pair".ljust(12)
        + "first epoch".rjust(14)
        + "last epoch".rjust(14)
        + "  AUC to 25 px, without any refinement"
    )
    for held in pairs[:num_pairs]:
        twins = {pair.id for pair in pairs if _fixed_hash(pair) == _fixed_hash(held)}
        items = [
            _as_split(pair, drawn, Split.VAL if pair.id == held.id else Split.TRAIN)
            for pair in pairs
            if pair.id == held.id or pair.id not in twins
        ]
        name = f"phase_4_without_{held.id}"
        settings = {"real_pairs": "landmarks", **overrides}
        folder = train_phase(out / name, "phase_4", preset, settings, (*synthetic, *items), base)
        curve = _series(folder).get("real_auc_25", [])
        _say(
            held.id.ljust(12)
            + _text(curve[0] if curve else None).rjust(14)
            + _text(curve[-1] if curve else None).rjust(14)
        )


def _as_split(item: ItemRecord, drawn: RunFolder, split: Split) -> ItemRecord:
    """Return an item in another split, with its landmarks by their whole path."""
    annotations = {
        kind: record.model_copy(update={"path": str((drawn.path / record.path).resolve())})
        for kind, record in item.annotations.items()
    }
    return item.model_copy(update={"split": split, "annotations": annotations})


def _fixed_hash(item: ItemRecord) -> str:
    return hashlib.sha256(Path(item.files["fixed"].path).read_bytes()).hexdigest()


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
