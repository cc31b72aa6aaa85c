"""Checking tables of keypoint pairs row by row, before anything is written."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping

from engines.contract.errors import GeometryError, InputError, TableError, UnknownKeyError
from engines.contract.manifest import KEYPOINT_COLUMNS
from engines.contract.messages import Message
from workstation.project.annotations import KeypointPair, Point, is_inside
from workstation.project.commands import ImportedPair
from workstation.project.importers.plan import Draft
from workstation.project.importers.reading import Row, Table
from workstation.project.importers.report import ImportReport

_SAME_PX = 1e-3


def plan_keypoints(
    table: Table,
    drafts: Mapping[str, Draft],
    present: Callable[[str], list[KeypointPair]],
    planned: dict[str, list[ImportedPair]],
    report: ImportReport,
    *,
    one_based: bool,
    tick: Callable[[], None],
) -> None:
    """Add the good rows of a table to `planned` by item, and the others to the report.

    Parameters
    ----------
    table : Table
    drafts : mapping of item id to Draft
        Items as they will be after the import.
    present : callable
        Returns the pairs that an item of the project has.
    planned : dict of item id to list of ImportedPair
        Added to.
    report : ImportReport
    one_based : bool
        Whether the first pixel's centre is (1, 1) in the table.
    tick : callable
        Called before each row; raises `Cancelled`.
    """
    shift = 1.0 if one_based else 0.0
    known: dict[str, dict[str, tuple[Point | None, Point | None]]] = {}
    for row in table.rows:
        tick()
        report.num_rows += 1
        try:
            pair = _read_row(row, drafts, shift)
        except InputError as error:
            report.refuse(table.path, row.line, error)
            continue
        item_id = row["item"]
        if item_id not in known:
            known[item_id] = {old.label: (old.fixed_xy, old.moving_xy) for old in present(item_id)}
            known[item_id] |= {new.label: (new.fixed_xy, new.moving_xy) for new in planned.get(item_id, [])}
        old = known[item_id].get(pair.label)
        if old is None:
            known[item_id][pair.label] = (pair.fixed_xy, pair.moving_xy)
            planned.setdefault(item_id, []).append(pair)
            report.num_pairs += 1
        elif _is_same(old, pair):
            facts = {"point": pair.label, "item": item_id}
            known_already = Message("Point '{point}' of {item} was imported already.", facts)
            report.note(table.path, row.line, known_already)
        else:
            elsewhere = TableError(
                "{item} has a point '{point}' already, at another place.",
                remedy="Give the point another name, or delete the old one first.",
                point=pair.label,
                item=item_id,
            )
            report.refuse(table.path, row.line, elsewhere)


def _read_row(row: Row, drafts: Mapping[str, Draft], shift: float) -> ImportedPair:
    for column in KEYPOINT_COLUMNS:
        if not row[column]:
            raise TableError(
                "The cell '{column}' is empty.", remedy="Fill it in, or remove the row.", column=column
            )
    if row.num_extra:
        raise TableError("The row has more cells than the header.", remedy="Write 12.5, not 12,5.")
    draft = drafts.get(row["item"])
    if draft is None:
        near = difflib.get_close_matches(row["item"], list(drafts), n=1)
        raise UnknownKeyError(
            "The project has no item '{item}'.",
            remedy="Did you mean '{near}'?" if near else "Import the table of its files first.",
            item=row["item"],
            near=near[0] if near else "",
        )
    values = [_number(row, column) - shift for column in KEYPOINT_COLUMNS[2:]]
    fixed_xy, moving_xy = (values[0], values[1]), (values[2], values[3])
    for side, xy in (("fixed", fixed_xy), ("moving", moving_xy)):
        _check_inside(draft, row["item"], side, xy)
    return ImportedPair(row["point"], fixed_xy, moving_xy)


def _number(row: Row, column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TableError(
            "'{value}' in the column '{column}' is not a number.",
            remedy="Write pixels with a decimal point: 12.5.",
            value=row[column],
            column=column,
        )
    return value


def _check_inside(draft: Draft, item_id: str, side: str, xy: Point) -> None:
    file = draft.files.get(side)
    if file is None or file.width is None or file.height is None:
        raise TableError(
            "Item '{item}' has no {side} image.",
            remedy="Import the {side} image of the item first.",
            item=item_id,
            side=side,
        )
    if not is_inside(xy, file.width, file.height):
        raise GeometryError(
            "The point ({x:g}, {y:g}) lies outside the {side} image of {item} ({width} x {height} pixels).",
            remedy="Points are (x, y) counted from 0: use --one-based for tables that count from 1, and "
            "check that fixed and moving are not swapped.",
            x=xy[0],
            y=xy[1],
            side=side,
            item=item_id,
            width=file.width,
            height=file.height,
        )


def _is_same(old: tuple[Point | None, Point | None], new: ImportedPair) -> bool:
    return all(
        before is not None and after is not None and math.dist(before, after) < _SAME_PX
        for before, after in zip(old, (new.fixed_xy, new.moving_xy), strict=True)
    )
