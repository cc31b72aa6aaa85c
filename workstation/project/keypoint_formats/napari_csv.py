"""Points layers of napari, one CSV for each image.

Header ``index,axis-0,axis-1`` and the feature columns ``label,state``; axis-0 is the row, y, and axis-1
the column, x. A half pair has a row in one file only. Files without labels are paired by their order.
Left out when writing: pairs without any point.
"""

from __future__ import annotations

from pathlib import Path

from engines.contract.errors import TableError
from engines.contract.messages import Message
from workstation.project.annotations import PairState, Side
from workstation.project.keypoint_formats.format import (
    ItemPairs,
    PointPair,
    ReadOptions,
    ReadPoint,
    SideFormat,
)
from workstation.project.keypoint_formats.text import csv_rows, csv_text, digits, number, read_text

_STATES = tuple(state.value for state in PairState)
_HEADER = ("index", "axis-0", "axis-1", "label", "state")


class NapariCsv(SideFormat):
    """See the module."""

    key = "napari"
    title = Message("napari points CSV")
    explanation = Message("Points layers of napari, one file for each image.")
    loss = Message("Pairs without any point, authors and sources are not kept.")
    suffixes = (".csv",)

    def recognise(self, path: Path, head: bytes) -> bool:
        """Look for axes in the header."""
        first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].replace(b'"', b"")
        return path.suffix.lower() == ".csv" and b"axis-0" in first

    def can_say(self, pair: PointPair) -> bool:
        """Allow whatever has a point."""
        return pair.num_points > 0 and pair.state is not PairState.PREDICTED

    def read_side(self, path: Path, options: ReadOptions) -> list[ReadPoint]:
        """Read the points of one image."""
        rows = csv_rows(path, read_text(path))
        _line, cells = next(rows, (0, []))
        header = [cell.strip().lower() for cell in cells]
        for name in ("axis-0", "axis-1"):
            if name not in header:
                raise TableError(
                    "{file} lacks the column '{name}'.",
                    remedy="Save the points layer from napari as CSV again.",
                    file=path.name,
                    name=name,
                )
        if "axis-2" in header:
            raise TableError(
                "{file} holds points of three or more axes, and images here have two.",
                remedy="Save points of a 2-D image.",
                file=path.name,
            )
        points = []
        for line, row in rows:
            if len(row) != len(header):
                raise TableError(
                    "{file}, line {line}: {found} columns, but the header has {wanted}.",
                    remedy="Write 12.5, not 12,5.",
                    file=path.name,
                    line=line,
                    found=len(row),
                    wanted=len(header),
                )
            named = dict(zip(header, (cell.strip() for cell in row), strict=True))
            xy = number(path, line, named["axis-1"]), number(path, line, named["axis-0"])
            state = named.get("state") or PairState.PLACED.value
            if state not in _STATES:
                raise TableError(
                    "{file}, line {line}: '{state}' is no state of a point.",
                    remedy="States are: {known}.",
                    file=path.name,
                    line=line,
                    state=state,
                    known=", ".join(_STATES),
                )
            points.append(ReadPoint(named.get("label", ""), xy, PairState(state), line))
        return points

    def render_side(self, item: ItemPairs, side: Side) -> bytes:
        """Return one row for each point."""
        rows: list[tuple[object, ...]] = [_HEADER]
        for pair in item.pairs:
            xy = pair.point(side)
            if xy is not None:
                rows.append((len(rows) - 1, digits(xy[1]), digits(xy[0]), pair.label, pair.state.value))
        return csv_text(rows)
