"""What the words in the name of a volume say: its role, and the case that it belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engines.contract.roles import VOLUME_ROLES
from workstation.project.importers.folder_tree import FoundFile
from workstation.project.importers.proposal import LABEL_ROLES

_ROLES = {
    "ct": "ct", "ncct": "ncct", "nect": "ncct", "noncontrast": "ncct", "plain": "ncct",
    "cta": "cta", "ccta": "cta", "ctangio": "cta",
    "t1": "t1", "t1n": "t1", "t1w": "t1", "t1ce": "t1ce", "t1c": "t1ce", "t1gd": "t1ce", "t1post": "t1ce",
    "t2": "t2", "t2w": "t2", "flair": "flair", "t2f": "flair", "t2flair": "flair", "fla": "flair",
    "brainmask": "brain_mask",
    "label": "label_map", "labels": "label_map", "labelmap": "label_map", "seg": "label_map",
    "segmentations": "label_map", "mask": "label_map", "masks": "label_map",
    "gt": "label_map", "groundtruth": "label_map", "otmulticlass": "label_map", "annotation": "label_map",
    "labelstr": "label_map", "segm": "label_map",
    **{alias: role.name for role in VOLUME_ROLES if role.name in LABEL_ROLES for alias in role.aliases},
}  # fmt: skip
_FILLERS = frozenset(
    ("image", "images", "img", "imgs", "imagestr", "imagests", "vol", "volume", "volumes", "scan", "scans",
     "subtrmeandivstd", "nii", "nifti", "data", "map", "maps")
)  # fmt: skip
_SPECIFIC = ("cta", "ncct", "t1ce", "brain_mask", "label_map")
"""Of several words in one name, "ct_heart_cta", these win in this order."""
_SEPARATORS = re.compile(r"([_\-\s.()\[\]+,]+)")
_CHALLENGE = re.compile(r"VSD\.Brain\w*\..+?\.(?:MR_(?P<modality>\w+)|OT)\.\d+", re.IGNORECASE)
"""Files of the brain tumour challenges of 2012 to 2015; those of one case share no name, only its folder."""
_TIME_POINT = re.compile(r"(?P<person>BraTS-[A-Z]+-\d{5}|brats_[a-z\d]+_pat\d+)[-_]\d+", re.IGNORECASE)
"""BraTS-GLI-00000-000 since 2023, brats_tcia_pat100_0002 in 2015."""
_SPACED = re.compile(r"(brain|ground|non)[-_ ](mask|truth|contrast)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VolumeWords:
    """What a name says.

    Parameters
    ----------
    case : str
        What is left of it; empty when all of it is said.
    role : str or None
        None when no word tells it.
    """

    case: str
    role: str | None

    @property
    def is_label(self) -> bool:
        """Whether it is a label map."""
        return self.role in LABEL_ROLES


def words_of(name: str) -> VolumeWords:
    """Read a name without its suffix."""
    parts = _SEPARATORS.split(_SPACED.sub(r"\1\2", name))
    kept: list[str] = []
    roles: list[str] = []
    for index in range(0, len(parts), 2):
        word = parts[index].lower()
        if word in _ROLES:
            roles.append(_ROLES[word])
        elif word not in _FILLERS:
            separator = parts[index - 1] if index and kept else ""
            kept.append(separator + parts[index])
    role = next((specific for specific in _SPECIFIC[::-1] if specific in roles), None)
    return VolumeWords("".join(kept).strip(" _-.,"), role or next(iter(roles), None))


def words_of_file(file: FoundFile) -> tuple[tuple[str, ...], VolumeWords]:
    """Return the folders that name a case, and what a file's name says; else its folders say its role."""
    if found := _CHALLENGE.fullmatch(file.stem):
        role = words_of(found["modality"]).role if found["modality"] else "label_map"
        holder, parts = file.path.parent, file.parts[:-1]
        if holder.name == file.stem:
            # Each file lies in a folder of its own name.
            holder, parts = holder.parent, parts[:-1]
        return parts, VolumeWords(holder.name, role)
    own = words_of(file.stem)
    role, folders = own.role, []
    for part in reversed(file.parts):
        folder = words_of(part)
        if folder.case or (folder.role and not folder.is_label and part == file.parts[0] and not own.case):
            folders.append(part)
        role = role or folder.role
    return tuple(reversed(folders)), VolumeWords(own.case, role)


def subject_of(case: str) -> str:
    """Return the person whom a case is of: some cases are called by person and time of the scan."""
    found = _TIME_POINT.fullmatch(case)
    return found["person"] if found else case


def is_label_folder(name: str) -> bool:
    """Tell whether a folder is called as one of label maps."""
    words = words_of(name)
    return words.role == "label_map" and not words.case
