from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QInputDialog, QPushButton

from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.views.data.data_check_dialog import DataCheckDialog
from workstation.views.data.findings_list import MOST_SHOWN, FindingsList
from workstation.views.data.import_dialog import ImportDialog
from workstation.views.data.import_table import COLUMNS
from workstation.views.data.item_dialog import ItemDialog
from workstation.views.data.relink_dialog import RelinkDialog
from workstation.views.protocols.imports import FindingRow, ImportRow, ItemFacts, LayoutRow, MissingRow

ROWS = [
    ImportRow("a", True, True, "王 1", "1-OD", "1_FA.png", "1_CF.png", "FA", "CF", "OD", num_points=3),
    ImportRow("b", True, True, "2", "2", "2_FA.png", "2_CF.png", "FA", "CF", severity=Severity.WARNING),
    ImportRow("c", True, False, "3", "3", "3_fixed.png", ""),
]
FIXES = (Message("Treat as one subject"), Message("Keep both"))


@pytest.fixture
def dialog(qtbot) -> ImportDialog:
    made = ImportDialog()
    qtbot.addWidget(made)
    made.show_layouts(
        [
            LayoutRow("pairs", Message("Pairs"), Message("By name."), 2),
            LayoutRow("single", Message("Single images"), Message("Each for itself."), 5),
        ],
        "pairs",
    )
    made.show_items(ROWS)
    made.show()
    return made


def cell(dialog: ImportDialog, row: int, column: str):
    return dialog.table.rows.index(row, COLUMNS.index(column))


def test_it_fits_the_smallest_window(dialog: ImportDialog) -> None:
    assert dialog.width() <= 1280
    assert dialog.height() <= 720
    assert dialog.minimumSizeHint().width() <= 1280
    assert dialog.minimumSizeHint().height() <= 720
    assert not dialog.isModal()


def test_rows_show_what_was_read_and_what_is_missing(dialog: ImportDialog) -> None:
    shown = [cell(dialog, row, "item").data() for row in range(3)]
    assert shown == ["1-OD", "▲ 2", "3"]
    assert cell(dialog, 2, "moving").data() == "no partner"
    assert cell(dialog, 0, "num_points").data() == "3"
    assert dialog.chosen.text() == "2 of 3 chosen and complete"


def test_an_edited_cell_and_a_check_box_are_told(dialog: ImportDialog, qtbot) -> None:
    with qtbot.waitSignal(dialog.cellEdited) as edited:
        dialog.table.rows.setData(cell(dialog, 0, "subject"), "李 2")
    assert edited.args == ["a", "subject", "李 2"]
    dialog.table.selectRow(1)
    with qtbot.waitSignal(dialog.includeChanged) as included:
        dialog.table.rows.setData(
            cell(dialog, 0, "is_included"), Qt.CheckState.Unchecked.value, Qt.ItemDataRole.CheckStateRole
        )
    assert included.args == [["a"], False]
    assert not dialog.table.rows.flags(cell(dialog, 2, "moving_modality")) & Qt.ItemFlag.ItemIsEditable


def test_space_leaves_out_every_selected_row(dialog: ImportDialog, qtbot) -> None:
    dialog.table.selectAll()
    dialog.table.setFocus()
    dialog.table.selectionModel().setCurrentIndex(
        cell(dialog, 0, "is_included"), dialog.table.selectionModel().SelectionFlag.NoUpdate
    )
    with qtbot.waitSignal(dialog.includeChanged) as included:
        QTest.keyClick(dialog.table, Qt.Key.Key_Space)
    assert included.args == [["a", "b", "c"], False]


def test_modality_is_chosen_from_a_list_or_written(dialog: ImportDialog, qtbot) -> None:
    dialog.table.edit(cell(dialog, 0, "fixed_modality"))
    box = dialog.table.findChild(QComboBox)
    assert box is not None
    assert box.isEditable()
    assert box.currentText() == "FA"
    box.setCurrentText("icga")
    with qtbot.waitSignal(dialog.cellEdited) as edited:
        dialog.table.commitData(box)
    assert edited.args == ["a", "fixed_modality", "icga"]


