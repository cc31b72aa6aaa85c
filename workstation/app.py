"""Start of the window: application, exception path, theme and language; builds and wires the parts.

The frame is painted before napari is imported; torch never is.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication
from threadpoolctl import threadpool_limits

from workstation.controllers.workbench import Workbench
from workstation.event_loop_watchdog import EventLoopWatchdog
from workstation.exception_path import ExceptionPath
from workstation.language import install_language
from workstation.main_window import MainWindow
from workstation.settings import APPLICATION, Settings, default_sample_folder, log_path
from workstation.views.elements.theme import apply_theme

_LOG = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0005
"""Threads hand the interpreter back to the window this often; the default of 5 ms is felt."""

FIRST_DATA_MS = 5000
"""By when a screen that was just shown has its data."""


def run(project_folder: Path | None = None) -> int:
    """Open the window, on a project when one is given, and return the exit code."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    # Parts that bring their own Qt wrapper must take the same one.
    os.environ.setdefault("QT_API", "pyside6")
    errors = ExceptionPath(log_path())
    errors.install()
    settings = Settings.read()
    prepare(application, settings)
    window = build(settings)
    errors.caught.connect(window.workbench.post)
    spare_screens_from_collection(window)
    watchdog = EventLoopWatchdog()
    window.show()
    watchdog.start()
    if project_folder is not None:
        folder = project_folder
        QTimer.singleShot(0, lambda: window.projects.open(folder))
    try:
        return application.exec()
    finally:
        watchdog.stop()
        errors.remove()


def prepare(application: QApplication, settings: Settings) -> None:
    """Give an application its name, language, font and colours."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # Threads of linear algebra wait for each other by spinning. Beside a training that has the cores, a
    # fit of 200 pairs took 90 ms instead of 1; runs are processes of their own and keep their threads.
    threadpool_limits(1, user_api="blas")
    application.setApplicationName(APPLICATION)
    install_language(application, settings.language)
    _choose_font(application)
    apply_theme(application, settings.theme)


def build(settings: Settings, sample_folder: Path | None = None) -> MainWindow:
    """Make the window and what stands behind it."""
    workbench = Workbench()
    workbench.annotator = settings.annotator
    workbench.is_snapping, workbench.snap_radius_px = settings.is_snapping, settings.snap_radius_px
    window = MainWindow(workbench, settings, sample_folder or default_sample_folder())
    workbench.setParent(window)
    return window


def spare_screens_from_collection(window: MainWindow) -> None:
    """Keep the garbage collector from searching what lives as long as the window: imports and screens.

    Searching all of it holds the window up for a quarter of a second, whenever many objects were made.
    """
    seen: set[str] = set()

    def on_shown(key: str) -> None:
        if key not in seen:
            seen.add(key)
            # Once more after the first data came: layers and models are made with them.
            for delay_ms in (0, FIRST_DATA_MS):
                QTimer.singleShot(delay_ms, window, gc.freeze)

    window.screen_shown.connect(on_shown)


def _choose_font(application: QApplication) -> None:
    families = set(QFontDatabase.families())
    wanted = ("Inter", "Segoe UI", "SF Pro Text", "Noto Sans", "Noto Sans CJK SC", "DejaVu Sans")
    found = [name for name in wanted if name in families]
    if found:
        font = QFont(application.font())
        font.setFamilies(found)
        application.setFont(font)
