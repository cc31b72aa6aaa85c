"""Names and colours of labels that a file of a label map brings along: segmentations of 3D Slicer do."""

from __future__ import annotations

import os
import re
from pathlib import Path

from engines.imaging.volumes.label_classes import LARGEST_LABEL, LabelClass, colour_of

_SUFFIX = ".seg.nrrd"
_HEADER_BYTES = 1_000_000
_FIELD = re.compile(r"Segment(\d+)_(Name|LabelValue|Color):=(.*)")


def classes_in(path: str | os.PathLike[str]) -> tuple[LabelClass, ...]:
    """Return the classes that a ``.seg.nrrd`` names, ascending; nothing for any other file.

    Fields that make no sense are passed over: the labels are then called by their number.
    """
    file = Path(path)
    if not file.name.lower().endswith(_SUFFIX) or not file.is_file():
        return ()
    with file.open("rb") as stream:
        header = stream.read(_HEADER_BYTES).split(b"\n\n", 1)[0].decode("utf-8", errors="replace")
    fields: dict[str, dict[str, str]] = {}
    for line in header.splitlines():
        found = _FIELD.match(line)
        if found:
            fields.setdefault(found[1], {})[found[2]] = found[3].strip()
    classes: dict[int, LabelClass] = {}
    for segment in fields.values():
        text, name = segment.get("LabelValue", ""), segment.get("Name", "")
        value = int(text) if text.isdigit() else 0
        if name and 1 <= value <= LARGEST_LABEL:
            classes[value] = LabelClass(value, name, _colour(segment.get("Color", "")) or colour_of(value))
    return tuple(classes[value] for value in sorted(classes))


def _colour(text: str) -> str:
    """Return three shares from 0 to 1 as ``#rrggbb``, or an empty text."""
    try:
        shares = [float(word) for word in text.split()]
    except ValueError:
        return ""
    if len(shares) != 3 or not all(0 <= share <= 1 for share in shares):
        return ""
    return "#" + "".join(f"{round(share * 255):02X}" for share in shares)
