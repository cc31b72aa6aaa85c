"""Keypoint pairs as they are now: reading them, checking them, and their mirror as a table.

Coordinates are ``(x, y)`` in pixels of the fixed and moving image, 0-based pixel centres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from engines.contract.errors import GeometryError
from engines.contract.manifest import write_keypoint_pairs
from workstation.project.schema import CommandRow, FileRow, PairRow
from workstation.project.store import Store

Point = tuple[float, float]
Side = Literal["fixed", "moving"]
SIDES: tuple[Side, Side] = ("fixed", "moving")

OUTSIDE_TOLERANCE_PX = 1.0
"""How far a point may lie beyond the centres of the outermost pixels."""


REJECTING_KIND = "reject_suggestions"
"""Kind of the edit that declines suggestions."""


class PairState(StrEnum):
    """What a keypoint pair counts for; only `placed` pairs with both points are used."""

    PLACED = "placed"
    EXCLUDED = "excluded"
    NOT_VISIBLE = "not_visible"
    PREDICTED = "predicted"


@dataclass(frozen=True, slots=True)
class KeypointPair:
    """One pair of corresponding points.

    Parameters
    ----------
    id : str
        Stable over every edit.
    item_id, label : str
        `label` is unique among the pairs of the item.
    fixed_xy, moving_xy : (x, y) or None
        Pixels; None while that side is not placed.
    state : PairState
    annotator : str
        Who placed it.
    source : str
        ``"manual"``, ``"import"``, ``"propagated:<item>"`` or the id of the run that suggested it.
    score : float or None
        How sure the method was that suggested it, 0 to 1; None for a person's pair.
    revision : int
        Grows with every change, undo and redo included.
    created, changed : str
        ISO 8601, UTC.
    """

    id: str
    item_id: str
    label: str
    fixed_xy: Point | None
    moving_xy: Point | None
    state: PairState
    annotator: str
    source: str
    score: float | None
    revision: int
    created: str
    changed: str

    @property
    def is_complete(self) -> bool:
        """Whether both points are placed."""
        return self.fixed_xy is not None and self.moving_xy is not None

    @property
    def is_used(self) -> bool:
        """Whether transforms are fitted to it and networks learn from it."""
        return self.is_complete and self.state is PairState.PLACED

    def point(self, side: Side) -> Point | None:
        """Return the point of one side."""
        return self.fixed_xy if side == "fixed" else self.moving_xy


class KeypointStore:
    """Read side of the keypoint pairs. Edits are commands: see `commands`."""

    def __init__(self, store: Store, mirror_folder: Path) -> None:
        self._store = store
        self._mirror_folder = mirror_folder

    def pairs(self, item_id: str, annotator: str | None = None) -> list[KeypointPair]:
        """Return the pairs of an item, in the order in which they were made."""
        with self._store.read() as session:
            found = load_pairs(session, item_id)
        return [pair for pair in found if annotator is None or pair.annotator == annotator]

    def get(self, pair_id: str) -> KeypointPair | None:
        """Return one pair, or None when there is none or it was deleted."""
        with self._store.read() as session:
            row = session.get(PairRow, pair_id)
        return None if row is None or row.is_deleted else as_pair(row)

    def counts(self) -> dict[str, int]:
        """Return the number of used pairs of every item that has any."""
        with self._store.read() as session:
            query = (
                select(PairRow.item_id, func.count())
                .where(
                    PairRow.is_deleted.is_(False),
                    PairRow.state == PairState.PLACED.value,
                    PairRow.fixed_x.is_not(None),
                    PairRow.moving_x.is_not(None),
                )
                .group_by(PairRow.item_id)
            )
            return dict(session.execute(query).all())

    def rejected(self, item_id: str) -> list[KeypointPair]:
        """Return the suggestions of an item that a person declined."""
        query = select(CommandRow.payload).where(
            CommandRow.item_id == item_id,
            CommandRow.kind == REJECTING_KIND,
            CommandRow.action == "do",
            CommandRow.undone_at.is_(None),
        )
        with self._store.read() as session:
            ids = [pair_id for payload in session.scalars(query) for pair_id in payload["pair_ids"]]
            rows = session.scalars(select(PairRow).where(PairRow.id.in_(ids)))
            return [as_pair(row) for row in rows]

    def revision(self, item_id: str) -> str:
        """Return a name for the present state of an item's pairs: the number of its last journal entry."""
        with self._store.read() as session:
            return revision_of(session, item_id)

    def mirror_path(self, item_id: str) -> Path:
        """Return where the pairs of an item are mirrored as a table."""
        return self._mirror_folder / f"{item_id}.csv"

    def write_mirror(self, item_id: str) -> None:
        """Write the used pairs of an item as CSV, in `KEYPOINT_COLUMNS`.

        Raises
        ------
        OSError
            If the disk refuses. The pairs themselves are in the database.
        """
        # Under the write lock, so that two processes cannot leave the older table behind.
        with self._store.locked() as session:
            pairs = [pair for pair in load_pairs(session, item_id) if pair.is_used]
            write_pairs(self.mirror_path(item_id), item_id, pairs)

    def write_stale_mirrors(self) -> None:
        """Write the mirrors of items edited after their mirror, as a killed process leaves them."""
        query = select(CommandRow.item_id, func.max(CommandRow.at)).group_by(CommandRow.item_id)
        with self._store.read() as session:
            newest = dict(session.execute(query).all())
        for item_id, at in newest.items():
            if item_id is not None and self._mirror_time(item_id) < datetime.fromisoformat(at).timestamp():
                self.write_mirror(item_id)

    def _mirror_time(self, item_id: str) -> float:
        try:
            return self.mirror_path(item_id).stat().st_mtime
        except FileNotFoundError:
            return 0.0


