from __future__ import annotations

import io
import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.imaging.images import read_image, to_uint8
from engines.imaging.opencv import cv2
from engines.imaging.perceptual_hash import SAME_LOOK_BITS, distance_bits, perceptual_hash, similar_pairs


def fundus(seed: int, side: int = 400) -> np.ndarray:
    """A bright disc with dark lines of random course; the disc is the same for every seed."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    disc = np.hypot(rows - side / 2, columns - side / 2) < side * 0.47
    image = np.where(disc, 140.0, 0.0).astype(np.float32)
    for _ in range(14):
        course = np.cumsum(rng.normal(0, 0.25, (40, 2)), axis=0).cumsum(axis=0) * side / 120
        points = (course + rng.uniform(0.2, 0.8, 2) * side).astype(np.int32)
        cv2.polylines(image, [points.reshape(-1, 1, 2)], False, 70.0, int(rng.integers(2, 6)))
    image = cv2.GaussianBlur(image, (0, 0), 1.2) * disc
    return np.dstack([image, image * 0.6, image * 0.3]).clip(0, 255).astype(np.uint8)


def hash_of(image: np.ndarray) -> str:
    found = perceptual_hash(image)
    assert found is not None
    assert len(found) == 64
    return found


def encoded(image: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(io.BytesIO(stream.getvalue())))


@pytest.mark.parametrize(
    "change",
    [
        lambda image: encoded(image, 40),
        lambda image: cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
        lambda image: np.asarray(Image.fromarray(image).convert("L")),
        lambda image: image.astype(np.uint16) * 16,
    ],
    ids=["jpeg", "smaller", "grey", "12 bits"],
)
def test_a_copy_keeps_its_look(change) -> None:
    image = fundus(1)
    assert distance_bits(hash_of(image), hash_of(change(image))) <= SAME_LOOK_BITS * 0.7


def test_different_eyes_differ_although_their_discs_are_equal() -> None:
    hashes = [hash_of(fundus(seed)) for seed in range(8)]
    nearest = min(distance_bits(a, b) for a, b in itertools.combinations(hashes, 2))
    assert nearest > 1.5 * SAME_LOOK_BITS


@pytest.mark.parametrize("value", [0, 255])
def test_an_empty_frame_has_no_look(value: int) -> None:
    assert perceptual_hash(np.full((64, 64), value, np.uint8)) is None


def test_similar_pairs_are_found_across_blocks_and_only_for_new_ones() -> None:
    rng = np.random.default_rng(0)
    hashes = [rng.bytes(32).hex() for _ in range(600)]
    near = bytearray(bytes.fromhex(hashes[3]))
    near[0] ^= 0b111
    hashes[590] = near.hex()
    hashes[2] = hashes[1]
    assert list(similar_pairs(hashes)) == [(1, 2, 0), (3, 590, 3)]
    assert list(similar_pairs(hashes, start=300)) == [(3, 590, 3)]
    assert list(similar_pairs([])) == []


def test_reference_images_keep_their_margin() -> None:
    root = os.environ.get("WORKSTATION_REFERENCE_DATA")
    if not root:
        pytest.skip("WORKSTATION_REFERENCE_DATA is not set")
    hashes = {}
    for path in sorted((Path(root) / "retina").rglob("*")):
        is_mask = path.parent.name in ("mask", "1st_manual")
        if path.suffix.lower() not in (".png", ".jpg", ".tif") or is_mask:
            continue
        image = to_uint8(read_image(path))
        hashes[path.stem] = hash_of(image)
        copy = encoded(cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), 60)
        assert distance_bits(hashes[path.stem], hash_of(copy)) <= SAME_LOOK_BITS * 0.75, path
    distances = {
        (a, b): distance_bits(hashes[a], hashes[b]) for a, b in itertools.combinations(sorted(hashes), 2)
    }
    assert distances.pop(("pair_fixed_32", "pair_fixed_34")) <= 4
    assert min(distances.values()) > 1.5 * SAME_LOOK_BITS
