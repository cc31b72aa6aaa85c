"""Folders of DICOM slices: every series is an item, and of each examination the longest one is chosen.

Nothing that names a person becomes part of a project: subjects are called by an alias, see `subject_aliases`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from engines.contract.messages import Message
from workstation.project.importers.folder_tree import FolderTree, ScanCancelled
from workstation.project.importers.layouts.layout import ItemNames, Layout, proposal_of
from workstation.project.importers.proposal import ImportProposal, ProposedFile, ProposedItem
from workstation.project.importers.subject_aliases import SubjectAliases
from workstation.project.importers.volume_words import words_of

if TYPE_CHECKING:
    from engines.imaging.volumes.dicom_series import DicomSeries

KEY = "dicom"


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
    for study in studies.values():
        # Long before short, and what cannot be read last: its reason is said once it is chosen.
        study.sort(key=lambda series: (series.problem is not None, -len(series.files)))
        for number, series in enumerate(study):
            alias = aliases.alias(series.person)
            name = names.unique(alias, None if series.number is None else f"series{series.number}")
            role = _role(series)
            file = ProposedFile(role, series.files[0], series.modality or None, source=series)
            items.append(
                ProposedItem(
                    key=str(series.files[0]), subject=alias, item=name, files=(file,), is_included=number == 0
                )
            )
    return proposal_of(KEY, items, tree, unused=())


def _role(series: DicomSeries) -> str:
    if series.modality == "CT":
        return "ct"
    said = words_of(series.description).role
    return said if said in ("t1", "t1ce", "t2", "flair") else "volume"


LAYOUT = Layout(
    KEY,
    Message("DICOM series"),
    Message("Every series is an item, written once into the project, without names, numbers and dates."),
    recognise,
)
