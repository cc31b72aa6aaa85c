"""Leave one subject out on real brains: train on the others, draw its mask, print Dice beside a plain U-Net.

    python tests/benchmarks/segmentation_real_cases.py OUT [--data DIR] [--preset laptop] [--set key=value]

DIR holds a folder for each case, as in the reference data: ``*_t1ce``, ``*Flair*``, ``OTMultiClass``,
``brainmask``. Labels must be of one coding. OUT receives ordinary run folders; what is finished is reused.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.config import parse_overrides
from engines.contract.evaluation import EvaluationReport
from engines.contract.kinds import Action, AnnotationKind, ItemKind, RunState, Split
from engines.contract.manifest import AnnotationRecord, FileRecord, ItemRecord, Manifest
from engines.contract.presets import training_config
from engines.contract.registry import config_class, load_spec, resolve
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.volumes.volume_files import read_label_map, write_volume

_SPEC = load_spec("segmentation")
_WORDS = {"t1c": "t1ce", "t1ce": "t1ce", "t1": "t1", "t2": "t2", "flair": "flair", "brainmask": "brain_mask"}
_LABEL_WORDS = ("otmulticlass", "seg")
_METHODS = ("diffusion", "unet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and score every fold of both methods, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--preset", default="laptop", choices=_SPEC.presets)
    parser.add_argument("--set", action="append", default=[], metavar="key=value")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args(arguments)
    reference = os.environ.get("WORKSTATION_REFERENCE_DATA")
    data = options.data or (Path(reference) / "brain" / "deepmedic_brats" if reference else None)
    if data is None or not data.is_dir():
        parser.error("give --data, or set WORKSTATION_REFERENCE_DATA")
    folders = sorted(path for path in data.iterdir() if path.is_dir())
    table: dict[str, list[float]] = {}
    for left_out in folders:
        for method in _METHODS:
            for row, dice in _fold(options, folders, left_out, method).items():
                table.setdefault(row, []).append(dice)
    _print(table, [folder.name for folder in folders])
    return 0


def _fold(
    options: argparse.Namespace, folders: Sequence[Path], left_out: Path, method: str
) -> dict[str, float]:
    name = f"{method} without {left_out.name}"
    others = [folder for folder in folders if folder != left_out]
    splits = dict.fromkeys(others[:-1], Split.TRAIN) | {others[-1]: Split.VAL}
    values = {"method": method, "grade_head": "off", "regions": "wt", **parse_overrides(options.set)}
    trained = _carry_out(
        RunFolder(options.out / name),
        Action.TRAIN,
        splits,
        training_config(_SPEC, "segment", options.preset, values).values(),
        phase="segment",
    )
    settings = {"samples": options.samples, "sampling_steps": options.steps}
    scored = _carry_out(
        RunFolder(options.out / f"{name} scored"),
        Action.EVALUATE,
        {left_out: Split.TEST},
        config_class(_SPEC, Action.EVALUATE).from_values(settings).values(),
        base=trained,
    )
    rows = EvaluationReport.read(scored.evaluation_path).rows
    found = {method: rows["model"]["dice"]}
    if method == _METHODS[0]:
        found |= {
            f"{method}, image only": rows["calibration"]["dice"],
            "otsu_flair": rows["otsu_flair"]["dice"],
        }
    return {row: value for row, value in found.items() if value is not None}


def _carry_out(
    folder: RunFolder,
    action: Action,
    splits: dict[Path, Split],
    settings: dict[str, Any],
    *,
    phase: str = "",
    base: RunFolder | None = None,
) -> RunFolder:
    if folder.read_summary() is not None:
        return folder
    items = tuple(_item(folder, case, split) for case, split in splits.items())
    request = RunRequest(
        pipeline=_SPEC.key,
        action=action,
        phase=phase,
        base_run=str(base.path.absolute()) if base is not None else "",
        settings=settings,
    )
    folder.create(request, Manifest(items=items))
    run = RunContext.open(folder)
    try:
        resolve(_SPEC.function(action))(run)
    finally:
        run.events.close()
    folder.write_summary(RunState.FINISHED, run.summary)
    return folder


def _item(folder: RunFolder, case: Path, split: Split) -> ItemRecord:
    files, annotations = {}, {}
    for path in sorted(case.glob("*.nii*")):
        words = path.name.lower().replace(".", "_").split("_")
        role = next((_WORDS[word] for word in words if word in _WORDS), None)
        if role is not None:
            files[role] = FileRecord(path=str(path.absolute()), sha256=str(path))
        elif any(word in _LABEL_WORDS for word in words):
            target = folder.annotations_dir / f"{case.name}.label_map.nii.gz"
            target.parent.mkdir(parents=True, exist_ok=True)
            write_volume(target, read_label_map(path))
            annotations[AnnotationKind.LABEL_MAP] = AnnotationRecord(path=f"annotations/{target.name}")
    return ItemRecord(
        id=case.name,
        subject=case.name,
        kind=ItemKind.VOLUME_SET,
        split=split,
        files=files,
        annotations=annotations,
    )


def _print(table: dict[str, list[float]], names: Sequence[str]) -> None:
    print("| row | " + " | ".join(names) + " | mean |")  # noqa: T201
    print("|---" * (len(names) + 2) + "|")  # noqa: T201
    for row, values in table.items():
        cells = [f"{value:.3f}" for value in (*values, float(np.mean(values)))]
        print(f"| {row} | " + " | ".join(cells) + " |")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
