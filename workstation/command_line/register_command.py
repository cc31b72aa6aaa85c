"""``register``: every pair of a project at once, with a table sorted by verdict, circles, and files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from engines.contract.config import parse_overrides
from engines.contract.errors import InputError
from engines.contract.kinds import Action, RunState
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PipelineSpec
from workstation.command_line.following import exit_code_of_run, follow
from workstation.command_line.output import remark, say, say_json, say_table
from workstation.command_line.project_commands import find_run
from workstation.project.project import Project
from workstation.runs.launch import prepare_resume, prepare_run, start_engine
from workstation.runs.registration_batch import (
    RegistrationRow,
    RegistrationTable,
    export_batch,
    registering_spec,
    registration_table,
)


def register(options: argparse.Namespace) -> int:
    """Register, or go on with a run that was stopped; print what came out, and write files if asked."""
    spec = registering_spec()
    with Project.open(options.project) as project:
        folder = _prepared(project, spec, options)
        run = follow(folder, start_engine, spec.title)
        code = exit_code_of_run(run)
        table = registration_table(project, spec, run=folder, items=_manifest_items(folder))
        if options.json:
            say_json(_as_json(folder, table))
        else:
            _say(folder, table)
        if run.state is RunState.STOPPED:
            remark(f"Stopped; go on with: workstation register {options.project} --resume {folder.id}")
        if options.export is not None and code == 0:
            files, notes = export_batch(project, spec, table.rows, options.export)
            remark(f"{len(files)} files were written to {options.export}.")
            for note in notes:
                remark(str(note))
    return code


def _prepared(project: Project, spec: PipelineSpec, options: argparse.Namespace) -> RunFolder:
    if options.resume is None:
        return prepare_run(
            project,
            spec,
            action=Action.PREDICT,
            overrides=parse_overrides(options.set),
            base_run=find_run(project, options.run) if options.run else None,
            items=_item_names(options.items),
            command=options.command_text,
        )
    folder = find_run(project, options.resume)
    request = folder.read_request()
    if request.action is not Action.PREDICT or request.pipeline != spec.key:
        raise InputError(
            "{run} registered nothing.", remedy="List the runs with: workstation runs PROJECT.", run=folder.id
        )
    if options.set or options.run or options.items:
        raise InputError(
            "A run that goes on keeps its settings and items.",
            remedy="Leave out --set, --run and --items, or register anew.",
        )
    prepare_resume(folder)
    return folder


def _item_names(words: Sequence[str] | None) -> list[str] | None:
    return [name for word in words for name in word.split(",") if name] if words else None


def _manifest_items(folder: RunFolder) -> list[str]:
    return [item.id for item in folder.read_manifest().items]


def _say(folder: RunFolder, table: RegistrationTable) -> None:
    say(str(folder.path))
    say_table(
        ("item", "verdict", "z", "s", "overlap", "sharpness", "model", "method", "circle px", "reason"),
        [_cells(row) for row in table.rows],
    )
    for cycle in table.cycles:
        say(
            f"circle {', '.join(cycle.items)}: {cycle.mean_error_px:.2f} px on average, "
            f"{cycle.max_error_px:.2f} px at most"
        )


def _cells(row: RegistrationRow) -> tuple[object, ...]:
    file = row.file
    if file is None:
        return (row.item, "not tried", *(None,) * 6, row.cycle_px, None)
    return (
        row.item,
        file.verdict.replace("_", " "),
        file.z,
        file.s,
        file.overlap,
        file.sharpness,
        file.model,
        file.method,
        row.cycle_px,
        file.reason,
    )


def _as_json(folder: RunFolder, table: RegistrationTable) -> dict[str, object]:
    return {
        "run": folder.id,
        "folder": str(folder.path),
        "rows": [
            {
                "item": row.item,
                "subject": row.subject,
                "modalities": row.modalities,
                "verdict": row.verdict or None,
                "cycle_px": row.cycle_px,
                "transform": None
                if row.file is None
                else row.file.model_dump(mode="json", exclude={"keypoints"}),
            }
            for row in table.rows
        ],
        "cycles": [
            {"items": list(cycle.items), "mean_px": cycle.mean_error_px, "max_px": cycle.max_error_px}
            for cycle in table.cycles
        ],
    }
