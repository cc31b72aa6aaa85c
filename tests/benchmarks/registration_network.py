"""Measure the networks of registration beside the published implementation: forward, training step, memory.

    python tests/benchmarks/registration_network.py [--reference DIR] [--size 768] [--repeats 3] [--threads 1]

Every row runs in a process of its own with the same threads, on the same images and as many points. Times
are processor time, which other programs on the machine hardly change; the smallest of the repeats counts.
Memory is the peak of the process above what it took after its imports. A step is two pairs: losses, gradients
and the optimiser. The published implementation is read from DIR (a checkout of ruc-aimc-lab/SuperRetina) and
never copied; its step makes three passes, as its training does. Without DIR its row is left out.
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
from pathlib import Path
from typing import Any

_NUM_PAIRS = 2
_NUM_POINTS = 90
_ROWS = ("published", "compat", "xmodal", "xmodal_full", "xmodal_pke")
_TARGETS = {
    "compat": {"forward": 1.0, "step": 1.0},
    "xmodal": {"forward": 0.6, "step": 0.5, "memory": 0.6},
}
_NETWORKS: dict[str, dict[str, Any]] = {
    "compat": {"network": "compat", "vesselness_channel": False},
    "xmodal": {"network": "xmodal", "width": 16, "descriptor_size": 64},
    "xmodal_full": {
        "network": "xmodal",
        "width": 16,
        "descriptor_size": 64,
        "detector_resolution": "full",
    },
    "xmodal_pke": {"network": "xmodal", "width": 16, "descriptor_size": 64, "pke_candidate_score": 0.0},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every row and print a table with ratios to the published implementation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--size", type=int, default=768)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", nargs="*", choices=_ROWS, default=_ROWS)
    parser.add_argument("--row", choices=_ROWS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.row:
        sys.stdout.write(json.dumps(_measure(options)) + "\n")
        return 0
    found: dict[str, dict[str, float]] = {}
    for row in options.rows:
        if row == "published" and options.reference is None:
            _say("published: left out, --reference was not given")
            continue
        found[row] = _in_process(row, options)
        _say(_line(row, found[row], found.get("published")))
    if {"xmodal", "xmodal_pke"} <= found.keys():
        plain, expanded = found["xmodal_pke"]["step_without"], found["xmodal_pke"]["step"]
        _say(f"keypoint expansion adds {100 * (expanded / plain - 1):.1f} % to a step (at most 15 % wanted)")
    return 0


def _in_process(row: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--row", row]
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


def _line(row: str, values: dict[str, float], published: dict[str, float] | None) -> str:
    parts = [f"{row:12}"]
    for name, unit in (("forward", "s"), ("step", "s"), ("memory", "MB")):
        text = f"{name} {values[name]:8.2f} {unit}"
        if published and row != "published":
            ratio = values[name] / published[name]
            wanted = _TARGETS.get(row, {}).get(name)
            text += f" ({ratio:.2f}x{'' if wanted is None else f', at most {wanted}x wanted'})"
        parts.append(text)
    return "  ".join(parts)


def _measure(options: argparse.Namespace) -> dict[str, float]:
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.row == "published":
        forward, step = _published(options.reference, options.size)
        base = _peak_mb()
        return _timed(forward, {"step": step}, options.repeats, base)
    forward, steps = _ours(options.row, options.size)
    base = _peak_mb()
    return _timed(forward, steps, options.repeats, base)


def _timed(
    forward: Callable[[], None], steps: dict[str, Callable[[], None]], repeats: int, base_mb: float
) -> dict[str, float]:
    values = {"forward": _least(forward, repeats)}
    values |= {name: _least(step, repeats) for name, step in steps.items()}
    return {**values, "memory": _peak_mb() - base_mb}


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


def _ours(row: str, size: int) -> tuple[Callable[[], None], dict[str, Callable[[], None]]]:
    """Return a forward pass of one pair, and training steps."""
    import numpy as np
    import torch

    from engines.registration.config import TrainConfig
    from engines.registration.data import warp_range, warped_pair
    from engines.registration.evaluation.scoring import as_sample, collated, maps_of
    from engines.registration.inference.network_view import NetworkView
    from engines.registration.model import build_network
    from engines.registration.training.images import LabelledView
    from engines.registration.training.pair_losses import PairLosses
    from engines.registration.training.pairs_task import network_facts
    from engines.registration.training.phase_plan import Terms
    from engines.registration.training.recipes import with_recipe
    from engines.registration.training.value_maps import ValueMaps

    recipe = "literal" if row == "compat" else "recommended"
    values = {**_NETWORKS[row], "image_size_px": size, "looks_per_item": 0, "recipe": recipe}
    config, _ = with_recipe(TrainConfig.from_values(values))
    network = build_network(network_facts(config))
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 1, (size, size)).astype(np.float32)
    field = np.ones((size, size), dtype=bool)
    view = NetworkView(noise, np.abs(noise).clip(0, 1), field, "dark", np.eye(3), (size, size))
    points = generator.uniform(0.15 * size, 0.85 * size, (_NUM_POINTS, 2))
    labelled = LabelledView("eye", view, points, field)
    batch = collated(
        [as_sample(warped_pair(labelled, config, warp_range(config), seed)) for seed in range(_NUM_PAIRS)]
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def forward() -> None:
        with torch.no_grad():
            network(batch["channels"][0], batch["polarities"][0])

    def step_of(phase: str) -> Callable[[], None]:
        losses = PairLosses(config, Terms(phase), ValueMaps(size), epoch=99)

        def step() -> None:
            optimiser.zero_grad()
            maps = maps_of(network, batch, needs_other_detector=losses.needs_other_detector)
            parts = losses.of_batch(*maps, batch, is_training=True)
            parts["total"].backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()

        return step

    if row == "xmodal_pke":
        return forward, {"step_without": step_of("phase_2"), "step": step_of("phase_3")}
    # The published step has no term that compares two detectors: its like is the literal recipe's phase 1.
    return forward, {"step": step_of("phase_1" if row == "compat" else "phase_2")}


def _published(folder: Path, size: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return a forward pass of one pair, and a training step, of the published implementation."""
    import torch

    for name in ("matplotlib", "matplotlib.pyplot", "torchvision", "torchvision.transforms", "config"):
        sys.modules.setdefault(name, _Absent(name))
    for name in ("matplotlib.pyplot", "torchvision.transforms"):
        package, part = name.split(".")
        setattr(sys.modules[package], part, sys.modules[name])
    sys.path.insert(0, str(folder))
    from model.super_retina import SuperRetina  # type: ignore[import-not-found]

    settings = {
        "nms_size": 10,
        "nms_thresh": 0.1,
        "gaussian_kernel_size": 13,
        "gaussian_sigma": 2,
        "geometric_thresh": 0.5,
        "content_thresh": 0.7,
        "area": 8,
        "value_increase_point": 5,
        "value_increase_area": 1,
        "value_decay": 1,
    }
    network = SuperRetina(settings, device="cpu")
    images = torch.rand(_NUM_PAIRS, 1, size, size)
    labels = torch.zeros_like(images)
    places = torch.randint(round(0.15 * size), round(0.85 * size), (_NUM_PAIRS, _NUM_POINTS, 2))
    for number in range(_NUM_PAIRS):
        labels[number, 0, places[number, :, 1], places[number, :, 0]] = 1
    learned = (torch.arange(_NUM_PAIRS),)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    network.PKE_learn = False

    def forward() -> None:
        with torch.no_grad():
            network.network(torch.rand(2, 1, size, size))

    def step() -> None:
        optimiser.zero_grad()
        values = torch.zeros(_NUM_PAIRS, 1, size, size, dtype=torch.uint8)
        loss = network(images, labels, values, learned)[0]
        loss.backward()
        optimiser.step()

    return forward, step


class _Anything:
    """Stands for whatever the published implementation imports and measuring does not need."""

    def __getattr__(self, name: str) -> Any:
        return _Anything()

    def __call__(self, *arguments: Any, **_: Any) -> Any:
        # A transform of an image leaves it as it is; everything else may be called for nothing.
        return arguments[0] if arguments and hasattr(arguments[0], "shape") else _Anything()


class _RandomAffine:
    """Draws what the published warp asks for: angle, shift, scale, shear."""

    def __init__(self, *_: Any) -> None:
        pass

    @staticmethod
    def get_params(degrees: Any, translate: Any, scale_ranges: Any, img_size: Any, **_: Any) -> Any:
        import random

        shift = tuple(
            random.uniform(-share, share) * side for share, side in zip(translate, img_size, strict=True)
        )
        return random.uniform(*degrees), shift, random.uniform(*scale_ranges), (0.0, 0.0)


class _Grayscale:
    """Leaves one of the three equal channels of a grey image."""

    def __call__(self, image: Any) -> Any:
        return image[:, :1]


class _Absent(types.ModuleType):
    """A module that is not installed here."""

    RandomAffine = _RandomAffine
    Grayscale = _Grayscale

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
