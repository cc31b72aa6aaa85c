"""Every test: own home, settings and log; one torch thread. GUI tests: a display, and nothing left alive."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("QT_API", "pyside6")

NO_DISPLAY = (
    "GUI tests need a display with OpenGL. Install xvfb (Debian: apt-get install xvfb libxcb-icccm4 "
    "libxcb-keysyms1) so that pytest-xvfb can start one, and do not set QT_QPA_PLATFORM=offscreen."
)
_HOME_VARIABLES = {
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_STATE_HOME": "state",
    "XDG_CACHE_HOME": "cache",
    "APPDATA": "appdata",
    "LOCALAPPDATA": "localappdata",
    "NAPARI_CONFIG": "napari/settings.yaml",
}


def _move_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, part in _HOME_VARIABLES.items():
        monkeypatch.setenv(name, str(folder / part))
    # macOS has no such variables: everything follows from the home there.
    if sys.platform == "darwin":
        monkeypatch.setenv("HOME", str(folder))


@pytest.fixture(scope="session", autouse=True)
def _home_of_shared_fixtures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what fixtures of a module or of the session do out of the user's home, too."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _move_home(tmp_path_factory.mktemp("共享 home"), monkeypatch)
        yield


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a home of its own; the names hold a space and Chinese characters."""
    folder = tmp_path_factory.mktemp("用户 home")
    _move_home(folder, monkeypatch)
    return folder


@pytest.fixture(autouse=True)
def _no_widget_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a top-level widget or a canvas alive, and name it."""
    if not _is_gui_test(request):
        yield
        return
    _require_display()
    # Set up before this fixture ends, so that it is torn down after it.
    request.getfixturevalue("qapp")
    # What is older than the test is not searched again: with every library loaded that takes half a second.
    gc.freeze()
    before = set(_living())
    yield
    from PySide6.QtCore import QCoreApplication, QEvent

    for _ in range(2):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents()
        gc.collect()
    left = [name for name in _living() if name not in before]
    gc.unfreeze()
    assert not left, f"left alive: {', '.join(left)}"


def _is_gui_test(request: pytest.FixtureRequest) -> bool:
    return bool({"qapp", "qtbot"} & set(request.fixturenames))


def _require_display() -> None:
    if not sys.platform.startswith("linux"):
        return
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not has_display or os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        pytest.fail(NO_DISPLAY, pytrace=False)


def _living() -> list[str]:
    """Return a name for each top-level widget, and for each canvas of napari."""
    import shiboken6
    from PySide6.QtWidgets import QApplication

    # The address in C++: widgets that Qt made itself get a new Python side at every call.
    names = [
        f"{type(widget).__name__} {widget.objectName()} {shiboken6.getCppPointer(widget)[0]:x}"
        for widget in QApplication.topLevelWidgets()
        # Qt keeps one tool tip label for the whole application.
        if widget.metaObject().className() != "QTipLabel"
    ]
    if "napari.qt" in sys.modules:
        from napari.qt import QtViewer

        # pytest itself holds the Python side of what a fixture gave until later. `isinstance` would ask
        # every library's objects for their class, and some of them warn.
        viewers = [thing for thing in gc.get_objects() if issubclass(type(thing), QtViewer)]
        names += [f"QtViewer {id(viewer):x}" for viewer in viewers if shiboken6.isValid(viewer)]
    return names
