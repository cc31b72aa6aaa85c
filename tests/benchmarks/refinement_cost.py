"""What refinement costs: points asked, processor time, and memory of a training step.

    python tests/benchmarks/refinement_cost.py [queries] [time] [memory] [--trees 20] [--real FOLDER]

queries: on lattices of 256^3 points, a field that is known everywhere (a smooth tree, while the label that it
    is asked around was spoiled) is asked densely and sparsely: number of points, and whether the answer is
    identical. With ``--real``, the same for vessels of a real CT on lattices of 0.5 mm, and the share that is
    left when the whole volume counts and not only the box around the vessel.
time: processor time of an untrained network of the default sizes on one such lattice, sparse, dense, and with
    the published head (163, 64, 32, 1, with norms, four grids). Dense ones are measured on blocks of 64^3
    points, and multiplied.
memory: bytes that automatic differentiation keeps for the backward pass, by its hooks: per point for our head
    and for the documented one in the same precision, and for a whole default step, image encoder included,
    beside the 2,097,152 points of the documented step.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from engines.imaging.volumes.coronary_phantom import PhantomOptions, make_phantom
from engines.imaging.volumes.label_metrics import Mask
from engines.imaging.volumes.label_noise import MIXED, corrupt
from engines.imaging.volumes.volume_files import read_volume
from engines.refinement.config import FieldConfig, TrainConfig
from engines.refinement.data import NUM_CHANNELS, make_case
from engines.refinement.evaluation.baselines import without_small
from engines.refinement.evaluation.noise_bench import REAL_LABELS, BenchOptions, real_case
from engines.refinement.fields.lattice_inference import query_of, sparse
from engines.refinement.lattice import FloatGrid
from engines.refinement.model import Architecture, FeatureGrids, RefinementField, sample_grid

_SIDE = 256
_SPACING_MM = 0.5
_CPU = torch.device("cpu")
_BLOCK = 64
_NUM_BLOCKS = 2
_DOCUMENTED_POINTS = 128**3
_LATENT_SIDES = {4: 64, 8: 48, 16: 32, 32: 16}
"""Side of each of the published grids, and its channels."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, everything by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[[], "queries", "time", "memory"], default=[])
    parser.add_argument("--trees", type=int, default=20)
    parser.add_argument("--real", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    what = options.what or ["queries", "time", "memory"]
    if "queries" in what:
        measure_queries(options.trees, options.real)
    if "time" in what:
        measure_time()
    if "memory" in what:
        measure_memory()
    return 0


@dataclass(frozen=True)
class _Answer:
    ratio: float
    is_same: bool
    num_crumbs: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.ratio:5.1f} times fewer, mask identical: {self.is_same} (before small pieces are "
            f"dropped, {self.num_crumbs} points differ), {self.seconds:.1f} s beside the network"
        )


def measure_queries(num_trees: int, real: Path | None) -> None:
    """Count the points asked, and compare the answers."""
    answers = []
    for number in range(num_trees):
        occupancy, label = _tree(number)
        answers.append(_sparse_against_dense(occupancy, label, _SPACING_MM))
        _say(f"tree {number:02d}: {answers[-1]}")
    if answers:
        ratios = [answer.ratio for answer in answers]
        _say(
            f"trees: {min(ratios):.1f} to {max(ratios):.1f}, median {np.median(ratios):.1f} times fewer; "
            f"{sum(answer.is_same for answer in answers)} of {len(answers)} masks identical"
        )
    for name in REAL_LABELS if real is not None else ():
        assert real is not None
        native = real_case(name, real, 9, BenchOptions())
        case = make_case(
            name,
            native.image,
            native.mask,
            spacing_mm=_SPACING_MM,
            margin_mm=8.0,
            reference=native.reference,
        )
        assert case.reference is not None
        answer = _sparse_against_dense(case.reference, case.occupancy >= 0.5, _SPACING_MM)
        image = read_volume(real / f"{REAL_LABELS[name][0]}.nii.gz").geometry
        whole = math.prod(image.shape) * math.prod(image.spacing_mm) / _SPACING_MM**3
        of_whole = answer.ratio * whole / math.prod(case.lattice.shape)
        _say(f"{name}, {case.lattice.shape}: {answer}; {of_whole:.1f} times fewer than the volume's points")


def _tree(number: int) -> tuple[FloatGrid, Mask]:
    """Return a tree's occupancy and a spoiled label of it; drawn at half the resolution."""
    half = _SIDE // 2
    phantom = make_phantom(700 + number, PhantomOptions(num_voxels=half, spacing_mm=2 * _SPACING_MM))
    fine = ndimage.zoom(phantom.coronary.astype(np.float32), 2, order=1, mode="nearest", grid_mode=True)
    occupancy = np.asarray(ndimage.gaussian_filter(fine, 0.7), dtype=np.float32)
    return occupancy, corrupt(occupancy >= 0.5, MIXED, 2, number)


def _sparse_against_dense(occupancy: FloatGrid, label: Mask, spacing_mm: float) -> _Answer:
    logits = torch.from_numpy(20.0 * (occupancy - 0.5))
    reach = FieldConfig().support_mm / spacing_mm
    started = time.thread_time()
    found = sparse(lambda points: logits[tuple(points.long().T)], label, reach, 0.5, _CPU)
    seconds = time.thread_time() - started
    mine, everything = found.probability >= 0.5, logits.numpy() >= 0.0
    least = FieldConfig().smallest_piece_mm3 / spacing_mm**3
    is_same = bool((without_small(mine, least) == without_small(everything, least)).all())
    return _Answer(occupancy.size / found.num_queries, is_same, int((mine ^ everything).sum()), seconds)


