"""What an import will write: items as they will be, new files, and subjects with their splits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engines.contract.kinds import FileKind, ItemKind, Split
from engines.contract.registry import all_specs
from engines.contract.roles import VOLUME_ROLES
from engines.contract.spec import RoleSpec
from engines.imaging.volumes.merged_masks import MergedMasks
from engines.imaging.volumes.volume_facts import VolumeFacts
from workstation.project.items import Item, NewFile

MASK_KINDS = (FileKind.MASK, FileKind.LABEL_MAP)


class Cancelled(Exception):
    """The person stopped the import."""


@dataclass(slots=True)
class Draft:
    """An item as it will be after the import."""

    subject: str
    files: dict[str, NewFile] = field(default_factory=dict)
    kind: ItemKind | None = None
    visit: str | None = None
    laterality: str | None = None
    is_touched: bool = False


class SubjectGroups:
    """Subjects joined by shared images; a group has one split or none yet."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._split: dict[str, Split] = {}

    def split(self, subject: str) -> Split | None:
        """Return the split of a subject's group."""
        return self._split.get(self._root(subject))

    def join(self, first: str, second: str) -> None:
        """Put two groups together; at most one of them may have a split."""
        keep, drop = self._root(first), self._root(second)
        if keep != drop:
            split = self._split.pop(drop, None)
            self._parent[drop] = keep
            if split is not None:
                self._split[keep] = split

    def give(self, subject: str, split: Split) -> None:
        """Set the split of a subject's group."""
        self._split[self._root(subject)] = split

    def all(self) -> dict[str, Split]:
        """Return the split of every subject that has one."""
        return {
            subject: split for subject in list(self._parent) if (split := self.split(subject)) is not None
        }

    def _root(self, subject: str) -> str:
        parent = self._parent.setdefault(subject, subject)
        return subject if parent == subject else self._root(parent)


class Plan:
    """What an import will write, starting from what the project holds.

    Parameters
    ----------
    items : iterable of Item
        Items of the project.

    Attributes
    ----------
    volumes : dict of (item, role) to VolumeFacts
        What is known of the new volumes.
    masks_apart : dict of str to list of MergedMasks
        Of each item: masks of which some become label maps of their own.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self.drafts: dict[str, Draft] = {}
        self.new_files: list[NewFile] = []
        self.volumes: dict[tuple[str, str], VolumeFacts] = {}
        self.masks_apart: dict[str, list[MergedMasks]] = {}
        self.groups = SubjectGroups()
        self._item_of_content: dict[str, str] = {}
        for item in items:
            draft = Draft(item.subject, visit=item.visit, laterality=item.laterality)
            self.drafts[item.id] = draft
            if item.split is not None:
                self.groups.give(item.subject, item.split)
            for role, file in item.files.items():
                draft.files[role] = NewFile(
                    item_id=item.id,
                    subject=item.subject,
                    role=role,
                    file_kind=file.kind,
                    path=file.path,
                    sha256=file.sha256,
                    size_bytes=file.size_bytes,
                    modality=file.modality,
                    width=file.width,
                    height=file.height,
                    spacing_mm=file.spacing_mm,
                    perceptual_hash=file.perceptual_hash,
                    grid=file.grid,
                    intensity_range=file.intensity_range,
                )
                if file.kind not in MASK_KINDS:
                    self.claim_content(file.sha256, item.id)
            # A kind that does not follow from the roles was chosen, and stays.
            draft.kind = None if item.kind is infer_kind(draft) else item.kind

    def owner_of_content(self, sha256: str) -> str | None:
        """Return the first item that holds an image."""
        return self._item_of_content.get(sha256)

    def claim_content(self, sha256: str, item_id: str) -> None:
        """Record that an item holds an image, and join its subject with others that hold it."""
        owner = self._item_of_content.setdefault(sha256, item_id)
        self.groups.join(self.drafts[owner].subject, self.drafts[item_id].subject)


def known_roles() -> dict[str, RoleSpec]:
    """Return the roles of every pipeline, and of volumes, by name and alias; names go before aliases."""
    roles = [*(role for spec in all_specs() for role in spec.roles), *VOLUME_ROLES]
    found: dict[str, RoleSpec] = {}
    for role in roles:
        found.setdefault(role.name, role)
    for role in roles:
        for alias in role.aliases:
            found.setdefault(alias, role)
    return found


def infer_kind(draft: Draft) -> ItemKind:
    """Return what an item is by its roles: by its volumes, else the usual kind of a pipeline that fits.

    A pipeline fits when the item has all roles that it requires; of several the one that requires most.
    """
    volumes = [role for role, file in draft.files.items() if file.file_kind is FileKind.VOLUME]
    if volumes:
        if {"ncct", "cta"}.issubset(volumes):
            return ItemKind.VOLUME_PAIR
        return ItemKind.VOLUME if len(volumes) == 1 else ItemKind.VOLUME_SET
    best, most = ItemKind.IMAGE_SET, 0
    for spec in all_specs():
        required = [role.name for role in spec.roles if role.required]
        if len(required) > most and all(role in draft.files for role in required):
            best, most = spec.item_kinds[0], len(required)
    return best


def image_of_mask(draft: Draft, role: RoleSpec) -> NewFile | None:
    """Return the image that a mask lies on: the one it is named after, else the first of the item."""
    images = [file for file in draft.files.values() if file.file_kind not in MASK_KINDS]
    named = [file for file in images if role.name.startswith(f"{file.role}_")]
    order = list(known_roles())
    first = sorted(images, key=lambda file: order.index(file.role) if file.role in order else len(order))
    return next(iter([*named, *first]), None)
