"""Aligned sets: an image of three or more modalities for each eye, of identical structure and size.

Folders ``CF``, ``OCT`` and ``FA`` with equal names, one folder an eye with ``CF.png``, ``OCT.png`` and
``FA.png``, or names such as ``012_CF.png``. Every two images of an eye become one pair item; all pairs of an
eye have one subject. Their true transform is the identity, so their sizes must agree.
"""

from __future__ import annotations

from engines.contract.messages import Message
from workstation.project.importers.folder_tree import FolderTree
from workstation.project.importers.layouts.eyes import Pairing, eyes_of
from workstation.project.importers.layouts.layout import Layout, proposal_of
from workstation.project.importers.proposal import ImportProposal

KEY = "triplets"
_FEWEST_MODALITIES = 3


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose every two images of an eye, when at least half of the eyes have three modalities."""
    eyes = eyes_of(tree)
    num_sets = sum(len(eye.modalities - {None}) >= _FEWEST_MODALITIES for eye in eyes)
    if not num_sets or 2 * num_sets < len(eyes):
        return None
    return proposal_of(KEY, Pairing(eyes, is_aligned=True).items(), tree)


LAYOUT = Layout(
    KEY,
    Message("Aligned sets of three modalities"),
    Message("CF, OCT and FA of equal names: every two of an eye become a pair."),
    recognise,
)
