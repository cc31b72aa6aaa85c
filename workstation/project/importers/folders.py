"""Importing a proposal: its complete items are written together, with the points that lie beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from engines.contract.errors import InputError
from workstation.project.importers.checks import ready
from workstation.project.importers.inspection import Inspection
from workstation.project.importers.proposal import ImportProposal, ProposedFile, ProposedItem
from workstation.project.importers.reading import Row, Table
from workstation.project.importers.report import ImportReport
from workstation.project.importers.subject_aliases import SubjectAliases
from workstation.project.importers.table import import_tables
from workstation.project.importers.volume_reading import series_of
from workstation.project.project import Project


def import_proposal(
    project: Project,
    proposal: ImportProposal,
    inspection: Inspection,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ImportReport:
    """Import the items of a proposal that are chosen, complete and readable.

    Parameters
    ----------
    project : Project
    proposal : ImportProposal
    inspection : Inspection
        Of the same files; nothing is read again.
    progress : callable
        Given the rows done and the rows in all.
    should_stop : callable
        Asked before every row; true cancels, and nothing is imported.

    Returns
    -------
    ImportReport
        With every refused file and point.

    Raises
    ------
    InputError
        If no item is ready.
    ProjectError
        If the disk refuses, or another program changed the project meanwhile.
    """
    items = ready(proposal, inspection)
    if not items:
        raise InputError(
            "No item is complete: nothing was imported.",
            remedy="Choose partners for the images, or import them as single images.",
        )
    tables = [_file_table(item, file) for item in items for file in item.files]
    tables += [_point_table(item) for item in items if item.points]
    _record_aliases(items)
    facts = {path.resolve(): found for path, found in inspection.facts.items()}
    sources = {}
    for file in (file for item in items for file in item.files):
        path = file.path.resolve()
        if file.source is not None:
            sources[path] = file.source
        known = facts.get(path)
        if file.classes and known is not None and known.volume is not None:
            facts[path] = replace(known, volume=replace(known.volume, classes=file.classes))
    return import_tables(
        project, tables, facts=facts, sources=sources, progress=progress, should_stop=should_stop
    )


def _record_aliases(items: Iterable[ProposedItem]) -> None:
    """Write down, outside of the project, who is who among the subjects of DICOM series."""
    pairs = [
        (item.subject, series.person)
        for item in items
        for file in item.files
        if (series := series_of(file.source)) is not None
    ]
    if not pairs:
        return
    aliases = SubjectAliases()
    try:
        aliases.record(pairs)
    except OSError as error:
        raise InputError(
            "The list of who is who cannot be written to {path}: {reason}. Nothing was imported.",
            remedy="Check that you may write there, then import again.",
            path=aliases.path,
            reason=error.strerror,
        ) from error


def _file_table(item: ProposedItem, file: ProposedFile) -> Table:
    """Return a table of one row; remarks on it name the file."""
    cells = {
        "subject": item.subject,
        "item": item.item,
        "role": file.role,
        "path": str(file.path),
        "modality": file.modality or "",
        "visit": item.visit or "",
        "laterality": item.laterality or "",
        "own_grid": "yes" if file.is_on_own_grid else "",
        "split": item.split.value if item.split is not None else "",
    }
    return Table(file.path, False, (Row(0, cells, 0),), ())


def _point_table(item: ProposedItem) -> Table:
    rows = []
    for line, point in enumerate(item.points, start=1):
        values = (*point.fixed_xy, *point.moving_xy)
        names = ("fixed_x", "fixed_y", "moving_x", "moving_y")
        cells = {name: repr(value) for name, value in zip(names, values, strict=True)}
        rows.append(Row(line, {"item": item.item, "point": point.label, **cells}, 0))
    return Table(item.points_path or Path(item.item), True, tuple(rows), ())
