"""Install everything, then open the workstation, or with the word ``test`` run the tests.

Only the standard library of Python 3.11 to 3.13 is needed. The environment is made in `.venv` beside
this file, from the exact versions in `resources/constraints.txt`. A second call starts at once.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
CONSTRAINTS = ROOT / "resources" / "constraints.txt"
STAMP = ENVIRONMENT / "installed.txt"
WHOLE_SUITE = ("-n", "2", "--dist", "loadfile")
"""Two processes, and the tests of a file stay together: what they share is made once."""

# What Qt and OpenGL load at run time on Linux, and the Debian package that brings it.
LIBRARIES = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}


class SetupError(Exception):
    """Something is missing that this program may not or cannot install."""


def main(arguments: list[str]) -> int:
    """Install, then open the sample project, or run the tests with the remaining arguments."""
    is_test = arguments[:1] == ["test"]
    if arguments and not is_test:
        say("Usage: python3 bootstrap.py          open the workstation on the sample project")
        say("       python3 bootstrap.py test     run the tests; further words go to pytest")
        return 2
    try:
        check_python()
        install_system_libraries(needs_virtual_display=is_test and not has_display())
        install(extra="test" if is_test else "")
        if not is_test and sys.platform.startswith("linux") and not has_display():
            raise SetupError(
                "Everything is installed, but this machine has no screen to open a window on. "
                "Log in to a desktop, or connect with a forwarded display (ssh -X), and start again."
            )
    except SetupError as error:
        say(str(error))
        return 2
    except subprocess.CalledProcessError as error:
        command_line = subprocess.list2cmdline(map(str, error.cmd))
        say(f"This step failed with exit code {error.returncode}: {command_line}")
        say("Its own message stands above. Fix that and start again; what is already installed is kept.")
        return 1
    command = ["-m", "workstation", "demo"]
    if is_test:
        command = ["-m", "pytest", *(arguments[1:] or WHOLE_SUITE)]
    return subprocess.call([str(PYTHON), *command], cwd=ROOT)


def check_python() -> None:
    """Refuse a Python for which the packages do not exist."""
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(
            f"Python 3.11, 3.12 or 3.13 is needed, this is {found}. napari 0.9 and superqt 0.9 exist for "
            "no older one. Install a newer Python and call it by name, for example: python3.12 bootstrap.py"
        )


def has_display() -> bool:
    """Tell whether a window can be opened."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def install_system_libraries(needs_virtual_display: bool) -> None:
    """Install what Qt, OpenGL and a virtual display need on Debian; elsewhere say what is missing."""
    if not sys.platform.startswith("linux"):
        return
    missing = {package for library, package in LIBRARIES.items() if not can_load(library)}
    if needs_virtual_display and not shutil.which("Xvfb"):
        missing.add("xvfb")
    if not missing:
        return
    words = " ".join(sorted(missing))
    if not shutil.which("apt-get"):
        raise SetupError(
            f"These system packages are missing (Debian's names): {words}. "
            "Install their equivalents with this system's package manager and start again."
        )
    prefix = privileged_prefix()
    if prefix is None:
        raise SetupError(
            f"System packages are missing and installing them needs an administrator. Run once:\n"
            f"    sudo apt-get update && sudo apt-get install -y --no-install-recommends {words}\n"
            "and start again."
        )
    say(f"Installing system packages: {words}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*prefix, "apt-get", "update", "-qq"], check=True, env=quiet)
    command = [*prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(missing)]
    subprocess.run(command, check=True, env=quiet)


def can_load(library: str) -> bool:
    """Tell whether the dynamic loader finds a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def privileged_prefix() -> list[str] | None:
    """Return the words that make apt-get run as an administrator, or None when we may not."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def install(extra: str) -> None:
    """Make `.venv` and install the project with the pinned versions, unless that is done already."""
    wanted = fingerprint(extra)
    done = STAMP.read_text(encoding="utf-8").split() if STAMP.is_file() and PYTHON.is_file() else []
    if wanted in done:
        return
    make_environment()
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    uv = shutil.which("uv")
    # uv does not read pip's configuration, so a machine that has one is served by pip.
    if uv and not pip_is_configured():
        installer = [uv, "pip", "install", "--python", str(PYTHON)]
    else:
        installer = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    say("Installing the workstation and its packages into .venv. This takes a few minutes once.")
    subprocess.run([*installer, "-c", str(CONSTRAINTS), "-e", target], check=True, cwd=ROOT)
    STAMP.write_text(f"{wanted}\n{fingerprint('') if extra else ''}\n", encoding="utf-8")


def fingerprint(extra: str) -> str:
    """Return a word that changes when what must be installed changes."""
    content = (ROOT / "pyproject.toml").read_bytes() + CONSTRAINTS.read_bytes()
    return hashlib.sha256(content + f"{extra}|{sys.version_info[:2]}|{ROOT}".encode()).hexdigest()


def make_environment() -> None:
    """Create `.venv`, installing Debian's separate venv package where that is what is missing."""
    if (
        PYTHON.is_file()
        and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0
    ):
        return
    import venv  # part of the standard library that Debian packs separately

    say("Making .venv")
    if importlib.util.find_spec("ensurepip") is None:
        # Debian ships Python without it.
        package = "python{}.{}-venv".format(*sys.version_info)
        prefix = privileged_prefix() if shutil.which("apt-get") else None
        if prefix is None:
            raise SetupError(
                f"This Python cannot make a virtual environment. Install {package} and start again."
            )
        subprocess.run([*prefix, "apt-get", "update", "-qq"], check=True)
        subprocess.run([*prefix, "apt-get", "install", "-y", "-qq", package], check=True)
    builder = venv.EnvBuilder(with_pip=True, clear=True, symlinks=os.name != "nt")
    builder.create(ENVIRONMENT)


def pip_is_configured() -> bool:
    """Tell whether pip has a configuration of its own: another index, local wheels, a proxy."""
    listing = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True)
    return bool(listing.stdout.strip())


def say(text: str) -> None:
    """Print a line at once, so that it stands before what a child process prints."""
    print(text, flush=True)  # noqa: T201 - its own output


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
