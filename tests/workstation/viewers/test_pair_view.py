"""Two real canvases, driven by mouse, wheel and keys on `canvas.native`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engines.contract.geometry import apply_homography
from engines.contract.messages import Message
from engines.imaging.transforms.point_transform import ProjectiveTransform
from workstation.viewers.canvas import ImageCanvas
from workstation.viewers.pair_view import PairView, Tool
from workstation.viewers.scale_bar import Scale
from workstation.views.protocols.display import SideDisplay, SideFacts
from workstation.views.protocols.pairs import PairRow

FIXED_FROM_MOVING = np.array([[1.5, 0.1, 12.0], [-0.1, 1.5, 7.0], [0.0, 0.0, 1.0]])
SIZES = ((300, 240), (200, 160))
LEFT = Qt.MouseButton.LeftButton
ROWS = [
    PairRow("a", "1", "placed", (60.0, 50.0), (40.0, 30.0)),
    PairRow("b", "2", "half", (200.0, 150.0), None),
    PairRow("c", "3", "excluded", (120.0, 200.0), (90.0, 110.0)),
]


@pytest.fixture(scope="module")
def shared_view(qapp) -> Iterator[PairView]:
    """One view for all tests of the file; making two canvases takes a second."""
    made = PairView()
    made.resize(900, 420)
    made.show()
    QTest.qWaitForWindowExposed(made)
    yield made
    made.shut()
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()


@pytest.fixture
def view(shared_view: PairView, qtbot) -> PairView:
    rng = np.random.default_rng(0)
    shared_view.tool = Tool.SELECT
    shared_view.is_locked = True
    for side in ("fixed", "moving"):
        shared_view.show_facts(side, SideFacts())
    shared_view.show_images(
        rng.integers(0, 255, (240, 300), dtype=np.uint8), rng.integers(0, 255, (160, 200, 3), dtype=np.uint8)
    )
    shared_view.set_link(ProjectiveTransform(FIXED_FROM_MOVING), SIZES)
    shared_view.show_rows(ROWS, "")
    QApplication.processEvents()
    return shared_view


def at(canvas: ImageCanvas, xy: tuple[float, float]) -> QPoint:
    return canvas.canvas_from_image(xy).toPoint()


def click(canvas: ImageCanvas, xy: tuple[float, float]) -> None:
    QTest.mouseMove(canvas.native, at(canvas, xy))
    QTest.mouseClick(canvas.native, LEFT, Qt.KeyboardModifier.NoModifier, at(canvas, xy))


def drag(canvas: ImageCanvas, start: QPoint, offset: QPoint) -> None:
    native = canvas.native
    QTest.mousePress(native, LEFT, Qt.KeyboardModifier.NoModifier, start)
    for part in (0.5, 1.0):
        place = QPointF(start) + QPointF(offset) * part
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            place,
            QPointF(native.mapToGlobal(place.toPoint())),
            Qt.MouseButton.NoButton,
            LEFT,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(native, event)
    QTest.mouseRelease(native, LEFT, Qt.KeyboardModifier.NoModifier, start + offset)


def wheel(canvas: ImageCanvas, place: QPoint) -> None:
    native = canvas.native
    event = QWheelEvent(
        QPointF(place),
        QPointF(native.mapToGlobal(place)),
        QPoint(0, 120),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(native, event)
    QApplication.processEvents()


def assert_linked(view: PairView) -> None:
    mapped = apply_homography(FIXED_FROM_MOVING, [view.moving.centre_xy])[0]
    np.testing.assert_allclose(mapped, view.fixed.centre_xy, atol=0.05)
    scale = np.sqrt(np.linalg.det(FIXED_FROM_MOVING[:2, :2]))
    assert view.moving.zoom == pytest.approx(view.fixed.zoom * scale, rel=1e-3)


def test_canvas_position_of_a_pixel_is_what_napari_paints(view: PairView) -> None:
    image = np.zeros((240, 300), dtype=np.uint8)
    image[50:60, 200:210] = 255
    view.show_rows([], "")
    view.show_images(image, None)
    QApplication.processEvents()
    shot = view.fixed.viewer.screenshot(flash=False)[..., 0]
    rows, columns = np.nonzero(shot > 128)
    ratio = shot.shape[1] / view.fixed.native.width()
    expected = view.fixed.canvas_from_image((204.5, 54.5))
    assert columns.mean() / ratio == pytest.approx(expected.x(), abs=1.0)
    assert rows.mean() / ratio == pytest.approx(expected.y(), abs=1.0)


def test_positions_go_there_and_back(view: PairView) -> None:
    place = view.fixed.canvas_from_image((123.25, 45.75))
    assert view.fixed.image_from_canvas(place) == pytest.approx((123.25, 45.75))


def test_click_in_add_mode_gives_pixel_position(view: PairView) -> None:
    view.tool = Tool.ADD
    added: list[tuple] = []
    view.pointAdded.connect(lambda *point: added.append(point))
    click(view.fixed, (100.0, 80.0))
    click(view.moving, (70.0, 60.0))
    assert [side for side, *_ in added] == ["fixed", "moving"]
    assert added[0][1:3] == pytest.approx((100.0, 80.0), abs=0.7)
    assert added[1][1:3] == pytest.approx((70.0, 60.0), abs=0.7)
    assert [has_alt for *_, has_alt in added] == [False, False]


def test_click_beside_the_image_adds_nothing(view: PairView) -> None:
    view.tool = Tool.ADD
    added: list[tuple] = []
    view.pointAdded.connect(lambda *point: added.append(point))
    click(view.fixed, (-2.0, 80.0))
    assert not added


def test_click_on_a_point_selects_it_and_beside_it_nothing(view: PairView) -> None:
    said: list[str] = []
    view.pairSelected.connect(said.append)
    click(view.fixed, (60.0, 50.0))
    click(view.fixed, (250.0, 30.0))
    assert said == ["a", ""]


def test_drag_moves_a_point_and_says_where_it_was_dropped(view: PairView) -> None:
    dragged, moved = [], []
    view.pointDragged.connect(lambda *point: dragged.append(point))
    view.pointMoved.connect(lambda *point: moved.append(point))
    camera = view.fixed.centre_xy
    drag(view.fixed, at(view.fixed, (60.0, 50.0)), QPoint(20, 12))
    zoom = view.fixed.zoom
    assert len(dragged) == 2
    (pair_id, side, x, y, _) = moved[0]
    assert (pair_id, side) == ("a", "fixed")
    assert (x, y) == pytest.approx((60 + 20 / zoom, 50 + 12 / zoom), abs=0.7)
    assert view.fixed.centre_xy == camera


def test_drag_under_three_pixels_is_a_click(view: PairView) -> None:
    moved, selected = [], []
    view.pointMoved.connect(lambda *point: moved.append(point))
    view.pairSelected.connect(selected.append)
    drag(view.fixed, at(view.fixed, (60.0, 50.0)), QPoint(2, 1))
    assert not moved
    assert selected == ["a"]


def test_pan_in_add_mode_adds_nothing_and_moves_both_views(view: PairView) -> None:
    view.tool = Tool.ADD
    added = []
    view.pointAdded.connect(lambda *point: added.append(point))
    before = view.fixed.centre_xy
    drag(view.fixed, at(view.fixed, (150.0, 100.0)), QPoint(30, 20))
    QApplication.processEvents()
    assert not added
    assert view.fixed.centre_xy != before
    assert_linked(view)


def test_wheel_zooms_both_views_through_the_transform(view: PairView) -> None:
    before = view.fixed.zoom
    wheel(view.fixed, at(view.fixed, (100.0, 100.0)))
    assert view.fixed.zoom > before
    assert_linked(view)
    before = view.moving.zoom
    wheel(view.moving, at(view.moving, (60.0, 60.0)))
    assert view.moving.zoom > before
    assert_linked(view)


def test_unlocked_views_move_alone(view: PairView) -> None:
    view.set_locked(False)
    before = view.moving.centre_xy, view.moving.zoom
    wheel(view.fixed, at(view.fixed, (100.0, 100.0)))
    assert (view.moving.centre_xy, view.moving.zoom) == before
    view.set_locked(True)
    assert_linked(view)


def test_cursor_has_a_ghost_in_the_other_image(view: PairView) -> None:
    mapped = view.mapped("moving", (40.0, 30.0))
    assert mapped == pytest.approx(tuple(apply_homography(FIXED_FROM_MOVING, [[40.0, 30.0]])[0]))
    assert view.mapped("fixed", mapped) == pytest.approx((40.0, 30.0))


def test_arrows_nudge_and_napari_gets_no_key(view: PairView) -> None:
    nudged = []
    view.nudged.connect(lambda *step: nudged.append(step))
    native = view.fixed.native
    QTest.keyClick(native, Qt.Key.Key_Right)
    QTest.keyClick(native, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(native, Qt.Key.Key_V)  # napari: hide the layer
    QTest.keyClick(native, Qt.Key.Key_Delete)  # napari: delete the layer
    assert nudged == [("fixed", 0.25, 0), ("fixed", 0, -1.0)]
    assert len(view.fixed.model.layers) == 1
    assert view.fixed.model.layers[0].visible


def test_states_are_drawn_in_different_shapes(view: PairView) -> None:
    def drawn(state: str) -> np.ndarray:
        view.show_rows([PairRow("a", "", state, (150.0, 120.0), (90.0, 70.0))], "")
        place = at(view.fixed, (150.0, 120.0))
        picture = view.fixed.overlay.grab().toImage().copy(place.x() - 12, place.y() - 12, 24, 24)
        pixels = np.frombuffer(picture.constBits(), np.uint8).reshape(24, -1)
        return pixels.copy()

    shapes = [drawn(state) for state in ("placed", "half", "predicted", "excluded", "not_visible")]
    for index, first in enumerate(shapes):
        assert all(not np.array_equal(first, second) for second in shapes[index + 1 :])


RIGHT = Qt.MouseButton.RightButton


def right_event(canvas: ImageCanvas, kind: QEvent.Type, place: QPoint) -> None:
    held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else RIGHT
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else RIGHT
    event = QMouseEvent(
        kind,
        QPointF(place),
        QPointF(canvas.native.mapToGlobal(place)),
        button,
        held,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(canvas.native, event)


def test_right_drag_changes_brightness_and_not_the_view(view: PairView) -> None:
    dragged, dropped, automatic = [], [], []
    view.windowDragged.connect(lambda *step: dragged.append(step))
    view.windowDropped.connect(dropped.append)
    view.autoWindowWanted.connect(automatic.append)
    before = (*view.fixed.centre_xy, view.fixed.zoom)
    start = at(view.fixed, (100.0, 80.0))
    right_event(view.fixed, QEvent.Type.MouseButtonPress, start)
    for offset in (2, 20, 45):
        right_event(view.fixed, QEvent.Type.MouseMove, start + QPoint(offset, -offset))
    right_event(view.fixed, QEvent.Type.MouseButtonRelease, start + QPoint(45, -45))
    assert sum(right for _, right, _ in dragged) == pytest.approx(45)
    assert sum(down for _, _, down in dragged) == pytest.approx(-45)
    assert dropped == ["fixed"]
    assert (*view.fixed.centre_xy, view.fixed.zoom) == before
    right_event(view.fixed, QEvent.Type.MouseButtonPress, start)
    right_event(view.fixed, QEvent.Type.MouseButtonRelease, start)
    right_event(view.fixed, QEvent.Type.MouseButtonDblClick, start)
    right_event(view.fixed, QEvent.Type.MouseButtonRelease, start)
    assert automatic == ["fixed"]
    assert dropped == ["fixed"]


def test_alt_is_passed_on_with_a_click(view: PairView) -> None:
    view.tool = Tool.ADD
    added: list[tuple] = []
    view.pointAdded.connect(lambda *point: added.append(point))
    QTest.mouseClick(view.fixed.native, LEFT, Qt.KeyboardModifier.AltModifier, at(view.fixed, (100.0, 80.0)))
    assert added[0][3] is True


def pairs_off_by(error_px: float) -> list[PairRow]:
    moving = [(20.0, 20.0), (180.0, 20.0), (20.0, 140.0), (180.0, 140.0), (100.0, 80.0)]
    fixed = apply_homography(FIXED_FROM_MOVING, moving)
    return [
        PairRow(str(n), str(n), "placed", tuple(there), here, fit_px=0.0, loo_px=error_px)
        for n, (here, there) in enumerate(zip(moving, fixed, strict=True))
    ]


def test_ghost_has_the_uncertainty_of_the_pairs_around_in_its_own_pixels(view: PairView) -> None:
    view.show_rows(pairs_off_by(3.0), "")
    QTest.mouseMove(view.moving.native, at(view.moving, (100.0, 80.0)))
    in_fixed = view.fixed.overlay.ghost
    assert in_fixed.radius_px == pytest.approx(3.0, rel=0.05)
    assert view.moving.overlay.ghost is None
    QTest.mouseMove(view.fixed.native, at(view.fixed, in_fixed.xy))
    scale = np.sqrt(np.linalg.det(FIXED_FROM_MOVING[:2, :2]))
    assert view.moving.overlay.ghost.radius_px == pytest.approx(3.0 / scale, rel=0.05)


def test_ghost_through_the_sizes_is_a_guess_without_a_circle(view: PairView) -> None:
    view.set_link(None, SIZES)
    view.show_rows(pairs_off_by(3.0), "")
    QTest.mouseMove(view.moving.native, at(view.moving, (100.0, 80.0)))
    assert view.fixed.overlay.ghost.is_guess
    assert view.fixed.overlay.ghost.radius_px is None
    view.set_locked(False)
    QTest.mouseMove(view.moving.native, at(view.moving, (90.0, 70.0)))
    assert view.fixed.overlay.ghost is None


def test_the_partner_of_a_half_pair_is_drawn_through_the_transform(view: PairView) -> None:
    derived = [mark for mark in view.moving.overlay.marks if mark.is_derived]
    assert [mark.id for mark in derived] == ["b"]
    assert derived[0].xy == pytest.approx(view.mapped("fixed", (200.0, 150.0)))
    view.set_link(None, SIZES)
    assert not [mark for mark in view.moving.overlay.marks if mark.is_derived]


def test_scale_of_one_image_follows_from_the_other(view: PairView) -> None:
    view.show_facts("fixed", SideFacts(spacing_mm=0.01, width_px=300))
    view.show_facts("moving", SideFacts(width_px=200))
    assert view.fixed.overlay.scale == Scale(0.01)
    scale = np.sqrt(np.linalg.det(FIXED_FROM_MOVING[:2, :2]))
    assert view.moving.overlay.scale.spacing_mm == pytest.approx(0.01 * scale)
    assert view.moving.overlay.scale.is_derived
    view.set_link(None, SIZES)
    assert view.moving.overlay.scale is None
    view.show_facts("fixed", SideFacts(width_px=300))
    assert view.fixed.overlay.scale is None


def test_eye_and_warning_stand_in_the_pane(view: PairView) -> None:
    view.show_facts("moving", SideFacts(laterality="OS", warning=Message("Flipped."), width_px=200))
    pane = view.panes["moving"]
    assert pane.laterality.text() == "OS"
    assert pane.laterality.toolTip() == "Left eye"
    assert "Flipped." in pane.warning.text()
    assert pane.warning.isVisible()
    view.show_facts("moving", SideFacts(width_px=200))
    assert not pane.warning.isVisible()
    assert not pane.laterality.isVisible()


def test_menu_says_what_was_chosen_and_takes_any_number(view: PairView) -> None:
    chosen, widths = [], []
    view.displayChosen.connect(lambda *choice: chosen.append(choice))
    view.widthGiven.connect(lambda *width: widths.append(width))
    form = view.panes["fixed"].display.form
    view.show_facts("fixed", SideFacts(width_px=300))
    view.show_display("fixed", SideDisplay())
    view.show_window("fixed", (0.0, 255.0), is_changing=False)
    form.inverted.click()
    assert chosen[-1] == ("fixed", SideDisplay(is_inverted=True))
    form.centre.clear()
    QTest.keyClicks(form.centre, "-350.5")
    QTest.keyClick(form.centre, Qt.Key.Key_Return)
    assert chosen[-1][1].window == (-350.5 - 127.5, -350.5 + 127.5)
    form.millimetres.clear()
    QTest.keyClicks(form.millimetres, "6.5")
    QTest.keyClick(form.millimetres, Qt.Key.Key_Return)
    assert widths == [("fixed", 6.5)]
    view.show_display("fixed", SideDisplay(has_vessels=True))
    assert "●" in view.panes["fixed"].display.text()
