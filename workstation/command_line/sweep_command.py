"""``sweep``: train a phase once for every value of a setting, and put the results side by side.

Of several phases each value is trained with one after another, each from the run before; the last one counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engines.contract.config import parse_overrides
from engines.contract.errors import InputError
from engines.contract.kinds import Action, RunState
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PhaseSpec, PipelineSpec
from workstation.command_line.following import follow
from workstation.command_line.output import cell_text, remark, say, say_json, say_table
from workstation.command_line.project_commands import find_run
from workstation.project.project import Project
from workstation.runs.launch import prepare_run, resolve_config, start_engine
from workstation.runs.preconditions import newest_finished_run
from workstation.runs.sweep import Line, SweepTable, Trial, line_of, new_folder, plan, plan_variants


def sweep(options: argparse.Namespace) -> int:
    """Train every trial, one after another, and print one table; written after each training."""
    spec = load_spec(options.pipeline)
    phases = _phases(spec, options.phase)
    phase = phases[-1]
    seeds, common = _seeds(options.seeds), parse_overrides(options.set)
    if options.variants:
        if phase.variants is None or options.key or len(phases) > 1:
            raise InputError(
                "The phase {phase} offers no variants, or other phases or values are asked for beside them.",
                remedy="Name the values with --key name=value,value,... instead of --variants.",
                phase=phase.key,
            )
        trials = plan_variants(phase.variants, seeds)
    else:
        trials = plan(options.key, seeds, with_base=not options.no_base)
    for trial in trials:
        # A wrong value is told before hours were spent on the right ones.
        for part in phases:
            resolve_config(
                spec,
                Action.TRAIN,
                phase=part.key,
                preset=options.preset or part.preset,
                overrides=trial.overrides(common),
            )
    names = ",".join(part.key for part in phases)
    table = SweepTable(spec.key, names, options.preset or phase.preset, options.command_text)
    with Project.open(options.project) as project:
        target = options.out or new_folder(project.folder / "sweeps")
        base_run = _base_run(project, spec, phases[0], options.base_run)
        for number, trial in enumerate(trials, start=1):
            remark(f"{number} of {len(trials)}: {_title(trial)}")
            line = _train(project, spec, phases, trial, common, base_run, table, options)
            table.lines.append(line)
            table.write(target)
            if line.state == RunState.STOPPED:
                remark("The sweep was stopped; the table holds what was trained so far.")
                break
    if options.json:
        say_json({"folder": str(target), **asdict(table)})
    else:
        _say(table, target)
    return 0 if all(line.state == RunState.FINISHED for line in table.lines) else 1


def _train(
    project: Project,
    spec: PipelineSpec,
    phases: Sequence[PhaseSpec],
    trial: Trial,
    common: Mapping[str, Any],
    run: RunFolder | None,
    table: SweepTable,
    options: argparse.Namespace,
) -> Line:
    """Train one phase after the other, each from the run before; return the last one that was trained."""
    minutes = 0.0
    for phase in phases:
        run = prepare_run(
            project,
            spec,
            action=Action.TRAIN,
            phase=phase.key,
            preset=options.preset or phase.preset,
            overrides=trial.overrides(common),
            base_run=run,
            command=options.command_text,
        )
        _check_split(table, run)
        remark(f"{phase.title} ({run.id})")
        line = line_of(trial, follow(run, start_engine, _title(trial)), spec)
        minutes += line.minutes or 0.0
        if line.state != RunState.FINISHED:
            break
    return replace(line, minutes=round(minutes, 2))


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise InputError("'{text}' are no seeds.", remedy="Write whole numbers: 0,1,2.", text=text) from error
    return list(dict.fromkeys(seeds)) or [0]


def _phases(spec: PipelineSpec, text: str | None) -> list[PhaseSpec]:
    """Return the phases that each trial goes through; the first one by default."""
    keys = [part.strip() for part in (text or "").split(",") if part.strip()]
    return [spec.phase(key) for key in keys] or [spec.phases[0]]


def _base_run(project: Project, spec: PipelineSpec, phase: PhaseSpec, name: str | None) -> RunFolder | None:
    """Return the run that every trial starts from; the same one, whatever is trained meanwhile."""
    if name is not None:
        return find_run(project, name)
    return newest_finished_run(project, spec, phase=phase.needs.phases[-1]) if phase.needs.phases else None


def _check_split(table: SweepTable, folder: RunFolder) -> None:
    split_hash = folder.read_manifest().split_hash
    if table.split_hash and split_hash != table.split_hash:
        raise InputError(
            "The split of the project changed while the sweep ran: its trainings do not compare.",
            remedy="Leave items and splits as they are, and sweep again.",
        )
    table.split_hash = split_hash


def _title(trial: Trial) -> str:
    changed = trial.key if trial.value is None else f"{trial.key}={trial.value}"
    return f"{changed}, seed {trial.seed}"


def _say(table: SweepTable, target: Path) -> None:
    say(f"{table.pipeline}, {table.phase}, preset {table.preset}, split {table.split_hash}")
    rows: list[Sequence[object]] = []
    for key, value, num_good, metrics in table.summary():
        cells = []
        for metric in table.metric_keys:
            found = metrics[metric]
            spread = "" if found is None or found[1] is None else f" ±{cell_text(found[1])}"
            cells.append(None if found is None else f"{cell_text(found[0])}{spread}")
        rows.append((key, value, num_good, *cells))
    say_table(("key", "value", "seeds", *table.metric_keys), rows)
    say(str(target / "sweep.csv"))
    say(str(target / "sweep.json"))
