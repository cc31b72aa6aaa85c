"""Linked panes, driven by mouse and wheel; they need no OpenGL."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engines.contract.messages import Message
from engines.imaging.comparison import Change, ResidualVectors
from engines.imaging.screen_picture import picture_of
from workstation.viewers.compare_pane import ImagePane
from workstation.viewers.compare_view import CompareView
from workstation.views.protocols.compare import PaneContent, PanePoint, SourceRow
from workstation.views.protocols.overlay_modes import Mode

SOURCES = [SourceRow(key, Message(key)) for key in ("fixed", "run:1", "pairs")]
DARK, BRIGHT, GREEN = (
    picture_of(np.full((240, 300, 3), colour, np.uint8)) for colour in (30, 200, (0, 255, 0))
)
VECTORS = ResidualVectors(np.array([[50.0, 60.0]]), np.array([[52.0, 60.0]]), np.array([2.0]))


@pytest.fixture
def view(qtbot) -> Iterator[CompareView]:
    made = CompareView()
    qtbot.addWidget(made)
    made.resize(900, 420)
    made.show()
    QTest.qWaitForWindowExposed(made)
    made.show_sources(SOURCES, ["fixed", "run:1"], "fixed")
    made.show_frame(DARK, (300, 240), 0.01)
    made.show_pane(0, PaneContent("fixed", DARK, is_reference=True))
    point = PanePoint("7", (150.0, 120.0), 0)
    made.show_pane(1, PaneContent("run:1", BRIGHT, GREEN, (point,), VECTORS, {Change.KEPT: 1.0}))
    QTest.qWait(10)
    yield made
    made.shut()


def colour(pane: ImagePane, xy: tuple[float, float]) -> tuple[int, ...]:
    at = pane.to_screen(xy).toPoint()
    return pane.grab().toImage().pixelColor(at).getRgb()[:3]


def wheel(pane: ImagePane, at: QPoint, modifier: Qt.KeyboardModifier) -> None:
    event = QWheelEvent(
        QPointF(at),
        QPointF(pane.mapToGlobal(at)),
        QPoint(0, 120),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(pane, event)


def drag(pane: ImagePane, start: QPoint, end: QPoint, button: Qt.MouseButton) -> None:
    QTest.mousePress(pane, button, Qt.KeyboardModifier.NoModifier, start)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(end),
        QPointF(pane.mapToGlobal(end)),
        Qt.MouseButton.NoButton,
        button,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(pane, event)
    QTest.mouseRelease(pane, button, Qt.KeyboardModifier.NoModifier, end)


def test_zoom_and_pan_go_to_every_pane(view: CompareView) -> None:
    first, second = view.panes
    place = QPoint(100, 90)
    under = first.camera.to_image(QPointF(place), first.size())
    wheel(first, place, Qt.KeyboardModifier.NoModifier)
    assert second.camera == first.camera
    assert first.camera.to_image(QPointF(place), first.size()) == pytest.approx(under)
    before = first.camera.centre_xy
    drag(second, QPoint(100, 100), QPoint(130, 100), Qt.MouseButton.LeftButton)
    assert first.camera == second.camera
    assert first.camera.centre_xy[0] == pytest.approx(before[0] - 30 / first.camera.zoom)


def test_cursor_shows_in_the_other_panes(view: CompareView) -> None:
    first, second = view.panes
    place = QPointF(60, 60)
    none = Qt.MouseButton.NoButton
    event = QMouseEvent(QEvent.Type.MouseMove, place, place, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(first, event)
    assert second._cursor_xy == pytest.approx(first.camera.to_image(QPointF(60, 60), first.size()))
    assert first._cursor_xy is None


def test_each_mode_shows_what_it_says(view: CompareView) -> None:
    _, pane = view.panes
    left, right = (20.0, 20.0), (280.0, 20.0)
    expected = {
        Mode.TILES: (200, 200),
        Mode.WARPED: (30, 30),
        Mode.CURTAIN: (30, 200),
        Mode.FLICKER: (200, 200),
        Mode.VECTORS: (200, 200),
    }
    for mode, (at_left, at_right) in expected.items():
        view.show_mode(mode)
        assert (colour(pane, left)[0], colour(pane, right)[0]) == (at_left, at_right), mode
    for mode in (Mode.BLEND, Mode.DIFFERENCE):
        view.show_mode(mode)
        assert colour(pane, left) == (0, 255, 0), mode
    view.show_mode(Mode.CURTAIN)
    assert colour(view.panes[0], right)[0] == 30, "the reference itself is never covered"


def test_flicker_runs_and_ends_with_its_mode(view: CompareView, qtbot) -> None:
    view.show_mode(Mode.FLICKER)
    pane = view.panes[1]
    qtbot.waitUntil(lambda: colour(pane, (20.0, 20.0))[0] == 30, timeout=2000)
    view.show_mode(Mode.TILES)
    assert not view._clock.isActive()
    assert colour(pane, (20.0, 20.0))[0] == 200


def test_curtain_is_dragged_in_every_pane_at_once(view: CompareView) -> None:
    view.show_mode(Mode.CURTAIN)
    first, second = view.panes
    camera = second.camera
    edge = QPoint(second.width() // 2, 40)
    drag(second, edge, QPoint(second.width() // 4, 40), Qt.MouseButton.LeftButton)
    assert view.settings.share == pytest.approx(0.25, abs=0.01)
    assert first.painter.settings == view.settings
    assert second.camera == camera, "the picture stays"


def test_wheel_with_control_turns_the_mode(view: CompareView) -> None:
    view.show_mode(Mode.CHECKERBOARD)
    tile = view.settings.tile_px
    wheel(view.panes[1], QPoint(50, 50), Qt.KeyboardModifier.ControlModifier)
    assert view.settings.tile_px > tile


def test_window_and_level_are_shared_while_they_are_linked(view: CompareView) -> None:
    first, second = view.panes
    drag(first, QPoint(100, 100), QPoint(40, 120), Qt.MouseButton.RightButton)
    assert first.painter.window is not None
    assert second.painter.window == first.painter.window
    view.set_window_linked(False)
    drag(first, QPoint(100, 100), QPoint(60, 100), Qt.MouseButton.RightButton)
    assert second.painter.window != first.painter.window
    view.reset_window()
    assert first.painter.window is None


def test_points_are_drawn_unless_they_are_hidden(view: CompareView) -> None:
    pane = view.panes[1]
    at = (150.0 + 4 / pane.camera.zoom, 120.0)
    assert colour(pane, at) != (200, 200, 200)
    view.show_points(False)
    assert colour(pane, at) == (200, 200, 200)


def test_panes_come_and_go_and_say_what_they_show(view: CompareView) -> None:
    chosen = []
    view.sourceChosen.connect(lambda *what: chosen.append(what))
    view.show_sources(SOURCES, ["fixed", "run:1", "pairs"], "fixed")
    assert [frame.box.currentData() for frame in view.frames] == ["fixed", "run:1", "pairs"]
    box = view.frames[2].box
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Up)
    assert chosen == [(2, "run:1")]
    removed = []
    view.paneRemoved.connect(removed.append)
    view.frames[1].close_button.click()
    assert removed == [1]
    view.show_sources(SOURCES, ["fixed", "pairs"], "fixed")
    assert len(view.panes) == 2
    assert not view.frames[0].close_button.isVisible()


def test_problem_takes_the_place_of_the_picture(view: CompareView) -> None:
    view.show_pane(1, PaneContent("run:1", problem=Message("This run found no transform for the item.")))
    assert view.frames[1].problem.isVisible()
    assert not view.panes[1].isVisible()


def test_shown_pane_tells_region_and_edge(view: CompareView) -> None:
    view.show_mode(Mode.CURTAIN)
    shown = view.shown_panes()[1]
    assert shown.region[0] < 0
    assert shown.region[2] > 299
    assert shown.edge == pytest.approx(149.5, abs=1)
