"""A driver of the real window: it finds what a person would see, clicks, types and waits."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QPushButton, QWidget

from engines.contract.run_folder import RunFolder
from workstation.app import build, prepare
from workstation.main_window import MainWindow
from workstation.settings import Settings

WAIT_S = 60.0


@dataclass
class Driver:
    """Hands and eyes of a test."""

    window: MainWindow

    def wait(self, condition: Callable[[], object], what: str, seconds: float = WAIT_S) -> float:
        """Wait until a condition holds and return how long it took, in s."""
        start = time.monotonic()
        while not condition():
            if time.monotonic() - start > seconds:
                cards = [card.card.what.render() for card in self.cards]
                raise AssertionError(f"waited {seconds} s in vain until {what}; cards: {cards}")
            QCoreApplication.processEvents()
            QTest.qWait(20)
        return time.monotonic() - start

    @property
    def cards(self) -> list[Any]:
        """Cards that the window shows."""
        from workstation.views.elements.cards import CardWidget

        return self.window.findChildren(CardWidget)

    def click_button(self, text: str) -> None:
        """Click the visible button that says this."""
        found = [
            button
            for button in self.window.findChildren(QPushButton)
            if button.text().replace("&", "").startswith(text) and button.isVisible()
        ]
        assert len(found) == 1, f"{len(found)} buttons say {text!r}"
        QTest.mouseClick(found[0], Qt.MouseButton.LeftButton)

    def press(self, keys: str, widget: QWidget | None = None) -> None:
        """Press keys, such as ``Ctrl+Z``, where the focus is or in a widget."""
        target = widget or QApplication.focusWidget() or self.window
        QTest.keySequence(target, keys)
        QCoreApplication.processEvents()

    def choose_item(self, item_id: str) -> None:
        """Click an item in the browser and wait for its images."""
        tree = self.window.browser.tree
        stack = [tree.topLevelItem(index) for index in range(tree.topLevelItemCount())]
        while stack:
            row = stack.pop()
            stack += [row.child(index) for index in range(row.childCount())]
            # A subject may be called as its item.
            is_item = row.childCount() == 0
            if is_item and item_id in {row.data(0, Qt.ItemDataRole.UserRole), row.text(0)}:
                tree.scrollToItem(row)
                at = tree.visualItemRect(row).center()
                QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=at)
                self.wait(lambda: self.window.workbench.item_id == item_id, f"{item_id} is chosen")
                return
        raise AssertionError(f"the browser shows no {item_id}")

    def screen(self, key: str, keys: str) -> Any:
        """Go to a screen by its key and return its centre."""
        self.press(keys, self.window)
        self.wait(
            lambda: self.window.screen(key) is not None and self.window.screen(key).centre.isVisible(), key
        )
        return self.window.screen(key).centre

    def click_image(self, side: str, xy: tuple[float, float], *, is_free: bool = True) -> None:
        """Click a place of an image, in pixels of the image; free of snapping, if not said otherwise."""
        canvas = self.window.screen("pairs").centre.pair_view.canvas(side)
        at: QPoint = canvas.canvas_from_image(xy).toPoint()
        target = canvas.viewer.canvas.native
        QTest.mouseMove(target, at)
        keys = Qt.KeyboardModifier.AltModifier if is_free else Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(target, Qt.MouseButton.LeftButton, keys, at)
        QCoreApplication.processEvents()

    def drag_image(self, side: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag from one place of an image to another, free of snapping."""
        canvas = self.window.screen("pairs").centre.pair_view.canvas(side)
        target, keys = canvas.viewer.canvas.native, Qt.KeyboardModifier.AltModifier
        begin, over = (canvas.canvas_from_image(xy) for xy in (start, end))
        QTest.mousePress(target, Qt.MouseButton.LeftButton, keys, begin.toPoint())
        for share in (0.3, 0.7, 1.0):
            place = begin + (over - begin) * share
            event = QMouseEvent(
                QEvent.Type.MouseMove,
                place,
                QPointF(target.mapToGlobal(place.toPoint())),
                Qt.MouseButton.NoButton,
                Qt.MouseButton.LeftButton,
                keys,
            )
            QApplication.sendEvent(target, event)
        QTest.mouseRelease(target, Qt.MouseButton.LeftButton, keys, over.toPoint())
        QCoreApplication.processEvents()

    def choose(self, box: QComboBox, text: str) -> None:
        """Choose an entry of a combo box with the keyboard."""
        box.setFocus()
        index = box.findText(text, Qt.MatchFlag.MatchStartsWith | Qt.MatchFlag.MatchFixedString)
        if index < 0:
            index = box.findData(text)
        assert index >= 0, f"{text} is not among {[box.itemText(i) for i in range(box.count())]}"
        while box.currentIndex() != index:
            QTest.keyClick(box, Qt.Key.Key_Down if box.currentIndex() < index else Qt.Key.Key_Up)

    def run_folders(self) -> list[RunFolder]:
        """Runs of the project, the oldest first."""
        project = self.window.workbench.project
        assert project is not None
        return [RunFolder(path) for path in sorted(project.runs.folders(), key=lambda p: p.stat().st_ctime)]


def close(window: MainWindow) -> float:
    """Close a window as a person does, let everything go, and return how long it took, in s."""
    start = time.monotonic()
    window.close()
    seconds = time.monotonic() - start
    window.deleteLater()
    del window
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents()
        gc.collect()
    return seconds


@pytest.fixture
def open_window(qapp: QApplication, tmp_path: Path) -> Iterator[Callable[[Path | None], Driver]]:
    """Open real windows, on a project or on none; those that a test leaves open are closed."""
    windows: list[MainWindow] = []

    def start(project: Path | None = None) -> Driver:
        settings = Settings.read()
        prepare(qapp, settings)
        window = build(settings, sample_folder=tmp_path / "示例 sample")
        window.resize(1600, 960)
        windows.append(window)
        window.show()
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        driver = Driver(window)
        if project is not None:
            window.projects.open(project)
            driver.wait(lambda: window.workbench.project is not None, "the project is open")
        return driver

    yield start
    for window in windows:
        try:
            close(window)
        except RuntimeError:
            # The test closed it, and Qt deleted it.
            continue
    windows.clear()


@pytest.fixture
def kill_engines(tmp_path: Path) -> Iterator[None]:
    """Kill the engine processes of this test's runs that it leaves behind."""
    yield
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "engines" in words and any(str(tmp_path) in word for word in words):
            process.kill()
