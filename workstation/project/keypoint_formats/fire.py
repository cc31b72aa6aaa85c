"""FIRE control points: ``control_points_<item>_1_2.txt``, one ``x1 y1 x2 y2`` a line, no header.

Image ``_1`` is fixed, image ``_2`` moving. There are no names and no states: only used pairs are
written, and they come back named 1, 2, ... by their line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from engines.contract.messages import Message
from workstation.project.keypoint_formats.format import (
    NOTHING_KNOWN,
    ItemPairs,
    KeypointFormat,
    PointPair,
    Reading,
    ReadItem,
    ReadOptions,
)
from workstation.project.keypoint_formats.text import as_point, number_rows, number_text

_NAME = re.compile(r"^control_points_(?P<item>.+?)(_(?P<order>1_2|2_1))?$", re.IGNORECASE)
_NUMBERS = re.compile(rb"^\s*([-+.\deE]+[ \t,;]+){3}[-+.\deE]+\s*(\r?\n|$)")
_KNOWN_WRONG = ("P37",)


class Fire(KeypointFormat):
    """See the module."""

    key = "fire"
    title = Message("FIRE control points")
    explanation = Message("Text with x1 y1 x2 y2 on each line, as the FIRE data set has it.")
    loss = Message("Names, and pairs that are not used, are not kept.")
    suffixes = (".txt",)

    def recognise(self, path: Path, head: bytes) -> bool:
        """Look for four numbers on the first line."""
        return path.suffix.lower() == ".txt" and bool(_NUMBERS.match(head))

    def read(self, path: Path, options: ReadOptions = NOTHING_KNOWN) -> Reading:
        """Read one item."""
        found = _NAME.match(path.stem)
        name = found["item"] if found else path.stem
        is_swapped = bool(found) and found["order"] == "2_1" if found else False
        pairs = []
        for place, (line, values) in enumerate(number_rows(path, 4), start=1):
            first, second = as_point(values[:2]), as_point(values[2:])
            fixed_xy, moving_xy = (second, first) if is_swapped else (first, second)
            pairs.append(PointPair(str(place), fixed_xy, moving_xy, line=line))
        warning = None
        if found and name.upper() in _KNOWN_WRONG:
            facts = {"file": path.name}
            warning = Message(
                "{file} of the FIRE data set is known to be wrong: its pairs do not fit.", facts
            )
        return Reading(items=(ReadItem(name, tuple(pairs), warning=warning),))

    def render(self, items: Sequence[ItemPairs]) -> Mapping[str, bytes]:
        """Return one file for each item."""
        return {
            f"control_points_{item.item_id}_1_2.txt": number_text(
                [(*(pair.fixed_xy or ()), *(pair.moving_xy or ())) for pair in item.pairs]
            )
            for item in items
        }
