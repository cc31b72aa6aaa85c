"""Sources, panes and numbers of a real project, with a mocked view."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from engines.contract.transform_file import TransformFile
from engines.imaging.comparison import Change
from engines.imaging.images import write_image
from workstation.controllers.compare.compare_controller import CompareController
from workstation.controllers.pairs.registrations import newest_registration, registering_spec
from workstation.controllers.workbench import Workbench
from workstation.project.commands import MovePoint
from workstation.project.exporters.transform_exports import newest_transform
from workstation.project.project import Project
from workstation.project.result_commands import Verdict
from workstation.views.protocols.compare import CompareScreenView, PaneContent
from workstation.views.protocols.overlay_modes import Mode

COLOURS = {Change.KEPT: "#999999", Change.ADDED: "#0072B2", Change.REMOVED: "#D55E00"}


def add_run(project: Project, name: str, shift: float | None, item_id: str = "pair_a") -> str:
    """Write the folder of a run that registered an item by a shift, or found nothing."""
    folder = project.runs.root / name
    matrix = None if shift is None else [[1.0, 0.0, shift], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    verdict = "not_registered" if shift is None else "registered"
    transform = TransformFile(
        matrix=matrix, fixed_size=(200, 160), moving_size=(200, 160), verdict=verdict, method="classical"
    )
    path = folder / "outputs" / "transform" / f"{item_id}.json"
    path.parent.mkdir(parents=True)
    transform.write(path)
    (folder / "config.yaml").write_text("pipeline: x\naction: predict\n", encoding="utf-8")
    return f"run:{name}"


@pytest.fixture
def bench(qapp, pair_project_folder: Path) -> Iterator[Workbench]:
    made = Workbench()
    made.set_project(Project.open(pair_project_folder))
    yield made
    made.close()


@pytest.fixture
def view() -> MagicMock:
    return MagicMock(spec=CompareScreenView)


@pytest.fixture
def controller(bench: Workbench, view: MagicMock) -> Iterator[CompareController]:
    made = CompareController(bench, view, COLOURS)
    yield made
    made.close()


def show(controller: CompareController, bench: Workbench, qtbot, item_id: str = "pair_a") -> None:
    bench.set_item(item_id)
    controller.set_shown(True)
    settle(bench, qtbot)


def settle(bench: Workbench, qtbot) -> None:
    qtbot.waitUntil(lambda: bench.background.num_waiting == 0)


def pane(view: MagicMock, index: int) -> PaneContent:
    shown = [call.args[1] for call in view.show_pane.call_args_list if call.args[0] == index]
    return shown[-1]


def numbers(view: MagicMock) -> dict[str, object]:
    return {row.key: row for row in view.show_numbers.call_args.args[0]}


def test_last_two_results_fill_the_panes(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    first = add_run(bench.project, "run_1", 3.0)
    show(controller, bench, qtbot)
    assert controller.chosen == (first, "pairs:homography")
    rows, chosen, reference = view.show_sources.call_args.args
    assert [row.key for row in rows][:2] == [first, "pairs:homography"]
    assert reference == "fixed"
    assert tuple(chosen) == controller.chosen
    assert pane(view, 0).picture.size == (200, 160)
    assert view.show_frame.call_args.args[1] == (200, 160)
    assert len(pane(view, 1).points) == 6
    assert len(pane(view, 0).vectors.length_px) == 6


def test_results_that_repeat_a_newer_one_do_not_fill_the_panes(
    controller: CompareController, bench: Workbench, qtbot
) -> None:
    for number in (1, 2):
        add_run(bench.project, f"run_{number}", 3.0)
    show(controller, bench, qtbot)
    assert [key.split(":")[0] for key in controller.chosen] == ["run", "pairs"]


def test_nothing_to_compare_is_an_empty_state_that_can_be_passed(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    show(controller, bench, qtbot, "pair_b")
    assert not controller.is_showing
    assert view.show_message.call_args.kwargs["is_empty"]
    controller.show_unregistered()
    settle(bench, qtbot)
    assert controller.chosen == ("fixed", "size")


def test_numbers_say_what_they_are_worth(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    run, failed = add_run(bench.project, "run_1", 3.0), add_run(bench.project, "run_2", None)
    show(controller, bench, qtbot)
    rows = numbers(view)
    assert rows[run].evidence == "independent"
    assert rows[run].verdict == "registered"
    assert rows[run].overlap == pytest.approx(0.985, abs=0.01)
    assert rows[failed].mean_px is None
    fit = rows["pairs:homography"]
    assert fit.evidence == "fit"
    assert fit.left_out_px > fit.mean_px
    fixed, moving = (
        np.array([getattr(pair, f"{side}_xy") for pair in bench.project.keypoints.pairs("pair_a")])
        for side in ("fixed", "moving")
    )
    expected = np.hypot(*(moving + np.array([3.0, 0.0]) - fixed).T).mean()
    assert rows[run].mean_px == pytest.approx(expected)


def test_accepted_suggestions_of_a_run_do_not_count_as_independent(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot, monkeypatch
) -> None:
    run = add_run(bench.project, "run_1", 3.0)
    pairs = bench.project.keypoints.pairs("pair_a")
    own = [type(pairs[0])(**{**{n: getattr(pairs[0], n) for n in pairs[0].__slots__}, "source": "run_1"})]
    monkeypatch.setattr(bench.project.keypoints, "pairs", lambda _item: own + pairs[1:])
    show(controller, bench, qtbot)
    assert numbers(view)[run].evidence == "own"


def test_modes_ask_only_for_what_they_need(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    add_run(bench.project, "run_1", 3.0)
    show(controller, bench, qtbot)
    calls = view.show_pane.call_count
    controller.choose(Mode.CURTAIN)
    settle(bench, qtbot)
    assert view.show_pane.call_count == calls
    assert view.show_mode.call_args.args == (Mode.CURTAIN,)
    controller.choose(Mode.BLEND)
    settle(bench, qtbot)
    assert pane(view, 0).composed is not None
    assert not pane(view, 0).is_reference
    controller.choose(Mode.BLEND)
    assert controller.mode is Mode.TILES


def test_difference_has_colours_and_shares(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    add_run(bench.project, "run_1", 0.0)
    show(controller, bench, qtbot)
    controller.set_mode(Mode.DIFFERENCE)
    settle(bench, qtbot)
    shares = pane(view, 0).shares
    assert sum(shares.values()) == pytest.approx(1.0)


def test_difference_counts_only_where_both_images_lie(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    add_run(bench.project, "run_1", 120.0)
    show(controller, bench, qtbot)
    controller.set_mode(Mode.DIFFERENCE)
    settle(bench, qtbot)
    painted = pane(view, 0).composed.levels[0]
    is_coloured = (painted[:, :, 0] != painted[:, :, 2]) | (painted[:, :, 1] == 0x99)
    assert is_coloured[:, 130:].any()
    assert not is_coloured[:, :119].any(), "the moving image does not reach here"


def test_failed_registration_says_so_in_its_pane(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    add_run(bench.project, "run_1", 3.0)
    failed = add_run(bench.project, "run_2", None)
    show(controller, bench, qtbot)
    controller.choose_source(0, failed)
    settle(bench, qtbot)
    assert pane(view, 0).picture is None
    assert "no transform" in pane(view, 0).problem.text


def test_moved_point_changes_fit_and_picture(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    show(controller, bench, qtbot)
    before = numbers(view)["pairs:homography"].mean_px
    index = controller.chosen.index("pairs:homography")
    picture = pane(view, index).picture
    worst = bench.project.keypoints.pairs("pair_a")[-1]
    bench.project.history.execute(
        MovePoint(worst.id, "fixed", (worst.fixed_xy[0] - 9, worst.fixed_xy[1] - 4))
    )
    qtbot.waitUntil(lambda: numbers(view)["pairs:homography"].mean_px != before)
    settle(bench, qtbot)
    assert numbers(view)["pairs:homography"].mean_px < before
    assert pane(view, index).picture is not picture


def test_panes_are_added_removed_and_remembered(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    show(controller, bench, qtbot)
    for _ in range(8):
        controller.add_pane()
    assert len(controller.chosen) == 6
    for _ in range(8):
        controller.remove_pane(0)
    assert len(controller.chosen) == 2
    kept = controller.chosen
    bench.set_item("pair_b")
    settle(bench, qtbot)
    bench.set_item("pair_a")
    settle(bench, qtbot)
    assert controller.chosen == kept


def test_request_from_a_run_is_shown_first(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    old, _new = add_run(bench.project, "run_1", 3.0), add_run(bench.project, "run_2", 4.0)
    show(controller, bench, qtbot)
    bench.request_compare(old)
    settle(bench, qtbot)
    assert controller.chosen[0] == old
    assert len(controller.chosen) == 2


def test_nothing_is_read_while_another_screen_is_shown(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    bench.set_item("pair_a")
    settle(bench, qtbot)
    assert controller.sources is None


def test_image_and_mask_of_a_single_item_can_be_compared(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot, tmp_path: Path
) -> None:
    from engines.contract.kinds import FileKind, ItemKind
    from workstation.project.items import NewFile, insert_file, set_item_kind

    project = bench.project
    mask = np.zeros((160, 200), bool)
    mask[40:60] = True
    image = np.full((160, 200), 90, np.uint8)
    with project.store.write() as session:
        for role, kind, pixels in (("image", FileKind.IMAGE, image), ("vessel_mask", FileKind.MASK, mask)):
            path = tmp_path / f"{role}.png"
            write_image(path, pixels)
            new = NewFile("single", "S9", role, kind, path, role, 9, "CF", 200, 160)
            insert_file(session, new, project.folder)
        set_item_kind(session, "single", ItemKind.IMAGE_SET)
    show(controller, bench, qtbot, "single")
    assert controller.chosen == ("role:image", "role:vessel_mask")
    assert pane(view, 1).picture.levels[0][50, 50, 0] == 255


def test_a_registration_is_accepted_with_one_edit_and_undone(
    controller: CompareController, bench: Workbench, view: MagicMock, qtbot
) -> None:
    older = add_run(bench.project, "run_1", 3.0)
    newer = add_run(bench.project, "run_2", 5.0)
    show(controller, bench, qtbot)
    controller.request([older])
    settle(bench, qtbot)
    assert controller.judged == ("run_1", "registered")

    def said(verdict: str) -> None:
        qtbot.waitUntil(lambda: controller.judged == ("run_1", verdict))
        settle(bench, qtbot)

    controller.judge(Verdict.ACCEPTED)
    said("accepted")
    assert numbers(view)[older].verdict == "accepted"
    assert numbers(view)[newer].verdict == "registered"
    # It counts from now on, although another one is newer.
    spec = registering_spec(bench.project.items.get("pair_a").kind)
    found = newest_registration(bench.project, spec, "pair_a")
    assert (found.run_id, found.judged) == ("run_1", Verdict.ACCEPTED)
    assert newest_transform(bench.project, "pair_a").matrix[0][2] == 3.0
    count = len(bench.project.history.list())
    controller.judge(Verdict.ACCEPTED)
    assert len(bench.project.history.list()) == count, "once is enough"

    bench.project.history.undo("pair_a")
    said("registered")
    assert newest_registration(bench.project, spec, "pair_a").run_id == "run_2"
    controller.judge(Verdict.REJECTED)
    said("rejected")
    assert newest_registration(bench.project, spec, "pair_a").run_id == "run_2"
