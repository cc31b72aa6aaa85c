"""What a person should know of the volumes of a proposal: grids that differ, odd voxels, DICOM series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engines.contract.kinds import Severity
from engines.contract.messages import Message
from engines.imaging.volumes.merged_masks import MergedMasks
from engines.imaging.volumes.volume_facts import VolumeFacts
from workstation.project.importers.findings import (
    Fix,
    ProposalFinding,
    change_item,
    keep,
    leave_out,
    skip_file,
)
from workstation.project.importers.inspection import Inspection
from workstation.project.importers.proposal import LABEL_ROLES, ImportProposal, ProposedFile, ProposedItem
from workstation.project.importers.subject_aliases import default_path
from workstation.project.importers.volume_reading import series_of
from workstation.project.importers.volume_rows import OVERLAPS, remarks, shown_list

UNDERSTOOD = Message("Understood")
_KEPT_GRID = Message("Import on its own grid")


def volume_findings(proposal: ImportProposal, inspection: Inspection) -> Iterator[ProposalFinding]:
    """Yield what is to be said about the volumes that would be imported."""
    for item in proposal.included:
        known = {
            file.role: facts.volume
            for file in item.files
            if (facts := inspection.facts.get(file.path)) is not None and facts.volume is not None
        }
        if known:
            yield from _grids(item, known)
            yield from _remarks(item, known)
    yield from _series(proposal)


def _grids(item: ProposedItem, known: dict[str, VolumeFacts]) -> Iterator[ProposalFinding]:
    """Compare every file with the first image of its item."""
    first = next((file for file in item.files if file.role in known and file.role not in LABEL_ROLES), None)
    if first is None:
        return
    for file in item.files:
        if file is first or file.role not in known:
            continue
        difference = known[first.role].grid.difference(known[file.role].grid)
        if difference is None:
            continue
        facts = {"file": file.path.name, "image": first.path.name, "difference": difference}
        if file.role not in LABEL_ROLES:
            key = f"grids {item.key} {file.role}"
            message = Message("{file} does not lie on the grid of {image}: {difference}.", facts)
            fixes = (keep(key, Message("Import as it is")), skip_file(file.path))
            yield ProposalFinding(key, Severity.WARNING, message, (item.key,), fixes)
        elif not file.is_on_own_grid:
            yield ProposalFinding(
                f"grid {item.key} {file.role}",
                Severity.ERROR,
                Message("The label map {file} does not lie on the grid of {image}: {difference}.", facts),
                (item.key,),
                (_own_grid(item, file), skip_file(file.path)),
            )


def _own_grid(item: ProposedItem, file: ProposedFile) -> Fix:
    def change(old: ProposedItem) -> ProposedItem:
        files = (replace(one, is_on_own_grid=True) if one.role == file.role else one for one in old.files)
        return replace(old, files=tuple(files))

    return Fix(_KEPT_GRID, change_item(item.key, change))


def _set_apart(item: ProposedItem, file: ProposedFile, masks: MergedMasks, names: list[str]) -> Fix:
    """Return the fix that imports classes, of which much would be cut, as label maps of their own."""
    source = masks.setting_apart(names)

    def change(old: ProposedItem) -> ProposedItem:
        changed = replace(file, source=source, classes=source.together)
        return replace(old, files=tuple(changed if one.role == file.role else one for one in old.files))

    return Fix(
        Message("Label maps of their own: {names}", {"names": shown_list(names)}),
        change_item(item.key, change),
    )


def _remarks(item: ProposedItem, known: dict[str, VolumeFacts]) -> Iterator[ProposalFinding]:
    for file in item.files:
        if file.role not in known:
            continue
        facts = known[file.role]
        if file.classes:
            facts = replace(facts, classes=file.classes)
        apart: tuple[Fix, ...] = ()
        if isinstance(file.source, MergedMasks):
            large = [one.name for one in facts.overlaps if one.is_large]
            if file.source.apart:
                # They overlap nothing any more.
                facts = replace(facts, overlaps=())
            elif large:
                apart = (_set_apart(item, file, file.source, large),)
        for message in remarks(file.path.name, facts):
            key = f"remark {item.key} {file.role} {message.text}"
            offered = apart if message.text == OVERLAPS.text else ()
            fixes = (*offered, keep(key, UNDERSTOOD), skip_file(file.path))
            yield ProposalFinding(key, Severity.WARNING, message, (item.key,), fixes)


def _series(proposal: ImportProposal) -> Iterator[ProposalFinding]:
    series = [
        (item, found)
        for item in proposal.included
        for file in item.files
        if (found := series_of(file.source)) is not None
    ]
    for item, found in series:
        if found.has_burned_in_text:
            key = f"burned in {item.key}"
            message = Message(
                "The pictures of {item} have texts in them, by their own account: a name may be among them. "
                "Nothing is painted over.",
                {"item": item.item},
            )
            fixes = (leave_out(item.key), keep(key))
            yield ProposalFinding(key, Severity.WARNING, message, (item.key,), fixes)
    if series:
        names = shown_list(dict.fromkeys(item.subject for item, _found in series))
        facts = {"subjects": names, "path": default_path()}
        message = Message(
            "Names, numbers and dates of patients stay out of the project. The list of who is who "
            "({subjects}) is {path}, outside of the project.",
            facts,
        )
        yield ProposalFinding("aliases", Severity.NOTE, message, (), (keep("aliases", UNDERSTOOD),))
