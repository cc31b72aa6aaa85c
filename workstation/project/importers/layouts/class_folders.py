"""A folder of masks of one class each, as TotalSegmentator writes it: they become one label map.

The folder lies beside its image (``ct.nii.gz`` and ``segmentations/aorta.nii.gz``), or the masks lie with it.
Classes are called as the files. Of several images near the folder each takes the masks of its grid.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from engines.contract.messages import Message
from engines.imaging.volumes.merged_masks import MergedMasks
from workstation.project.importers.folder_tree import FolderTree, FoundFile
from workstation.project.importers.layouts.layout import ItemNames, Layout, proposal_of
from workstation.project.importers.layouts.volume_cases import (
    Case,
    assign_by_grid,
    cases_of,
    is_near,
    is_same_grid,
    item_of,
)
from workstation.project.importers.proposal import ImportProposal, ProposedFile
from workstation.project.importers.volume_words import is_label_folder, words_of

KEY = "class_folders"
_FEWEST_MASKS = 2
_ORGANS = frozenset(
    ("aorta", "heart", "liver", "spleen", "pancreas", "stomach", "brain", "kidney_left", "kidney_right",
     "pulmonary_vein", "superior_vena_cava", "inferior_vena_cava", "lung_upper_lobe_left", "sternum",
     "heart_myocardium", "heart_atrium_left", "heart_ventricle_left", "coronary_arteries")
)  # fmt: skip


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose an item for every image, with the masks beside it as one label map."""
    masks = _class_folders(tree)
    files = {file.path for group in masks.values() for file in group}
    found = cases_of(file for file in tree.volumes if file.path not in files)
    for folder, group in masks.items():
        near = [case for case in found.cases if is_near(case, group[0].path)]
        groups, lost = _by_image(near, group)
        for case, own in groups:
            case.merged = case.merged or _merged(folder, case, own)
            if case.labels.get("label_map") is not None:
                found.rest.append(case.labels.pop("label_map"))
        if lost:
            names = ", ".join(file.path.name for file in lost[:3]) + (", …" if len(lost) > 3 else "")
            parameters = {"count": len(lost), "names": names}
            found.problems.append(
                Message("Masks that lie on the grid of no image: {count} ({names}).", parameters)
            )
    if not any(case.merged for case in found.cases):
        return None
    assign_by_grid(found)
    names_taken = ItemNames()
    items = [item_of(case, names_taken) for case in found.cases]
    unused = (*found.rest, *(file.path for file in found.loose_labels))
    return proposal_of(KEY, items, tree, found.problems, unused)


def _class_folders(tree: FolderTree) -> dict[Path, list[FoundFile]]:
    """Return the masks of one class each, by folder: called as organs, or in a folder of label maps.

    A folder of label maps most of whose files are called as images is one of cases: ``images/a`` and
    ``labels/a``.
    """
    folders: dict[Path, list[FoundFile]] = defaultdict(list)
    for file in tree.volumes:
        folders[file.path.parent].append(file)
    images = {
        words_of(file.stem).case for file in tree.volumes if not is_label_folder(file.path.parent.name)
    } - {""}
    found = {}
    for folder, files in folders.items():
        masks = [file for file in files if file.stem in _ORGANS]
        if is_label_folder(folder.name):
            num_named = sum(words_of(file.stem).case in images for file in files)
            masks = files if 2 * num_named < len(files) else []
        if len(masks) >= _FEWEST_MASKS:
            found[folder] = masks
    return found


def _by_image(
    near: list[Case], files: list[FoundFile]
) -> tuple[list[tuple[Case, list[FoundFile]]], list[FoundFile]]:
    """Return the masks of every image, and those of none; headers are read only where there is a choice."""
    if len(near) == 1:
        return [(near[0], files)], []
    groups: dict[int, list[FoundFile]] = defaultdict(list)
    lost = []
    for file in files:
        own = next((number for number, case in enumerate(near) if is_same_grid(case, file.path)), None)
        if own is None:
            lost.append(file)
        else:
            groups[own].append(file)
    return [(near[number], group) for number, group in groups.items()], lost


def _merged(folder: Path, case: Case, files: list[FoundFile]) -> ProposedFile:
    names = [file.stem for file in files]
    source = MergedMasks.of([file.path for file in files], names)
    # Not a file: a name for all of them, which no other file has.
    path = folder / f"{case.name} ({len(files)})"
    return ProposedFile("label_map", path, source=source, classes=source.classes)


LAYOUT = Layout(
    KEY,
    Message("Masks of one class each"),
    Message("A folder of masks beside the image, as TotalSegmentator writes it: they become one label map."),
    recognise,
)
