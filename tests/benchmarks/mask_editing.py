"""Time of drawing in a label map of 512 x 512 x 512: event to painted pane, 3D brush, undo; and napari's.

    python tests/benchmarks/mask_editing.py [--size 512] [--moves 120]

Real mouse events are sent to the axial pane of the real window on a synthetic volume. A move is timed from
the event's delivery to the end of the pane's painting; the other two panes are painted after it and timed
on their own. Undo is timed from the key's action to all three painted panes, with the history's own work.
Beside the time by the clock stands the processor time of the window's thread, which says more on a machine
that is busy. The same path is painted by napari's `Labels.paint` on an array of the same size, without any
canvas. Bars: p95 of a move 48 ms, of a 3D brush of 30 voxels 100 ms, of an undo 100 ms.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QCoreApplication, QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.volumes.mask_editing import Paint, brush, stroke
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.app import build, prepare
from workstation.controllers.masks.mask_editor import MaskEditor
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.project import Project
from workstation.settings import Settings
from workstation.views.protocols.masks import MaskTool
from workstation.views.protocols.volume import Plane

MOVE_BAR_MS, BALL_BAR_MS, UNDO_BAR_MS, OTHERS_BAR_MS = 48.0, 100.0, 100.0, 150.0
DISC_VOXELS, BALL_VOXELS = 20, 30
MOVES_OF_A_STROKE = 30
Times = list[tuple[float, float]]


def make_project(folder: Path, size: int) -> Path:
    """Make a project of one volume of noise around a bright ball."""
    geometry = VolumeGeometry((size, size, size), np.diag([-0.5, -0.5, 0.5, 1.0]))
    rng = np.random.default_rng(0)
    plane = rng.integers(-50, 250, (size, size), dtype=np.int16)
    voxels = np.empty((size, size, size), np.int16, order="F")
    for k in range(size):
        voxels[:, :, k] = np.roll(plane, k)
    path = write_volume(folder / "volume.nii", Volume(voxels, geometry))
    with Project.create(folder / "project", "benchmark") as project:
        new = NewFile("case", "subject", "ct", FileKind.VOLUME, path, "0", 0, "CT", grid=geometry)
        with project.store.write() as session:
            insert_file(session, new, project.folder)
            set_item_kind(session, "case", ItemKind.VOLUME)
        return project.folder


class Desk:
    """The window on the volume, and a hand on its axial pane."""

    def __init__(self, folder: Path) -> None:
        settings = Settings.read()
        prepare(QApplication.instance(), settings)  # type: ignore[arg-type]
        self.window = build(settings, sample_folder=folder / "sample")
        self.window.resize(1600, 960)
        self.window.show()
        self.window.projects.open(folder)
        self.wait(lambda: self.window.workbench.project is not None)
        self.window.workbench.set_item("case")
        self.window.show_screen("volume")
        self.wait(lambda: self.window.screen("volume") is not None)
        screen: Any = self.window.screen("volume")
        found = screen.controller.findChild(MaskEditor)
        assert isinstance(found, MaskEditor)
        self.editor = found
        self.wait(lambda: self.editor.has_volume)
        self.view = screen.centre.view
        self.pane = self.view.panes[Plane.AXIAL]
        QTest.qWait(500)

    def wait(self, condition: Callable[[], object]) -> None:
        """Let the window work until a condition holds."""
        end = time.monotonic() + 120
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("The window was not ready in two minutes.")
            QCoreApplication.processEvents()
            time.sleep(0.01)

    def send(self, kind: QEvent.Type, voxel: tuple[float, float]) -> None:
        """Send the mouse to a voxel of the slice."""
        at: QPointF = self.pane.screen_of((*voxel, self.view.crosshair[2]))
        is_move = kind == QEvent.Type.MouseMove
        held = (
            Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else Qt.MouseButton.LeftButton
        )
        event = QMouseEvent(
            kind,
            at,
            QPointF(self.pane.mapToGlobal(at.toPoint())),
            Qt.MouseButton.NoButton if is_move else Qt.MouseButton.LeftButton,
            held,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(self.pane, event)

    def stroke(self, path: list[tuple[float, float]]) -> tuple[Times, Times, tuple[float, float]]:
        """Draw; return clock and processor time of each move, of the other panes, and of the release."""
        moves: Times = []
        others: Times = []
        self.send(QEvent.Type.MouseButtonPress, path[0])
        for voxel in path[1:]:
            start, own = time.perf_counter(), time.thread_time()
            self.send(QEvent.Type.MouseMove, voxel)
            self.pane.repaint()
            moves.append((1e3 * (time.perf_counter() - start), 1e3 * (time.thread_time() - own)))
            QCoreApplication.processEvents()
            others.append((1e3 * (time.perf_counter() - start), 1e3 * (time.thread_time() - own)))
        start, own = time.perf_counter(), time.thread_time()
        self.send(QEvent.Type.MouseButtonRelease, path[-1])
        release = 1e3 * (time.perf_counter() - start), 1e3 * (time.thread_time() - own)
        QTest.qWait(30)
        return moves, others, release

    def undo(self) -> tuple[float, float]:
        """Undo the last edit, and return clock and processor time until the panes are painted."""
        project = self.window.workbench.project
        assert project is not None
        labels = self.editor.drawing.labels
        assert labels is not None
        before = project.history.undo_title("case")
        start, own = time.perf_counter(), time.thread_time()
        self.window.history.undo()
        self.editor.drawing.volumes.arrays.follow()
        for pane in self.view.panes.values():
            pane.repaint()
        took = 1e3 * (time.perf_counter() - start), 1e3 * (time.thread_time() - own)
        assert before is not None
        QTest.qWait(30)
        return took


def path_of(size: int, number: int, count: int) -> list[tuple[float, float]]:
    """Return a curved path through the middle of a slice, of steps of some voxels."""
    shares = np.linspace(0, 1, count)
    radius = size * (0.12 + 0.03 * (number % 5))
    angles = 2 * np.pi * (0.4 * shares + 0.13 * number)
    return [(size / 2 + radius * float(np.cos(a)), size / 2 + radius * float(np.sin(a))) for a in angles]


def napari_moves(size: int, radius: int, dimensions: int, paths: list[list[tuple[float, float]]]) -> Times:
    """Return clock and processor time of each move when napari's own layer paints the same path."""
    from napari.layers import Labels

    layer = Labels(np.zeros((size, size, size), np.uint8))
    layer.n_edit_dimensions = dimensions
    layer.brush_size = 2 * radius + 1
    layer.selected_label = 1
    times: Times = []
    for path in paths:
        for i, j in path[1:]:
            start, own = time.perf_counter(), time.thread_time()
            layer.paint((size // 2, round(i), round(j)), 1, refresh=False)
            times.append((1e3 * (time.perf_counter() - start), 1e3 * (time.thread_time() - own)))
    return times


def own_moves(size: int, radius: int, dimensions: int, paths: list[list[tuple[float, float]]]) -> Times:
    """Return clock and processor time of each move in an array, with the change that undo will need."""
    labels = np.zeros((size, size, size), np.uint8, order="F")
    footprint = brush((1.0, 1.0, 1.0), float(radius), 2 if dimensions == 2 else None)
    times: Times = []
    for path in paths:
        voxels = [(round(i), round(j), size // 2) for i, j in path]
        for last, now in itertools.pairwise(voxels):
            start, own = time.perf_counter(), time.thread_time()
            stroke(labels, [last, now], footprint, Paint(1)).apply(labels)
            times.append((1e3 * (time.perf_counter() - start), 1e3 * (time.thread_time() - own)))
    return times


def line(what: str, times: Times, bar_ms: float | None) -> str:
    """Return one line of the table."""
    clock, own = (np.percentile([one[part] for one in times], [50, 95]) for part in (0, 1))
    verdict = "" if bar_ms is None else f"  bar {bar_ms:4.0f}  {'holds' if clock[1] <= bar_ms else 'MISSED'}"
    return (
        f"{what:<44} p50 {clock[0]:6.1f}  p95 {clock[1]:6.1f} ms"
        f"   thread p50 {own[0]:6.1f}  p95 {own[1]:6.1f} ms{verdict}"
    )


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--moves", type=int, default=120)
    arguments = parser.parse_args()
    app = QApplication.instance() or QApplication(sys.argv)
    num_strokes = max(1, arguments.moves // MOVES_OF_A_STROKE)
    paths = [path_of(arguments.size, number, MOVES_OF_A_STROKE + 1) for number in range(num_strokes)]
    with tempfile.TemporaryDirectory() as home:
        desk = Desk(make_project(Path(home), arguments.size))
        settings = desk.editor.drawing.settings
        desk.editor.choose(MaskTool.PAINT)
        # The first stroke makes the label map.
        desk.stroke(paths[0][:2])
        lines = []
        for title, is_ball, voxels, bar in (
            (f"2D brush, {DISC_VOXELS} voxels", False, DISC_VOXELS, MOVE_BAR_MS),
            (f"2D brush with gate, {DISC_VOXELS} voxels", False, DISC_VOXELS, MOVE_BAR_MS),
            (f"3D brush, {BALL_VOXELS} voxels", True, BALL_VOXELS, BALL_BAR_MS),
        ):
            desk.editor.set_ball(is_ball)
            desk.editor.set_radius(0.5 * voxels)
            desk.editor.set_gate(0, 200)
            desk.editor.set_gated("gate" in title)
            moves: Times = []
            others: Times = []
            releases: Times = []
            undos: Times = []
            for path in paths:
                moved, painted, release = desk.stroke(path)
                moves += moved
                others += painted
                releases.append(release)
                undos.append(desk.undo())
            lines += [
                line(f"{title}: event to painted pane", moves, bar),
                line("   event to every pane", others, OTHERS_BAR_MS),
                line("   release, stored", releases, None),
                line("   undo, every pane", undos, UNDO_BAR_MS),
            ]
            settings.is_gated = False
        for dimensions, voxels in ((2, DISC_VOXELS), (3, BALL_VOXELS)):
            title = f"{dimensions}D, {voxels} voxels, no canvas"
            given = (arguments.size, voxels, dimensions, paths)
            lines.append(line(f"array and change alone {title}", own_moves(*given), None))
            lines.append(line(f"napari Labels.paint {title}", napari_moves(*given), None))
        print("\n".join(lines))  # noqa: T201
        desk.window.close()
    del app
    return 0


if __name__ == "__main__":
    sys.exit(main())
