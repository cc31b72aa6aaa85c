"""The components of a class as a reviewer sees them: measured, judged, and those that were rejected."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.component_table import ROLE, ComponentColumn, ComponentRecord, ComponentTable
from engines.contract.errors import InputError
from engines.contract.run_folder import RunFolder
from engines.imaging.volumes.components import Box, ClassComponents, class_components, piece_length_mm
from engines.imaging.volumes.label_metrics import Spacing
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.project.component_review import Rejection, accepted_voxels, rejections
from workstation.project.project import Project
from workstation.views.protocols.components import ACCEPTED, OPEN, REJECTED, ComponentLine

_LOG = logging.getLogger(__name__)
Voxel = tuple[int, int, int]
Fingerprint = tuple[int, ...]
"""Place, size and checksum of a piece."""


@dataclass(frozen=True, eq=False)
class RejectedPiece:
    """A component that was taken away, as far as it is still gone.

    Parameters
    ----------
    key : str
        Of its line.
    mask : ndarray of bool, (i, j, k)
    box : three slices
        Where the mask lies in the label map.
    line : ComponentLine
    """

    key: str
    mask: npt.NDArray[np.bool_]
    box: Box
    line: ComponentLine


@dataclass(frozen=True, eq=False)
class Survey:
    """The components of one class at one moment.

    Parameters
    ----------
    label_map_id : str
    pieces : ClassComponents
    accepted : mapping of number to voxels
        Which voxels name each accepted piece.
    rejected : tuple of RejectedPiece
    table : ComponentTable
        What the run that made the label map says of its components.
    """

    label_map_id: str
    pieces: ClassComponents
    accepted: Mapping[int, frozenset[Voxel]]
    rejected: tuple[RejectedPiece, ...]
    table: ComponentTable

    @property
    def columns(self) -> tuple[ComponentColumn, ...]:
        """Columns beyond the usual ones."""
        return self.table.columns

    def lines(self) -> list[ComponentLine]:
        """Return the lines of the table, the largest first, rejected ones last."""
        records = self._records()
        lines = []
        for piece in self.pieces.components:
            record = records.get(piece.number)
            lines.append(
                ComponentLine(
                    str(piece.number),
                    piece.number,
                    piece.volume_ml,
                    piece.num_voxels,
                    piece.length_mm,
                    piece.mean_intensity,
                    ACCEPTED if piece.number in self.accepted else OPEN,
                    piece.centre_ijk,
                    record.proposal if record is not None else "",
                    record.values if record is not None else {},
                )
            )
        return [*lines, *(piece.line for piece in self.rejected)]

    def numbers_of(self, keys: Sequence[str]) -> list[int]:
        """Return the numbers of those lines that are components which are there."""
        return [int(key) for key in keys if key.isdigit() and int(key) <= len(self.pieces.components)]

    def rejected_of(self, keys: Sequence[str]) -> list[RejectedPiece]:
        """Return the rejected components among lines."""
        return [piece for piece in self.rejected if piece.key in keys]

    def masks(self, keys: Sequence[str]) -> list[tuple[npt.NDArray[np.bool_], Box]]:
        """Return the voxels of lines, and where they lie in the label map."""
        numbers = self.numbers_of(keys)
        found = [(piece.mask, piece.box) for piece in self.rejected_of(keys)]
        return [*found, self.pieces.mask(numbers)] if numbers else found

    def measured(
        self, spacing_mm: Spacing, known: dict[Fingerprint, float | None], should_stop: Callable[[], bool]
    ) -> Survey | None:
        """Return the same with the lengths of the components, or None when it was stopped; slow.

        Parameters
        ----------
        spacing_mm : (i, j, k)
        known : dict
            Lengths of pieces that were measured before; added to.
        should_stop : callable
        """
        measured = []
        for piece in self.pieces.components:
            if should_stop():
                return None
            mask, box = self.pieces.mask([piece.number])
            key = (*(side.start for side in box), *mask.shape, zlib.crc32(np.packbits(mask).data))
            if key not in known:
                known[key] = piece_length_mm(mask, spacing_mm)
            measured.append(replace(piece, length_mm=known[key]))
        return replace(self, pieces=replace(self.pieces, components=tuple(measured)))

    def _records(self) -> dict[int, ComponentRecord]:
        found: dict[int, ComponentRecord] = {}
        for record in self.table.components:
            if record.label == self.pieces.label:
                number = self.pieces.number_at(record.voxel)
                if number:
                    found.setdefault(number, record)
        return found


def take_survey(
    project: Project, label_map_id: str, volume: Volume, label: int, image: Volume | None
) -> Survey:
    """Look for the components of a class; slow, without lengths: see `Survey.measured`.

    Raises
    ------
    UnknownKeyError
        If the label map was deleted.
    """
    pieces = class_components(volume.voxels, label, volume.geometry, image)
    named: dict[int, set[Voxel]] = {}
    for voxel in accepted_voxels(project.store, label_map_id, label):
        number = pieces.number_at(voxel)
        if number:
            named.setdefault(number, set()).add(voxel)
    return Survey(
        label_map_id,
        pieces,
        {number: frozenset(voxels) for number, voxels in named.items()},
        tuple(_still_gone(rejections(project.store, label_map_id), volume, label)),
        component_table(project, label_map_id),
    )


def component_table(project: Project, label_map_id: str) -> ComponentTable:
    """Return what the run that made a label map says of its components; empty when it says nothing."""
    label_map = project.label_maps.get(label_map_id)
    if label_map.source not in {folder.name for folder in project.runs.folders()}:
        return ComponentTable()
    outputs = RunFolder(project.runs.folder(label_map.source)).outputs_dir
    path: Path = outputs / ROLE / f"{label_map.item_id}.json"
    if not path.is_file():
        return ComponentTable()
    try:
        return ComponentTable.read(path)
    except InputError as error:
        _LOG.warning("%s", error)
        return ComponentTable()


def _still_gone(strokes: Sequence[Rejection], volume: Volume, label: int) -> Iterator[RejectedPiece]:
    """Yield the pieces that strokes took away and nothing brought back; each voxel once, by the newest."""
    taken = np.empty(0, dtype=np.int64)
    for stroke in strokes:
        runs = stroke.changes.runs
        own = VoxelChanges(stroke.changes.shape, runs[(runs[:, 2] == label) & (runs[:, 3] == 0)])
        if own.is_empty:
            continue
        at = np.concatenate([np.arange(start, start + count) for start, count in own.runs[:, :2]])
        places = np.unravel_index(at, own.shape)
        is_gone = (volume.voxels[places] == 0) & ~np.isin(at, taken)
        taken = np.concatenate([taken, at])
        if is_gone.any():
            yield from _pieces(tuple(place[is_gone] for place in places), stroke.sequence, volume)


def _pieces(places: tuple[npt.NDArray[Any], ...], sequence: int, volume: Volume) -> Iterator[RejectedPiece]:
    start = [int(place.min()) for place in places]
    inner = tuple(place - low for place, low in zip(places, start, strict=True))
    gone = np.zeros([int(place.max()) + 1 for place in inner], dtype=np.uint8)
    gone[inner] = 1
    i, j, k = gone.shape
    found = class_components(gone, 1, VolumeGeometry((i, j, k), volume.geometry.world_from_voxel))
    for piece in found.components:
        mask, box = found.mask([piece.number])
        rows, columns, slices = (
            slice(side.start + low, side.stop + low) for side, low in zip(box, start, strict=True)
        )
        i, j, k = (at + low for at, low in zip(piece.centre_ijk, start, strict=True))
        key = f"r{sequence}.{piece.number}"
        line = ComponentLine(key, 0, piece.volume_ml, piece.num_voxels, None, None, REJECTED, (i, j, k))
        yield RejectedPiece(key, mask, (rows, columns, slices), line)
