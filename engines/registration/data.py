"""The warped pairs that phase 1 learns from. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError, PreconditionError
from engines.contract.geometry import (
    FloatArray,
    Size,
    apply_homography,
    compose,
    inside,
    invert,
)
from engines.contract.kinds import Split
from engines.contract.manifest import ItemRecord
from engines.contract.run_context import RunContext
from engines.imaging.field_of_view import (
    erode_field_of_view,
    field_of_view,
)
from engines.imaging.images import read_image, read_mask, to_uint8
from engines.imaging.opencv import cv2
from engines.imaging.vessels.bifurcations import find_bifurcations
from engines.registration.bifurcation_labels import kernel_side, label_map
from engines.registration.config import TrainConfig
from engines.registration.network_view import POLARITIES, NetworkView, network_view
from engines.registration.warps import FloatImage, WarpRange, random_homography, sample_through

_BORDER_PX = 4.0


@dataclass(frozen=True)
class LabelledView:
    """An image with its bifurcations, ready to be warped.

    Parameters
    ----------
    item : str
    view : NetworkView
    points_xy : ndarray of float64, (N, 2)
        Bifurcations in view pixels.
    """

    item: str
    view: NetworkView
    points_xy: FloatArray


@dataclass(frozen=True)
class WarpedPair:
    """A pair with known geometry, both on one square canvas.

    Parameters
    ----------
    item : str
    channels : ndarray of float32, (2, 2, S, S)
        Fixed and moving, each intensity and vesselness.
    polarities : ndarray of int64, (2,)
        Index into `POLARITIES` of each image.
    labels : ndarray of float32, (2, S, S)
        Detector targets.
    fields : ndarray of float32, (2, S, S)
        1 where the image shows the eye.
    fixed_xy, moving_xy : ndarray of float32, (N, 2)
        Common bifurcations, in the same order.
    homography_moving_from_fixed : ndarray of float64, (3, 3)
    """

    item: str
    channels: FloatImage
    polarities: npt.NDArray[np.int64]
    labels: FloatImage
    fields: FloatImage
    fixed_xy: FloatImage
    moving_xy: FloatImage
    homography_moving_from_fixed: FloatArray


def training_role(item: ItemRecord) -> str | None:
    """Return the role of the image that the vessel mask belongs to, or None when the item has none."""
    if not item.has("vessel_mask"):
        return None
    return next((role for role in ("fixed", "image") if item.has(role)), None)


def training_items(run: RunContext) -> tuple[tuple[ItemRecord, ...], tuple[ItemRecord, ...]]:
    """Return the items to train on and those to validate on.

    Raises
    ------
    PreconditionError
        If either is empty; the sentence says what to add.
    """
    usable = {
        split: tuple(item for item in run.items(split) if training_role(item) is not None)
        for split in (Split.TRAIN, Split.VAL)
    }
    for split, found in usable.items():
        if not found:
            raise PreconditionError(
                "No item of split '{split}' has an image and its vessel mask.",
                remedy="Import images with vessel masks of at least two subjects, "
                "and assign them to train and val.",
                split=split.value,
            )
    return usable[Split.TRAIN], usable[Split.VAL]


def load_labelled_view(run: RunContext, item: ItemRecord, image_size_px: int) -> LabelledView:
    """Read an item's image and vessel mask.

    Raises
    ------
    GeometryError
        If the two differ in size.
    PreconditionError
        If the mask has no bifurcation.
    """
    role = training_role(item)
    assert role is not None
    image = read_image(run.input_path(item, role))
    mask = read_mask(run.input_path(item, "vessel_mask"))
    _check_same_size(item, "vessel mask", mask, image)
    view = network_view(image, image_size_px, item.files[role].modality, is_square=True)
    given = "field_of_view" in item.files
    field = read_mask(run.input_path(item, "field_of_view")) if given else field_of_view(to_uint8(image))
    _check_same_size(item, "field of view", field, image)
    bifurcations = find_bifurcations(mask, erode_field_of_view(field))
    found = apply_homography(view.view_from_native, bifurcations.points_xy)
    points_xy = found[_lies_in_field(view.field, found)]
    if len(points_xy) == 0:
        raise PreconditionError(
            "The vessel mask of {item} has no bifurcation.",
            remedy="Check that vessels are non-zero in the mask.",
            item=item.id,
        )
    return LabelledView(item.id, view, points_xy)


def _check_same_size(item: ItemRecord, name: str, mask: npt.NDArray[Any], image: npt.NDArray[Any]) -> None:
    if mask.shape != image.shape[:2]:
        raise GeometryError(
            "The {name} of {item} has {mask_size} pixels and its image {image_size}.",
            remedy="Give a mask drawn on this image.",
            name=name,
            item=item.id,
            mask_size="{}x{}".format(*mask.shape[::-1]),
            image_size="{}x{}".format(*image.shape[1::-1]),
        )


def _lies_in_field(field: npt.NDArray[Any], points_xy: FloatArray) -> npt.NDArray[np.bool_]:
    size = (field.shape[1], field.shape[0])
    result = inside(points_xy, size, _BORDER_PX)
    columns, rows = np.rint(points_xy[result]).astype(np.int64).T
    result[result] = field[rows, columns] > 0
    return result


def warp_range(config: TrainConfig, epoch: int | None = None) -> WarpRange:
    """Return the bounds of the warps in an epoch; None means after the easy start."""
    is_start = epoch is not None and epoch < config.rotation_start_epochs
    rotation = min(config.rotation_start_deg, config.rotation_deg) if is_start else config.rotation_deg
    return WarpRange(
        rotation,
        config.scale_min,
        config.scale_max,
        config.translation_fraction,
        config.perspective_fraction,
        config.min_overlap,
    )


def warped_pair(labelled: LabelledView, config: TrainConfig, bounds: WarpRange, seed: int) -> WarpedPair:
    """Make a pair from one image: itself, and a warped copy, both changed in appearance.

    Which of the two is fixed is drawn, so every geometry is seen from both sides. Points are mapped by
    the homography; a warped mask is never thinned again.
    """
    generator = np.random.default_rng(seed)
    view, size = labelled.view, labelled.view.size
    rows, columns = np.nonzero(view.field[::8, ::8])
    field_xy = np.column_stack([columns, rows]).astype(np.float64) * 8.0
    warp = random_homography(generator, size, field_xy, bounds)
    identity = np.eye(3)
    to_fixed, to_moving = (warp, identity) if generator.random() < 0.5 else (identity, warp)
    channels, polarities, labels, fields, points = [], [], [], [], []
    side = kernel_side(size[0])
    for out_from_view in (to_fixed, to_moving):
        is_inverted = generator.random() < config.polarity_inversion_probability
        image, field = _appearance(view, invert(out_from_view), is_inverted, config, generator)
        channels.append(image)
        polarity = POLARITIES.index(view.polarity)
        polarities.append(1 - polarity if is_inverted else polarity)
        mapped = apply_homography(out_from_view, labelled.points_xy)
        points.append(mapped)
        labels.append(label_map(mapped[_lies_in_field(field, mapped)], size, side))
        fields.append(field)
    is_common = _lies_in_field(fields[0], points[0]) & _lies_in_field(fields[1], points[1])
    chosen = np.flatnonzero(is_common)
    if len(chosen) > config.max_points:
        chosen = np.sort(generator.choice(chosen, config.max_points, replace=False))
    return WarpedPair(
        labelled.item,
        np.stack(channels),
        np.array(polarities, dtype=np.int64),
        np.stack(labels),
        np.stack(fields).astype(np.float32),
        points[0][chosen].astype(np.float32),
        points[1][chosen].astype(np.float32),
        compose(to_moving, invert(to_fixed)),
    )


def _appearance(
    view: NetworkView,
    view_from_out: FloatArray,
    is_inverted: bool,
    config: TrainConfig,
    generator: np.random.Generator,
) -> tuple[FloatImage, FloatImage]:
    """Return the warped channels (2, H, W) with another contrast, and the warped field of view (H, W)."""
    size, strength = view.size, config.photometric_strength
    field = np.asarray(
        sample_through(view.field.astype(np.float32), view_from_out, size) > 0.999, dtype=np.float32
    )
    intensity = sample_through(view.intensity, view_from_out, size)
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
    if is_inverted:
        intensity = -intensity
    if config.vesselness_channel:
        hidden = generator.random()
        if hidden < config.vesselness_dropout / 2:
            intensity = np.zeros_like(intensity)
        elif hidden < config.vesselness_dropout:
            vesselness = np.zeros_like(vesselness)
    channels = np.stack([intensity, np.clip(vesselness, 0, 1)]) * field
    return channels.astype(np.float32), field


def _smooth_noise(generator: np.random.Generator, size: Size, cells: int) -> FloatImage:
    coarse = generator.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC))


def _blob(generator: np.random.Generator, size: Size) -> FloatImage:
    """Return a soft spot of height 1 at a random place: where the signal drops out."""
    x, y = generator.uniform(0, 1, 2) * size
    radius = generator.uniform(0.05, 0.2) * size[0]
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    distance_squared = np.square(columns - x) + np.square(rows - y)
    return np.asarray(np.exp(-distance_squared / (2 * radius**2)), dtype=np.float32)
