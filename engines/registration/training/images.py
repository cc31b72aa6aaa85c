"""Read the images of a training with their bifurcations. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from skimage.filters import apply_hysteresis_threshold

from engines.contract.errors import GeometryError, PreconditionError
from engines.contract.geometry import FloatArray, apply_homography, inside, invert
from engines.contract.kinds import AnnotationKind, Split
from engines.contract.manifest import ItemRecord, read_keypoint_pairs
from engines.contract.run_context import RunContext
from engines.imaging.field_of_view import BoolImage, erode_field_of_view, field_of_view
from engines.imaging.images import read_image, read_mask, to_uint8
from engines.imaging.vessels.bifurcations import find_bifurcations
from engines.imaging.vessels.image_bifurcations import bifurcations_of_image
from engines.registration.config import TrainConfig
from engines.registration.inference.network_view import NetworkView, network_view
from engines.registration.networks.published_preprocessing import Preprocessing
from engines.registration.training.appearance import Eye, LookView, looks_of
from engines.registration.training.warps import sample_through

_BORDER_PX = 4.0
_SAME_POINT_SHARE = 8 / 768
_LINE_PERCENTILES = (88.0, 94.0)


@dataclass(frozen=True)
class LabelledView:
    """An image with its bifurcations, ready to be warped.

    Parameters
    ----------
    item : str
    view : NetworkView
    points_xy : ndarray of float64, (N, 2)
        Bifurcations in view pixels.
    vessels : ndarray of bool, (H, W)
        On the view's grid.
    looks : tuple of LookView
        Of other modalities.
    weight : float
        Of the detector loss: less than 1 where points come from lines found in the image.
    """

    item: str
    view: NetworkView
    points_xy: FloatArray
    vessels: BoolImage
    looks: tuple[LookView, ...] = ()
    weight: float = 1.0

    @property
    def original(self) -> LookView:
        """The image as it is."""
        return LookView("original", self.view, np.eye(3))


@dataclass(frozen=True)
class _Source:
    """One image of an item that training can use."""

    item: ItemRecord
    role: str
    mask_role: str

    @property
    def name(self) -> str:
        return f"{self.item.id}_moving" if self.role == "moving" else self.item.id


def _sources(item: ItemRecord, config: TrainConfig) -> list[_Source]:
    """Return the images of an item that have points to learn, and where those come from."""
    role = next((name for name in ("fixed", "image") if item.has(name)), None)
    candidates = [] if role is None else [_Source(item, role, "vessel_mask")]
    if item.has("moving"):
        candidates.append(_Source(item, "moving", "moving_vessel_mask"))
    return [source for source in candidates if _has_points(source, config)]


def _has_points(source: _Source, config: TrainConfig) -> bool:
    has_mask = source.item.has(source.mask_role)
    has_drawn = AnnotationKind.KEYPOINT_PAIRS in source.item.annotations and source.role != "image"
    return {
        "mask": has_mask,
        "vesselness": True,
        "points": has_drawn,
        "mask_and_points": has_mask,
    }[config.bifurcations]


def load_labelled_views(
    run: RunContext,
    split: Split,
    config: TrainConfig,
    preprocessing: Preprocessing = "flat",
    *,
    seed: int = 0,
) -> list[LabelledView]:
    """Read all images of a split that training can use.

    Raises
    ------
    GeometryError
        If a mask and its image differ in size.
    PreconditionError
        If there are none, or one has no bifurcation; the sentence says what to add.
    """
    sources = [source for item in run.items(split) for source in _sources(item, config)]
    if not sources:
        raise PreconditionError(
            "No item of split '{split}' has an image and its vessel mask.",
            remedy="Import images with vessel masks of at least two subjects, "
            "and assign them to train and val.",
            split=split.value,
        )
    views = []
    for number, source in enumerate(sources):
        run.check_stop()
        views.append(_load(run, source, config, preprocessing, np.random.default_rng((seed, number))))
    return views


def load_labelled_view(
    run: RunContext, item: ItemRecord, config: TrainConfig, preprocessing: Preprocessing = "flat"
) -> LabelledView:
    """Read the first image of an item that training can use; see `load_labelled_views`."""
    return _load(run, _sources(item, config)[0], config, preprocessing, np.random.default_rng(0))


def _load(
    run: RunContext,
    source: _Source,
    config: TrainConfig,
    preprocessing: Preprocessing,
    generator: np.random.Generator,
) -> LabelledView:
    item = source.item
    image = read_image(run.input_path(item, source.role))
    eight_bit = to_uint8(image)
    view = network_view(
        image,
        config.image_size_px,
        item.files[source.role].modality,
        is_square=True,
        preprocessing=preprocessing,
    )
    given = "field_of_view" in item.files and source.role != "moving"
    field = read_mask(run.input_path(item, "field_of_view")) if given else field_of_view(eight_bit)
    check_same_size(item, "field of view", field, image)
    mask: BoolImage | None = None
    if item.has(source.mask_role):
        mask = read_mask(run.input_path(item, source.mask_role))
        check_same_size(item, "vessel mask", mask, image)
    is_drawn = config.bifurcations == "vesselness" or (mask is None and config.bifurcations != "points")
    found = apply_homography(view.view_from_native, _native_points(run, source, config, image, mask, field))
    points_xy = found[lies_in_field(view.field, found)]
    if len(points_xy) == 0:
        raise PreconditionError(
            "The vessel mask of {item} has no bifurcation.",
            remedy="Check that vessels are non-zero in the mask.",
            item=item.id,
        )
    vessels = vessels_of_view(view) if mask is None else mask_on_view(mask, view)
    looks: tuple[LookView, ...] = ()
    if mask is not None and config.modality_probability > 0:
        looks = looks_of(Eye(eight_bit, mask, field, view, points_xy), config, generator)
    weight = config.vesselness_weight if is_drawn else 1.0
    return LabelledView(source.name, view, points_xy, vessels, looks, weight)


def _native_points(
    run: RunContext,
    source: _Source,
    config: TrainConfig,
    image: npt.NDArray[Any],
    mask: BoolImage | None,
    field: BoolImage,
) -> FloatArray:
    """Return bifurcations in native pixels from where the settings say, (N, 2)."""
    drawn = np.zeros((0, 2))
    if config.bifurcations in ("points", "mask_and_points"):
        drawn = drawn_points(run, source.item, source.role)
    if config.bifurcations == "points":
        return drawn
    if config.bifurcations == "vesselness" or mask is None:
        return bifurcations_of_image(to_uint8(image))
    found = find_bifurcations(mask, erode_field_of_view(field)).points_xy
    if len(drawn) and len(found):
        # A person's point stands for the computed one beside it.
        gap, _ = cKDTree(drawn).query(found)
        found = found[gap > _SAME_POINT_SHARE * max(image.shape[:2])]
    return np.concatenate([drawn, found])


def drawn_points(run: RunContext, item: ItemRecord, role: str) -> FloatArray:
    """Return a person's keypoints on the fixed or moving image, native pixels, (N, 2)."""
    record = item.annotations.get(AnnotationKind.KEYPOINT_PAIRS)
    if record is None or role not in ("fixed", "moving"):
        return np.zeros((0, 2))
    _, fixed_xy, moving_xy = read_keypoint_pairs(run.folder.file_path(record.path))
    return fixed_xy if role == "fixed" else moving_xy


