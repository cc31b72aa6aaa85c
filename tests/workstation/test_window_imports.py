"""Folders dropped on the real window."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication

from engines.imaging.images import write_image
from engines.imaging.opencv import cv2
from workstation import window_imports
from workstation.app import build, prepare
from workstation.main_window import MainWindow
from workstation.project.project import Project
from workstation.settings import Settings
from workstation.views.data.import_dialog import ImportDialog
from workstation.views.data.item_dialog import ItemDialog
from workstation.views.data.relink_dialog import RelinkDialog


def look(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (80, 96)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3.0)
    return (120 + 70 * smooth / np.abs(smooth).max()).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two complete pairs."""
    root = tmp_path / "眼底 数据"
    for number, name in enumerate(("1_FA", "1_CF", "2_FA", "2_CF")):
        write_image(root / f"{name}.png", look(number))
    return root


@pytest.fixture
def window(
    qapp: QApplication, qtbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    """The window on an empty project, without its screens."""
    monkeypatch.setattr("workstation.main_window.SCREENS", ())
    monkeypatch.setattr(MainWindow, "_show_first_screen", lambda _window: None)
    settings = Settings.read()
    prepare(qapp, settings)
    made = build(settings, sample_folder=tmp_path / "sample")
    made.show()
    Project.create(tmp_path / "项目", "P").close()
    made.projects.open(tmp_path / "项目")
    qtbot.waitUntil(lambda bench=made.workbench: bench.project is not None)
    yield made
    made.close()
    made.deleteLater()
    del made
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents()
        gc.collect()


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    no_key, left, copy = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    window.dropEvent(QDropEvent(QPoint(300, 300).toPointF(), copy, data, left, no_key))


def dropped_dialog(window: MainWindow, qtbot, *paths: Path) -> ImportDialog:
    drop(window, *paths)
    qtbot.waitUntil(lambda: window.findChild(ImportDialog) is not None)
    dialog = window.findChild(ImportDialog)
    qtbot.waitUntil(dialog.import_button.isEnabled, timeout=20000)
    return dialog


def test_a_dropped_folder_is_looked_through_and_imported(window: MainWindow, qtbot, folder: Path) -> None:
    dialog = dropped_dialog(window, qtbot, folder)
    assert dialog.table.rows.rowCount() == 2
    assert dialog.import_button.text().replace("&", "") == "Import 2 items"
    dialog.import_button.click()
    project = window.workbench.project
    qtbot.waitUntil(lambda: project.items.count() == 2, timeout=20000)
    qtbot.waitUntil(lambda: window.browser.shown_ids() == ["1", "2"], timeout=20000)
    assert "4 files" in window.cards.cards()[-1].card.what.render()


def test_dropped_images_are_a_pair(window: MainWindow, qtbot, folder: Path) -> None:
    dialog = dropped_dialog(window, qtbot, folder / "2_CF.png", folder / "2_FA.png")
    row = dialog.table.rows.rows[0]
    assert (row.fixed, row.moving, dialog.table.rows.rowCount()) == ("2_FA.png", "2_CF.png", 1)
    dialog.close()
    qtbot.waitUntil(lambda: window.findChild(ImportDialog) is None)
    assert window.workbench.project.items.count() == 0


def test_an_item_is_corrected_by_keyboard_and_swapped(window: MainWindow, qtbot, folder: Path) -> None:
    dropped_dialog(window, qtbot, folder).import_button.click()
    project = window.workbench.project
    qtbot.waitUntil(lambda: window.workbench.item_id == "1", timeout=20000)
    window.actions_.action("item.edit").trigger()
    form = window.findChild(ItemDialog)
    form.eye.setCurrentText("OS")
    form.accept()
    assert project.items.get("1").laterality == "OS"
    window.actions_.action("item.swap").trigger()
    assert project.items.get("1").files["fixed"].modality == "CF"
    keys = [action.objectName() for action in window.browser.tree.actions()]
    assert keys == ["item.edit", "item.swap"]


def test_moved_images_are_offered_when_a_project_is_opened(
    window: MainWindow, qtbot, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped_dialog(window, qtbot, folder).import_button.click()
    qtbot.waitUntil(lambda: window.workbench.project.items.count() == 2, timeout=20000)
    place = window.workbench.project.folder
    moved = folder.rename(folder.parent / "elsewhere")
    window.projects.open(place)
    said = "Images that are no longer where they were: 4."
    qtbot.waitUntil(
        lambda: any(card.card.what.render() == said for card in window.cards.cards()), timeout=20000
    )
    monkeypatch.setattr(window_imports, "ask_image_folder", lambda *_arguments: moved)
    card = next(card for card in window.cards.cards() if card.card.what.render() == said)
    card.card.buttons[0].clicked()
    qtbot.waitUntil(lambda: window.findChild(RelinkDialog) is not None)
    dialog = window.findChild(RelinkDialog)
    dialog.search_button.click()
    qtbot.waitUntil(dialog.relink_button.isEnabled, timeout=20000)
    dialog.relink_button.click()
    qtbot.waitUntil(lambda: not window.workbench.project.missing_files(), timeout=20000)
