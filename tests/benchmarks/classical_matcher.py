"""Measure registration without training on the public landmark pairs.

    WORKSTATION_REFERENCE_DATA=DATA python tests/benchmarks/classical_matcher.py [--stress] [--angles 0 15]

Prints one row per method and condition: the registration metrics, the largest mean landmark error, how
many results the verdict accepts, and the mean CPU seconds of a pair. Nothing is written.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import apply_homography
from engines.imaging.images import ImageArray, read_image
from engines.imaging.matching.classical_registration import register
from engines.imaging.matching.landmark_metrics import PairScore, score_errors, score_pair, score_pairs
from engines.imaging.matching.stress import STRESS_KINDS, derive
from engines.imaging.transforms.leave_one_out import leave_one_out_residuals
from engines.imaging.transforms.transform_fits import fit
from engines.imaging.transforms.warping import rotate_on_enlarged_canvas

Say: TypeAlias = Callable[[str], None]
_ANGLES_DEG = (0.0, 15.0, 30.0, 60.0)
_COLUMNS = (
    "auc_25", "median_error_px", "success_5px", "success_10px", "success_25px",
    "acceptable", "inaccurate", "failed",
)  # fmt: skip


@dataclass(frozen=True)
class LandmarkPair:
    """One pair with its landmarks as 0-based pixel centres."""

    name: str
    fixed: ImageArray
    moving: ImageArray
    fixed_xy: npt.NDArray[np.float64]
    moving_xy: npt.NDArray[np.float64]


def read_pairs(folder: Path) -> list[LandmarkPair]:
    """Read ``pairs.tsv``, ``landmarks.csv`` (1-based) and the images of a folder."""
    with (folder / "pairs.tsv").open(encoding="utf-8", newline="") as stream:
        names = [row["pair"] for row in csv.DictReader(stream, delimiter="\t")]
    landmarks: dict[str, list[list[float]]] = {name: [] for name in names}
    with (folder / "landmarks.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            values = [float(row[key]) - 1.0 for key in ("fix_x", "fix_y", "mov_x", "mov_y")]
            landmarks[row["pair"]].append(values)
    pairs = []
    for name in names:
        points = np.array(landmarks[name])
        fixed, moving = (read_image(folder / f"pair_{role}_{name}.png") for role in ("fixed", "moving"))
        pairs.append(LandmarkPair(name, fixed, moving, points[:, :2], points[:, 2:]))
    return pairs


def turned(pairs: Iterable[LandmarkPair], degrees: float) -> list[LandmarkPair]:
    """Turn every moving image counter-clockwise, its landmarks with it."""
    result = []
    for pair in pairs:
        moving, matrix = rotate_on_enlarged_canvas(pair.moving, degrees)
        moving_xy = apply_homography(matrix, pair.moving_xy)
        result.append(LandmarkPair(pair.name, pair.fixed, moving, pair.fixed_xy, moving_xy))
    return result


def stressed(pairs: Iterable[LandmarkPair], kind: str, seed: int) -> list[LandmarkPair]:
    """Derive the harder version of every pair, landmarks with it; errors stay in fixed pixels."""
    result = []
    for number, pair in enumerate(pairs):
        hard = derive(kind, pair.fixed, pair.moving, seed + number)
        fixed_xy = apply_homography(hard.stressed_from_fixed, pair.fixed_xy)
        moving_xy = apply_homography(hard.stressed_from_moving, pair.moving_xy)
        result.append(LandmarkPair(pair.name, hard.fixed, hard.moving, fixed_xy, moving_xy))
    return result


def report_classical(say: Say, label: str, pairs: list[LandmarkPair], is_verbose: bool) -> None:
    """Register every pair and report its row."""
    scores: list[PairScore] = []
    num_accepted = 0
    before = time.process_time()
    for pair in pairs:
        result = register(pair.fixed, pair.moving)
        scores.append(score_pair(result.homography_fixed_from_moving, pair.fixed_xy, pair.moving_xy))
        num_accepted += result.verdict == "registered"
        if is_verbose:
            say(
                f"    {pair.name:>4} {scores[-1].mean_error_px:7.2f} px  s {result.s:.2f}  z {result.z:5.1f}"
                f"  overlap {result.overlap:.2f}  {result.model} {result.verdict}"
            )
    cpu_s = (time.process_time() - before) / len(pairs)
    _report_row(say, label, scores, f"{num_accepted:8d} {cpu_s:8.2f}")


def report_bounds(say: Say, pairs: list[LandmarkPair]) -> None:
    """Report what doing nothing and what the landmarks themselves reach."""
    _report_row(say, "identity", [score_pair(np.eye(3), pair.fixed_xy, pair.moving_xy) for pair in pairs])
    for model in ("similarity", "affine", "homography"):
        fitted = [fit(model, pair.moving_xy, pair.fixed_xy) for pair in pairs]
        scores = [score_pair(m, p.fixed_xy, p.moving_xy) for m, p in zip(fitted, pairs, strict=True)]
        _report_row(say, f"landmark_fit {model}", scores)
        left_out = [score_errors(leave_one_out_residuals(model, p.moving_xy, p.fixed_xy)) for p in pairs]
        _report_row(say, f"  leave-one-out {model}", left_out)


def _report_row(say: Say, label: str, scores: list[PairScore], rest: str = "") -> None:
    summary = score_pairs(scores)
    cells = ["      -" if summary[key] is None else f"{summary[key]:7.3f}" for key in _COLUMNS]
    largest = max(score.mean_error_px for score in scores)
    say(" ".join([f"{label:<26}", *(f"{cell:>15}" for cell in cells), f"{largest:10.2f}", rest]))


def main(arguments: list[str] | None = None, say: Say = print) -> int:
    """Run the benchmark; 2 when the reference data is not there."""
    parser = argparse.ArgumentParser(description="Registration without training on the landmark pairs.")
    parser.add_argument("--angles", type=float, nargs="*", default=_ANGLES_DEG, help="degrees")
    parser.add_argument("--stress", action="store_true", help="also the four stress derivations")
    parser.add_argument("--seed", type=int, default=0, help="of the stress derivations")
    parser.add_argument("--verbose", action="store_true", help="one line per pair")
    options = parser.parse_args(arguments)
    root = os.environ.get("WORKSTATION_REFERENCE_DATA", "")
    folder = Path(root) / "retina" / "landmark_pairs"
    if not root or not folder.is_dir():
        say("WORKSTATION_REFERENCE_DATA does not name a folder with retina/landmark_pairs.")
        return 2
    pairs = read_pairs(folder)
    columns = [*_COLUMNS, "max_px", "registered", "cpu_s"]
    say(f"{f'{len(pairs)} pairs':<26} " + " ".join(f"{key:>15}" for key in columns[:8]) + "     "
        + "  ".join(columns[8:]))  # fmt: skip
    report_bounds(say, pairs)
    for degrees in options.angles:
        report_classical(say, f"classical {degrees:g} deg", turned(pairs, degrees), options.verbose)
    if options.stress:
        for kind in STRESS_KINDS:
            report_classical(say, f"classical {kind}", stressed(pairs, kind, options.seed), options.verbose)
    return 0


if __name__ == "__main__":
    sys.exit(main())
