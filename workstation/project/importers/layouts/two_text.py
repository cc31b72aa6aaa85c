"""Pairs with two text files: images ``<id>_01`` and ``<id>_02``, and ``<id>_01.txt`` / ``<id>_02.txt``.

Each text holds ``x y`` a line in the pixels of its image, in the same order in both. Image 01 is fixed; where
it is the colour photograph that should move, the row is swapped, points and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from engines.contract.messages import Message
from workstation.project.importers.folder_tree import FolderTree, FoundFile
from workstation.project.importers.layouts.layout import (
    ItemNames,
    Layout,
    proposal_of,
    read_numbers,
)
from workstation.project.importers.names import facts_of
from workstation.project.importers.proposal import (
    PAIR_ROLES,
    ImportProposal,
    ProposedFile,
    ProposedItem,
    ProposedPoint,
)

KEY = "two_text"
_NUMBERED = re.compile(r"(.+)_0?([12])", re.DOTALL)


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose the pairs that have a text file beside, or in a folder of its own, for each image."""
    images = _by_id(file for file in tree.images)
    texts = _by_id(file for file in tree.files if file.path.suffix.lower() == ".txt")
    if not any(len(images[name]) == 2 and len(texts.get(name, {})) == 2 for name in images):
        return None
    names, problems = ItemNames(), list[Message]()
    items = []
    for name, pair in images.items():
        facts = facts_of(next(iter(pair.values())))
        files = [
            ProposedFile(role, pair[number].path, facts_of(pair[number]).modality)
            for role, number in zip(PAIR_ROLES, "12", strict=True)
            if number in pair
        ]
        both = texts.get(name, {})
        item = names.unique(name)
        items.append(
            ProposedItem(
                key=item,
                subject=name,
                item=item,
                files=tuple(files),
                laterality=facts.laterality,
                points=_points(both, problems) if len(pair) == 2 else (),
                points_path=both["1"].path if "1" in both else None,
                split=facts.split,
            )
        )
    return proposal_of(KEY, items, tree, problems)


def _by_id(files: Iterable[FoundFile]) -> dict[str, dict[str, FoundFile]]:
    found: dict[str, dict[str, FoundFile]] = {}
    for file in files:
        numbered = _NUMBERED.fullmatch(file.stem)
        if numbered:
            found.setdefault(numbered[1], {}).setdefault(numbered[2], file)
    return found


def _points(texts: dict[str, FoundFile], problems: list[Message]) -> tuple[ProposedPoint, ...]:
    if len(texts) != 2:
        for text in texts.values():
            problems.append(
                Message("{name} has no partner with the points of the other image.", {"name": text.path.name})
            )
        return ()
    sides = []
    for number in "12":
        try:
            rows = read_numbers(texts[number].path)
        except (ValueError, OSError):
            rows = [[]]
        if any(len(row) < 2 for row in rows):
            problems.append(
                Message("{name} does not hold two numbers in each line.", {"name": texts[number].path.name})
            )
            return ()
        sides.append([(row[0], row[1]) for row in rows])
    if len(sides[0]) != len(sides[1]):
        facts = {
            "first": texts["1"].path.name,
            "second": texts["2"].path.name,
            "num_first": len(sides[0]),
            "num_second": len(sides[1]),
        }
        problems.append(
            Message(
                "{first} holds {num_first} points and {second} {num_second}: they are not imported.", facts
            )
        )
        return ()
    return tuple(
        ProposedPoint(str(number), fixed_xy, moving_xy)
        for number, (fixed_xy, moving_xy) in enumerate(zip(*sides, strict=True), start=1)
    )


LAYOUT = Layout(
    KEY,
    Message("Pairs with two text files"),
    Message("Images <id>_01 and <id>_02, with the points of each in a text file of the same name."),
    recognise,
)
