"""Corrupt clean procedural vessels, refine them without ever seeing the clean ones, and score every method.

    python tests/benchmarks/refinement_noise.py OUT [--cases 10] [--severity 2] [--seed 0] [--preset laptop]
        [--set key=value ...] [--score key=value ...] [--voxels 96] [--spacing 0.8] [--real FOLDER]
        [--field TRAINING]

With ``--real``, vessels of a real CT are cases too, their labels as given counting as clean: a network made
them, so a correct repair of an error of theirs counts as an error here. With ``--cases 0`` they are the only
ones.

With ``--field``, nothing is trained: the field of that run folder refines the procedural cases as new ones,
of which it knows neither image nor label.

Every third procedural case is hard: weak contrast, calcium, veins beside the arteries, and pieces of veins in
the label. The clean masks are given to the evaluation only; training sees noisy labels and images, and its
last checkpoint is used, so nothing is selected by the truth. OUT receives ordinary run folders; an existing
training in OUT is reused. The table has each method on all cases and on groups of them, and for each metric
the difference to the best morphology row with its 95 % bootstrap interval over cases.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
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
from engines.imaging.volumes.coronary_phantom import CORONARY
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import write_volume
from engines.refinement.data import NativeCase
from engines.refinement.evaluate import interval_of_mean
from engines.refinement.evaluation.baselines import MORPHOLOGY
from engines.refinement.evaluation.noise_bench import (
    REAL_LABELS,
    BenchOptions,
    is_hard,
    procedural_case,
    real_case,
)

_SPEC = load_spec("refinement")
_METRICS = ("dice", "nsd_1mm", "hd95_mm", "cldice", "components", "loops", "missing_mm", "spurious_mm")


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
    parser.add_argument("--real", type=Path)
    parser.add_argument("--field", type=Path)
    options = parser.parse_args(arguments)

    if options.field is not None:
        return _score_new_cases(options)
    items = _items(options.out / "data", options)
    overrides = {"num_threads": 1, "device": "cpu", "seed": options.seed, **parse_overrides(options.set)}
    values = training_config(_SPEC, "fit", options.preset, overrides).values()
    training = RunFolder(options.out / "training")
    if not (training.checkpoints_dir / "last").is_dir():
        started = time.process_time()
        _carry_out(training, items, Action.TRAIN, values, phase="fit", preset=options.preset)
        _say(f"trained in {time.process_time() - started:.0f} s of processor time")
    scored = _next_evaluation(options.out)
    settings = {"num_threads": 1, "device": "cpu", "weights": "last", **parse_overrides(options.score)}
    _carry_out(scored, items, Action.EVALUATE, settings, base_run=str(training.path.resolve()))
    _print_tables(EvaluationReport.read(scored.evaluation_path))
    return 0


def _score_new_cases(options: argparse.Namespace) -> int:
    scored = _next_evaluation(options.out)
    settings = {
        "num_threads": 1,
        "device": "cpu",
        "weights": "last",
        "cases": "noise_bench",
        "num_cases": options.cases,
        "noise_severity": options.severity,
        "bench_voxels": options.voxels,
        "bench_spacing_mm": options.spacing,
        "seed": options.seed,
        **parse_overrides(options.score),
    }
    started = time.process_time()
    _carry_out(scored, [], Action.EVALUATE, settings, base_run=str(options.field.resolve()))
    _say(f"scored in {time.process_time() - started:.0f} s of processor time")
    _print_tables(EvaluationReport.read(scored.evaluation_path))
    return 0


def _next_evaluation(out: Path) -> RunFolder:
    number = 1
    while (out / f"evaluation_{number}").exists():
        number += 1
    return RunFolder(out / f"evaluation_{number}")


def _items(folder: Path, options: argparse.Namespace) -> list[ItemRecord]:
    """Write what is missing of the cases' files, and return their records."""
    made = BenchOptions(options.severity, options.seed, options.voxels, options.spacing)
    items = []
    if options.cases:
        for number in range(options.cases):
            items.append(_item(folder, _name(number), partial(procedural_case, number, CORONARY, made)))
    if options.real is not None:
        for name in REAL_LABELS:
            items.append(
                _item(folder, f"real_{name}", partial(real_case, name, options.real, CORONARY, made))
            )
    return items


def _name(number: int) -> str:
    return f"case_{number:02d}"


def _item(folder: Path, name: str, make: Callable[[], NativeCase]) -> ItemRecord:
    files = {role: folder / f"{name}_{role}.nii.gz" for role in ("ct", "reference_label_map", "label_map")}
    if not files["label_map"].exists():
        case = make()
        folder.mkdir(parents=True, exist_ok=True)
        geometry = case.image.geometry
        write_volume(files["ct"], case.image)
        assert case.reference is not None
        clean = (CORONARY * case.reference).astype(np.uint8)
        write_volume(files["reference_label_map"], Volume(clean, geometry))
        write_volume(files["label_map"], case.label_map)
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
    real = [name for name in names if name.startswith("real_")]
    hard = [name for name in names if name not in real and is_hard(int(name.rsplit("_", 1)[1]))]
    groups = {
        "all": names,
        "easy": [name for name in names if name not in hard + real],
        "hard": hard,
        "real": real,
        **{name: [name] for name in real},
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
            low, high = interval_of_mean(gains)
            _say(f"  {metric:<11} {gains.mean():+.3f}  [{low:+.3f}, {high:+.3f}]")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _mean(found: dict[str, dict[str, float]], members: Sequence[str], metric: str) -> float:
    values = [found[name][metric] for name in members if found[name][metric] is not None]
    return float(np.mean(values)) if values else float("nan")


if __name__ == "__main__":
    raise SystemExit(main())
