"""Folders of DICOM slices: every series is an item, and of each examination the longest one is chosen.

A CT without contrast and one with are one item: of one examination, or of two of one person in folders
beside each other.
Which is which is told by the name of the series, of its folder, or by the contrast agent in the header.

Nothing that names a person becomes part of a project: subjects are called by an alias, see `subject_aliases`.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from engines.contract.messages import Message
from workstation.project.importers.folder_tree import FolderTree, ScanCancelled
from workstation.project.importers.layouts.layout import ItemNames, Layout, proposal_of
from workstation.project.importers.proposal import ImportProposal, ProposedFile, ProposedItem
from workstation.project.importers.subject_aliases import SubjectAliases
from workstation.project.importers.volume_reading import ROLE_MODALITIES
from workstation.project.importers.volume_words import words_of

if TYPE_CHECKING:
    from engines.imaging.volumes.dicom_series import DicomSeries

KEY = "dicom"
_PAIR = ("ncct", "cta")


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose an item for every series that lies in the folders; reads headers."""
    files = [file.path for file in tree.files if file.may_be_dicom]
    if not files:
        return None
    from engines.imaging.volumes.dicom_series import find_series

    found = find_series(files, should_stop=tree.should_stop)
    if tree.should_stop():
        raise ScanCancelled
    if not found:
        return None
    aliases = SubjectAliases()
    names = ItemNames()
    studies: dict[str, list[DicomSeries]] = defaultdict(list)
    for series in found:
        studies[series.study or series.person].append(series)
    items = []
    for study in _with_neighbours(list(studies.values())):
        # Long before short, and what cannot be read last: its reason is said once it is chosen.
        study.sort(key=lambda series: (series.problem is not None, -len(series.files)))
        pair = _pair_of(study)
        if pair:
            alias = aliases.alias(pair[0].person)
            files_of_pair = tuple(_file(role, series) for role, series in zip(_PAIR, pair, strict=True))
            items.append(ProposedItem(str(pair[0].files[0]), alias, names.unique(alias), files_of_pair))
        for number, series in enumerate(one for one in study if one not in pair):
            alias = aliases.alias(series.person)
            name = names.unique(alias, None if series.number is None else f"series{series.number}")
            is_first = number == 0 and not pair
            file = _file(_role(series), series)
            items.append(ProposedItem(str(series.files[0]), alias, name, (file,), is_included=is_first))
    return proposal_of(KEY, items, tree, unused=())


def _with_neighbours(studies: list[list[DicomSeries]]) -> list[list[DicomSeries]]:
    """Join two examinations of a person: one has only CT with contrast, its neighbour folder only without."""
    beside: dict[tuple[str, Path], list[list[DicomSeries]]] = defaultdict(list)
    for study in studies:
        folders = {series.files[0].parent for series in study}
        if len(folders) == 1 and len({_contrast(series) for series in study} - {None}) == 1:
            beside[study[0].person, folders.pop().parent].append(study)
    joined = [found for found in beside.values() if len(found) == 2 and _pair_of([*found[0], *found[1]])]
    taken = [study for found in joined for study in found]
    return [study for study in studies if study not in taken] + [[*a, *b] for a, b in joined]


def _pair_of(study: list[DicomSeries]) -> tuple[DicomSeries, ...]:
    """Return the first readable CT without contrast and the first with, none where one of them is missing."""
    readable = [series for series in study if series.problem is None]
    plain = next((series for series in readable if _contrast(series) is False), None)
    contrast = next((series for series in readable if _contrast(series)), None)
    return () if plain is None or contrast is None else (plain, contrast)


def _contrast(series: DicomSeries) -> bool | None:
    """Tell whether a series is a CT with contrast; None for what is no CT."""
    if series.modality != "CT":
        return None
    for name in (series.description, series.files[0].parent.name):
        said = words_of(name).role
        if said in _PAIR:
            return said == _PAIR[1]
    return series.has_contrast


def _file(role: str, series: DicomSeries) -> ProposedFile:
    modality = ROLE_MODALITIES["cta"] if role == _PAIR[1] else series.modality or None
    return ProposedFile(role, series.files[0], modality, source=series)


def _role(series: DicomSeries) -> str:
    if series.modality == "CT":
        return "ct"
    said = words_of(series.description).role
    return said if said in ("t1", "t1ce", "t2", "flair") else "volume"


LAYOUT = Layout(
    KEY,
    Message("DICOM series"),
    Message(
        "Every series is an item, CT without and with contrast are a pair; written once into the project, "
        "without names, numbers and dates."
    ),
    recognise,
)
