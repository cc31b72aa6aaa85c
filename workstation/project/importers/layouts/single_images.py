"""Single images with the masks that lie on them, as in DRIVE: ``images``, ``1st_manual`` and ``mask``."""

from __future__ import annotations

from collections import defaultdict

from engines.contract.messages import Message
from workstation.project.importers.folder_tree import FolderTree
from workstation.project.importers.layouts.eyes import NamedFile
from workstation.project.importers.layouts.layout import ItemNames, Layout, proposal_of
from workstation.project.importers.names import NameFacts, facts_of
from workstation.project.importers.proposal import ImportProposal, ProposedFile, ProposedItem, ordered

KEY = "single_images"


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose one item for every image; masks of the same name lie on it."""
    found = [NamedFile(file, facts_of(file)) for file in tree.images]
    masks: dict[object, list[NamedFile]] = defaultdict(list)
    for named in found:
        if named.facts.mask_role:
            masks[_key(named.facts)].append(named)
    images = [named for named in found if not named.facts.mask_role]
    if not images:
        return None
    names = ItemNames()
    return proposal_of(KEY, [_item(image, masks.get(_key(image.facts), []), names) for image in images], tree)


def _key(facts: NameFacts) -> object:
    return facts.folders, facts.words, facts.laterality, facts.visit


def _item(image: NamedFile, masks: list[NamedFile], names: ItemNames) -> ProposedItem:
    facts = image.facts
    own = " ".join(facts.words)
    subject = facts.folders[0] if facts.folders and not own else own or image.file.stem
    words = facts.words or (image.file.stem,)
    name = names.unique(*words, facts.laterality, facts.visit and f"v{facts.visit}")
    files = [image.proposed("image")]
    # Where two masks lie on an image, the one drawn by hand shows vessels, the other the field of view.
    by_hand = sorted(masks, key=lambda mask: "manual" not in str(mask.file.path).lower())
    for mask in by_hand:
        if mask.facts.modality not in (None, facts.modality):
            continue
        role = mask.facts.mask_role or "vessel_mask"
        if role == "vessel_mask" and any(file.role == "vessel_mask" for file in files):
            role = "field_of_view"
        if all(file.role != role for file in files):
            files.append(ProposedFile(role, mask.file.path))
    return ProposedItem(
        key=name,
        subject=subject,
        item=name,
        files=ordered(files),
        visit=facts.visit,
        laterality=facts.laterality,
        split=facts.split,
    )


LAYOUT = Layout(
    KEY,
    Message("Single images"),
    Message("Every image for itself, with the masks of the same name."),
    recognise,
)
