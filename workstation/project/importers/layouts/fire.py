"""FIRE (Hernandez-Matas et al. 2017): ``Images/A01_1.jpg``, ``_2.jpg`` and control points as text.

``Ground Truth/control_points_A01_1_2.txt`` holds ``x1 y1 x2 y2`` a line: image 1 is the reference, image 2
the query. ``Masks/mask.png`` is the field of view of every image. The names tell no patients.
"""

from __future__ import annotations

import re

from engines.contract.messages import Message
from workstation.project.importers.folder_tree import FolderTree, FoundFile
from workstation.project.importers.layouts.layout import Layout, proposal_of, read_numbers, texts_by_stem
from workstation.project.importers.proposal import ImportProposal, ProposedFile, ProposedItem, ProposedPoint

KEY = "fire"
_IMAGE = re.compile(r"([ASP]\d{2,3})_([12])", re.IGNORECASE)
_FEWEST_PAIRS_WITHOUT_POINTS = 3


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose the pairs of FIRE; without any control points only when several pairs bear its names."""
    images: dict[str, dict[str, FoundFile]] = {}
    for file in tree.images:
        found = _IMAGE.fullmatch(file.stem)
        if found:
            images.setdefault(found[1].upper(), {}).setdefault(found[2], file)
    texts = texts_by_stem(tree)
    points = {name: texts.get(f"control_points_{name.lower()}_1_2") for name in images}
    is_whole = len(images) >= _FEWEST_PAIRS_WITHOUT_POINTS and all(len(pair) == 2 for pair in images.values())
    if not images or not (any(points.values()) or (is_whole and tree.named("mask.png"))):
        return None
    mask = tree.named("mask.png")
    problems: list[Message] = []
    items = []
    for name, pair in images.items():
        roles = [("fixed", "1"), ("moving", "2")]
        files = [ProposedFile(role, pair[number].path, "CF") for role, number in roles if number in pair]
        if mask is not None:
            files.append(ProposedFile("field_of_view", mask.path))
        text = points[name]
        items.append(
            ProposedItem(
                key=name,
                subject=name,
                item=name,
                files=tuple(files),
                points=_points(text, problems) if text is not None and len(pair) == 2 else (),
                points_path=text.path if text is not None else None,
            )
        )
    return proposal_of(KEY, items, tree, problems)


def _points(text: FoundFile, problems: list[Message]) -> tuple[ProposedPoint, ...]:
    try:
        rows = read_numbers(text.path)
    except (ValueError, OSError):
        rows = [[]]
    if any(len(row) != 4 for row in rows):
        problems.append(Message("{name} does not hold four numbers in each line.", {"name": text.path.name}))
        return ()
    return tuple(
        ProposedPoint(str(number), (row[0], row[1]), (row[2], row[3]))
        for number, row in enumerate(rows, start=1)
    )


LAYOUT = Layout(
    KEY,
    Message("FIRE"),
    Message("Images A01_1 and A01_2 with control points as text."),
    recognise,
)
