"""The formats of an export by name. A new format is a new file beside this one and a line here."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from engines.contract.errors import ProjectError, UnknownKeyError
from engines.contract.files import write_text_atomically
from workstation.project.exporters.everything_json import everything_as_json
from workstation.project.exporters.keypoints_csv import keypoints_as_csv
from workstation.project.project import Project

FORMATS: dict[str, Callable[[Project], str]] = {
    "json": everything_as_json,
    "keypoints_csv": keypoints_as_csv,
}
"""Each returns the content of the file."""


def export(project: Project, format_name: str, out: Path) -> Path:
    """Write an export and return its path.

    Parameters
    ----------
    project : Project
    format_name : str
        One of `FORMATS`.
    out : Path
        The file; its folder is made. An existing file is never replaced.

    Raises
    ------
    UnknownKeyError
        If there is no such format; the sentence lists them.
    ProjectError
        If the file exists or cannot be written.
    """
    if format_name not in FORMATS:
        near = difflib.get_close_matches(format_name, FORMATS, n=1)
        raise UnknownKeyError(
            "There is no export format '{format}'.",
            remedy="Did you mean '{near}'? Choose one of: {known}." if near else "Choose one of: {known}.",
            format=format_name,
            near=near[0] if near else "",
            known=", ".join(FORMATS),
        )
    out = Path(out).expanduser().absolute()
    if out.exists():
        raise ProjectError(
            "{path} is a folder." if out.is_dir() else "{path} exists already and is not replaced.",
            remedy="Choose another file name, or remove the old file first.",
            path=out,
        )
    content = FORMATS[format_name](project)
    try:
        write_text_atomically(out, content)
    except OSError as error:
        raise ProjectError(
            "{path} cannot be written: {reason}.",
            remedy="Choose a place with free space that you may write to.",
            path=out,
            reason=error.strerror or str(error),
        ) from error
    return out
