"""Pairs told by names or sub-folders: the layout for everything that has no name of its own.

``fixed`` / ``moving`` or ``CF`` / ``FA`` / ``OCT`` folders with equal names, the same words within names, a
trailing ``_1`` / ``_2``, or two visits of one eye.
"""

from __future__ import annotations

from engines.contract.messages import Message
from workstation.project.importers.folder_tree import FolderTree
from workstation.project.importers.layouts.eyes import Pairing, eyes_of
from workstation.project.importers.layouts.layout import Layout, proposal_of
from workstation.project.importers.proposal import ImportProposal

KEY = "folder_pairs"


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose pairs, when there is at least one that is complete."""
    items = Pairing(eyes_of(tree)).items()
    if not any(item.is_complete for item in items):
        return None
    return proposal_of(KEY, items, tree)


LAYOUT = Layout(
    KEY,
    Message("Pairs by name or folder"),
    Message("Names or folders that differ in fixed / moving, in the modality, in 1 / 2, or in the visit."),
    recognise,
)
