"""Three linked slices: what they show, and what mouse and keys do."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import psutil
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.viewers.slice_canvas import SliceCanvas
from workstation.viewers.volume_view import VolumeView
from workstation.views.protocols.volume import (
    ImageLayer,
    LabelLayer,
    LabelStyle,
    PaneEvent,
    PaneLayout,
    Plane,
    VoxelPreview,
)

SHAPE = (30, 24, 12)
SPACING_MM = (1.0, 1.0, 3.0)
Button = Qt.MouseButton
Held = Qt.KeyboardModifier


def geometry(shape: tuple[int, int, int] = SHAPE, spacing: tuple[float, ...] = SPACING_MM) -> VolumeGeometry:
    """Return a grid of L, P, S axes, as most CT have."""
    matrix = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    matrix[:3, 3] = (15.0, 12.0, -18.0)
    return VolumeGeometry(shape, matrix)


def image(key: str = "image", value: int = 100) -> ImageLayer:
    """Return an image that is white towards the patient's left front and head."""
    voxels = np.zeros(SHAPE, np.int16)
    voxels[20:, :8, 8:] = value
    return ImageLayer(key, key, Volume(voxels, geometry()), (0.0, 100.0))


@pytest.fixture
def view(qtbot: object) -> Iterator[VolumeView]:
    view = VolumeView()
    qtbot.addWidget(view)  # type: ignore[attr-defined]
    view.resize(640, 480)
    view.show()
    view.set_grid(geometry())
    view.set_images([image()])
    QApplication.processEvents()
    yield view
    view.shut()


def seen(canvas: SliceCanvas, position: tuple[float, float, float]) -> QColor:
    """Return the colour on the screen under a position."""
    at = canvas.screen_of(position).toPoint()
    return canvas.grab().toImage().pixelColor(at)


def mouse(
    canvas: SliceCanvas, kind: QEvent.Type, at: QPointF, button: Button, held: Held = Held.NoModifier
) -> None:
    buttons = Button.NoButton if kind == QEvent.Type.MouseButtonRelease else button
    own = Button.NoButton if kind == QEvent.Type.MouseMove else button
    QApplication.sendEvent(canvas, QMouseEvent(kind, at, canvas.mapToGlobal(at), own, buttons, held))


def drag(
    canvas: SliceCanvas, button: Button, start: QPointF, by: QPointF, held: Held = Held.NoModifier
) -> None:
    mouse(canvas, QEvent.Type.MouseButtonPress, start, button, held)
    mouse(canvas, QEvent.Type.MouseMove, start + by / 2, button, held)
    mouse(canvas, QEvent.Type.MouseMove, start + by, button, held)
    mouse(canvas, QEvent.Type.MouseButtonRelease, start + by, button, held)


def wheel(canvas: SliceCanvas, turn: int, held: Held = Held.NoModifier) -> None:
    at = QPointF(canvas.rect().center())
    event = QWheelEvent(
        at, canvas.mapToGlobal(at), QPoint(), QPoint(0, turn), Button.NoButton, held,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)


def middle_of(canvas: SliceCanvas) -> QPointF:
    return QPointF(canvas.rect().center())


def test_the_patient_lies_as_a_radiologist_expects(view: VolumeView) -> None:
    view.set_crosshair((25.0, 4.0, 10.0))
    axial, coronal, sagittal = (view.panes[plane] for plane in Plane)
    bright = (22.0, 2.0, 10.0)
    assert seen(axial, bright).lightness() > 200
    # Left and front: right and upper half of an axial slice; head and left: right and upper half.
    for canvas in (axial, coronal):
        at = canvas.screen_of(bright)
        assert at.x() > canvas.width() / 2
        assert at.y() < canvas.height() / 2
    at = sagittal.screen_of(bright)
    assert at.x() < sagittal.width() / 2
    assert at.y() < sagittal.height() / 2
    assert seen(axial, (5.0, 20.0, 10.0)).lightness() < 30
    assert axial.painter.lies.letters == ("R", "L", "A", "P")


def test_millimetres_are_square_on_anisotropic_voxels(view: VolumeView) -> None:
    coronal = view.panes[Plane.CORONAL]
    origin, right, down = (coronal.screen_of(p) for p in ((0, 0, 0), (3, 0, 0), (0, 0, 1)))
    assert abs(right.x() - origin.x()) == pytest.approx(abs(down.y() - origin.y()))
    assert len({round(canvas.camera.zoom, 6) for canvas in view.panes.values()}) == 1


