"""What every keypoint format is: how it is recognised, read and written, and what it cannot say.

Coordinates here are ``(x, y)`` in px, 0-based pixel centres, on both sides of every reader and writer.
Three things hold for all formats:

- numbers are written with every digit they have, except where a docstring says otherwise;
- a pair whose state a format cannot say is left out when writing, never changed into another state;
- suggestions that nobody accepted are never written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from engines.contract.errors import ProjectError, TableError
from engines.contract.files import write_bytes_atomically
from engines.contract.geometry import Size
from engines.contract.messages import Message
from workstation.project.annotations import PairState, Point, Side
from workstation.project.keypoint_formats.side_names import partner_of, split_side

HEAD_BYTES = 4096
"""How much of a file `KeypointFormat.recognise` is given."""


@dataclass(frozen=True, slots=True)
class PointPair:
    """A pair in a file: `line` is where it stands, 0 where there are no lines."""

    label: str
    fixed_xy: Point | None
    moving_xy: Point | None
    state: PairState = PairState.PLACED
    line: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether both points are there."""
        return self.fixed_xy is not None and self.moving_xy is not None

    @property
    def num_points(self) -> int:
        """Points that are there: 0, 1 or 2."""
        return (self.fixed_xy is not None) + (self.moving_xy is not None)

    def point(self, side: Side) -> Point | None:
        """Return the point of one side."""
        return self.fixed_xy if side == "fixed" else self.moving_xy


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What writers need to know of an image; `spacing_mm` is None where it is not known."""

    file_name: str
    size: Size | None = None
    spacing_mm: float | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class ItemPairs:
    """The pairs of one item, about to be written."""

    item_id: str
    fixed: ImageFacts
    moving: ImageFacts
    pairs: tuple[PointPair, ...]

    def image(self, side: Side) -> ImageFacts:
        """Return the facts of one side's image."""
        return self.fixed if side == "fixed" else self.moving


@dataclass(frozen=True, slots=True)
class ReadPoint:
    """A point in a file that speaks of one image; `xy` is None when the file names it without a place."""

    label: str
    xy: Point | None
    state: PairState = PairState.PLACED
    line: int = 0


@dataclass(frozen=True, slots=True)
class ReadItem:
    """What a file says of one pair of images.

    Parameters
    ----------
    name : str
        By which the item can be found: an item id, or what the names of its images have in common.
    pairs : tuple of PointPair
    is_physical : bool
        Whether coordinates are pixels times the spacing of the images, where one is known.
    warning : Message or None
    """

    name: str
    pairs: tuple[PointPair, ...]
    is_physical: bool = False
    warning: Message | None = None


@dataclass(frozen=True, slots=True)
class ReadImage:
    """What a file of many images says of one: its name may have folders; `size` may be unknown."""

    name: str
    points: tuple[ReadPoint, ...]
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of a file: pairs of items, or points of images whose items the project knows."""

    items: tuple[ReadItem, ...] = ()
    images: tuple[ReadImage, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a file does not say of itself.

    Parameters
    ----------
    is_one_based : bool
        The centre of the first pixel is (1, 1).
    is_in_pixels : bool
        Coordinates are pixels although the spacing of the images is known.
    is_corner_origin : bool
        Sub-pixel points of ImageJ count from the corner of the first pixel, as ImageJ itself does.
    """

    is_one_based: bool = False
    is_in_pixels: bool = False
    is_corner_origin: bool = True


NOTHING_KNOWN = ReadOptions()


class KeypointFormat(ABC):
    """One format; stateless.

    Attributes
    ----------
    key : str
    title, explanation, loss : Message
        Name, one sentence on who reads it, one sentence on what it cannot hold.
    suffixes : tuple of str
        Lower case, with dots, the usual one first.
    files_per_item : int
        Files that are written for one item; 0: one file for all of them.
    """

    key: ClassVar[str]
    title: ClassVar[Message]
    explanation: ClassVar[Message]
    loss: ClassVar[Message]
    suffixes: ClassVar[tuple[str, ...]]
    files_per_item: ClassVar[int] = 1

    @abstractmethod
    def recognise(self, path: Path, head: bytes) -> bool:
        """Tell from the name and the first `HEAD_BYTES` whether a file is of this format."""

    @abstractmethod
    def read(self, path: Path, options: ReadOptions = NOTHING_KNOWN) -> Reading:
        """Read a file, with its partner where there is a file for each side.

        Raises
        ------
        TableError
            With file, line, what is wrong, and how to fix it.
        """

    @abstractmethod
    def render(self, items: Sequence[ItemPairs]) -> Mapping[str, bytes]:
        """Return the content of every file by its name; pairs hold only what `can_say` allows."""

    def can_say(self, pair: PointPair) -> bool:
        """Tell whether the pair comes back as it is when it is written and read."""
        return pair.state is PairState.PLACED and pair.is_complete

    def write(self, items: Iterable[ItemPairs], out: Path) -> list[Path]:
        """Write files; what `can_say` denies is left out, and items without pairs get no file.

        Parameters
        ----------
        items : iterable of ItemPairs
        out : Path
            A folder, or the file where `files_per_item` is 0. Nothing that exists is replaced.

        Returns
        -------
        list of Path
            The files, in the order of the items.

        Raises
        ------
        ProjectError
            If a file exists already; nothing is written then.
        """
        said = [
            replace(item, pairs=tuple(pair for pair in item.pairs if self.can_say(pair))) for item in items
        ]
        said = [item for item in said if item.pairs]
        contents = self.render(said) if said else {}
        if self.files_per_item:
            files = {out / name: content for name, content in contents.items()}
        else:
            files = dict(zip((out,), contents.values(), strict=False))
        if out.is_dir() and not self.files_per_item:
            raise ProjectError("{path} is a folder.", remedy="Choose a file name.", path=out)
        if out.is_file() and self.files_per_item:
            raise ProjectError(
                "{path} is a file, and this format writes a file for each item.",
                remedy="Choose a folder.",
                path=out,
            )
        for path in files:
            if path.exists():
                raise ProjectError(
                    "{path} exists already and is not replaced.",
                    remedy="Choose another place, or remove the old file first.",
                    path=path,
                )
        for path, content in files.items():
            write_bytes_atomically(path, content)
        return list(files)


