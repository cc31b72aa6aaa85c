"""A training step of G (61 M), R and D at 256 x 256 beside one built of MONAI's DynUNet and plain parts.

    python tests/benchmarks/synthesis_step.py [--reference] [--steps 3] [--side 256] [--threads 1]
        [--json FILE]

Each side runs in a process of its own, one after the other, and says its largest memory over two steps and
the losses of the first, which begin equal: both generators start as the identity, R and D have the same
weights, and D's spectral norm has settled. Processor time is measured in one more process in which both sides
do a step by turns, so that whatever else the machine does slows both; the ratio is the median over pairs.
`--reference` needs MONAI, which this program does not; without it that side is skipped and the reason said.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_OWN, _REFERENCE, _PAIRED = "own", "reference", "paired"
_SEED = 0
_TARGETS = {"time": 0.9, "memory": 0.8, "losses": 1e-4}
_MIB = 1024.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both sides and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=(_OWN, _REFERENCE, _PAIRED), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.only == _PAIRED:
        _say(json.dumps({"pairs": _paired(options)}))
        return 0
    if options.only:
        _say(json.dumps(_measured(options.only, options)))
        return 0
    found = {_OWN: _in_process(_OWN, options)}
    if options.reference:
        if importlib.util.find_spec("monai") is None:
            _say("The reference was skipped: MONAI is not installed (pip install monai).")
        else:
            found[_REFERENCE] = _in_process(_REFERENCE, options)
    for name, side in found.items():
        _say(f"{name:10} {side['peak_mib']:.0f} MiB, losses {side['losses']}")
    if _REFERENCE in found:
        own, reference = found[_OWN], found[_REFERENCE]
        pairs = _in_process(_PAIRED, options)["pairs"]
        for own_s, reference_s in pairs:
            _say(f"a pair: {own_s:.2f} s and {reference_s:.2f} s, {own_s / reference_s:.3f}")
        found[_PAIRED] = pairs
        ratios = {
            "time": statistics.median(own_s / reference_s for own_s, reference_s in pairs),
            "memory": own["peak_mib"] / reference["peak_mib"],
            "losses": max(abs(own["losses"][key] - reference["losses"][key]) for key in own["losses"]),
        }
        for key, value in ratios.items():
            verdict = "reached" if value <= _TARGETS[key] else "MISSED"
            _say(f"{key}: {value:.3g} (at most {_TARGETS[key]:g}) {verdict}")
        found["ratios"] = ratios
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


def _in_process(side: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--only", side]
    for name in ("steps", "side", "threads"):
        command += [f"--{name}", str(getattr(options, name))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _paired(options: argparse.Namespace) -> list[tuple[float, float]]:
    """Return the processor time of a step of each side, by turns; the first steps are left out."""
    steps = [_step_of(side, options) for side in (_OWN, _REFERENCE)]
    pairs = []
    for number in range(options.steps + 1):
        taken = []
        for step in steps if number % 2 else steps[::-1]:
            began = time.process_time()
            step()
            taken.append(time.process_time() - began)
        if number:
            own_s, reference_s = taken if number % 2 else taken[::-1]
            pairs.append((own_s, reference_s))
    return pairs


def _step_of(side: str, options: argparse.Namespace) -> Callable[[], dict[str, float]]:
    torch.set_num_threads(options.threads)
    torch.manual_seed(_SEED)
    generator = torch.Generator().manual_seed(_SEED)
    shape = (1, 3, options.side, options.side)
    ncct, cta = (torch.rand(shape, generator=generator) * 2 - 1 for _ in range(2))
    ncct = functional.avg_pool2d(ncct, 9, stride=1, padding=4)
    cta = functional.avg_pool2d(cta, 9, stride=1, padding=4)
    lung = (ncct < 0).float()
    return (_own_step if side == _OWN else _reference_step)(ncct, cta, lung)


def _measured(side: str, options: argparse.Namespace) -> dict[str, Any]:
    step = _step_of(side, options)
    first = step()
    step()
    # Kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0 if sys.platform == "darwin" else 1.0)
    return {"peak_mib": peak / _MIB, "losses": first}


def _own_step(ncct: Tensor, cta: Tensor, lung: Tensor) -> Callable[[], dict[str, float]]:
    from engines.synthesis.config import TrainConfig
    from engines.synthesis.model import Architecture, SynthesisNetwork
    from engines.synthesis.training.objective import StepImages, StepPlan, step_losses

    settings = {
        "generator": "large",
        "with_registrar": True,
        "d_cond_mode": "concat",
        "gan_loss_type": "lsgan",
    }
    config = TrainConfig.from_values(settings)
    network = SynthesisNetwork(Architecture.of(config, "g_d"))
    _same_start(network)
    groups = [{"params": [p for p in network.parameters() if p.requires_grad], "fused": True}]
    optimiser = torch.optim.AdamW(groups, lr=1e-4, betas=(0.5, 0.999), weight_decay=0.0)
    images = StepImages(ncct, cta, lung, torch.zeros_like(lung))

    def step() -> dict[str, float]:
        optimiser.zero_grad()
        losses, reports = step_losses(network, images, StepPlan(lung_weight=3.0), config)
        losses["total"].backward()
        optimiser.step()
        names = ("w_recon", "gan_g", "w_fm", "d_loss", "smoothness")
        return {name: float(reports[name]) for name in names}

    return step


def _same_start(network: nn.Module) -> None:
    """Give R and D the same weights on both sides, whatever was built before them."""
    for part in ("registrar", "discriminator"):
        generator = torch.Generator().manual_seed(_SEED + 1)
        with torch.no_grad():
            for name, parameter in sorted(getattr(network, part).named_parameters()):
                scale = 1e-5 if name.startswith("last") else 0.03
                parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
            for module in getattr(network, part).modules():
                if hasattr(module, "parametrizations"):
                    _settle(module)


def _settle(module: nn.Module) -> None:
    """Put spectral norm where many steps would: both sides pass their images through D in another number."""
    own = module.parametrizations.weight
    left, _, right = torch.linalg.svd(own.original.flatten(1), full_matrices=False)
    own[0]._u.copy_(left[:, 0])
    own[0]._v.copy_(right[0])


class _Residual(nn.Module):
    """MONAI's network as G: a change that begins at zero."""

    def __init__(self) -> None:
        super().__init__()
        from monai.networks.nets import DynUNet

        widths = (64, 128, 256, 512, 768, 1024)
        strides = (1, 2, 2, 2, 2, 2)
        self.body = DynUNet(
            2, 3, 3, kernel_size=[3] * 6, strides=strides, upsample_kernel_size=strides[1:], filters=widths
        )
        for parameter in self.body.output_block.parameters():
            nn.init.zeros_(parameter)

    def forward(self, ncct: Tensor) -> Tensor:
        return (ncct + torch.tanh(self.body(ncct))).clamp(-1, 1)


