"""The rules of clicks and keys, with a real project, a mocked view, and forks that are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from engines.imaging.pyramid import ImagePyramid
from workstation.controllers.pairs import snapping
from workstation.controllers.pairs.pairs_controller import PairsController
from workstation.controllers.workbench import Workbench
from workstation.project.annotations import KeypointPair, PairState
from workstation.project.project import Project
from workstation.views.protocols.pairs import PairsView

FORKS = {"fixed": np.array([[20.0, 30.0], [60.0, 60.0]]), "moving": np.array([[25.5, 35.5]])}


@pytest.fixture
def bench(qapp, pair_project_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    sides = iter(("fixed", "moving") * 4)
    monkeypatch.setattr(snapping, "bifurcations_of_image", lambda *_: FORKS[next(sides)])
    made = Workbench()
    made.annotator = "wang"
    made.background._pool.setMaxThreadCount(1)
    made.set_project(Project.open(pair_project_folder))
    yield made
    made.close()


@pytest.fixture
def view() -> MagicMock:
    made = MagicMock(spec=PairsView)
    # Two pixels of the screen for one of the image.
    made.image_px.side_effect = lambda _side, screen_px: screen_px / 2
    return made


@pytest.fixture
def controller(bench: Workbench, view: MagicMock, qtbot) -> PairsController:
    made = PairsController(bench, view)
    bench.set_item("pair_a")
    qtbot.waitUntil(lambda: made.has_pair_of_images and bench.background.num_waiting == 0)
    made.set_adding(True)
    return made


def pair(controller: PairsController, label: str) -> KeypointPair:
    return next(pair for pair in controller.selection.pairs if pair.label == label)


def titles(bench: Workbench) -> list[str]:
    return [str(entry.title) for entry in bench.project.history.list(3, "pair_a")]


def hint(view: MagicMock) -> str:
    return str(view.show_hint.call_args.args[0])


def test_clicks_near_a_fork_snap_and_the_journal_says_so(
    controller: PairsController, bench: Workbench
) -> None:
    controller.click("fixed", 23.0, 33.0)
    assert pair(controller, "7").fixed_xy == (20.0, 30.0)
    controller.click("moving", 27.0, 33.0)
    assert pair(controller, "7").moving_xy == (25.5, 35.5)
    assert titles(bench)[:2] == ["place point 7 in moving, snapped", "add point 7, snapped"]
    assert pair(controller, "7").source == "manual"


def test_nothing_snaps_from_afar_with_alt_or_when_it_is_off(
    controller: PairsController, bench: Workbench
) -> None:
    controller.click("fixed", 40.0, 45.0)
    assert pair(controller, "7").fixed_xy == (40.0, 45.0)
    controller.click("fixed", 23.0, 33.0, is_free=True)
    assert pair(controller, "7").fixed_xy == (23.0, 33.0)
    controller.snapping.set_on(False)
    controller.click("fixed", 22.0, 33.0)
    assert pair(controller, "7").fixed_xy == (22.0, 33.0)
    assert not any("snapped" in title for title in titles(bench))


def test_the_radius_is_of_the_screen(controller: PairsController) -> None:
    controller.snapping.set_radius(8.0)
    assert controller.snapping.snapped("fixed", (25.0, 30.0)) == ((25.0, 30.0), False)
    controller.snapping.set_radius(12.0)
    assert controller.snapping.snapped("fixed", (25.0, 30.0)) == ((20.0, 30.0), True)
    controller.snapping.set_radius(1000.0)
    assert controller.snapping.radius_px == snapping.RADIUS_LIMITS_PX[1]


def test_a_ring_shows_what_a_click_would_take(controller: PairsController, view: MagicMock) -> None:
    controller.hover("fixed", 23.0, 33.0)
    view.show_snap.assert_called_with("fixed", (23.0, 33.0), 7.0, (20.0, 30.0))
    controller.hover("fixed", 100.0, 100.0)
    view.show_snap.assert_called_with("fixed", None)
    controller.hover("fixed", 23.0, 33.0, is_free=True)
    view.show_snap.assert_called_with("fixed", None)
    controller.set_adding(False)
    controller.hover("fixed", 23.0, 33.0)
    view.show_snap.assert_called_with("fixed", None)


def test_a_dropped_point_snaps_and_a_nudged_one_does_not(controller: PairsController) -> None:
    moved = pair(controller, "1")
    controller.move(moved.id, "fixed", 21.0, 31.0, is_free=False)
    assert pair(controller, "1").fixed_xy == (20.0, 30.0)
    controller.edits.nudge("fixed", 0.25, 0.0)
    assert pair(controller, "1").fixed_xy == (20.25, 30.0)


def test_forks_are_looked_for_once_per_image(controller: PairsController, bench: Workbench, qtbot) -> None:
    bench.set_item("")
    bench.set_item("pair_a")
    qtbot.waitUntil(lambda: controller.has_pair_of_images and bench.background.num_waiting == 0)
    np.testing.assert_array_equal(controller.snapping.forks("fixed"), FORKS["fixed"])
    np.testing.assert_array_equal(controller.snapping.forks("moving"), FORKS["moving"])


def test_a_click_in_the_wrong_pane_explains_itself_once(controller: PairsController, view: MagicMock) -> None:
    controller.click("moving", 10.0, 10.0)
    assert "begins in fixed" in hint(view)
    assert len(controller.selection.pairs) == 6
    controller.click("fixed", 100.0, 100.0)
    assert hint(view).startswith("Pair 7: now click the same place in moving.")


def test_a_half_pair_is_marked_not_visible_where_it_has_no_point(controller: PairsController) -> None:
    controller.click("fixed", 100.0, 100.0)
    controller.edits.toggle_not_visible()
    marked = pair(controller, "7")
    assert (marked.state, marked.fixed_xy, marked.moving_xy) == (PairState.NOT_VISIBLE, (100, 100), None)
    assert controller.half == ""
    controller.edits.toggle_not_visible()
    assert controller.half == marked.id
    controller.click("moving", 50.0, 50.0)
    assert pair(controller, "7").is_used


@pytest.mark.parametrize("side", ["fixed", "moving"])
def test_a_complete_pair_is_marked_on_the_side_of_the_mouse(controller: PairsController, side: str) -> None:
    before = pair(controller, "2")
    used = controller.pair_fit.summary.num_used
    controller.select(before.id)
    controller.hover(side, 1.0, 1.0)
    controller.edits.toggle_not_visible()
    marked = pair(controller, "2")
    assert marked.state is PairState.NOT_VISIBLE
    assert marked.point(side) is None
    other = "moving" if side == "fixed" else "fixed"
    assert marked.point(other) == before.point(other)
    assert controller.pair_fit.summary.num_used == used - 1


def test_several_pairs_are_excluded_and_deleted_together(
    controller: PairsController, bench: Workbench
) -> None:
    ids = [pair(controller, label).id for label in ("1", "2", "3")]
    controller.select_several(ids)
    controller.edits.toggle_excluded()
    assert titles(bench)[0] == "exclude 3 points"
    controller.edits.toggle_excluded()
    assert titles(bench)[0] == "include 3 points"
    controller.delete()
    assert titles(bench)[0] == "delete 3 points"
    assert [pair.label for pair in controller.selection.pairs] == ["4", "5", "6"]
    bench.project.history.undo("pair_a")
    controller.refresh()
    assert len(controller.selection.pairs) == 6


def test_a_very_large_image_is_searched_in_a_smaller_copy() -> None:
    levels = tuple(np.zeros((size, size), dtype=np.uint8) for size in (6000, 3000, 1500, 750))
    seen = snapping._at_hand(ImagePyramid((6000, 6000), levels))
    assert seen.shape == (1500, 1500)


def test_the_window_remembers_how_far_clicks_snap(controller: PairsController, bench: Workbench) -> None:
    controller.snapping.set_radius(25.0)
    controller.snapping.set_on(False)
    assert (bench.is_snapping, bench.snap_radius_px) == (False, 25.0)
