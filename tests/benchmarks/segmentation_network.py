"""Measure the networks of segmentation beside the published program: forward, training step, memory.

    python tests/benchmarks/segmentation_network.py [--reference DIR] [--size 256] [--repeats 3] [--threads 1]

Every row runs in processes of its own with the same threads, on slices of four modalities and one mask, batch
1. Times are processor time, which other programs on the machine hardly change; the smallest of the repeats
counts. Memory is the peak of a process, of forwards alone and of training steps, above what it took after its
imports and after a training step of a convolution of 8 pixels, which loads what torch loads late. A step is
losses, gradients and AdamW. The published program is read from DIR (a checkout of ImprintLab/MedSegDiff,
settings of its README) and never copied. Without DIR its row is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import types
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

_ROWS = ("published", "preview", "compact", "v2")
_TARGETS = {"preview": 1.0, "compact": 0.25}
_PARTS = ("forward", "step")
_MEASURES = ("forward", "step", "forward_memory", "step_memory")
_PUBLISHED_SETTINGS = {
    "num_channels": 128,
    "num_res_blocks": 2,
    "num_heads": 1,
    "in_ch": 5,
    "learn_sigma": True,
    "use_scale_shift_norm": False,
    "attention_resolutions": "16",
    "diffusion_steps": 1000,
    "noise_schedule": "linear",
    "rescale_learned_sigmas": False,
    "rescale_timesteps": False,
}
_ABSENT = (
    "batchgenerators",
    "batchgenerators.augmentations",
    "batchgenerators.augmentations.utils",
    "blobfile",
    "torchvision",
    "torchvision.transforms",
    "torchvision.utils",
    "visdom",
    "scipy.ndimage.filters",
    "guided_diffusion.train_util",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every row and print a table with ratios to the published program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", nargs="*", choices=_ROWS, default=_ROWS)
    parser.add_argument("--row", choices=_ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--part", choices=_PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.row:
        _say(json.dumps(_measured(options)))
        return 0
    published: dict[str, float] = {}
    for row in options.rows:
        if row == "published" and options.reference is None:
            _say("published: left out, --reference was not given")
            continue
        found: dict[str, float] = {}
        for part in _PARTS:
            found |= _in_process(row, part, options)
        if row == "published":
            published = found
        _say(_line(row, found, published))
    return 0


def _in_process(row: str, part: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--row", row, "--part", part]
    for name in ("size", "repeats", "threads"):
        command += [f"--{name}", str(getattr(options, name))]
    if options.reference is not None:
        command += ["--reference", str(options.reference.resolve())]
    threads = {name: str(options.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, **threads, "PYTHONPATH": root}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return values


def _line(row: str, values: dict[str, float], published: dict[str, float]) -> str:
    parts = [f"{row:10} {values['parameters'] / 1e6:7.2f} M"]
    for name in _MEASURES:
        text = f"{name} {values[name]:8.2f} {'MB' if name.endswith('memory') else 's'}"
        if published and row != "published":
            ratio, wanted = values[name] / published[name], _TARGETS.get(row)
            verdict = "" if wanted is None else (" reached" if ratio <= wanted else " MISSED")
            text += f" ({ratio:.2f}x{'' if wanted is None else f', at most {wanted}x:'}{verdict})"
        parts.append(text)
    return "  ".join(parts)


def _measured(options: argparse.Namespace) -> dict[str, float]:
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.row == "published":
        build = _published(options.reference, options.size)
    else:
        build = _own(options.row, options.size)
    _load_late_parts()
    base = _peak_mb()
    network, forward, step = build()
    count = sum(parameter.numel() for parameter in network.parameters())
    seconds = _least(forward if options.part == "forward" else step, options.repeats)
    return {
        "parameters": float(count),
        options.part: seconds,
        f"{options.part}_memory": _peak_mb() - base,
    }


def _load_late_parts() -> None:
    """Let torch load what it loads with the first step: part of the process, not of a network."""
    import torch

    layers = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3), torch.nn.GroupNorm(2, 8), torch.nn.SiLU())
    optimiser = torch.optim.AdamW(layers.parameters())
    layers(torch.randn(1, 8, 8, 8)).mean().backward()
    optimiser.step()


def _least(work: Callable[[], None], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def _peak_mb() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


_Built = tuple[Any, Callable[[], None], Callable[[], None]]


def _own(row: str, size: int) -> Callable[[], _Built]:
    """Return what builds a network, its forward pass and its training step."""
    import torch
    from torch.optim import AdamW

    from engines.segmentation.config import TrainConfig
    from engines.segmentation.losses import calibration_loss, mask_loss
    from engines.segmentation.model import SegmentationNetwork
    from engines.segmentation.networks.architecture import architecture_of

    config = TrainConfig.from_values({"network": row, "grade_head": "off"})

    def build() -> _Built:
        network = SegmentationNetwork(architecture_of(config, 4, 1))
        optimiser = AdamW(network.parameters(), lr=1e-4)
        image, mask = torch.randn(1, 4, size, size), (torch.rand(1, 1, size, size) < 0.1).float()
        steps = torch.tensor([500])

        def noisy() -> Any:
            return network.schedule.noisy(2 * mask - 1, torch.randn_like(mask), steps)

        def forward() -> None:
            network.eval()
            with torch.no_grad():
                network(image, noisy(), steps)

        def step() -> None:
            network.train()
            optimiser.zero_grad()
            found = network(image, noisy(), steps)
            loss = mask_loss(found.seg_logits, mask, config.focal_weight, config.focal_gamma)
            (loss + config.calibration_weight * calibration_loss(found.calib_map, mask)).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()

        return network, forward, step

    return build


def _published(folder: Path, size: int) -> Callable[[], _Built]:
    """Return the same of the published program."""
    import torch
    from torch.optim import AdamW

    for name in _ABSENT:
        sys.modules[name] = _Absent(name)
    sys.path.insert(0, str(folder))
    from guided_diffusion.script_util import (  # type: ignore[import-not-found]
        create_model_and_diffusion,
        model_and_diffusion_defaults,
    )

    settings = {**model_and_diffusion_defaults(), **_PUBLISHED_SETTINGS, "image_size": size}

    def build() -> _Built:
        network, diffusion = create_model_and_diffusion(**settings)
        optimiser = AdamW(network.parameters(), lr=1e-4, weight_decay=0.0)
        image, mask = torch.randn(1, 4, size, size), (torch.rand(1, 1, size, size) < 0.1).float()
        steps = torch.tensor([500])

        def forward() -> None:
            network.eval()
            with torch.no_grad():
                network(torch.cat([image, torch.randn_like(mask)], dim=1), steps)

        def step() -> None:
            network.train()
            optimiser.zero_grad()
            parts, _ = diffusion.training_losses_segmentation(
                network, None, torch.cat([image, mask], dim=1), steps
            )
            (parts["loss"].mean() + 10 * parts["loss_cal"].mean()).backward()
            optimiser.step()

        return network, forward, step

    return build


class _Anything:
    """Stands for whatever the published program imports and measuring does not need."""

    def __getattr__(self, name: str) -> Any:
        return _Anything()

    def __call__(self, *_: Any, **__: Any) -> Any:
        return _Anything()


class _Absent(types.ModuleType):
    """A module that is not installed here, or that is imported in a circle."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
