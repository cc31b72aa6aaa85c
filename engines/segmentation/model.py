"""The network: condition branch, denoiser and grade head behind one call.

``forward(image, x_t, steps) -> (seg_logits, cls_logits, calib_map)``: logits of the clean mask, of the grade,
and of the image-only mask, whatever the network predicts inside.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import torch
from torch import Tensor, nn

from engines.segmentation.networks.architecture import Architecture
from engines.segmentation.networks.blocks import ResidualBlock
from engines.segmentation.networks.condition import Condition, ConditionBranch
from engines.segmentation.networks.denoiser import Denoiser
from engines.segmentation.networks.noise import NoiseSchedule, clean_of, logits_of

NUM_GRADES = 2
_WIDTH_STEP = 4
_WIDEST = 512


class SegmentationOutput(NamedTuple):
    """What the network says.

    Parameters
    ----------
    seg_logits : Tensor, (B, R, H, W)
        Of the clean mask.
    cls_logits : Tensor, (B, 2)
        Of low and high grade; zeros when there is no head.
    calib_map : Tensor, (B, R, H, W)
        Logits of the image-only branch.
    raw : Tensor, (B, R, H, W)
        The denoiser's own output, in the terms that it was trained to predict.
    """

    seg_logits: Tensor
    cls_logits: Tensor
    calib_map: Tensor
    raw: Tensor


class GradeHead(nn.Module):
    """Two layers over pooled features.

    Parameters
    ----------
    num_features, hidden : int
    dropout : float
    """

    def __init__(self, num_features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.num_features = num_features
        self.layers = nn.Sequential(
            nn.LayerNorm(num_features),
            nn.Linear(num_features, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, NUM_GRADES),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, 2) of low and high grade."""
        found: Tensor = self.layers(features.float())
        return found


