"""Writes the surfaces of label maps that are compared as STL files, on a thread; none is replaced."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from engines.contract.errors import InputError, PreconditionError, WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.controllers.compare.compare_slices import CompareSlices
from workstation.controllers.compare.figure_export import free_path
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import Card, CardButton

_LOG = logging.getLogger(__name__)


class SurfaceExport:
    """Writes surfaces.

    Parameters
    ----------
    workbench : Workbench
    open_folder : callable
    """

    def __init__(self, workbench: Workbench, open_folder: Callable[[Path], None]) -> None:
        self._bench = workbench
        self._open_folder = open_folder

    def export(self, slices: CompareSlices, keys: Sequence[str], label: int, folder: Path) -> None:
        """Write the surface of each label map among some sources; a card tells where they are."""
        self._bench.background.submit(
            "compare.surfaces",
            lambda: write_surfaces(slices, keys, label, folder),
            self._on_written,
            self._on_failed,
        )

    def _on_written(self, paths: list[Path]) -> None:
        names = ", ".join(path.name for path in paths)
        folder = paths[0].parent
        self._bench.post(
            Card(
                Severity.NOTE,
                Message("Surfaces were written: {names}.", {"names": names}),
                buttons=[CardButton("Open folder", lambda: self._open_folder(folder))],
            )
        )

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))


def write_surfaces(slices: CompareSlices, keys: Sequence[str], label: int, folder: Path) -> list[Path]:
    """Write one STL file for each label map, in mm. Slow.

    Raises
    ------
    WorkstationError
        If there is none, one is empty, or the disk refuses.
    """
    from engines.imaging.volumes.label_comparison import mask_of
    from engines.imaging.volumes.surfaces import surface_of, write_stl

    sources = [source for key in dict.fromkeys(keys) if (source := slices.sources.get(key)) is not None]
    masks = [source for source in sources if source.is_mask]
    if not masks:
        raise PreconditionError("No pane shows a label map.", remedy="Choose one in a pane first.")
    item, written = slices.sources.item.id, []
    for source in masks:
        volume = slices.mask(source)
        vertices, faces = surface_of(mask_of(volume.voxels, label), volume.geometry)
        name = re.sub(r"[^\w.-]+", "_", f"{item}_{source.name}" + (f"_{label}" if label else ""))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            written.append(write_stl(free_path(folder, name, "stl"), vertices, faces))
        except OSError as error:
            raise InputError(
                "The surface cannot be written to {folder}: {reason}.",
                remedy="Choose a folder that you may write to.",
                folder=folder,
                reason=error.strerror or str(error),
            ) from error
    return written
