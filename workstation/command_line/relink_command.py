"""``relink``: find the images of a project that were moved, and record where they are now."""

from __future__ import annotations

import argparse

from workstation.command_line.output import ProgressBar, remark, say
from workstation.project.project import Project
from workstation.project.relinking import find_moved


def relink(options: argparse.Namespace) -> int:
    """Search a folder by size and content; 2 when something is missing and nothing of it was found."""
    with Project.open(options.project) as project, ProgressBar("Searching", "file") as bar:
        missing = project.missing_files()
        found = find_moved(missing, options.folder, progress=bar.show)
        project.items.relink_all(found.found)
    for file in found.missing:
        remark(f"missing: {file.path} ({file.role} of {file.item_id})")
    say(f"Relinked {len(found.found)} of {len(missing)} missing files.")
    return 2 if missing and not found.found else 0
