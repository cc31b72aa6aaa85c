"""``import-weights``: make a run of a pipeline from weights that another program trained."""

from __future__ import annotations

import argparse

from engines.contract.config import parse_overrides
from engines.contract.errors import InputError
from engines.contract.kinds import Action, RunState
from engines.contract.registry import load_spec
from engines.contract.weights_report import FILE_NAME, WeightsReport
from workstation.command_line.following import exit_code_of_run, follow
from workstation.command_line.output import say
from workstation.project.project import Project
from workstation.runs.launch import prepare_run, start_engine

_MOST_SHOWN = 10


def import_weights(options: argparse.Namespace) -> int:
    """Import weights; print the run and what became of every tensor."""
    spec = load_spec(options.pipeline)
    if not options.source.exists():
        raise InputError("There is no file or folder {path}.", remedy="Check the path.", path=options.source)
    with Project.open(options.project) as project:
        folder = prepare_run(
            project,
            spec,
            action=Action.IMPORT_WEIGHTS,
            phase=options.phase or "",
            overrides={**parse_overrides(options.set), "source": str(options.source.resolve())},
            command=options.command_text,
        )
    say(str(folder.path))
    run = follow(folder, start_engine, spec.title)
    if run.state is RunState.FINISHED:
        _say_report(WeightsReport.read(folder.outputs_dir / FILE_NAME))
    return exit_code_of_run(run)


def _say_report(report: WeightsReport) -> None:
    shapes = [f"{entry.name} {entry.in_file} for {entry.in_model}" for entry in report.other_shape]
    say(f"matched: {len(report.matched)}")
    for what, names in (
        ("missing", report.missing),
        ("of another shape", shapes),
        ("unused", report.unused),
    ):
        say(f"{what}: {len(names)}")
        for name in names[:_MOST_SHOWN]:
            say(f"  {name}")
        if len(names) > _MOST_SHOWN:
            say(f"  and {len(names) - _MOST_SHOWN} more")
