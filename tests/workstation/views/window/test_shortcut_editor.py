from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from workstation.actions.registry import ActionRegistry
from workstation.actions.shortcuts import ShortcutMap
from workstation.actions.tables import ALL_ACTIONS
from workstation.views.window.shortcut_editor import ShortcutEditor
from workstation.views.window.shortcut_list import ShortcutList

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(qtbot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def actions(window: QWidget) -> ActionRegistry:
    return ActionRegistry(ALL_ACTIONS, window)


@pytest.fixture
def editor(qtbot, actions: ActionRegistry, window: QWidget) -> ShortcutEditor:
    made = ShortcutEditor(actions, ShortcutMap(actions), window)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitActive(made)
    made.choose("pairs.add")
    return made


def press(editor: ShortcutEditor, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
    editor.field.setFocus()
    QTest.keyClick(editor.field, Qt.Key.Key_Return)
    assert editor.field.is_listening
    modifier = Qt.KeyboardModifier.NoModifier
    for one in modifiers:
        modifier |= one
    QTest.keyClick(editor.field, key, modifier)


def test_free_key_is_used_after_enter_and_shown_at_once(editor: ShortcutEditor, actions) -> None:
    press(editor, Qt.Key.Key_F9)
    assert not editor.problem.isVisible()
    assert editor.focusWidget() is editor.replace
    QTest.keyClick(editor.replace, Qt.Key.Key_Space)
    assert actions.shortcuts("pairs.add") == ("F9",)
    assert editor.tree.currentItem().text(1) == "F9"
    press(editor, Qt.Key.Key_F10)
    QTest.mouseClick(editor.add, Qt.MouseButton.LeftButton)
    assert actions.shortcuts("pairs.add") == ("F9", "F10")
    QTest.mouseClick(editor.reset, Qt.MouseButton.LeftButton)
    assert actions.shortcuts("pairs.add") == ("N",)


def test_conflict_names_the_other_action_and_offers_to_swap_take_or_leave(
    editor: ShortcutEditor, actions
) -> None:
    press(editor, Qt.Key.Key_V)
    assert "V belongs to “Select and move”" in editor.problem.text()
    assert not editor.replace.isEnabled()
    QTest.mouseClick(editor.cancel, Qt.MouseButton.LeftButton)
    assert actions.shortcuts("pairs.add") == ("N",)
    assert not editor.problem.isVisible()
    press(editor, Qt.Key.Key_V)
    QTest.mouseClick(editor.swap, Qt.MouseButton.LeftButton)
    assert (actions.shortcuts("pairs.add"), actions.shortcuts("pairs.select")) == (("V",), ("N",))
    press(editor, Qt.Key.Key_N)
    QTest.mouseClick(editor.take, Qt.MouseButton.LeftButton)
    assert (actions.shortcuts("pairs.add"), actions.shortcuts("pairs.select")) == (("N",), ())


def test_single_key_for_what_deletes_is_refused_with_the_reason(editor: ShortcutEditor, actions) -> None:
    editor.choose("pairs.delete")
    press(editor, Qt.Key.Key_D)
    assert "by accident" in editor.problem.text()
    assert not editor.replace.isEnabled()
    assert not editor.take.isVisible()
    assert actions.shortcuts("pairs.delete") == ("Del", "Backspace")


def test_tab_moves_on_until_the_field_listens(editor: ShortcutEditor) -> None:
    editor.field.setFocus()
    QTest.keyClick(editor.field, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is not editor.field
    editor.choose("pairs.next")
    press(editor, Qt.Key.Key_Tab, CONTROL)
    assert "Next part of the window" in editor.problem.text()
    press(editor, Qt.Key.Key_Escape)
    assert not editor.field.is_listening


def test_search_finds_by_name_and_by_key(editor: ShortcutEditor) -> None:
    def shown() -> list[str]:
        return [node.data(0, Qt.ItemDataRole.UserRole) for node in editor._nodes() if not node.isHidden()]

    editor.search.setText("whole image")
    assert "pairs.reset_view" in shown()
    assert "pairs.add" not in shown()
    assert editor.tree.currentItem().data(0, Qt.ItemDataRole.UserRole) == shown()[0]
    editor.search.setText("ctrl+0")
    assert "pairs.reset_view" in shown()
    assert all("Ctrl+0" in editor._actions.shortcuts(key) for key in shown())


def test_preset_file_and_reset_all(editor: ShortcutEditor, actions, tmp_path: Path) -> None:
    editor.presets.setCurrentIndex(editor.presets.findData("napari"))
    editor.presets.activated.emit(editor.presets.currentIndex())
    assert actions.shortcuts("pairs.add") == ("2", "P")
    path = tmp_path / "键 keys.json"
    editor.export_to(path)
    assert json.loads(path.read_text(encoding="utf-8"))["preset"] == "napari"
    editor._map.choose_preset("studio")
    path.write_text(json.dumps({"preset": "napari", "shortcuts": {"pairs.fly": ["F"]}}), encoding="utf-8")
    editor.import_from(path)
    assert actions.shortcuts("pairs.add") == ("2", "P")
    assert "pairs.fly" in editor.problem.text()
    path.write_text("{", encoding="utf-8")
    editor.import_from(path)
    assert "cannot be read" in editor.problem.text()
    assert actions.shortcuts("pairs.add") == ("2", "P")


def test_list_of_shortcuts_follows_at_once(qtbot, window: QWidget, actions: ActionRegistry) -> None:
    keys = ShortcutMap(actions)
    shown = ShortcutList(actions, window)
    qtbot.addWidget(shown)
    row = next(row for row in range(shown.table.rowCount()) if shown.table.item(row, 0).text() == "Add pair")
    assert shown.table.item(row, 1).text() == "N"
    keys.set("pairs.add", ["F9"])
    assert shown.table.item(row, 1).text() == "F9"