def test_a_pane_of_another_size_keeps_slices_whole_and_millimetres_alike(view: VolumeView) -> None:
    view.resize(900, 400)
    QApplication.processEvents()
    assert len({round(canvas.camera.zoom, 6) for canvas in view.panes.values()}) == 1
    for canvas in view.panes.values():
        for corner in ((0, 0, 0), tuple(count - 1 for count in SHAPE)):
            assert canvas.rect().contains(canvas.screen_of(corner).toPoint())
    axial = view.panes[Plane.AXIAL]
    wheel(axial, 240, Held.ControlModifier)
    camera = axial.camera
    view.resize(640, 480)
    QApplication.processEvents()
    assert axial.camera == camera


def test_a_click_moves_the_crosshair_and_the_other_slices(view: VolumeView, qtbot: object) -> None:
    axial = view.panes[Plane.AXIAL]
    target = (7.0, 5.0, float(axial.painter.slice_index))
    with qtbot.waitSignal(view.crosshairMoved) as told:  # type: ignore[attr-defined]
        drag(axial, Button.LeftButton, axial.screen_of(target), QPointF(0, 0))
    assert told.args[0] == pytest.approx(target, abs=0.51)
    assert view.crosshair == pytest.approx(target, abs=0.51)
    assert view.panes[Plane.SAGITTAL].painter.slice_index == 7
    assert view.panes[Plane.CORONAL].painter.slice_index == 5


def test_the_crosshair_follows_a_move_with_shift(view: VolumeView) -> None:
    axial = view.panes[Plane.AXIAL]
    before = view.crosshair
    mouse(axial, QEvent.Type.MouseMove, axial.screen_of((4, 4, 6)), Button.NoButton)
    assert view.crosshair == before
    mouse(axial, QEvent.Type.MouseMove, axial.screen_of((4, 4, 6)), Button.NoButton, Held.ShiftModifier)
    assert view.crosshair[:2] == pytest.approx((4, 4))


def test_the_lines_of_the_crosshair_can_be_left_out(view: VolumeView) -> None:
    view.set_crosshair((15, 12, 6))
    axial = view.panes[Plane.AXIAL]
    at = axial.screen_of((15, 20, 6)).toPoint()

    def colours() -> set[int]:
        shot = axial.grab().toImage()
        return {shot.pixelColor(at.x() + dx, at.y()).lightness() > 80 for dx in range(-2, 3)}

    assert True in colours()
    view.show_crosshair(False)
    assert colours() == {False}


def test_the_wheel_scrolls_and_stops_at_the_ends(view: VolumeView) -> None:
    axial = view.panes[Plane.AXIAL]
    start = axial.painter.slice_index
    wheel(axial, -120)
    assert axial.painter.slice_index == start + 1
    wheel(axial, -60)
    assert axial.painter.slice_index == start + 1
    wheel(axial, -60)
    assert axial.painter.slice_index == start + 2
    view.step(Plane.AXIAL, 100)
    assert axial.painter.slice_index == SHAPE[2] - 1
    view.panes[Plane.CORONAL].setFocus()
    QApplication.processEvents()
    view.step(Plane.CORONAL, -100)
    assert view.crosshair[1] == 0


def test_ctrl_and_wheel_zoom_all_panes_about_the_mouse(view: VolumeView) -> None:
    axial, coronal = view.panes[Plane.AXIAL], view.panes[Plane.CORONAL]
    at = middle_of(axial)
    before, zoom = axial.position_at(at), coronal.camera.zoom
    wheel(axial, 240, Held.ControlModifier)
    assert axial.position_at(at) == pytest.approx(before)
    assert coronal.camera.zoom == axial.camera.zoom == pytest.approx(zoom * 1.44)
    view.show_whole()
    assert coronal.camera.zoom == pytest.approx(zoom)


