"""The editor of shortcuts: every action by menu, a field that takes a key, and what to do about conflicts."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engines.contract.files import write_json_atomically
from workstation.actions.registry import ActionRegistry
from workstation.actions.shortcuts import PRESETS, ShortcutMap, read_preset, refusal
from workstation.views.elements.key_field import KeyField
from workstation.views.window.shortcut_list import native_keys

_KEY = Qt.ItemDataRole.UserRole
_SIZE_PX = (820, 600)


class ShortcutEditor(QDialog):
    """Changes keys; every change holds at once, and nothing waits for OK.

    Parameters
    ----------
    actions : ActionRegistry
    shortcuts : ShortcutMap
    """

    def __init__(
        self, actions: ActionRegistry, shortcuts: ShortcutMap, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Change shortcuts"))
        self.resize(*_SIZE_PX)
        self._actions, self._map = actions, shortcuts
        self._new = ""
        layout = QVBoxLayout(self)
        layout.addLayout(self._top())
        self.tree = self._tree()
        layout.addWidget(self.tree, 1)
        layout.addWidget(self._bottom())
        self._fill()
        actions.shortcuts_changed.connect(self._show_keys)
        self.tree.setCurrentItem(self.tree.topLevelItem(0).child(0))
        self.search.setFocus()

    # -- building ------------------------------------------------------------------------------------

    def _top(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(self.tr("Search actions or keys"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.presets = QComboBox(self)
        self.presets.setAccessibleName(self.tr("Preset"))
        self.presets.setToolTip(self.tr("A preset replaces every key; your own changes begin anew."))
        for key in PRESETS:
            self.presets.addItem(read_preset(key).title, key)
        self.presets.activated.connect(lambda index: self._map.choose_preset(self.presets.itemData(index)))
        row.addWidget(self.search, 1)
        row.addWidget(QLabel(self.tr("Keys as in"), self))
        row.addWidget(self.presets)
        for text, clicked in (
            (self.tr("Import…"), self._import),
            (self.tr("Export…"), self._export),
            (self.tr("Reset all"), self._map.reset_all),
        ):
            row.addWidget(self._button(text, clicked))
        return row

    def _tree(self) -> QTreeWidget:
        tree = QTreeWidget(self)
        tree.setColumnCount(3)
        tree.setHeaderLabels([self.tr("Action"), self.tr("Keys"), self.tr("What it does")])
        tree.setUniformRowHeights(True)
        tree.setAccessibleName(self.tr("Actions"))
        header = tree.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(0, 250)
        header.resizeSection(1, 190)
        tree.currentItemChanged.connect(lambda *_: self._on_chosen())
        tree.itemActivated.connect(lambda *_: self.field.listen())
        return tree

    def _bottom(self) -> QWidget:
        frame = QFrame(self)
        frame.setObjectName("key_editor")
        layout = QVBoxLayout(frame)
        self.chosen = QLabel(frame)
        self.chosen.setProperty("role", "title")
        row = QHBoxLayout()
        self.field = KeyField(frame)
        self.field.pressed.connect(self._on_pressed)
        self.replace = self._button(self.tr("&Use only this key"), self._replace)
        self.add = self._button(self.tr("&Add this key"), self._add)
        self.clear = self._button(self.tr("&No key"), self._clear)
        self.reset = self._button(self.tr("&Reset"), lambda: self._map.reset(self._key()))
        row.addWidget(self.field, 1)
        for button in (self.replace, self.add, self.clear, self.reset):
            row.addWidget(button)
        self.problem = QLabel(frame)
        self.problem.setObjectName("problem")
        self.problem.setWordWrap(True)
        answers = QHBoxLayout()
        self.swap = self._button(self.tr("&Swap the keys"), self._swap)
        self.take = self._button(self.tr("&Take it from the other"), self._take)
        self.cancel = self._button(self.tr("&Leave it"), self._forget)
        for button in (self.swap, self.take, self.cancel):
            answers.addWidget(button)
        answers.addStretch(1)
        for part in (self.chosen, self.problem):
            layout.addWidget(part)
        layout.insertLayout(1, row)
        layout.addLayout(answers)
        return frame

    def _button(self, text: str, clicked: object) -> QPushButton:
        button = QPushButton(text, self)
        # Enter belongs to the list and to the field.
        button.setAutoDefault(False)
        button.clicked.connect(lambda _checked=False: clicked())  # type: ignore[operator]
        return button

    # -- list ----------------------------------------------------------------------------------------

    def _fill(self) -> None:
        groups: dict[str, QTreeWidgetItem] = {}
        for spec in self._actions.specs():
            if spec.menu not in groups:
                title = self._actions.menu_title(spec.menu).replace("&", "")
                groups[spec.menu] = QTreeWidgetItem(self.tree, [title])
                groups[spec.menu].setFlags(Qt.ItemFlag.ItemIsEnabled)
            node = QTreeWidgetItem(groups[spec.menu])
            node.setData(0, _KEY, spec.key)
            node.setText(0, self._title(spec.key))
            node.setText(2, self._actions.does(spec.key))
            node.setToolTip(2, node.text(2))
        self.tree.expandAll()
        self._show_keys()

    def _show_keys(self) -> None:
        for node in self._nodes():
            node.setText(1, native_keys(self._actions.shortcuts(str(node.data(0, _KEY)))))
            font = node.font(1)
            font.setBold(str(node.data(0, _KEY)) in self._map.own)
            node.setFont(1, font)
        with QSignalBlocker(self.presets):
            self.presets.setCurrentIndex(self.presets.findData(self._map.preset.key))
        self._show_answers()

    def _nodes(self) -> list[QTreeWidgetItem]:
        tops = [self.tree.topLevelItem(index) for index in range(self.tree.topLevelItemCount())]
        return [top.child(index) for top in tops for index in range(top.childCount())]

    def _filter(self, text: str) -> None:
        wanted = text.casefold().strip()
        for node in self._nodes():
            node.setHidden(wanted not in " ".join(node.text(column) for column in range(3)).casefold())
        for index in range(self.tree.topLevelItemCount()):
            top = self.tree.topLevelItem(index)
            top.setHidden(all(top.child(row).isHidden() for row in range(top.childCount())))
        shown = [node for node in self._nodes() if not node.isHidden()]
        if shown and (self.tree.currentItem() is None or self.tree.currentItem().isHidden()):
            self.tree.setCurrentItem(shown[0])

    def choose(self, key: str) -> None:
        """Choose an action."""
        node = next(node for node in self._nodes() if node.data(0, _KEY) == key)
        self.tree.setCurrentItem(node)

    def _key(self) -> str:
        node = self.tree.currentItem()
        return str(node.data(0, _KEY) or "") if node is not None else ""

    def _title(self, key: str) -> str:
        # Without the name of what would be undone now.
        return self._actions.title(key).replace("&", "").rstrip("…")

    # -- one action ----------------------------------------------------------------------------------

    def _on_chosen(self) -> None:
        self._new = ""
        self.field.stop()
        self._show_answers()

    def _on_pressed(self, text: str) -> None:
        self._new = text
        self._show_answers()
        target = self.swap if self.swap.isVisibleTo(self) else self.take
        if self.take.isVisibleTo(self):
            target.setFocus()
        elif self.replace.isEnabled():
            self.replace.setFocus()

    def _show_answers(self) -> None:
        key = self._key()
        problem = refusal(self._actions.spec(key), self._new) if key and self._new else ""
        rivals = self._map.rivals(key, self._new) if key and self._new and not problem else []
        is_free = bool(key and self._new) and not problem and not rivals
        if rivals:
            names = ", ".join(self._title(rival) for rival in rivals)
            problem = self.tr("{key} belongs to “{action}” already.").format(
                key=native_keys([self._new]), action=names
            )
        self.chosen.setText(self._title(key) if key else self.tr("Choose an action."))
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        self.field.setEnabled(bool(key))
        self.replace.setEnabled(is_free)
        self.add.setEnabled(is_free)
        self.clear.setEnabled(bool(key) and bool(self._map.shortcuts(key)))
        self.reset.setEnabled(key in self._map.own)
        self.swap.setVisible(bool(rivals) and not self._map.swap_problem(key, self._new))
        self.take.setVisible(bool(rivals))
        self.cancel.setVisible(bool(rivals) or bool(problem))

    def _replace(self) -> None:
        self._map.set(self._key(), [self._new])
        self._forget()

    def _add(self) -> None:
        self._map.set(self._key(), [*self._map.shortcuts(self._key()), self._new])
        self._forget()

    def _clear(self) -> None:
        self._map.set(self._key(), [])

    def _swap(self) -> None:
        self._map.swap(self._key(), self._new)
        self._forget()

    def _take(self) -> None:
        self._map.take(self._key(), self._new)
        self._forget()

    def _forget(self) -> None:
        self._new = ""
        self.field.stop()
        self._show_answers()
        self.tree.setFocus()

    # -- files ---------------------------------------------------------------------------------------

    def _export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Export the shortcuts"), "shortcuts.json", self.tr("Shortcuts (*.json)")
        )
        if path:
            self.export_to(Path(path))

    def export_to(self, path: Path) -> None:
        """Write preset and own keys into a file."""
        try:
            write_json_atomically(path, self._map.to_content())
        except OSError as error:
            self._complain(self.tr("The file could not be written: {reason}.").format(reason=error.strerror))

    def _import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, self.tr("Import shortcuts"), "", self.tr("Shortcuts (*.json)")
        )
        if path:
            self.import_from(Path(path))

    def import_from(self, path: Path) -> None:
        """Take preset and own keys from a file, and say what in it could not be used."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            self._complain(self.tr("The file cannot be read: {reason}.").format(reason=error))
            return
        dropped = self._map.from_content(content)
        if dropped:
            self._complain("\n".join([self.tr("Left out:"), *dropped[:5]]))

    def _complain(self, text: str) -> None:
        self._forget()
        self.problem.setText(text)
        self.problem.setVisible(True)
        self.cancel.setVisible(True)
