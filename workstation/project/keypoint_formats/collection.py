"""What formats share that hold all images of a project in one file: names that are unique in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from workstation.project.annotations import SIDES, Side
from workstation.project.keypoint_formats.format import ImageFacts, ItemPairs


def named_images(items: Sequence[ItemPairs]) -> Iterator[tuple[str, ItemPairs, Side, ImageFacts]]:
    """Yield every image with its name in the file: ``<item>/<file name>`` where file names occur twice."""
    images = [(item, side, item.image(side)) for item in items for side in SIDES]
    times = Counter(image.file_name.casefold() for _item, _side, image in images)
    for item, side, image in images:
        is_unique = times[image.file_name.casefold()] == 1
        name = image.file_name if is_unique else f"{item.item_id}/{image.file_name}"
        yield name, item, side, image
