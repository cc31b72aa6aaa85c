"""Guessing a modality."""

from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.modality import guess_modality


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("p07_CF.png", "CF"),
        ("/data/OCT/eye-12-ffa-late.tif", "FA"),
        ("左眼 octa 3x3.png", "OCTA"),
        ("oct_enface.png", "OCT"),
        ("Red-Free 4.jpg", "RF"),
        ("FA_registered_to_CF.png", None),
        ("facade_cffx.png", None),
        ("", None),
    ],
)
def test_name_counts_by_whole_words_of_the_file(name: str, modality: str | None) -> None:
    assert guess_modality(None, name) == modality


def test_look_tells_when_the_name_does_not(vessel_tree: tuple) -> None:
    colour = vessel_tree[0]
    green = colour[:, :, 1]
    field = green > 0
    assert guess_modality(colour, "1.png") == "CF"
    assert guess_modality(green) == "RF"
    assert guess_modality(np.dstack([green] * 3)) == "RF"
    assert guess_modality(np.where(field, 220 - green, 0).astype(np.uint8)) == "FA"
    assert guess_modality(colour, "eye_fa.png") == "FA"


def test_unsure_is_none() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    assert guess_modality(noise) is None
    assert guess_modality(np.zeros((100, 100), np.uint8)) is None


def test_public_pairs(landmark_pairs: dict) -> None:
    colour = {"32", "34", "43", "73", "80", "86", "89", "91", "101", "104"}
    for name, pair in landmark_pairs.items():
        assert (guess_modality(pair.moving) == "CF") == (name in colour)
        assert guess_modality(pair.fixed) == ("RF" if name in {"55", "80", "101", "104"} else "FA")
