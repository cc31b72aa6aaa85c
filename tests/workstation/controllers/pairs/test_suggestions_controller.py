"""Taking suggestions in and answering them, with a real project, a mocked view and written files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from engines.contract.suggestions_file import SuggestedPair, SuggestionsFile
from workstation.controllers.pairs.pairs_controller import PairsController
from workstation.controllers.workbench import Workbench
from workstation.project.annotations import KeypointPair, PairState
from workstation.project.project import Project
from workstation.views.protocols.edits import SuggestionSummary
from workstation.views.protocols.pairs import PairsView

PLACES = ((20.0, 20.0), (90.0, 20.0), (20.0, 90.0), (180.0, 60.0))
SCORES = (0.95, 0.92, 0.7, 0.4)


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


def suggestions_file(bench: Workbench, places: tuple[tuple[float, float], ...] = PLACES) -> SuggestionsFile:
    files = bench.project.items.get("pair_a").files
    return SuggestionsFile(
        method="classical",
        fixed_sha256=files["fixed"].sha256,
        moving_sha256=files["moving"].sha256,
        pairs=tuple(
            SuggestedPair(fixed_xy=xy, moving_xy=xy, score=score)
            for xy, score in zip(places, SCORES, strict=False)
        ),
    )


def left(controller: PairsController) -> list[KeypointPair]:
    return controller.selection.suggestions


def shown(view: MagicMock) -> SuggestionSummary:
    return view.show_suggestions.call_args.args[0]


@pytest.fixture
def asked(controller: PairsController, bench: Workbench) -> PairsController:
    controller.suggestions.take("pair_a", "run-1", suggestions_file(bench))
    return controller


def test_suggestions_arrive_in_one_step_and_change_no_fit(
    asked: PairsController, bench: Workbench, view: MagicMock
) -> None:
    assert [pair.score for pair in left(asked)] == list(SCORES)
    assert {pair.source for pair in left(asked)} == {"run-1"}
    assert asked.pair_fit.summary.num_used == 6
    assert str(bench.project.history.undo_title("pair_a")) == "suggest 4 points"
    assert asked.selected == left(asked)[0].id
    assert (shown(view).num_left, shown(view).num_sure) == (4, 2)
    assert not asked.half


def test_none_beside_a_pair_or_a_rejected_place(controller: PairsController, bench: Workbench) -> None:
    placed = controller.selection.pairs[0]
    beside = (placed.fixed_xy[0] + 3, placed.fixed_xy[1])
    controller.suggestions.take("pair_a", "run-1", suggestions_file(bench, (beside, *PLACES[:2])))
    assert len(left(controller)) == 2
    controller.suggestions.reject()
    controller.suggestions.take("pair_a", "run-2", suggestions_file(bench))
    assert [pair.fixed_xy for pair in left(controller)] == list(PLACES[1:])
    assert {pair.source for pair in left(controller)} == {"run-2"}


def test_answers_go_on_to_the_next(asked: PairsController, bench: Workbench) -> None:
    first, second, third, fourth = left(asked)
    asked.suggestions.accept()
    accepted = bench.project.keypoints.get(first.id)
    assert (accepted.state, accepted.source, accepted.annotator) == (PairState.PLACED, "run-1", "wang")
    assert asked.selected == second.id
    asked.delete()
    assert bench.project.keypoints.get(second.id) is None
    assert asked.selected == third.id
    asked.select(fourth.id)
    asked.suggestions.reject()
    assert asked.selected == third.id
    assert asked.pair_fit.summary.num_used == 7


def test_all_from_a_threshold_and_all_the_rest(
    asked: PairsController, bench: Workbench, view: MagicMock
) -> None:
    asked.suggestions.set_threshold(0.7)
    assert shown(view).num_sure == 3
    asked.suggestions.accept_sure()
    assert [pair.score for pair in left(asked)] == [0.4]
    asked.suggestions.reject_all()
    assert left(asked) == []
    assert len(bench.project.keypoints.pairs("pair_a")) == 9


def test_a_suggestion_is_not_excluded_but_says_why(asked: PairsController) -> None:
    asked.edits.toggle_excluded()
    assert left(asked)[0].state is PairState.PREDICTED
    assert asked.suggestions.is_on_suggestion


def test_other_images_and_empty_files_say_why(
    controller: PairsController, bench: Workbench, view: MagicMock
) -> None:
    other = suggestions_file(bench).model_copy(update={"fixed_sha256": "another"})
    controller.suggestions.take("pair_a", "run-1", other)
    assert "other images" in str(shown(view).note)
    empty = SuggestionsFile(method="classical", reason="The transform was not verified.")
    controller.suggestions.take("pair_a", "run-1", empty)
    assert str(shown(view).note) == "The transform was not verified."
    assert left(controller) == []
    controller.suggestions.take("pair_a", "run-1", suggestions_file(bench))
    controller.suggestions.accept_sure()
    controller.suggestions.reject_all()
    controller.suggestions.take("pair_a", "run-2", suggestions_file(bench))
    assert "has a pair" in str(shown(view).note)


def test_only_a_run_that_was_asked_is_taken_in(
    controller: PairsController, bench: Workbench, view: MagicMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "workstation.controllers.pairs.suggestions_controller.read_suggestions",
        lambda *_: suggestions_file(bench),
    )
    monkeypatch.setattr(controller.registration, "register", lambda: None)
    controller.registration.ended.emit("run-0", "pair_a")
    assert left(controller) == []
    controller.suggestions.ask()
    assert shown(view).is_asking
    controller.registration.ended.emit("run-1", "pair_a")
    assert len(left(controller)) == 4
    assert not shown(view).is_asking
    controller.suggestions.ask()
    controller.registration.ended.emit("", "pair_a")
    assert not shown(view).is_asking
    assert {pair.source for pair in left(controller)} == {"run-1"}
