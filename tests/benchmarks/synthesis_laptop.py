"""Train the graph of synthesis in one go, and score every phase on patients that were never trained on.

    workstation phantom-thorax PROJECT --seed 100
    python tests/benchmarks/synthesis_laptop.py PROJECT [--preset laptop] [--split test] [--set key=value]

One row for each phase, before them the NCCT as it is. Processor time is of the training alone, all threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from engines.contract.registry import load_spec

_COLUMNS = ("vessel_mae_hu", "mae_hu", "lung_mae_hu", "ssim", "hf_ratio", "vessel_dice")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--split", default="test")
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args(arguments)
    settings = [part for pair in options.set for part in ("--set", pair)]
    trained: dict[str, tuple[str, float]] = {}
    for phase in load_spec("synthesis").phases:
        before = _processor_seconds()
        words = ("--phase", phase.key, "--preset", options.preset, *settings)
        said = _workstation("train", options.project, *words)
        folder = Path(said.splitlines()[0])
        trained[phase.key] = (folder.name, _processor_seconds() - before)
        _say(f"{phase.key}: {folder.name}, {trained[phase.key][1]:.0f} s of processor time")
    _say(" | ".join(("row", *_COLUMNS, "processor s")))
    for phase_key, (run, seconds) in trained.items():
        said = _workstation("evaluate", options.project, "--run", run, "--split", options.split, "--json")
        rows = json.loads(said)["rows"]
        if phase_key == next(iter(trained)):
            _say_row("identity", rows["identity"], None)
        _say_row(phase_key, rows["model"], seconds)
    total = sum(seconds for _, seconds in trained.values())
    _say(f"together {total / 60:.1f} minutes of processor time")
    return 0


def _workstation(command: str, project: Path, *words: str) -> str:
    call = [sys.executable, "-m", "workstation", command, str(project), "synthesis", *words]
    done = subprocess.run(call, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(call)}\n{done.stdout}{done.stderr}")
    return done.stdout


def _processor_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _say_row(name: str, row: dict[str, float | None], seconds: float | None) -> None:
    cells = ["" if row[key] is None else f"{row[key]:.3f}" for key in _COLUMNS]
    _say(" | ".join((name, *cells, "" if seconds is None else f"{seconds:.0f}")))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
