"""Start of the window: first paint, first canvas, idle memory; beside it a bare napari viewer.

    python tests/benchmarks/start_up.py [--repeats 3]

Every start is a process of its own, by turns, on the sample project. Times count from the start of the
process. Bars on two cores: first paint within 3 s, first canvas within 10 s, at most 700 MB when idle,
and torch is never imported.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

IDLE_S = 3.0
MEGABYTE = 1_000_000


def start_window(project: Path) -> dict[str, Any]:
    """Start the window on a project and report."""
    from PySide6.QtCore import QCoreApplication
    from PySide6.QtWidgets import QApplication

    from workstation.app import build, prepare
    from workstation.settings import Settings

    application = QApplication([])
    settings = Settings()
    prepare(application, settings)
    window = build(settings, sample_folder=project)
    window.show()
    application.processEvents()
    first_paint_s = since_start()
    window.projects.open(project)

    def has_image() -> bool:
        screen = window.screen("pairs")
        return screen is not None and screen.centre.pair_view.fixed.image_size is not None

    while not has_image():
        QCoreApplication.processEvents()
        time.sleep(0.005)
    application.processEvents()
    first_canvas_s = since_start()
    report = {"first_paint_s": first_paint_s, "first_canvas_s": first_canvas_s, **idle(application)}
    window.close()
    return report


def start_napari(project: Path) -> dict[str, Any]:
    """Start napari with the two images of the first pair and report."""
    from PySide6.QtWidgets import QApplication

    from engines.imaging.images import read_image
    from workstation.viewers.napari_compat import quiet_import

    with quiet_import():
        import napari

        viewer = napari.Viewer(show=True)
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    application.processEvents()
    first_paint_s = since_start()
    for name in ("redfree_1.png", "colour_fundus.jpg"):
        viewer.add_image(read_image(project / "images" / name), name=name)
    application.processEvents()
    first_canvas_s = since_start()
    report = {"first_paint_s": first_paint_s, "first_canvas_s": first_canvas_s, **idle(application)}
    viewer.close()
    return report


def idle(application: Any) -> dict[str, Any]:
    """Let the window rest, and report its memory and whether torch came in."""
    import psutil

    end = time.monotonic() + IDLE_S
    while time.monotonic() < end:
        application.processEvents()
        time.sleep(0.01)
    return {
        "idle_mb": psutil.Process().memory_info().rss / MEGABYTE,
        "imports_torch": "torch" in sys.modules,
    }


def since_start() -> float:
    """Return the seconds since this process started."""
    import psutil

    return time.time() - psutil.Process().create_time()


STARTS = {"this program": start_window, "napari alone": start_napari}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=STARTS, help=argparse.SUPPRESS)
    parser.add_argument("--project", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        say(json.dumps(STARTS[options.only](options.project)))
        return
    from workstation.project.sample import create_sample

    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "sample"
        create_sample(project).close()
        reports: dict[str, list[dict[str, Any]]] = {name: [] for name in STARTS}
        for _ in range(options.repeats):
            for name, found in reports.items():
                found.append(child(name, project))
    title = f"median of {options.repeats}"
    say(f"{title:14} {'first paint':>12} {'first canvas':>13} {'idle':>8}   torch")
    medians = {name: summary(found) for name, found in reports.items()}
    for name, row in medians.items():
        say(
            f"{name:14} {row['first_paint_s']:10.2f} s {row['first_canvas_s']:11.2f} s "
            f"{row['idle_mb']:5.0f} MB   {'imported' if row['imports_torch'] else 'not imported'}"
        )
    ours, other = medians.values()
    say(
        f"{'ratio':14} {ours['first_paint_s'] / other['first_paint_s']:10.2f}  "
        f"{ours['first_canvas_s'] / other['first_canvas_s']:12.2f}  {ours['idle_mb'] / other['idle_mb']:8.2f}"
    )
    say("bars                  3.00 s       10.00 s   700 MB   not imported")


def child(name: str, project: Path) -> dict[str, Any]:
    """Start one of them in a process and return its report."""
    command = [sys.executable, __file__, "--only", name, "--project", str(project)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8")
    report = json.loads(answer.stdout.strip().splitlines()[-1])
    assert isinstance(report, dict)
    return report


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of the numbers, and whether any start imported torch."""
    numbers = ("first_paint_s", "first_canvas_s", "idle_mb")
    return {key: statistics.median(report[key] for report in found) for key in numbers} | {
        "imports_torch": any(report["imports_torch"] for report in found)
    }


def say(line: str) -> None:
    """Print a line of the table at once."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
