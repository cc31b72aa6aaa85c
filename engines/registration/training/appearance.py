"""How training changes the look of an image: other modalities, made once, and contrast, made every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import (
    FloatArray,
    Size,
    apply_homography,
    compose,
    inside,
    invert,
    resize_matrix,
    translation_matrix,
)
from engines.imaging.field_of_view import BoolImage, erode_field_of_view
from engines.imaging.opencv import cv2
from engines.imaging.retina_modalities import LOOKS, SCANNED, Look, synthesise
from engines.registration.config import TrainConfig
from engines.registration.inference.network_view import NetworkView, described
from engines.registration.training.warps import FloatImage, sample_through

_LEAST_POINTS = 6
_ATTEMPTS = 12
_PUBLISHED_MIDDLE, _PUBLISHED_SPREAD = 0.5, 0.18
_LARGEST_SCAN = 0.8


@dataclass(frozen=True)
class LookView:
    """An eye in the look of one modality.

    Parameters
    ----------
    name : str
        ``original`` or a look of `engines.imaging.retina_modalities`.
    view : NetworkView
    view_from_reference : ndarray of float64, (3, 3)
        From the pixels of the item's own view; not the identity for a scanned cut-out.
    """

    name: str
    view: NetworkView
    view_from_reference: FloatArray

    @property
    def is_in_place(self) -> bool:
        """Whether its pixels are those of the item's own view."""
        return self.name not in SCANNED


@dataclass(frozen=True)
class Eye:
    """A photograph in native pixels, and its own view.

    Parameters
    ----------
    image : ndarray of uint8, (H, W) or (H, W, 3)
    vessels, field : ndarray of bool, (H, W)
        The field of view is not eroded.
    view : NetworkView
    points_xy : ndarray of float64, (N, 2)
        Bifurcations, view pixels.
    """

    image: npt.NDArray[np.uint8]
    vessels: BoolImage
    field: BoolImage
    view: NetworkView
    points_xy: FloatArray


def looks_of(eye: Eye, config: TrainConfig, generator: np.random.Generator) -> tuple[LookView, ...]:
    """Make looks of other modalities of one eye, at the working size and in exact place."""
    kinds = [generator.choice(LOOKS) for _ in range(config.looks_per_item)]
    made = []
    for kind in kinds:
        is_scanned = generator.random() < config.scanned_share
        if is_scanned != (kind in SCANNED):
            kind = generator.choice([look for look in LOOKS if (look in SCANNED) == is_scanned])
        made.append(look_of(eye, kind, config, generator))
    return tuple(made)


def look_of(eye: Eye, look: Look, config: TrainConfig, generator: np.random.Generator) -> LookView:
    """Make one look; a scanned one shows a cut-out that fills the canvas."""
    size = eye.view.size
    canvas_from_view = _cut_out(eye, config.scanned_scale_min, generator) if look in SCANNED else np.eye(3)
    canvas_from_native = compose(canvas_from_view, eye.view.view_from_native)
    photograph = eye.image
    if eye.view.polarity == "bright":
        grey = photograph if photograph.ndim == 2 else photograph[..., 1]
        photograph = np.where(eye.field, 255 - grey, 0).astype(np.uint8)
    made = synthesise(
        _on_canvas(photograph, canvas_from_native, size),
        _on_canvas(eye.vessels.astype(np.uint8) * 255, canvas_from_native, size) > 127,
        _on_canvas(eye.field.astype(np.uint8) * 255, canvas_from_native, size) > 127,
        look,
        generator,
    )
    view = described(made.image, erode_field_of_view(made.field), made.modality, eye.view.preprocessing)
    return LookView(look, view, canvas_from_view)


def _cut_out(eye: Eye, smallest: float, generator: np.random.Generator) -> FloatArray:
    """Return the zoom onto a square with enough points, evenly drawn in the logarithm of its side."""
    side = eye.view.size[0]
    middle = (side - 1) / 2
    zoom = np.eye(3)
    for _ in range(_ATTEMPTS):
        share = float(np.exp(generator.uniform(np.log(smallest), np.log(max(smallest, _LARGEST_SCAN)))))
        centre = eye.points_xy[generator.integers(len(eye.points_xy))] if len(eye.points_xy) else [middle] * 2
        enlarged = np.diag([1 / share, 1 / share, 1.0])
        zoom = compose(
            translation_matrix((middle, middle)),
            enlarged,
            translation_matrix((-float(centre[0]), -float(centre[1]))),
        )
        if inside(apply_homography(zoom, eye.points_xy), (side, side)).sum() >= _LEAST_POINTS:
            return zoom
    return np.eye(3)


