"""What a layout is, and how the items of a proposal get their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from engines.contract.messages import Message
from workstation.project.importers.folder_tree import FolderTree, FoundFile
from workstation.project.importers.proposal import ImportProposal, ProposedItem

LONGEST_NAME = 80
_FORBIDDEN = re.compile(r'[\x00-\x1f/\\:*?"<>|]+')


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which images lie in folders.

    Parameters
    ----------
    key : str
    title : Message
        A few words for a list.
    summary : Message
        What it looks for, in one sentence.
    recognise : callable
        Returns a proposal for a listing, or None when the layout is another one.
    """

    key: str
    title: Message
    summary: Message
    recognise: Callable[[FolderTree], ImportProposal | None]


class ItemNames:
    """Names of items that are unique whatever the case, and good as names of files."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, *parts: str | None) -> str:
        """Return the parts joined by hyphens, with a number where that name is taken."""
        name = clean_name("-".join(part for part in parts if part)) or "item"
        found, number = name, 1
        while found.casefold() in self._taken:
            number += 1
            found = f"{name[: LONGEST_NAME - 5]}-{number}"
        self._taken.add(found.casefold())
        return found


def clean_name(text: str) -> str:
    """Return a text without what file names cannot hold."""
    return _FORBIDDEN.sub("_", text).strip(" .")[:LONGEST_NAME].strip(" .")


def proposal_of(
    key: str,
    items: Iterable[ProposedItem],
    tree: FolderTree,
    problems: Iterable[Message] = (),
    unused: Iterable[Path] | None = None,
) -> ImportProposal:
    """Return the proposal of some items; `unused` is by default every image that none of them uses."""
    kept = tuple(items)
    if unused is None:
        used = {file.path for item in kept for file in item.files}
        unused = tuple(file.path for file in tree.images if file.path not in used)
    return ImportProposal(key, kept, unused=tuple(unused), problems=tuple(problems))


def read_numbers(path: Path) -> list[list[float]]:
    """Return the numbers of a text file line by line; blank lines and comments are left out.

    Raises
    ------
    ValueError
        If a line holds something else.
    OSError
        If it cannot be read.
    """
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    kept = (line.split("#")[0].replace(",", " ").replace(";", " ").split() for line in lines)
    return [[float(word) for word in words] for words in kept if words]


def texts_by_stem(tree: FolderTree) -> dict[str, FoundFile]:
    """Return the text files of a listing by their stem in lower case."""
    return {file.stem.lower(): file for file in tree.files if file.path.suffix.lower() == ".txt"}
