"""Sources, slices and modes of real cases, with a mocked view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from engines.contract.kinds import OutputKind
from engines.contract.registry import all_specs
from engines.contract.spec import OutputSpec
from engines.imaging.comparison import Change
from engines.imaging.volumes.mask_editing import Paint, brush, stroke
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.compare import volume_compare_sources
from workstation.controllers.compare.volume_compare_controller import VolumeCompareController
from workstation.controllers.compare.volume_compare_sources import volume_sources
from workstation.controllers.workbench import Workbench
from workstation.project.label_map_commands import PaintVoxels
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.volume import Plane
from workstation.views.protocols.volume_compare import SliceSet, VolumeCompareScreenView

COLOURS = {Change.KEPT: "#999999", Change.ADDED: "#0072B2", Change.REMOVED: "#D55E00"}
AFFINE = np.array([[-0.8, 0, 0, 30.0], [0, 0.8, 0, -12.0], [0, 0, 2.5, 100.0], [0, 0, 0, 1.0]])
SHAPE = (20, 18, 9)


@pytest.fixture
def view() -> MagicMock:
    return MagicMock(spec=VolumeCompareScreenView)


@pytest.fixture
def controller(case_bench: Workbench, view: MagicMock, tmp_path: Path) -> Iterator[VolumeCompareController]:
    made = VolumeCompareController(
        case_bench, view, COLOURS, ((-160.0, 240.0), (-150.0, 450.0)), tmp_path / "cache"
    )
    yield made
    made.close()


def settle(bench: Workbench, qtbot) -> None:
    qtbot.waitUntil(lambda: bench.background.num_waiting == 0, timeout=20000)


def show(controller: VolumeCompareController, bench: Workbench, qtbot, item_id: str = "case_0") -> None:
    bench.set_item(item_id)
    controller.set_shown(True)
    settle(bench, qtbot)


def shown(controller: VolumeCompareController) -> SliceSet:
    assert controller.shown is not None
    return controller.shown


def names(controller: VolumeCompareController) -> list[str]:
    assert controller.sources is not None
    return [controller.sources.get(key).name for key in controller.chosen]


def rgb(content) -> np.ndarray:
    return content.picture.levels[0][:, :, 2::-1]


def test_label_maps_fill_the_panes_and_the_imported_one_is_the_reference(
    controller: VolumeCompareController, case_bench: Workbench, view: MagicMock, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    assert names(controller) == ["input", "refined", "ground truth"]
    assert controller.sources.get(controller.reference).name == "ground truth"
    assert [content.is_reference for content in shown(controller).contents] == [False, False, True]
    assert view.set_shown.call_args.args == (True,)
    assert shown(controller).letters == ("R", "L", "A", "P")


def test_slices_of_thick_volumes_are_shown_in_square_pixels(
    controller: VolumeCompareController, case_bench: Workbench, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    assert shown(controller).size == (20, 18)
    controller.set_plane(Plane.CORONAL)
    settle(case_bench, qtbot)
    # 9 slices of 2.5 mm, in pixels of 0.8 mm.
    assert shown(controller).size == (20, 28)
    assert shown(controller).spacing_mm == pytest.approx(0.8)
    assert shown(controller).letters == ("R", "L", "S", "I")
    assert shown(controller).contents[0].picture.levels[0].shape[:2] == (28, 20)


def test_labels_lie_where_they_are_in_the_patient(
    controller: VolumeCompareController, case_bench: Workbench, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    coloured = np.ptp(rgb(shown(controller).contents[0]).astype(int), axis=2) > 20
    # The array's first axis points to the left: the picture is not mirrored.
    expected = np.zeros(SHAPE[:2], dtype=bool)
    expected[6:14, 4:12] = True
    np.testing.assert_array_equal(coloured, expected.T[::-1])


def test_wheel_and_click_move_every_pane(
    controller: VolumeCompareController, case_bench: Workbench, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    assert shown(controller).number == 4
    controller.step(3)
    settle(case_bench, qtbot)
    assert (shown(controller).number, shown(controller).num_slices) == (7, 9)
    assert not (np.ptp(rgb(shown(controller).contents[0]).astype(int), axis=2) > 20).any()
    controller.step(100)
    settle(case_bench, qtbot)
    assert shown(controller).number == 8
    controller.place(3.0, 17.0)
    settle(case_bench, qtbot)
    assert shown(controller).cross_xy == pytest.approx((3.0, 17.0))
    controller.set_plane(Plane.SAGITTAL)
    settle(case_bench, qtbot)
    assert shown(controller).number == 3


def test_difference_holds_shares_and_volumes_of_the_whole_case(
    controller: VolumeCompareController, case_bench: Workbench, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    controller.set_mode(Mode.DIFFERENCE)
    settle(case_bench, qtbot)
    content = shown(controller).contents[0]
    voxel_ml = 0.8 * 0.8 * 2.5 / 1000
    assert content.volumes_ml[Change.REMOVED] == pytest.approx(2 * 8 * 5 * voxel_ml)
    assert content.shares[Change.KEPT] == pytest.approx(0.8)
    red = content.composed.levels[0][:, :, 2::-1]
    assert (red == [0xD5, 0x5E, 0x00]).all(axis=2).sum() == 2 * 8
    assert shown(controller).contents[2].composed is None


def test_distance_has_a_scale_in_mm(
    controller: VolumeCompareController, case_bench: Workbench, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    controller.set_mode(Mode.DISTANCE)
    settle(case_bench, qtbot)
    # The surface lies up to two voxels of 0.8 mm inside.
    assert shown(controller).contents[0].legend_mm == 2.0
    assert shown(controller).contents[0].composed is not None
    # One scale for all panes: colours are compared between them.
    assert shown(controller).contents[1].legend_mm == 2.0
    assert shown(controller).contents[2].legend_mm is None


def test_another_class_is_another_comparison(
    controller: VolumeCompareController, case_bench: Workbench, view: MagicMock, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    assert view.show_classes.call_args.args == ([(1, "label 1")], 0)
    controller.set_mode(Mode.DIFFERENCE)
    controller.set_class(7)
    settle(case_bench, qtbot)
    assert set(shown(controller).contents[0].volumes_ml.values()) == {0.0}


def test_a_stroke_is_seen_and_measured_at_once(
    controller: VolumeCompareController, case_bench: Workbench, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    controller.set_mode(Mode.DIFFERENCE)
    settle(case_bench, qtbot)
    before = shown(controller).contents[0].shares[Change.KEPT]
    project = case_bench.project
    label_map = next(one for one in project.label_maps.of_item("case_0") if one.name == "input")
    volume, _ = project.label_maps.read(label_map.id)
    change = stroke(volume.voxels, [(5, 6, 4)], brush(volume.geometry.spacing_mm, 1.0, None), Paint(1))
    project.history.execute(PaintVoxels(label_map.id, change.to_text()))
    qtbot.waitUntil(lambda: shown(controller).contents[0].shares[Change.KEPT] > before, timeout=10000)


def test_maps_of_two_grids_name_both_and_are_resampled_only_when_asked(
    controller: VolumeCompareController,
    case_bench: Workbench,
    view: MagicMock,
    add_case: Callable[..., None],
    qtbot,
) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 1.6
    labels = np.zeros(SHAPE, np.uint8)
    labels[6:14, 4:12, 2:7] = 1
    add_case(
        case_bench.project,
        "two_grids",
        {"input": ("manual", labels), "ground truth": ("import", labels)},
        map_affines={"input": moved},
    )
    show(controller, case_bench, qtbot, "two_grids")
    problem = str(shown(controller).contents[0].problem)
    assert problem.count("20 x 18 x 9 voxels of 0.8 x 0.8 x 2.5 mm (LAS)") == 2
    assert "two grids" in str(view.show_grids.call_args.args[0])
    controller.set_resampling(True)
    settle(case_bench, qtbot)
    content = shown(controller).contents[0]
    assert content.is_resampled
    assert not content.problem.text
    controller.set_mode(Mode.DIFFERENCE)
    settle(case_bench, qtbot)
    assert "two grids" in str(shown(controller).contents[0].note)


def test_a_case_without_label_maps_says_what_to_do(
    controller: VolumeCompareController,
    case_bench: Workbench,
    view: MagicMock,
    add_case: Callable[..., None],
    qtbot,
) -> None:
    add_case(case_bench.project, "bare", {})
    show(controller, case_bench, qtbot, "bare")
    assert not controller.is_showing
    assert "no label map" in view.show_message.call_args.args[0].text


def test_empty_maps_of_thin_volumes_are_shown_and_say_so(
    controller: VolumeCompareController, case_bench: Workbench, add_case: Callable[..., None], qtbot
) -> None:
    flat = np.zeros((20, 18, 2), np.uint8)
    add_case(case_bench.project, "flat", {"input": ("manual", flat), "ground truth": ("import", flat)})
    show(controller, case_bench, qtbot, "flat")
    for plane in Plane:
        controller.set_plane(plane)
        for mode in (Mode.DIFFERENCE, Mode.DISTANCE):
            controller.set_mode(mode)
            settle(case_bench, qtbot)
    content = shown(controller).contents[0]
    assert content.legend_mm is None
    assert content.note.text == "Both masks are empty."


def test_a_single_slice_is_refused_with_the_reason(
    controller: VolumeCompareController,
    case_bench: Workbench,
    add_case: Callable[..., None],
    view: MagicMock,
    qtbot,
) -> None:
    flat = np.zeros((20, 18, 1), np.uint8)
    add_case(case_bench.project, "single", {"a": ("manual", flat), "b": ("import", flat)})
    show(controller, case_bench, qtbot, "single")
    assert "only one slice" in str(view.show_message.call_args.args[0])


def test_voxels_that_are_no_numbers_are_black(
    controller: VolumeCompareController, case_bench: Workbench, add_case: Callable[..., None], qtbot
) -> None:
    empty = np.zeros(SHAPE, np.uint8)
    add_case(case_bench.project, "holes", {"a": ("manual", empty), "b": ("import", empty)})
    values = np.full(SHAPE, 900.0, np.float32)
    values[:10], values[10:14] = np.nan, -900.0
    path = case_bench.project.items.get("holes").files["cta"].path
    write_volume(path, Volume(values, VolumeGeometry(SHAPE, AFFINE)))
    show(controller, case_bench, qtbot, "holes")
    picture = rgb(shown(controller).contents[0])
    assert set(np.unique(picture)) == {0, 255}


def test_images_of_a_set_lie_under_label_maps_by_choice(
    controller: VolumeCompareController,
    case_bench: Workbench,
    add_case: Callable[..., None],
    view: MagicMock,
    qtbot,
) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    add_case(case_bench.project, "set", {"mask": ("manual", labels)}, roles=("t1", "flair"))
    show(controller, case_bench, qtbot, "set")
    assert view.show_images.call_args.args == ([("t1", "T1"), ("flair", "FLAIR")], "")
    controller.drag_window(0, 60.0, 0.0)
    settle(case_bench, qtbot)
    before = rgb(shown(controller).contents[-1])
    controller.set_base("flair")
    settle(case_bench, qtbot)
    assert shown(controller).contents[-1].picture.size == (20, 18)
    assert before.shape == rgb(shown(controller).contents[-1]).shape


def test_presets_are_windows_of_every_image_in_hu(
    controller: VolumeCompareController, case_bench: Workbench, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    assert controller.has_hu
    controller.set_masks(False)
    controller.set_window((2000.0, 3000.0))
    settle(case_bench, qtbot)
    assert all(rgb(content).max() == 0 for content in shown(controller).contents)
    controller.drag_window(0, 0.0, -800.0)
    settle(case_bench, qtbot)
    assert rgb(shown(controller).contents[0]).max() > 0
    controller.reset_window()
    assert controller.wish.adjustments[0].preset is None


def test_label_maps_can_be_hidden(controller: VolumeCompareController, case_bench: Workbench, qtbot) -> None:
    show(controller, case_bench, qtbot)
    picture = rgb(shown(controller).contents[0])
    assert (np.ptp(picture, axis=2) > 0).any()
    controller.set_masks(False)
    settle(case_bench, qtbot)
    picture = rgb(shown(controller).contents[0])
    assert (np.ptp(picture, axis=2) == 0).all()
    assert shown(controller).contents[0].picture is not None
    controller.set_masks(True)
    settle(case_bench, qtbot)
    assert (np.ptp(rgb(shown(controller).contents[0]), axis=2) > 0).any()


def test_window_is_shared_until_it_is_unlinked(
    controller: VolumeCompareController, case_bench: Workbench, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    controller.drag_window(0, 0.0, 100.0)
    assert len(set(controller.wish.adjustments)) == 1
    controller.set_window_linked(False)
    controller.drag_window(1, 50.0, 0.0)
    assert len(set(controller.wish.adjustments)) == 2
    controller.reset_window()
    settle(case_bench, qtbot)
    assert len(set(controller.wish.adjustments)) == 1


def test_outputs_of_runs_are_sources_by_their_kind(
    case_bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = case_bench.project
    spec = MagicMock(key="some_method", item_kinds=(project.items.get("case_0").kind,))
    spec.outputs = (OutputSpec("refined_mask", OutputKind.LABEL_MAP, "Refined mask"),)
    monkeypatch.setattr(volume_compare_sources, "all_specs", lambda: [*all_specs(), spec])
    folder = project.runs.root / "R-001"
    (folder / "outputs" / "refined_mask").mkdir(parents=True)
    (folder / "config.yaml").write_text("pipeline: some_method\naction: predict\n", encoding="utf-8")
    path = folder / "outputs" / "refined_mask" / "case_0.nii.gz"
    write_volume(path, Volume(np.zeros(SHAPE, np.uint8), VolumeGeometry(SHAPE, AFFINE)))
    sources = volume_sources(project, project.items.get("case_0"))
    run = sources.get("run:R-001:refined_mask")
    assert run is not None
    assert run.row.is_result
    assert run.name == "R-001 refined_mask"
    assert sources.get(sources.reference).name == "ground truth"


def test_images_are_left_to_the_other_controller(
    controller: VolumeCompareController, case_bench: Workbench, view: MagicMock, qtbot
) -> None:
    show(controller, case_bench, qtbot)
    case_bench.set_item("")
    settle(case_bench, qtbot)
    assert not controller.is_active
    assert view.set_shown.call_args.args == (False,)
