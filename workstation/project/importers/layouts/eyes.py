"""Images that belong to one eye, told by what their names have in common; shared by the general layouts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from workstation.project.importers.folder_tree import FolderTree, FoundFile
from workstation.project.importers.layouts.layout import ItemNames
from workstation.project.importers.names import NameFacts, facts_of
from workstation.project.importers.proposal import (
    PAIR_ROLES,
    ProposedFile,
    ProposedItem,
    is_first,
    ordered,
)

MOST_EYES_OF_A_SUBJECT = 6
"""A folder with more different names than that is a collection of people and not one person."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file and what its name says."""

    file: FoundFile
    facts: NameFacts

    def proposed(self, role: str) -> ProposedFile:
        """Return the file in a role."""
        return ProposedFile(role, self.file.path, self.facts.modality)


EyeKey = tuple[tuple[str, ...], tuple[str, ...], str | None, str | None]
"""Folders, words, laterality and visit that images of one eye have in common."""


@dataclass(frozen=True, slots=True)
class Eye:
    """Images of one eye at one visit, and the masks that lie on them."""

    key: EyeKey
    images: tuple[NamedFile, ...]
    masks: tuple[NamedFile, ...]

    @property
    def modalities(self) -> set[str | None]:
        """Modalities that the names say; None for an image whose name says none."""
        return {image.facts.modality for image in self.images}


def eyes_of(tree: FolderTree) -> list[Eye]:
    """Group the images of a listing by eye."""
    named = [NamedFile(file, facts_of(file)) for file in tree.images]
    images: dict[EyeKey, list[NamedFile]] = defaultdict(list)
    masks: dict[EyeKey, list[NamedFile]] = defaultdict(list)
    for found in named:
        facts = found.facts
        key = (facts.folders, facts.words, facts.laterality, facts.visit)
        (masks if facts.mask_role else images)[key].append(found)
    return [Eye(key, tuple(found), tuple(masks.get(key, ()))) for key, found in images.items()]


class Pairing:
    """Makes pair items out of eyes.

    Parameters
    ----------
    eyes : sequence of Eye
    is_aligned : bool
        Whether images of one eye show the same structure pixel by pixel.
    """

    def __init__(self, eyes: Sequence[Eye], *, is_aligned: bool = False) -> None:
        self._eyes = eyes
        self._is_aligned = is_aligned
        self._names = ItemNames()
        self._subjects = subjects_of(eyes)

    def items(self) -> list[ProposedItem]:
        """Return pairs by role, by modality, by trailing number, by visit; two images are always a pair."""
        found: list[ProposedItem] = []
        single: list[Eye] = []
        for eye in self._eyes:
            pairs = list(self._within(eye))
            found += pairs
            if not pairs:
                single.append(eye)
        found += self._numbered(single)
        is_one_pair = not found and [len(eye.images) for eye in self._eyes] == [1, 1]
        return [self._only_two(*self._eyes)] if is_one_pair else found

    def _only_two(self, first: Eye, second: Eye) -> ProposedItem:
        """Return the pair of two images whose names have nothing in common."""
        return self._pair(first, first.images[0], second.images[0], is_free=True, more_masks=second.masks)

    def _within(self, eye: Eye) -> Iterator[ProposedItem]:
        fixed = [image for image in eye.images if image.facts.role == "fixed"]
        moving = [image for image in eye.images if image.facts.role == "moving"]
        neither = [image for image in eye.images if image.facts.role is None]
        if fixed or moving:
            first = next(iter(fixed or neither), None)
            second = next(iter(moving or [image for image in neither if image is not first]), None)
            yield self._pair(eye, first, second)
            return
        labels = [image.facts.modality for image in eye.images]
        distinct = [image for index, image in enumerate(eye.images) if labels.index(labels[index]) == index]
        for one, other in combinations(distinct, 2):
            is_free = one.facts.modality is None or other.facts.modality is None
            in_order = is_free or is_first(one.facts.modality, other.facts.modality)
            first, second = (one, other) if in_order else (other, one)
            suffix = None
            if len(distinct) > 2:
                suffix = f"{first.facts.modality or 'x'}-{second.facts.modality or 'x'}"
            yield self._pair(eye, first, second, suffix=suffix, is_free=is_free)

    def _numbered(self, eyes: Sequence[Eye]) -> Iterator[ProposedItem]:
        """Pair what differs only in a trailing 1 and 2, or only in the visit."""
        left = list(eyes)
        for is_by_visit in (False, True):
            groups: dict[object, list[Eye]] = defaultdict(list)
            for eye in left:
                if len(eye.images) == 1:
                    groups[_without_visit(eye) if is_by_visit else _without_number(eye)].append(eye)
            for key, group in groups.items():
                if key is None or len(group) != 2:
                    continue
                first, second = sorted(group, key=_order)
                yield self._pair(
                    first,
                    first.images[0],
                    second.images[0],
                    words=() if is_by_visit else first.key[1][:-1],
                    more_masks=second.masks,
                    is_two_visits=is_by_visit,
                )
                left = [eye for eye in left if eye is not first and eye is not second]

    def _pair(
        self,
        eye: Eye,
        fixed: NamedFile | None,
        moving: NamedFile | None,
        *,
        suffix: str | None = None,
        is_free: bool = False,
        words: tuple[str, ...] = (),
        more_masks: Iterable[NamedFile] = (),
        is_two_visits: bool = False,
    ) -> ProposedItem:
        sides = [(role, image) for role, image in zip(PAIR_ROLES, (fixed, moving), strict=True) if image]
        files = [image.proposed(role) for role, image in sides]
        _folders, all_words, laterality, visit = eye.key
        for role, image in sides:
            mask = _mask_of(image, (*eye.masks, *more_masks), is_only_fixed=role == "moving")
            if mask is not None:
                mask_role = "vessel_mask" if role == "fixed" else "moving_vessel_mask"
                files.append(ProposedFile(mask_role, mask.file.path))
        subject = self._subjects[eye.key]
        rest = [word for word in (words or all_words) if word not in subject.split()]
        shown_visit = None if is_two_visits else visit
        name = self._names.unique(subject, *rest, laterality, shown_visit and f"v{shown_visit}", suffix)
        return ProposedItem(
            key=name,
            subject=subject,
            item=name,
            files=ordered(files),
            visit=shown_visit,
            laterality=laterality,
            split=next(iter(image.facts.split for _role, image in sides), None),
            is_aligned=self._is_aligned,
            is_free=is_free,
        )