def test_a_middle_drag_pans_and_so_does_space(view: VolumeView, qtbot: object) -> None:
    axial = view.panes[Plane.AXIAL]
    axial.setFocus()
    for is_space in (False, True):
        before, cross = axial.screen_of((10, 10, 5)), view.crosshair
        if is_space:
            qtbot.keyPress(axial, Qt.Key.Key_Space)  # type: ignore[attr-defined]
        drag(
            axial, Button.LeftButton if is_space else Button.MiddleButton, middle_of(axial), QPointF(20, -12)
        )
        after = axial.screen_of((10, 10, 5))
        assert (after - before).toTuple() == pytest.approx((20, -12))
        assert view.crosshair == cross
    qtbot.keyRelease(axial, Qt.Key.Key_Space)  # type: ignore[attr-defined]


def test_a_short_space_is_a_tap(view: VolumeView, qtbot: object) -> None:
    axial = view.panes[Plane.AXIAL]
    with qtbot.waitSignal(view.spaceTapped):  # type: ignore[attr-defined]
        qtbot.keyClick(axial, Qt.Key.Key_Space)  # type: ignore[attr-defined]


def test_a_right_drag_changes_the_window_at_once_in_every_pane(view: VolumeView) -> None:
    told: list[tuple[str, float, float]] = []
    view.windowDragged.connect(lambda *args: told.append(args))
    axial = view.panes[Plane.AXIAL]
    drag(axial, Button.RightButton, middle_of(axial), QPointF(150, 0))
    key, low, high = told[-1]
    assert key == "image"
    assert (low, high) == pytest.approx((-50, 150))
    for canvas in view.panes.values():
        assert canvas.window_layer.window == (low, high)
    drag(axial, Button.RightButton, middle_of(axial), QPointF(0, -30))
    assert sum(told[-1][1:]) / 2 < 50


class Tool:
    def __init__(self) -> None:
        self.calls: list[tuple[str, PaneEvent]] = []

    def pressed(self, event: PaneEvent) -> None:
        self.calls.append(("pressed", event))

    def moved(self, event: PaneEvent) -> None:
        self.calls.append(("moved", event))

    def released(self, event: PaneEvent) -> None:
        self.calls.append(("released", event))

    def double_clicked(self, event: PaneEvent) -> None:
        self.calls.append(("double_clicked", event))


def test_a_tool_takes_the_left_button(view: VolumeView) -> None:
    tool, cross = Tool(), view.crosshair
    view.set_tool(tool)
    coronal = view.panes[Plane.CORONAL]
    at = coronal.screen_of((6, 3, 4))
    drag(coronal, Button.LeftButton, at, QPointF(8, 0), Held.ControlModifier)
    assert [name for name, _ in tool.calls] == ["pressed", "moved", "moved", "released"]
    event = tool.calls[0][1]
    assert (event.plane, event.axis, event.is_control) == (Plane.CORONAL, 1, True)
    assert event.position == pytest.approx((6, coronal.painter.slice_index, 4), abs=0.05)
    mouse(coronal, QEvent.Type.MouseButtonDblClick, at, Button.LeftButton)
    assert tool.calls[-1][0] == "double_clicked"
    assert view.crosshair == cross


def test_shift_and_wheel_and_alt_and_drag_resize_the_brush(view: VolumeView) -> None:
    steps: list[int] = []
    view.radiusScrolled.connect(steps.append)
    view.set_tool(Tool())
    view.set_brush(4.0)
    axial = view.panes[Plane.AXIAL]
    wheel(axial, 120, Held.ShiftModifier)
    drag(axial, Button.LeftButton, middle_of(axial), QPointF(-24, 0), Held.AltModifier)
    assert steps[0] == 1
    assert sum(steps[1:]) == -4


@pytest.mark.parametrize("style", list(LabelStyle))
def test_labels_lie_above_the_image_in_their_colour(view: VolumeView, style: LabelStyle) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:12, 4:12, :] = 3
    layer = LabelLayer("m", "m", labels, geometry(), {3: "#ff0000"}, opacity=1.0, style=style)
    view.set_labels([layer])
    view.set_crosshair((20, 20, 6))
    axial = view.panes[Plane.AXIAL]
    inner = seen(axial, (7.0, 9.0, 6.0))
    assert (inner.red() > 200) is (style is LabelStyle.FILLED)
    edge = axial.screen_of((3.5, 9.0, 6.0)).toPoint()
    shot = axial.grab().toImage()
    reds = [shot.pixelColor(edge.x() + dx, edge.y()).red() for dx in range(-3, 4)]
    assert max(reds) > 150


