"""One image under two names: exact copies by content, and re-encoded ones by what they look like.

Between items of one subject that is as it should be. Between subjects it would put one eye into training and
into validation, so it is said, and the two can be made one subject.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.project.alike_images import alike_key, alike_message
from workstation.project.importers.findings import Fix, ProposalFinding, keep, leave_out
from workstation.project.importers.inspection import Inspection
from workstation.project.importers.proposal import MASK_ROLES, ImportProposal, ProposedItem

KEEP_BOTH = Message("Keep both")
ONE_SUBJECT = Message("Treat as one subject")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an image occurs; `key` is empty for an item of the project."""

    key: str
    item: str
    subject: str
    name: str


def same_image_findings(proposal: ImportProposal, inspection: Inspection) -> Iterator[ProposalFinding]:
    """Yield what is to be said about images that occur more than once."""
    contents = {item.key: _contents(item, inspection) for item in proposal.included}
    yield from _within_items(proposal, contents)
    yield from _same_items(proposal, inspection, contents)
    yield from _across_subjects(proposal, inspection)


def _contents(item: ProposedItem, inspection: Inspection) -> dict[str, str]:
    """Return the content hash of every image of an item by role."""
    return {
        file.role: inspection.facts[file.path].sha256
        for file in item.files
        if file.role not in MASK_ROLES and file.path in inspection.facts
    }


def _within_items(proposal: ImportProposal, contents: dict[str, dict[str, str]]) -> Iterator[ProposalFinding]:
    for item in proposal.included:
        hashes = contents[item.key]
        if len(hashes) == 2 and len(set(hashes.values())) == 1:
            key = f"twice {item.key}"
            message = Message("Both images of {item} are the same file.", {"item": item.item})
            yield ProposalFinding(
                key, Severity.WARNING, message, (item.key,), (leave_out(item.key), keep(key))
            )


def _same_items(
    proposal: ImportProposal, inspection: Inspection, contents: dict[str, dict[str, str]]
) -> Iterator[ProposalFinding]:
    held: dict[str, dict[str, str]] = defaultdict(dict)
    for image in inspection.known:
        held[image.item_id][image.role] = image.sha256
    known = {tuple(sorted(hashes.values())): item_id for item_id, hashes in held.items()}
    seen: dict[tuple[str, ...], ProposedItem] = {}
    for item in proposal.included:
        hashes = tuple(sorted(contents[item.key].values()))
        if not hashes:
            continue
        if hashes in known:
            key = f"held {item.key}"
            facts = {"item": item.item, "other": known[hashes]}
            message = Message("The images of {item} are in the project already, as {other}.", facts)
            severity = Severity.NOTE if known[hashes] == item.item else Severity.WARNING
            yield ProposalFinding(
                key, severity, message, (item.key,), (leave_out(item.key), keep(key, KEEP_BOTH))
            )
        elif hashes in seen:
            key = f"equal {seen[hashes].key} {item.key}"
            facts = {"item": item.item, "other": seen[hashes].item}
            message = Message("{item} and {other} hold the same images.", facts)
            keys = (seen[hashes].key, item.key)
            yield ProposalFinding(
                key, Severity.WARNING, message, keys, (leave_out(item.key), keep(key, KEEP_BOTH))
            )
        else:
            seen[hashes] = item


def _across_subjects(proposal: ImportProposal, inspection: Inspection) -> Iterator[ProposalFinding]:
    places = _places(proposal, inspection)
    alike = [(content, content, 0) for content in places]
    alike += [(found.first_sha256, found.second_sha256, found.bits) for found in inspection.likenesses]
    told: set[frozenset[str]] = set()
    for first_content, second_content, bits in alike:
        for first in places.get(first_content, ()):
            for second in places.get(second_content, ()):
                subjects = frozenset((first.subject, second.subject))
                # Two items of the project are not the import's business.
                if len(subjects) < 2 or subjects in told or not (first.key or second.key):
                    continue
                told.add(subjects)
                is_copy = first_content == second_content
                yield _one_subject(first, second, None if is_copy else bits)


def _places(proposal: ImportProposal, inspection: Inspection) -> dict[str, list[_Place]]:
    """Return where every content occurs: first in the project, then in the proposal."""
    places: dict[str, list[_Place]] = defaultdict(list)
    for image in inspection.known:
        places[image.sha256].append(_Place("", image.item_id, image.subject, image.path.name))
    for item in proposal.included:
        for file in item.files:
            if file.role not in MASK_ROLES and file.path in inspection.facts:
                place = _Place(item.key, item.item, item.subject, file.path.name)
                places[inspection.facts[file.path].sha256].append(place)
    return places


def _one_subject(first: _Place, second: _Place, bits: int | None) -> ProposalFinding:
    # Known subjects stay: the new one takes their name.
    stays, goes = (second, first) if first.key and not second.key else (first, second)
    key = alike_key(first.subject, second.subject)
    message = alike_message((stays.name, stays.subject), (goes.name, goes.subject), bits)
    merge = Fix(
        ONE_SUBJECT, lambda proposal: proposal.with_subject((stays.subject, goes.subject), stays.subject)
    )
    keys = tuple(place.key for place in (stays, goes) if place.key)
    return ProposalFinding(
        key, Severity.WARNING, message, keys, (merge, leave_out(goes.key or stays.key), keep(key, KEEP_BOTH))
    )
