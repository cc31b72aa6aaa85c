from __future__ import annotations

from workstation.controllers.pairs.pair_walk import nearest, stepped
from workstation.views.protocols.pairs import PairRow


def test_order_goes_round_and_begins_at_its_end_when_walked_backwards() -> None:
    order = ["c", "a", "b"]
    assert stepped(order, "a", 1) == "b"
    assert stepped(order, "b", 1) == "c"
    assert stepped(order, "c", -1) == "b"
    assert stepped(order, "", 1) == "c"
    assert stepped(order, "hidden", -1) == "b"
    assert stepped([], "a", 1) == ""


def test_nearest_looks_at_one_side_and_at_placed_points_only() -> None:
    near_fixed = PairRow("a", "1", "placed", (10.0, 10.0), (90.0, 90.0))
    near_moving = PairRow("b", "2", "placed", (50.0, 50.0), (12.0, 8.0))
    half = PairRow("c", "3", "half", (48.0, 50.0), None)
    rows = [near_fixed, near_moving, half]
    assert nearest(rows, "fixed", (11.0, 11.0)) == "a"
    assert nearest(rows, "moving", (11.0, 11.0)) == "b"
    assert nearest(rows, "fixed", (47.0, 50.0)) == "c"
    assert nearest([half], "moving", (0.0, 0.0)) == ""
