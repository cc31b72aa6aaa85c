"""Which pair comes next: in the order of the table, by its residual, or the nearest to the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from workstation.project.annotations import Point, Side
from workstation.views.protocols.pairs import PairRow


def stepped(order: Sequence[str], selected: str, offset: int) -> str:
    """Return the id that lies `offset` further in an order, which goes round; empty when there is none."""
    if not order:
        return ""
    if selected in order:
        return order[(order.index(selected) + offset) % len(order)]
    return order[0 if offset > 0 else -1]


def nearest(rows: Sequence[PairRow], side: Side, xy: Point) -> str:
    """Return the id of the pair whose point of a side lies nearest to a place; empty when there is none."""
    places = [(row.id, row.fixed_xy if side == "fixed" else row.moving_xy) for row in rows]
    distances = [
        ((at[0] - xy[0]) ** 2 + (at[1] - xy[1]) ** 2, pair_id) for pair_id, at in places if at is not None
    ]
    return min(distances)[1] if distances else ""
