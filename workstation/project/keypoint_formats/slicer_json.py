"""3D Slicer markups (``.mrk.json``), one file for each image, paired by label.

Positions are LPS with z = 0, see `slicer`. `excluded` is a point that is not selected; a point that
cannot be seen has the position status ``missing``, one that was not placed yet ``undefined``. Left out
when writing: `not_visible` pairs with two points.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from workstation.project.keypoint_formats.text import damaged, json_bytes, number, read_json

_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.0.json#"
)
_IDENTITY = [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0]


class SlicerJson(SideFormat):
    """See the module."""

    key = "slicer_json"
    title = Message("3D Slicer markups (.mrk.json)")
    explanation = Message("Point lists of 3D Slicer 4.13 and newer, one file for each image.")
    loss = Message("Not-visible pairs with two points, authors and sources are not kept.")
    suffixes = (".mrk.json", ".json")

    def recognise(self, path: Path, head: bytes) -> bool:
        """Go by the name, or a list of markups."""
        return path.name.lower().endswith(".mrk.json") or (
            path.suffix.lower() == ".json" and b'"markups"' in head
        )

    def can_say(self, pair: PointPair) -> bool:
        """Allow what has a point; one that cannot be seen has no position."""
        if pair.state is PairState.NOT_VISIBLE:
            return not pair.is_complete
        return pair.state is not PairState.PREDICTED and pair.num_points > 0

    def read_side(self, path: Path, options: ReadOptions) -> list[ReadPoint]:
        """Read the points of one image."""
        content = read_json(path)
        markups = content.get("markups") if isinstance(content, dict) else None
        if not isinstance(markups, list) or not all(isinstance(entry, dict) for entry in markups):
            raise damaged(path, "markups")
        points = []
        for markup in markups:
            sign = sign_of(path, str(markup.get("coordinateSystem", "LPS")))
            entries = markup.get("controlPoints", [])
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise damaged(path, "controlPoints")
            points += [_point(path, entry, sign) for entry in entries]
        return points

    def render_side(self, item: ItemPairs, side: Side) -> bytes:
        """Return the markups of one image."""
        points = [_entry(number, pair, side) for number, pair in enumerate(item.pairs, start=1)]
        markup = {
            "type": "Fiducial",
            "coordinateSystem": "LPS",
            "coordinateUnits": "mm",
            "locked": False,
            "labelFormat": "%N-%d",
            "controlPoints": points,
        }
        return json_bytes({"@schema": _SCHEMA, "markups": [markup]})


def _point(path: Path, entry: dict[str, Any], sign: float) -> ReadPoint:
    label = str(entry.get("label", "")).strip()
    status = str(entry.get("positionStatus", "defined")).lower()
    state = PairState.PLACED if entry.get("selected", True) else PairState.EXCLUDED
    if status != "defined":
        return ReadPoint(label, None, PairState.NOT_VISIBLE if status == "missing" else state)
    position = entry.get("position")
    if not isinstance(position, list) or len(position) != 3:
        raise damaged(path, "position")
    xy = flat_point(path, 0, [number(path, 0, value) for value in position], sign)
    return ReadPoint(label, xy, state)


def _entry(place: int, pair: PointPair, side: Side) -> dict[str, Any]:
    xy = pair.point(side)
    status = "defined"
    if xy is None:
        status = "missing" if pair.state is PairState.NOT_VISIBLE else "undefined"
    x, y = xy or (0.0, 0.0)
    return {
        "id": str(place),
        "label": pair.label,
        "description": "",
        "associatedNodeID": "",
        "position": [x, y, 0.0],
        "orientation": _IDENTITY,
        "selected": pair.state is not PairState.EXCLUDED,
        "locked": False,
        "visibility": True,
        "positionStatus": status,
    }
