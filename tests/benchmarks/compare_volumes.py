"""Frames a second of the comparison modes on slices of large volumes, and the cost of stepping on.

Run it where a display is: ``python tests/benchmarks/compare_volumes.py [--size VOXELS] [--frames N]``. Bars:
at least 10 frames a second with a renderer in software on two cores, and no copy of a volume in a frame.

A frame is: turn what the mode has to turn, paint, and let the window show it. A step makes the slices of
every pane anew on a thread, and then shows them. Memory is what numpy and Qt's images were given at most
during a frame or a step, beyond what was there before.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from PySide6.QtWidgets import QApplication

from engines.contract.messages import Message
from engines.imaging.comparison import Change
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.controllers.compare.compare_slices import CompareSlices
from workstation.controllers.compare.volume_compare_sources import VolumeSource, VolumeSources
from workstation.controllers.volume.slice_places import MIDDLE, Adjustment, SliceWish
from workstation.controllers.volume.volume_images import CaseImage
from workstation.viewers.slice_compare_view import SliceCompareView
from workstation.viewers.slice_pane import SlicePane
from workstation.views.protocols.compare import SourceRow
from workstation.views.protocols.overlay_modes import Mode, ModeSettings
from workstation.views.protocols.volume import Plane

MODES = (Mode.CURTAIN, Mode.CHECKERBOARD, Mode.FLICKER)
VIEW_PX = (1200, 760)
BAR_FPS = 10.0
COLOURS = {Change.KEPT: "#999999", Change.ADDED: "#0072B2", Change.REMOVED: "#D55E00"}


class InMemory(CompareSlices):
    """Volumes that were made here.

    Parameters
    ----------
    side : int
        Voxels along each axis.
    """

    def __init__(self, side: int) -> None:
        shape, spacing = (side, side, side), (0.4, 0.4, 0.5)
        self._geometry = VolumeGeometry(shape, np.diag([-spacing[0], -spacing[1], spacing[2], 1.0]))
        i, j, k = np.ogrid[:side, :side, :side]
        image = np.asfortranarray((i * 3 % 400 + j * 2 % 300 + k % 200).astype(np.int16))
        self._image = CaseImage(
            key="cta",
            title="CTA",
            unit="HU",
            has_contrast=True,
            volume=Volume(image, self._geometry),
            value_range=(-150.0, 450.0),
        )
        middle = side / 2
        distance = np.sqrt((i - middle) ** 2 + (j - middle) ** 2 + (k - middle) ** 2)
        self._masks = {
            name: Volume(np.asfortranarray((distance < radius * side).astype(np.uint8)), self._geometry)
            for name, radius in (("first", 0.30), ("second", 0.33))
        }
        sources = tuple(
            VolumeSource(SourceRow(name, Message(name)), name, "cta", stamp=name) for name in self._masks
        )
        nobody: Any = None
        windows = ((-160.0, 240.0), (-150.0, 450.0))
        super().__init__(nobody, VolumeSources(nobody, (), sources, "first"), Path(), COLOURS, windows)

    def image(self, _role: str) -> CaseImage:
        """Return the image."""
        return self._image

    def mask(self, source: VolumeSource) -> Volume:
        """Return a label map."""
        return self._masks[source.name]


class Bench:
    """Two panes, and what they show."""

    def __init__(self, application: QApplication, side: int) -> None:
        self._application = application
        self._slices = InMemory(side)
        keys = ("second", "first")
        self._wish = SliceWish(keys, "first", Mode.TILES, Plane.AXIAL, MIDDLE, 0, (Adjustment(),) * 2)
        self._side = side
        self.view = SliceCompareView()
        self.view.resize(*VIEW_PX)
        self.view.show()
        self.view.show_sources([source.row for source in self._slices.sources.sources], keys, "first")
        self.step(Plane.AXIAL, 0)
        application.processEvents()

    def step(self, plane: Plane, number: int, mode: Mode = Mode.TILES) -> None:
        """Make and show a slice."""
        middle = self._side / 2 + number
        wish = replace(self._wish, plane=plane, position=(middle, middle, middle), mode=mode)
        self.view.show_slices(self._slices.slices(wish))
        self.show()

    def frame(self, mode: Mode, number: int) -> None:
        """Show one frame of a mode; its own clock stands still."""
        pane = cast("SlicePane", self.view.panes[0])
        if mode is Mode.FLICKER:
            pane.alternate(number % 2 == 1)
        settings = ModeSettings(share=(number % 40) / 40, tile_px=24.0 + number % 40)
        pane.set_settings(settings)
        self.show()

    def begin(self, mode: Mode) -> None:
        """Show a mode."""
        self.view.show_mode(mode)
        self.view.shut()
        self.show()

    def show(self) -> None:
        """Paint now."""
        for pane in self.view.panes:
            pane.repaint()
        self._application.processEvents()


def timed(work: Callable[[int], None], count: int) -> tuple[list[float], list[float], float]:
    """Return milliseconds by the clock and of the processor, and the most memory of one, in MB."""
    walls, cpus = [], []
    for number in range(count):
        wall, cpu = time.perf_counter(), time.process_time()
        work(number)
        walls.append(1000 * (time.perf_counter() - wall))
        cpus.append(1000 * (time.process_time() - cpu))
    tracemalloc.start()
    work(count)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    work(count + 1)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return walls, cpus, peak / 1e6


def main() -> int:
    """Print the table; the exit status tells whether the bar was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="voxels along each axis")
    parser.add_argument("--frames", type=int, default=60)
    arguments = parser.parse_args()
    application = QApplication([])
    bench = Bench(application, arguments.size)
    volume_mb = 2 * arguments.size**3 / 1e6
    print(f"{arguments.size}^3 voxels, image of {volume_mb:.0f} MB, view {VIEW_PX[0]} x {VIEW_PX[1]} px")  # noqa: T201
    print(f"{'what':22} {'median ms':>10} {'p95 ms':>8} {'cpu ms':>8} {'frames/s':>9} {'MB':>7}")  # noqa: T201
    is_reached = True
    for mode in MODES:
        bench.begin(mode)
        found = timed(lambda number, mode=mode: bench.frame(mode, number), arguments.frames)  # type: ignore[misc]
        rate = report(f"frame, {mode.value}", *found)
        is_reached = is_reached and rate >= BAR_FPS and found[2] < volume_mb / 4
    bench.begin(Mode.TILES)
    for plane in Plane:
        report(f"step, {plane.value}", *timed(lambda n, p=plane: bench.step(p, n), arguments.frames // 3))  # type: ignore[misc]
    for mode in (Mode.DIFFERENCE, Mode.DISTANCE):
        began = time.perf_counter()
        bench.step(Plane.AXIAL, 0, mode)
        print(f"first {mode.value}: {time.perf_counter() - began:.1f} s")  # noqa: T201
        bench.begin(mode)
        found = timed(lambda n, m=mode: bench.step(Plane.AXIAL, n, m), arguments.frames // 3)  # type: ignore[misc]
        report(f"step, {mode.value}", *found)
    bench.view.close()
    return 0 if is_reached else 1


def report(what: str, walls: list[float], cpus: list[float], peak_mb: float) -> float:
    """Print a line and return the frames a second."""
    median, rate = statistics.median(walls), 1000 / statistics.median(walls)
    high = float(np.percentile(walls, 95))
    print(  # noqa: T201
        f"{what:22} {median:10.1f} {high:8.1f} {statistics.median(cpus):8.1f} {rate:9.0f} {peak_mb:7.1f}"
    )
    return rate


if __name__ == "__main__":
    raise SystemExit(main())
