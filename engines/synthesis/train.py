"""Train G, R, D and G2 on stacks of slices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.contract.run_context import RunContext
from engines.core.loop import fit
from engines.core.task import Batch, PreviewImage, TrainingTask
from engines.synthesis.config import TrainConfig
from engines.synthesis.data import SynthesisCase, training_cases
from engines.synthesis.evaluation.fusion_card import fusion_card
from engines.synthesis.evaluation.pictures import difference_strip, stacked, strip
from engines.synthesis.evaluation.reports import write_alignment_reports
from engines.synthesis.model import SynthesisNetwork, checkpoint_facts
from engines.synthesis.networks.perceptual import VesselFeatures, Vgg19Features
from engines.synthesis.training.base import architecture_of, read_base, take_weights, window_of
from engines.synthesis.training.objective import StepImages, StepPlan, step_losses
from engines.synthesis.training.scoring import VALIDATION_KEYS, SliceScorer, spread_slices
from engines.synthesis.volumes.stacks import neighbour_step, stack_of
from engines.synthesis.volumes.windows import HuWindow

_NUM_PREVIEWS = 3
_SHARES_EVERY = 4
"""Gradient shares are measured with every fourth of the other costly measurements."""
_BETAS = (0.5, 0.999)
_FEATURE_SEED = 40_000
_LEAST_SEPARATION = 0.6


def train(run: RunContext) -> None:
    """Train a phase in the run folder."""
    config = run.typed_config(TrainConfig)
    phase = run.request.phase
    base = read_base(run)
    window = window_of(config, base)
    architecture = architecture_of(config, phase, base)
    card = fusion_card(window)
    if architecture.fusion.startswith("product") and card.is_warning:
        run.warn(
            "In the window {low:.0f} to {high:.0f} HU the product of NCCT and G keeps {kept:.0f} % of the "
            "contrast between vessel and muscle. Fusion 'concat' with residual_base 'g' keeps all of it.",
            low=window.low_hu,
            high=window.high_hu,
            kept=100 * card.kept,
        )
    run.phase("Reading volumes")
    train_cases, validation_cases = training_cases(run, config, window)
    write_alignment_reports(run, [*train_cases, *validation_cases], window)
    # The same weights for the same seed, whatever was drawn before.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = SynthesisNetwork(architecture)
        loaded = take_weights(network, config, base)
        if isinstance(network.features, Vgg19Features):
            network.features.read(Path(config.perceptual_file))
    task = SynthesisTask(network, loaded, train_cases, validation_cases, config, window)
    task.warn = run.warn
    fit(run, task, config)


class SynthesisTask(TrainingTask):
    """A phase as the training loop sees it.

    Parameters
    ----------
    network : SynthesisNetwork
    loaded : sequence of str
        Networks that were trained before.
    train_cases, validation_cases : sequence of SynthesisCase
        Without validation cases slices of the training cases are scored.
    config : TrainConfig
    window : HuWindow
    """

    best_is_higher = False
    validation_metric_keys = VALIDATION_KEYS

    def __init__(
        self,
        network: SynthesisNetwork,
        loaded: Sequence[str],
        train_cases: Sequence[SynthesisCase],
        validation_cases: Sequence[SynthesisCase],
        config: TrainConfig,
        window: HuWindow,
    ) -> None:
        self._network, self._config, self._window = network, config, window
        self.best_metric = "detail_score" if config.best_by == "fine_detail" else "val_loss"
        self._cases = list(train_cases)
        self._loaded = frozenset(loaded)
        self.warn: Callable[..., None] = lambda *_words, **_values: None
        self._preheats = network.discriminator is not None and "discriminator" not in loaded
        self._slices = _slices_of(train_cases, config.lung_repeats)
        self._step = 0
        self._epoch = 0
        self._lung_weight = config.lung_weight_start
        self._stash: dict[str, Tensor] = {}
        self._before: dict[str, list[Tensor]] = {}
        self._measures = False
        if network.refiner is not None and config.freeze_g:
            network.generator.requires_grad_(False)
        scored = validation_cases or train_cases
        self._scorer = SliceScorer(
            [self._sample_at(case, centre) for case, centre in spread_slices(scored, config.num_val_slices)],
            window,
            config.crop_px,
        )
        if isinstance(network.features, VesselFeatures) and "features" not in loaded:
            self._learn_features(network.features)

    def _learn_features(self, features: VesselFeatures) -> None:
        def draw(step: int) -> tuple[Tensor, Tensor]:
            sample = self.train_sample(step % self.num_train_items, _FEATURE_SEED + step)
            return sample["cta"][None, 1:2], sample["vessel"][None, 1:2]

        features.requires_grad_(True)
        features.learn(draw, self._config.feature_steps)
        features.requires_grad_(False)

    @property
    def network(self) -> nn.Module:
        """All networks of the phase."""
        return self._network

    @property
    def num_train_items(self) -> int:
        """Slices of an epoch."""
        return self._config.slices_per_epoch or len(self._slices)

    def is_averaged(self, name: str) -> bool:
        """Average the network whose images count: G while it learns, else G2; never D and R."""
        part = name.split(".", 1)[0]
        is_still = self._network.refiner is not None and self._config.freeze_g
        return part == "refiner" or (part == "generator" and not is_still)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the trained networks, each with rate, warm-up and schedule of its own, without frozen ones.

        A network that was trained before begins at its peak when `skip_warmup` is on; a new one never does.
        """
        config, network = self._config, self._network
        courses = {
            "generator": (1.0, config.schedule),
            "refiner": (1.0, config.schedule),
            "registrar": (config.registrar_rate, config.registrar_schedule),
            "discriminator": (config.discriminator_rate, config.discriminator_schedule),
        }
        groups = []
        for part, (rate, schedule) in courses.items():
            skips = part in self._loaded and config.skip_warmup
            module = getattr(network, part)
            parameters = [p for p in module.parameters() if p.requires_grad] if module is not None else []
            if parameters:
                groups.append(
                    {
                        "params": parameters,
                        "learning_rate_factor": rate,
                        "warmup_steps": 0 if skips else config.warmup_steps,
                        "schedule": schedule,
                        "betas": _BETAS,
                        # One pass over weights and moments; with a gradient scaler torch forbids it.
                        "fused": config.precision != "16-mixed",
                    }
                )
        return groups

    def on_epoch_start(self, epoch: int) -> None:
        """Raise the weight of the lung."""
        self._epoch = epoch
        config = self._config
        share = min(1.0, epoch / config.lung_weight_epochs) if config.lung_weight_epochs else 1.0
        self._lung_weight = config.lung_weight_start + share * (
            config.lung_weight_end - config.lung_weight_start
        )

    def train_sample(self, index: int, seed: int) -> dict[str, Any]:
        """Cut a crop out of a stack of three slices."""
        config = self._config
        generator = np.random.default_rng(seed)
        if config.slices_per_epoch:
            index = int(generator.integers(len(self._slices)))
        number, centre = self._slices[index]
        sample = self._sample_at(self._cases[number], centre)
        multiple = self._network.generator.multiple
        sides = sample["ncct"].shape[1:]
        starts, lengths = [], []
        for side in sides:
            length = min(config.crop_px, side) if config.crop_px else side
            # Crops are cut down to what the network divides by; smaller slices are padded when joined.
            length = max(length - length % multiple, min(multiple, side))
            lengths.append(length)
            starts.append(int(generator.integers(0, side - length + 1)))
        is_mirrored = config.is_mirrored and generator.random() < 0.5
        for name in ("ncct", "cta", "lung", "vessel"):
            part = sample[name][:, starts[0] : starts[0] + lengths[0], starts[1] : starts[1] + lengths[1]]
            sample[name] = part.flip(1) if is_mirrored else part
        return sample

    def _sample_at(self, case: SynthesisCase, centre: int) -> dict[str, Any]:
        step = neighbour_step(case.spacing_mm[2], self._config.neighbour_mm)
        stacks = {
            "ncct": self._window.normalised(stack_of(case.ncct, centre, step)),
            "cta": self._window.normalised(stack_of(case.cta, centre, step)),
            "lung": stack_of(case.lung, centre, step).astype(np.float32),
            "vessel": stack_of(case.vessel, centre, step).astype(np.float32),
        }
        sample: dict[str, Any] = {name: torch.from_numpy(stack) for name, stack in stacks.items()}
        sample |= {"item": case.id, "slice": centre, "body": case.body[:, :, centre]}
        return sample

    def collate(self, samples: Sequence[dict[str, Any]]) -> Batch:
        """Stack slices; smaller ones are padded with what lies at their border."""
        multiple = self._network.generator.multiple
        sides = [max(sample["ncct"].shape[axis] for sample in samples) for axis in (1, 2)]
        sides = [side + -side % multiple for side in sides]
        batch: dict[str, Any] = {"item": [sample["item"] for sample in samples]}
        for name in ("ncct", "cta", "lung", "vessel"):
            batch[name] = torch.stack([_extended(sample[name], sides) for sample in samples])
        return batch

    def training_losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the sum that is minimised; its parts are reported by name after the step."""
        images = StepImages(batch["ncct"], batch["cta"], batch["lung"], batch["vessel"])
        plan = self._plan()
        losses, reports = network(lambda module: step_losses(module, images, plan, self._config))
        self._stash = reports
        self._measures = plan.measures
        found: dict[str, Tensor] = losses
        return found

    def _plan(self) -> StepPlan:
        config, step = self._config, self._step
        has_d = self._network.discriminator is not None
        measures = step % config.diag_interval == 0
        return StepPlan(
            lung_weight=self._lung_weight,
            preheats=self._preheats and step < config.preheat_steps,
            detaches_r=self._epoch < config.r_detach_epochs,
            has_r1=has_d and config.r1_gamma > 0 and step % config.r1_interval == 0,
            measures=measures,
            has_shares=measures and step % (_SHARES_EVERY * config.diag_interval) == 0,
            sign_seed=(config.seed * 1_000_003 + step) % 2**31,
        )

    def before_optimiser_step(self) -> dict[str, float]:
        """Clip D by itself and report the values of the step."""
        network, config = self._network, self._config
        reported = _numbers(self._stash)
        if network.discriminator is not None:
            limit = config.grad_clip_norm_d or float("inf")
            norm = float(nn.utils.clip_grad_norm_(network.discriminator.parameters(), limit))
            reported["gnorm_D"] = norm
            if config.grad_clip_norm_d:
                reported["d_clip_share"] = float(norm > config.grad_clip_norm_d)
        if self._measures:
            self._before = {part: _some_weights(module) for part, module in self._trained().items()}
        return reported

    def after_optimiser_step(self) -> dict[str, float]:
        """Report by how much weights moved, relative to their size."""
        self._step += 1
        moved = self._probe() if self._preheats and self._step == self._config.preheat_steps else {}
        for part, before in self._before.items():
            after = _some_weights(self._trained()[part])
            change = sum(float((a - b).square().sum()) for a, b in zip(after, before, strict=True))
            size = sum(float(b.square().sum()) for b in before)
            moved[f"update_ratio_{part}"] = (change / size) ** 0.5 if size else 0.0
        self._before = {}
        return moved

    def _probe(self) -> dict[str, float]:
        """Tell how well D, which learned alone so far, knows real from generated validation slices."""
        device = next(self._network.parameters()).device
        separation = self._scorer.separation(self._network, device)
        if separation is None:
            return {}
        if separation < _LEAST_SEPARATION:
            self.warn(
                "After {steps} steps alone D knows real from generated patches no better than chance (AUC "
                "{auc:.2f}). What follows will teach the generator nothing: look at the learning rate of D, "
                "try d_high_pass, or go on with G2 without D.",
                steps=self._step,
                auc=separation,
            )
        return {"val_d_auc": separation}

    def _trained(self) -> dict[str, nn.Module]:
        parts = {name: getattr(self._network, name) for name in ("generator", "discriminator", "refiner")}
        return {
            name: module
            for name, module in parts.items()
            if module is not None and any(parameter.requires_grad for parameter in module.parameters())
        }

    def validation_metrics(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score the same slices every time."""
        assert isinstance(network, SynthesisNetwork)
        values = self._scorer.score(network, device, self._config.gan_loss_type)
        return {**values, "val_loss_at_start": self._scorer.loss_at_start}

    def quick_validation(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score all slices before the first step: what training must not fall behind."""
        assert isinstance(network, SynthesisNetwork)
        values = self._scorer.score(network, device, self._config.gan_loss_type)
        self._scorer.loss_at_start = values["val_loss"]
        self._scorer.vessels_at_start = values["vessel_mae_hu"]
        return values

    def previews(self, network: nn.Module, device: torch.device) -> Sequence[PreviewImage]:
        """Show NCCT, generated, refined and real CTA in one HU window, and what differs from the real one."""
        assert isinstance(network, SynthesisNetwork)
        pictures = []
        for sample in self._scorer.samples[:: max(1, len(self._scorer.samples) // _NUM_PREVIEWS)][
            :_NUM_PREVIEWS
        ]:
            ncct, generated, final, real = self._scorer.planes(network, sample, device)
            made = [generated] if network.refiner is None else [generated, final]
            shown = stacked(
                [
                    strip([ncct, *made, real]),
                    strip([ncct, *made, real], is_lung=True),
                    difference_strip([ncct, *made], real),
                ]
            )
            pictures.append(PreviewImage("slice", f"{sample['item']} {sample['slice'] + 1}", shown))
        return pictures

    def extra_state(self) -> dict[str, Any]:
        """Return what a resumed training goes on from."""
        scorer = self._scorer
        return {
            "step": self._step,
            "loss_at_start": scorer.loss_at_start,
            "vessels_at_start": scorer.vessels_at_start,
        }

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved step."""
        self._step = int(state["step"])
        self._scorer.loss_at_start = state["loss_at_start"]
        self._scorer.vessels_at_start = state.get("vessels_at_start")

    def model_facts(self) -> dict[str, Any]:
        """Return what builds the networks again and what their values mean."""
        config = self._config
        facts = checkpoint_facts(
            self._network.architecture,
            self._window,
            neighbour_mm=config.neighbour_mm,
            crop_px=config.crop_px,
            is_mirrored=config.is_mirrored,
        )
        return {**facts, "r1_reduction": config.r1_reduction}


def _slices_of(cases: Sequence[SynthesisCase], lung_repeats: int) -> list[tuple[int, int]]:
    """Return case and centre of every slice; those with lung come several times, empty ones never."""
    found = []
    for number, case in enumerate(cases):
        for centre in range(case.num_slices):
            if case.body[:, :, centre].any():
                found += [(number, centre)] * (lung_repeats if case.lung[:, :, centre].any() else 1)
    return found


def _extended(image: Tensor, sides: Sequence[int]) -> Tensor:
    below, right = sides[0] - image.shape[1], sides[1] - image.shape[2]
    if not below and not right:
        return image
    return nn.functional.pad(image[None], (0, right, 0, below), mode="replicate")[0]


def _numbers(values: Mapping[str, Tensor]) -> dict[str, float]:
    if not values:
        return {}
    # One transfer from the device for all values.
    together = torch.stack([value.detach().float().reshape(()).cpu() for value in values.values()])
    return dict(zip(values, together.tolist(), strict=True))


def _some_weights(module: nn.Module) -> list[Tensor]:
    """Return copies of every fourth weight, enough to see that they move."""
    return [parameter.detach().clone() for parameter in list(module.parameters())[::4]]
