"""Keys that a person chose: presets, differences from them, and what no key may do.

A preset lies in ``resources/shortcuts`` and names only what differs from the table of actions; a person's
own keys are again only what differs from the preset. Whatever cannot be used is dropped with a warning,
and the action keeps the key it came with.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QObject, Qt, Signal
from PySide6.QtGui import QKeySequence

from engines.contract.config import read_yaml
from engines.contract.resources import resource_path
from workstation.actions.registry import ActionRegistry, ActionSpec, can_meet

_LOG = logging.getLogger(__name__)

PRESETS: tuple[str, ...] = ("studio", "napari", "slicer", "itk_snap")
"""Files below ``resources/shortcuts``, the default first."""

_DESTRUCTIVE = ("delete", "discard", "remove", "clear", "forget")
_FOCUS_KEYS = frozenset(
    QKeySequence(text).toString()
    for text in ("Tab", "Shift+Tab", "Return", "Enter", "Space", "Left", "Right", "Up", "Down")
)
_DELETING_KEYS = frozenset({"Del", "Backspace"})
_MODIFIERS = Qt.KeyboardModifier.ControlModifier.value | Qt.KeyboardModifier.AltModifier.value
_MODIFIERS |= Qt.KeyboardModifier.MetaModifier.value

_NO_KEY = QT_TRANSLATE_NOOP("shortcuts", "This is no key that an action can have.")
_DELETES = QT_TRANSLATE_NOOP(
    "shortcuts",
    "This action takes something away: a single key would do so by accident. "
    "Take Del, Backspace, or a key together with Ctrl or Alt.",
)
_MOVES_FOCUS = QT_TRANSLATE_NOOP(
    "shortcuts",
    "This key moves the focus or presses the button that has it. It can only serve actions of the canvas.",
)


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of keys.

    Parameters
    ----------
    key, title : str
    shortcuts : mapping of str to tuple of str
        Action to keys; actions that are absent keep those of their table.
    """

    key: str
    title: str
    shortcuts: Mapping[str, tuple[str, ...]]


def read_preset(key: str) -> Preset:
    """Read a preset from its file."""
    content: dict[str, Any] = read_yaml(resource_path("shortcuts", f"{key}.yaml"))
    keys = {action: tuple(texts) for action, texts in (content.get("shortcuts") or {}).items()}
    return Preset(key, str(content["title"]), keys)


def portable(text: str) -> str:
    """Return a key sequence in the one writing that files hold; empty when it is none."""
    sequence = QKeySequence(text)
    is_known = sequence.count() == 1 and sequence[0].key() not in (Qt.Key.Key_unknown, Qt.Key(0))
    return sequence.toString() if is_known else ""


def is_destructive(spec: ActionSpec) -> bool:
    """Tell whether an action takes away what a person has."""
    verb = spec.key.rpartition(".")[2]
    return any(word in verb for word in _DESTRUCTIVE)


def refusal(spec: ActionSpec, shortcut: str) -> str:
    """Return why an action cannot have a key, translated; an empty text when it can."""
    text = portable(shortcut)
    if not text:
        return _translated(_NO_KEY)
    modifiers = QKeySequence(text)[0].keyboardModifiers().value
    has_modifier = bool(modifiers & _MODIFIERS)
    # Function keys are out of the way of a hand that types.
    if is_destructive(spec) and not has_modifier and text not in _DELETING_KEYS:
        return _translated(_DELETES)
    if text in _FOCUS_KEYS and not spec.scope:
        return _translated(_MOVES_FOCUS)
    return ""