def test_a_stroke_paints_only_slices_that_cut_its_box(view: VolumeView, monkeypatch: object) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    view.set_labels([LabelLayer("m", "m", labels, geometry(), {1: "#00ff00"}, opacity=1.0)])
    view.set_crosshair((20, 20, 6))
    axial = view.panes[Plane.AXIAL]
    assert seen(axial, (10, 10, 6)).green() < 60
    updated: list[SliceCanvas] = []
    for canvas in view.panes.values():
        monkeypatch.setattr(canvas, "update", lambda *_, canvas=canvas: updated.append(canvas))  # type: ignore[attr-defined]
    labels[8:13, 8:13, 6] = 1
    view.refresh_labels("m", (slice(8, 13), slice(8, 13), slice(6, 7)))
    assert updated == [axial]
    monkeypatch.undo()  # type: ignore[attr-defined]
    assert seen(axial, (10, 10, 6)).green() > 200
    view.refresh_labels("unknown", None)


def test_labels_finer_than_the_image_are_shown_on_it_and_the_image_on_theirs(view: VolumeView) -> None:
    matrix = geometry().world_from_voxel.copy()
    matrix[:3, :3] /= 2
    matrix[:3, 3] -= geometry().world_from_voxel[:3, :3].sum(axis=1) / 4
    fine = VolumeGeometry(tuple(2 * count for count in SHAPE), matrix)
    labels = np.zeros(fine.shape, np.uint8)
    labels[10:22, 10:22, 10:14] = 1
    layer = LabelLayer("m", "m", labels, fine, {1: "#ff0000"}, opacity=1.0)
    view.set_labels([layer])
    view.set_crosshair((20, 20, 6))
    assert seen(view.panes[Plane.AXIAL], (7.0, 9.0, 6)).red() > 200
    view.set_grid(fine)
    # The crosshair stays where it was in the world.
    assert fine.world_of([view.crosshair]) == pytest.approx(geometry().world_of([(20, 20, 6)]), abs=1e-6)
    assert seen(view.panes[Plane.AXIAL], (15.0, 19.0, 12)).red() > 200
    view.set_labels([])
    view.set_crosshair((10, 40, 20))
    assert seen(view.panes[Plane.AXIAL], (45.0, 6.0, 20)).lightness() > 200


def test_the_edge_of_the_brush_follows_the_mouse_and_a_ball_cuts_other_panes(view: VolumeView) -> None:
    axial, coronal = view.panes[Plane.AXIAL], view.panes[Plane.CORONAL]
    view.set_crosshair((15, 12, 6))
    view.set_brush(5.0, is_ball=True)
    mouse(axial, QEvent.Type.MouseMove, axial.screen_of((15, 9, 6)), Button.NoButton)
    _, radius = axial._brush_circle()
    assert radius == pytest.approx(5 * axial.camera.zoom)
    assert coronal._brush_circle()[1] == pytest.approx(4 * coronal.camera.zoom)
    view.set_brush(5.0, is_ball=False)
    assert coronal._brush_circle() is None
    QApplication.sendEvent(axial, QEvent(QEvent.Type.Leave))
    assert axial._brush_circle() is None


def test_tiles_show_one_image_each_and_stay_linked(view: VolumeView) -> None:
    view.set_images([image("t1", 100), image("t2", 50), image("flair", 20)])
    view.set_layout(PaneLayout.TILES)
    QApplication.processEvents()
    tiles = [tile for tile in view.tiles if tile.isVisible()]
    assert [tile.caption for tile in tiles] == ["t1", "t2", "flair"]
    wheel(tiles[1], -120)
    assert len({tile.painter.slice_index for tile in tiles}) == 1
    drag(tiles[0], Button.MiddleButton, middle_of(tiles[0]), QPointF(15, 5))
    assert len({tile.camera for tile in tiles}) == 1
    view.set_images([image("t1", 100)])
    assert [tile.isVisible() for tile in view.tiles] == [True, False, False]
    assert view.tiles[2].painter.images == ()


