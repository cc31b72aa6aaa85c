"""What is painted above a canvas, seen in its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QWidget

from workstation.viewers.ghost_cursor import Ghost, radius_text
from workstation.viewers.point_overlay import Mark, PointOverlay
from workstation.viewers.scale_bar import Scale, length_text, round_length

SIZE = 300


@pytest.fixture
def pane(qtbot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(SIZE, SIZE)
    return made


@pytest.fixture
def overlay(pane: QWidget) -> PointOverlay:
    """An overlay in which a pixel of the image covers two of the screen."""
    made = PointOverlay(pane, lambda xy: QPointF(2 * xy[0], 2 * xy[1]), lambda: 2.0)
    made.resize(SIZE, SIZE)
    return made


def drawn(overlay: PointOverlay) -> np.ndarray:
    """Return where anything is drawn, (H, W) of bool."""
    picture = overlay.grab().toImage()
    pixels = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), -1)
    values = pixels.reshape(picture.height(), -1, 4)[:SIZE, :SIZE, :3].astype(int)
    return np.abs(values - values[0, SIZE - 1]).max(axis=2) > 40


def mark(state: str = "placed", xy: tuple[float, float] = (75.0, 75.0), **more: object) -> Mark:
    return Mark("a", "7", xy, state, "#56B4E9", **more)


def test_a_ghost_of_a_transform_has_its_circle_and_a_guess_has_none(overlay: PointOverlay) -> None:
    overlay.show_ghost(Ghost((75.0, 75.0), radius_px=30.0))
    with_circle = drawn(overlay)
    assert with_circle[150, 150 - 60]
    overlay.show_ghost(Ghost((75.0, 75.0), radius_px=30.0, is_guess=True))
    assert not drawn(overlay)[150, 150 - 60]
    overlay.show_ghost(None)
    assert not drawn(overlay).any()


def test_the_circle_keeps_a_smallest_size_on_the_screen(overlay: PointOverlay) -> None:
    overlay.show_ghost(Ghost((75.0, 75.0), radius_px=0.01))
    ring = drawn(overlay)[146:148, 140:162]
    assert ring.any()
    assert radius_text(0.01) == "± < 0.1 px"
    assert radius_text(2.34) == "± 2.3 px"


def test_snap_ring_has_the_radius_of_the_image(overlay: PointOverlay) -> None:
    overlay.show_snap((75.0, 75.0), 20.0, (80.0, 75.0))
    seen = drawn(overlay)
    rows, columns = np.nonzero(seen)
    assert columns.min() == pytest.approx(150 - 40, abs=2)
    assert rows.max() == pytest.approx(150 + 40, abs=2)
    assert seen[150 - 8 : 150 + 8, 160 - 8 : 160 + 8].any()
    overlay.show_snap(None)
    assert not drawn(overlay).any()


def test_a_selected_point_outside_is_pointed_at(overlay: PointOverlay) -> None:
    overlay.show_marks([mark(xy=(500.0, 75.0))], "")
    assert not drawn(overlay).any()
    overlay.show_marks([mark(xy=(500.0, 75.0))], "a")
    rows, columns = np.nonzero(drawn(overlay))
    assert columns.max() > SIZE - 20
    assert 120 < rows.mean() < 180


def test_names_can_be_left_out_but_for_the_selected_one(overlay: PointOverlay) -> None:
    overlay.show_marks([mark()], "")
    named = drawn(overlay).sum()
    overlay.show_names(False)
    unnamed = drawn(overlay).sum()
    assert unnamed < named
    overlay.show_marks([mark()], "a")
    assert drawn(overlay)[:, 165:].any()


def test_a_derived_point_cannot_be_grabbed(overlay: PointOverlay) -> None:
    overlay.show_marks([mark()], "")
    assert overlay.hit(QPointF(150, 150)) == "a"
    overlay.show_marks([mark(is_derived=True)], "")
    assert overlay.hit(QPointF(150, 150)) == ""


def test_the_score_of_a_suggestion_stands_behind_its_number() -> None:
    assert mark("predicted", score=0.914).text == "7 0.91"
    assert mark("placed", score=0.914).text == "7"
    assert mark("half", is_derived=True).text == "7?"


@pytest.mark.parametrize(
    ("longest", "expected", "text"),
    [
        (0.73, 0.5, "500 µm"),
        (1.0, 1.0, "1 mm"),
        (2.4, 2.0, "2 mm"),
        (0.019, 0.01, "10 µm"),
        (9.9, 5.0, "5 mm"),
    ],
)
def test_scale_bars_have_round_lengths(longest: float, expected: float, text: str) -> None:
    assert round_length(longest) == pytest.approx(expected)
    assert length_text(round_length(longest)) == text


def test_the_scale_bar_is_as_long_as_it_says(overlay: PointOverlay) -> None:
    # 2 screen px are 0.05 mm: of at most 75 px, 1 mm is 40.
    overlay.show_scale(Scale(0.05))
    columns = np.nonzero(drawn(overlay)[280:288].any(axis=0))[0]
    assert columns.max() - columns.min() == pytest.approx(40, abs=6)
    solid = drawn(overlay).sum()
    overlay.show_scale(Scale(0.05, is_derived=True))
    assert drawn(overlay).sum() != solid
    overlay.show_scale(None)
    assert not drawn(overlay).any()
