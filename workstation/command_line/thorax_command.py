"""``phantom-thorax``."""

from __future__ import annotations

import argparse

from workstation.command_line.output import ProgressBar, say


def phantom_thorax(options: argparse.Namespace) -> int:
    """Make a project of simulated chests without and with contrast."""
    from workstation.project.thorax_cohort import create_thorax_cohort

    with ProgressBar("Drawing", "chest") as bar:
        create_thorax_cohort(
            options.folder,
            num_subjects=options.subjects,
            side_px=options.side,
            num_slices=options.slices,
            shift_px=options.shift,
            noise_hu=options.noise,
            seed=options.seed,
            tick=bar.show,
        ).close()
    say(str(options.folder.absolute()))
    return 0
