"""``demo``, ``new``, ``import``, ``items``, ``export``, ``runs`` and the window itself."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engines.contract.errors import InputError, ProjectError, WorkstationError
from engines.contract.kinds import ItemKind, RunState
from engines.contract.registry import load_spec, pipeline_keys
from engines.contract.run_folder import RunFolder
from workstation.command_line.output import ProgressBar, complain, remark, say, say_json, say_table
from workstation.project.items import Item
from workstation.project.project import Project
from workstation.runs.run_model import RunModel
from workstation.settings import default_sample_folder


def open_window(folder: Path | None, commands: Iterable[str] = ()) -> int:
    """Open the window, on a project when one is given."""
    if folder is not None:
        if not folder.exists():
            near = difflib.get_close_matches(str(folder), list(commands), n=1)
            raise ProjectError(
                "There is neither a project nor a command '{name}'.",
                remedy="Did you mean '{near}'?" if near else "See: workstation --help.",
                name=folder,
                near=near[0] if near else "",
            )
        # What is wrong with a project is said here, where the command was typed.
        Project.open(folder).close()
    if not has_display():
        raise _no_display()
    from workstation import app

    return app.run(folder.absolute() if folder is not None else None)


def has_display() -> bool:
    """Tell whether a window can be opened: always, but on Linux without X or Wayland."""
    is_shown = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
    return is_shown or not sys.platform.startswith("linux")


def _no_display() -> InputError:
    return InputError(
        "There is no display to open a window on.",
        remedy="Start it in a graphical session, or under: xvfb-run -a workstation.",
    )


def demo(options: argparse.Namespace) -> int:
    """Make the sample project when it is absent, and open it."""
    from workstation.project.sample import create_sample

    folder = options.folder or default_sample_folder()
    with create_sample(folder) as project:
        say(str(project.folder))
        made = project.folder
    if options.no_window:
        return 0
    if not has_display():
        # The project is made, which is what a script on a server wants.
        remark(str(_no_display()))
        return 0
    return open_window(made)


def new(options: argparse.Namespace) -> int:
    """Make an empty project."""
    with Project.create(options.folder, options.name) as project:
        say(str(project.folder))
    return 0


def import_files(options: argparse.Namespace) -> int:
    """Import items and annotations; refused rows go to stderr."""
    from workstation.command_line.folder_import import import_folders
    from workstation.command_line.keypoint_import import import_all
    from workstation.project.importers import ImportReport
    from workstation.project.importers.near_format import CONVERTED, with_converted
    from workstation.project.importers.sorting import sort_paths
    from workstation.project.keypoint_formats import ReadOptions

    kind = None if options.kind is None else item_kind(options.kind)
    for path in options.paths:
        if not path.exists():
            raise InputError("There is no file {path}.", remedy="Check the path.", path=path)
    is_named = options.item is not None or options.format is not None
    places = () if is_named else sort_paths(options.paths).places
    files = [path for path in options.paths if path.absolute() not in places]
    reports = []
    with Project.open(options.project) as project, ProgressBar("Importing", "file") as bar:
        if places:
            places = with_converted(
                places, project.folder / CONVERTED, lambda note: remark(str(note)), bar.show
            )
            reports.append(import_folders(project, places, layout_key=options.layout, progress=bar.show))
        if files:
            reports.append(
                import_all(
                    project,
                    files,
                    kind=kind,
                    item_id=options.item,
                    format_key=options.format,
                    options=ReadOptions(options.one_based, options.in_pixels, not options.whole_centres),
                    progress=bar.show,
                )
            )
    report = ImportReport.merged(reports)
    for line in report.volumes:
        say(str(line))
    for finding in report.refused:
        remark(f"refused: {finding}")
    for finding in report.warnings:
        remark(f"warning: {finding}")
    say(
        f"Imported {report.num_files} files and {report.num_pairs} keypoint pairs into "
        f"{len(report.items)} items; {len(report.notes)} rows were there already, "
        f"{len(report.refused)} were refused."
    )
    if report.exit_code == 2 and not report.refused:
        complain("Nothing was imported: the tables hold no rows. Give a table with at least one row.")
    return report.exit_code


def item_kind(name: str) -> ItemKind:
    """Return an item kind by name.

    Raises
    ------
    InputError
        With the known names.
    """
    try:
        return ItemKind(name)
    except ValueError as error:
        raise InputError(
            "There is no kind of item '{kind}'.",
            remedy="Choose one of: {known}.",
            kind=name,
            known=", ".join(ItemKind),
        ) from error


def items(options: argparse.Namespace) -> int:
    """List the items of a project."""
    with Project.open(options.project) as project:
        num_pairs = project.keypoints.counts()
        found = project.items.all()
        name = project.name
    if options.json:
        say_json({"project": name, "items": [_item_json(item, num_pairs) for item in found]})
        return 0
    rows = [
        (
            item.id,
            item.subject,
            item.kind.value,
            item.split.value if item.split else None,
            ", ".join(
                f"{role} ({file.modality})" if file.modality else role for role, file in item.files.items()
            ),
            num_pairs.get(item.id, 0),
        )
        for item in found
    ]
    say_table(("item", "subject", "kind", "split", "files", "pairs"), rows)
    return 0


def _item_json(item: Item, num_pairs: dict[str, int]) -> dict[str, Any]:
    return {
        "id": item.id,
        "subject": item.subject,
        "kind": item.kind.value,
        "split": item.split.value if item.split else None,
        "visit": item.visit,
        "laterality": item.laterality,
        "status": item.status,
        "keypoint_pairs": num_pairs.get(item.id, 0),
        "files": {
            role: {
                "path": str(file.path),
                "kind": file.kind.value,
                "sha256": file.sha256,
                "modality": file.modality,
                "width": file.width,
                "height": file.height,
            }
            for role, file in item.files.items()
        },
    }


def export(options: argparse.Namespace) -> int:
    """Write a project in a format that others read."""
    from workstation.project.exporters import ExportOptions
    from workstation.project.exporters import export as export_project

    with Project.open(options.project) as project, ProgressBar("Exporting", "label map") as bar:
        wishes = ExportOptions(
            label_maps=tuple(options.label_maps or ()),
            with_proposals=options.proposals,
            dicom_folder=options.dicom,
            progress=bar.show,
        )
        result = export_project(project, options.format, options.out, options.items, wishes)
    for file in result.files:
        say(str(file))
    for note in result.notes:
        remark(str(note))
    return 0


def runs(options: argparse.Namespace) -> int:
    """List the runs of a project with their states and best metrics."""
    with Project.open(options.project) as project:
        folders = project.runs.folders()
        name = project.name
    rows = [_run_json(RunModel.load(RunFolder(path))) for path in folders]
    if options.json:
        say_json({"project": name, "runs": rows})
        return 0
    say_table(
        ("run", "action", "state", "step", "best", "cause"),
        [
            (
                row["id"],
                row["action"],
                row["state"],
                row["step"],
                ", ".join(f"{key} {value:.4g}" for key, value in row["best"].items() if value is not None),
                row["cause"],
            )
            for row in rows
        ],
    )
    return 0


def _run_json(model: RunModel) -> dict[str, Any]:
    request = model.request
    return {
        "id": model.id,
        "folder": str(model.folder.path),
        "pipeline": request.pipeline if request else None,
        "action": request.action.value if request else None,
        "phase": (request.phase or None) if request else None,
        "preset": (request.preset or None) if request else None,
        "state": model.state.value,
        "step": model.step,
        "steps": model.steps or None,
        "started_at": model.started_at,
        "ended_at": model.ended_at,
        "best": best_metrics(model),
        "cause": model.failure.cause if model.state is RunState.FAILED and model.failure else None,
    }


def best_metrics(model: RunModel) -> dict[str, float | None]:
    """Return the best validation value of every headline metric that a run reports, or of an evaluation."""
    if model.request is None or model.request.pipeline not in pipeline_keys():
        return {}
    spec = load_spec(model.request.pipeline)
    best: dict[str, float | None] = {}
    scored = model.summary.get("rows", {}).get("model", {})
    for metric in spec.headline_metrics:
        series = model.series.get((metric.key, "val"))
        if series is not None:
            found = series.best(is_higher_better=metric.higher_is_better)
            best[metric.key] = found[1] if found else None
        elif metric.key in scored:
            best[metric.key] = scored[metric.key]
    return best


def find_run(project: Project, name: str) -> RunFolder:
    """Return a run by id or by folder.

    Raises
    ------
    InputError
        If there is no such run, or the folder holds none.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        folder = RunFolder(path.absolute())
    else:
        try:
            folder = RunFolder(project.runs.folder(name))
        except WorkstationError as error:
            raise InputError(
                "'{name}' is neither a run of this project nor a run folder.",
                remedy="List the runs with: workstation runs PROJECT.",
                name=name,
            ) from error
    folder.read_request()
    return folder
