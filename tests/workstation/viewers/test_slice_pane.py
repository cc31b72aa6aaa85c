from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from engines.contract.messages import Message
from engines.imaging.comparison import Change
from engines.imaging.screen_picture import picture_of
from workstation.viewers.mode_painter import Camera
from workstation.viewers.slice_compare_view import SliceCompareView
from workstation.viewers.slice_pane import SlicePane
from workstation.views.protocols.compare import SourceRow
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.volume_compare import SliceSet, VolumePaneContent

SIDE = 40


def slices(**of_content: object) -> SliceSet:
    first, second = (picture_of(np.full((SIDE, SIDE), value, np.uint8)) for value in (50, 200))
    composed = picture_of(np.full((SIDE, SIDE, 3), (255, 0, 0), np.uint8))
    contents = (
        VolumePaneContent("a", second, composed, **of_content),
        VolumePaneContent("b", first, is_reference=True),
    )
    return SliceSet(first, contents, (SIDE, SIDE), 0.8, ("R", "L", "A", "P"), "S 3.0 mm", 4, 9, (10.0, 12.0))


@pytest.fixture
def view(qtbot) -> SliceCompareView:
    made = SliceCompareView()
    qtbot.addWidget(made)
    made.resize(640, 320)
    made.show()
    made.show_sources([SourceRow(key, Message(key)) for key in "ab"], ("a", "b"), "b")
    return made


def pixel(pane: SlicePane, xy: tuple[float, float]) -> tuple[int, int, int]:
    at = pane.to_screen(xy).toPoint()
    colour = pane.grab().toImage().pixelColor(at)
    return colour.red(), colour.green(), colour.blue()


def wheel(pane: SlicePane, delta: int, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    at = QPointF(pane.rect().center())
    buttons, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(at, at, QPoint(0, 0), QPoint(0, delta), buttons, keys, phase, False)
    QApplication.sendEvent(pane, event)


def test_composed_pictures_of_volumes_cover_the_pane(view: SliceCompareView, qtbot) -> None:
    view.show_slices(slices(legend_mm=2.0))
    qtbot.waitUntil(lambda: view.panes[0].camera.zoom > 1.0)
    place = (30.0, 25.0)
    assert pixel(view.panes[0], place) == (200, 200, 200)
    view.show_mode(Mode.DISTANCE)
    assert pixel(view.panes[0], place) == (255, 0, 0)
    assert pixel(view.panes[1], place) == (50, 50, 50)
    view.show_mode(Mode.WARPED)
    assert pixel(view.panes[0], place) == (50, 50, 50)


def test_the_wheel_steps_by_whole_notches_and_zooms_with_control(view: SliceCompareView, qtbot) -> None:
    view.show_slices(slices())
    qtbot.waitUntil(lambda: view.panes[0].camera.zoom > 1.0)
    pane, steps = view.panes[0], []
    view.stepped.connect(steps.append)
    for delta in (120, -240, 40, 40, 40):
        wheel(pane, delta)
    assert steps == [1, -2, 1]
    zoom = pane.camera.zoom
    wheel(pane, 120, Qt.KeyboardModifier.ControlModifier)
    assert view.panes[1].camera.zoom > zoom
    assert steps == [1, -2, 1]


def test_a_click_places_the_crosshair_and_a_drag_does_not(view: SliceCompareView, qtbot) -> None:
    view.show_slices(slices())
    qtbot.waitUntil(lambda: view.panes[0].camera.zoom > 1.0)
    pane, placed = view.panes[0], []
    view.placed.connect(lambda x, y: placed.append((x, y)))
    pane.set_camera(Camera((20.0, 20.0), 6.0))
    qtbot.mouseClick(pane, Qt.MouseButton.LeftButton, pos=pane.to_screen((25.0, 15.0)).toPoint())
    assert placed == [pytest.approx((25.0, 15.0), abs=0.2)]
    qtbot.mousePress(pane, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    qtbot.mouseMove(pane, QPoint(150, 120))
    qtbot.mouseMove(pane, QPoint(170, 120))
    qtbot.mouseRelease(pane, Qt.MouseButton.LeftButton, pos=QPoint(170, 120))
    assert len(placed) == 1


def test_right_drag_turns_the_window_of_its_pane(view: SliceCompareView, qtbot) -> None:
    view.show_slices(slices())
    dragged = []
    view.windowDragged.connect(lambda *values: dragged.append(values))
    pane = view.panes[1]
    qtbot.mousePress(pane, Qt.MouseButton.RightButton, pos=QPoint(50, 50))
    qtbot.mouseMove(pane, QPoint(60, 45))
    qtbot.mouseRelease(pane, Qt.MouseButton.RightButton, pos=QPoint(60, 45))
    assert {values[0] for values in dragged} == {1}
    assert sum(values[1] for values in dragged) == 10


def test_legends_name_shares_and_volumes(view: SliceCompareView) -> None:
    shown = slices(shares={Change.ADDED: 0.25}, volumes_ml={Change.ADDED: 1.5})
    view.show_slices(shown)
    assert view.panes[0].share_text(Change.ADDED, "added") == "added 25 % · 1.50 mL"


def test_what_is_resampled_says_so(view: SliceCompareView) -> None:
    view.show_slices(slices(is_resampled=True))
    assert "resampled" in view.frames[0].note.text()
    assert "resampled" not in view.frames[1].note.text()
