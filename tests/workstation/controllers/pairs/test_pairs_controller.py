"""The controller with a real project and a mocked view: no widget, no canvas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from engines.contract.transform_file import TransformFile
from workstation.controllers.pairs.pairs_controller import PairsController
from workstation.controllers.pairs.registrations import Registration
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.pairs import PairRow, PairsView, RegistrationSummary


@pytest.fixture
def bench(qapp, pair_project_folder: Path) -> Iterator[Workbench]:
    made = Workbench()
    made.annotator = "wang"
    made.set_project(Project.open(pair_project_folder))
    yield made
    made.close()


@pytest.fixture
def view() -> MagicMock:
    made = MagicMock(spec=PairsView)
    made.image_px.side_effect = lambda _side, screen_px: screen_px
    return made


@pytest.fixture
def controller(bench: Workbench, view: MagicMock, qtbot) -> PairsController:
    made = PairsController(bench, view)
    bench.set_item("pair_a")
    qtbot.waitUntil(lambda: made.has_pair_of_images and bench.background.num_waiting == 0)
    return made


def labels(controller: PairsController) -> list[str]:
    return [row.label for row in controller.pair_fit.rows]


def row(controller: PairsController, label: str) -> PairRow:
    return next(row for row in controller.pair_fit.rows if row.label == label)


def stored(bench: Workbench, item_id: str = "pair_a") -> dict[str, object]:
    return {pair.label: pair for pair in bench.project.keypoints.pairs(item_id)}


def registration(verdict: str) -> Registration:
    matrix = None if verdict == "not_registered" else [[1.0, 0, 5], [0, 1, 6], [0, 0, 1]]
    transform = TransformFile(
        matrix=matrix,
        fixed_size=(200, 160),
        moving_size=(200, 160),
        verdict=verdict,
        method="classical",
        z=3.2,
    )
    return Registration("run", transform)


def last_registration(view: MagicMock) -> RegistrationSummary:
    return view.show_registration.call_args.args[0]


def test_item_is_shown_with_images_captions_and_pairs(controller: PairsController, view: MagicMock) -> None:
    fixed, moving = view.show_images.call_args.args
    assert fixed.shape == moving.shape == (160, 200)
    view.show_captions.assert_called_with("FA   200 × 160 px", "CF   200 × 160 px")
    assert labels(controller) == ["1", "2", "3", "4", "5", "6"]
    assert view.show_message.call_args.args[0].text == ""


def test_first_click_is_fixed_and_second_is_moving(controller: PairsController, bench: Workbench) -> None:
    controller.set_adding(True)
    controller.click("moving", 5, 5)
    assert len(stored(bench)) == 6
    controller.click("fixed", 20, 30)
    half = stored(bench)["7"]
    assert (half.fixed_xy, half.moving_xy, half.annotator) == ((20, 30), None, "wang")
    assert row(controller, "7").state == "half"
    used = controller.pair_fit.summary.num_used
    controller.click("moving", 25, 35)
    assert stored(bench)["7"].moving_xy == (25, 35)
    assert controller.pair_fit.summary.num_used == used + 1
    assert controller.half == ""


def test_second_click_in_fixed_corrects_the_half_pair(controller: PairsController, bench: Workbench) -> None:
    controller.set_adding(True)
    controller.click("fixed", 20, 30)
    controller.click("fixed", 22, 31)
    assert len(stored(bench)) == 7
    assert stored(bench)["7"].fixed_xy == (22, 31)


def test_half_pair_can_be_dropped(controller: PairsController, bench: Workbench) -> None:
    controller.set_adding(True)
    controller.click("fixed", 20, 30)
    controller.edits.drop_half()
    assert len(stored(bench)) == 6
    assert controller.half == ""


def test_clicks_place_nothing_while_selecting(controller: PairsController, bench: Workbench) -> None:
    controller.click("fixed", 20, 30)
    assert len(stored(bench)) == 6


def test_move_is_stored_and_undone(controller: PairsController, bench: Workbench) -> None:
    before = row(controller, "2")
    controller.move(before.id, "moving", 1.5, 2.5)
    assert stored(bench)["2"].moving_xy == (1.5, 2.5)
    bench.project.history.undo("pair_a")
    controller.refresh()
    assert row(controller, "2").moving_xy == before.moving_xy


def test_drag_shows_residuals_but_stores_nothing(
    controller: PairsController, bench: Workbench, view: MagicMock
) -> None:
    before = row(controller, "2")
    controller.drag(before.id, "moving", 90, 90)
    shown = {row.label: row for row in view.show_pairs.call_args.args[0]}
    assert shown["2"].moving_xy == (90, 90)
    assert shown["2"].fit_px > before.fit_px
    assert stored(bench)["2"].moving_xy == before.moving_xy


def test_nudge_moves_the_selected_point(controller: PairsController, bench: Workbench) -> None:
    before = row(controller, "3")
    controller.edits.nudge("fixed", 0.25, 0)
    assert stored(bench)["3"].fixed_xy == before.fixed_xy
    controller.select(before.id)
    controller.edits.nudge("fixed", 0.25, -1)
    assert stored(bench)["3"].fixed_xy == (before.fixed_xy[0] + 0.25, before.fixed_xy[1] - 1)


def test_point_outside_the_image_is_refused_with_a_card(
    controller: PairsController, bench: Workbench, qtbot
) -> None:
    with qtbot.waitSignal(bench.card_posted) as posted:
        controller.move(row(controller, "1").id, "fixed", 5000, 5000)
    assert posted.args[0].what.text
    assert stored(bench)["1"].fixed_xy == row(controller, "1").fixed_xy


def test_excluding_and_including_changes_the_fit(controller: PairsController) -> None:
    mean = controller.pair_fit.summary.mean_px
    controller.select(row(controller, "6").id)
    controller.edits.toggle_excluded()
    assert row(controller, "6").state == "excluded"
    assert controller.pair_fit.summary.mean_px < mean
    controller.edits.toggle_excluded()
    assert controller.pair_fit.summary.mean_px == pytest.approx(mean)


def test_delete_clears_the_selection(controller: PairsController, bench: Workbench) -> None:
    controller.select(row(controller, "1").id)
    controller.edits.delete()
    assert "1" not in stored(bench)
    assert controller.selected == ""


def test_worst_walk_begins_at_the_worst_and_goes_down(controller: PairsController, view: MagicMock) -> None:
    controller.choose_model("similarity")
    controller.select(row(controller, "1").id)
    seen = []
    for _ in range(6):
        controller.step_worst()
        seen.append(next(row for row in controller.pair_fit.rows if row.id == controller.selected))
    assert seen[0].label == "6"
    assert [row.loo_px for row in seen] == sorted((row.loo_px for row in seen), reverse=True)
    assert view.centre_on.call_args.args[0] == seen[-1]


def test_step_wraps_around(controller: PairsController) -> None:
    controller.step(1)
    first = controller.selected
    controller.step(-1)
    assert controller.selected == controller.pair_fit.rows[-1].id
    controller.step(1)
    assert controller.selected == first


def test_simpler_model_needs_fewer_pairs(controller: PairsController, bench: Workbench, qtbot) -> None:
    bench.set_item("pair_b")
    qtbot.waitUntil(lambda: controller.has_pair_of_images)
    controller.set_adding(True)
    for x, y in ((20, 20), (150, 40)):
        controller.click("fixed", x, y)
        controller.click("moving", x + 3, y)
    assert controller.pair_fit.summary.missing == 2
    assert controller.link is None
    controller.choose_model("similarity")
    assert controller.pair_fit.summary.missing == 0
    np.testing.assert_allclose(controller.link.matrix, [[1, 0, -3], [0, 1, 0], [0, 0, 1]], atol=1e-9)


def test_verified_registration_links_the_views_by_itself(
    controller: PairsController, view: MagicMock
) -> None:
    controller.registration.take(registration("registered"))
    np.testing.assert_allclose(controller.link.matrix[:2, 2], [5, 6])
    assert last_registration(view).is_used
    controller.registration.choose_link("pairs")
    assert controller.link is controller.pair_fit.fixed_from_moving


def test_uncertain_registration_waits_for_a_click(controller: PairsController, view: MagicMock) -> None:
    fitted = controller.pair_fit.fixed_from_moving
    controller.registration.take(registration("uncertain"))
    assert controller.link is fitted
    assert not last_registration(view).is_used
    controller.registration.choose_link("result")
    assert controller.link is fitted
    controller.registration.use_anyway()
    np.testing.assert_allclose(controller.link.matrix[:2, 2], [5, 6])
    assert last_registration(view).is_used


def test_failed_registration_is_never_overlaid(controller: PairsController, view: MagicMock) -> None:
    controller.registration.take(registration("not_registered"))
    controller.registration.use_anyway()
    assert controller.link is None
    controller.overlay.set_mode(Mode.BLEND)
    assert view.show_overlay.call_args.args[0].picture is None


def test_images_of_an_item_left_behind_are_dropped(
    controller: PairsController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    bench.set_item("pair_b")
    bench.set_item("")
    qtbot.waitUntil(lambda: bench.background.num_waiting == 0)
    assert view.show_images.call_args.args == (None, None)
    assert not controller.has_pair_of_images


def test_moved_file_says_so_and_keeps_the_points(
    controller: PairsController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    bench.project.items.get("pair_b").files["moving"].path.unlink()
    with qtbot.waitSignal(bench.card_posted) as posted:
        bench.set_item("pair_b")
    assert "no longer there" in posted.args[0].what.text
    assert "no longer there" in view.show_message.call_args.args[0].text


def test_edit_by_another_window_is_shown(
    controller: PairsController, bench: Workbench, pair_project_folder: Path, qtbot
) -> None:
    from workstation.project.commands import AddPair

    with Project.open(pair_project_folder) as other:
        other.history.execute(AddPair("pair_a", (1.0, 2.0), (3.0, 4.0), label="other"))
    bench.project.notice_external_changes()
    qtbot.waitUntil(lambda: "other" in labels(controller))


def test_an_edit_made_here_is_fitted_once(
    controller: PairsController, bench: Workbench, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workstation.controllers.pairs import pairs_controller

    fits = []
    fit_pairs = pairs_controller.fit_pairs
    monkeypatch.setattr(
        pairs_controller,
        "fit_pairs",
        lambda *words, **options: fits.append(words) or fit_pairs(*words, **options),
    )
    controller.select(controller.pair_fit.rows[0].id)
    with qtbot.waitSignal(bench.data_changed):
        controller.edits.nudge("fixed", 0.25, 0.0)
    assert len(fits) == 1


def test_many_pairs_get_their_left_out_residuals_later(
    controller: PairsController, bench: Workbench, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.controllers.pairs.pairs_controller.MAX_FITS_AT_ONCE", 5)
    controller.refresh()
    assert row(controller, "1").fit_px is not None
    assert row(controller, "1").loo_px is None
    qtbot.waitUntil(lambda: row(controller, "1").loo_px is not None)
