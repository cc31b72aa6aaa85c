from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest

from engines.contract.messages import Message
from workstation.views.protocols.project import HistoryRow
from workstation.views.window.history_list import HistoryList

AT = "2020-05-06T07:08:09.000000+00:00"
ROWS = [
    HistoryRow(4, Message("add point 3"), "a", "wang", AT, "waiting"),
    HistoryRow(3, Message("add point 2"), "a", "wang", AT, "lost"),
    HistoryRow(2, Message("add point 1"), "a", "li", AT, "done", is_here=True),
    HistoryRow(1, Message("merge two subjects"), None, "li", AT, "done"),
    HistoryRow(0, Message("The beginning"), None, "", "", "done"),
]


@pytest.fixture
def view(qtbot) -> HistoryList:
    made = HistoryList(QAction("Undo"), QAction("Redo"))
    qtbot.addWidget(made)
    made.show()
    made.show_history(ROWS, "a", is_whole_project=True)
    return made


def test_rows_say_what_who_when_and_where(view: HistoryList) -> None:
    texts = [[view.tree.topLevelItem(row).text(column) for column in range(4)] for row in range(5)]
    assert texts[2] == ["▶", "add point 1", "a", "li"]
    assert texts[3][2] == "project"
    assert view.tree.topLevelItem(0).text(4).startswith("2020-05-0")
    assert view.tree.currentItem() is view.tree.topLevelItem(2)


def test_undone_edits_are_grey_and_marked(view: HistoryList) -> None:
    waiting, lost, here = (view.tree.topLevelItem(row) for row in range(3))
    assert waiting.foreground(1).color() == lost.foreground(1).color() != here.foreground(1).color()
    assert (waiting.text(0), lost.text(0)) == ("↷", "✕")
    assert lost.font(1).strikeOut()
    assert "cannot be done again" in lost.toolTip(1)


def test_click_and_enter_choose_an_entry(view: HistoryList) -> None:
    chosen: list[int] = []
    view.rowChosen.connect(lambda row: chosen.append(row.sequence))
    at = view.tree.visualItemRect(view.tree.topLevelItem(3)).center()
    QTest.mouseClick(view.tree.viewport(), Qt.MouseButton.LeftButton, pos=at)
    view.tree.setCurrentItem(view.tree.topLevelItem(0))
    QTest.keyClick(view.tree, Qt.Key.Key_Return)
    assert chosen == [1, 4]


def test_scope_is_the_item_or_the_project(view: HistoryList) -> None:
    scopes: list[bool] = []
    view.scopeChosen.connect(scopes.append)
    view.project_button.click()
    view.item_button.click()
    assert scopes == [True, False]
    view.show_history(ROWS, "", is_whole_project=True)
    assert not view.item_button.isEnabled()
    view.show_history(ROWS, "a", is_whole_project=False)
    assert view.tree.isColumnHidden(2)
