from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.enhancement import (
    Enhancement,
    auto_window,
    dragged_window,
    enhance,
    full_window,
    vessel_map,
)


@pytest.fixture
def colour() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)


def test_nothing_to_do_gives_the_image_itself(colour: np.ndarray) -> None:
    assert enhance(colour, Enhancement()) is colour


@pytest.mark.parametrize("field", ["is_green", "has_local_contrast", "is_inverted"])
def test_the_data_stay_as_they_are(colour: np.ndarray, field: str) -> None:
    before = colour.copy()
    shown = enhance(colour, Enhancement(**{field: True}))
    assert not np.array_equal(shown, before)
    np.testing.assert_array_equal(colour, before)


def test_green_is_the_green_channel_and_inversion_turns_it_round(colour: np.ndarray) -> None:
    np.testing.assert_array_equal(enhance(colour, Enhancement(is_green=True)), colour[:, :, 1])
    inverted = enhance(colour, Enhancement(is_green=True, is_inverted=True))
    np.testing.assert_array_equal(inverted, 255 - colour[:, :, 1])


def test_inversion_of_ten_bits_stays_in_ten_bits() -> None:
    image = np.array([[0, 1000] * 20] * 40, dtype=np.uint16)
    assert full_window(image) == (0.0, 1023.0)
    inverted = enhance(image, Enhancement(is_inverted=True))
    assert (inverted.min(), inverted.max()) == (23, 1023)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_local_contrast_spreads_a_flat_image(dtype: type) -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(100, 110, (128, 128)).astype(dtype)
    shown = enhance(image, Enhancement(has_local_contrast=True))
    assert shown.dtype == dtype
    assert shown.std() > image.std()


def test_window_of_a_colour_image_is_in_its_pixels(colour: np.ndarray) -> None:
    shown = enhance(colour, Enhancement(window=(100.0, 200.0)))
    np.testing.assert_array_equal(shown[colour <= 100], 0)
    np.testing.assert_array_equal(shown[colour >= 200], 255)
    deep = enhance(colour.astype(np.uint16) * 257, Enhancement(window=(0.0, 65535.0)))
    np.testing.assert_array_equal(deep, colour)


def test_automatic_window_leaves_out_the_black_surround() -> None:
    image = np.zeros((200, 200), np.uint8)
    image[50:150, 50:150] = np.linspace(80, 120, 10_000).reshape(100, 100)
    low, high = auto_window(image)
    assert 79 <= low <= 82
    assert 118 <= high <= 121


def test_dragging_right_widens_and_down_darkens() -> None:
    full = (0.0, 255.0)
    wider = dragged_window((50.0, 150.0), 40, 0, full)
    darker = dragged_window((50.0, 150.0), 0, 40, full)
    assert wider[0] < 50
    assert wider[1] > 150
    assert darker[0] > 50
    assert darker[1] - darker[0] == pytest.approx(100)


def test_a_window_never_closes() -> None:
    low, high = dragged_window((100.0, 101.0), -10_000, 0, (0.0, 255.0))
    assert high > low


@pytest.mark.parametrize("is_bright", [True, False])
def test_vessel_map_shows_lines_of_either_polarity(is_bright: bool) -> None:
    # Some grain: what is quite flat counts as surround.
    image = np.random.default_rng(3).integers(110, 130, (400, 400), dtype=np.uint8)
    for left in range(38, 400, 40):
        image[:, left : left + 3] = 200 if is_bright else 40
    strength = vessel_map(image)
    assert strength.dtype == np.float32
    assert 0 <= strength.min() <= strength.max() <= 1
    columns = strength.mean(axis=0)
    at = np.round((np.array([199.0, 219.0]) + 0.5) * columns.size / 400 - 0.5).astype(int)
    assert columns[at[0]] > 0.8
    assert columns[at[1]] < 0.3
