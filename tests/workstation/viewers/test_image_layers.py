"""The layers of a canvas: what is shown where, and nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engines.imaging.pyramid import ImagePyramid, open_pyramid
from workstation.viewers.canvas import ImageCanvas


@pytest.fixture(scope="module")
def shared_canvas(qapp) -> Iterator[ImageCanvas]:
    made = ImageCanvas()
    made.resize(500, 400)
    made.show()
    QTest.qWaitForWindowExposed(made)
    yield made
    made.shut()
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()


@pytest.fixture
def canvas(shared_canvas: ImageCanvas, qtbot) -> ImageCanvas:
    shared_canvas.show_image(None)
    return shared_canvas


def bright_place(canvas: ImageCanvas) -> tuple[float, float]:
    """Return the middle of what is bright on the screen, in screen px."""
    QApplication.processEvents()
    shot = canvas.viewer.screenshot(flash=False)[..., :3].max(axis=2)
    rows, columns = np.nonzero(shot > 128)
    ratio = shot.shape[1] / canvas.native.width()
    return columns.mean() / ratio, rows.mean() / ratio


def with_block(shape: tuple[int, ...]) -> np.ndarray:
    image = np.zeros(shape, np.uint8)
    image[600:700, 1400:1500] = 255
    return image


@pytest.mark.parametrize("shape", [(1501, 2103), (1501, 2103, 3)])
def test_every_level_of_a_pyramid_lies_where_the_points_are(
    canvas: ImageCanvas, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(with_block(shape)).save(path)
    pyramid = open_pyramid(path, "abc", cache=tmp_path)
    canvas.show_image(pyramid)
    assert canvas.image_size == (2103, 1501)
    levels = set()
    for zoom in (canvas.zoom, 0.45, 0.9, 3.0):
        canvas.look_at((1449.5, 649.5), zoom)
        x, y = bright_place(canvas)
        levels.add(canvas.layers.shown.data_level)
        expected = canvas.canvas_from_image((1449.5, 649.5))
        assert x == pytest.approx(expected.x(), abs=1.2)
        assert y == pytest.approx(expected.y(), abs=1.2)
    assert len(levels) > 1


def test_a_first_look_fills_the_place_of_the_whole_image(canvas: ImageCanvas) -> None:
    small = with_block((1500, 2100))[::10, ::10]
    canvas.show_image(ImagePyramid((1500, 2100), (small,)))
    assert canvas.image_size == (2100, 1500)
    canvas.look_at((1449.5, 649.5), 1.0)
    x, y = bright_place(canvas)
    expected = canvas.canvas_from_image((1449.5, 649.5))
    assert (x, y) == pytest.approx((expected.x(), expected.y()), abs=1.2)


def test_a_mapped_pyramid_shows_other_values(canvas: ImageCanvas) -> None:
    image = with_block((1500, 2100, 3))
    pyramid = ImagePyramid(image.shape, (image, image[::2, ::2], image[::4, ::4]))
    canvas.show_image(pyramid.mapped(lambda pixels: 255 - pixels[..., 1], is_grey=True))
    canvas.look_at((1449.5, 649.5), 1.0)
    QApplication.processEvents()
    shot = canvas.viewer.screenshot(flash=False)[..., 0]
    middle = shot[shot.shape[0] // 2, shot.shape[1] // 2]
    assert middle < 40
    assert np.median(shot) > 200


def test_layers_are_reused_and_what_is_not_shown_is_let_go(canvas: ImageCanvas) -> None:
    rng = np.random.default_rng(0)
    grey, colour = rng.integers(0, 255, (90, 120), np.uint8), rng.integers(0, 255, (80, 70, 3), np.uint8)
    for _ in range(3):
        canvas.show_image(grey)
        canvas.show_image(colour)
    names = [layer.name for layer in canvas.model.layers]
    assert names.count("grey") == names.count("colour") == 1
    assert canvas.layers.shown.name == "colour"
    canvas.show_image(None)
    assert canvas.image_size is None
    assert not any(layer.visible for layer in canvas.model.layers)
    assert all(np.asarray(layer.data).size < 100 for layer in canvas.model.layers)


def test_window_reaches_beyond_the_values_of_the_image(canvas: ImageCanvas) -> None:
    canvas.show_image(np.full((60, 60), 100, np.uint8))
    canvas.set_window((-500.0, 700.0))
    assert tuple(canvas.layers.shown.contrast_limits) == (-500.0, 700.0)
    QApplication.processEvents()
    shot = canvas.viewer.screenshot(flash=False)[..., 0]
    assert int(shot[shot.shape[0] // 2, shot.shape[1] // 2]) == pytest.approx(127, abs=3)


def test_vessels_lie_above_the_image_and_go_with_it(canvas: ImageCanvas) -> None:
    canvas.show_image(np.zeros((60, 60), np.uint8))
    strength = np.zeros((30, 30), np.float32)
    strength[14:17, 14:17] = 1.0
    canvas.show_vessels(strength, colour="#35d0ff", opacity=1.0)
    canvas.show_image(np.zeros((60, 60, 3), np.uint8), keep_view=True)
    assert canvas.model.layers[-1] is canvas.layers.vessels
    QApplication.processEvents()
    shot = canvas.viewer.screenshot(flash=False)
    at = shot[shot.shape[0] // 2 + 2, shot.shape[1] // 2 + 2]
    assert at[2] > 200
    assert at[0] < 90
    canvas.show_image(np.zeros((50, 60), np.uint8))
    assert not canvas.layers.vessels.visible
