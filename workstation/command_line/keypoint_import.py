"""``import`` takes tables, keypoint files and transforms in one call: tables go first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from engines.contract.errors import InputError
from engines.contract.kinds import ItemKind
from workstation.project.importers import ImportReport, import_paths
from workstation.project.importers.keypoint_files import import_keypoint_file, recognise
from workstation.project.importers.transform_files import import_transform, is_transform_file
from workstation.project.keypoint_formats import ReadOptions
from workstation.project.project import Project


def import_all(
    project: Project,
    paths: Sequence[Path],
    *,
    kind: ItemKind | None,
    item_id: str | None,
    format_key: str | None,
    options: ReadOptions,
    progress: Callable[[int, int], None],
) -> ImportReport:
    """Import tables, then keypoint files and transforms; `item_id` and `format_key` are for those.

    Raises
    ------
    InputError
        If a file cannot be used; what was imported before it stays.
    """
    is_named = item_id is not None or format_key is not None
    transforms = [path for path in paths if path.is_file() and is_transform_file(path)]
    paths = [path for path in paths if path not in transforms]
    foreign = [path for path in paths if is_named or (path.is_file() and recognise(path) is not None)]
    tables = [path for path in paths if path not in foreign]
    if kind is not None and not tables:
        raise InputError(
            "A kind is given, but no table of files.", remedy="Leave --kind out for keypoint files."
        )
    reports = []
    if tables:
        reports.append(
            import_paths(project, tables, kind=kind, one_based=options.is_one_based, progress=progress)
        )
    for path in foreign:
        reports.append(
            import_keypoint_file(project, path, item_id=item_id, format_key=format_key, options=options)
        )
    for path in transforms:
        kept = import_transform(project, path, item_id)
        reports.append(ImportReport(num_rows=1, num_files=1, items=[kept.parent.name]))
    return _merged(reports)


def _merged(reports: Sequence[ImportReport]) -> ImportReport:
    return ImportReport(
        num_rows=sum(report.num_rows for report in reports),
        num_files=sum(report.num_files for report in reports),
        num_pairs=sum(report.num_pairs for report in reports),
        items=list(dict.fromkeys(item for report in reports for item in report.items)),
        findings=[finding for report in reports for finding in report.findings],
        is_cancelled=any(report.is_cancelled for report in reports),
    )
