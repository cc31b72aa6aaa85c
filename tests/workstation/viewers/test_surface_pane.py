"""The pane of surfaces: directions, picking, and that its canvas is made late."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QOpenGLContext
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engines.imaging.volumes.volume import VolumeGeometry
from workstation.viewers.surface_camera import SurfaceCamera
from workstation.viewers.surface_pane import SurfacePane
from workstation.views.protocols.volume import SurfaceMesh

GRID = VolumeGeometry((10, 10, 10), np.eye(4))
SIDE_MM = 16.0


def cube(centre: tuple[float, float, float], colour: str, side_mm: float = SIDE_MM) -> SurfaceMesh:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32) - 0.5
    faces = [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]  # fmt: skip
    vertices = corners * side_mm + np.array(centre, np.float32)
    return SurfaceMesh(vertices, np.array(faces, np.int32), colour, key=colour)


RIGHT, FRONT, HEAD = (60.0, 0.0, 0.0), (0.0, 60.0, 0.0), (0.0, 0.0, 60.0)
MESHES = [cube((0, 0, 0), "#ffffff"), cube(RIGHT, "#ff0000"), cube(FRONT, "#00ff00"), cube(HEAD, "#0000ff")]


@pytest.fixture(scope="module")
def shared_pane(qapp: object) -> Iterator[SurfacePane]:
    """One canvas for all tests of the file; making one takes most of a second."""
    pane = SurfacePane()
    pane.resize(400, 320)
    pane.show()
    QTest.qWaitForWindowExposed(pane)
    assert not pane.has_canvas
    pane.show_meshes(MESHES)
    QApplication.processEvents()
    yield pane
    pane.shut()
    pane.close()
    pane.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def pane(shared_pane: SurfacePane) -> SurfacePane:
    shared_pane.set_grid(GRID)
    shared_pane.show_meshes(MESHES)
    shared_pane._look(SurfaceCamera(turn=0.0, lean=0.0))
    shared_pane.show_whole()
    QApplication.processEvents()
    return shared_pane


def shot(pane: SurfacePane) -> np.ndarray:
    for _ in range(5):
        QApplication.processEvents()
    image = pane.native.grabFramebuffer().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.array(image.constBits()).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return pixels[:, : image.width(), 2::-1].astype(int)


def middle_of(pixels: np.ndarray, channel: int) -> tuple[float, float]:
    others = [c for c in range(3) if c != channel]
    is_colour = (pixels[..., channel] > 50) & (pixels[..., others].max(axis=2) < 30)
    y, x = np.nonzero(is_colour)
    assert len(x) > 20
    return (x.min() + x.max()) / 2, (y.min() + y.max()) / 2


@pytest.mark.parametrize(("turn", "lean"), [(0.0, 0.0), (35.0, 20.0), (200.0, -15.0)])
def test_the_canvas_shows_places_where_the_camera_says(pane: SurfacePane, turn: float, lean: float) -> None:
    pane._look(SurfaceCamera(zoom=1.6, turn=turn, lean=lean))
    pixels = shot(pane)
    size = (pane.native.width(), pane.native.height())
    ratio = pixels.shape[1] / size[0]
    for channel, place in enumerate((RIGHT, FRONT, HEAD)):
        expected = pane.camera.screen_of([place], size)[0] * ratio
        if np.linalg.norm(expected / ratio - np.array(size) / 2) < 45:
            continue  # Behind or before the cube in the middle.
        assert middle_of(pixels, channel) == pytest.approx(tuple(expected), abs=4)


@pytest.mark.parametrize("size", [(300, 420), (640, 250), (400, 320)])
def test_the_canvas_agrees_with_the_camera_after_it_was_resized(
    pane: SurfacePane, size: tuple[int, int]
) -> None:
    pane.resize(*size)
    QTest.qWait(50)
    pixels = shot(pane)
    expected = pane.camera.screen_of([RIGHT, HEAD], (pane.native.width(), pane.native.height()))
    assert middle_of(pixels, 0) == pytest.approx(tuple(expected[0]), abs=4)
    assert middle_of(pixels, 2) == pytest.approx(tuple(expected[1]), abs=4)


def test_an_error_that_is_not_the_canvas_own_does_not_stop_its_drawing(pane: SurfacePane) -> None:
    before = shot(pane)
    native, no_such_ability = pane.native, 0xFFFF
    native.makeCurrent()
    QOpenGLContext.currentContext().functions().glEnable(no_such_ability)
    pane._look(SurfaceCamera(turn=35.0, lean=20.0))
    after = shot(pane)
    assert np.abs(after - before).max() > 50
    middle_of(after, 0)


def test_from_the_front_the_right_is_on_the_left_and_the_head_up(pane: SurfacePane) -> None:
    pixels = shot(pane)
    height, width = pixels.shape[:2]
    assert middle_of(pixels, 0)[0] < width / 2 - 20
    assert middle_of(pixels, 2)[1] < height / 2 - 20
    assert pane.camera.letters == ("R", "L", "S", "I")


def test_a_drag_turns_as_if_the_mouse_held_the_surface(pane: SurfacePane) -> None:
    native = pane.native
    size = (native.width(), native.height())
    front = pane.camera.screen_of([FRONT], size)[0]
    centre = native.rect().center()
    QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=centre)
    QTest.mouseMove(native, centre + QPoint(30, 20))
    QApplication.processEvents()
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=centre + QPoint(30, 20))
    moved = pane.camera.screen_of([FRONT], size)[0] - front
    assert moved[0] > 5
    assert moved[1] > 5


def test_a_click_picks_the_nearest_surface(pane: SurfacePane, qtbot: object) -> None:
    size = (pane.native.width(), pane.native.height())
    x, y = pane.camera.screen_of([RIGHT], size)[0]
    with qtbot.waitSignal(pane.picked) as told:  # type: ignore[attr-defined]
        QTest.mouseClick(pane.native, Qt.MouseButton.LeftButton, pos=QPointF(x, y).toPoint())
    point = told.args[0]
    # The front face of the red cube.
    assert point[1] == pytest.approx(SIDE_MM / 2, abs=1e-3)
    assert (point[0], point[2]) == pytest.approx((60, 0), abs=1.5)
    # Front cube hides the middle one.
    with qtbot.waitSignal(pane.picked) as told:  # type: ignore[attr-defined]
        x, y = pane.camera.screen_of([(0, 0, 0)], size)[0]
        QTest.mouseClick(pane.native, Qt.MouseButton.LeftButton, pos=QPointF(x, y).toPoint())
    assert told.args[0][1] == pytest.approx(68, abs=1e-3)
    with qtbot.assertNotEmitted(pane.picked):  # type: ignore[attr-defined]
        QTest.mouseClick(pane.native, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))


def test_the_wheel_zooms_and_whole_comes_back(pane: SurfacePane) -> None:
    before = pane.camera
    pane._look(before.zoomed(2.0).panned(10, 5))
    assert pane.camera.zoom == pytest.approx(2 * before.zoom)
    moved = pane.camera.screen_of([before.centre_mm], (400, 300))[0]
    assert moved == pytest.approx((210, 155))
    pane.show_whole()
    assert pane.camera.zoom == pytest.approx(before.zoom)


def test_other_surfaces_take_the_place_of_those_before(pane: SurfacePane) -> None:
    pane.show_meshes([cube((0, 0, 0), "#00ff00", 40.0)])
    pixels = shot(pane)
    middle_of(pixels, 1)
    with pytest.raises(AssertionError):
        middle_of(pixels, 0)
    pane.show_meshes([])
    assert pane.note.isVisible()


def test_one_surface_more_finds_a_layer_that_is_there(
    pane: SurfacePane, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = pane._canvas
    assert canvas is not None
    before = pane.camera, canvas._model.scene.camera.zoom
    pane._make_spare()
    assert canvas.has_spare
    assert (pane.camera, canvas._model.scene.camera.zoom) == before
    monkeypatch.setattr(canvas, "make_spare", lambda: pytest.fail("a layer was made while somebody waits"))
    pane.show_meshes([*pane._meshes, cube((0, 0, 0), "#00ff00", 90.0)])
    middle_of(shot(pane), 1)
    assert not canvas.has_spare
    assert pane._idle.isActive()
    pane._idle.stop()


def test_directions_are_right_handed() -> None:
    for turn, lean in ((0, 0), (33, 12), (250, -60)):
        camera = SurfaceCamera(turn=turn, lean=lean)
        axes = np.array([camera.right_direction, camera.up_direction, -camera.view_direction])
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(axes) == pytest.approx(1)
