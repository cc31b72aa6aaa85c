"""Questions to Qt, OpenGL, torch and the system's libraries, each asked in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from typing import Any

from workstation.runs.launch import engine_environment

PROBE_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Probe:
    """What a child process found out; `error` says why it found nothing."""

    facts: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    exit_code: int = 0


QT_PROBE = """
import json
import PySide6
from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
application = QGuiApplication(["probe"])
facts = {"qt": qVersion(), "pyside": PySide6.__version__, "platform": application.platformName()}
context = QOpenGLContext()
surface = QOffscreenSurface()
surface.create()
if context.create() and context.makeCurrent(surface):
    functions = context.functions()
    facts["renderer"] = functions.glGetString(0x1F01)
    facts["opengl"] = functions.glGetString(0x1F02)
    context.doneCurrent()
print(json.dumps(facts))
"""

TORCH_PROBE = """
import json, warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import torch
    devices = []
    if torch.cuda.is_available():
        devices += [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
problems = [str(w.message).splitlines()[0] for w in said if "driver" in str(w.message).lower()]
print(json.dumps({"version": torch.__version__, "devices": devices,
                  "driver_problem": "" if devices or not problems else problems[0]}))
"""


def probe(code: str) -> Probe:
    """Run Python code that prints one JSON object, in a process of its own."""
    return probe_command([sys.executable, "-c", code])


def probe_command(command: list[str]) -> Probe:
    """Run a command that prints one JSON object on its last line or as its whole output."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=PROBE_TIMEOUT_S,
            env=engine_environment(),
            stdin=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Probe(error=f"No answer within {PROBE_TIMEOUT_S} s.", exit_code=1)
    if done.returncode != 0:
        return Probe(error=done.stderr or "It said nothing.", exit_code=done.returncode)
    try:
        facts = json.loads(done.stdout[done.stdout.index("{") :])
    except ValueError:
        return Probe(error=f"No answer: {done.stdout[-200:]}", exit_code=done.returncode)
    return Probe(facts=facts)


def missing_libraries() -> list[str]:
    """Return the shared libraries that Qt's X11 plugin needs and does not find; Linux only."""
    found = util.find_spec("PySide6")
    linker = shutil.which("ldd")
    if found is None or found.origin is None or linker is None:
        return []
    plugin = Path(found.origin).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    done = subprocess.run(
        [linker, str(plugin)], capture_output=True, text=True, check=False, timeout=PROBE_TIMEOUT_S
    )
    return parse_missing(done.stdout)


def parse_missing(ldd_output: str) -> list[str]:
    """Return the libraries that ``ldd`` lists as not found."""
    return [line.split()[0] for line in ldd_output.splitlines() if line.rstrip().endswith("not found")]


def debian_package(library: str) -> str:
    """Guess Debian's package of a shared library: ``libxcb-icccm.so.4`` is in ``libxcb-icccm4``."""
    stem, _, version = library.partition(".so.")
    known = {"libGL": "libgl1", "libEGL": "libegl1"}
    separator = "-" if stem[-1:].isdigit() else ""
    return known.get(stem, f"{stem}{separator}{version.split('.')[0]}".lower())
