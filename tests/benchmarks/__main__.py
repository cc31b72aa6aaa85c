"""Every benchmark of the window, one after another: ``python tests/benchmarks [NAME...]``.

Each runs in a process of its own and prints its table. Without a display a virtual one is started.
Benchmarks of a pipeline need data or an hour and are started by themselves, see the README.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
OF_THE_WINDOW = (
    "start_up",
    "keypoint_drag",
    "compare_modes",
    "compare_volumes",
    "volume_view",
    "mask_editing",
    "item_switching",
    "run_plots",
    "annotating_while_training",
)
VIRTUAL_DISPLAY = ("xvfb-run", "-a", "-s", "-screen 0 1700x1000x24")


def main() -> int:
    """Run the chosen benchmarks; return 1 when one of them could not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(OF_THE_WINDOW))
    names = parser.parse_args().names or OF_THE_WINDOW
    unknown = [name for name in names if not (FOLDER / f"{name}.py").is_file()]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; choose from: {', '.join(OF_THE_WINDOW)}")
    has_display = bool(os.environ.get("DISPLAY")) or not sys.platform.startswith("linux")
    if not has_display and shutil.which(VIRTUAL_DISPLAY[0]) is None:
        parser.error("there is no display, and xvfb-run is not installed")
    failures = 0
    for name in names:
        print(f"\n== {name}", flush=True)  # noqa: T201
        command = (sys.executable, str(FOLDER / f"{name}.py"))
        failures += subprocess.call(command if has_display else (*VIRTUAL_DISPLAY, *command)) != 0
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
