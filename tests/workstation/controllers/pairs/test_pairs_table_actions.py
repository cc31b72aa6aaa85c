"""What the table and the chooser ask of the Pairs controller."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from workstation.controllers.pairs.pairs_controller import PairsController
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project
from workstation.views.protocols.pairs import PairRow, PairsView


@pytest.fixture
def bench(qapp, pair_project_folder: Path) -> Iterator[Workbench]:
    made = Workbench()
    made.set_project(Project.open(pair_project_folder))
    yield made
    made.close()


@pytest.fixture
def view() -> MagicMock:
    return MagicMock(spec=PairsView)


@pytest.fixture
def controller(bench: Workbench, view: MagicMock, qtbot) -> PairsController:
    made = PairsController(bench, view)
    bench.set_item("pair_a")
    qtbot.waitUntil(lambda: made.has_pair_of_images and bench.background.num_waiting == 0)
    return made


def row(controller: PairsController, label: str) -> PairRow:
    return next(row for row in controller.pair_fit.rows if row.label == label)


def test_check_box_leaves_a_pair_out_and_takes_it_back(controller: PairsController, bench: Workbench) -> None:
    pair_id = row(controller, "3").id
    controller.set_used(pair_id, False)
    assert row(controller, "3").state == "excluded"
    assert controller.selected == pair_id
    revision = bench.project.keypoints.get(pair_id).revision
    controller.set_used(pair_id, False)
    assert bench.project.keypoints.get(pair_id).revision == revision
    controller.set_used(pair_id, True)
    assert row(controller, "3").state == "placed"


def test_next_follows_the_order_of_the_table(controller: PairsController) -> None:
    ids = {found.label: found.id for found in controller.pair_fit.rows}
    order = [ids["4"], ids["1"], ids["6"]]
    seen = []
    for _ in range(4):
        controller.step(1, order)
        seen.append(controller.selected)
    assert seen == [*order, ids["4"]]
    controller.step(-1, order)
    assert controller.selected == ids["6"]


def test_worst_walk_goes_back_up(controller: PairsController) -> None:
    controller.choose_model("similarity")
    controller.step_worst()
    worst = controller.selected
    controller.step_worst()
    assert controller.selected != worst
    controller.step_worst(-1)
    assert controller.selected == worst


def test_nearest_pair_is_selected(controller: PairsController) -> None:
    wanted = row(controller, "5")
    x, y = wanted.moving_xy
    controller.select_nearest("moving", x + 1, y - 1)
    assert controller.selected == wanted.id


def test_every_model_is_compared_after_each_change(
    controller: PairsController, view: MagicMock, qtbot
) -> None:
    def scores() -> dict[str, object]:
        return {score.model: score for score in view.show_models.call_args.args[0]}

    qtbot.waitUntil(lambda: view.show_models.called and scores()["affine"].loo_px is not None)
    before = scores()
    assert before["quadratic"].missing == 0
    assert before["quadratic"].loo_px is None
    controller.set_used(row(controller, "6").id, False)
    qtbot.waitUntil(lambda: scores()["quadratic"].missing == 1)
    assert scores()["affine"].loo_px != pytest.approx(before["affine"].loo_px)


@pytest.mark.parametrize("model", ["similarity", "affine", "homography", "quadratic", "thin_plate_spline"])
def test_drag_shows_both_residuals_of_the_chosen_model(
    controller: PairsController, view: MagicMock, model: str
) -> None:
    controller.choose_model(model)
    dragged = row(controller, "2")
    controller.drag(dragged.id, "fixed", dragged.fixed_xy[0] + 20, dragged.fixed_xy[1])
    shown = {found.label: found for found in view.show_pairs.call_args.args[0]}
    assert shown["2"].fit_px is not None
    summary = view.show_fit.call_args.args[0]
    assert summary.model == model
    # The link follows, too: there the dragged pair is mapped as the table says.
    link = view.preview_link.call_args.args[0]
    mapped, partner = link.map_xy(shown["2"].moving_xy), shown["2"].fixed_xy
    assert math.dist(mapped, partner) == pytest.approx(shown["2"].fit_px, abs=1e-6)
    if model != "quadratic":  # Six pairs determine it, and leave none to be left out.
        assert shown["2"].loo_px > (dragged.loo_px or 0.0)