def as_pair(row: PairRow | Row[Any]) -> KeypointPair:
    """Return a row as plain data."""
    return KeypointPair(
        id=row.id,
        item_id=row.item_id,
        label=row.label,
        fixed_xy=_point(row.fixed_x, row.fixed_y),
        moving_xy=_point(row.moving_x, row.moving_y),
        state=PairState(row.state),
        annotator=row.annotator,
        source=row.source,
        score=row.score,
        revision=row.revision,
        created=row.created,
        changed=row.changed,
    )


def load_pairs(session: Session, item_id: str) -> list[KeypointPair]:
    """Read the pairs of an item that are not deleted, in the order in which they were made."""
    # Plain rows: an edit reads hundreds of pairs, and objects that are tracked cost several times as much.
    query = (
        select(*PairRow.__table__.columns)
        .where(PairRow.item_id == item_id, PairRow.is_deleted.is_(False))
        .order_by(PairRow.position)
    )
    return [as_pair(row) for row in session.execute(query)]


def revision_of(session: Session, item_id: str) -> str:
    """Return the number of the last journal entry of an item, ``"0"`` when there is none."""
    newest = session.scalar(select(func.max(CommandRow.sequence)).where(CommandRow.item_id == item_id))
    return str(newest or 0)


def write_pairs(path: Path, item_id: str, pairs: list[KeypointPair]) -> None:
    """Write complete pairs as CSV, atomically."""
    write_keypoint_pairs(
        path,
        item_id,
        [pair.label for pair in pairs],
        [pair.fixed_xy for pair in pairs],
        [pair.moving_xy for pair in pairs],
    )


def check_point(session: Session, item_id: str, side: Side, xy: Point) -> None:
    """Refuse a point that is no number or lies outside its image.

    Raises
    ------
    GeometryError
        With the size of the image.
    """
    x, y = xy
    if not (math.isfinite(x) and math.isfinite(y)):
        raise GeometryError("A point of {item} is not a finite number.", item=item_id)
    file = session.get(FileRow, (item_id, side))
    if file is None or file.width is None or file.height is None:
        return
    if not is_inside(xy, file.width, file.height):
        raise GeometryError(
            "The point ({x:.1f}, {y:.1f}) lies outside the {side} image of {item} "
            "({width} x {height} pixels).",
            remedy="Place it on the image.",
            x=x,
            y=y,
            side=side,
            item=item_id,
            width=file.width,
            height=file.height,
        )


def is_inside(xy: Point, width: int, height: int) -> bool:
    """Tell whether a point lies on an image, with `OUTSIDE_TOLERANCE_PX` to spare."""
    low, x, y = -OUTSIDE_TOLERANCE_PX, xy[0], xy[1]
    return low <= x <= width - 1 - low and low <= y <= height - 1 - low


def _point(x: float | None, y: float | None) -> Point | None:
    return None if x is None or y is None else (x, y)
