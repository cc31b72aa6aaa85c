"""``import`` of folders: the layout that fits best, what is to be said about it, and its complete items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from engines.contract.errors import InputError
from engines.contract.kinds import Severity
from engines.contract.roles import VOLUME_ROLES
from workstation.command_line.output import remark, say, say_table
from workstation.project.importers import ImportReport
from workstation.project.importers.checks import check, ready
from workstation.project.importers.folder_tree import scan
from workstation.project.importers.folders import import_proposal
from workstation.project.importers.inspection import Inspection, inspect, known_images
from workstation.project.importers.layouts import LAYOUTS, layout, recognise
from workstation.project.importers.proposal import ImportProposal
from workstation.project.project import Project

_SHOWN_FILES = ("fixed", "moving", "image", *(role.name for role in VOLUME_ROLES))


def import_folders(
    project: Project,
    places: Sequence[Path],
    *,
    layout_key: str | None,
    progress: Callable[[int, int], None],
) -> ImportReport:
    """Import what lies in folders; the items go to stdout, remarks to stderr.

    Raises
    ------
    InputError
        If no layout fits, or no item is complete.
    """
    fitting = recognise(scan(places))
    proposal = _choose(fitting, places, layout_key)
    _say_others(proposal, fitting)
    inspection = inspect([proposal], known_images(project.items.all()), progress=progress)
    guesses = {path: facts.modality for path, facts in inspection.facts.items()}
    proposal = proposal.with_modalities(guesses)
    _say_proposal(proposal, inspection)
    return import_proposal(project, proposal, inspection)


_MAX_NAMES = 5


def _choose(
    proposals: Sequence[ImportProposal], places: Sequence[Path], layout_key: str | None
) -> ImportProposal:
    known = [found.key for found in LAYOUTS]
    if layout_key is not None and layout_key not in known:
        raise InputError(
            "There is no layout '{layout}'.",
            remedy="Choose one of: {known}.",
            layout=layout_key,
            known=", ".join(known),
        )
    fitting = [found for found in proposals if layout_key in (None, found.layout)]
    if not fitting:
        raise InputError(
            "No images that can be imported were found in {places}.",
            remedy="Name another folder or layout, or a table of the files.",
            places=", ".join(str(place) for place in places),
        )
    return fitting[0]


def _say_others(chosen: ImportProposal, fitting: Sequence[ImportProposal]) -> None:
    """Name the layouts of files that the chosen one does not know: a folder may hold volumes and pictures."""
    seen = {*chosen.paths(), *chosen.unused}
    for other in fitting:
        if seen.isdisjoint(other.paths()) and other.num_complete:
            remark(
                f"note: the layout '{other.layout}' fits other files here ({other.num_complete} items): "
                f"import them with --layout {other.layout}"
            )
            seen.update(other.paths())


def _say_proposal(proposal: ImportProposal, inspection: Inspection) -> None:
    say(f"Layout: {layout(proposal.layout).title}")
    rows = []
    for item in ready(proposal, inspection):
        shown = {
            file.role: f"{file.path.name} ({file.modality})" if file.modality else file.path.name
            for file in item.files
            if file.role in _SHOWN_FILES
        }
        split = item.split.value if item.split else None
        rows.append((item.item, item.subject, split, ", ".join(shown.values()), len(item.points)))
    say_table(("item", "subject", "split", "images", "points"), rows)
    for finding in check(proposal, inspection):
        if finding.severity is not Severity.NOTE or finding.key == "aliases":
            remark(f"{finding.severity.value}: {finding.message}")
    if proposal.unused:
        names = ", ".join(path.name for path in proposal.unused[:_MAX_NAMES])
        more = f" and {len(proposal.unused) - _MAX_NAMES} more" if len(proposal.unused) > _MAX_NAMES else ""
        remark(f"note: no item takes {names}{more}; a table of the files can say what they are")
