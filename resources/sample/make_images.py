"""Make the images of the sample project from their sources: scale them down and compute vessel masks.

Run once when the sample changes; the results are part of the repository::

    WORKSTATION_REFERENCE_DATA=... python -m resources.sample.make_images

The vessel masks are computed by the line filter of `engines.imaging`, not drawn by a person.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from skimage.filters import apply_hysteresis_threshold

from engines.imaging.field_of_view import erode_field_of_view, field_of_view
from engines.imaging.images import channel_for_vessels, read_image
from engines.imaging.vessels.bifurcations import find_bifurcations
from engines.imaging.vessels.skeleton import drop_small_components
from engines.imaging.vessels.vesselness import flatten_field, line_maps

LONG_SIDE_PX = 720
JPEG_QUALITY = 88
SMALLEST_VESSEL_PX = 120
LOW_PERCENTILE, HIGH_PERCENTILE = 86.0, 94.0

SOURCES = {
    "colour_fundus.jpg": "retina/skimage_retina_cf.jpg",
    "visit_1.jpg": "retina/eyeliner_cf_pair/image_0.jpg",
    "visit_2.jpg": "retina/eyeliner_cf_pair/image_1.jpg",
    "angiogram.png": "retina/fa_octa/fa.png",
    "octa.png": "retina/fa_octa/octa_6x6mm.png",
    "octa_3mm.png": "retina/fa_octa/octa_3x3mm.png",
}
LANDMARK_IMAGE, NUM_LANDMARKS = "colour_fundus.jpg", 10
MASKS = {"visit_1.jpg": "dark", "visit_2.jpg": "dark", "angiogram.png": "bright"}


def main() -> None:
    """Write every image and mask beside this file."""
    reference = Path(os.environ["WORKSTATION_REFERENCE_DATA"])
    folder = Path(__file__).parent
    for name, source in SOURCES.items():
        image = scaled(read_image(reference / source))
        write(folder / name, image)
        if name in MASKS:
            mask = vessel_mask(image, is_dark=MASKS[name] == "dark")
            write(folder / f"{Path(name).stem}_vessels.png", mask.astype(np.uint8) * 255)
    write_landmarks(folder / "landmarks.csv", read_image(folder / LANDMARK_IMAGE))


def write_landmarks(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write bifurcations that lie far apart as ``point, x, y``, 0-based pixel centres."""
    inside = erode_field_of_view(field_of_view(image))
    points = find_bifurcations(vessel_mask(image, is_dark=True), inside).points_xy
    chosen = [0]
    while len(chosen) < NUM_LANDMARKS:
        distances = np.linalg.norm(points[:, None] - points[None, chosen], axis=2).min(axis=1)
        chosen.append(int(distances.argmax()))
    lines = ["point,x,y", *(f"{n},{x:.2f},{y:.2f}" for n, (x, y) in enumerate(points[chosen], start=1))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def scaled(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an image with a long side of at most `LONG_SIDE_PX`."""
    factor = LONG_SIDE_PX / max(image.shape[:2])
    if factor >= 1:
        return image
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def vessel_mask(image: npt.NDArray[np.uint8], *, is_dark: bool) -> npt.NDArray[np.bool_]:
    """Threshold the line response with hysteresis inside the field of view, (H, W)."""
    inside = erode_field_of_view(field_of_view(image))
    lines = line_maps(flatten_field(channel_for_vessels(image), inside))[0 if is_dark else 1]
    low, high = np.percentile(lines.response[inside], [LOW_PERCENTILE, HIGH_PERCENTILE])
    found = apply_hysteresis_threshold(np.where(inside, lines.response, 0.0), low, high)
    return drop_small_components(found, SMALLEST_VESSEL_PX)


def write(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write as PNG or JPEG, whichever the name says; one channel where all are the same."""
    is_grey = image.ndim == 3 and (image == image[:, :, :1]).all()
    ordered = image[:, :, 0] if is_grey else image[:, :, ::-1] if image.ndim == 3 else image
    options = (
        [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        if path.suffix == ".jpg"
        else [cv2.IMWRITE_PNG_COMPRESSION, 9]
    )
    _encoded, content = cv2.imencode(path.suffix, np.ascontiguousarray(ordered), options)
    path.write_bytes(content.tobytes())


if __name__ == "__main__":
    main()
