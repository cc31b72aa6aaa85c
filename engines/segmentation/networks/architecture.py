"""What builds a network again: plain values that stand beside its weights. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from engines.segmentation.config import TrainConfig

Method = Literal["diffusion", "unet", "classifier"]
Network = Literal["compact", "preview", "v2"]
Prediction = Literal["x0", "v", "eps"]
GradeHead = Literal["image", "bottleneck", "off"]
NoiseScheduleKind = Literal["linear", "cosine"]


@dataclass(frozen=True)
class Architecture:
    """Shape of a network.

    Parameters
    ----------
    method : "diffusion", "unet" or "classifier"
        `unet` is one supervised U-Net of about as many parameters; `classifier` has no mask at all.
    network : "compact", "preview" or "v2"
    num_modalities, num_regions : int
    width : int
        Channels of the diffusion U-Net at full resolution.
    condition_width : int
        The same of the image-only branch.
    factors : tuple of int
        Channels of each level, in widths.
    encoder_blocks, decoder_blocks : int
    attention_levels : tuple of int
        Levels with self-attention; the middle has it where `has_middle_attention`.
    prediction, schedule, num_steps
        What the network says, and the noise it was trained with; fixed for ever by training.
    grade_head : "image", "bottleneck" or "off"
    stop_gradient : bool
        Whether the grade loss leaves the segmentation's weights alone.
    detaches_anchors : bool
        Whether the diffusion loss leaves the image-only branch alone, as in the published code.
    """

    method: Method = "diffusion"
    network: Network = "compact"
    num_modalities: int = 4
    num_regions: int = 1
    width: int = 32
    condition_width: int = 16
    factors: tuple[int, ...] = (1, 2, 3, 4)
    encoder_blocks: int = 1
    decoder_blocks: int = 1
    attention_levels: tuple[int, ...] = ()
    has_middle_attention: bool = True
    prediction: Prediction = "x0"
    schedule: NoiseScheduleKind = "linear"
    num_steps: int = 1000
    grade_head: GradeHead = "image"
    stop_gradient: bool = True
    detaches_anchors: bool = False
    dropout: float = 0.3

    @property
    def divisor(self) -> int:
        """What the sides of a slice must divide by."""
        return int(2 ** (len(self.factors) - 1))

    def facts(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Architecture:
        """Build it from what `facts` returned."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
        }
        return cls(**values)


def preview_architecture(base: Architecture) -> Architecture:
    """Return the published architecture at 256 px: six levels, 128 channels, 2 and 3 blocks a level."""
    return replace(
        base,
        network="preview",
        width=128,
        condition_width=32,
        factors=(1, 1, 2, 2, 4, 4),
        encoder_blocks=2,
        decoder_blocks=3,
        attention_levels=(4,),
        has_middle_attention=True,
        detaches_anchors=True,
    )


def architecture_of(config: TrainConfig, num_modalities: int, num_regions: int) -> Architecture:
    """Return what the settings of a training build."""
    factors = (1, 2, 3, 4, 6, 8)[: config.num_levels]
    found = Architecture(
        method=config.method,
        network=config.network,
        num_modalities=num_modalities,
        num_regions=num_regions,
        width=config.base_width,
        condition_width=config.condition_width,
        factors=factors,
        prediction=config.prediction,
        schedule=config.noise_schedule,
        num_steps=config.noise_steps,
        grade_head=config.grade_head,
        stop_gradient=config.stop_gradient,
    )
    return preview_architecture(found) if config.network == "preview" else found
