"""Drawing, scrolling and opening a volume of 512^3 voxels in the volume view.

``python tests/benchmarks volume_view [--edge N] [--check]`` measures, with a surface beside the slices:

- a stroke of the brush, from the mouse event to the painted pane (each event changes the voxels);
- scrolling three linked slices, one slice each a frame;
- painting a label map anew, as undo does;
- the first slice of a ``.nii`` and a ``.nii.gz``, beside the bare read of the same file by nibabel.

Every time is wall time, with the processor time of the window's thread behind it: on a busy machine only
the second one says what the window costs. With ``--check`` it ends with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from engines.imaging.volumes.surfaces import surface_of
from engines.imaging.volumes.unpacked_volumes import unpack
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_volume
from workstation.viewers.slice_canvas import SliceCanvas
from workstation.viewers.volume_view import VolumeView
from workstation.views.protocols.volume import ImageLayer, LabelLayer, PaneEvent, Plane, SurfaceMesh

STROKE_BAR_MS = 48.0
BALL_BAR_MS = 100.0
OTHERS_BAR_MS = 150.0
SCROLL_BAR_FPS = 10.0
UNDO_BAR_MS = 100.0
NII_BAR_S = 1.5
GZ_BAR_RATIO = 2.0
SECOND_BAR_S = 2.0
NUM_STROKE_EVENTS = 120
NUM_FRAMES = 60
BRUSH_MM = 8.0
BALL_VOXELS = 30


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


class Timer:
    """Wall and processor times of a repeated work, in ms."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.own: list[float] = []

    def measure(self, work: Callable[[], object]) -> None:
        wall, own = time.perf_counter(), time.thread_time()
        work()
        self.wall.append(1000 * (time.perf_counter() - wall))
        self.own.append(1000 * (time.thread_time() - own))

    def p95(self) -> tuple[float, float]:
        return float(np.percentile(self.wall, 95)), float(np.percentile(self.own, 95))

    def median(self) -> tuple[float, float]:
        return float(np.median(self.wall)), float(np.median(self.own))


class Painter:
    """A brush as simple as can be: a square or a cube of ones around the mouse."""

    def __init__(self, view: VolumeView, labels: np.ndarray, radius: int, *, is_ball: bool) -> None:
        self.view, self.labels, self.radius, self.is_ball = view, labels, radius, is_ball

    def pressed(self, event: PaneEvent) -> None:
        self.moved(event)

    def moved(self, event: PaneEvent) -> None:
        centre = [round(place) for place in event.position]
        box = tuple(
            slice(max(at - self.radius, 0), at + self.radius + 1)
            if self.is_ball or axis != event.axis
            else slice(at, at + 1)
            for axis, at in enumerate(centre)
        )
        self.labels[box] = 1
        self.view.refresh_labels("mask", box)

    def released(self, event: PaneEvent) -> None:
        """Nothing is left to do."""

    def double_clicked(self, event: PaneEvent) -> None:
        """Nothing to close."""


