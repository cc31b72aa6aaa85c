"""A project of simulated chests, each without and with contrast, made anew on every machine.

Every name begins with "simulated": nobody was scanned for it.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engines.contract.errors import InputError
from engines.contract.files import write_text_atomically
from engines.contract.kinds import Split
from workstation.project.project import Project

NOTICE = (
    "Every volume in this folder is SIMULATED: drawn by a program. Nothing here says anything about a "
    "patient or a contrast agent.\n"
)
_SMALLEST = 5
_SHARES = (0.6, 0.8)
"""Up to which share of the patients the splits train and val go."""
_COLUMNS = ("subject", "item", "split", "role", "path")
_FIELD_MM = 332.8
_HEIGHT_MM = 80.0


def create_thorax_cohort(
    folder: Path,
    *,
    num_subjects: int = 14,
    side_px: int = 128,
    num_slices: int = 32,
    shift_px: float = 0.0,
    noise_hu: float = 18.0,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Project:
    """Make a project of simulated chests, split by patient 60 / 20 / 20.

    Parameters
    ----------
    folder : Path
        Absent or empty.
    num_subjects : int
        At least 5, so that every split has one.
    side_px, num_slices : int
        Of a volume; the field of view is the same at every size.
    shift_px : float
        How far the scan with contrast lies beside the other, in a direction of its own for each patient: one
        that all share could be learned as if it were anatomy.
    noise_hu : float
        Standard deviation in each scan.
    seed : int
    tick : callable
        Told how many chests are drawn, and of how many.

    Raises
    ------
    InputError
        If there are too few subjects, or the folder cannot be used.
    """
    from engines.imaging.volumes.thorax_phantom import ThoraxOptions, make_thorax
    from engines.imaging.volumes.volume_files import write_volume
    from workstation.project.importers import import_paths

    if num_subjects < _SMALLEST:
        raise InputError(
            "A cohort needs at least {fewest} subjects, not {count}.",
            remedy="With fewer, a split is empty.",
            fewest=_SMALLEST,
            count=num_subjects,
        )
    spacing = _FIELD_MM / side_px
    options = ThoraxOptions(
        side_px=side_px,
        num_slices=num_slices,
        spacing_mm=(spacing, spacing, _HEIGHT_MM / num_slices),
        noise_hu=noise_hu,
    )
    project = Project.create(folder, "Simulated chests")
    try:
        images = project.folder / "images"
        images.mkdir(parents=True)
        rows = []
        for number in range(num_subjects):
            tick(number, num_subjects)
            shifted = replace(options, shift_px=shift_of(seed + number, shift_px))
            phantom = make_thorax(seed + number, shifted)
            name = f"simulated_{number:02d}"
            (images / name).mkdir()
            for role, volume in (("ncct", phantom.ncct), ("cta", phantom.cta)):
                write_volume(images / name / f"{role}.nii.gz", volume)
                rows.append((name, name, _split(number, num_subjects), role, f"{name}/{role}.nii.gz"))
        tick(num_subjects, num_subjects)
        write_text_atomically(images / "SIMULATED.txt", NOTICE)
        table = images / "items.csv"
        with table.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([_COLUMNS, *rows])
        report = import_paths(project, [table])
        if report.exit_code:
            raise InputError("The simulated chests in {folder} cannot be imported.", folder=folder)
    except BaseException:
        # Whoever gives up, Ctrl+C too, leaves no database open behind.
        project.close()
        raise
    return project


def shift_of(seed: int, shift_px: float) -> tuple[float, float]:
    """Return by how much the second scan of a patient is shifted along both axes of a slice, in px."""
    angle = random.Random(seed).uniform(0.0, 2.0 * math.pi)
    return shift_px * math.cos(angle), shift_px * math.sin(angle)


def _split(number: int, count: int) -> Split:
    share = (number + 0.5) / count
    return Split.TRAIN if share < _SHARES[0] else Split.VAL if share < _SHARES[1] else Split.TEST
