"""Show an eye in every look that training gives it, and some pairs as they are drawn. No torch here."""

from __future__ import annotations

import numpy as np

from engines.contract.geometry import apply_homography
from engines.contract.training_preview import PreviewRequest, TrainingPicture
from engines.imaging.field_of_view import erode_field_of_view, field_of_view
from engines.imaging.images import read_image, read_mask, to_uint8
from engines.imaging.retina_modalities import LOOKS, Look
from engines.imaging.vessels.bifurcations import find_bifurcations
from engines.imaging.vessels.image_bifurcations import bifurcations_of_image
from engines.registration.config import TrainConfig
from engines.registration.data import warp_range, warped_pair
from engines.registration.inference.network_view import network_view
from engines.registration.training.appearance import Eye, LookView, look_of
from engines.registration.training.images import LabelledView, lies_in_field
from engines.registration.training.pictures import draw_keypoints, grey_picture, side_by_side
from engines.registration.training.recipes import with_recipe

_NUM_PAIRS = 4
_TITLES: dict[Look, str] = {
    "fa_early": "Angiogram, early",
    "fa_late": "Angiogram, late",
    "red_free": "Red-free",
    "oct": "OCT",
    "octa": "OCTA",
}


def draw(request: PreviewRequest) -> tuple[TrainingPicture, ...]:
    """Return pictures of one eye; none without an image and its vessel mask of the same size.

    Bifurcations may come from lines found in the image instead; looks of other modalities need a mask.
    """
    assert isinstance(request.config, TrainConfig)
    config, _ = with_recipe(request.config)
    role = next((name for name in ("fixed", "image") if name in request.files), None)
    has_lines = config.bifurcations == "vesselness"
    if role is None or ("vessel_mask" not in request.files and not has_lines):
        return ()
    image = to_uint8(read_image(request.files[role]))
    mask = read_mask(request.files["vessel_mask"]) if "vessel_mask" in request.files else None
    if mask is not None and mask.shape != image.shape[:2]:
        return ()
    field = field_of_view(image)
    view = network_view(image, config.image_size_px, request.modalities.get(role), is_square=True)
    if has_lines or mask is None:
        found = bifurcations_of_image(image)
    else:
        found = find_bifurcations(mask, erode_field_of_view(field)).points_xy
    points_xy = apply_homography(view.view_from_native, found)
    points_xy = points_xy[lies_in_field(view.field, points_xy)]
    generator = np.random.default_rng(request.seed)
    looks: tuple[LookView, ...] = ()
    if mask is not None:
        eye = Eye(image, mask, field, view, points_xy)
        looks = tuple(look_of(eye, look, config, generator) for look in LOOKS)
    own = grey_picture(view.intensity, view.vesselness)
    learned = draw_keypoints(own, points_xy[:0], points_xy.astype(np.float32))
    pictures = [TrainingPicture("Bifurcations to learn", learned)]
    pictures += [
        TrainingPicture(_TITLES[look], grey_picture(made.view.intensity, made.view.vesselness))
        for look, made in zip(LOOKS, looks, strict=False)
    ]
    labelled = LabelledView("eye", view, points_xy, view.field, looks)
    for number in range(_NUM_PAIRS):
        pair = warped_pair(labelled, config, warp_range(config), 1000 * request.seed + number)
        sides = [grey_picture(*pair.channels[side]) for side in (0, 1)]
        pictures.append(TrainingPicture("A training pair", side_by_side(sides)))
    return tuple(pictures)
