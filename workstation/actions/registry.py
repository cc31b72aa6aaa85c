"""The action registry: one entry for everything a person can do.

A table of `ActionSpec`s says what exists; screens bind what each does with `ActionRegistry.bind`, and
menus, tool bars and shortcuts are made from the bound `QAction`s. `refresh` asks every action whether
it may run now; the sentence it gets back is shown in the tooltip of the disabled action.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from engines.contract.errors import UnknownKeyError

Reason = Callable[[], str]
"""Returns why an action cannot run now, translated; an empty text when it can."""


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing a person can do.

    Parameters
    ----------
    key : str
        ``<scope>.<verb>``, for example ``"pairs.add"``.
    text, tooltip : str
        English; translated in the context ``actions``.
    shortcuts : tuple of str
        Key sequences; the first is the one that is shown.
    short : str
        Text on a tool bar; empty for `text`.
    menu : str
        Title of the menu that holds it; empty for none.
    scope : str
        Empty: works everywhere in the window. Otherwise only while a widget given to
        `ActionRegistry.set_scope` of that name, or a child of it, has the focus.
    screen : str
        Key of the screen that must be shown; empty for any.
    is_checkable : bool
    """

    key: str
    text: str
    tooltip: str
    shortcuts: tuple[str, ...] = ()
    menu: str = ""
    scope: str = ""
    screen: str = ""
    is_checkable: bool = False
    short: str = ""


@dataclass(frozen=True, slots=True)
class ActionFamily:
    """Actions of one menu and screen, whose keys begin alike; call it to declare one.

    Parameters
    ----------
    prefix : str
        Of the keys: ``"pairs"`` makes ``"pairs.add"``.
    menu, screen : str
        See `ActionSpec`.
    """

    prefix: str
    menu: str
    screen: str = ""

    def __call__(
        self,
        verb: str,
        text: str,
        tooltip: str,
        *shortcuts: str,
        short: str = "",
        scope: str = "",
        is_checkable: bool = False,
    ) -> ActionSpec:
        """Return one of its actions."""
        key = f"{self.prefix}.{verb}"
        return ActionSpec(key, text, tooltip, shortcuts, self.menu, scope, self.screen, is_checkable, short)


