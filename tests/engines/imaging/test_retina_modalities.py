"""Another look, the same place: polarity, field, seed, and no shift of a vessel."""

from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.opencv import cv2
from engines.imaging.retina_modalities import BRIGHT, LOOKS, SCANNED, Look, synthesise

SIDE = 160


def _photograph() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    vessels = np.zeros((SIDE, SIDE), np.uint8)
    for number in range(5):
        cv2.line(vessels, (20 + 28 * number, 15), (40 + 20 * number, 145), 255, 3)
    cv2.line(vessels, (15, 80), (145, 95), 255, 4)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    field = np.hypot(columns - 79.5, rows - 79.5) < 76
    mask = (vessels > 0) & field
    noise = np.random.default_rng(0).normal(0, 3, (SIDE, SIDE))
    green = 130 - 50 * cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8) + noise
    image = np.dstack([green + 60, green, 0.5 * green]) * field[..., None]
    return image.clip(0, 255).astype(np.uint8), mask, field


@pytest.mark.parametrize("look", LOOKS)
def test_vessels_have_their_polarity_and_do_not_move(look: Look) -> None:
    image, vessels, field = _photograph()
    for seed in range(3):
        made = synthesise(image, vessels, field, look, np.random.default_rng(seed))
        assert made.image.shape == vessels.shape
        assert not made.image[~made.field].any()
        assert not made.field[~field].any()
        inner = cv2.erode(made.field.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        far = cv2.dilate(vessels.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
        local = made.image.astype(np.float32) - cv2.GaussianBlur(made.image.astype(np.float32), (0, 0), 8)
        contrast = local[vessels & inner].mean() - local[far & inner].mean()
        assert (contrast > 0) == (look in BRIGHT), (look, seed, contrast)
        # Moved by any few pixels, the vessels would lie on weaker contrast.
        signed = contrast if look in BRIGHT else -contrast
        for shift in ((6, 0), (-6, 0), (0, 6), (0, -6)):
            moved = np.roll(vessels, shift, axis=(0, 1)) & inner
            beside = abs(local[moved].mean() - local[far & inner].mean())
            assert signed > beside, (look, seed, shift)


def test_the_seed_decides() -> None:
    image, vessels, field = _photograph()
    first, again, other = (
        synthesise(image, vessels, field, "fa_late", np.random.default_rng(seed)).image for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_scanned_images_fill_their_canvas() -> None:
    image, vessels, field = _photograph()
    for look in SCANNED:
        made = synthesise(image, vessels, np.ones_like(field), look, np.random.default_rng(0))
        assert made.field.all()
        assert made.modality in ("OCT", "OCTA")
