"""Pairs with landmarks in a table: ``pair_fixed_<n>``, ``pair_moving_<n>``, ``pairs.tsv``, ``landmarks.csv``.

``pairs.tsv`` names the modalities, ``landmarks.csv`` holds ``pair, point, fix_x, fix_y, mov_x, mov_y`` in
0-based pixel centres. Such pairs are there to measure with: they get the split `evaluation`.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from engines.contract.kinds import Split
from engines.contract.messages import Message
from workstation.project.importers.folder_tree import FolderTree
from workstation.project.importers.layouts.layout import Layout, proposal_of
from workstation.project.importers.names import modality_in
from workstation.project.importers.proposal import (
    ImportProposal,
    ProposedFile,
    ProposedItem,
    ProposedPoint,
    ordered,
)

KEY = "landmark_pairs"
_IMAGE = re.compile(r"pair_(fixed|moving)_(\w+)", re.IGNORECASE)


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose the pairs, when the table of landmarks is there."""
    table = tree.named("landmarks.csv")
    files: dict[str, list[ProposedFile]] = {}
    modalities = _modalities(tree)
    for file in tree.images:
        found = _IMAGE.fullmatch(file.stem)
        if found:
            role, name = found[1].lower(), found[2]
            modality = modalities.get((name, role))
            files.setdefault(name, []).append(ProposedFile(role, file.path, modality))
    if table is None or not files:
        return None
    problems: list[Message] = []
    points = _points(table.path, problems)
    items = [
        ProposedItem(
            key=name,
            subject=name,
            item=f"pair-{name}",
            files=ordered(found),
            split=Split.EVALUATION,
            points=tuple(points.get(name, ())),
            points_path=table.path,
        )
        for name, found in files.items()
    ]
    return proposal_of(KEY, items, tree, problems)


def _modalities(tree: FolderTree) -> dict[tuple[str, str], str]:
    table = tree.named("pairs.tsv")
    if table is None:
        return {}
    with table.path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    found = {}
    for row in rows:
        for role in ("fixed", "moving"):
            modality = modality_in(row.get(f"{role}_modality") or "")
            if modality and row.get("pair"):
                found[row["pair"], role] = modality
    return found


def _points(path: Path, problems: list[Message]) -> dict[str, list[ProposedPoint]]:
    points: dict[str, list[ProposedPoint]] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            try:
                x, y, u, v = (float(row[name] or "") for name in ("fix_x", "fix_y", "mov_x", "mov_y"))
                points.setdefault(row["pair"], []).append(ProposedPoint(row["point"], (x, y), (u, v)))
            except (KeyError, TypeError, ValueError):
                problems.append(Message("{name} holds no landmarks that can be read.", {"name": path.name}))
                return {}
    return points


LAYOUT = Layout(
    KEY,
    Message("Pairs with a table of landmarks"),
    Message("Images pair_fixed_<n> and pair_moving_<n>, with pairs.tsv and landmarks.csv."),
    recognise,
)
