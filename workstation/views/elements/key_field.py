"""A field that takes one key press, and is no trap for the focus."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QMouseEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from workstation.actions.shortcuts import portable
from workstation.views.window.shortcut_list import native_keys

_PURE_MODIFIERS = (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)


class KeyField(QLineEdit):
    """Takes one key press once it was told to listen; until then Tab goes on as everywhere.

    Signals
    -------
    pressed : str
        Portable writing of the key.
    """

    pressed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setAccessibleName(self.tr("New key"))
        self.is_listening = False
        self.stop()

    def listen(self) -> None:
        """Take the next key that is pressed."""
        self.is_listening = True
        self.setText(self.tr("Press the key now (Esc: leave it)"))
        self.setFocus()

    def stop(self, text: str = "") -> None:
        """Go back to waiting."""
        self.is_listening = False
        self.setText(text)
        self.setPlaceholderText(self.tr("Enter, or a click, then the key"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Listen after a click."""
        super().mousePressEvent(event)
        self.listen()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Listen no longer when the focus goes elsewhere."""
        if self.is_listening:
            self.stop()
        super().focusOutEvent(event)

    def event(self, event: QEvent) -> bool:
        """Take keys before shortcuts and the focus chain do, while listening."""
        if isinstance(event, QKeyEvent) and self.is_listening:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self._take(event)
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Begin to listen with Enter."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.listen()
        else:
            super().keyPressEvent(event)

    def _take(self, event: QKeyEvent) -> None:
        if event.key() in _PURE_MODIFIERS or event.key() == Qt.Key.Key_unknown:
            return
        if event.key() == Qt.Key.Key_Escape and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            self.stop()
            return
        # A key of the number pad is the key.
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        key = Qt.Key.Key_Tab if event.key() == Qt.Key.Key_Backtab else Qt.Key(event.key())
        text = portable(QKeySequence(modifiers.value | key.value).toString())
        self.stop(native_keys([text]))
        self.pressed.emit(text)
