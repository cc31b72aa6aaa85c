"""The pairs that training learns from: images with warped copies of themselves. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, apply_homography, compose, invert
from engines.registration.config import TrainConfig
from engines.registration.training.appearance import LookView, changed
from engines.registration.training.bifurcation_labels import kernel_side, label_map
from engines.registration.training.images import LabelledView, lies_in_field
from engines.registration.training.warps import (
    FloatImage,
    WarpRange,
    points_of_field,
    random_homography,
)

_TRANSLATION_OF_VALIDATION = 0.2


@dataclass(frozen=True)
class WarpedPair:
    """A pair with known geometry, both on one square canvas.

    One of the two images, the reference, has not been moved: what training remembers about an eye is kept
    in its pixels.

    Parameters
    ----------
    item : str
    channels : ndarray of float32, (2, 2, S, S)
        Fixed and moving, each intensity and vesselness.
    polarities : ndarray of int64, (2,)
        Which first layers read each image, see `modality_stems.stem_index`.
    labels : ndarray of float32, (2, S, S)
        Detector targets.
    fields : ndarray of float32, (2, S, S)
        1 where the image shows the eye.
    fixed_xy, moving_xy : ndarray of float32, (N, 2)
        Common bifurcations, in the same order.
    homography_moving_from_fixed : ndarray of float64, (3, 3)
    reference_side : int
        0 when the fixed image is the reference, 1 when the moving one is.
    given_xy : ndarray of float32, (M, 2)
        All given points of the reference.
    vessels : ndarray of float32, (S, S)
        Vessels of the reference.
    weight : float
        How far the labels can be trusted, 0 to 1.
    geometry_weight : float
        How far the homography can be trusted, 0 to 1.
    """

    item: str
    channels: FloatImage
    polarities: npt.NDArray[np.int64]
    labels: FloatImage
    fields: FloatImage
    fixed_xy: FloatImage
    moving_xy: FloatImage
    homography_moving_from_fixed: FloatArray
    reference_side: int
    given_xy: FloatImage
    vessels: FloatImage
    weight: float = 1.0
    geometry_weight: float = 1.0

    @property
    def other_from_reference(self) -> FloatArray:
        """From the pixels of the reference to those of the other image, (3, 3)."""
        matrix = self.homography_moving_from_fixed
        return matrix if self.reference_side == 0 else invert(matrix)


@dataclass(frozen=True)
class PairSource:
    """Two views of one eye, how the second is moved, and their common points.

    Parameters
    ----------
    item : str
    reference, other : NetworkView
        Of `LookView`.
    out_from_other : ndarray of float64, (3, 3)
        How the second view is warped.
    reference_xy, out_xy : ndarray of float64, (N, 2)
        The same points in the reference and in the warped other image.
    out_from_reference : ndarray of float64, (3, 3)
    vessels : ndarray, (S, S)
        Of the reference.
    """

    item: str
    reference: LookView
    other: LookView
    out_from_other: FloatArray
    reference_xy: FloatArray
    out_xy: FloatArray
    out_from_reference: FloatArray
    vessels: npt.NDArray[np.bool_]
    weight: float = 1.0
    geometry_weight: float = 1.0


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


def validation_range(config: TrainConfig) -> WarpRange:
    """Return the bounds of validation warps: the same for every training range, so that runs compare."""
    return WarpRange(
        config.validation_rotation_deg,
        0.8,
        1.25,
        _TRANSLATION_OF_VALIDATION,
        0.05,
        config.min_overlap,
    )


def warped_pair(labelled: LabelledView, config: TrainConfig, bounds: WarpRange, seed: int) -> WarpedPair:
    """Make a pair from one image: itself, and a warped copy, both changed in appearance.

    Which of the two is fixed is drawn, so every geometry is seen from both sides. Points are mapped by
    the homography; a warped mask is never thinned again.
    """
    generator = np.random.default_rng(seed)
    reference = _drawn_look(labelled, config, generator, needs_place=True)
    other = _drawn_look(labelled, config, generator, needs_place=False)
    return pair_of_looks(labelled, reference, other, config, bounds, generator)


def validation_pair(labelled: LabelledView, config: TrainConfig, seed: int, number: int = 0) -> WarpedPair:
    """Make a pair that changes the modality whenever another look was made."""
    generator = np.random.default_rng(seed)
    in_place = [look for look in labelled.looks if look.is_in_place]
    # Nothing is hidden from a network that is used, and looks bring their own polarity.
    config = config.model_copy(
        update={
            "vesselness_dropout": 0.0,
            "polarity_inversion_probability": 0.0 if in_place else config.polarity_inversion_probability,
        }
    )
    other = in_place[number % len(in_place)] if in_place else labelled.original
    return pair_of_looks(labelled, labelled.original, other, config, validation_range(config), generator)


def pair_of_looks(
    labelled: LabelledView,
    reference: LookView,
    other: LookView,
    config: TrainConfig,
    bounds: WarpRange,
    generator: np.random.Generator,
) -> WarpedPair:
    """Warp one look of an eye against another one."""
    size = other.view.size
    warp = random_homography(generator, size, points_of_field(other.view.field), bounds)
    out_from_reference = compose(warp, other.view_from_reference)
    source = PairSource(
        labelled.item,
        reference,
        other,
        warp,
        labelled.points_xy,
        apply_homography(out_from_reference, labelled.points_xy),
        out_from_reference,
        labelled.vessels,
        labelled.weight,
    )
    return rendered_pair(source, config, generator)


def rendered_pair(source: PairSource, config: TrainConfig, generator: np.random.Generator) -> WarpedPair:
    """Draw a pair: appearance of both images, labels, and which of the two is fixed."""
    size = source.reference.view.size
    side = kernel_side(size[0])
    reference_side = int(generator.random() < 0.5)
    channels, stems, labels, fields = [], [], [], []
    images = (
        (source.reference.view, np.eye(3), source.reference_xy),
        (source.other.view, invert(source.out_from_other), source.out_xy),
    )
    for view, view_from_out, points_xy in images:
        image, field, stem = changed(view, view_from_out, config, generator)
        channels.append(image)
        stems.append(stem)
        fields.append(field)
        labels.append(label_map(points_xy[lies_in_field(field, points_xy)], size, side))
    points = (source.reference_xy, source.out_xy)
    is_given = lies_in_field(fields[0], points[0])
    chosen = np.flatnonzero(is_given & lies_in_field(fields[1], points[1]))
    if len(chosen) > config.max_points:
        chosen = np.sort(generator.choice(chosen, config.max_points, replace=False))
    order = (0, 1) if reference_side == 0 else (1, 0)
    matrix = source.out_from_reference
    return WarpedPair(
        source.item,
        np.stack([channels[number] for number in order]),
        np.array([stems[number] for number in order], dtype=np.int64),
        np.stack([labels[number] for number in order]),
        np.stack([fields[number] for number in order]).astype(np.float32),
        points[order[0]][chosen].astype(np.float32),
        points[order[1]][chosen].astype(np.float32),
        matrix if reference_side == 0 else invert(matrix),
        reference_side,
        points[0][is_given].astype(np.float32),
        source.vessels.astype(np.float32),
        source.weight,
        source.geometry_weight,
    )


def _drawn_look(
    labelled: LabelledView, config: TrainConfig, generator: np.random.Generator, *, needs_place: bool
) -> LookView:
    looks = [look for look in labelled.looks if look.is_in_place or not needs_place]
    if looks and generator.random() < config.modality_probability:
        return looks[int(generator.integers(len(looks)))]
    return labelled.original
