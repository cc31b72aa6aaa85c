"""Layouts of folders: each looks at a listing and proposes items, or knows nothing of it.

A new layout is a file with a `LAYOUT` here, and a line in `LAYOUTS`; special ones stand before general ones.
Which image is fixed: names that say so win (fixed / moving, query / reference), then a trailing 1 is fixed
and 2 moves, then the modality decides (`proposal.FIXED_FIRST`: colour fundus moves). Any row can be swapped.
"""

from __future__ import annotations

from workstation.project.importers.folder_tree import FolderTree
from workstation.project.importers.layouts.class_folders import LAYOUT as CLASS_FOLDERS
from workstation.project.importers.layouts.dicom_folders import LAYOUT as DICOM
from workstation.project.importers.layouts.fire import LAYOUT as FIRE
from workstation.project.importers.layouts.folder_pairs import LAYOUT as FOLDER_PAIRS
from workstation.project.importers.layouts.hajeb import LAYOUT as HAJEB
from workstation.project.importers.layouts.landmark_pairs import LAYOUT as LANDMARK_PAIRS
from workstation.project.importers.layouts.layout import Layout
from workstation.project.importers.layouts.nnunet import LAYOUT as NNUNET
from workstation.project.importers.layouts.single_images import LAYOUT as SINGLE_IMAGES
from workstation.project.importers.layouts.triplets import LAYOUT as TRIPLETS
from workstation.project.importers.layouts.two_text import LAYOUT as TWO_TEXT
from workstation.project.importers.layouts.volume_cases import LAYOUT as VOLUME_CASES
from workstation.project.importers.proposal import ImportProposal

LAYOUTS: tuple[Layout, ...] = (
    NNUNET,
    CLASS_FOLDERS,
    VOLUME_CASES,
    DICOM,
    FIRE,
    LANDMARK_PAIRS,
    TWO_TEXT,
    HAJEB,
    TRIPLETS,
    FOLDER_PAIRS,
    SINGLE_IMAGES,
)


def layout(key: str) -> Layout:
    """Return a layout by key."""
    return next(found for found in LAYOUTS if found.key == key)


def recognise(tree: FolderTree) -> tuple[ImportProposal, ...]:
    """Return a proposal of every layout that fits, the most telling one first."""
    proposals = (found.recognise(tree) for found in LAYOUTS)
    return tuple(proposal for proposal in proposals if proposal is not None)


__all__ = ["LAYOUTS", "Layout", "layout", "recognise"]
