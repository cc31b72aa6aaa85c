"""Importing keypoint files of other programs into items that the project has.

A merge never changes what is there: pairs at the same place are "there already", and a pair whose name
is taken gets a new one, which the report says. `plan_keypoint_file` computes it, and
`import_keypoint_file` writes it as one undoable edit for each item.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from engines.contract.errors import GeometryError, ProjectError, TableError, UnknownKeyError
from engines.contract.messages import Message
from workstation.project.annotations import SIDES, KeypointPair, Point, Side, is_inside
from workstation.project.commands import ImportedPair, ImportPairs
from workstation.project.importers.item_names import ItemNames, UnclearItemError
from workstation.project.importers.report import ImportReport
from workstation.project.items import Item
from workstation.project.keypoint_formats import FORMATS, KeypointFormat, ReadOptions, recognise
from workstation.project.keypoint_formats.format import (
    NOTHING_KNOWN,
    PointPair,
    ReadImage,
    ReadItem,
    ReadPoint,
    join_sides,
)
from workstation.project.project import Project
from workstation.project.store import reason_of

__all__ = ["KeypointPlan", "UnclearItemError", "import_keypoint_file", "plan_keypoint_file", "recognise"]

_SAME_PX = 1e-3


@dataclass(slots=True)
class KeypointPlan:
    """What an import would add, by item, and its report."""

    pairs: dict[str, list[ImportedPair]] = field(default_factory=dict)
    report: ImportReport = field(default_factory=ImportReport)


def import_keypoint_file(
    project: Project,
    path: Path,
    *,
    item_id: str | None = None,
    format_key: str | None = None,
    options: ReadOptions = NOTHING_KNOWN,
) -> ImportReport:
    """Import a keypoint file, with its partner where there is a file for each image.

    Parameters
    ----------
    project : Project
    path : Path
    item_id : str or None
        Item that the points belong to; None: told by the names in the file.
    format_key : str or None
        One of `FORMATS`; None: told by name and content.
    options : ReadOptions

    Returns
    -------
    ImportReport
        With every refused, renamed and known pair.

    Raises
    ------
    TableError
        If the file is not as its format has it, or is of no known format.
    UnclearItemError
        If it does not tell which item it belongs to; it lists candidates.
    UnknownKeyError
        If there is no such item or format.
    ProjectError
        If the disk refuses; nothing is imported then.
    """
    plan = plan_keypoint_file(project, path, item_id=item_id, format_key=format_key, options=options)
    if plan.pairs:
        try:
            with project.store.write() as session:
                for name, pairs in plan.pairs.items():
                    project.history.execute_within(session, ImportPairs(name, tuple(pairs)))
        except (DatabaseError, OSError) as error:
            raise ProjectError(
                "The import was not saved in {folder}: {reason}.",
                remedy="Free some space or reconnect the disk, then import again.",
                kept="The project is as it was before the import.",
                folder=project.folder,
                reason=reason_of(error),
            ) from error
        project.announce(list(plan.pairs))
    return plan.report


def plan_keypoint_file(
    project: Project,
    path: Path,
    *,
    item_id: str | None = None,
    format_key: str | None = None,
    options: ReadOptions = NOTHING_KNOWN,
) -> KeypointPlan:
    """Compute what an import would do; see `import_keypoint_file`."""
    path = Path(path)
    names = ItemNames(project.items.all() if item_id is None else [_pair_item(project, item_id)])
    reading = _format_of(path, format_key).read(path, options)
    plan = KeypointPlan()
    items = [(item_id or names.find(item.name, path.name), item) for item in reading.items]
    if reading.images:
        items += _items_of_images(path, names, reading.images, plan.report, item_id)
    for found_id, item in items:
        if item.warning is not None:
            plan.report.warn_of(path, 0, item.warning)
        _plan_item(path, names[found_id], item, project.keypoints.pairs(found_id), plan, options)
    plan.report.items = list(plan.pairs)
    return plan


def _format_of(path: Path, key: str | None) -> KeypointFormat:
    if key is not None:
        if key not in FORMATS:
            raise UnknownKeyError(
                "There is no keypoint format '{format}'.",
                remedy="Choose one of: {known}.",
                format=key,
                known=", ".join(FORMATS),
            )
        return FORMATS[key]
    if not path.is_file():
        raise TableError("There is no file {file}.", remedy="Check the path.", file=path)
    known = recognise(path)
    if known is None:
        raise TableError(
            "{file} is of no known keypoint format.",
            remedy="Formats are: {known}. If it is one of them, name it.",
            file=path.name,
            known=", ".join(FORMATS),
        )
    return known


def _pair_item(project: Project, item_id: str) -> Item:
    item = project.items.get(item_id)
    if not item.has(*SIDES):
        raise TableError(
            "Item {item} is no pair of images, so it takes no keypoint pairs.",
            remedy="Choose an item with a fixed and a moving image.",
            item=item_id,
        )
    return item


def _items_of_images(
    path: Path,
    names: ItemNames,
    images: Iterable[ReadImage],
    report: ImportReport,
    item_id: str | None,
) -> list[tuple[str, ReadItem]]:
    """Bring the points of images together by item; images that no item has are refused."""
    sides: dict[str, dict[Side, tuple[ReadPoint, ...]]] = {}
    unknown: list[str] = []
    shared: set[str] = set()
    for image in images:
        found = names.images(image.name)
        if not found:
            unknown.append(image.name)
        if len(found) > 1:
            shared.update(found_id for found_id, _side in found)
        for found_id, side in found:
            sides.setdefault(found_id, {})[side] = image.points
            _check_size(path, names[found_id], side, image)
    if not sides:
        error = UnclearItemError(
            "{file} speaks of images that are not in {where}: {images}.",
            remedy="Import the images first, or call them in the file as the project does.",
            file=path.name,
            where=Message("the project") if item_id is None else item_id,
            images=", ".join(unknown[:5]),
        )
        error.candidates = names.ids()
        raise error
    if item_id is None:
        for name in unknown:
            report.refuse(
                path,
                0,
                UnclearItemError(
                    "The image '{image}' belongs to no item.",
                    remedy="Import the image first, or correct its name in the file.",
                    image=name,
                ),
            )
    return [
        (found_id, ReadItem(found_id, _joined(found, is_shared=found_id in shared)))
        for found_id, found in sides.items()
    ]


def _joined(found: dict[Side, tuple[ReadPoint, ...]], *, is_shared: bool) -> tuple[PointPair, ...]:
    pairs = join_sides(found.get("fixed", ()), found.get("moving", ()))
    # An image of several items has the points of all of them: only both sides tell whose a point is.
    return tuple(pair for pair in pairs if pair.is_complete) if is_shared else pairs


def _check_size(path: Path, item: Item, side: Side, image: ReadImage) -> None:
    file = item.files[side]
    if image.size is None or file.width is None or file.height is None:
        return
    if image.size != (file.width, file.height):
        raise GeometryError(
            "{file} says that '{image}' has {said_width} x {said_height} pixels, but the {side} image of "
            "{item} has {width} x {height}.",
            remedy="Points of a resized image do not fit: export them for the image of the project.",
            file=path.name,
            image=image.name,
            said_width=image.size[0],
            said_height=image.size[1],
            side=side,
            item=item.id,
            width=file.width,
            height=file.height,
        )


def _plan_item(
    path: Path,
    item: Item,
    read: ReadItem,
    present: list[KeypointPair],
    plan: KeypointPlan,
    options: ReadOptions,
) -> None:
    report = plan.report
    known = [PointPair(pair.label, pair.fixed_xy, pair.moving_xy, pair.state) for pair in present]
    added: list[ImportedPair] = []
    taken = {pair.label for pair in known} | {pair.label for pair in read.pairs}
    present_labels = {pair.label for pair in known}
    for raw in read.pairs:
        report.num_rows += 1
        pair = _in_pixels(raw, item, read, options)
        try:
            _check_inside(item, pair)
        except GeometryError as error:
            report.refuse(path, pair.line, error)
            continue
        same = next((old for old in known if _is_same(old, pair)), None)
        if same is not None:
            facts = {"point": same.label, "item": item.id}
            report.note(path, pair.line, Message("Point '{point}' of {item} is there already.", facts))
            continue
        label = pair.label
        if label in present_labels:
            label = _free_label(label, taken)
            taken.add(label)
            renamed = Message(
                "{item} has a point '{label}' at another place: the imported one is called '{new}'.",
                {"item": item.id, "label": pair.label, "new": label},
            )
            report.warn_of(path, pair.line, renamed)
        added.append(ImportedPair(label, pair.fixed_xy, pair.moving_xy, pair.state))
        report.num_pairs += 1
    if added:
        plan.pairs[item.id] = added


def _in_pixels(pair: PointPair, item: Item, read: ReadItem, options: ReadOptions) -> PointPair:
    shift = 1.0 if options.is_one_based else 0.0

    def converted(side: Side) -> Point | None:
        xy = pair.point(side)
        if xy is None:
            return None
        spacing = (item.files[side].spacing_mm if read.is_physical else None) or 1.0
        return xy[0] / spacing - shift, xy[1] / spacing - shift

    return replace(pair, fixed_xy=converted("fixed"), moving_xy=converted("moving"))


def _check_inside(item: Item, pair: PointPair) -> None:
    for side in SIDES:
        xy, file = pair.point(side), item.files[side]
        if xy is None or file.width is None or file.height is None:
            continue
        if not is_inside(xy, file.width, file.height):
            raise GeometryError(
                "Point '{label}' at ({x:g}, {y:g}) lies outside the {side} image of {item} "
                "({width} x {height} pixels).",
                remedy="Check that fixed and moving are not swapped and that x comes before y, and say so if "
                "the file counts from 1 (--one-based) or BigWarp counted pixels (--in-pixels).",
                label=pair.label,
                x=xy[0],
                y=xy[1],
                side=side,
                item=item.id,
                width=file.width,
                height=file.height,
            )


def _is_same(old: PointPair, new: PointPair) -> bool:
    """Tell whether a pair is there: at the same places; without any place, by its name."""
    if new.num_points == 0:
        return old.num_points == 0 and old.label == new.label
    return all(
        (before is None and after is None)
        or (before is not None and after is not None and math.dist(before, after) < _SAME_PX)
        for before, after in ((old.fixed_xy, new.fixed_xy), (old.moving_xy, new.moving_xy))
    )


def _free_label(label: str, taken: set[str]) -> str:
    number = 2
    while f"{label} ({number})" in taken:
        number += 1
    return f"{label} ({number})"
