"""CVAT for images 1.1, one XML for all items; points of two images belong together by label.

``<points label points="x,y" occluded/>`` in each ``<image>``; an occluded point makes its pair
`not_visible`. Where a label occurs several times in an image, its points are numbered in their order,
and both images need the same number of them. Left out when writing: excluded pairs, and pairs without
any point.

A document type is refused: points need none, and entities could fill the memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from engines.contract.errors import TableError
from engines.contract.messages import Message
from workstation.project.annotations import PairState
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
from workstation.project.keypoint_formats.text import damaged, digits, number, read_bytes


class Cvat(KeypointFormat):
    """See the module."""

    key = "cvat"
    title = Message("CVAT images XML")
    explanation = Message("One file for all items, in the format 'CVAT for images'.")
    loss = Message("Excluded pairs, authors and sources are not kept.")
    suffixes = (".xml",)
    files_per_item = 0

    def recognise(self, path: Path, head: bytes) -> bool:
        """Look for XML of annotations."""
        return path.suffix.lower() == ".xml" and b"<annotations" in head

    def can_say(self, pair: PointPair) -> bool:
        """Allow points that are there, occluded or not there; nothing says excluded."""
        return pair.state in (PairState.PLACED, PairState.NOT_VISIBLE) and pair.num_points > 0

    def read(self, path: Path, options: ReadOptions = NOTHING_KNOWN) -> Reading:
        """Read the points of every image."""
        images = []
        for element in parse_plain_xml(path).iter("image"):
            name = element.get("name", "")
            if not name:
                raise damaged(path, "image name")
            points = _points(path, element)
            check_labels(path, points)
            width, height = (int(number(path, 0, element.get(key, 0))) for key in ("width", "height"))
            images.append(ReadImage(name, tuple(points), (width, height) if width and height else None))
        return Reading(images=tuple(images))

    def render(self, items: Sequence[ItemPairs]) -> Mapping[str, bytes]:
        """Return the one file."""
        root = ElementTree.Element("annotations")
        ElementTree.SubElement(root, "version").text = "1.1"
        for image_id, (name, item, side, image) in enumerate(named_images(items)):
            width, height = image.size or (0, 0)
            facts = {"id": str(image_id), "name": name, "width": str(width), "height": str(height)}
            element = ElementTree.SubElement(root, "image", facts)
            for pair in item.pairs:
                xy = pair.point(side)
                if xy is not None:
                    is_occluded = pair.state is PairState.NOT_VISIBLE
                    point = {
                        "label": pair.label,
                        "source": "manual",
                        "occluded": str(int(is_occluded)),
                        "points": f"{digits(xy[0])},{digits(xy[1])}",
                        "z_order": "0",
                    }
                    ElementTree.SubElement(element, "points", point)
        ElementTree.indent(root)
        content = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        return {"annotations.xml": content + b"\n"}


def parse_plain_xml(path: Path) -> ElementTree.Element:
    """Parse XML that declares nothing.

    Raises
    ------
    TableError
        If it is damaged, or has a document type.
    """
    content = read_bytes(path)
    parser = expat.ParserCreate()

    def refuse(*_declaration: object) -> None:
        raise TableError(
            "{file}, line {line}: a document type is declared, which is not read.",
            remedy="Export the file again as 'CVAT for images 1.1', or remove the declaration.",
            file=path.name,
            line=parser.CurrentLineNumber,
        )

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
        return ElementTree.fromstring(content)
    except (expat.ExpatError, ElementTree.ParseError) as error:
        raise TableError(
            "{file} is damaged XML: {reason}.",
            remedy="Export the file again.",
            file=path.name,
            reason=str(error),
        ) from error


def _points(path: Path, image: ElementTree.Element) -> list[ReadPoint]:
    found: list[ReadPoint] = []
    for element in image.iter("points"):
        if element.get("outside") == "1":
            continue  # a point of a skeleton that is not in the image
        state = PairState.NOT_VISIBLE if element.get("occluded") == "1" else PairState.PLACED
        for text in element.get("points", "").split(";"):
            values = text.split(",")
            if len(values) != 2:
                raise TableError(
                    "{file}: '{text}' in image '{image}' is no point.",
                    remedy="Points are written as x1,y1;x2,y2.",
                    file=path.name,
                    text=text,
                    image=image.get("name", ""),
                )
            xy = number(path, 0, values[0]), number(path, 0, values[1])
            found.append(ReadPoint(element.get("label", "").strip(), xy, state))
    times = Counter(point.label for point in found)
    place: Counter[str] = Counter()
    points = []
    for point in found:
        place[point.label] += 1
        # CVAT knows classes, not names: the points of a class are told apart by their order.
        label = point.label if times[point.label] == 1 else f"{point.label}-{place[point.label]}"
        points.append(ReadPoint(label, point.xy, point.state))
    return points