class GradeClassifier(nn.Module):
    """A residual network from slice to grade, which knows nothing of masks: the grade-only row of tables."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        layers: list[nn.Module] = [nn.Conv2d(architecture.num_modalities, width, 3, padding=1)]
        channels = width
        for level, factor in enumerate(architecture.factors):
            layers.append(ResidualBlock(channels, width * factor, 0))
            channels = width * factor
            if level < len(architecture.factors) - 1:
                layers.append(nn.Conv2d(channels, channels, 3, stride=2, padding=1))
        self.layers = nn.ModuleList(layers)
        self.num_features = 2 * channels

    def forward(self, image: Tensor) -> Tensor:
        """Return mean and largest features (B, F) of slices."""
        features = image
        for layer in self.layers:
            features = layer(features, None) if isinstance(layer, ResidualBlock) else layer(features)
        features = features.float()
        return torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)


class SegmentationNetwork(nn.Module):
    """Everything that is trained.

    Parameters
    ----------
    architecture : Architecture

    Attributes
    ----------
    num_condition_calls, num_denoiser_calls : int
        Slices that each branch has computed; what a prediction costs.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.schedule = NoiseSchedule(architecture.schedule, architecture.num_steps)
        self.num_condition_calls = 0
        self.num_denoiser_calls = 0
        self.condition: ConditionBranch | None = None
        self.denoiser: Denoiser | None = None
        self.classifier: GradeClassifier | None = None
        num_features = 0
        if architecture.method == "classifier":
            self.classifier = GradeClassifier(architecture)
            num_features = self.classifier.num_features
        elif architecture.method == "unet":
            self.condition = ConditionBranch(architecture, equal_width(architecture))
            num_features = self.condition.num_pooled
        else:
            self.condition = ConditionBranch(architecture, architecture.condition_width)
            self.denoiser = Denoiser(architecture, self.condition.widths)
            num_features = self.condition.num_pooled
        self.head: GradeHead | None = None
        if architecture.grade_head == "image" or architecture.method != "diffusion":
            if architecture.grade_head != "off":
                self.head = GradeHead(num_features, 64, architecture.dropout)
        elif architecture.grade_head == "bottleneck":
            assert self.denoiser is not None
            self.head = GradeHead(self.denoiser.num_middle, 256, architecture.dropout)

    @property
    def is_diffusion(self) -> bool:
        """Whether masks are drawn; otherwise the image-only branch is all there is."""
        return self.denoiser is not None

    def condition_of(self, image: Tensor) -> Condition:
        """Return what the image-only branch says of slices (B, M, H, W)."""
        assert self.condition is not None
        self.num_condition_calls += len(image)
        found: Condition = self.condition(image)
        return found

    def forward(
        self,
        image: Tensor,
        x_t: Tensor | None = None,
        steps: Tensor | None = None,
        condition: Condition | None = None,
    ) -> SegmentationOutput:
        """Return the logits of clean mask, grade and calibration map.

        Parameters
        ----------
        image : Tensor, (B, M, H, W)
        x_t : Tensor or None, (B, R, H, W)
            Noisy mask; not needed by a network without diffusion.
        steps : Tensor or None, (B,)
        condition : Condition or None
            When it is known already.
        """
        if self.classifier is not None:
            features = self.classifier(image)
            nothing = image.new_zeros(len(image), self.architecture.num_regions, *image.shape[-2:])
            return SegmentationOutput(nothing - 9.0, self._grades(features), nothing - 9.0, nothing)
        condition = condition or self.condition_of(image)
        if self.denoiser is None:
            grades = self._grades(condition.pooled)
            calibration = condition.calibration
            return SegmentationOutput(calibration, grades, calibration, calibration)
        assert x_t is not None
        assert steps is not None
        self.num_denoiser_calls += len(image)
        raw, middle = self.denoiser(image, x_t, steps, condition.anchors)
        head_sees_image = self.architecture.grade_head != "bottleneck"
        grades = self._grades(condition.pooled if head_sees_image else middle)
        return SegmentationOutput(self._logits(raw, x_t, steps), grades, condition.calibration, raw)

    def grades_of(self, pooled: Tensor) -> Tensor:
        """Return grade logits (B, 2) of pooled features that were computed before."""
        assert self.head is not None
        found: Tensor = self.head(pooled)
        return found

    def denoised(self, image: Tensor, x_t: Tensor, steps: Tensor, condition: Condition) -> Tensor:
        """Return the clean mask in [-1, 1] that is seen in a noisy one."""
        return clean_of(self(image, x_t, steps, condition).seg_logits.float())

    def parameter_table(self) -> list[tuple[str, int, float]]:
        """Return name, number of parameters and share of each part, and of all."""
        total = sum(parameter.numel() for parameter in self.parameters())
        parts: list[tuple[str, nn.Module | None]] = [("condition", self.condition)]
        if self.denoiser is not None:
            denoiser = self.denoiser
            parts += [
                ("denoiser.time", denoiser.time_embed),
                ("denoiser.encoder", denoiser.input_blocks),
                ("denoiser.middle", denoiser.middle_block),
                ("denoiser.decoder", denoiser.output_blocks),
                ("denoiser.out", denoiser.out),
                ("denoiser.anchors", denoiser.anchors),
                ("denoiser.gate", denoiser.gate),
                ("denoiser.cross", denoiser.cross),
            ]
        parts += [("classifier", self.classifier), ("head", self.head)]
        rows = [
            (name, count, count / total)
            for name, part in parts
            if part is not None and (count := sum(found.numel() for found in part.parameters()))
        ]
        return [*rows, ("total", total, 1.0)]

    def _logits(self, raw: Tensor, x_t: Tensor, steps: Tensor) -> Tensor:
        prediction = self.architecture.prediction
        if prediction == "x0":
            return raw
        clean = self.schedule.clean_from(raw.float(), x_t.float(), steps, prediction)
        return logits_of(clean.clamp(-1, 1))

    def _grades(self, features: Tensor) -> Tensor:
        if self.head is None:
            return features.new_zeros(len(features), NUM_GRADES)
        # A classifier has no masks that the grade could harm.
        is_stopped = self.architecture.stop_gradient and self.classifier is None
        found: Tensor = self.head(features.detach() if is_stopped else features)
        return found


def equal_width(architecture: Architecture) -> int:
    """Return the width at which a plain U-Net has about as many parameters as the diffusion model."""
    with torch.device("meta"):
        branch = ConditionBranch(architecture, architecture.condition_width)
        wanted = _size(branch) + _size(Denoiser(architecture, branch.widths))
        widths = range(_WIDTH_STEP, _WIDEST + 1, _WIDTH_STEP)
        at = bisect_left(widths, wanted, key=lambda width: _size(ConditionBranch(architecture, width)))
        near = widths[max(0, at - 1) : at + 1]
        return min(near, key=lambda width: abs(_size(ConditionBranch(architecture, width)) - wanted))


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