def subjects_of(eyes: Iterable[Eye]) -> dict[EyeKey, str]:
    """Return a subject for every eye: its outer folder, or its words where that folder is a collection."""
    places = {eye.key: eye.images[0].file.path.parent.name for eye in eyes}
    words_in: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for folders, words, _laterality, _visit in places:
        if folders:
            words_in[folders[0]].add(_without_trailing_number(words))
    subjects = {}
    for key, place in places.items():
        folders, words = key[0], _without_trailing_number(key[1])
        own = " ".join(words)
        if folders and (len(words_in[folders[0]]) <= MOST_EYES_OF_A_SUBJECT or not own):
            subjects[key] = folders[0]
        elif folders:
            subjects[key] = f"{folders[0]} {own}" if len(words_in) > 1 else own
        else:
            subjects[key] = own or place
    return subjects


def _without_trailing_number(words: tuple[str, ...]) -> tuple[str, ...]:
    return words[:-1] if len(words) > 1 and words[-1] in ("1", "2", "01", "02") else words


def _without_number(eye: Eye) -> object:
    folders, words, laterality, visit = eye.key
    if eye.images[0].facts.number is None:
        return None
    return folders, words[:-1], laterality, visit


def _without_visit(eye: Eye) -> object:
    folders, words, laterality, visit = eye.key
    return None if visit is None else (folders, words, laterality)


def _order(eye: Eye) -> tuple[int, str]:
    return eye.images[0].facts.number or 0, (eye.key[3] or "").zfill(12)


def _mask_of(image: NamedFile, masks: Iterable[NamedFile], *, is_only_fixed: bool) -> NamedFile | None:
    """Return the vessel mask that names say lies on an image."""
    vessel_masks = [mask for mask in masks if mask.facts.mask_role != "field_of_view"]
    for mask in vessel_masks:
        facts = mask.facts
        is_same_modality = facts.modality is not None and facts.modality == image.facts.modality
        is_same_role = facts.role is not None and facts.role == image.facts.role
        is_same_words = facts.words == image.facts.words and facts.number is not None
        if is_same_modality or is_same_role or is_same_words:
            return mask
    plain = [mask for mask in vessel_masks if mask.facts.modality is None and mask.facts.role is None]
    return plain[0] if len(plain) == 1 and plain[0].facts.number is None and not is_only_fixed else None
