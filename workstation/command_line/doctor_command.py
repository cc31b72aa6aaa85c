"""``doctor``: print what is wrong, with a remedy."""

from __future__ import annotations

import argparse
from pathlib import Path

from engines.contract.errors import InputError
from engines.contract.run_folder import RunFolder
from workstation.command_line.output import say, say_json
from workstation.doctor import Check, Health, check_machine, check_project, check_run, is_project

_MARKS = {Health.GOOD: "ok     ", Health.WARNING: "warning", Health.WRONG: "WRONG  "}


def doctor(options: argparse.Namespace) -> int:
    """Check the machine, or a project beside it, or a run; 1 when something is wrong."""
    folder: Path | None = options.folder
    subject, checks = "machine", []
    if folder is not None and not folder.exists():
        raise InputError("There is no folder {folder}.", remedy="Check the path.", folder=folder)
    if folder is not None and (folder / "config.yaml").exists():
        subject, checks = "run", check_run(RunFolder(folder))
    elif folder is not None and not is_project(folder):
        raise InputError(
            "{folder} is neither a project nor a run folder.",
            remedy="Choose a project, or a folder under its runs/.",
            folder=folder,
        )
    else:
        checks = check_machine(folder)
        if folder is not None:
            subject, checks = "project", [*check_project(folder), *checks]
    is_wrong = any(check.health is Health.WRONG for check in checks)
    if options.json:
        say_json({"subject": subject, "healthy": not is_wrong, "checks": [c.to_json() for c in checks]})
    else:
        for check in checks:
            _say_check(check)
    return 1 if is_wrong else 0


def _say_check(check: Check) -> None:
    say(f"{_MARKS[check.health]} {check.name}: {check.value}")
    for text in (check.problem, check.remedy):
        if text:
            say(f"        {text}")
