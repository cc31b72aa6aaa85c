"""Older 3D Slicer fiducials (``.fcsv``), one file for each image, paired by label.

Positions are LPS with z = 0, see `slicer`. `excluded` is a point that is not selected; a half pair has a
row in one file only. Left out when writing: `not_visible` pairs, and pairs without any point.
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
from workstation.project.keypoint_formats.slicer import flat_point, sign_of
from workstation.project.keypoint_formats.text import csv_rows, csv_text, digits, number, read_text

COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
_HEAD = f"# Markups fiducial file version = 4.13\n# CoordinateSystem = LPS\n# columns = {COLUMNS}\n"
_NEEDED = ("x", "y", "z", "label")


class SlicerFcsv(SideFormat):
    """See the module."""

    key = "slicer_fcsv"
    title = Message("3D Slicer fiducials (.fcsv)")
    explanation = Message("Point lists of older versions of 3D Slicer, one file for each image.")
    loss = Message("Not-visible pairs, authors and sources are not kept.")
    suffixes = (".fcsv",)

    def recognise(self, path: Path, head: bytes) -> bool:
        """Go by the name, or the first comment."""
        return path.suffix.lower() == ".fcsv" or head.startswith(b"# Markups fiducial file")

    def can_say(self, pair: PointPair) -> bool:
        """Allow used and excluded pairs with a point at least."""
        return pair.state in (PairState.PLACED, PairState.EXCLUDED) and pair.num_points > 0

    def read_side(self, path: Path, options: ReadOptions) -> list[ReadPoint]:
        """Read the points of one image."""
        columns, sign = COLUMNS.split(","), 1.0
        points = []
        for line, cells in csv_rows(path, read_text(path)):
            if cells[0].startswith("#"):
                key, _equals, value = ",".join(cells).lstrip("# ").partition("=")
                if key.strip() == "columns":
                    columns = [name.strip() for name in value.split(",")]
                elif key.strip() == "CoordinateSystem":
                    sign = sign_of(path, value)
                continue
            named = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
            missing = next((name for name in _NEEDED if name not in named), None)
            if missing is not None:
                raise TableError(
                    "{file}, line {line}: the column '{name}' is missing.",
                    remedy="The columns are {columns}.",
                    file=path.name,
                    line=line,
                    name=missing,
                    columns=COLUMNS,
                )
            position = [number(path, line, named[axis]) for axis in "xyz"]
            xy = flat_point(path, line, position, sign)
            state = PairState.EXCLUDED if named.get("sel") == "0" else PairState.PLACED
            points.append(ReadPoint(named["label"], xy, state, line))
        return points

    def render_side(self, item: ItemPairs, side: Side) -> bytes:
        """Return one row for each point."""
        rows: list[tuple[object, ...]] = []
        for pair in item.pairs:
            xy = pair.point(side)
            if xy is not None:
                is_selected = int(pair.state is not PairState.EXCLUDED)
                place = (digits(xy[0]), digits(xy[1]), 0, 0, 0, 0, 1)
                rows.append((len(rows) + 1, *place, 1, is_selected, 0, pair.label, "", ""))
        return _HEAD.encode("utf-8") + csv_text(rows)