def vessels_of_view(view: NetworkView) -> BoolImage:
    """Threshold a view's lines with hysteresis: a vessel mask where none is given, (H, W)."""
    if not view.field.any():
        return np.zeros_like(view.field)
    low, high = np.percentile(view.vesselness[view.field], _LINE_PERCENTILES)
    inner = np.where(view.field, view.vesselness, 0.0)
    return np.asarray(apply_hysteresis_threshold(inner, max(low, 0.05), max(high, 0.05)), dtype=bool)


def mask_on_view(mask: BoolImage, view: NetworkView) -> BoolImage:
    """Bring a mask in native pixels onto a view's grid, inside its field of view."""
    sampled = sample_through(mask.astype(np.float32), invert(view.view_from_native), view.size)
    return np.asarray(sampled > 0.3) & view.field


def check_same_size(item: ItemRecord, name: str, mask: npt.NDArray[Any], image: npt.NDArray[Any]) -> None:
    """Refuse a mask that was not drawn on its image.

    Raises
    ------
    GeometryError
        With both sizes.
    """
    if mask.shape != image.shape[:2]:
        raise GeometryError(
            "The {name} of {item} has {mask_size} pixels and its image {image_size}.",
            remedy="Give a mask drawn on this image.",
            name=name,
            item=item.id,
            mask_size="{}x{}".format(*mask.shape[::-1]),
            image_size="{}x{}".format(*image.shape[1::-1]),
        )


def lies_in_field(field: npt.NDArray[Any], points_xy: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell which points lie inside a field of view and a few pixels from the canvas, (N,)."""
    size = (field.shape[1], field.shape[0])
    result = inside(points_xy, size, _BORDER_PX)
    columns, rows = np.rint(points_xy[result]).astype(np.int64).T
    result[result] = field[rows, columns] > 0
    return result
