"""A project of phantom brains with tumours, labels and grades, made anew on every machine.

Every name begins with "phantom", and the source of every grade says so: nobody was scanned for it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engines.contract.errors import InputError
from engines.imaging.volumes.label_classes import LabelClass
from workstation.project.grade_commands import SetGrades
from workstation.project.label_map_commands import SetLabelMapFacts
from workstation.project.project import Project

if TYPE_CHECKING:
    from engines.imaging.volumes.brain_phantom import CohortOptions, PhantomSubject

CLASSES = (
    LabelClass(1, "necrosis", "#D55E00"),
    LabelClass(2, "oedema", "#56B4E9"),
    LabelClass(4, "enhancing tumour", "#F0E442"),
)
SOURCE = "procedural phantom"
_COLUMNS = ("subject", "item", "role", "path", "split")


def create_brain_cohort(
    folder: Path,
    *,
    num_subjects: int = 200,
    seed: int = 0,
    has_site_shortcut: bool = False,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Project:
    """Make a project of phantom brains.

    Parameters
    ----------
    folder : Path
        Absent or empty.
    num_subjects : int
        At least 20; three in ten are for testing.
    seed : int
    has_site_shortcut : bool
        See `CohortOptions`.
    tick : callable
        Told how many brains are drawn, and of how many.

    Raises
    ------
    InputError
        If there are too few subjects, or the folder cannot be used.
    """
    from engines.imaging.volumes.brain_phantom import CohortOptions, plan_cohort
    from workstation.project.importers import import_paths

    if num_subjects < 20:
        raise InputError(
            "A cohort needs at least 20 subjects, not {count}.",
            remedy="With fewer, a split has no low grade.",
            count=num_subjects,
        )
    options = replace(
        CohortOptions(seed=seed, has_site_shortcut=has_site_shortcut),
        num_subjects=num_subjects,
        num_held_out=round(0.3 * num_subjects),
    )
    subjects = plan_cohort(options)
    project = Project.create(folder, "Phantom brains" + (" (site shortcut)" if has_site_shortcut else ""))
    try:
        table = _write_files(project.folder / "images", subjects, options, tick)
        report = import_paths(project, [table])
        if report.exit_code:
            raise InputError("The phantom brains in {folder} cannot be imported.", folder=folder)
        project.history.execute(
            SetGrades(
                {subject.name: subject.grade for subject in subjects},
                SOURCE,
                {subject.name: f"{SOURCE}, {subject.site}" for subject in subjects},
            )
        )
        for label_map in project.label_maps.accepted().values():
            project.history.execute(SetLabelMapFacts(label_map.id, name=SOURCE, classes=CLASSES))
    except BaseException:
        # Whoever gives up, Ctrl+C too, leaves no database open behind.
        project.close()
        raise
    return project


def _write_files(
    folder: Path,
    subjects: Sequence[PhantomSubject],
    options: CohortOptions,
    tick: Callable[[int, int], None],
) -> Path:
    from engines.imaging.volumes.brain_phantom import draw_brain
    from engines.imaging.volumes.volume_files import write_volume

    folder.mkdir(parents=True)
    rows = []
    for number, subject in enumerate(subjects):
        tick(number, len(subjects))
        phantom = draw_brain(subject, options)
        place = folder / subject.name
        place.mkdir()
        for role, volume in (*phantom.modalities.items(), ("label_map", phantom.label_map)):
            name = f"{subject.name}_{'seg' if role == 'label_map' else role}.nii.gz"
            write_volume(place / name, volume)
            rows.append((subject.name, subject.name, role, f"{subject.name}/{name}", subject.split))
    tick(len(subjects), len(subjects))
    path = folder / "items.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([_COLUMNS, *rows])
    return path
