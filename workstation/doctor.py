"""What is wrong with this machine, a project or a run, in plain words and with a remedy.

Qt, OpenGL and torch are asked in processes of their own: a library that aborts takes only its probe with
it, and a window that asks never loads torch.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any

from engines.contract.errors import WorkstationError
from engines.contract.events import read_events
from engines.contract.kinds import RunState
from engines.contract.run_folder import RunFolder
from workstation.machine_probes import (
    QT_PROBE,
    TORCH_PROBE,
    Probe,
    debian_package,
    missing_libraries,
    probe,
    probe_command,
)
from workstation.project.project import Project
from workstation.project.store import DATABASE_NAME
from workstation.runs.run_model import RunModel

SUPPORTED_PYTHON = ((3, 11), (3, 14))
"""From, and below."""
LOW_DISK_BYTES = 5 * 1024**3
SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast", "swiftshader", "gdi generic")
QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR", "QT_PLUGIN_PATH")


class Health(StrEnum):
    """How good a fact is."""

    GOOD = "good"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Parameters
    ----------
    name, value : str
        What was looked at and what it is.
    health : Health
    problem, remedy : str
        Sentences; empty when all is well.
    """

    name: str
    value: str
    health: Health = Health.GOOD
    problem: str = ""
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return plain data."""
        return {
            "name": self.name,
            "value": self.value,
            "health": self.health.value,
            "problem": self.problem,
            "remedy": self.remedy,
        }


def check_machine(folder: Path | None = None) -> list[Check]:
    """Check Python, Qt, OpenGL, torch, disk and packages; `folder` names the disk, else the home's."""
    return [
        check_python(),
        *check_qt(probe(QT_PROBE)),
        *check_torch(probe(TORCH_PROBE)),
        check_disk(folder or Path.home()),
        check_opencv(),
        check_qt_variables(os.environ),
    ]


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Check:
    """Check that this Python is one that the packages exist for."""
    value = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    lowest, beyond = SUPPORTED_PYTHON
    if lowest <= version < beyond:
        return Check("Python", value)
    return Check(
        "Python",
        value,
        Health.WRONG,
        f"Python {version[0]}.{version[1]} is not supported.",
        "Install Python 3.11, 3.12 or 3.13 and run bootstrap.py with it.",
    )


def check_qt(probed: Probe, environment: Mapping[str, str] = os.environ) -> list[Check]:
    """Check Qt, its platform plugin and OpenGL from what a probe reported."""
    name = "Qt"
    if not probed.error:
        facts = probed.facts
        qt = Check(name, f"Qt {facts['qt']}, PySide6 {facts['pyside']}, platform {facts['platform']}")
        return [qt, check_opengl(str(facts.get("renderer") or ""), str(facts.get("opengl") or ""))]
    value = "does not start"
    is_linux = sys.platform.startswith("linux")
    if "ModuleNotFoundError" in probed.error:
        return [Check(name, value, Health.WRONG, "PySide6 is not installed.", "Run bootstrap.py again.")]
    missing = missing_libraries() if is_linux else []
    if missing:
        return [
            Check(
                name,
                value,
                Health.WRONG,
                f"System libraries are missing: {', '.join(missing)}.",
                f"On Debian or Ubuntu: sudo apt-get install {' '.join(map(debian_package, missing))}",
            )
        ]
    if is_linux and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        return [
            Check(
                name,
                value,
                Health.WARNING,
                "There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set): no window can open.",
                "Start it in a graphical session, or under xvfb-run; the command line works without.",
            )
        ]
    return [
        Check(name, value, Health.WRONG, f"Qt cannot open a window: {_last_line(probed)}", "Run it again.")
    ]


def check_opengl(renderer: str, version: str) -> Check:
    """Check who draws; a software renderer works, slowly."""
    if not renderer:
        return Check(
            "OpenGL",
            "none",
            Health.WRONG,
            "There is no OpenGL: images cannot be shown.",
            "Install the driver of the graphics card, or on Linux: sudo apt-get install libgl1 libegl1",
        )
    value = f"{renderer} (OpenGL {version})"
    if any(word in renderer.lower() for word in SOFTWARE_RENDERERS):
        return Check(
            "OpenGL",
            value,
            Health.WARNING,
            "Images are drawn by the processor (software rendering): everything works, scrolling is slow.",
            "Install the driver of the graphics card if there is one.",
        )
    return Check("OpenGL", value)


def check_torch(probed: Probe) -> list[Check]:
    """Check torch and what it can compute on."""
    if probed.error:
        is_absent = "ModuleNotFoundError" in probed.error
        problem = "torch is not installed." if is_absent else f"torch cannot be loaded: {_last_line(probed)}"
        return [Check("torch", "does not load", Health.WRONG, problem, "Run bootstrap.py again.")]
    facts = probed.facts
    devices = [str(device) for device in facts["devices"]]
    found = Check("Devices", ", ".join(["cpu", *devices]))
    if facts.get("driver_problem"):
        found = Check(
            "Devices",
            "cpu",
            Health.WARNING,
            f"A graphics card is there, but torch cannot use it: {facts['driver_problem']}",
            "Update the driver of the graphics card.",
        )
    return [Check("torch", str(facts["version"])), found]


