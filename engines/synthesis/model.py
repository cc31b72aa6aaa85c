"""All networks of a phase in one module, and how to build them again from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from torch import Tensor, nn

from engines.contract.errors import CheckpointError
from engines.synthesis.config import TrainConfig
from engines.synthesis.evaluation.fusion_card import fusion_card
from engines.synthesis.networks.discriminator import Discriminator
from engines.synthesis.networks.generator import SIZES, Generator
from engines.synthesis.networks.perceptual import FeatureNetwork, feature_network
from engines.synthesis.networks.refiner import RefineNet
from engines.synthesis.networks.registrar import DeepRegistrar, TinyRegistrar
from engines.synthesis.volumes.windows import HuWindow

Result = TypeVar("Result")
PARTS = ("generator", "registrar", "discriminator", "refiner", "features")


@dataclass(frozen=True)
class Architecture:
    """What builds the networks; an empty or None part is not there."""

    generator: str = "light"
    residual_output: bool = True
    residual_scale: float = 1.0
    registrar: str = ""
    disc_type: str = ""
    d_cond_mode: str = "none"
    ndf: int = 64
    num_d: int = 2
    n_blocks_res_d: int = 4
    use_attention: bool = True
    spectral_norm: bool = True
    d_high_pass: bool = False
    fusion: str = ""
    residual_base: str = "input"
    refine_hidden: int = 64
    refine_blocks: int = 6
    features: str = ""

    def facts(self) -> dict[str, Any]:
        """Return plain data for a checkpoint."""
        return asdict(self)

    @classmethod
    def of(cls, config: TrainConfig, phase: str) -> Architecture:
        """Return the networks of a phase."""
        has_refiner = phase in ("g2", "g2_d")
        has_discriminator = phase in ("g_d", "g2_d")
        has_registrar = phase == "g_r" or (has_discriminator and config.with_registrar)
        return cls(
            generator=config.generator,
            residual_output=config.residual_output,
            residual_scale=config.residual_scale,
            registrar=config.registrar if has_registrar else "",
            disc_type=config.disc_type if has_discriminator else "",
            d_cond_mode=config.d_cond_mode,
            ndf=config.ndf,
            num_d=config.num_d,
            n_blocks_res_d=config.n_blocks_res_d,
            use_attention=config.use_attention,
            spectral_norm=config.spectral_norm,
            d_high_pass=config.d_high_pass,
            fusion=config.fusion if has_refiner else "",
            residual_base=config.residual_base,
            refine_hidden=config.refine_hidden,
            refine_blocks=config.refine_blocks,
            features=config.perceptual if config.perceptual_weight else "",
        )


class SynthesisNetwork(nn.Module):
    """The networks that a phase has.

    Parameters
    ----------
    architecture : Architecture
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.generator = Generator(SIZES[a.generator], a.residual_output, a.residual_scale)
        self.registrar: nn.Module | None = None
        if a.registrar == "deep":
            self.registrar = DeepRegistrar()
        elif a.registrar:
            self.registrar = TinyRegistrar(has_attention=a.registrar == "tiny_attention")
        self.discriminator = (
            Discriminator(
                a.disc_type,
                a.d_cond_mode,
                a.ndf,
                a.num_d,
                a.n_blocks_res_d,
                a.use_attention,
                has_spectral_norm=a.spectral_norm,
                is_high_pass=a.d_high_pass,
            )
            if a.disc_type
            else None
        )
        self.refiner = (
            RefineNet(a.fusion, a.residual_base, a.refine_hidden, a.refine_blocks) if a.fusion else None
        )
        self.features: FeatureNetwork | None = feature_network(a.features) if a.features else None

    def forward(self, job: Callable[[SynthesisNetwork], Result]) -> Result:
        """Do a job with the networks: through this call it has the precision that the run asked for."""
        return job(self)

    def images(self, ncct: Tensor) -> tuple[Tensor, Tensor]:
        """Return G's image and the final one, both (B, 3, H, W); the same without G2."""
        generated = self.generator(ncct)
        return generated, generated if self.refiner is None else self.refiner(ncct, generated)


def checkpoint_facts(
    architecture: Architecture,
    window: HuWindow,
    *,
    neighbour_mm: float,
    crop_px: int,
    is_mirrored: bool = False,
) -> dict[str, Any]:
    """Return what a checkpoint says of itself: how to build it again, and what its values mean."""
    return {
        "architecture": architecture.facts(),
        "window": window.facts(),
        "neighbour_mm": neighbour_mm,
        "crop_px": crop_px,
        "is_mirrored": is_mirrored,
        "fusion_card": fusion_card(window).facts(),
    }


def build_network(facts: Mapping[str, Any]) -> SynthesisNetwork:
    """Return the networks that a checkpoint was made with.

    Raises
    ------
    CheckpointError
        If it is not one of this pipeline.
    """
    try:
        return SynthesisNetwork(Architecture(**facts["architecture"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            "The checkpoint does not say which networks of synthesis it holds: {reason}.",
            remedy="Choose a run of synthesis, or import the weights.",
            reason=str(error),
        ) from error


def take_part(network: nn.Module, weights: Mapping[str, Tensor], part: str) -> bool:
    """Load one network from the weights of a run, when they hold it; tell whether.

    Raises
    ------
    CheckpointError
        If they hold one of another shape.
    """
    prefix = f"{part}."
    own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    if not own:
        return False
    expected = network.state_dict()
    wrong = sorted(
        name
        for name in {*own, *expected}
        if name not in own or name not in expected or own[name].shape != expected[name].shape
    )
    if wrong:
        raise CheckpointError(
            "The {part} of the run before has other layers: {names}.",
            remedy="Use the sizes that it was trained with.",
            part=part,
            names=", ".join(wrong[:4]) + (" and more" if len(wrong) > 4 else ""),
        )
    network.load_state_dict(own)
    return True
