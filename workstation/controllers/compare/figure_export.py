"""Writing figures of the Compare screen on a thread; an existing file is never replaced."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from engines.contract.errors import InputError, WorkstationError
from engines.contract.files import write_text_atomically
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.controllers.compare.figure import FigureContent, FigureOptions, figure_svg
from workstation.controllers.compare.figure_panels import Words
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import Card, CardButton
from workstation.views.protocols.compare import FigureRequest

_LOG = logging.getLogger(__name__)
_COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2}

WritePng = Callable[[str, Path, int], None]
"""Draws an SVG text into a PNG file at so many dots an inch."""


class Figured(Protocol):
    """What a figure can be made of."""

    def content(self, request: FigureRequest, words: Words) -> FigureContent:
        """Return panels, spacing and caption; runs on a thread."""


class FigureExport:
    """Writes figures.

    Parameters
    ----------
    workbench : Workbench
    write_png : callable
        Runs on a thread.
    words : callable
        Translates a message.
    open_folder : callable
    point_colours : tuple of ``"#rrggbb"``
    """

    def __init__(
        self,
        workbench: Workbench,
        write_png: WritePng,
        words: Words,
        open_folder: Callable[[Path], None],
        point_colours: tuple[str, ...],
    ) -> None:
        self._bench = workbench
        self._write_png = write_png
        self._words = words
        self._open_folder = open_folder
        self._point_colours = point_colours

    def export(self, subject: Figured, request: FigureRequest) -> None:
        """Write a figure of what is shown; a card tells where it is."""
        self._bench.background.submit(
            "compare.figure", lambda: self.write(subject, request), self._on_written, self._on_failed
        )

    def write(self, subject: Figured, request: FigureRequest) -> Path:
        """Write a figure and return its path. Slow.

        Raises
        ------
        WorkstationError
            If a source has no picture, or the folder cannot be written to.
        """
        content = subject.content(request, self._words)
        panels = content.panels
        options = FigureOptions(
            width_mm=request.width_mm,
            num_columns=_COLUMNS.get(len(panels), 3),
            spacing_mm=content.spacing_mm if request.has_scale_bar else None,
            has_letters=request.has_letters,
            has_points=request.has_points,
            has_titles=request.has_titles,
            caption=content.caption if request.has_caption else "",
            point_colours=self._point_colours,
        )
        svg = figure_svg(panels, options)
        try:
            request.folder.mkdir(parents=True, exist_ok=True)
            path = free_path(request.folder, request.name, request.file_format)
            if request.file_format == "svg":
                write_text_atomically(path, svg)
            else:
                self._write_png(svg, path, request.dpi)
        except OSError as error:
            raise InputError(
                "The figure cannot be written to {folder}: {reason}.",
                remedy="Choose a folder that you may write to.",
                folder=request.folder,
                reason=error.strerror or str(error),
            ) from error
        return path

    def _on_written(self, path: Path) -> None:
        self._bench.post(
            Card(
                Severity.NOTE,
                Message("The figure {name} was written.", {"name": path.name}),
                remedy=Message("Images may hold burned-in names or dates: look before you share it."),
                buttons=[CardButton("Open folder", lambda: self._open_folder(path.parent))],
            )
        )

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))


def free_path(folder: Path, name: str, suffix: str) -> Path:
    """Return a path that no file has: ``name.png``, else ``name-2.png``..."""
    path, number = folder / f"{name}.{suffix}", 2
    while path.exists():
        path, number = folder / f"{name}-{number}.{suffix}", number + 1
    return path