def measure_time() -> None:
    """Time sparse, dense and published inference of one lattice on one thread."""
    _, label = _tree(0)
    shape = label.shape
    field = _default_field().eval()
    image = torch.rand(NUM_CHANNELS, *shape)
    with torch.no_grad():
        started = time.thread_time()
        grids = field.feature_grids(0, image)
        encoding = time.thread_time() - started
        query = query_of(field, grids, shape)
        # An untrained field would be asked everywhere: its answer counts, where the label is.
        inside = torch.from_numpy(label.astype(np.float32))

        def answered(points: Tensor) -> Tensor:
            return query(points) * 1e-6 + inside[tuple(points.long().T)] - 0.5

        started = time.thread_time()
        found = sparse(answered, label, FieldConfig().support_mm / _SPACING_MM, 0.5, _CPU)
        asking = time.thread_time() - started
        blocks = (_SIDE // _BLOCK) ** 3
        points = torch.from_numpy(np.argwhere(np.ones((_BLOCK,) * 3)).astype(np.float32))
        dense = _timed(lambda: query(points)) * blocks
        published = _timed(_published(points)) * blocks
    _say(f"encoding the image {encoding:.1f} s; sparse {asking:.1f} s for {found.num_queries} points")
    _say(f"dense {dense:.0f} s; published head {published:.0f} s (from {_NUM_BLOCKS} of {blocks} blocks)")
    _say(f"with encoding: sparse is {(encoding + dense) / (encoding + asking):.1f} times as fast as dense")


def _published(points: Tensor) -> Callable[[], Tensor]:
    grids = [torch.rand(1, channels, side, side, side) for side, channels in _LATENT_SIDES.items()]
    head = nn.Sequential(*_normed(163, 64), *_normed(64, 32), nn.Conv3d(32, 1, 1))
    xyz = 2.0 * points / (_SIDE - 1) - 1.0

    def ask() -> Tensor:
        features = torch.cat([xyz, *(sample_grid(grid, xyz) for grid in grids)], dim=1)
        return torch.as_tensor(head(features.T.reshape(1, 163, _BLOCK, _BLOCK, _BLOCK)))

    return ask


def _normed(before: int, after: int) -> list[nn.Module]:
    return [nn.Conv3d(before, after, 1), nn.GroupNorm(8, after), nn.LeakyReLU(0.01)]


def _timed(work: Callable[[], Tensor]) -> float:
    started = time.thread_time()
    for _ in range(_NUM_BLOCKS):
        work()
    return (time.thread_time() - started) / _NUM_BLOCKS


class _DocumentedHead(nn.Module):
    """163, 256, 256, joined with its input, 128, 64, 1, normed over all points asked."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(*_normed(163, 256), *_normed(256, 256))
        self.second = nn.Sequential(*_normed(419, 128), *_normed(128, 64), nn.Conv3d(64, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits of points in the form of a volume."""
        return torch.as_tensor(self.second(torch.cat([self.first(features), features], dim=1)))


def measure_memory() -> None:
    """Measure what is kept for the backward pass."""
    head = _DocumentedHead()
    grids = [torch.rand(1, c, s, s, s, requires_grad=True) for s, c in _LATENT_SIDES.items()]

    def documented(count: int) -> Tensor:
        xyz = torch.rand(count, 3) * 2 - 1
        features = torch.cat([xyz, *(sample_grid(grid, xyz) for grid in grids)], dim=1)
        return torch.as_tensor(head(features.T.reshape(1, 163, count, 1, 1)))

    known = _per_point(documented)
    config = TrainConfig()
    _say(f"documented head: {known:.0f} bytes a point")
    for variant in ("shape", "shape+appearance"):
        field = _default_field(variant).train()
        image = torch.rand(NUM_CHANNELS, 24, 24, 24) if field.encoder is not None else None
        made = field.feature_grids(0, image)

        def ours(count: int, field: RefinementField = field, made: FeatureGrids = made) -> Tensor:
            return field.at(made, torch.rand(count, 3) * 23, (24, 24, 24))

        found = _per_point(ours)
        _say(f"{variant}: {found:.0f} bytes a point, {found / known:.3f} of the documented head's")
    field = _default_field().train()
    for side in (128, 200):
        image = torch.rand(NUM_CHANNELS, side, side, side)
        points = torch.rand(config.points_per_step, 3) * (side - 1)

        def step(
            image: Tensor = image, points: Tensor = points, side: int = side, field: RefinementField = field
        ) -> Tensor:
            return torch.as_tensor(field(0, image, points, (side,) * 3))

        kept = _kept(step)
        whole = known * _DOCUMENTED_POINTS
        _say(
            f"one default step, lattice of {side}^3: {kept / 2**20:.0f} MiB, 1/{whole / kept:.0f} of the "
            f"documented step's {whole / 2**20:.0f} MiB"
        )


def _per_point(ask: Callable[[int], Tensor]) -> float:
    few, many = _kept(lambda: ask(2000)), _kept(lambda: ask(6000))
    return (many - few) / 4000


def _kept(ask: Callable[[], Tensor]) -> int:
    storages: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        # Kept alive until all are counted, so that no address comes twice.
        storages[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = ask()
    total = sum(tensor.untyped_storage().nbytes() for tensor in storages.values())
    del result
    return total


def _default_field(variant: str = "shape+appearance") -> RefinementField:
    config = TrainConfig()
    return RefinementField(
        Architecture(
            num_cases=1,
            num_image_channels=NUM_CHANNELS if variant == "shape+appearance" else 0,
            latent_size=config.latent_size,
            latent_grid=config.latent_grid,
            encoder_width=config.encoder_width,
            encoder_levels=config.encoder_levels,
            head_width=config.head_width,
            fourier_octaves=config.fourier_octaves,
            residual_channels=0,
            residual_shapes=((2, 2, 2),),
            output_bias=-5.0,
        )
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
