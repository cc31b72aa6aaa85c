"""COCO keypoints, one JSON for all items; points of two images belong together by keypoint name.

Visibility 2 is a placed point; 1 is a point whose pair is `not_visible`; 0 is no point. The category
lists the names of all items. Left out when writing: excluded pairs, and pairs without any point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.contract.errors import TableError
from engines.contract.geometry import Size
from engines.contract.messages import Message
from workstation.project.annotations import PairState, Side
from workstation.project.keypoint_formats.collection import named_images
from workstation.project.keypoint_formats.format import (
    NOTHING_KNOWN,
    ItemPairs,
    KeypointFormat,
    PointPair,
    ReadImage,
    Reading,
    ReadOptions,
    ReadPoint,
    check_labels,
)
from workstation.project.keypoint_formats.text import damaged, json_bytes, number, read_bytes, read_json

_LISTS = ("images", "annotations", "categories", "keypoints")
_ABSENT, _HIDDEN, _VISIBLE = 0, 1, 2


class Coco(KeypointFormat):
    """See the module."""

    key = "coco"
    title = Message("COCO keypoints JSON")
    explanation = Message("One file for all items, which CVAT and most tools for keypoints read.")
    loss = Message("Excluded pairs, authors and sources are not kept.")
    suffixes = (".json",)
    files_per_item = 0

    def recognise(self, path: Path, head: bytes) -> bool:
        """Look for the lists that COCO has; they come in any order, so the whole file is looked through."""
        if path.suffix.lower() != ".json" or not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return False
        try:
            content = read_bytes(path)
        except TableError:
            return False
        return all(f'"{key}"'.encode() in content for key in _LISTS)

    def can_say(self, pair: PointPair) -> bool:
        """Allow placed and hidden points; nothing says excluded."""
        return pair.state in (PairState.PLACED, PairState.NOT_VISIBLE) and pair.num_points > 0

    def read(self, path: Path, options: ReadOptions = NOTHING_KNOWN) -> Reading:
        """Read the points of every image."""
        content = read_json(path)
        if not isinstance(content, dict):
            raise damaged(path, "images")
        names = {entry.get("id"): entry.get("keypoints") for entry in _entries(path, content, "categories")}
        points: dict[Any, list[ReadPoint]] = {}
        for annotation in _entries(path, content, "annotations"):
            image_id = annotation.get("image_id")
            labels = names.get(annotation.get("category_id"))
            if "keypoints" not in annotation:
                continue
            if not isinstance(labels, list):
                raise damaged(path, "categories.keypoints")
            points.setdefault(image_id, []).extend(_points(path, annotation["keypoints"], labels))
        images = []
        for entry in _entries(path, content, "images"):
            name = entry.get("file_name")
            if not isinstance(name, str) or not name:
                raise damaged(path, "file_name")
            found = points.pop(entry.get("id"), [])
            check_labels(path, found)
            images.append(ReadImage(name, tuple(found), _size(path, entry)))
        if points:
            raise TableError(
                "{file}: points belong to the image id {id}, which the list of images lacks.",
                remedy="Export the file again.",
                file=path.name,
                id=next(iter(points)),
            )
        return Reading(images=tuple(images))

    def render(self, items: Sequence[ItemPairs]) -> Mapping[str, bytes]:
        """Return the one file."""
        labels = list(dict.fromkeys(pair.label for item in items for pair in item.pairs))
        images, annotations = [], []
        for image_id, (name, item, side, image) in enumerate(named_images(items), start=1):
            width, height = image.size or (0, 0)
            images.append({"id": image_id, "file_name": name, "width": width, "height": height})
            annotations.append(_annotation(image_id, labels, item, side))
        category = {"id": 1, "name": "landmarks", "supercategory": "", "keypoints": labels, "skeleton": []}
        content = {"images": images, "categories": [category], "annotations": annotations}
        return {"keypoints.json": json_bytes(content)}


def _annotation(image_id: int, labels: Sequence[str], item: ItemPairs, side: Side) -> dict[str, Any]:
    by_label = {pair.label: pair for pair in item.pairs}
    values: list[float] = []
    placed = []
    for label in labels:
        pair = by_label.get(label)
        xy = pair.point(side) if pair is not None else None
        if pair is None or xy is None:
            values += [0.0, 0.0, _ABSENT]
        else:
            values += [*xy, _HIDDEN if pair.state is PairState.NOT_VISIBLE else _VISIBLE]
            placed.append(xy)
    left, top = (min((xy[axis] for xy in placed), default=0.0) for axis in (0, 1))
    right, bottom = (max((xy[axis] for xy in placed), default=0.0) for axis in (0, 1))
    return {
        "id": image_id,
        "image_id": image_id,
        "category_id": 1,
        "keypoints": values,
        "num_keypoints": len(placed),
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
        "iscrowd": 0,
    }


def _entries(path: Path, content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = content.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise damaged(path, key)
    return entries


def _points(path: Path, values: object, labels: Sequence[object]) -> list[ReadPoint]:
    if not isinstance(values, list) or len(values) != 3 * len(labels):
        raise TableError(
            "{file}: an annotation has {found} numbers, but its category names {wanted} keypoints.",
            remedy="Each keypoint is x, y and a visibility of 0, 1 or 2.",
            file=path.name,
            found=len(values) if isinstance(values, list) else 0,
            wanted=len(labels),
        )
    points = []
    for place, label in enumerate(labels):
        x, y, visibility = (number(path, 0, value) for value in values[3 * place : 3 * place + 3])
        if visibility not in (_ABSENT, _HIDDEN, _VISIBLE):
            raise TableError(
                "{file}: the visibility of '{label}' is {visibility:g}.",
                remedy="COCO knows 0 for absent, 1 for hidden and 2 for visible.",
                file=path.name,
                label=label,
                visibility=visibility,
            )
        if visibility != _ABSENT:
            state = PairState.NOT_VISIBLE if visibility == _HIDDEN else PairState.PLACED
            points.append(ReadPoint(str(label), (x, y), state))
    return points


def _size(path: Path, entry: dict[str, Any]) -> Size | None:
    width, height = entry.get("width"), entry.get("height")
    if not width or not height:
        return None
    return int(number(path, 0, width)), int(number(path, 0, height))
