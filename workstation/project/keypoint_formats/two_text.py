"""Two text files for each item, ``<item>_01.txt`` (fixed) and ``<item>_02.txt`` (moving).

One ``x y`` a line, the same order in both. There are no names and no states: only used pairs are
written, and they come back named 1, 2, ... by their place.
"""

from __future__ import annotations

import re
from pathlib import Path

from engines.contract.messages import Message
from workstation.project.annotations import Side
from workstation.project.keypoint_formats.format import ItemPairs, ReadOptions, ReadPoint, SideFormat
from workstation.project.keypoint_formats.side_names import split_side
from workstation.project.keypoint_formats.text import as_point, number_rows, number_text

_NUMBERS = re.compile(rb"^\s*[-+.\deE]+[ \t,;]+[-+.\deE]+\s*(\r?\n|$)")


class TwoText(SideFormat):
    """See the module."""

    key = "two_text"
    title = Message("Two text files")
    explanation = Message("x y on each line, in <item>_01.txt for fixed and <item>_02.txt for moving.")
    loss = Message("Names, and pairs that are not used, are not kept.")
    suffixes = (".txt",)
    is_by_order = True
    endings = ("_01", "_02")

    def recognise(self, path: Path, head: bytes) -> bool:
        """Look for two numbers on the first line, and a name that tells the side."""
        is_named = split_side(path, self.suffixes)[1] is not None
        return path.suffix.lower() == ".txt" and is_named and bool(_NUMBERS.match(head))

    def read_side(self, path: Path, options: ReadOptions) -> list[ReadPoint]:
        """Read the points of one image; their order is their name."""
        return [ReadPoint("", as_point(values), line=line) for line, values in number_rows(path, 2)]

    def render_side(self, item: ItemPairs, side: Side) -> bytes:
        """Return one line for each point."""
        return number_text([pair.point(side) or () for pair in item.pairs])
