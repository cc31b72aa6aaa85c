"""What the dialog asks is what it returns."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QDialog

from workstation.views.compare.figure_dialog import FigureDialog
from workstation.views.protocols.compare import FigureRequest


def dialog(qtbot, tmp_path: Path, taken: list[FigureRequest], *, has_spacing: bool = True) -> FigureDialog:
    request = FigureRequest(tmp_path, "figure")
    made = FigureDialog(request, "ABC", has_spacing=has_spacing, accepted_request=taken.append)
    qtbot.addWidget(made)
    return made


def test_choices_reach_the_request(qtbot, tmp_path: Path) -> None:
    taken: list[FigureRequest] = []
    made = dialog(qtbot, tmp_path, taken)
    made.format_box.setCurrentIndex(made.format_box.findData("svg"))
    assert not made.dpi_box.isEnabled()
    made.width_box.setValue(85)
    made.pane_box.setCurrentIndex(2)
    made.region_box.setCurrentIndex(1)
    made.checks["has_caption"].setChecked(False)
    made.name_field.setText("眼")
    made.export_button.click()
    assert made.result() == QDialog.DialogCode.Accepted
    assert taken == [
        FigureRequest(tmp_path, "眼", "svg", 300, 85.0, pane=1, is_whole=True, has_caption=False)
    ]


def test_without_spacing_there_is_no_scale_bar_and_the_box_says_why(qtbot, tmp_path: Path) -> None:
    made = dialog(qtbot, tmp_path, [], has_spacing=False)
    assert not made.checks["has_scale_bar"].isEnabled()
    assert made.checks["has_scale_bar"].toolTip()
    assert not made.request().has_scale_bar


def test_a_figure_needs_a_name_and_cancelling_takes_nothing(qtbot, tmp_path: Path) -> None:
    taken: list[FigureRequest] = []
    made = dialog(qtbot, tmp_path, taken)
    made.name_field.setText(" ")
    assert not made.export_button.isEnabled()
    made.reject()
    assert taken == []
