"""How many steps the shape variant takes to reproduce one label on its whole lattice.

    python tests/benchmarks/refinement_reproduction.py [--steps 500] [--voxels 96] [--channels 4]
        [--real FOLDER]

A case's own grids are as fine as its vessel radius. Reproduction is no refinement: it shows that axes,
weights and resolution are right, which the known attempt's (0.07 to 0.38) were not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from engines.imaging.volumes.coronary_phantom import CORONARY
from engines.imaging.volumes.label_metrics import dice
from engines.refinement.config import TrainConfig
from engines.refinement.data import NativeCase, make_case
from engines.refinement.evaluation.noise_bench import REAL_LABELS, BenchOptions, procedural_case, real_case
from engines.refinement.fields.lattice_inference import dense, query_of
from engines.refinement.model import RefinementField
from engines.refinement.train import FieldTask

_CPU = torch.device("cpu")
_RATE = 3e-3
_EVERY = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit one procedural label, and those of real vessels where a folder is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--voxels", type=int, default=96)
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--real", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cases = {"procedural": procedural_case(0, CORONARY, BenchOptions(num_voxels=options.voxels))}
    if options.real is not None:
        cases |= {name: real_case(name, options.real, CORONARY, BenchOptions()) for name in REAL_LABELS}
    for name, case in cases.items():
        reproduce(name, case, options.steps, options.channels)
    return 0


def reproduce(name: str, native: NativeCase, num_steps: int, channels: int) -> None:
    """Fit a field to the clean label of a case and print Dice on the whole lattice on the way."""
    assert native.reference is not None
    spacing = min(native.image.geometry.spacing_mm)
    config = TrainConfig.from_values(
        {
            "variant": "shape",
            "residual_channels": channels,
            "work_spacing_mm": spacing,
            "points_per_step": 8192,
        }
    )
    case = make_case(name, native.image, native.reference, spacing_mm=spacing, margin_mm=config.margin_mm)
    task = FieldTask([case], [], config)
    field = task.network
    assert isinstance(field, RefinementField)
    optimiser = torch.optim.AdamW(task.parameter_groups(), lr=_RATE, weight_decay=0.0)
    for group in optimiser.param_groups:
        group["lr"] = _RATE * group.get("learning_rate_factor", 1.0)
    _say(f"{name}: lattice {case.lattice.shape}, label {case.prevalence:.2%} of it")
    seconds = 0.0
    for step in range(1, num_steps + 1):
        started = time.thread_time()
        batch = task.collate([task.train_sample(0, step)])
        optimiser.zero_grad()
        torch.autograd.backward([task.training_losses(field, batch)["total"]])
        torch.nn.utils.clip_grad_norm_(field.parameters(), 1.0)
        optimiser.step()
        seconds += time.thread_time() - started
        if step % _EVERY == 0:
            with torch.no_grad():
                query = query_of(field, field.feature_grids(0, None), case.lattice.shape)
                found = dense(query, case.lattice.shape, _CPU).probability >= 0.5
            agreement = dice(found, case.occupancy >= 0.5)
            _say(f"  step {step}: Dice {agreement:.4f}, {seconds:.0f} s of processor time")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