def _on_canvas(
    image: npt.NDArray[np.uint8], canvas_from_native: FloatArray, size: Size
) -> npt.NDArray[np.uint8]:
    """Sample an image on a canvas; one that shrinks is first averaged down, so that lines do not break."""
    factor = float(np.sqrt(abs(np.linalg.det(canvas_from_native[:2, :2]))))
    native_from_canvas = invert(canvas_from_native)
    if factor < 0.75:
        native_size = (image.shape[1], image.shape[0])
        small_size = (max(1, round(native_size[0] * factor)), max(1, round(native_size[1] * factor)))
        image = np.asarray(cv2.resize(image, small_size, interpolation=cv2.INTER_AREA))
        native_from_canvas = compose(resize_matrix(native_size, small_size), native_from_canvas)
    return np.asarray(sample_through(image, native_from_canvas, size), dtype=np.uint8)


def changed(
    view: NetworkView,
    view_from_out: FloatArray,
    config: TrainConfig,
    generator: np.random.Generator,
) -> tuple[FloatImage, FloatImage, int]:
    """Warp a view and change its contrast.

    Parameters
    ----------
    view : NetworkView
    view_from_out : ndarray of float64, (3, 3)
    config : TrainConfig
    generator : numpy.random.Generator

    Returns
    -------
    channels : ndarray of float32, (2, H, W)
    field : ndarray of float32, (H, W)
        1 where the result shows the eye.
    stem : int
        Which first layers read it.
    """
    size, strength = view.size, config.photometric_strength
    field = np.asarray(
        sample_through(view.field.astype(np.float32), view_from_out, size) > 0.999, dtype=np.float32
    )
    is_published = view.preprocessing == "published"
    plain = (view.intensity - _PUBLISHED_MIDDLE) / _PUBLISHED_SPREAD if is_published else view.intensity
    intensity = sample_through(plain, view_from_out, size)
    vesselness = sample_through(view.vesselness, view_from_out, size)
    shade = _smooth_noise(generator, size, 4)
    intensity = intensity * np.exp(0.3 * strength * shade) + 0.3 * strength * _smooth_noise(
        generator, size, 6
    )
    # A bend of the contrast curve that keeps order: another film, another filter.
    bend = generator.uniform(-0.25, 0.25) * strength
    intensity = intensity + bend * (np.tanh(intensity) ** 2) * np.sign(bend + 1e-9)
    if generator.random() < 0.3 * strength:
        intensity = cv2.GaussianBlur(intensity, (0, 0), generator.uniform(0.4, 1.2))
    intensity = intensity + generator.normal(0, generator.uniform(0, 0.35) * strength, intensity.shape)
    gamma = np.exp(generator.uniform(-0.4, 0.4) * strength)
    vesselness = np.clip(vesselness, 0, 1) ** gamma
    vesselness = vesselness + generator.normal(
        0, generator.uniform(0, 0.08) * strength, vesselness.shape
    ) * np.exp(shade)
    if generator.random() < 0.5 * strength:
        fade = 1 - generator.uniform(0.3, 1.0) * _blob(generator, size)
        intensity, vesselness = intensity * fade, vesselness * fade
    is_inverted = generator.random() < config.polarity_inversion_probability
    if is_inverted:
        intensity = -intensity
    if is_published:
        intensity = np.clip(_PUBLISHED_MIDDLE + _PUBLISHED_SPREAD * intensity, 0, 1)
    if config.vesselness_channel:
        hidden = generator.random()
        if hidden < config.vesselness_dropout / 2:
            intensity = np.zeros_like(intensity)
        elif hidden < config.vesselness_dropout:
            vesselness = np.zeros_like(vesselness)
    channels = np.stack([intensity, np.clip(vesselness, 0, 1)]) * field
    return channels.astype(np.float32), field, (1 - view.stem % 2) if is_inverted else view.stem


def _smooth_noise(generator: np.random.Generator, size: Size, cells: int) -> FloatImage:
    coarse = generator.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC))


def _blob(generator: np.random.Generator, size: Size) -> npt.NDArray[Any]:
    """Return a soft spot of height 1 at a random place: where the signal drops out."""
    x, y = generator.uniform(0, 1, 2) * size
    radius = generator.uniform(0.05, 0.2) * size[0]
    rows, columns = np.ogrid[0 : size[1], 0 : size[0]]
    distance_squared = np.square(columns - x) + np.square(rows - y)
    return np.asarray(np.exp(-distance_squared / (2 * radius**2)), dtype=np.float32)