def check_disk(folder: Path) -> Check:
    """Check the space on the disk that holds a folder."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    value = f"{free / 1024**3:.1f} GB free at {existing}"
    if free >= LOW_DISK_BYTES:
        return Check("Disk", value)
    return Check(
        "Disk",
        value,
        Health.WARNING,
        "There is little space: checkpoints and previews may not fit.",
        "Free some space, or discard runs and empty the project's trash folder.",
    )


def check_opencv() -> Check:
    """Check that OpenCV is there once: two of its packages overwrite each other's files."""
    names = ("opencv-python", "opencv-python-headless", "opencv-contrib-python")
    found = [f"{name} {metadata.version(name)}" for name in names if _is_installed(name)]
    if len(found) == 1:
        return Check("OpenCV", found[0])
    return Check(
        "OpenCV",
        ", ".join(found) or "absent",
        Health.WRONG,
        "Several OpenCV packages are installed over each other." if found else "OpenCV is not installed.",
        "Remove all of them with pip uninstall, then run bootstrap.py again.",
    )


def check_qt_variables(environment: Mapping[str, str]) -> Check:
    """Check for variables, OpenCV's for example, that point Qt to the plugins of another Qt."""
    found = [name for name in QT_VARIABLES if environment.get(name)]
    if not found:
        return Check("Qt variables", "none set")
    return Check(
        "Qt variables",
        ", ".join(found),
        Health.WARNING,
        f"{found[0]} points to {environment[found[0]]}: the window may load plugins of another Qt.",
        f"Unset {' and '.join(found)}.",
    )


def check_project(folder: Path) -> list[Check]:
    """Check that a project opens, that its files are there, and that its split is clean."""
    try:
        project = Project.open(folder)
    except WorkstationError as error:
        return [_wrong("Project", str(folder), error)]
    with project:
        checks = [Check("Project", f"{project.name} at {project.folder}")]
        missing = project.missing_files()
        num_items = project.items.count()
        if missing:
            first = missing[0]
            checks.append(
                Check(
                    "Files",
                    f"{num_items} items, {len(missing)} files missing",
                    Health.WRONG,
                    f"{first.path} ({first.role} of {first.item_id}) is no longer there"
                    + (f", and {len(missing) - 1} more." if len(missing) > 1 else "."),
                    "Put the files back, or relink them in the window.",
                )
            )
        else:
            checks.append(Check("Files", f"{num_items} items, all files there"))
        try:
            project.splits.check_no_leak()
        except WorkstationError as error:
            checks.append(_wrong("Split", "leaks", error))
        else:
            checks.append(Check("Split", f"{len(project.splits.of_subjects())} subjects, no leak"))
        failed = [model for model in map(_loaded, project.runs.folders()) if model.state is RunState.FAILED]
        value = f"{len(project.runs.folders())}, {len(failed)} failed"
        if failed:
            newest = failed[-1]
            checks.append(
                Check(
                    "Runs",
                    value,
                    Health.WARNING,
                    f"{newest.id} failed: {newest.failure.cause if newest.failure else 'no cause is known.'}",
                    f"See: workstation doctor {newest.folder.path}",
                )
            )
        else:
            checks.append(Check("Runs", value))
    return checks


def check_run(folder: RunFolder) -> list[Check]:
    """Check a run: its state, why it failed, and what the diagnosis rules say.

    Raises
    ------
    RunFolderError
        If the folder holds no run.
    """
    folder.read_request()
    model = RunModel.load(folder)
    if model.state is RunState.FAILED and model.failure is not None:
        failure = model.failure
        checks = [Check("Run", f"{folder.id}: failed", Health.WRONG, failure.cause, failure.remedy)]
    else:
        checks = [Check("Run", f"{folder.id}: {model.state}, step {model.step}")]
    if not read_events(folder.events_path):
        return checks
    probed = probe_command(
        [sys.executable, "-m", "engines", "diagnose", str(folder.path.resolve()), "--json"]
    )
    if probed.error:
        return [
            *checks,
            Check("Diagnosis", "failed", Health.WARNING, _last_line(probed), "See the run's log.txt."),
        ]
    findings = probed.facts.get("diagnoses", [])
    checks += [_diagnosis(finding) for finding in findings]
    return checks if findings else [*checks, Check("Diagnosis", "no rule found anything wrong")]


def _diagnosis(finding: Mapping[str, Any]) -> Check:
    parameters = finding.get("parameters") or {}
    texts = [str(finding.get(key) or "") for key in ("cause", "remedy")]
    cause, remedy = (text.format(**parameters) if parameters else text for text in texts)
    health = {"error": Health.WRONG, "warning": Health.WARNING}.get(str(finding.get("severity")), Health.GOOD)
    return Check("Diagnosis", str(finding.get("name")), health, cause, remedy)


def is_project(folder: Path) -> bool:
    """Tell whether a folder looks like a project."""
    return (folder / DATABASE_NAME).exists()


def _loaded(path: Path) -> RunModel:
    return RunModel.load(RunFolder(path))


def _wrong(name: str, value: str, error: WorkstationError) -> Check:
    return Check(name, value, Health.WRONG, error.message.render(), error.remedy.render())


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _last_line(probed: Probe) -> str:
    lines = [line for line in probed.error.splitlines() if line.strip()]
    said = lines[-1].strip() if lines else "it said nothing"
    return f"{said} (exit code {probed.exit_code})."
