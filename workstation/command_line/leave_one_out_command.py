"""``leave-one-out``: train a phase without one subject after the other, and score each on the one left out.

It answers whether a phase that learns from annotated items would help items it has not seen, where there are
too few of them for a split. Every fold works on a copy of the project beside it, which is removed with its
weights: they have seen all but one of the subjects and are of no use to anybody.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.contract.config import parse_overrides
from engines.contract.errors import InputError, PreconditionError
from engines.contract.evaluation import EvaluationReport
from engines.contract.files import write_json_atomically, write_text_atomically
from engines.contract.kinds import Action, RunState, Split
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PhaseSpec, PipelineSpec
from workstation.command_line.following import follow
from workstation.command_line.output import complain, remark, say, say_json, say_table
from workstation.command_line.project_commands import find_run
from workstation.project.items import Item
from workstation.project.project import Project
from workstation.project.splits import groups_of
from workstation.runs.launch import prepare_run, resolve_config, start_engine
from workstation.runs.outputs import evaluation_report
from workstation.runs.preconditions import newest_finished_run

BEFORE, AFTER = "before", "after"
_IGNORED = shutil.ignore_patterns("runs", "sweeps", "trash", "*.lock")


@dataclass(frozen=True)
class FoldLine:
    """The metrics of one row on the subjects that were left out, by the model before and after the phase."""

    subjects: tuple[str, ...]
    stage: str
    row: str
    items: int
    metrics: dict[str, float | None]


def leave_one_out(options: argparse.Namespace) -> int:
    """Train and score every fold, and print one table; written after each fold."""
    spec = load_spec(options.pipeline)
    phase = spec.phase(options.phase or spec.phases[-1].key)
    overrides = parse_overrides(options.set)
    resolve_config(
        spec, Action.TRAIN, phase=phase.key, preset=options.preset or phase.preset, overrides=overrides
    )
    with Project.open(options.project) as project:
        base = _base_run(project, spec, phase, options.base_run)
        folds = _folds(project, options.subjects, options.together)
        folder = project.folder
    lines: list[FoldLine] = []
    target = options.out or folder / "leave_one_out"
    code = 0
    for number, (subjects, items) in enumerate(folds, start=1):
        remark(f"{number} of {len(folds)}: without {', '.join(subjects)}")
        found, is_good = _fold(folder, spec, phase, base, subjects, items, overrides, options)
        lines += found
        _write(target, options.command_text, lines)
        if not is_good:
            code = 1
            break
    pooled = pool(lines)
    if options.json:
        say_json({"folder": str(target), "lines": [vars(line) for line in lines], "pooled": pooled})
    else:
        _say(lines, pooled, target)
    return code


def _base_run(project: Project, spec: PipelineSpec, phase: PhaseSpec, name: str | None) -> RunFolder:
    if name is not None:
        return find_run(project, name)
    earlier = phase.needs.phases[-1] if phase.needs.phases else ""
    found = newest_finished_run(project, spec, phase=earlier)
    if found is None:
        raise PreconditionError(
            "There is no finished run to begin from.", remedy="Train the phases before, or name --base-run."
        )
    return found


def _folds(
    project: Project, wanted: str | None, together: Sequence[str]
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return ``(subjects, annotated items)`` of each fold; subjects that share an image stay together.

    Raises
    ------
    InputError
        If fewer than two folds remain, or a subject is unknown.
    """
    counts = project.keypoints.counts()
    annotated = [item for item in project.items.all() if counts.get(item.id, 0)]
    chosen = None if wanted is None else {name.strip() for name in wanted.split(",") if name.strip()}
    unknown = (chosen or set()) - {item.subject for item in annotated}
    if unknown:
        raise InputError(
            "No annotated item is of subject {subject}.",
            remedy="List the items with: workstation items PROJECT.",
            subject=", ".join(sorted(unknown)),
        )
    groups = folds_of(annotated, [word.split(",") for word in together])
    if len(groups) < 2:
        raise InputError(
            "Leaving one out needs annotated items of two subjects or more.", remedy="Annotate more items."
        )
    return [
        (subjects, tuple(item.id for item in annotated if item.subject in subjects))
        for subjects in groups
        if chosen is None or chosen & set(subjects)
    ]


def folds_of(items: Iterable[Item], together: Iterable[Sequence[str]] = ()) -> list[tuple[str, ...]]:
    """Return the subjects of each fold.

    Parameters
    ----------
    items : iterable of Item
    together : iterable of sequences of str
        Subjects that people know to share an image which is stored twice.
    """
    groups = [set(group) for group in groups_of(items)]
    for names in together:
        joined = {name.strip() for name in names}
        touched = [group for group in groups if group & joined]
        if touched:
            groups = [group for group in groups if not group & joined] + [set().union(*touched)]
    return sorted(tuple(sorted(group)) for group in groups)


