"""What a frame of each mode shows, pixel by pixel; no canvas and no window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QImage, QPainter

from engines.imaging.screen_picture import picture_of
from workstation.viewers.image_overlay import turned
from workstation.viewers.mode_painter import Camera, ModePainter
from workstation.views.protocols.overlay_modes import Mode, ModeSettings

SIZE = QSize(200, 100)
CAMERA = Camera((99.5, 49.5), 1.0)
DARK, BRIGHT = (picture_of(np.full((100, 200), value, np.uint8)) for value in (40, 220))


@pytest.fixture
def painter(qapp) -> ModePainter:
    made = ModePainter()
    made.set_base(DARK)
    made.set_over(BRIGHT)
    return made


def painted(painter: ModePainter, camera: Camera = CAMERA) -> np.ndarray:
    image = QImage(SIZE, QImage.Format.Format_RGB32)
    with QPainter(image) as drawing:
        painter.paint(drawing, SIZE, 1.0, camera)
    return np.frombuffer(image.constBits(), np.uint8).reshape(100, 200, 4)[:, :, 0].copy()


def test_tiles_and_vectors_show_the_base(painter: ModePainter) -> None:
    for mode in (Mode.TILES, Mode.VECTORS):
        painter.mode = mode
        assert set(painted(painter).ravel()) == {40}


def test_curtain_shows_the_upper_picture_beyond_its_edge(painter: ModePainter) -> None:
    painter.mode = Mode.CURTAIN
    painter.settings = ModeSettings(share=0.25)
    frame = painted(painter)
    assert (frame[5, 5], frame[5, 120]) == (40, 220)
    assert painter.hits_edge(QPointF(52, 90), SIZE)
    assert not painter.hits_edge(QPointF(90, 90), SIZE)
    painter.move_edge(QPointF(150, 0), SIZE)
    assert painter.settings.share == pytest.approx(0.75)
    assert painted(painter)[5, 120] == 40
    painter.settings = replace(painter.settings, share=0.5, is_vertical=False)
    frame = painted(painter)
    assert (frame[10, 5], frame[90, 5]) == (40, 220)


def test_checkerboard_lies_fast_on_the_image(painter: ModePainter) -> None:
    painter.mode = Mode.CHECKERBOARD
    painter.settings = ModeSettings(tile_px=20)
    frame = painted(painter)
    assert [frame[10, x] for x in (10, 30, 50)] == [40, 220, 40]
    assert [frame[30, x] for x in (10, 30, 50)] == [220, 40, 220]
    moved = painted(painter, Camera((109.5, 49.5), 1.0))
    assert moved[10, 5] == frame[10, 15]
    assert moved[10, 15] == frame[10, 25]


def test_tiles_never_become_too_small_to_be_seen(painter: ModePainter) -> None:
    painter.settings = ModeSettings(tile_px=8)
    assert painter.shown_tile_px(0.1) == pytest.approx(120)
    assert painter.shown_tile_px(10.0) == 8


def test_flicker_alternates(painter: ModePainter) -> None:
    painter.mode = Mode.FLICKER
    assert painted(painter)[0, 0] == 220
    painter.is_second_shown = False
    assert painted(painter)[0, 0] == 40


def test_pixel_centres_are_whole_numbers(painter: ModePainter) -> None:
    image = np.zeros((100, 200), np.uint8)
    image[30, 60] = 255
    painter.set_base(picture_of(image))
    frame = painted(painter, Camera((60.0, 30.0), 10.0))
    rows, columns = np.nonzero(frame > 128)
    assert rows.mean() == pytest.approx(49.5, abs=0.6)
    assert columns.mean() == pytest.approx(99.5, abs=0.6)


def test_coarse_picture_fills_the_same_frame(painter: ModePainter) -> None:
    image = np.zeros((50, 100), np.uint8)
    image[:, 50:] = 200
    painter.set_base(picture_of(image, (200, 100)))
    frame = painted(painter)
    assert (frame[50, 90], frame[50, 110]) == (0, 200)


def test_window_maps_grey_values_without_a_new_picture(painter: ModePainter) -> None:
    painter.window = (20.0, 60.0)
    assert painted(painter)[0, 0] in (127, 128)


def test_a_frame_reuses_the_scaled_pictures(painter: ModePainter) -> None:
    painter.mode = Mode.CURTAIN
    painted(painter)
    base = painter._base
    assert base is not None
    before = base._scaled.cacheKey()
    painter.settings = ModeSettings(share=0.9)
    painted(painter)
    assert base._scaled.cacheKey() == before
    painted(painter, Camera((99.5, 49.5), 2.0))
    assert base._scaled.cacheKey() != before


def test_turning_stays_within_limits() -> None:
    settings = ModeSettings()
    for _ in range(50):
        settings = turned(Mode.FLICKER, settings, 1)
        settings = turned(Mode.CURTAIN, settings, -1)
        settings = turned(Mode.VECTORS, settings, 1)
    assert settings.flicker_hz == 4.0
    assert settings.share == 0.0
    assert settings.magnification == 100
    assert turned(Mode.BLEND, settings, 1) == settings
