"""Train phase 1 on a public set of fundus images with vessel masks, and score it on the landmark pairs.

    WORKSTATION_REFERENCE_DATA=DATA python tests/benchmarks/registration_training.py OUT [--preset laptop]
        [--set key=value ...] [--model RUN] [--angles 0 15 30 60] [--stress] [--harder] [--seeds 5]

Expects ``retina/drive/training/{images,1st_manual}`` and ``retina/landmark_pairs`` under DATA. The landmark
pairs have split `evaluation`: they are scored, never trained on and never used to choose a checkpoint.
OUT receives ordinary run folders, which the workstation can open. An existing training in OUT is reused; with
``--model`` the network of that training run is scored instead.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engines.contract.config import parse_overrides
from engines.contract.evaluation import EvaluationReport
from engines.contract.kinds import Action, AnnotationKind, ItemKind, RunState, Split
from engines.contract.manifest import (
    AnnotationRecord,
    FileRecord,
    ItemRecord,
    Manifest,
    hash_of_split,
    write_keypoint_pairs,
)
from engines.contract.presets import training_config
from engines.contract.registry import config_class, load_spec
from engines.contract.run_folder import RunFolder, RunRequest

_NUM_VALIDATION = 4
_FIRST_STRESS, _HARDER = "degraded", "heavily_degraded"
_SPEC = load_spec("registration")
_MODALITIES = {"FA": "FA", "CF": "CF", "red-free": "RF"}
_COLUMNS = (
    "auc_25",
    "median_error_px",
    "success_5px",
    "success_10px",
    "success_25px",
    "acceptable",
    "failed",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train if needed, evaluate, and print one line per condition and row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", default="laptop", choices=_SPEC.presets)
    parser.add_argument("--set", action="append", default=[], metavar="key=value")
    parser.add_argument("--angles", type=float, nargs="*", default=[0.0, 15.0, 30.0, 60.0])
    parser.add_argument("--model", type=Path, help="a finished training run of any phase")
    parser.add_argument("--stress", action="store_true")
    parser.add_argument("--harder", action="store_true", help="heavier blur and noise than of the stress set")
    parser.add_argument("--seeds", type=int, default=5, help="draws of each harder variant")
    options = parser.parse_args(arguments)
    reference = os.environ.get("WORKSTATION_REFERENCE_DATA")
    if not reference:
        parser.error("set WORKSTATION_REFERENCE_DATA to the folder of reference data")
    retina = Path(reference) / "retina"
    model = RunFolder((options.model or options.out / "training").resolve())
    if (model.read_summary() or {}).get("state") != RunState.FINISHED:
        config = training_config(_SPEC, "phase_1", options.preset, parse_overrides(options.set))
        request = RunRequest(
            pipeline=_SPEC.key,
            action=Action.TRAIN,
            phase="phase_1",
            preset=options.preset,
            settings=config.values(),
        )
        model.create(request, _manifest(training_items(retina / "drive" / "training")))
        run_engine(model)
    _say(f"training: {model.read_summary()}")
    _say("condition".ljust(24) + "row".ljust(24) + "  ".join(_COLUMNS))
    for angle in options.angles:
        name = f"rotation_deg_{angle:g}"
        report = evaluate(
            options.out.resolve() / name, retina / "landmark_pairs", model, {"rotation_deg": angle}
        )
        for row, values in report.rows.items():
            cells = [_number(values[key]).rjust(len(key)) for key in _COLUMNS]
            _say(name.ljust(24) + row.ljust(24) + "  ".join(cells))
    if options.stress:
        folders = [options.out.resolve() / f"stress_draw_{seed}" for seed in range(options.seeds)]
        for seed, folder in enumerate(folders):
            settings = {
                "suite": "stress",
                "stress": _FIRST_STRESS,
                "stress_seed": seed,
                "num_stress_seeds": 1,
                "num_pictures": 0,
            }
            evaluate(folder, retina / "landmark_pairs", model, settings)
        _print_conditions([RunFolder(folder) for folder in folders], _FIRST_STRESS)
    if options.harder:
        folders = [options.out.resolve() / f"{_HARDER}_draw_{seed}" for seed in range(options.seeds)]
        for seed, folder in enumerate(folders):
            settings = {"suite": "single", "stress": _HARDER, "stress_seed": seed, "num_pictures": 0}
            evaluate(folder, retina / "landmark_pairs", model, settings)
        _print_conditions([RunFolder(folder) for folder in folders], _HARDER)
    return 0


def _print_conditions(folders: Sequence[RunFolder], first: str) -> None:
    """Print AUC to 25 px, the share within 10 px and processor time by condition and row, over all draws."""
    import numpy as np

    from engines.registration.evaluation.summaries import area

    entries: list[dict[str, str]] = []
    for folder in folders:
        with folder.per_item_path.open(encoding="utf-8", newline="") as stream:
            entries += csv.DictReader(stream)
    # The first condition of a report is not named in its table.
    names = [entry.get("condition") or first for entry in entries]
    for condition in dict.fromkeys(names):
        own = [entry for entry, name in zip(entries, names, strict=True) if name == condition]
        for row in dict.fromkeys(entry["row"] for entry in own):
            found = [entry for entry in own if entry["row"] == row]
            errors = np.array([float(entry["mean_error_px"] or np.inf) for entry in found])
            seconds = [float(entry["cpu_s"]) for entry in found if entry["cpu_s"]]
            spent = f"  {np.mean(seconds):5.2f} s" if seconds else ""
            _say(
                condition.ljust(24)
                + row.ljust(24)
                + f"{area(errors, 25):.3f}  within 10 px {np.mean(errors <= 10):.3f}  n {len(errors)}{spent}"
            )


def training_items(folder: Path) -> tuple[ItemRecord, ...]:
    """Return the images with their vessel masks; the last few validate."""
    images = sorted((folder / "images").glob("*_training.tif"))
    items = []
    for number, path in enumerate(images):
        name = path.name.removesuffix("_training.tif")
        is_validation = number >= len(images) - _NUM_VALIDATION
        files = {
            "image": FileRecord(path=str(path), modality="CF"),
            "vessel_mask": FileRecord(path=str(folder / "1st_manual" / f"{name}_manual1.gif")),
        }
        items.append(
            ItemRecord(
                id=f"drive_{name}",
                subject=f"drive_{name}",
                kind=ItemKind.IMAGE_SET,
                split=Split.VAL if is_validation else Split.TRAIN,
                files=files,
            )
        )
    return tuple(items)


def evaluate(path: Path, pairs: Path, model: RunFolder, settings: dict[str, Any]) -> EvaluationReport:
    """Score a model on the landmark pairs in a new run folder, or read the report that is there."""
    folder = RunFolder(path)
    if folder.evaluation_path.exists():
        return EvaluationReport.read(folder.evaluation_path)
    config = config_class(_SPEC, Action.EVALUATE).from_values(settings)
    request = RunRequest(
        pipeline=_SPEC.key, action=Action.EVALUATE, base_run=str(model.path), settings=config.values()
    )
    folder.create(request, _manifest(landmark_items(pairs, folder)))
    run_engine(folder)
    return EvaluationReport.read(folder.evaluation_path)


def landmark_items(pairs: Path, folder: RunFolder) -> tuple[ItemRecord, ...]:
    """Return the landmark pairs, with their 1-based landmarks frozen as 0-based ones in a run folder."""
    with (pairs / "landmarks.csv").open(encoding="utf-8", newline="") as stream:
        points = list(csv.DictReader(stream))
    with (pairs / "pairs.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    items = []
    for row in rows:
        name = row["pair"]
        own = [point for point in points if point["pair"] == name]
        fixed_xy, moving_xy = (
            [[float(point[f"{side}_{axis}"]) - 1.0 for axis in "xy"] for point in own]
            for side in ("fix", "mov")
        )
        path = folder.annotations_dir / f"pair_{name}.csv"
        write_keypoint_pairs(path, f"pair_{name}", [point["point"] for point in own], fixed_xy, moving_xy)
        files = {
            role: FileRecord(
                path=str(pairs / f"pair_{role}_{name}.png"), modality=_MODALITIES.get(row[f"{role}_modality"])
            )
            for role in ("fixed", "moving")
        }
        annotation = AnnotationRecord(path=f"annotations/pair_{name}.csv")
        items.append(
            ItemRecord(
                id=f"pair_{name}",
                subject=f"pair_{name}",
                kind=ItemKind.IMAGE_PAIR,
                split=Split.EVALUATION,
                files=files,
                annotations={AnnotationKind.KEYPOINT_PAIRS: annotation},
            )
        )
    return tuple(items)


def _manifest(items: tuple[ItemRecord, ...]) -> Manifest:
    return Manifest(items=items, split_hash=hash_of_split((item.subject, str(item.split)) for item in items))


def run_engine(folder: RunFolder) -> None:
    """Carry out a run in an engine process."""
    subprocess.run([sys.executable, "-m", "engines", "run", str(folder.path)], check=True)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
