"""The dialogs for files of other programs: what they say, and what they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget

from workstation.controllers.data.export_controller import export_choices
from workstation.views.data.export_dialog import ExportDialog
from workstation.views.pairs.keypoint_import_dialog import KeypointImportDialog
from workstation.views.protocols.exports import ExportRequest, KeypointRequest


@pytest.fixture
def dialog(qtbot, tmp_path: Path) -> Iterator[ExportDialog]:
    parent = QWidget()  # the dialog goes when it is closed
    qtbot.addWidget(parent)
    made = ExportDialog(export_choices(tmp_path, ("main 主", "proposal")), "item 1", 7, parent)
    made.show()
    yield made
    parent.close()


def test_every_format_says_what_it_is_and_what_is_lost(dialog: ExportDialog) -> None:
    seen = set()
    for index in range(dialog.format_box.count()):
        dialog.format_box.setCurrentIndex(index)
        assert dialog.explanation.text()
        assert dialog.loss.text()
        assert dialog.export_button.isEnabled()
        seen.add(dialog.place.text())
    assert len(seen) == dialog.format_box.count()


def test_the_request_holds_format_place_and_item(qtbot, dialog: ExportDialog, tmp_path: Path) -> None:
    dialog.choose("bigwarp")
    assert dialog.request() == ExportRequest("bigwarp", tmp_path / "bigwarp", "")
    dialog.item_button.setChecked(True)
    dialog.choose("json")
    assert not dialog.item_button.isEnabled()
    assert dialog.request().item_id == ""
    dialog.choose("coco")
    with qtbot.waitSignal(dialog.exportRequested) as asked:
        dialog.export_button.click()
    assert asked.args == [ExportRequest("coco", tmp_path / "coco.json", "item 1")]


def test_a_place_that_is_taken_is_said_at_once(qtbot, dialog: ExportDialog, tmp_path: Path) -> None:
    dialog.choose("coco")
    (tmp_path / "mine.json").write_text("", encoding="utf-8")
    for text in (str(tmp_path / "mine.json"), str(tmp_path), ""):
        dialog.place.selectAll()
        dialog.place.insert(text) if text else dialog.place.clear()
        dialog.place.textEdited.emit(text)
        assert dialog.problem.text()
        assert not dialog.export_button.isEnabled()
    dialog.place.setText(str(tmp_path / "other.json"))
    dialog.place.textEdited.emit("")
    assert dialog.export_button.isEnabled()
    # A place of one's own stays when the format changes.
    dialog.choose("cvat")
    assert dialog.place.text() == str(tmp_path / "other.json")


def test_label_maps_are_chosen_where_a_format_has_them(dialog: ExportDialog, tmp_path: Path) -> None:
    assert not dialog.label_map_box.isVisible()
    dialog.choose("nifti")
    assert dialog.label_map_box.isVisible()
    assert not dialog.dicom_folder.isVisible()
    assert dialog.request() == ExportRequest("nifti", tmp_path / "nifti", "")
    dialog.label_map_box.setCurrentIndex(1)
    assert dialog.request().with_proposals
    dialog.label_map_box.setCurrentText("proposal")
    dialog.choose("dicom_seg")
    dialog.dicom_folder.setText(str(tmp_path / "no such"))
    assert not dialog.export_button.isEnabled()
    dialog.dicom_folder.setText(str(tmp_path))
    assert dialog.export_button.isEnabled()
    asked = ExportRequest("dicom_seg", tmp_path / "dicom_seg", "", "proposal", False, tmp_path)
    assert dialog.request() == asked
    dialog.choose("coco")
    assert dialog.request() == ExportRequest("coco", tmp_path / "coco.json", "")


def test_a_folder_that_holds_something_is_not_written_into(dialog: ExportDialog, tmp_path: Path) -> None:
    dialog.choose("stl")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("", encoding="utf-8")
    dialog.place.setText(str(tmp_path / "full"))
    dialog.place.textEdited.emit("")
    assert "not empty" in dialog.problem.text()
    assert not dialog.export_button.isEnabled()


def test_the_dialog_stays_until_label_maps_are_written(qtbot, dialog: ExportDialog, tmp_path: Path) -> None:
    dialog.choose("nifti")
    dialog.export_button.click()
    assert dialog.isVisible()
    assert dialog.progress.isVisible()
    dialog.show_progress(tmp_path / "other", 1, 2)
    assert dialog.progress.maximum() == 0
    dialog.show_progress(tmp_path / "nifti", 1, 4)
    assert (dialog.progress.value(), dialog.progress.maximum()) == (1, 4)
    with qtbot.waitSignal(dialog.cancelRequested) as asked:
        dialog.cancel_button.click()
    assert asked.args == [tmp_path / "nifti"]
    assert dialog.isVisible()
    gone: list[bool] = []
    dialog.destroyed.connect(lambda: gone.append(True))
    dialog.finish(tmp_path / "nifti")
    qtbot.waitUntil(lambda: gone == [True])


def test_without_label_maps_the_dialog_says_so(qtbot, tmp_path: Path) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = ExportDialog(export_choices(tmp_path), "", 0, parent)
    dialog.choose("stl")
    assert "no label map" in dialog.problem.text()
    assert not dialog.export_button.isEnabled()


def test_a_keypoint_file_is_recognised_before_it_is_imported(qtbot, tmp_path: Path) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = KeypointImportDialog("item 1", tmp_path, parent)
    dialog.show()
    assert not dialog.import_button.isEnabled()
    path = tmp_path / "landmarks.csv"
    path.write_text('"P","true","11","12","13","14"\n', encoding="utf-8")
    dialog.place.setText(str(path))
    assert dialog.kind.text() == "BigWarp CSV"
    assert dialog.in_pixels.isEnabled()
    assert not dialog.whole_centres.isEnabled()
    dialog.one_based.setChecked(True)
    with qtbot.waitSignal(dialog.importRequested) as asked:
        dialog.import_button.click()
    assert asked.args == [KeypointRequest(path, "item 1", is_one_based=True)]
