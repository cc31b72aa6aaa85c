"""Cases of volumes: one folder each, or one folder for all with names like ``<case>_<role>``.

So lie BraTS (``_t1``, ``_t1ce``, ``_t2``, ``_flair``, ``_seg``; ``VSD.Brain.…`` up to 2015), the BraTS of
DeepMedic (``Flair_…``, ``OTMultiClass``, ``brainmask``), and folders ``images`` and ``labels`` with equal
names. A label map whose name tells no case goes to the only volume near it that has its grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engines.contract.errors import InputError
from engines.contract.messages import Message
from engines.imaging.volumes.label_classes import LabelClass, class_table, colour_of
from engines.imaging.volumes.volume_names import HDF5_SUFFIXES
from workstation.project.importers.folder_tree import FolderTree, FoundFile
from workstation.project.importers.layouts.layout import ItemNames, Layout, clean_name, proposal_of
from workstation.project.importers.proposal import ImportProposal, ProposedFile, ProposedItem
from workstation.project.importers.volume_reading import ROLE_MODALITIES
from workstation.project.importers.volume_words import VolumeWords, subject_of, words_of, words_of_file

KEY = "volume_cases"
BRATS_ROLES = frozenset(("t1", "t1ce", "t2", "flair"))
_OLD_LABELS = ("otmulticlass", "vsd.brain")
"""How label maps of the codings up to 2015 are called."""
_OLD_CLASSES = ("necrotic core", "oedema", "non-enhancing core", "enhancing core")
_NEW_BRATS_NAMES = ("t1n", "t1c", "t2w", "t2f")
CaseKey = tuple[tuple[str, ...], str]


@dataclass(slots=True)
class Case:
    """Volumes that belong together, by role.

    Parameters
    ----------
    key : (folders, name)
    volumes, labels : dict of role to Path
    merged : ProposedFile or None
        A label map that is made of masks.
    """

    key: CaseKey
    volumes: dict[str, Path] = field(default_factory=dict)
    labels: dict[str, Path] = field(default_factory=dict)
    merged: ProposedFile | None = None

    @property
    def has_label_map(self) -> bool:
        """Whether the place of a label map is taken."""
        return self.merged is not None or "label_map" in self.labels

    @property
    def name(self) -> str:
        """What the case is called: by its files, else by its folder."""
        folders, name = self.key
        return name or (folders[-1] if folders else next(iter(self.volumes.values())).parent.name)

    @property
    def first(self) -> Path:
        """The image that label maps are compared with."""
        return next(iter(self.volumes.values()))


@dataclass(slots=True)
class Cases:
    """What a listing holds.

    Parameters
    ----------
    cases : list of Case
        Those with a volume.
    loose_labels : list of FoundFile
        Label maps whose names tell no case.
    rest : list of Path
        Volumes for which their case has no role left.
    problems : list of Message
    """

    cases: list[Case] = field(default_factory=list)
    loose_labels: list[FoundFile] = field(default_factory=list)
    rest: list[Path] = field(default_factory=list)
    problems: list[Message] = field(default_factory=list)


def cases_of(files: Iterable[FoundFile]) -> Cases:
    """Group volumes by case."""
    found = Cases()
    cases: dict[CaseKey, Case] = {}
    labels: list[tuple[CaseKey, VolumeWords, FoundFile]] = []
    for file, path, folders, words in _named(files, found.problems):
        key = (folders, words.case)
        if words.is_label:
            labels.append((key, words, FoundFile(path, file.parts)))
            continue
        case = cases.setdefault(key, Case(key))
        role = words.role or "volume"
        if role in case.volumes:
            found.rest.append(path)
        else:
            case.volumes[role] = path
    found.cases = list(cases.values())
    for key, words, file in labels:
        owner = cases.get(key) or _by_name(found.cases, key)
        role = words.role or "label_map"
        if owner is None or role in owner.labels:
            found.loose_labels.append(file)
        else:
            owner.labels[role] = file.path
    return found


def _named(
    files: Iterable[FoundFile], problems: list[Message]
) -> Iterator[tuple[FoundFile, Path, tuple[str, ...], VolumeWords]]:
    """Yield every volume with what its name says; the datasets of an HDF5 file are one case."""
    for file in files:
        folders, words = words_of_file(file)
        if file.path.suffix.lower() not in HDF5_SUFFIXES:
            yield file, file.path, folders, words
            continue
        from engines.imaging.volumes.hdf5_volumes import datasets

        try:
            names = datasets(file.path)
        except InputError as error:
            problems.append(error.advice)
            continue
        if not names:
            problems.append(Message("{file} holds no 3-D dataset of numbers.", {"file": file.path.name}))
        for name in names:
            own = words_of(name.rsplit("/", 1)[-1])
            yield file, file.path / name, folders, VolumeWords(file.stem, own.role or words.role)


def _by_name(cases: Iterable[Case], key: CaseKey) -> Case | None:
    """Return the only case of a name in a neighbouring folder, as ``images/a`` and ``labels/a``."""
    folders, name = key
    found = [case for case in cases if name and case.key[1] == name and case.key[0][:-1] == folders[:-1]]
    return found[0] if len(found) == 1 else None


def assign_by_grid(found: Cases) -> None:
    """Give label maps to the only case near them that has their grid and no label map; reads headers."""
    left = []
    for file in found.loose_labels:
        near = [
            case
            for case in found.cases
            if not case.has_label_map and is_near(case, file.path) and is_same_grid(case, file.path)
        ]
        if len(near) == 1:
            near[0].labels["label_map"] = file.path
            found.problems.append(
                Message(
                    "The name of {file} tells no case: it has the grid of {case} and becomes its label map.",
                    {"file": file.path.name, "case": near[0].name},
                )
            )
        else:
            left.append(file)
    found.loose_labels = left


def is_near(case: Case, label: Path) -> bool:
    """Tell whether the image of a case lies beside a label map, or beside its folder."""
    return case.first.parent in (label.parent, label.parent.parent)


def is_same_grid(case: Case, label: Path) -> bool:
    """Tell whether a label map lies on the grid of a case, by the headers."""
    from engines.imaging.volumes.volume_files import read_geometry

    try:
        return read_geometry(case.first).difference(read_geometry(label)) is None
    except InputError:
        return False


def item_of(case: Case, names: ItemNames) -> ProposedItem:
    """Return a case as an item."""
    name = names.unique(case.name)
    files = [ProposedFile(role, path, ROLE_MODALITIES.get(role)) for role, path in case.volumes.items()]
    files += [
        ProposedFile(role, path, classes=_classes(case, path) if role == "label_map" else ())
        for role, path in case.labels.items()
    ]
    if case.merged is not None:
        files.append(case.merged)
    return ProposedItem(
        key=str(case.first),
        subject=clean_name(subject_of(case.name)) or name,
        item=name,
        files=tuple(sorted(files, key=lambda file: _ORDER.index(file.role))),
    )


_ORDER = ("volume", "ct", "ncct", "cta", "t1", "t1ce", "t2", "flair", "label_map", "brain_mask")


def _classes(case: Case, label: Path) -> tuple[LabelClass, ...]:
    if label.name.lower().startswith(_OLD_LABELS):
        names = enumerate(_OLD_CLASSES, start=1)
        return tuple(LabelClass(value, name, colour_of(value)) for value, name in names)
    if not BRATS_ROLES.issubset(case.volumes):
        return ()
    # Enhancing tumour is 4 in names of old, and 3 since the sequences are called t1n, t1c, t2w and t2f.
    is_new = any(path.name.lower().split(".")[0].endswith(_NEW_BRATS_NAMES) for path in case.volumes.values())
    return tuple(one for one in class_table("brain_tumour") if one.value != (4 if is_new else 3))


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose an item for every case."""
    found = cases_of(tree.volumes)
    assign_by_grid(found)
    if not found.cases:
        return None
    names = ItemNames()
    items = [item_of(case, names) for case in found.cases]
    unused = (*found.rest, *(file.path for file in found.loose_labels))
    return proposal_of(KEY, items, tree, found.problems, unused)


LAYOUT = Layout(
    KEY,
    Message("Cases of volumes"),
    Message("A folder for each case, or names that end in ct, t1, flair, seg…; BraTS and DeepMedic, too."),
    recognise,
)
