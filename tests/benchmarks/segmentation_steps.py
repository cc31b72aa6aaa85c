"""Compare few sampling steps with all of them: Dice on slices of a trained network.

    python tests/benchmarks/segmentation_steps.py RUN [--slices 16] [--samples 5] [--few 10] [--many 1000]

RUN is the folder of a training run whose cache of slices is still there. The slices are the two at a third
and at two thirds of the tumour of the first validation subjects. `few` steps are drawn by DDIM and by
ancestral steps, `many` by ancestral steps, as the published programs do. Dice is of the mean of the samples,
over all slices together and as the mean of slices; times are processor time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from engines.imaging.volumes.label_metrics import dice
from engines.segmentation.inference.sampling import SamplerOptions
from engines.segmentation.inference.slice_inference import draw_slices
from engines.segmentation.networks.checkpoint import load_network
from engines.segmentation.slices.labels import CODINGS, regions_of
from engines.segmentation.slices.slice_cache import read_cases

_TOLERANCE = 0.01
_SUBJECT_SLICES = 2
_SEED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw with few and with many steps, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--slices", type=int, default=16)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--many", type=int, default=1000)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    network, facts = load_network(options.run, "best")
    coding = CODINGS[facts["label_coding"]]
    images, labels = [], []
    for case in read_cases(options.run / "cache" / "index.json")["val"]:
        tumour = case.tumour_places
        if len(images) * _SUBJECT_SLICES >= options.slices or len(tumour) < _SUBJECT_SLICES:
            continue
        found, true = case.read(tumour[[len(tumour) // 3, 2 * len(tumour) // 3]])
        images.append(found)
        labels.append(true)
    image = np.concatenate(images)[: options.slices]
    regions = regions_of(np.concatenate(labels)[: options.slices], coding, network.architecture.num_regions)
    true = regions[0]
    _say(f"{len(image)} slices of {image.shape[-1]} px")
    scores = {}
    for name, drawing in (
        ("few, ddim", SamplerOptions("ddim", options.few)),
        ("few, ancestral", SamplerOptions("ancestral", options.few)),
        ("many, ancestral", SamplerOptions("ancestral", options.many)),
    ):
        began = time.process_time()
        drawn = draw_slices(
            network, image, drawing, num_samples=options.samples, seed=_SEED, slices_per_batch=8
        )
        mask = drawn.samples.mean(axis=0)[:, 0] >= 0.5
        scores[name] = dice(mask, true)
        by_slice = np.mean([dice(a[None], b[None]) for a, b in zip(mask, true, strict=True)])
        cost = (time.process_time() - began) / len(image)
        _say(
            f"{name:16} {drawing.num_steps:5} steps x {options.samples}: Dice {scores[name]:.4f}, "
            f"mean of slices {by_slice:.4f}, {cost:.2f} s a slice"
        )
    _say(f"image-only branch: Dice {dice(drawn.calibration[:, 0] >= 0.5, true):.4f}")
    loss = scores["many, ancestral"] - scores["few, ddim"]
    verdict = "reached" if loss <= _TOLERANCE else "MISSED"
    _say(f"few steps lose {loss:+.4f} (at most {_TOLERANCE} wanted): {verdict}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
