"""Make a fundus photograph look like another kind of retinal image, pixel for pixel in the same place.

Nothing moves: every change is of brightness, so points and transforms of the photograph hold for the result.
What differs from image to image is drawn from a generator, over wider ranges than real devices have, so that
a network trained on it relies on the vessels and on nothing else. The results are no simulation of optics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.imaging.field_of_view import BoolImage, ellipse, erode_field_of_view
from engines.imaging.images import channel_for_vessels
from engines.imaging.opencv import cv2
from engines.imaging.vessels.vesselness import flatten_field

FloatImage = npt.NDArray[np.float32]
Look: TypeAlias = Literal["fa_early", "fa_late", "red_free", "oct", "octa"]
LOOKS: tuple[Look, ...] = ("fa_early", "fa_late", "red_free", "oct", "octa")
MODALITY_OF_LOOK: dict[Look, str] = {
    "fa_early": "FA",
    "fa_late": "FA",
    "red_free": "RF",
    "oct": "OCT",
    "octa": "OCTA",
}
SCANNED: tuple[Look, ...] = ("oct", "octa")
"""Looks of scanned squares; the others show a round field."""
BRIGHT: tuple[Look, ...] = ("fa_early", "fa_late", "octa")
"""Looks with vessels brighter than their surroundings."""

# Lengths hold for a side of 768 px and scale with the image.
_REFERENCE_SIDE_PX = 768.0


@dataclass(frozen=True)
class SynthesisedImage:
    """A photograph as another modality.

    Parameters
    ----------
    image : ndarray of uint8, (H, W)
    field : ndarray of bool, (H, W)
        Where the result shows the eye; 0 elsewhere.
    look : Look
    """

    image: npt.NDArray[np.uint8]
    field: BoolImage
    look: Look

    @property
    def modality(self) -> str:
        """Name of the modality, as in a project."""
        return MODALITY_OF_LOOK[self.look]


def synthesise(
    image: npt.NDArray[np.uint8],
    vessels: BoolImage,
    field: BoolImage,
    look: Look,
    generator: np.random.Generator,
) -> SynthesisedImage:
    """Give a photograph another look.

    Parameters
    ----------
    image : ndarray of uint8, (H, W) or (H, W, 3) RGB
        Colour fundus or red-free: vessels darker than their surroundings.
    vessels : ndarray of bool, (H, W)
    field : ndarray of bool, (H, W)
        Field of view of the photograph, not eroded.
    look : Look
    generator : numpy.random.Generator
        The same state gives the same image.
    """
    scene = _Scene.of(image, vessels, field, generator)
    drawn = _PAINTERS[look](scene)
    drawn = _degraded(drawn, scene, is_scanned=look in SCANNED)
    shown = field & _field_shape(scene, is_scanned=look in SCANNED)
    return SynthesisedImage(
        np.where(shown, drawn.clip(0, 255), 0).round().astype(np.uint8), np.asarray(shown), look
    )


@dataclass(frozen=True)
class _Scene:
    """What the painters work with.

    Parameters
    ----------
    detail : ndarray of float32, (H, W)
        The photograph with even illumination; vessels below 0, about -2.
    vessels, thick : ndarray of float32, (H, W)
        0 to 1, soft: all vessels, and the inside of the thick ones.
    scale : float
        Pixels for one pixel of the reference size.
    """

    detail: FloatImage
    vessels: FloatImage
    thick: FloatImage
    scale: float
    generator: np.random.Generator

    @classmethod
    def of(
        cls,
        image: npt.NDArray[np.uint8],
        vessels: BoolImage,
        field: BoolImage,
        generator: np.random.Generator,
    ) -> _Scene:
        scale = max(vessels.shape) / _REFERENCE_SIDE_PX
        detail = flatten_field(channel_for_vessels(image), erode_field_of_view(field)).clip(-4, 4)
        binary = vessels.astype(np.uint8)
        core = cv2.erode(binary, ellipse(max(1, round(2 * scale))))
        soft = max(0.5, generator.uniform(0.5, 1.1) * scale)
        return cls(
            detail,
            _blurred(binary.astype(np.float32), soft),
            _blurred(core.astype(np.float32), soft),
            scale,
            generator,
        )

    @property
    def shape(self) -> tuple[int, int]:
        return self.detail.shape[0], self.detail.shape[1]

    def draw(self, low: float, high: float) -> float:
        return float(self.generator.uniform(low, high))

    def clouds(self, cells: int) -> FloatImage:
        """Return smooth noise of deviation about 1, with as many humps along a side."""
        coarse = self.generator.normal(0, 1, (cells, cells)).astype(np.float32)
        size = (self.shape[1], self.shape[0])
        return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), dtype=np.float32)

    def grain(self, sigma_px: float) -> FloatImage:
        """Return noise of deviation 1 and a grain size."""
        noise = self.generator.normal(0, 1, self.shape).astype(np.float32)
        if sigma_px > 0.3:
            noise = _blurred(noise, sigma_px)
        return np.asarray(noise / (noise.std() + 1e-6), dtype=np.float32)

    def spot(self, low: float, high: float) -> FloatImage:
        """Return a soft spot of height 1 at a random place; its radius is a share of the side."""
        height, width = self.shape
        x, y = self.draw(0.1, 0.9) * width, self.draw(0.1, 0.9) * height
        radius = self.draw(low, high) * max(height, width)
        rows, columns = np.ogrid[0:height, 0:width]
        squared = np.square(columns - x) + np.square(rows - y)
        return np.exp(-squared / (2 * radius**2)).astype(np.float32)


def _paint_fa_early(scene: _Scene) -> FloatImage:
    """Show dark choroid with patches, bright arteries, veins that fill from their walls."""
    background = scene.draw(25, 65) + scene.draw(3, 12) * scene.clouds(6) - scene.draw(0, 5) * scene.detail
    filling = np.clip(scene.draw(0.7, 1.0) + scene.draw(0.1, 0.35) * scene.clouds(4), 0.15, 1.4)
    laminar = scene.draw(0.0, 0.5) * np.clip(0.5 + scene.clouds(3), 0, 1) * scene.thick
    vessels = scene.draw(80, 160) * filling * (scene.vessels - laminar)
    capillaries = scene.draw(4, 14) * np.clip(-scene.detail, 0, 3)
    return np.asarray(background + vessels + capillaries, dtype=np.float32)


def _paint_fa_late(scene: _Scene) -> FloatImage:
    """Show a brighter ground, paler vessels, leakage."""
    background = scene.draw(60, 120) + scene.draw(4, 14) * scene.clouds(5) - scene.draw(0, 6) * scene.detail
    vessels = scene.draw(30, 90) * scene.vessels
    capillaries = scene.draw(2, 10) * np.clip(-scene.detail, 0, 3)
    drawn = background + vessels + capillaries
    for _ in range(int(scene.generator.integers(0, 7))):
        drawn = drawn + scene.draw(20, 110) * scene.spot(0.01, 0.06)
    return np.asarray(drawn, dtype=np.float32)


def _paint_red_free(scene: _Scene) -> FloatImage:
    """Show the photograph itself in grey, with other contrast and some haze."""
    contrast = scene.draw(9, 24)
    haze = scene.draw(0, 25) * np.clip(scene.clouds(3), 0, None)
    darker = scene.draw(0, 12) * scene.vessels
    return np.asarray(scene.draw(80, 150) + contrast * scene.detail - darker + haze, dtype=np.float32)


def _paint_oct(scene: _Scene) -> FloatImage:
    """Show shadows of vessels on speckled tissue."""
    tissue = scene.draw(100, 160) + scene.draw(8, 25) * scene.clouds(4)
    shadow = scene.draw(0.25, 0.6) * np.clip(scene.vessels + 0.15 * np.clip(-scene.detail, 0, 2), 0, 1)
    drawn = tissue * (1 - shadow)
    speckle = np.exp(scene.draw(0.1, 0.3) * scene.grain(scene.draw(0.4, 1.0)))
    return np.asarray(drawn * speckle, dtype=np.float32)


def _paint_octa(scene: _Scene) -> FloatImage:
    """Show bright vessels over a mesh of capillaries, with a foveal gap."""
    spacing = scene.draw(2.0, 4.0) * max(scene.scale, 0.5)
    mesh = np.exp(-np.square(scene.grain(spacing) / scene.draw(0.25, 0.5)))
    gap = 1 - scene.draw(0.6, 1.0) * scene.spot(0.04, 0.09)
    drawn = scene.draw(15, 40) + scene.draw(20, 70) * mesh * gap
    drawn = drawn + scene.draw(90, 170) * scene.vessels + scene.draw(3, 12) * np.clip(-scene.detail, 0, 3)
    return np.asarray(drawn * np.exp(0.12 * scene.grain(0.0)), dtype=np.float32)


_PAINTERS: dict[Look, Callable[[_Scene], FloatImage]] = {
    "fa_early": _paint_fa_early,
    "fa_late": _paint_fa_late,
    "red_free": _paint_red_free,
    "oct": _paint_oct,
    "octa": _paint_octa,
}


def _degraded(drawn: FloatImage, scene: _Scene, *, is_scanned: bool) -> FloatImage:
    """Add what a device adds: shading, blur, fading, stripes, noise."""
    result = drawn * np.exp(scene.draw(0.05, 0.3) * scene.clouds(3))
    if scene.draw(0, 1) < 0.5:
        result = _blurred(result, scene.draw(0.4, 1.8) * scene.scale)
    for _ in range(int(scene.generator.integers(0, 3))):
        result = result * (1 - scene.draw(0.2, 0.8) * scene.spot(0.04, 0.15))
    if is_scanned and scene.draw(0, 1) < 0.6:
        # Eye movements between lines.
        lines = scene.generator.random(scene.shape[0]) < scene.draw(0.005, 0.03)
        result = result + (lines * scene.draw(-40, 60)).astype(np.float32)[:, None]
    middle, contrast = float(result.mean()), scene.draw(0.5, 1.3)
    result = middle + contrast * (result - middle)
    return np.asarray(result + scene.draw(1, 9) * scene.grain(0.0), dtype=np.float32)


def _field_shape(scene: _Scene, *, is_scanned: bool) -> BoolImage:
    """Return a mask that may be narrower than the photograph's: another circle, or cut above and below."""
    height, width = scene.shape
    if is_scanned:
        return np.ones(scene.shape, dtype=bool)
    rows, columns = np.ogrid[0:height, 0:width]
    centre_x, centre_y = (scene.draw(0.46, 0.54) * side for side in (width, height))
    radius = scene.draw(0.42, 0.55) * max(height, width)
    inside = np.square(columns - centre_x) + np.square(rows - centre_y) <= radius**2
    if scene.draw(0, 1) < 0.3:
        cut = scene.draw(0.03, 0.12) * height
        inside &= (rows >= cut) & (rows <= height - 1 - cut)
    return np.asarray(inside)


def _blurred(image: FloatImage, sigma_px: float) -> FloatImage:
    if sigma_px <= 0.05:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.float32)
