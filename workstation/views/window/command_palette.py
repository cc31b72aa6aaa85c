"""The command palette: any action by a few letters of its name, its keys, and why it cannot run now."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from workstation.actions.registry import ActionRegistry
from workstation.views.elements.theme import current_theme, palette

WIDTH_PX = 620
HEIGHT_PX = 420
_KEYS = Qt.ItemDataRole.UserRole + 1
_REASON = Qt.ItemDataRole.UserRole + 2
_ICON_PX = 16
_LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


@dataclass(frozen=True, slots=True)
class Command:
    """An action as the palette lists it."""

    key: str
    title: str
    menu: str
    keys: str
    reason: str
    icon: QIcon


def fuzzy_score(wanted: str, text: str) -> float | None:
    """Return how well letters fit a text, higher is better; None when they are not all there, in order.

    Letters at the beginnings of words and letters side by side count more, and short texts win.
    """
    score, at, before = 0.0, 0, -2
    lowered = text.casefold()
    for letter in wanted.casefold():
        if letter.isspace():
            continue
        places = [place for place in range(at, len(lowered)) if lowered[place] == letter]
        if not places:
            return None
        starts = [place for place in places if place == 0 or not lowered[place - 1].isalnum()]
        place = places[0] if places[0] == before + 1 or not starts else starts[0]
        score += 3.0 if place == before + 1 else 2.0 if place in starts else 0.5
        at, before = place + 1, place
    return score - len(text) / 100


def find(commands: list[Command], wanted: str) -> list[Command]:
    """Return the commands that fit, the best first; what cannot run now comes after what can."""
    scored = []
    for number, command in enumerate(commands):
        scores = [
            fuzzy_score(wanted, command.title),
            fuzzy_score(wanted, f"{command.menu} {command.title}"),
        ]
        found = [score for score in scores if score is not None]
        if found:
            scored.append((bool(command.reason), -max(found), number, command))
    return [command for *_, command in sorted(scored, key=lambda entry: entry[:3])]


class CommandPalette(QDialog):
    """A list above the window that leaves as soon as something was chosen.

    Parameters
    ----------
    actions : ActionRegistry
    """

    def __init__(self, actions: ActionRegistry, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("command_palette")
        self.setAccessibleName(self.tr("Command palette"))
        self._actions = actions
        self._commands = _commands(actions)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(self.tr("What do you want to do?"))
        self.search.setAccessibleName(self.tr("Search actions"))
        self.search.textChanged.connect(self._fill)
        self.search.installEventFilter(self)
        self.list = QListWidget(self)
        self.list.setItemDelegate(_CommandDelegate(self.list))
        self.list.setAccessibleName(self.tr("Actions"))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(self._run)
        self.note = QLabel(self)
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.note)
        self._fill("")
        self._place(parent)
        self.search.setFocus()

    def shown_keys(self) -> list[str]:
        """Return the keys of the listed actions, from top to bottom."""
        role = Qt.ItemDataRole.UserRole
        return [str(self.list.item(row).data(role)) for row in range(self.list.count())]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrow keys walk the list while the text keeps the focus."""
        if watched is self.search and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in _LIST_KEYS:
                self._walk(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _walk(self, event: QKeyEvent) -> None:
        # A list of NoFocus takes keys all the same.
        self.list.keyPressEvent(event)

    def _fill(self, wanted: str) -> None:
        self.list.clear()
        for command in find(self._commands, wanted):
            entry = QListWidgetItem(command.icon, f"{command.menu}: {command.title}", self.list)
            entry.setData(Qt.ItemDataRole.UserRole, command.key)
            entry.setData(_KEYS, command.keys)
            entry.setData(_REASON, command.reason)
        self.list.setCurrentRow(0)
        has_any = self.list.count() > 0
        self.note.setText(
            self.tr("Enter runs it, Esc closes.") if has_any else self.tr("No action has these letters.")
        )

    def _run(self, entry: QListWidgetItem | None) -> None:
        if entry is None:
            return
        reason = str(entry.data(_REASON))
        if reason:
            self.note.setText(f"⊘ {reason}")
            return
        action = self._actions.action(str(entry.data(Qt.ItemDataRole.UserRole)))
        self.close()
        # After the popup is gone and the focus is back where it was.
        QTimer.singleShot(0, action.trigger)

    def _place(self, window: QWidget) -> None:
        width, height = min(WIDTH_PX, window.width() - 40), min(HEIGHT_PX, window.height() - 80)
        corner = window.mapToGlobal(window.rect().topLeft())
        self.setGeometry(corner.x() + (window.width() - width) // 2, corner.y() + 56, width, height)


def _commands(actions: ActionRegistry) -> list[Command]:
    found = []
    for spec in actions.specs():
        action = actions.action(spec.key)
        title = action.text().replace("&", "").rstrip("…")
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        found.append(
            Command(
                spec.key,
                title,
                actions.menu_title(spec.menu).replace("&", ""),
                keys,
                actions.reason(spec.key),
                action.icon(),
            )
        )
    return found


class _CommandDelegate(QStyledItemDelegate):
    """A name, its keys at the right, and below it why it cannot run now."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return room for one line, or two with a reason."""
        height = option.fontMetrics.height()
        return QSize(200, 2 * height + 12 if index.data(_REASON) else height + 12)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw one row."""
        colours = palette(current_theme())
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(colours["selection"]))
        area = option.rect.adjusted(8, 6, -8, -6)
        reason, keys = str(index.data(_REASON)), str(index.data(_KEYS))
        height = option.fontMetrics.height()
        icon = index.data(Qt.ItemDataRole.DecorationRole)
        mode = QIcon.Mode.Disabled if reason else QIcon.Mode.Normal
        if isinstance(icon, QIcon) and not icon.isNull():
            icon.paint(painter, area.left(), area.top(), _ICON_PX, height, mode=mode)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        quiet = QColor(colours["text" if is_selected else "muted"])
        line = QRect(area.left() + _ICON_PX + 10, area.top(), area.width() - _ICON_PX - 10, height)
        painter.setPen(quiet)
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, keys)
        room = line.width() - option.fontMetrics.horizontalAdvance(f"{keys}  ")
        painter.setPen(quiet if reason else QColor(colours["text"]))
        name = option.fontMetrics.elidedText(str(index.data()), Qt.TextElideMode.ElideRight, room)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, name)
        if reason:
            painter.setPen(quiet)
            said = option.fontMetrics.elidedText(reason, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line.translated(0, height), Qt.AlignmentFlag.AlignLeft, said)
        painter.restore()
