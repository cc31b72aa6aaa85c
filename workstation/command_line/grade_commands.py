"""``import-grades`` and ``phantom-brains``."""

from __future__ import annotations

import argparse

from engines.contract.errors import InputError
from workstation.command_line.output import ProgressBar, remark, say, say_json
from workstation.project.grade_commands import SetGrades
from workstation.project.project import Project


def import_grades(options: argparse.Namespace) -> int:
    """Give items the grades of a table."""
    from engines.imaging.grade_table import match_grades, read_grade_table

    table = read_grade_table(options.table)
    with Project.open(options.project) as project:
        found = match_grades(table, [item.id for item in project.items.all()])
        if not found.grades:
            raise InputError(
                "No row of {table} names an item of the project.",
                remedy="Items are found by their id; list them with: workstation items PROJECT.",
                table=options.table.name,
            )
        project.history.execute(SetGrades(found.grades, table.path.name, found.sources))
    counts = {grade: list(found.grades.values()).count(grade) for grade in sorted(set(found.grades.values()))}
    if options.json:
        say_json(
            {
                "graded": len(found.grades),
                "counts": counts,
                "unmatched_rows": list(found.unmatched_lines),
                "ungraded_items": list(found.ungraded),
                "warnings": [str(warning) for warning in table.warnings],
            }
        )
        return 0
    say(f"{len(found.grades)} items graded: " + ", ".join(f"{name} {n}" for name, n in counts.items()))
    for warning in table.warnings:
        remark(str(warning))
    if found.unmatched_lines:
        remark(f"{len(found.unmatched_lines)} rows name no item: {_few(found.unmatched_lines)}")
    if found.ungraded:
        remark(f"{len(found.ungraded)} items have no grade: {_few(found.ungraded)}")
    return 0


def phantom_brains(options: argparse.Namespace) -> int:
    """Make a project of phantom brains."""
    from workstation.project.brain_cohort import create_brain_cohort

    with ProgressBar("Drawing", "brain") as bar:
        create_brain_cohort(
            options.folder,
            num_subjects=options.subjects,
            seed=options.seed,
            has_site_shortcut=options.site_shortcut,
            tick=bar.show,
        ).close()
    say(str(options.folder.absolute()))
    if options.oracle:
        _say_oracle(options)
    return 0


def _say_oracle(options: argparse.Namespace) -> None:
    from dataclasses import replace

    from engines.imaging.volumes.brain_phantom import CohortOptions, plan_cohort
    from engines.imaging.volumes.brain_phantom_oracle import oracle_rows

    cohort = replace(
        CohortOptions(seed=options.seed, has_site_shortcut=options.site_shortcut),
        num_subjects=options.subjects,
        num_held_out=round(0.3 * options.subjects),
    )
    for name, value in oracle_rows(plan_cohort(cohort), cohort).items():
        say(f"{name}: {'undefined' if value is None else f'{value:.3f}'}")


def _few(names: tuple[object, ...]) -> str:
    shown = ", ".join(map(str, names[:5]))
    return f"{shown} and more" if len(names) > 5 else shown
