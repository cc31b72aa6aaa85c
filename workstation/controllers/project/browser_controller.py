"""What the data browser lists of a project."""

from __future__ import annotations

from engines.contract.kinds import FileKind, ItemKind
from engines.contract.messages import Message
from workstation.project.items import Item
from workstation.project.project import Project
from workstation.views.protocols.cards import NOTHING
from workstation.views.protocols.project import BrowserRow


def browser_rows(project: Project) -> list[BrowserRow]:
    """Return one row for each item, ordered by subject and item."""
    rows = []
    counts, label_maps = project.keypoints.counts(), project.label_maps.counts()
    for item in sorted(project.items.all(), key=lambda item: (item.subject, item.id)):
        images = [file.modality for file in item.files.values() if file.modality]
        rows.append(
            BrowserRow(
                item_id=item.id,
                subject=item.subject,
                modalities=" + ".join(dict.fromkeys(images)),
                split=item.split.value if item.split is not None else "",
                problem=_problem(item),
                num_pairs=counts.get(item.id, 0),
                kind=item.kind,
                size=_size(item),
                num_label_maps=label_maps.get(item.id, 0),
            )
        )
    return rows


def _size(item: Item) -> str:
    """Return the voxels of the largest volume of a case."""
    grids = [file.grid for file in item.files.values() if file.kind is FileKind.VOLUME and file.grid]
    shapes = sorted((grid.shape for grid in grids), key=lambda shape: shape[0] * shape[1] * shape[2])
    return "×".join(map(str, shapes[-1])) if shapes else ""


def _problem(item: Item) -> Message:
    """Say what an item lacks."""
    if item.kind is ItemKind.IMAGE_PAIR:
        for role in ("fixed", "moving"):
            if not item.has(role):
                return Message("the {role} image is missing", {"role": role})
    return NOTHING
