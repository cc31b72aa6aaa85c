"""Corrupt clean procedural vessels, refine them without ever seeing the clean ones, and score every method.

    python tests/benchmarks/refinement_noise.py OUT [--cases 10] [--severity 2] [--seed 0] [--preset laptop]
        [--set key=value ...] [--score key=value ...] [--voxels 96] [--spacing 0.8]

Every third case is hard: weak contrast, calcium, veins beside the arteries, and pieces of veins in the label.
The clean masks are given to the evaluation only; training sees noisy labels and images, and its last
checkpoint is used, so nothing is selected by the truth. OUT receives ordinary run folders; an existing
training in OUT is reused. The table has each method on all cases, on the easy and on the hard ones, and for
each metric the difference to the best morphology row with its 95 % bootstrap interval over cases.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.config import parse_overrides
from engines.contract.evaluation import EvaluationReport
from engines.contract.kinds import Action, AnnotationKind, ItemKind, RunState, Split
from engines.contract.manifest import AnnotationRecord, FileRecord, ItemRecord, Manifest
from engines.contract.presets import training_config
from engines.contract.registry import config_class, load_spec
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.volumes.coronary_phantom import CORONARY, PhantomOptions, make_phantom
from engines.imaging.volumes.label_noise import MIXED, corrupt
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import write_volume
from engines.refinement.baselines import MORPHOLOGY

_SPEC = load_spec("refinement")
_METRICS = ("dice", "nsd_1mm", "hd95_mm", "cldice", "components")
_HARD_EVERY = 3
_NUM_BOOTSTRAPS = 2000


def main(arguments: Sequence[str] | None = None) -> int:
    """Train if needed, evaluate, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", type=int, default=10)
    parser.add_argument("--severity", type=int, default=2, choices=(1, 2, 3))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="laptop", choices=_SPEC.presets)
    parser.add_argument("--set", action="append", default=[], metavar="key=value")
    parser.add_argument("--score", action="append", default=[], metavar="key=value")
    parser.add_argument("--voxels", type=int, default=96)
    parser.add_argument("--spacing", type=float, default=0.8)
    options = parser.parse_args(arguments)

    data = options.out / "data"
    items = [_item(data, number, options) for number in range(options.cases)]
    overrides = {"num_threads": 1, "device": "cpu", "seed": options.seed, **parse_overrides(options.set)}
    values = training_config(_SPEC, "fit", options.preset, overrides).values()
    training = RunFolder(options.out / "training")
    if not (training.checkpoints_dir / "last").is_dir():
        started = time.process_time()
        _carry_out(training, items, Action.TRAIN, values, phase="fit", preset=options.preset)
        _say(f"trained in {time.process_time() - started:.0f} s of processor time")
    number = 1
    while (options.out / f"evaluation_{number}").exists():
        number += 1
    scored = RunFolder(options.out / f"evaluation_{number}")
    settings = {"num_threads": 1, "device": "cpu", "weights": "last", **parse_overrides(options.score)}
    _carry_out(scored, items, Action.EVALUATE, settings, base_run=str(training.path.resolve()))
    _print_tables(EvaluationReport.read(scored.evaluation_path))
    return 0


def _item(data: Path, number: int, options: argparse.Namespace) -> ItemRecord:
    name = f"case_{number:02d}"
    files = {role: data / f"{name}_{role}.nii.gz" for role in ("ct", "reference_label_map", "label_map")}
    if not files["label_map"].exists():
        is_hard = _is_hard(name)
        phantom = make_phantom(
            100 + 1000 * options.seed + number,
            PhantomOptions(
                num_voxels=options.voxels,
                spacing_mm=options.spacing,
                has_weak_contrast=is_hard,
                has_calcium=is_hard,
                has_veins=is_hard,
            ),
        )
        noise_seed = 500 + 1000 * options.seed + number
        veins = phantom.veins if is_hard else None
        noisy = corrupt(phantom.coronary, MIXED, options.severity, noise_seed, veins)
        data.mkdir(parents=True, exist_ok=True)
        geometry = phantom.image.geometry
        write_volume(files["ct"], phantom.image)
        clean = (CORONARY * phantom.coronary).astype(np.uint8)
        write_volume(files["reference_label_map"], Volume(clean, geometry))
        write_volume(files["label_map"], Volume((CORONARY * noisy).astype(np.uint8), geometry))
    return ItemRecord(
        id=name,
        subject=name,
        kind=ItemKind.VOLUME,
        split=Split.TRAIN,
        files={role: FileRecord(path=str(files[role].resolve())) for role in ("ct", "reference_label_map")},
        annotations={
            AnnotationKind.LABEL_MAP: AnnotationRecord(path=f"annotations/{name}.label_map.nii.gz"),
        },
    )


def _is_hard(name: str) -> bool:
    return int(name.rsplit("_", 1)[1]) % _HARD_EVERY == _HARD_EVERY - 1


def _carry_out(
    folder: RunFolder, items: Sequence[ItemRecord], action: Action, settings: dict[str, Any], **request: str
) -> None:
    from engines.contract.registry import resolve

    if action is Action.TRAIN:
        # Clean labels are out of reach of the training.
        items = [item.model_copy(update={"files": {"ct": item.files["ct"]}}) for item in items]
    values = config_class(_SPEC, action).from_values(settings).values()
    folder.create(
        RunRequest(pipeline=_SPEC.key, action=action, settings=values, **request),
        Manifest(items=tuple(items)),
    )
    folder.annotations_dir.mkdir(exist_ok=True)
    for item in items:
        target = folder.annotations_dir / f"{item.id}.label_map.nii.gz"
        os.link(folder.path.parent / "data" / f"{item.id}_label_map.nii.gz", target)
    run = RunContext.open(folder)
    try:
        resolve({Action.TRAIN: _SPEC.train, Action.EVALUATE: _SPEC.evaluate}[action])(run)
    finally:
        run.events.close()
    folder.write_summary(RunState.FINISHED, run.summary)


def _print_tables(report: EvaluationReport) -> None:
    table: dict[str, dict[str, dict[str, float]]] = {}
    for entry in report.per_item:
        table.setdefault(entry["row"], {})[entry["item"]] = entry
    names = sorted(next(iter(table.values())))
    groups = {
        "all": names,
        "easy": [name for name in names if not _is_hard(name)],
        "hard": [name for name in names if _is_hard(name)],
    }
    for title, members in groups.items():
        if not members:
            continue
        _say(f"\n{title} ({len(members)} cases)   " + "  ".join(f"{metric:>10}" for metric in _METRICS))
        means = {
            row: {metric: _mean(found, members, metric) for metric in _METRICS}
            for row, found in table.items()
        }
        for row, values in means.items():
            _say(f"{row:<22}" + "  ".join(f"{values[metric]:10.3f}" for metric in _METRICS))
        best = max(MORPHOLOGY, key=lambda row: means[row]["dice"])
        _say(f"model against {best}:")
        for metric in _METRICS:
            gains = np.array([table["model"][name][metric] - table[best][name][metric] for name in members])
            low, high = _interval(gains)
            _say(f"  {metric:<11} {gains.mean():+.3f}  [{low:+.3f}, {high:+.3f}]")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _mean(found: dict[str, dict[str, float]], members: Sequence[str], metric: str) -> float:
    values = [found[name][metric] for name in members if found[name][metric] is not None]
    return float(np.mean(values)) if values else float("nan")


def _interval(gains: Any) -> tuple[float, float]:
    generator = np.random.default_rng(0)
    means = generator.choice(gains, (_NUM_BOOTSTRAPS, len(gains))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    raise SystemExit(main())