class Bench:
    """The view on a synthetic case."""

    def __init__(self, edge: int) -> None:
        self.application = QApplication(sys.argv[:1])
        matrix = np.diag([-0.5, -0.5, 0.5, 1.0])
        self.grid = VolumeGeometry((edge, edge, edge), matrix)
        self.voxels = synthetic(edge)
        self.labels = np.zeros((edge, edge, edge), np.uint8)
        self.view = VolumeView()
        self.view.resize(1400, 900)
        self.view.show()
        self.view.set_grid(self.grid)
        self.show(self.voxels)
        self.view.set_labels([LabelLayer("mask", "mask", self.labels, self.grid)])
        ball = np.linalg.norm(np.indices((40, 40, 40)) - 19.5, axis=0) < 15
        vertices, faces = surface_of(ball, VolumeGeometry((40, 40, 40), np.eye(4)))
        self.view.show_surfaces([SurfaceMesh(vertices, faces, "#e69f00")])
        self.settle()
        self.failures = 0

    def show(self, voxels: np.ndarray) -> None:
        """Show an image."""
        self.view.set_images([ImageLayer("image", "image", Volume(voxels, self.grid), (-200.0, 400.0))])

    def settle(self) -> None:
        """Let the window paint."""
        for _ in range(10):
            self.application.processEvents()

    def report(
        self, name: str, value: float, own: float, bar: float, unit: str, *, is_least: bool = False
    ) -> None:
        """Print a line."""
        is_good = value >= bar if is_least else value <= bar
        self.failures += not is_good
        say(
            f"{name:42s} {value:9.1f} {unit:9s} own {own:8.1f}   bar {'>=' if is_least else '<='} {bar:g}"
            f"   {'' if is_good else 'MISSED'}"
        )

    def stroke(self, name: str, radius: int, bar_ms: float, *, is_ball: bool) -> None:
        """Drag the brush over the axial pane."""
        canvas = self.view.panes[Plane.AXIAL]
        self.view.set_tool(Painter(self.view, self.labels, radius, is_ball=is_ball))
        self.view.set_brush(BRUSH_MM, is_ball=is_ball)
        centre = QPointF(canvas.rect().center())
        timer = Timer()
        send(canvas, QEvent.Type.MouseButtonPress, centre)
        self.settle()
        for number in range(NUM_STROKE_EVENTS):
            turn = number / 12.0
            at = centre + QPointF(np.cos(turn), np.sin(turn)) * (20 + number)

            def work(at: QPointF = at) -> None:
                send(canvas, QEvent.Type.MouseMove, at)
                self.application.processEvents()

            timer.measure(work)
        send(canvas, QEvent.Type.MouseButtonRelease, centre)
        self.view.set_tool(None)
        self.view.set_brush(None)
        self.report(name, *timer.p95(), bar_ms, "ms p95")

    def scroll(self) -> None:
        """Go through the volume in all three slices."""
        edge, timer = self.grid.shape[0], Timer()
        for number in range(NUM_FRAMES):
            at = edge // 4 + number

            def work(at: int = at) -> None:
                self.view.set_crosshair((at, at, at))
                self.application.processEvents()

            timer.measure(work)
        wall, own = timer.median()
        self.report(
            "scrolling three slices", 1000 / wall, 1000 / own, SCROLL_BAR_FPS, "frames/s", is_least=True
        )

    def undo(self) -> None:
        """Paint all of a label map anew."""
        timer = Timer()
        for number in range(20):
            self.labels[100:200, 100:200, :] = number % 3

            def work() -> None:
                self.view.refresh_labels("mask", None)
                self.application.processEvents()

            timer.measure(work)
        self.report("a label map anew (undo)", *timer.p95(), UNDO_BAR_MS, "ms p95")

    def opening(self, folder: Path) -> None:
        """Open files and paint their first slices."""
        plain, packed = folder / "volume.nii", folder / "volume.nii.gz"
        image = nib.Nifti1Image(self.voxels, self.grid.world_from_voxel)
        nib.save(image, plain)
        nib.openers.Opener.default_compresslevel = 1
        nib.save(image, packed)
        say(f"\n{plain.stat().st_size / 1e6:.0f} MB unpacked, {packed.stat().st_size / 1e6:.0f} MB packed")

        bare = seconds(lambda: np.asarray(nib.load(plain).dataobj[..., self.grid.shape[2] // 2]))
        first = seconds(lambda: self.paint_file(plain))
        self.report(".nii, first slices painted", first, first / bare, NII_BAR_S, "s")
        bare = seconds(lambda: np.asarray(nib.load(packed).dataobj))
        cache = folder / "cache"
        first = seconds(lambda: self.paint_file(unpack(packed, cache)))
        self.report(
            f".nii.gz, first slices / bare read {bare:.1f} s", first / bare, first, GZ_BAR_RATIO, "times"
        )
        second = seconds(lambda: self.paint_file(unpack(packed, cache)))
        self.report(".nii.gz, second opening", second, second / bare, SECOND_BAR_S, "s")

    def paint_file(self, path: Path | None) -> None:
        """Show a file and wait until its slices are painted."""
        assert path is not None
        self.show(read_volume(path).voxels)
        self.application.processEvents()


def synthetic(edge: int) -> np.ndarray:
    """Return a volume with structure and noise, Fortran order like a mapped NIfTI file."""
    i, j = np.ogrid[:edge, :edge]
    voxels = np.empty((edge, edge, edge), np.int16, order="F")
    noise = np.random.default_rng(0).integers(0, 24, (edge, edge), dtype=np.int16)
    for number in range(edge):
        wave = 150 * np.sin(i / 17) * np.cos(j / 23 + number / 31) + noise
        voxels[..., number] = wave
    return voxels


def send(canvas: SliceCanvas, kind: QEvent.Type, at: QPointF) -> None:
    """Send the left button to a pane."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    button = none if kind == QEvent.Type.MouseMove else left
    buttons = none if kind == QEvent.Type.MouseButtonRelease else left
    event = QMouseEvent(kind, at, canvas.mapToGlobal(at), button, buttons, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas, event)


def seconds(work: Callable[[], object]) -> float:
    """Return how long a work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=512, metavar="N", help="voxels along each axis")
    parser.add_argument("--check", action="store_true", help="end with 1 when a bar is missed")
    arguments = parser.parse_args()
    bench = Bench(arguments.edge)
    memory = psutil.Process().memory_info().rss
    held = bench.voxels.nbytes + bench.labels.nbytes
    say(f"{'':42s} {'':19s} processor time of the window's thread")
    bench.stroke("stroke in a slice, all panes", 16, STROKE_BAR_MS, is_ball=False)
    bench.stroke("stroke of a ball, all panes", BALL_VOXELS, BALL_BAR_MS, is_ball=True)
    bench.scroll()
    bench.undo()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        bench.opening(Path(folder))
        say(f"\nmemory {memory / 1e6:.0f} MB, of which {held / 1e6:.0f} MB are the volumes")
        bench.show(bench.voxels)
    bench.view.shut()
    return int(arguments.check and bench.failures > 0)


if __name__ == "__main__":
    sys.exit(main())
