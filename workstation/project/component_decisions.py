"""What people decided about components, as runs are told: see `ComponentDecision` of the manifest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from sqlalchemy import select

from engines.contract.manifest import ComponentDecision, Manifest
from engines.imaging.volumes.label_metrics import CONNECTIVITY_26
from engines.imaging.volumes.voxel_changes import Labels, VoxelChanges
from workstation.project.component_commands import JUDGE
from workstation.project.component_review import REJECTIONS, rejections
from workstation.project.label_maps import LabelMap, LabelMapStore
from workstation.project.schema import CommandRow
from workstation.project.store import Store


def with_decisions(manifest: Manifest, store: Store, label_maps: LabelMapStore) -> Manifest:
    """Return a manifest with what was decided about the components of its items' label maps."""
    judged = _judged_items(store)
    items = tuple(
        item.model_copy(update={"decisions": tuple(_of_item(store, label_maps, item.id))})
        if item.id in judged
        else item
        for item in manifest.items
    )
    return manifest.model_copy(update={"items": items})


def _judged_items(store: Store) -> set[str]:
    """Return the items with anything in the journal that can be a decision."""
    query = (
        select(CommandRow.item_id)
        .where(
            (CommandRow.kind == JUDGE) | CommandRow.title.in_(REJECTIONS),
            CommandRow.action == "do",
            CommandRow.undone_at.is_(None),
        )
        .distinct()
    )
    with store.read() as session:
        return {str(item_id) for item_id in session.scalars(query)}


def _of_item(store: Store, label_maps: LabelMapStore, item_id: str) -> Iterator[ComponentDecision]:
    for label_map in label_maps.of_item(item_id):
        accepted = _accepted(store, label_map)
        rejected = list(reversed(rejections(store, label_map.id)))
        if not accepted and not rejected:
            continue
        labels = label_maps.read(label_map.id)[0].voxels
        for label, voxel in accepted:
            # A piece that is gone since is no longer accepted.
            if labels[voxel] == label:
                yield _decision(label_map, label, voxel, is_accepted=True)
        for rejection in rejected:
            for label, voxel in _gone(rejection.changes, labels):
                yield _decision(label_map, label, voxel, is_accepted=False)


def _accepted(store: Store, label_map: LabelMap) -> list[tuple[int, tuple[int, int, int]]]:
    query = (
        select(CommandRow.payload)
        .where(
            CommandRow.item_id == label_map.item_id,
            CommandRow.kind == JUDGE,
            CommandRow.action == "do",
            CommandRow.undone_at.is_(None),
        )
        .order_by(CommandRow.sequence)
    )
    # Ordered, and each once.
    found: dict[tuple[int, tuple[int, int, int]], None] = {}
    with store.read() as session:
        for payload in session.scalars(query):
            if payload["label_map_id"] != label_map.id:
                continue
            for i, j, k in payload["voxels"]:
                key = (int(payload["label"]), (int(i), int(j), int(k)))
                found.pop(key, None)
                if payload["is_accepted"]:
                    found[key] = None
    return list(found)


def _gone(changes: VoxelChanges, labels: Labels) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Yield a voxel of each piece that a stroke took away and that did not come back."""
    for label in np.unique(changes.runs[:, 2]):
        part = VoxelChanges(changes.shape, changes.runs[changes.runs[:, 2] == label])
        box = part.box
        gone = part.mask_in(box) & (labels[box] != label)
        pieces, count = ndimage.label(gone, structure=CONNECTIVITY_26)
        for number in range(1, count + 1):
            first = np.argwhere(pieces == number)[0]
            i, j, k = (int(at) + side.start for at, side in zip(first, box, strict=True))
            yield int(label), (i, j, k)


def _decision(
    label_map: LabelMap, label: int, voxel: tuple[int, int, int], *, is_accepted: bool
) -> ComponentDecision:
    return ComponentDecision(
        source=label_map.source,
        label=label,
        voxel=voxel,
        shape=label_map.geometry.shape,
        is_accepted=is_accepted,
    )
