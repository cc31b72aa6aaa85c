"""BigWarp landmarks (Fiji): one CSV for each item.

No header, every cell quoted, six columns: name, active (``true``/``false``), moving x, moving y,
fixed x, fixed y. A point that is not set is ``Infinity``. Coordinates are physical: pixels times the
spacing of each image, 1 where it is not known.

Inactive pairs are `excluded` when both points are set, else `not_visible`. Left out when writing:
excluded pairs with one point, and `not_visible` ones with two.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from engines.contract.errors import TableError
from engines.contract.messages import Message
from workstation.project.annotations import PairState, Point, Side
from workstation.project.keypoint_formats.format import (
    NOTHING_KNOWN,
    ItemPairs,
    KeypointFormat,
    PointPair,
    Reading,
    ReadItem,
    ReadOptions,
)
from workstation.project.keypoint_formats.text import csv_rows, csv_text, digits, number, read_text

_NUM_COLUMNS, _NUM_COLUMNS_3D = 6, 8
_ACTIVE = ("true", "false")


class BigWarp(KeypointFormat):
    """See the module."""

    key = "bigwarp"
    title = Message("BigWarp CSV")
    explanation = Message("Landmarks of BigWarp in Fiji; one file for each item.")
    loss = Message("Excluded pairs with one point, authors and sources are not kept.")
    suffixes = (".csv",)

    def recognise(self, path: Path, head: bytes) -> bool:
        """Look for true or false in the second cell."""
        if path.suffix.lower() not in (".csv", ".txt") or b"," not in head:
            return False
        first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", errors="replace")
        cells = next(csv.reader([first], skipinitialspace=True), [])
        return len(cells) in (_NUM_COLUMNS, _NUM_COLUMNS_3D) and cells[1].strip().lower() in _ACTIVE

    def can_say(self, pair: PointPair) -> bool:
        """Allow what the number of points tells apart: inactive means two things."""
        if pair.state is PairState.EXCLUDED:
            return pair.is_complete
        if pair.state is PairState.NOT_VISIBLE:
            return not pair.is_complete
        return pair.state is PairState.PLACED

    def read(self, path: Path, options: ReadOptions = NOTHING_KNOWN) -> Reading:
        """Read one item."""
        pairs: list[PointPair] = []
        for line, cells in csv_rows(path, read_text(path)):
            if len(cells) != _NUM_COLUMNS:
                raise TableError(
                    "{file}, line {line}: this is a 3-D landmark, and images here have two dimensions."
                    if len(cells) == _NUM_COLUMNS_3D
                    else "{file}, line {line}: {found} columns, but BigWarp writes 6.",
                    remedy="Export the landmarks of two 2-D images from BigWarp.",
                    file=path.name,
                    line=line,
                    found=len(cells),
                )
            pairs.append(_pair(path, line, cells))
        labels = [pair.label for pair in pairs]
        for pair in pairs:
            if labels.count(pair.label) > 1:
                raise TableError(
                    "{file}, line {line}: a point named '{label}' stands there twice.",
                    remedy="Rename one of them in BigWarp, and export again.",
                    file=path.name,
                    line=pair.line,
                    label=pair.label,
                )
        name = re.sub(r"[_\- ]?(bigwarp|landmarks)$", "", path.stem, flags=re.IGNORECASE)
        return Reading(items=(ReadItem(name, tuple(pairs), is_physical=not options.is_in_pixels),))

    def render(self, items: Sequence[ItemPairs]) -> Mapping[str, bytes]:
        """Return one file for each item."""
        return {f"{item.item_id}.csv": csv_text(_rows(item), is_quoted=True) for item in items}


def _rows(item: ItemPairs) -> list[list[str]]:
    return [
        [
            pair.label,
            "true" if pair.state is PairState.PLACED else "false",
            *_cells(item, pair, "moving"),
            *_cells(item, pair, "fixed"),
        ]
        for pair in item.pairs
    ]


def _cells(item: ItemPairs, pair: PointPair, side: Side) -> list[str]:
    xy = pair.point(side)
    if xy is None:
        return ["Infinity", "Infinity"]
    spacing = item.image(side).spacing_mm or 1.0
    return [digits(xy[0] * spacing), digits(xy[1] * spacing)]


def _pair(path: Path, line: int, cells: Sequence[str]) -> PointPair:
    active = cells[1].strip().lower()
    if active not in _ACTIVE:
        raise TableError(
            "{file}, line {line}: '{active}' stands where BigWarp writes true or false.",
            remedy="The columns are name, active, moving x, moving y, fixed x, fixed y.",
            file=path.name,
            line=line,
            active=cells[1],
        )
    moving_xy = _point(path, line, cells[2:4])
    fixed_xy = _point(path, line, cells[4:6])
    state = PairState.PLACED
    if active == "false":
        is_complete = moving_xy is not None and fixed_xy is not None
        state = PairState.EXCLUDED if is_complete else PairState.NOT_VISIBLE
    return PointPair(cells[0].strip() or f"Pt-{line - 1}", fixed_xy, moving_xy, state, line)


def _point(path: Path, line: int, cells: Sequence[str]) -> Point | None:
    x, y = (number(path, line, cell.strip(), allow_infinite=True) for cell in cells)
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None
