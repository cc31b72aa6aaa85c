"""How much of the shift of simulated pairs the R of a run finds.

    python tests/benchmarks/synthesis_shift.py PROJECT RUN [--shift 3] [--seed 0]

PROJECT comes from ``workstation phantom-thorax PROJECT --shift 3`` with the same seed; RUN is one of a phase
with R. For each patient: the true shift, the one found in the mean over the body, how far apart they are, and
the same at edges, where there is something to find.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights
from engines.imaging.volumes.volume_files import read_volume
from engines.synthesis.model import SynthesisNetwork, build_network
from engines.synthesis.volumes.canonical import axis_turn
from engines.synthesis.volumes.masks import body_mask
from engines.synthesis.volumes.stacks import neighbour_step, stack_of
from engines.synthesis.volumes.windows import HuWindow
from workstation.project.project import Project
from workstation.project.thorax_cohort import shift_of

_SLICES = range(4, 30, 5)
_EDGE_PERCENTILE = 80


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every patient of the project."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("run")
    parser.add_argument("--shift", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    weights, facts = load_weights(RunFolder(options.project / "runs" / options.run).checkpoints_dir / "last")
    network = build_network(facts)
    network.load_state_dict(weights)
    network.eval()
    with Project.open(options.project) as project:
        items = sorted(project.items.all(), key=lambda item: item.id)
    for number, item in enumerate(items):
        true = np.array(shift_of(options.seed + number, options.shift))
        found, at_edges = _found(network, facts, item.files["ncct"].path, item.files["cta"].path, true)
        apart = float(np.linalg.norm(true - found))
        sys.stdout.write(
            f"{item.id} {item.split!s:5} true {true.round(2)} found {found.round(2)} "
            f"apart {apart:.2f} px, at edges {at_edges:.2f} px\n"
        )
    return 0


def _found(
    network: SynthesisNetwork, facts: dict[str, object], ncct: Path, cta: Path, true: np.ndarray
) -> tuple[np.ndarray, float]:
    volumes = []
    for path in (ncct, cta):
        volume = read_volume(path)
        turn = axis_turn(volume.geometry)
        volumes.append(turn.turned(volume.voxels).astype(np.float32))
        spacing = turn.spacing(volume.geometry)
    window = HuWindow(**facts["window"])  # type: ignore[arg-type]
    step = neighbour_step(spacing[2], float(str(facts["neighbour_mm"])))
    body, means, edges = body_mask(volumes[0]), [], []
    for k in _SLICES:
        plain, real = (torch.from_numpy(window.normalised(stack_of(part, k, step)))[None] for part in volumes)
        with torch.no_grad():
            assert network.registrar is not None
            flow = -network.registrar(network.images(plain)[1], real)[0].numpy()
        inside = body[:, :, k]
        means.append(flow[:, inside].mean(axis=1))
        slope = np.hypot(*np.gradient(volumes[1][:, :, k]))
        edge = inside & (slope > np.percentile(slope[inside], _EDGE_PERCENTILE))
        edges.append(float(np.linalg.norm(flow[:, edge] - true[:, None], axis=0).mean()))
    return np.mean(means, axis=0), float(np.mean(edges))


if __name__ == "__main__":
    raise SystemExit(main())
