"""Render every screen into ``resources/screenshots``: the real window on the sample project.

Run it with a display: ``python tests/screenshots.py [--light] [--size 1280x720] [FOLDER]``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

ROOT = Path(__file__).resolve().parents[1]
WIDTH_PX = 1400
FOLDER = {
    "001_OS_cf.jpg": "colour_fundus.jpg",
    "001_OS_fa.png": "angiogram_like_2.png",
    "002_OD_1.jpg": "visit_1.jpg",
    "002_OD_2.jpg": "visit_2.jpg",
    "003_OS_fa.png": "angiogram.png",
    "003_OS_octa.png": "octa.png",
    "004_OS_cf.jpg": "colour_fundus.jpg",
    "004_OS_fa.png": "angiogram_like_3.png",
}
"""A folder as people have it, with one person's image under two names."""
sys.path.insert(0, str(ROOT))


def main() -> int:
    """Open the window, walk through its screens, and grab each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "resources" / "screenshots")
    parser.add_argument("--light", action="store_true", help="the light theme")
    parser.add_argument("--size", default="1600x960", help="WIDTHxHEIGHT in px")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    width, height = (int(part) for part in arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as home:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "APPDATA"):
            os.environ[name] = home
        Walk(Path(home), arguments.folder, (width, height), is_light=arguments.light).run()
    return 0


class Walk:
    """The window, and a person who walks through it.

    Parameters
    ----------
    home : Path
        Where the sample project is made.
    out : Path
        Where the pictures go.
    size : (width, height), px
    is_light : bool
        The light theme.
    """

    def __init__(self, home: Path, out: Path, size: tuple[int, int], *, is_light: bool) -> None:
        from PySide6.QtWidgets import QApplication

        from workstation.app import build, prepare
        from workstation.settings import Settings

        self.application = QApplication(sys.argv[:1])
        settings = Settings.read()
        if is_light:
            settings.theme = "light"
        prepare(self.application, settings)
        self.home = home
        self.window = build(settings, sample_folder=home / "sample")
        self.window.resize(*size)
        self.out = out
        self.window.show()
        self.window.activateWindow()

    def run(self) -> None:
        """Walk."""
        window = self.window
        self.settle(1.0)
        self.grab("empty")
        window.actions_.action("project.sample").trigger()
        self.wait(lambda: window.workbench.project is not None)
        window.show_screen("pairs")
        window.workbench.set_item("known-2")
        controller = window.screen("pairs").controller
        self.wait(lambda: controller.has_pair_of_images)
        self.settle(1.5)
        controller.step(1)
        window.actions_.action("pairs.reset_view").trigger()
        self.settle(1.0)
        self.grab("pairs")
        controller.register()
        self.wait(lambda: controller.is_registering, 20)
        self.wait(lambda: not controller.is_registering)
        self.wait(lambda: controller.link is not None)
        window.actions_.action("pairs.blend").trigger()
        self.settle(1.5)
        self.grab("registered")
        self._compare()
        self._import()
        self._volume()
        self._train()
        self._evaluate()
        window.close()

    def _compare(self) -> None:
        self.window.show_screen("compare")
        self.settle(3.0)
        self.window.actions_.action("compare.difference").trigger()
        self.settle(4.0)
        self.grab("compare")

    def _import(self) -> None:
        from workstation.views.data.import_dialog import ImportDialog

        images = self.home / "sample" / "images"
        folder = self.home / "study"
        folder.mkdir()
        for name, source in FOLDER.items():
            shutil.copyfile(images / source, folder / name)
        self.window.accept_paths([folder])

        def dialogs() -> list[ImportDialog]:
            return [found for found in self.window.findChildren(ImportDialog) if found.isVisible()]

        self.wait(lambda: bool(dialogs()))
        self.settle(4.0)
        self.grab("import", dialogs()[0])
        dialogs()[0].close()

    def _volume(self) -> None:
        window = self.window
        window.workbench.set_item("coronary-ct")
        window.show_screen("volume")
        controller = window.screen("volume").controller
        self.wait(lambda: controller.active_labels is not None)
        self.settle(8.0)
        self.grab("volume")
        window.show_screen("compare")
        self.settle(4.0)
        window.actions_.action("compare.difference").trigger()
        self.settle(5.0)
        self.grab("compare_volumes")

    def _train(self) -> None:
        window = self.window
        window.workbench.set_item("known-2")
        window.show_screen("train")
        train = window.screen("train")
        start = window.actions_.action("train.start")
        train.centre.preset_chosen.emit("tiny")
        self.settle(0.5)
        # Long enough to be met while it runs.
        train.centre.set_values({"epochs": 60})
        self.wait(start.isEnabled)
        start.trigger()
        self.wait(lambda: bool(window.workbench.live_runs.live()))
        live = window.workbench.live_runs.live()[0]
        self.wait(lambda: live.is_over or live.model.step >= 60)
        self.grab("train")
        window.actions_.action("train.stop").trigger()
        self.wait(lambda: live.is_over)
        # The next phase opens a moment later.
        self.settle(4)
        self.grab("trained")

    def _evaluate(self) -> None:
        window = self.window
        window.show_screen("runs")
        runs = window.screen("runs")
        self.wait(lambda: runs.centre.list.model.rowCount() > 0)
        rows = [runs.centre.list.model.at(index) for index in range(runs.centre.list.model.rowCount())]
        trained = next(row for row in rows if row.phase)
        runs.centre.list.select(trained.run_id)
        self.settle(1.0)
        runs.controller.evaluate()
        self.wait(lambda: bool(window.workbench.live_runs.live()), 30)
        live = window.workbench.live_runs.live()[0]
        self.wait(lambda: live.is_over)
        runs.centre.list.select(live.id)
        self.wait(runs.centre.evaluation.isVisible)
        self.settle(2.0)
        self.grab("runs")

    def wait(self, condition: Callable[[], object], seconds: float = 180.0) -> None:
        """Let the window work until a condition holds."""
        start = time.monotonic()
        while not condition():
            self.application.processEvents()
            time.sleep(0.01)
            if time.monotonic() - start > seconds:
                self.grab("stuck")
                raise TimeoutError("The window did not get there; see stuck.jpg.")

    def settle(self, seconds: float) -> None:
        """Let the window work for a while."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def grab(self, name: str, widget: QWidget | None = None) -> None:
        """Write a picture of the window, or of a dialog."""
        self.application.processEvents()
        path = self.out / f"{name}.jpg"
        picture = (widget or self.window).grab()
        if picture.width() > WIDTH_PX:
            picture = picture.scaledToWidth(WIDTH_PX, Qt.TransformationMode.SmoothTransformation)
        if not picture.save(str(path), quality=88):
            raise OSError(f"{path} cannot be written.")


if __name__ == "__main__":
    sys.exit(main())