def test_the_button_counts_and_says_why_it_is_off(dialog: ImportDialog, qtbot) -> None:
    dialog.show_state(2, Message("Wait: {work}.", {"work": "reading"}), can_undo=False)
    assert not dialog.import_button.isEnabled()
    assert dialog.state.text() == dialog.import_button.toolTip() == "Wait: reading."
    dialog.show_state(2, Message(""), can_undo=True)
    assert dialog.import_button.text().replace("&", "") == "Import 2 items"
    assert dialog.undo.isEnabled()
    with qtbot.waitSignal(dialog.importClicked):
        qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)


def test_tools_work_on_the_selected_rows(dialog: ImportDialog, qtbot) -> None:
    dialog.table.selectRow(1)
    with qtbot.waitSignal(dialog.swapClicked) as swapped:
        dialog.swap.click()
    assert swapped.args == [["b"]]
    with qtbot.waitSignal(dialog.includeChanged) as none:
        dialog.include_none.click()
    assert none.args == [["a", "b", "c"], False]
    with qtbot.waitSignal(dialog.layoutChosen) as layout:
        dialog.layouts.activated.emit(1)
    assert layout.args == ["single"]
    with qtbot.waitSignal(dialog.rowChosen) as chosen:
        dialog.table.selectRow(2)
    assert chosen.args == ["c"]


def test_nothing_can_be_corrected_while_files_are_read(dialog: ImportDialog) -> None:
    dialog.show_progress(Message("Reading"), 1, 4)
    assert dialog.progress_text.text() == "Reading… 1 / 4"
    assert not dialog.table.rows.flags(cell(dialog, 0, "subject")) & Qt.ItemFlag.ItemIsEditable
    assert not dialog.swap.isEnabled()
    dialog.show_progress(Message(""), 0, 0)
    assert dialog.table.rows.flags(cell(dialog, 0, "subject")) & Qt.ItemFlag.ItemIsEditable


def test_rows_of_the_same_keys_keep_the_selection(dialog: ImportDialog) -> None:
    dialog.table.selectRow(1)
    dialog.show_items([*ROWS[:2], ImportRow("c", False, True, "3", "3", "x.png", "y.png")])
    assert dialog.table.selected_keys() == ["b"]


def test_a_preview_of_grey_and_colour(dialog: ImportDialog) -> None:
    dialog.show_preview(np.zeros((40, 51), np.uint8), np.zeros((40, 51, 3), np.uint8))
    assert not any(label.pixmap().isNull() for label in dialog.previews)
    dialog.show_preview(None, None)
    assert all(label.pixmap().isNull() for label in dialog.previews)


def test_a_partner_is_asked_for_without_blocking(dialog: ImportDialog, qtbot) -> None:
    dialog.ask_partner("c", ["x/1.png", "x/2.png"])
    box = dialog.findChild(QInputDialog)
    with qtbot.waitSignal(dialog.partnerChosen) as chosen:
        box.setTextValue("x/2.png")
        box.accept()
    assert chosen.args == ["c", 1]


def test_esc_is_told_and_the_controllers_own_end_is_not(qtbot) -> None:
    # They delete themselves when they are closed.
    by_person, by_controller = ImportDialog(), ImportDialog()
    by_person.show()
    with qtbot.waitSignal(by_person.closed):
        QTest.keyClick(by_person, Qt.Key.Key_Escape)
    by_controller.show()
    with qtbot.assertNotEmitted(by_controller.closed):
        by_controller.finish()


@pytest.fixture
def findings(qtbot) -> FindingsList:
    made = FindingsList()
    qtbot.addWidget(made)
    made.resize(900, 200)
    made.show()
    return made