class ActionRegistry(QObject):
    """Every action of the window, by key.

    Parameters
    ----------
    specs : iterable of ActionSpec
    parent : QWidget
        The window that actions without a scope work in.

    Signals
    -------
    shortcuts_changed
        Some action has other keys now.
    """

    shortcuts_changed = Signal()

    def __init__(self, specs: Iterable[ActionSpec], parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self._specs: dict[str, ActionSpec] = {}
        self._actions: dict[str, QAction] = {}
        self._handlers: dict[str, Callable[[], None]] = {}
        self._reasons: dict[str, Reason] = {}
        self._written: dict[str, tuple[str, str]] = {}
        self._screen = ""
        for spec in specs:
            self.add(spec)

    def add(self, spec: ActionSpec) -> QAction:
        """Add an action; it stays disabled until `bind` says what it does.

        Raises
        ------
        ValueError
            If the key is taken, or another action that can be meant at the same time has its shortcut.
        """
        if spec.key in self._specs:
            raise ValueError(f"The action {spec.key} exists already.")
        clash = find_conflict([*self._specs.values(), spec])
        if clash:
            raise ValueError("The shortcut {} belongs to both {} and {}.".format(*clash))
        action = QAction(_translated(spec.text), self)
        action.setObjectName(spec.key)
        if spec.short:
            action.setIconText(_translated(spec.short))
        action.setCheckable(spec.is_checkable)
        action.setShortcuts([QKeySequence(text) for text in spec.shortcuts])
        if spec.scope:
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        else:
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            self._window.addAction(action)
        action.setEnabled(False)
        # QAction passes `checked`, which handlers do not want.
        action.triggered.connect(lambda _checked=False: self._on_triggered(spec.key))
        self._specs[spec.key] = spec
        self._actions[spec.key] = action
        return action

    def bind(self, key: str, triggered: Callable[[], None], reason: Reason | None = None) -> QAction:
        """Say what an action does, and when it cannot; returns the `QAction`."""
        action = self.action(key)
        # A screen that is built anew for another project takes its actions over.
        self._handlers[key] = triggered
        self._reasons[key] = reason if reason is not None else _always
        self._refresh_one(key)
        return action

    def unbind_screen(self, screen: str) -> None:
        """Forget what the actions of a screen did; the screen is about to go."""
        for key, spec in self._specs.items():
            if spec.screen == screen:
                self._handlers.pop(key, None)
                self._reasons.pop(key, None)

    def _on_triggered(self, key: str) -> None:
        handler = self._handlers.get(key)
        if handler is not None:
            handler()

    def action(self, key: str) -> QAction:
        """Return the `QAction` of a key.

        Raises
        ------
        UnknownKeyError
            With the nearest known key.
        """
        if key not in self._actions:
            near = difflib.get_close_matches(key, self._actions, n=3)
            raise UnknownKeyError(
                "There is no action '{key}'.",
                remedy="Did you mean {near}?" if near else "Known actions: {known}.",
                key=key,
                near=", ".join(near),
                known=", ".join(self._actions),
            )
        return self._actions[key]

    def spec(self, key: str) -> ActionSpec:
        """Return the spec of a key; see `action` for the error."""
        self.action(key)
        return self._specs[key]

    def specs(self) -> tuple[ActionSpec, ...]:
        """Return every spec, in order."""
        return tuple(self._specs.values())

    def of_menu(self, menu: str) -> tuple[QAction, ...]:
        """Return the actions of a menu, in order."""
        return tuple(self._actions[key] for key, spec in self._specs.items() if spec.menu == menu)

    def title(self, key: str) -> str:
        """Return the translated text of an action, without what its screen adds to it now."""
        return _translated(self.spec(key).text)

    def does(self, key: str) -> str:
        """Return the translated sentence about what an action does."""
        return _translated(self.spec(key).tooltip)

    @staticmethod
    def menu_title(menu: str) -> str:
        """Return the translated title of a menu."""
        return _translated(menu)

    def shortcuts(self, key: str) -> tuple[str, ...]:
        """Return the keys that an action has now, in portable writing; `spec` holds those it came with."""
        return tuple(sequence.toString() for sequence in self.action(key).shortcuts())

    def set_shortcuts(self, shortcuts: Mapping[str, Sequence[str]]) -> None:
        """Give actions other keys; tooltips and all who listen to `shortcuts_changed` follow at once."""
        for key, texts in shortcuts.items():
            self.action(key).setShortcuts([QKeySequence(text) for text in texts])
            self._written.pop(key, None)
        self.refresh()
        self.shortcuts_changed.emit()

    def rivals(self, key: str, shortcut: str) -> list[str]:
        """Return the keys of the other actions that the same key press would mean, too."""
        portable, spec = QKeySequence(shortcut).toString(), self.spec(key)
        return [
            other.key
            for other in self._specs.values()
            if other.key != key and self._meet(spec, other) and portable in self.shortcuts(other.key)
        ]

    def reason(self, key: str) -> str:
        """Return why an action cannot run now, translated; an empty text when it can."""
        return self._reason(key, self.spec(key))

    def set_scope(self, scope: str, *widgets: QWidget) -> None:
        """Let the actions of a scope work while one of these widgets, or a child, has the focus."""
        for key, spec in self._specs.items():
            if spec.scope == scope:
                for widget in widgets:
                    widget.addAction(self._actions[key])

    def _meet(self, first: ActionSpec, second: ActionSpec) -> bool:
        """Tell whether one key press could mean both, also through widgets that two scopes share."""
        if can_meet(first, second):
            return True
        if first.screen != second.screen:
            return False
        mine, theirs = (self._widgets_of(spec.key) for spec in (first, second))
        return any(a is b or a.isAncestorOf(b) or b.isAncestorOf(a) for a in mine for b in theirs)

    def _widgets_of(self, key: str) -> list[QWidget]:
        return [thing for thing in self._actions[key].associatedObjects() if isinstance(thing, QWidget)]

    def set_screen(self, screen: str) -> None:
        """Tell which screen is shown."""
        self._screen = screen
        self.refresh()

    def refresh(self) -> None:
        """Ask every bound action whether it may run now, and write the reason into its tooltip."""
        for key in self._actions:
            self._refresh_one(key)

    def _refresh_one(self, key: str) -> None:
        spec, action = self._specs[key], self._actions[key]
        reason = self._reason(key, spec)
        text = action.text()
        # Most of a hundred actions stay as they are at most edits.
        if self._written.get(key) == (reason, text):
            return
        self._written[key] = (reason, text)
        action.setEnabled(not reason)
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        title = f"{text} ({keys})" if keys else text
        lines = [title, _translated(spec.tooltip), reason]
        action.setToolTip("\n".join(line for line in lines if line))
        action.setStatusTip(reason or _translated(spec.tooltip))

    def _reason(self, key: str, spec: ActionSpec) -> str:
        if key not in self._reasons or (spec.screen and spec.screen != self._screen):
            return _translated("Not available on this screen.")
        return self._reasons[key]()


def find_conflict(specs: Iterable[ActionSpec]) -> tuple[str, str, str] | None:
    """Return ``(shortcut, key, key)`` of two actions that one key press could mean, or None.

    Two actions cannot be meant at once only when they belong to different screens or different scopes
    of one screen.
    """
    seen: list[tuple[str, ActionSpec]] = []
    for spec in specs:
        for text in spec.shortcuts:
            portable = QKeySequence(text).toString()
            for other_text, other in seen:
                if portable == other_text and can_meet(spec, other):
                    return portable, other.key, spec.key
            seen.append((portable, spec))
    return None


def can_meet(first: ActionSpec, second: ActionSpec) -> bool:
    """Tell whether one key press could mean both actions."""
    if first.screen and second.screen and first.screen != second.screen:
        return False
    return not (first.scope and second.scope and first.scope != second.scope)


def _always() -> str:
    return ""


def _translated(text: str) -> str:
    return QCoreApplication.translate("actions", text) if text else ""