@pytest.mark.parametrize("plane", list(Plane))
def test_one_pane_can_have_all_the_room(view: VolumeView, plane: Plane) -> None:
    view.set_layout(PaneLayout(plane.value))
    QApplication.processEvents()
    assert [p for p, canvas in view.panes.items() if canvas.isVisible()] == [plane]
    assert view.panes[plane].width() > 600
    assert view.panes[plane].height() > 440
    assert not view.surface.isVisible()
    view.set_layout(PaneLayout.FOUR)
    QApplication.processEvents()
    assert all(canvas.isVisible() for canvas in view.panes.values())


def test_a_slab_shows_the_brightest(view: VolumeView) -> None:
    view.set_crosshair((20, 20, 6))
    axial = view.panes[Plane.AXIAL]
    assert seen(axial, (25, 3, 6)).lightness() < 40
    view.set_slab(15.0)
    assert seen(axial, (25, 3, 6)).lightness() > 200


def test_a_preview_shows_on_slices_that_cut_it(view: VolumeView) -> None:
    mask = np.ones((6, 6, 1), bool)
    view.set_crosshair((20, 20, 6))
    axial = view.panes[Plane.AXIAL]
    before = axial.grab().toImage()
    view.set_preview(VoxelPreview(mask, (slice(3, 9), slice(3, 9), slice(6, 7)), "#ff00ff"))
    assert axial.grab().toImage() != before
    assert seen(axial, (5, 5, 6)).red() > 40
    view.set_crosshair((20, 20, 5))
    assert seen(axial, (5, 5, 5)).red() < 40
    view.set_preview(None)


def test_an_empty_view_takes_every_call(view: VolumeView) -> None:
    view.set_grid(None)
    view.set_images(())
    view.set_labels(())
    view.set_crosshair((3, 3, 3))
    view.step(None, 3)
    view.show_whole()
    view.set_polygon(Plane.AXIAL, [(1, 1, 1)])
    view.refresh_labels("m")
    for canvas in view.panes.values():
        drag(canvas, Button.LeftButton, middle_of(canvas), QPointF(5, 5))
        wheel(canvas, 120)
        canvas.grab()
    assert view.crosshair == (0.0, 0.0, 0.0)


def test_a_volume_of_one_slice_is_shown(view: VolumeView) -> None:
    flat = geometry((20, 16, 1))
    view.set_grid(flat)
    view.set_images([ImageLayer("f", "f", Volume(np.full((20, 16, 1), np.nan, np.float32), flat), (0, 1))])
    view.step(Plane.AXIAL, 1)
    assert view.crosshair[2] == 0
    for canvas in view.panes.values():
        canvas.grab()


@pytest.mark.parametrize("thickness_mm", [0.0, 4.0])
@pytest.mark.parametrize("window", [(0.0, 1.0), (-500.0, -100.0)])
def test_voxels_that_are_no_numbers_are_black(
    view: VolumeView, thickness_mm: float, window: tuple[float, float]
) -> None:
    grid = geometry((20, 16, 12))
    voxels = np.full(grid.shape, 50.0, np.float32)
    voxels[:10], voxels[:10, :8] = np.nan, -np.inf
    view.set_grid(grid)
    view.set_labels([])
    view.set_images([ImageLayer("f", "f", Volume(voxels, grid), window)])
    view.set_slab(thickness_mm)
    axial = view.panes[Plane.AXIAL]
    assert seen(axial, (15.0, 8.0, 6.0)).lightness() == 255
    assert seen(axial, (3.0, 12.0, 6.0)).lightness() == 0
    assert seen(axial, (3.0, 4.0, 6.0)).lightness() == 0


def test_memory_does_not_grow_over_fifty_cases(view: VolumeView) -> None:
    shape = (128, 128, 64)

    def switch() -> None:
        grid = geometry(shape)
        view.set_grid(None)
        voxels = np.random.default_rng(0).integers(0, 100, shape).astype(np.int16)
        view.set_grid(grid)
        view.set_images([ImageLayer("a", "a", Volume(voxels, grid), (0.0, 100.0))])
        view.set_labels([LabelLayer("m", "m", np.ones(shape, np.uint8), grid)])
        QApplication.processEvents()

    process = psutil.Process()
    for _ in range(5):
        switch()
    gc.collect()
    before = process.memory_info().rss
    for _ in range(50):
        switch()
    gc.collect()
    # Fifty volumes would be 150 MB.
    assert process.memory_info().rss - before < 25e6