class _Parts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        from engines.synthesis.networks.discriminator import Discriminator
        from engines.synthesis.networks.registrar import TinyRegistrar

        self.generator = _Residual()
        self.registrar = TinyRegistrar()
        self.discriminator = Discriminator("patchgan", "concat")


def _plain_ssim(a: Tensor, b: Tensor) -> Tensor:
    position = torch.arange(11.0) - 5.0
    line = torch.exp(-position.square() / 4.5)
    line = line / line.sum()
    kernel = (line[:, None] * line[None, :]).expand(3, 1, 11, 11)

    def mean(image: Tensor) -> Tensor:
        return functional.conv2d(image, kernel, groups=3)

    c1, c2 = 0.02**2, 0.06**2
    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return (top / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))).mean()


def _reference_step(ncct: Tensor, cta: Tensor, lung: Tensor) -> Callable[[], dict[str, float]]:
    """The usual way: G and R first, then D on the detached image, an optimiser each."""
    from engines.synthesis.networks.registrar import smoothness, warp

    parts = _Parts()
    _same_start(parts)
    g, r, d = parts.generator, parts.registrar, parts.discriminator
    betas = (0.5, 0.999)
    optimisers = [torch.optim.Adam(module.parameters(), lr=1e-4, betas=betas) for module in (g, r, d)]

    def step() -> dict[str, float]:
        # Spectral norm moves on with every pass of D: the order of passes is that of the other side.
        fake = g(ncct)
        flow = r(fake, cta)
        aligned = warp(fake, flow)
        smooth = 0.5 * smoothness(flow)
        weights = (1.0 + 2.0 * lung).expand_as(aligned)
        l1 = (weights * (aligned - cta).abs()).sum() / weights.sum()
        recon = l1 + 1.0 - _plain_ssim(aligned, cta)
        real_maps = d(ncct, cta)
        judged = d(ncct, fake.detach())
        d_parts = [
            0.5 * ((a[-1] - 1).square().mean() + b[-1].square().mean())
            for a, b in zip(real_maps, judged, strict=True)
        ]
        d_loss = torch.stack(d_parts).mean()
        fake_maps = d(ncct, fake)
        gan = torch.stack([(maps[-1] - 1).square().mean() for maps in fake_maps]).mean()
        moved = d(ncct, aligned)
        matching = sum(
            (a - b.detach()).abs().mean() / len(moved)
            for fakes, reals in zip(moved, real_maps, strict=True)
            for a, b in zip(fakes[:-1], reals[:-1], strict=True)
        )
        for optimiser in optimisers:
            optimiser.zero_grad()
        (recon + smooth + gan + matching).backward(retain_graph=False)
        optimisers[2].zero_grad()
        d_loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        return {
            "w_recon": float(recon.detach()),
            "gan_g": float(gan.detach()),
            "w_fm": float(matching.detach()),
            "d_loss": float(d_loss.detach()),
            "smoothness": float(smooth.detach()),
        }

    return step


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