class SideFormat(KeypointFormat):
    """A format with one file for each image: ``<item>_fixed`` and ``<item>_moving``.

    When reading, ``_01`` and ``_02`` or ``_1`` and ``_2`` are understood too, the first being fixed.
    """

    files_per_item = 2
    is_by_order: ClassVar[bool] = False
    """Whether points belong together by their order, and both files must have the same number."""
    endings: ClassVar[tuple[str, str]] = ("_fixed", "_moving")

    @abstractmethod
    def read_side(self, path: Path, options: ReadOptions) -> list[ReadPoint]:
        """Read the points of one image."""

    @abstractmethod
    def render_side(self, item: ItemPairs, side: Side) -> bytes:
        """Return the content of the file of one image."""

    def read(self, path: Path, options: ReadOptions = NOTHING_KNOWN) -> Reading:
        """Read a file and its partner; see `KeypointFormat.read`."""
        name, side = split_side(path, self.suffixes)
        if side is None:
            raise TableError(
                "{file} does not say in its name which image it belongs to.",
                remedy="Name the two files of an item <item>_fixed{suffix} and <item>_moving{suffix}.",
                file=path.name,
                suffix=self.suffixes[0],
            )
        partner = partner_of(path, self.suffixes)
        if not partner.is_file():
            raise TableError(
                "{file} has no partner: there is no {partner} beside it.",
                remedy="Put the points of the other image there, under that name.",
                file=path.name,
                partner=partner.name,
            )
        fixed, moving = (path, partner) if side == "fixed" else (partner, path)
        fixed_points = self.read_side(fixed, options)
        moving_points = self.read_side(moving, options)
        is_ordered = self.is_by_order or not any(point.label for point in (*fixed_points, *moving_points))
        if is_ordered:
            if len(fixed_points) != len(moving_points):
                raise TableError(
                    "{fixed} has {num_fixed} points and {moving} has {num_moving}, but points belong "
                    "together by their order.",
                    remedy="Both files need the same number of points, in the same order.",
                    fixed=fixed.name,
                    num_fixed=len(fixed_points),
                    moving=moving.name,
                    num_moving=len(moving_points),
                )
            fixed_points, moving_points = numbered(fixed_points), numbered(moving_points)
        check_labels(fixed, fixed_points)
        check_labels(moving, moving_points)
        return Reading(items=(ReadItem(name, join_sides(fixed_points, moving_points)),))

    def render(self, items: Sequence[ItemPairs]) -> Mapping[str, bytes]:
        """Return two files for each item."""
        sides: tuple[Side, Side] = ("fixed", "moving")
        return {
            f"{item.item_id}{ending}{self.suffixes[0]}": self.render_side(item, side)
            for item in items
            for side, ending in zip(sides, self.endings, strict=True)
        }


def numbered(points: Sequence[ReadPoint]) -> list[ReadPoint]:
    """Return the points named by their place: 1, 2, ..."""
    return [replace(point, label=str(number)) for number, point in enumerate(points, start=1)]


def check_labels(path: Path, points: Sequence[ReadPoint]) -> None:
    """Refuse points that cannot be told apart.

    Raises
    ------
    TableError
        If a label is empty or occurs twice.
    """
    seen: set[str] = set()
    for point in points:
        if not point.label or point.label in seen:
            raise TableError(
                "{place}: a point named '{label}' stands there twice."
                if point.label
                else "{place}: a point has no name.",
                remedy="Points of the two images belong together by name: give each its own.",
                place=Message("{file}, line {line}", {"file": path.name, "line": point.line})
                if point.line
                else path.name,
                label=point.label,
            )
        seen.add(point.label)


def join_sides(fixed: Sequence[ReadPoint], moving: Sequence[ReadPoint]) -> tuple[PointPair, ...]:
    """Pair the points of two images by label, in the order of the fixed image.

    A state that either side gives holds for the pair, `excluded` before `not_visible`. A label without
    a place on either side gives a pair only if it is said to be not visible.
    """
    by_side = [{point.label: point for point in points} for points in (fixed, moving)]
    pairs = []
    for label in dict.fromkeys([*by_side[0], *by_side[1]]):
        points = [found for found in (side.get(label) for side in by_side) if found is not None]
        states = {point.state for point in points}
        state = next(
            (state for state in (PairState.EXCLUDED, PairState.NOT_VISIBLE) if state in states),
            PairState.PLACED,
        )
        fixed_xy, moving_xy = (side[label].xy if label in side else None for side in by_side)
        if fixed_xy is not None or moving_xy is not None or state is PairState.NOT_VISIBLE:
            pairs.append(PointPair(label, fixed_xy, moving_xy, state, points[0].line))
    return tuple(pairs)
