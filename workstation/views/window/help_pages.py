"""Help pages: Markdown in ``resources/help/<language>``, filled in from the table of actions.

What a page may say of the program, it asks for, so that it cannot be out of date:

- ``{key:pairs.add}`` becomes the keys of an action,
- ``{action:pairs.add}`` its title and keys,
- ``{keys:pairs}`` a table of every action of a screen; ``{keys:}`` of those that work on every screen,
- ``{layouts:}`` and ``{formats:}`` lists of the folders and keypoint files that are recognised.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QKeySequence

from engines.contract.config import read_yaml
from engines.contract.errors import UnknownKeyError
from engines.contract.resources import resource_path
from workstation.actions.registry import ActionRegistry
from workstation.translation import translate_message

FALLBACK_LANGUAGE = "en"
FIRST_PAGE = "start"
TOKEN = re.compile(r"\{(key|action|keys|layouts|formats):([\w.]*)\}")
_EXCERPT_CHARACTERS = 90
_MARKS = re.compile(r"[*`#>|\[\]]|\(\S+\.md\S*\)|^\s*(-|\d+\.) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class HelpHit:
    """A page that holds what was searched for.

    Parameters
    ----------
    key, title : str
    excerpt : str
        The words around the first place; empty when only the title holds them.
    """

    key: str
    title: str
    excerpt: str


class HelpPages:
    """The pages in one language.

    Parameters
    ----------
    actions : ActionRegistry
    language : str
        Locale name, such as ``"zh_CN"``; a page that is not translated is shown in English.
    """

    def __init__(self, actions: ActionRegistry, language: str = "") -> None:
        self._actions = actions
        self._folders = [
            folder
            for name in (language, language.partition("_")[0], FALLBACK_LANGUAGE)
            if name and (folder := resource_path("help", name)).is_dir()
        ]
        self.keys: tuple[str, ...] = tuple(read_yaml(resource_path("help", "contents.yaml"))["pages"])

    def path(self, key: str) -> Path:
        """Return the file of a page.

        Raises
        ------
        UnknownKeyError
            If no page has this key.
        """
        for folder in self._folders:
            path = folder / f"{key}.md"
            if key in self.keys and path.is_file():
                return path
        raise UnknownKeyError(
            "There is no help page '{key}'.",
            remedy="Known pages: {known}.",
            key=key,
            known=", ".join(self.keys),
        )

    def text(self, key: str) -> str:
        """Return a page as Markdown, with every token filled in."""
        return TOKEN.sub(self._fill, self.path(key).read_text(encoding="utf-8"))

    def title(self, key: str) -> str:
        """Return the heading of a page."""
        first = self.path(key).read_text(encoding="utf-8").partition("\n")[0]
        return first.lstrip("# ").strip()

    def search(self, words: str) -> list[HelpHit]:
        """Return the pages that hold every word, those whose title does first."""
        wanted = words.casefold().split()
        titled: list[HelpHit] = []
        others: list[HelpHit] = []
        for key in self.keys:
            title, text = self.title(key), plain(self.text(key))
            folded = text.casefold()
            if all(word in folded for word in wanted):
                is_titled = bool(wanted) and all(word in title.casefold() for word in wanted)
                hit = HelpHit(key, title, "" if is_titled or not wanted else _excerpt(text, wanted[0]))
                (titled if is_titled else others).append(hit)
        return titled + others

    # -- tokens --------------------------------------------------------------------------------------

    def _fill(self, token: re.Match[str]) -> str:
        fillers: dict[str, Callable[[str], str]] = {
            "key": self._keys_of,
            "action": self._action,
            "keys": self._table,
            "layouts": _layouts,
            "formats": _formats,
        }
        return fillers[token[1]](token[2])

    def _keys_of(self, key: str) -> str:
        sequences = self._actions.action(key).shortcuts()
        texts = [sequence.toString(QKeySequence.SequenceFormat.NativeText) for sequence in sequences]
        return " ".join(f"`{_in_cell(text)}`" for text in texts) or f"**{self._title(key)}**"

    def _action(self, key: str) -> str:
        keys = self._keys_of(key)
        title = f"**{self._title(key)}**"
        return title if keys == title else f"{title} {keys}"

    def _title(self, key: str) -> str:
        return self._actions.title(key).replace("&", "").rstrip("…")

    def _table(self, screen: str) -> str:
        tr = QCoreApplication.translate
        rows = [
            f"| {self._title(spec.key)} | {self._cell(spec.key)} | {_in_cell(self._actions.does(spec.key))} |"
            for spec in self._actions.specs()
            if spec.screen == screen
        ]
        if not rows:
            return ""
        names = (tr("HelpPages", "Action"), tr("HelpPages", "Keys"), tr("HelpPages", "What it does"))
        return "\n".join([f"| {' | '.join(names)} |", "| --- | --- | --- |", *rows])

    def _cell(self, key: str) -> str:
        return self._keys_of(key) if self._actions.action(key).shortcuts() else ""


def _layouts(_name: str) -> str:
    # What is imported here loads every importer: not before somebody reads about them.
    from workstation.project.importers.layouts import LAYOUTS

    return "\n".join(
        f"- **{translate_message(layout.title)}**: {_in_cell(translate_message(layout.summary))}"
        for layout in LAYOUTS
    )


def _formats(_name: str) -> str:
    from workstation.project.keypoint_formats import FORMATS

    return "\n".join(
        f"- **{translate_message(known.title)}** (`{'`, `'.join(known.suffixes)}`): "
        f"{_in_cell(translate_message(known.explanation))} {_in_cell(translate_message(known.loss))}".rstrip()
        for known in FORMATS.values()
    )


def plain(markdown: str) -> str:
    """Return the words of a page without its marks, on one line."""
    return " ".join(_MARKS.sub(" ", markdown).split())


def slug(heading: str) -> str:
    """Return what a link after ``#`` calls a heading: its words in lower case, joined by hyphens."""
    return "-".join(re.findall(r"\w+", heading.casefold()))


def _excerpt(text: str, word: str) -> str:
    found = max(0, text.casefold().find(word))
    # From the beginning of a word on.
    at = text.rfind(" ", 0, max(0, found - _EXCERPT_CHARACTERS // 3)) + 1
    piece = text[at : at + _EXCERPT_CHARACTERS].rpartition(" ")[0]
    return f"{'…' if at else ''}{piece}…"


def _in_cell(text: str) -> str:
    # These would begin a tag, or end the code or the cell of a table.
    return text.replace("<", "&lt;").replace("|", "\\|").replace("`", "'")
