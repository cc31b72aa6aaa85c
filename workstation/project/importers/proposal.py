"""What an import could bring into a project: plain data that a person looks through and corrects first.

A layout makes an `ImportProposal` from file names alone; the inspection then reads the files. Every change
returns a new proposal, so that one can be shown while another is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from engines.contract.kinds import Split
from engines.contract.messages import Message
from engines.contract.roles import VOLUME_ROLES
from engines.imaging.volumes.label_classes import LabelClass
from workstation.project.annotations import Point
from workstation.project.importers.volume_reading import VolumeSource

PAIR_ROLES = ("fixed", "moving")
LABEL_ROLES = ("label_map", "brain_mask")
"""Label maps that lie on volumes."""
MASK_ROLES = ("vessel_mask", "moving_vessel_mask", "field_of_view", *LABEL_ROLES)
SWAPPED_ROLES = {
    "fixed": "moving",
    "moving": "fixed",
    "vessel_mask": "moving_vessel_mask",
    "moving_vessel_mask": "vessel_mask",
}
"""What each role becomes when fixed and moving change places."""

FIXED_FIRST = ("FA", "ICGA", "FAF", "RF", "IR", "OCTA", "OCT", "CF")
"""Which of two modalities is fixed when no name says so: the earlier one. Colour fundus always moves."""


@dataclass(frozen=True, slots=True)
class ProposedFile:
    """One file of a proposed item.

    Parameters
    ----------
    role : str
    path : Path
        Of a volume that is made of several files: one of them, or a name for all; see `source`.
    modality : str or None
        None until a name, the look or a person says it.
    source : VolumeSource or None
        What a volume is made of that is not one file.
    classes : tuple of LabelClass
        Names of the labels that came with a label map.
    is_on_own_grid : bool
        Whether a person took a label map on another grid than its image's.
    """

    role: str
    path: Path
    modality: str | None = None
    source: VolumeSource | None = None
    classes: tuple[LabelClass, ...] = ()
    is_on_own_grid: bool = False


@dataclass(frozen=True, slots=True)
class ProposedPoint:
    """A keypoint pair that lies beside the images; 0-based pixel centres as (x, y)."""

    label: str
    fixed_xy: Point
    moving_xy: Point


@dataclass(frozen=True, slots=True)
class ProposedItem:
    """One item of a proposal.

    Parameters
    ----------
    key : str
        Names the item within its proposal, whatever is changed about it.
    subject, item : str
    files : tuple of ProposedFile
    visit, laterality : str or None
    split : Split or None
    points : tuple of ProposedPoint
    points_path : Path or None
        Where the points came from.
    is_aligned : bool
        Whether its images should have one size because they show the same structure.
    is_free : bool
        Whether no name says which image is fixed: the modalities decide once they are known.
    is_included : bool
        Whether it is to be imported.
    """

    key: str
    subject: str
    item: str
    files: tuple[ProposedFile, ...]
    visit: str | None = None
    laterality: str | None = None
    split: Split | None = None
    points: tuple[ProposedPoint, ...] = ()
    points_path: Path | None = None
    is_aligned: bool = False
    is_free: bool = False
    is_included: bool = True

    def file(self, role: str) -> ProposedFile | None:
        """Return the file of a role."""
        return next((file for file in self.files if file.role == role), None)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing: a single image needs no partner."""
        roles = {file.role for file in self.files}
        return roles.issuperset(PAIR_ROLES) or not roles.intersection(PAIR_ROLES)

    @property
    def volume_roles(self) -> tuple[str, ...]:
        """Roles of its volumes, label maps left out."""
        known = {role.name for role in VOLUME_ROLES}
        return tuple(file.role for file in self.files if file.role in known and file.role not in LABEL_ROLES)

    @property
    def missing_role(self) -> str:
        """`fixed` or `moving` where the other one has no partner; else empty."""
        if self.is_complete:
            return ""
        return "moving" if self.file("fixed") is not None else "fixed"

    def swapped(self) -> ProposedItem:
        """Return the item with fixed and moving exchanged: files, masks and points."""
        files = tuple(replace(file, role=SWAPPED_ROLES.get(file.role, file.role)) for file in self.files)
        points = tuple(ProposedPoint(point.label, point.moving_xy, point.fixed_xy) for point in self.points)
        return replace(self, files=ordered(files), points=points)

    def without(self, path: Path) -> ProposedItem:
        """Return the item without a file; the points leave with an image of the pair."""
        files = tuple(file for file in self.files if file.path != path)
        is_pair = all(any(file.role == role for file in files) for role in PAIR_ROLES)
        return (
            self if files == self.files else replace(self, files=files, points=self.points if is_pair else ())
        )


@dataclass(frozen=True, slots=True)
class KnownDefect:
    """Something that is known to be wrong with a public data set, and how to put it right.

    Parameters
    ----------
    message : Message
    keys : tuple of str
        Items that it is about.
    exchanged : (Path, Path) or None
        Two files that should change places; None when the items should be left out.
    """

    message: Message
    keys: tuple[str, ...]
    exchanged: tuple[Path, Path] | None = None


