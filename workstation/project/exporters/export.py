"""The exports by key. A new one is a new file beside this one and a line here."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from engines.contract.errors import PreconditionError, ProjectError, UnknownKeyError
from engines.contract.files import write_text_atomically
from engines.contract.messages import Message
from workstation.project.exporters.everything_json import everything_as_json
from workstation.project.exporters.export_format import (
    ExportFormat,
    ExportOptions,
    ExportResult,
    refuse_existing,
)
from workstation.project.exporters.keypoint_exports import keypoint_exports
from workstation.project.exporters.keypoints_csv import keypoints_as_csv
from workstation.project.exporters.label_map_formats import label_map_formats
from workstation.project.exporters.transform_exports import transform_exports
from workstation.project.items import Item
from workstation.project.project import Project


def _everything(project: Project, _items: Sequence[Item], out: Path, _options: ExportOptions) -> ExportResult:
    return _text(out, lambda: everything_as_json(project))


def _keypoints(project: Project, items: Sequence[Item], out: Path, _options: ExportOptions) -> ExportResult:
    return _text(out, lambda: keypoints_as_csv(project, items))


def _text(out: Path, content: Callable[[], str]) -> ExportResult:
    refuse_existing(out)
    write_text_atomically(out, content())
    return ExportResult((out,))


FORMATS: dict[str, ExportFormat] = {
    known.key: known
    for known in (
        ExportFormat(
            "json",
            Message("Everything as JSON"),
            Message("The whole project, readable without this program."),
            Message("Images and the content of runs are named, not included."),
            ".json",
            _everything,
            is_whole=True,
        ),
        ExportFormat(
            "keypoints_csv",
            Message("Keypoint table (CSV)"),
            Message("The used pairs of all items in one table, which this program imports again."),
            Message("Pairs that are not used, authors and sources are not kept."),
            ".csv",
            _keypoints,
        ),
        *keypoint_exports(),
        *transform_exports(),
        *label_map_formats(),
    )
}
"""In the order in which dialogs list them."""


def export(
    project: Project,
    format_name: str,
    out: Path,
    item_ids: Iterable[str] | None = None,
    options: ExportOptions | None = None,
) -> ExportResult:
    """Write an export.

    Parameters
    ----------
    project : Project
    format_name : str
        One of `FORMATS`.
    out : Path
        The file, or the folder where the format has a file for each item; made when it is not there. An
        existing file is never replaced.
    item_ids : iterable of str or None
        Items that are written; None: all.
    options : ExportOptions or None
        Which label maps, progress, and a way to stop; None: the defaults.

    Raises
    ------
    UnknownKeyError
        If there is no such format or item; the sentence lists the formats.
    PreconditionError
        If there is nothing to write.
    ProjectError
        If a file exists or cannot be written.
    ExportCancelled
        If `options` said so.
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
    known = FORMATS[format_name]
    if item_ids is not None and known.is_whole:
        raise PreconditionError(
            "'{format}' always holds the whole project.",
            remedy="Leave the items out, or choose another format.",
            format=format_name,
        )
    items = project.items.all() if item_ids is None else [project.items.get(name) for name in item_ids]
    out = Path(out).expanduser().absolute()
    try:
        return known.write(project, items, out, options or ExportOptions())
    except OSError as error:
        raise ProjectError(
            "{path} cannot be written: {reason}.",
            remedy="Choose a place with free space that you may write to.",
            path=out,
            reason=error.strerror or str(error),
        ) from error