def _fold(
    folder: Path,
    spec: PipelineSpec,
    phase: PhaseSpec,
    base: RunFolder,
    subjects: tuple[str, ...],
    items: tuple[str, ...],
    overrides: dict[str, object],
    options: argparse.Namespace,
) -> tuple[list[FoldLine], bool]:
    """Train without some subjects, in a copy, and score the model before and after on them."""
    # Beside the project: relative paths of images mean the same there.
    copy = folder.with_name(f"{folder.name}.without_{'_'.join(subjects)}")
    if copy.exists():
        raise InputError("{folder} is in the way.", remedy="Move it away.", folder=copy)
    try:
        shutil.copytree(folder, copy, ignore=_IGNORED)
        with Project.open(copy) as project:
            for item in project.items.all():
                if item.split is Split.EVALUATION or item.subject in subjects:
                    project.splits.set(
                        item.subject, Split.EVALUATION if item.subject in subjects else Split.TRAIN
                    )
            trained = prepare_run(
                project,
                spec,
                action=Action.TRAIN,
                phase=phase.key,
                preset=options.preset or phase.preset,
                overrides=overrides,
                base_run=base,
                command=options.command_text,
            )
            model = follow(trained, start_engine, f"{phase.title}, without {', '.join(subjects)}")
            if model.state is not RunState.FINISHED:
                cause = model.failure.cause if model.failure is not None else "It was stopped."
                complain(f"The training without {', '.join(subjects)} did not finish: {cause}")
                return [], False
            lines: list[FoldLine] = []
            for stage, run in ((BEFORE, base), (AFTER, trained)):
                scored = prepare_run(
                    project, spec, action=Action.EVALUATE, base_run=run, items=list(items), split="all"
                )
                follow(scored, start_engine, f"{stage} the phase")
                report = evaluation_report(scored)
                if report is None:
                    return lines, False
                lines += _lines(subjects, stage, report)
            return lines, True
    finally:
        if not options.keep:
            shutil.rmtree(copy, ignore_errors=True)


def _lines(subjects: tuple[str, ...], stage: str, report: EvaluationReport) -> list[FoldLine]:
    return [FoldLine(subjects, stage, row, report.items, dict(values)) for row, values in report.rows.items()]


def pool(lines: Sequence[FoldLine]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return stage -> row -> metric: the mean over left-out items.

    For shares and areas under success curves that is the value of all items together; a median becomes a
    mean of medians, and one that is undefined in a fold is left out of it.
    """
    pooled: dict[str, dict[str, dict[str, float | None]]] = {}
    for stage, row in dict.fromkeys((line.stage, line.row) for line in lines):
        own = [line for line in lines if (line.stage, line.row) == (stage, row)]
        values: dict[str, float | None] = {}
        for key in dict.fromkeys(key for line in own for key in line.metrics):
            known = [(value, line.items) for line in own if (value := line.metrics.get(key)) is not None]
            weight = sum(count for _, count in known)
            values[key] = sum(value * count for value, count in known) / weight if weight else None
        pooled.setdefault(stage, {})[row] = values
    return pooled


def _write(target: Path, command: str, lines: Sequence[FoldLine]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    keys = list(dict.fromkeys(key for line in lines for key in line.metrics))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("subjects", "stage", "row", "items", *keys))
    for line in lines:
        values = ("" if line.metrics.get(key) is None else line.metrics[key] for key in keys)
        writer.writerow((" ".join(line.subjects), line.stage, line.row, line.items, *values))
    write_text_atomically(target / "leave_one_out.csv", buffer.getvalue())
    write_json_atomically(
        target / "leave_one_out.json",
        {"command": command, "lines": [vars(line) for line in lines], "pooled": pool(lines)},
    )


def _say(
    lines: Sequence[FoldLine], pooled: dict[str, dict[str, dict[str, float | None]]], target: Path
) -> None:
    keys = list(dict.fromkeys(key for line in lines for key in line.metrics))
    num_folds = len({line.subjects for line in lines})
    say(f"{num_folds} folds; means over the items that were left out")
    say_table(
        ("stage", "row", *keys),
        [
            (stage, row, *(values.get(key) for key in keys))
            for stage, rows in pooled.items()
            for row, values in rows.items()
        ],
    )
    say(str(target / "leave_one_out.csv"))
