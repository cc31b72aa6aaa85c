"""Frames a second of the comparison modes, and how they compare with sending composed arrays to napari.

Run it where a display is: ``python tests/benchmarks/compare_modes.py [--size PX] [--frames N]``. Bar: at
least 10 frames a second with a renderer in software on two cores, and no copy of an array in a frame.

A frame is: turn what the mode has to turn (move the edge, alternate, resize the tiles), paint, and let the
window show it. "arrays" composes the same picture with numpy and gives it to napari's layer instead.
Both arms take turns within one process, so that other work on the machine meets both.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PySide6.QtWidgets import QApplication

from engines.imaging.comparison import compose_checkerboard, compose_curtain
from engines.imaging.screen_picture import picture_of
from workstation.viewers.canvas import ImageCanvas
from workstation.viewers.compare_pane import ImagePane
from workstation.viewers.image_overlay import ImageOverlay
from workstation.viewers.mode_painter import Camera
from workstation.views.protocols.compare import PaneContent
from workstation.views.protocols.overlay_modes import Mode, ModeSettings, Overlay

MODES = (Mode.CURTAIN, Mode.CHECKERBOARD, Mode.FLICKER)
PANE_PX = (900, 760)
ROUNDS = 5

Pixels = npt.NDArray[np.uint8]
Step = Callable[[Mode, int], None]


def images(side_px: int) -> tuple[Pixels, Pixels]:
    """Return two RGB images with detail."""
    rows, columns = np.mgrid[:side_px, :side_px]
    wave = np.sin(rows / 9.0) + np.cos(columns / 13.0) + 2
    first = (wave * 60).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 40, first.shape, dtype=np.uint8)
    return np.dstack([first, first // 2, first // 3]), np.dstack([first // 3, first - noise // 2, noise])


def turned(mode: Mode, number: int) -> ModeSettings:
    """Return the settings of the n-th frame."""
    settings = ModeSettings()
    if mode is Mode.CURTAIN:
        return replace(settings, share=(number % 40) / 40)
    return replace(settings, tile_px=48.0 + number % 40)


class OverCanvas:
    """The painter above a napari canvas, as on the Pairs screen."""

    def __init__(self, application: QApplication, first: Pixels, second: Pixels) -> None:
        self._application = application
        self.canvas = ImageCanvas()
        self.canvas.resize(*PANE_PX)
        self.canvas.show()
        application.processEvents()
        self.canvas.show_image(first)
        self._overlay = ImageOverlay(self.canvas)
        self._picture = picture_of(second)

    def begin(self, mode: Mode) -> None:
        """Show a mode; its own clock stands still."""
        self._overlay.show_overlay(Overlay(mode, self._picture), ("fixed", "moving"))
        self._overlay._clock.stop()
        self._application.processEvents()

    def step(self, mode: Mode, number: int) -> None:
        """Show one frame."""
        if mode is Mode.FLICKER:
            self._overlay.painter.is_second_shown = number % 2 == 1
        self._overlay.painter.settings = turned(mode, number)
        self._overlay.repaint()
        self._application.processEvents()

    def close(self) -> None:
        """Let go of the canvas."""
        self._overlay.shut()
        self.canvas.shut()
        self.canvas.close()


class OfArrays:
    """The same pictures composed with numpy, and uploaded to napari each frame."""

    def __init__(self, application: QApplication, first: Pixels, second: Pixels) -> None:
        self._application = application
        self._images = (first, second)
        self.canvas = ImageCanvas()
        self.canvas.resize(*PANE_PX)
        self.canvas.show()
        application.processEvents()
        self.canvas.show_image(first)

    def begin(self, _mode: Mode) -> None:
        """Nothing to prepare."""
        self._application.processEvents()

    def step(self, mode: Mode, number: int) -> None:
        """Show one frame."""
        first, second = self._images
        settings = turned(mode, number)
        if mode is Mode.CURTAIN:
            picture = compose_curtain(first, second, settings.share, is_vertical=True)
        elif mode is Mode.CHECKERBOARD:
            picture = compose_checkerboard(first, second, settings.tile_px)
        else:
            picture = (first, second)[number % 2]
        self.canvas.show_image(picture, keep_view=True)
        self.canvas.native.repaint()
        self._application.processEvents()

    def close(self) -> None:
        """Let go of the canvas."""
        self.canvas.shut()
        self.canvas.close()


class OfPane:
    """A pane of the Compare screen."""

    def __init__(self, application: QApplication, first: Pixels, second: Pixels) -> None:
        self._application = application
        self.pane = ImagePane()
        self.pane.resize(*PANE_PX)
        self.pane.show()
        side = first.shape[1]
        self.pane.set_reference(picture_of(first), (side, side), None)
        self.pane.show_content(PaneContent("source", picture_of(second)))
        whole = self.pane.whole_camera()
        self._camera = whole or Camera()
        self.pane.set_camera(self._camera)

    def begin(self, mode: Mode) -> None:
        """Show a mode."""
        self.pane.set_mode(mode)
        self._application.processEvents()

    def step(self, mode: Mode, number: int) -> None:
        """Show one frame."""
        if mode is Mode.FLICKER:
            self.pane.painter.is_second_shown = number % 2 == 1
        self.pane.painter.settings = turned(mode, number)
        self.pane.repaint()
        self._application.processEvents()

    def pan(self, number: int) -> None:
        """Show one frame of a pan, for which both pictures are scaled again."""
        x, y = self._camera.centre_xy
        self.pane.set_camera(Camera((x + number, y), self._camera.zoom * 1.5))
        self.pane.repaint()
        self._application.processEvents()

    def close(self) -> None:
        """Close."""
        self.pane.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1500, help="side of the images in px")
    parser.add_argument("--frames", type=int, default=30, help="frames a round")
    arguments = parser.parse_args()
    application = QApplication([])
    pair = images(arguments.size)
    arms = {
        "over the canvas": OverCanvas(application, *pair),
        "arrays to napari": OfArrays(application, *pair),
        "compare pane": OfPane(application, *pair),
    }
    print(f"two RGB images of {arguments.size} px, pane {PANE_PX[0]} x {PANE_PX[1]} px")  # noqa: T201
    print(f"{'mode':14} {'arm':18} {'median ms':>10} {'p95 ms':>8} {'frames/s':>9} {'of arrays':>10}")  # noqa: T201
    for mode in MODES:
        times: dict[str, list[float]] = {name: [] for name in arms}
        for _ in range(ROUNDS):
            for name, arm in arms.items():
                arm.begin(mode)
                arm.step(mode, 0)
                for number in range(1, arguments.frames + 1):
                    began = time.perf_counter()
                    arm.step(mode, number)
                    times[name].append(1000 * (time.perf_counter() - began))
        slow = statistics.median(times["arrays to napari"])
        for name, found in times.items():
            report(mode.value, name, found, slow)
    pane = arms["compare pane"]
    assert isinstance(pane, OfPane)
    pane.begin(Mode.CURTAIN)
    found = []
    for number in range(1, ROUNDS * arguments.frames):
        began = time.perf_counter()
        pane.pan(number)
        found.append(1000 * (time.perf_counter() - began))
    report("pan, curtain", "compare pane", found, None)
    for arm in arms.values():
        arm.close()


def report(mode: str, arm: str, times: list[float], slow: float | None) -> None:
    """Print a line."""
    median = statistics.median(times)
    high = float(np.percentile(times, 95))
    ratio = "" if slow is None else f"{median / slow:9.2f}x"
    print(f"{mode:14} {arm:18} {median:10.1f} {high:8.1f} {1000 / median:9.0f} {ratio:>10}")  # noqa: T201


if __name__ == "__main__":
    main()