def buttons(findings: FindingsList) -> list[QPushButton]:
    return findings.widget().findChildren(QPushButton)


def test_a_finding_has_its_buttons_and_shows_its_rows(findings: FindingsList, qtbot) -> None:
    findings.show_rows([FindingRow("k", Severity.WARNING, Message("Alike."), FIXES, ("a", "b"), "alike")])
    show, merge, both = buttons(findings)
    assert (merge.text(), both.text()) == ("Treat as one subject", "Keep both")
    with qtbot.waitSignal(findings.fixClicked) as fixed:
        both.click()
    assert fixed.args == ["k", 1, False]
    with qtbot.waitSignal(findings.findingClicked) as clicked:
        show.click()
    assert clicked.args == [["a", "b"]]


def test_many_findings_of_one_sort_have_one_answer_and_are_not_all_drawn(
    findings: FindingsList, qtbot
) -> None:
    rows = [FindingRow(str(n), Severity.WARNING, Message("Alike."), FIXES, (), "alike") for n in range(500)]
    findings.show_rows(rows)
    texts = [button.text() for button in buttons(findings)]
    assert texts[:2] == ["Treat as one subject (all 500)", "Keep both (all 500)"]
    assert len(texts) == 2 + 2 * MOST_SHOWN
    with qtbot.waitSignal(findings.fixClicked) as fixed:
        buttons(findings)[0].click()
    assert fixed.args == ["0", 0, True]


def test_missing_files_are_listed_searched_and_relinked(qtbot) -> None:
    dialog = RelinkDialog()
    dialog.show()
    dialog.show_files([MissingRow("a", "fixed", "/旧/1.png"), MissingRow("a", "moving", "/旧/2.png", "/new")])
    assert dialog.table.rowCount() == 2
    assert not dialog.relink_button.isEnabled()
    dialog.show_progress(Message("Searching"), 3, 10)
    assert not dialog.search_button.isEnabled()
    dialog.show_progress(Message(""), 0, 0)
    dialog.show_state(Message("Found."), 1)
    with qtbot.waitSignal(dialog.relinkClicked):
        dialog.relink_button.click()
    with qtbot.waitSignal(dialog.searchClicked):
        dialog.search_button.click()
    with qtbot.waitSignal(dialog.closed):
        dialog.close_button.click()


def test_a_check_says_when_there_is_nothing(qtbot) -> None:
    dialog = DataCheckDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.show_progress(Message("Looking"), 1, 2)
    assert dialog.state.text() == "Looking… 1 / 2"
    dialog.show_progress(Message(""), 0, 0)
    dialog.show_findings([])
    assert dialog.state.text() == "Nothing to report."


def test_facts_of_an_item_are_edited_and_handed_over(qtbot) -> None:
    facts = ItemFacts("a", "王", "", "OD", (("fixed", "FA"), ("moving", "CF")), True, ("李", "王"))
    dialog = ItemDialog(facts)
    dialog.show()
    dialog.subject.setCurrentText("李")
    dialog.visit.setText("2020")
    dialog.modalities["moving"].setCurrentText("RF")
    with qtbot.waitSignal(dialog.corrected) as corrected:
        dialog.accept()
    (found,) = corrected.args
    assert (found.subject, found.visit, found.modalities) == (
        "李",
        "2020",
        (("fixed", "FA"), ("moving", "RF")),
    )


def test_swapping_in_the_form_stores_nothing_else(qtbot) -> None:
    facts = ItemFacts("a", "s", "", "", (("image", "FA"),), False, ("s",))
    dialog = ItemDialog(facts)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.swap.isEnabled()
    assert "no fixed and moving" in dialog.swap.toolTip()
    other = ItemDialog(ItemFacts("b", "s", "", "", (), True, ("s",)))
    other.show()
    with qtbot.waitSignal(other.swapClicked), qtbot.assertNotEmitted(other.corrected):
        other.swap.click()
