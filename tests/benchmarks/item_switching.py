"""Memory of the window: idle, and over 200 changes of the item; and how long a change takes.

``python tests/benchmarks item_switching [--switches N] [--check]`` opens the sample project in the real
window, goes round its items and prints a table: private memory, and what the canvases hold (layers of
napari, OpenGL textures). With ``--check`` it ends with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

IDLE_BAR_MB = 700.0
GROWTH_BAR_MB = 50.0
FIRST_CANVAS_BAR_S = 10.0
ROWS = 5


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


class Window:
    """The window on the sample project."""

    def __init__(self, home: Path) -> None:
        self.started = time.monotonic()
        from PySide6.QtWidgets import QApplication

        from workstation.app import build, prepare, spare_screens_from_collection
        from workstation.settings import Settings

        self.application = QApplication(sys.argv[:1])
        settings = Settings.read()
        prepare(self.application, settings)
        self.window = build(settings, sample_folder=home / "sample")
        spare_screens_from_collection(self.window)
        self.window.resize(1600, 960)
        self.window.show()
        self.window.actions_.action("project.sample").trigger()
        self.wait(lambda: self.window.workbench.project is not None)
        self.wait(lambda: self.window.screen("pairs") is not None)
        self.pairs = self.window.screen("pairs").controller
        self.view = self.window.screen("pairs").centre.pair_view
        self.wait(lambda: self.pairs.has_pair_of_images)
        self.first_canvas_s = time.monotonic() - self.started
        items = self.window.workbench.project.items.all()
        self.items = [item.id for item in items if item.has("fixed", "moving")]

    def switch(self, item_id: str) -> float:
        """Choose an item, wait for its images to be painted, and return the seconds that took."""
        began = time.monotonic()
        self.window.workbench.set_item(item_id)
        self.wait(lambda: self.pairs.has_pair_of_images)
        for side in ("fixed", "moving"):
            self.view.canvas(side).native.repaint()
        self.application.processEvents()
        return time.monotonic() - began

    def settle(self) -> None:
        """Let background work end, and collect garbage."""
        self.wait(lambda: self.window.workbench.background.num_waiting == 0)
        for _ in range(3):
            self.application.processEvents()
            gc.collect()

    def wait(self, condition: Callable[[], object], seconds: float = 120.0) -> None:
        """Let the window work until a condition holds."""
        start = time.monotonic()
        while not condition():
            self.application.processEvents()
            time.sleep(0.002)
            if time.monotonic() - start > seconds:
                raise TimeoutError("the window did not get there")

    def counts(self) -> tuple[int, int]:
        """Return the number of layers, and of textures that are alive."""
        from vispy.gloo import Texture2D

        layers = sum(len(self.view.canvas(side).model.layers) for side in ("fixed", "moving"))
        return layers, sum(isinstance(thing, Texture2D) for thing in gc.get_objects())


def private_mb() -> float:
    """Return the memory that only this process holds."""
    return float(psutil.Process().memory_full_info().uss) / 1e6


def resident_mb() -> float:
    """Return the memory that the system counts for this process."""
    return float(psutil.Process().memory_info().rss) / 1e6


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--switches", type=int, default=200)
    parser.add_argument("--check", action="store_true", help="end with 1 when a bar is missed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "APPDATA"):
            os.environ[name] = home
        return _measure(Window(Path(home)), arguments.switches, is_checked=arguments.check)


def _measure(window: Window, num_switches: int, *, is_checked: bool) -> int:
    # Once round: what is kept on purpose, such as the maps of vessels, is there then.
    for item_id in window.items:
        window.switch(item_id)
    window.settle()
    idle = resident_mb()
    say(f"first canvas {window.first_canvas_s:6.1f} s    bar {FIRST_CANVAS_BAR_S:.0f}")
    say(f"idle memory  {idle:6.0f} MB   bar {IDLE_BAR_MB:.0f}")
    say("\nswitches   private MB   growth MB   layers   textures   change ms (median, largest)")
    start, seconds = private_mb(), []
    growth = 0.0
    for number in range(num_switches + 1):
        if number % max(1, num_switches // ROWS) == 0:
            window.settle()
            now = private_mb()
            growth = now - start
            layers, textures = window.counts()
            median, largest = (np.median(seconds), max(seconds)) if seconds else (0.0, 0.0)
            say(
                f"{number:8d} {now:12.0f} {growth:11.1f} {layers:8d} {textures:10d}"
                f" {1000 * median:11.0f} {1000 * largest:8.0f}"
            )
            seconds = []
        if number < num_switches:
            seconds.append(window.switch(window.items[number % len(window.items)]))
    say(f"\ngrowth       {growth:6.1f} MB   bar {GROWTH_BAR_MB:.0f}")
    window.window.close()
    is_good = idle <= IDLE_BAR_MB and growth <= GROWTH_BAR_MB and window.first_canvas_s <= FIRST_CANVAS_BAR_S
    return int(is_checked and not is_good)


if __name__ == "__main__":
    sys.exit(main())
