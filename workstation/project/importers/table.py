"""Importing tables: every row is checked first, then the good ones are written together, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from engines.contract.errors import ProjectError, TableError, WorkstationError
from engines.contract.kinds import ItemKind
from engines.contract.roles import HELPER_MASKS
from workstation.project.annotations import KeypointPair
from workstation.project.commands import ImportedPair, ImportPairs
from workstation.project.importers.inspection import FileFacts
from workstation.project.importers.item_rows import plan_tables
from workstation.project.importers.keypoint_rows import plan_keypoints
from workstation.project.importers.plan import Cancelled, Plan, infer_kind
from workstation.project.importers.reading import Table, read_table
from workstation.project.importers.report import ImportReport
from workstation.project.importers.volume_reading import VolumeSource
from workstation.project.importers.volume_rows import VolumeKeeper, keep_label_map, keep_masks_apart
from workstation.project.items import insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap
from workstation.project.project import Project
from workstation.project.schema import FileRow
from workstation.project.splits import write_split
from workstation.project.store import reason_of


def import_paths(
    project: Project,
    paths: Iterable[Path],
    *,
    kind: ItemKind | None = None,
    one_based: bool = False,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ImportReport:
    """Import tables of files and of keypoint pairs; tables of files go first whatever the order.

    Parameters
    ----------
    project : Project
    paths : iterable of Path
        CSV or TSV tables, recognised by their header.
    kind : ItemKind or None
        Kind of every new item; None: the table's `kind` column, else by the roles.
    one_based : bool
        Whether keypoint tables count pixels from 1.
    progress : callable
        Given the rows done and the rows in all.
    should_stop : callable
        Asked before every row; true cancels, and nothing is imported.

    Returns
    -------
    ImportReport
        With every refused row.

    Raises
    ------
    TableError
        If a table itself cannot be used; nothing is imported then.
    ProjectError
        If the project was changed by another program meanwhile.
    """
    tables = [read_table(Path(path).absolute()) for path in paths]
    if not tables:
        raise TableError("No table was given.", remedy="Name at least one CSV or TSV table.")
    return import_tables(
        project, tables, kind=kind, one_based=one_based, progress=progress, should_stop=should_stop
    )


def import_tables(
    project: Project,
    tables: Sequence[Table],
    *,
    facts: Mapping[Path, FileFacts] | None = None,
    sources: Mapping[Path, VolumeSource] | None = None,
    kind: ItemKind | None = None,
    one_based: bool = False,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ImportReport:
    """Import tables that were read; see `import_paths`.

    `facts` are those of files that were read, too; `sources` what volumes are made of that are not one file.
    """
    report = ImportReport()
    total = sum(len(table.rows) for table in tables)
    done = 0

    def tick() -> None:
        nonlocal done
        if should_stop is not None and should_stop():
            raise Cancelled
        if progress is not None:
            progress(done, total)
        done += 1

    plan = Plan(project.items.all())
    keeper = VolumeKeeper(project.folder, should_stop)
    known_ids = set(plan.drafts)
    pairs: dict[str, list[ImportedPair]] = {}

    def present(item_id: str) -> list[KeypointPair]:
        return project.keypoints.pairs(item_id) if item_id in known_ids else []

    try:
        files = [table for table in tables if not table.is_keypoints]
        plan_tables(files, plan, report, kind, tick, keeper, facts, sources)
        for table in tables:
            if table.is_keypoints:
                plan_keypoints(table, plan.drafts, present, pairs, report, one_based=one_based, tick=tick)
        label_maps = _keep_label_maps(project, plan, should_stop)
    except Cancelled:
        keeper.remove_unused(())
        return ImportReport(is_cancelled=True)
    except OSError as error:
        keeper.remove_unused(())
        raise _not_saved(project, error) from error
    except WorkstationError:
        keeper.remove_unused(())
        raise
    if progress is not None:
        progress(total, total)
    report.findings.sort(key=lambda finding: (str(finding.table), finding.line))
    if report.num_imported:
        try:
            with project.store.write() as session:
                _write(session, project, plan, pairs, label_maps)
        except (DatabaseError, OSError) as error:
            keeper.remove_unused(())
            _remove(project, label_maps)
            raise _not_saved(project, error) from error
    keeper.remove_unused(new.path for new in plan.new_files)
    if report.num_imported:
        touched = [item_id for item_id, draft in plan.drafts.items() if draft.is_touched]
        report.items = list(dict.fromkeys([*touched, *pairs]))
        project.announce(list(pairs))
    return report


def _keep_label_maps(
    project: Project, plan: Plan, should_stop: Callable[[], bool] | None
) -> list[AddLabelMap]:
    """Write the voxels of new label maps; return the edits that add them."""
    taken: dict[str, set[str]] = {}
    made: list[AddLabelMap] = []
    try:
        for new in plan.new_files:
            facts = plan.volumes.get((new.item_id, new.role))
            if facts is None or not facts.is_label_map or new.role in HELPER_MASKS:
                continue
            if should_stop is not None and should_stop():
                raise Cancelled
            if new.item_id not in taken:
                taken[new.item_id] = {known.name for known in project.label_maps.of_item(new.item_id)}
            made.append(keep_label_map(project, new, facts, taken[new.item_id]))
            taken[new.item_id].add(made[-1].name)
            for masks in plan.masks_apart.pop(new.item_id, []):
                for command in keep_masks_apart(project, new.item_id, masks, taken[new.item_id]):
                    made.append(command)
                    taken[new.item_id].add(command.name)
    except (Cancelled, OSError, WorkstationError):
        _remove(project, made)
        raise
    return made


def _remove(project: Project, label_maps: Iterable[AddLabelMap]) -> None:
    for command in label_maps:
        (project.folder / "label_maps" / command.file).unlink(missing_ok=True)


def _not_saved(project: Project, error: DatabaseError | OSError) -> ProjectError:
    return ProjectError(
        "The import was not saved in {folder}: {reason}.",
        remedy="Free some space or reconnect the disk, then import again.",
        kept="The project is as it was before the import.",
        folder=project.folder,
        reason=reason_of(error),
    )


def _write(
    session: Session,
    project: Project,
    plan: Plan,
    pairs: dict[str, list[ImportedPair]],
    label_maps: Iterable[AddLabelMap],
) -> None:
    for new in plan.new_files:
        if session.get(FileRow, (new.item_id, new.role)) is not None:
            raise ProjectError(
                "'{role}' of {item} was imported by another program meanwhile.",
                remedy="Import again: rows that are there already are skipped.",
                role=new.role,
                item=new.item_id,
            )
        insert_file(session, new, project.folder)
    for item_id, draft in plan.drafts.items():
        if draft.is_touched:
            set_item_kind(session, item_id, draft.kind or infer_kind(draft))
    known = project.splits.of_subjects()
    for subject, split in plan.groups.all().items():
        if known.get(subject) is not split:
            write_split(session, subject, split, origin="table")
    for command in label_maps:
        project.history.execute_within(session, command)
    for item_id, added in pairs.items():
        project.history.execute_within(session, ImportPairs(item_id, tuple(added)))