@dataclass(frozen=True, slots=True)
class ImportProposal:
    """Items that could be imported.

    Parameters
    ----------
    layout : str
        Key of the layout that made it.
    items : tuple of ProposedItem
    unused : tuple of Path
        Images that no item uses.
    problems : tuple of Message
        What could not be used of the annotations beside the images.
    defects : tuple of KnownDefect
    settled : frozenset of str
        Keys of findings that a person looked at and left as they are.
    """

    layout: str
    items: tuple[ProposedItem, ...]
    unused: tuple[Path, ...] = ()
    problems: tuple[Message, ...] = ()
    defects: tuple[KnownDefect, ...] = ()
    settled: frozenset[str] = field(default_factory=frozenset)

    def item(self, key: str) -> ProposedItem:
        """Return an item by key."""
        return next(item for item in self.items if item.key == key)

    @property
    def included(self) -> tuple[ProposedItem, ...]:
        """Items that are to be imported: chosen, complete, and with at least one file."""
        return tuple(item for item in self.items if item.is_included and item.is_complete and item.files)

    @property
    def num_complete(self) -> int:
        """Items with nothing missing."""
        return sum(item.is_complete and bool(item.files) for item in self.items)

    def paths(self) -> tuple[Path, ...]:
        """Return every file that an item uses, once."""
        return tuple(dict.fromkeys(file.path for item in self.items for file in item.files))

    def changed(self, key: str, change: Callable[[ProposedItem], ProposedItem]) -> ImportProposal:
        """Return the proposal with one item changed."""
        return replace(self, items=tuple(change(item) if item.key == key else item for item in self.items))

    def swapped(self, keys: Iterable[str]) -> ImportProposal:
        """Return the proposal with fixed and moving exchanged in some items."""
        chosen = set(keys)
        return replace(
            self, items=tuple(item.swapped() if item.key in chosen else item for item in self.items)
        )

    def with_modality(self, key: str, role: str, modality: str | None) -> ImportProposal:
        """Return the proposal with the modality of an image corrected; a single one counts as fixed."""

        def correct(item: ProposedItem) -> ProposedItem:
            volumes = item.volume_roles
            roles = ("fixed", "image", *volumes) if role == "fixed" and len(volumes) < 2 else (role,)
            files = (replace(file, modality=modality) if file.role in roles else file for file in item.files)
            return replace(item, files=tuple(files))

        return self.changed(key, correct)

    def with_included(self, keys: Iterable[str], is_included: bool) -> ImportProposal:
        """Return the proposal with some items chosen, or left out."""
        chosen = set(keys)
        return replace(
            self,
            items=tuple(
                replace(item, is_included=is_included) if item.key in chosen else item for item in self.items
            ),
        )

    def without_file(self, path: Path) -> ImportProposal:
        """Return the proposal without a file; an item that lost all of its files leaves with it."""
        items = [item.without(path) for item in self.items]
        return replace(
            self,
            items=tuple(item for item in items if item.files),
            unused=tuple(other for other in self.unused if other != path),
        )

    def with_subject(self, subjects: Iterable[str], into: str) -> ImportProposal:
        """Return the proposal with several subjects made one."""
        chosen = set(subjects)
        return replace(
            self,
            items=tuple(
                replace(item, subject=into) if item.subject in chosen else item for item in self.items
            ),
        )

    def with_partner(self, key: str, path: Path) -> ImportProposal:
        """Return the proposal with an image put into the missing role of an item, and taken from `unused`."""
        role = self.item(key).missing_role

        def give(item: ProposedItem) -> ProposedItem:
            return replace(item, files=ordered((*item.files, ProposedFile(role, path))), is_included=True)

        given = self.changed(key, give) if role else self
        emptied = tuple(item for item in given.items if item.key == key or not _is_only(item, path))
        return replace(given, items=emptied, unused=tuple(other for other in self.unused if other != path))

    def with_exchanged(self, first: Path, second: Path) -> ImportProposal:
        """Return the proposal with two files in each other's place."""
        other = {first: second, second: first}

        def exchange(file: ProposedFile) -> ProposedFile:
            return replace(file, path=other[file.path]) if file.path in other else file

        return replace(
            self, items=tuple(replace(item, files=tuple(map(exchange, item.files))) for item in self.items)
        )

    def with_settled(self, key: str) -> ImportProposal:
        """Return the proposal with a finding left as it is."""
        return replace(self, settled=self.settled | {key})

    def with_modalities(self, guesses: Mapping[Path, str | None]) -> ImportProposal:
        """Return the proposal with the modality of images filled in where no name told it.

        Pairs whose names say no direction get theirs from the modalities, see `FIXED_FIRST`.
        """

        def fill(file: ProposedFile) -> ProposedFile:
            if file.modality is not None or file.role in MASK_ROLES:
                return file
            return replace(file, modality=guesses.get(file.path))

        return replace(
            self,
            items=tuple(_oriented(replace(item, files=tuple(map(fill, item.files)))) for item in self.items),
        )


def ordered(files: Iterable[ProposedFile]) -> tuple[ProposedFile, ...]:
    """Return files in the order in which people read them: fixed, moving, single image, masks."""
    order = (*PAIR_ROLES, "image", *MASK_ROLES)
    return tuple(sorted(files, key=lambda file: order.index(file.role) if file.role in order else len(order)))


def is_first(modality: str | None, other: str | None) -> bool:
    """Tell whether an image is the fixed one of two by its modality; unknown ones keep their place."""
    if modality not in FIXED_FIRST or other not in FIXED_FIRST:
        return True
    return FIXED_FIRST.index(modality) <= FIXED_FIRST.index(other)


def _oriented(item: ProposedItem) -> ProposedItem:
    fixed, moving = (item.file(role) for role in PAIR_ROLES)
    if not item.is_free or fixed is None or moving is None:
        return item
    return item if is_first(fixed.modality, moving.modality) else item.swapped()


def _is_only(item: ProposedItem, path: Path) -> bool:
    return len(item.files) == 1 and item.files[0].path == path