class ShortcutMap(QObject):
    """The keys of every action: table, then preset, then the person's own.

    Parameters
    ----------
    actions : ActionRegistry
    preset : str
        Key of a preset.
    own : mapping
        Action to list of keys, as a settings file holds it; nothing in it is trusted.

    Signals
    -------
    changed
        `preset` or `own` changed.
    """

    changed = Signal()

    def __init__(
        self,
        actions: ActionRegistry,
        preset: str = PRESETS[0],
        own: Mapping[str, Any] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent or actions)
        self._actions = actions
        self._own: dict[str, tuple[str, ...]] = {}
        self.preset = read_preset(preset if preset in PRESETS else PRESETS[0])
        self.dropped = self._take(own or {})
        if self.preset.shortcuts or self._own:
            self._apply()

    @property
    def own(self) -> dict[str, list[str]]:
        """What differs from the preset, for the settings."""
        return {key: list(texts) for key, texts in self._own.items()}

    def base(self, key: str) -> tuple[str, ...]:
        """Return the keys that the preset gives an action, less those it gave to another."""
        spec = self._actions.spec(key)
        if key in self.preset.shortcuts:
            return tuple(portable(text) for text in self.preset.shortcuts[key])
        taken = {
            portable(text)
            for other, texts in self.preset.shortcuts.items()
            if other in self._known and can_meet(spec, self._actions.spec(other))
            for text in texts
        }
        return tuple(text for text in map(portable, spec.shortcuts) if text not in taken)

    def shortcuts(self, key: str) -> tuple[str, ...]:
        """Return the keys of an action."""
        return self._actions.shortcuts(key)

    def rivals(self, key: str, shortcut: str) -> list[str]:
        """Return the actions that have a key already and could be meant at the same time."""
        return self._actions.rivals(key, shortcut)

    # -- edits ---------------------------------------------------------------------------------------

    def set(self, key: str, shortcuts: Sequence[str]) -> None:
        """Give an action other keys.

        Raises
        ------
        ValueError
            If the action may not have one of them, or another action has it: see `refusal`, `rivals`.
        """
        wanted = tuple(dict.fromkeys(shortcuts))
        for text in wanted:
            problem = refusal(self._actions.spec(key), text)
            if problem:
                raise ValueError(problem)
            if self.rivals(key, text):
                raise ValueError(
                    _translated(_TWICE).format(key=key, shortcut=text, other=self.rivals(key, text)[0])
                )
        self._put(key, tuple(map(portable, wanted)))
        self._apply()
        self.changed.emit()

    def take(self, key: str, shortcut: str, kept: Sequence[str] = ()) -> None:
        """Give an action a key, besides `kept`, and remove it from whoever has it."""
        for rival in self.rivals(key, shortcut):
            self._put(rival, tuple(text for text in self.shortcuts(rival) if text != portable(shortcut)))
        self._apply()
        self.set(key, [*kept, shortcut])

    def swap(self, key: str, shortcut: str) -> None:
        """Give an action the key of another one, and that one the first key of this action.

        Raises
        ------
        ValueError
            If the other action may not have it.
        """
        (rival, *_) = self.rivals(key, shortcut)
        before = self.shortcuts(key)
        problem = self.swap_problem(key, shortcut)
        if problem:
            raise ValueError(problem)
        others = [text for text in self.shortcuts(rival) if text != portable(shortcut)]
        self.take(key, shortcut, before[1:])
        self.set(rival, [*before[:1], *others])

    def swap_problem(self, key: str, shortcut: str) -> str:
        """Return why two actions cannot swap their keys, translated; an empty text when they can."""
        rivals, before = self.rivals(key, shortcut), self.shortcuts(key)
        if len(rivals) != 1 or not before:
            return _translated(_NO_SWAP)
        if refusal(self._actions.spec(rivals[0]), before[0]):
            return refusal(self._actions.spec(rivals[0]), before[0])
        return _translated(_NO_SWAP) if set(self.rivals(rivals[0], before[0])) - {key} else ""

    def reset(self, key: str) -> None:
        """Give an action the keys of the preset again; whoever has them loses them."""
        self._own.pop(key, None)
        for text in self.base(key):
            for rival in self.rivals(key, text):
                self._put(rival, tuple(kept for kept in self.shortcuts(rival) if kept != text))
        self._apply()
        self.changed.emit()

    def reset_all(self) -> None:
        """Give every action the keys of the preset."""
        self._own.clear()
        self._apply()
        self.changed.emit()

    def choose_preset(self, key: str) -> None:
        """Take another preset; the person's own keys begin anew."""
        self.preset = read_preset(key)
        self.reset_all()

    # -- files ---------------------------------------------------------------------------------------

    def to_content(self) -> dict[str, Any]:
        """Return preset and own keys as plain data."""
        return {"preset": self.preset.key, "shortcuts": self.own}

    def from_content(self, content: object) -> list[str]:
        """Take what `to_content` gave; return a sentence for each entry that could not be used."""
        if not isinstance(content, Mapping) or not isinstance(content.get("shortcuts", {}), Mapping):
            return [_translated(_NOT_A_FILE)]
        preset = content.get("preset")
        self.preset = read_preset(preset if preset in PRESETS else PRESETS[0])
        self._own.clear()
        dropped = self._take(content.get("shortcuts", {}))
        self._apply()
        self.changed.emit()
        return dropped

    # -- inside --------------------------------------------------------------------------------------

    @property
    def _known(self) -> frozenset[str]:
        return frozenset(spec.key for spec in self._actions.specs())

    def _put(self, key: str, texts: tuple[str, ...]) -> None:
        if texts == self.base(key):
            self._own.pop(key, None)
        else:
            self._own[key] = texts

    def _take(self, entries: Mapping[str, Any]) -> list[str]:
        """Take entries that are good, and say of the others why they are not."""
        dropped: list[str] = []
        for key, texts in entries.items():
            problem = self._problem(key, texts)
            if problem:
                dropped.append(problem)
                _LOG.warning("The shortcut setting %s: %s was dropped: %s", key, texts, problem)
            else:
                self._put(key, tuple(portable(text) for text in texts))
        return dropped

    def _problem(self, key: str, texts: object) -> str:
        if key not in self._known:
            return _translated(_NO_ACTION).format(key=key)
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            return _translated(_NO_LIST).format(key=key)
        spec = self._actions.spec(key)
        for text in texts:
            reason = refusal(spec, text)
            if reason:
                return f"{key}, {text}: {reason}"
            for other in self._own:
                if can_meet(spec, self._actions.spec(other)) and portable(text) in self._own[other]:
                    return _translated(_TWICE).format(key=key, shortcut=text, other=other)
        return ""

    def _apply(self) -> None:
        own = {(key, text) for key, texts in self._own.items() for text in texts}
        wanted: dict[str, tuple[str, ...]] = {}
        for spec in self._actions.specs():
            texts = self._own.get(spec.key, self.base(spec.key))
            if spec.key not in self._own:
                # What the person gave to another action is no longer this one's.
                texts = tuple(
                    text
                    for text in texts
                    if not any(
                        text == taken and can_meet(spec, self._actions.spec(other)) for other, taken in own
                    )
                )
            wanted[spec.key] = texts
        self._actions.set_shortcuts(wanted)


_NO_SWAP = QT_TRANSLATE_NOOP("shortcuts", "There is no key that could be given in exchange.")
_NOT_A_FILE = QT_TRANSLATE_NOOP("shortcuts", "The file holds no shortcuts.")
_NO_ACTION = QT_TRANSLATE_NOOP("shortcuts", "There is no action {key}.")
_NO_LIST = QT_TRANSLATE_NOOP("shortcuts", "The keys of {key} are no list of texts.")
_TWICE = QT_TRANSLATE_NOOP("shortcuts", "{shortcut} of {key} belongs to {other} already.")


def _translated(text: str) -> str:
    return QCoreApplication.translate("shortcuts", text)
