"""The Volume screen without a window: stand-ins take the place of panes and panel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.contract.kinds import FileKind, ItemKind
from engines.contract.messages import Message
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.controllers.masks.label_edits import LabelEdits
from workstation.controllers.volume.label_arrays import LabelArrays
from workstation.controllers.volume.volume_controller import VolumeController
from workstation.controllers.workbench import Workbench
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap, PaintVoxels
from workstation.project.project import Project
from workstation.views.protocols.volume import (
    ClassRow,
    ImageLayer,
    LabelLayer,
    LayerRow,
    PaneEvent,
    PaneLayout,
    Plane,
    Position,
    SurfaceMesh,
    WindowRow,
)

SHAPE = (9, 7, 5)
AFFINE = np.array([[-0.8, 0, 0, 30.0], [0, 0.8, 0, -12.0], [0, 0, 2.5, 100.0], [0, 0, 0, 1.0]])
FINE = AFFINE @ np.diag([0.5, 0.5, 0.5, 1.0])
PRESETS = {"CTA": (-150.0, 450.0), "Soft tissue": (-160.0, 240.0)}


class FakeView:
    """Remembers what panes are told."""

    def __init__(self) -> None:
        self.grid: VolumeGeometry | None = None
        self.images: list[ImageLayer] = []
        self.labels: list[LabelLayer] = []
        self.refreshed: list[tuple[str, object]] = []
        self.meshes: Sequence[SurfaceMesh] = ()
        self.layout = PaneLayout.FOUR
        self.crosshair: Position = (0.0, 0.0, 0.0)

    def set_grid(self, grid: VolumeGeometry | None) -> None:
        self.grid = grid

    def set_images(self, layers: Sequence[ImageLayer]) -> None:
        self.images = list(layers)

    def set_labels(self, layers: Sequence[LabelLayer]) -> None:
        self.labels = list(layers)

    def refresh_labels(self, key: str, box: object = None) -> None:
        self.refreshed.append((key, box))

    def set_crosshair(self, position: Position, *, is_centred: bool = False) -> None:
        self.crosshair = position

    def set_layout(self, layout: PaneLayout) -> None:
        self.layout = layout

    def show_surfaces(self, meshes: Sequence[SurfaceMesh]) -> None:
        self.meshes = meshes


class FakeScreen:
    """Remembers what the screen is told."""

    def __init__(self) -> None:
        self.view = FakeView()
        self.layers: list[LayerRow] = []
        self.classes: list[ClassRow] = []
        self.num_unnamed = 0
        self.window = WindowRow()
        self.said: Message | None = None
        self.is_elsewhere = False
        self.progress: list[object] = []

    def show_layers(self, rows: Sequence[LayerRow]) -> None:
        self.layers = list(rows)

    def show_classes(self, rows: Sequence[ClassRow], num_unnamed: int = 0) -> None:
        self.classes, self.num_unnamed = list(rows), num_unnamed

    def show_window(self, window: WindowRow) -> None:
        self.window = window

    def show_problem(self, problem: Message | None, *, is_elsewhere: bool = False) -> None:
        self.said, self.is_elsewhere = problem, is_elsewhere

    def show_message(self, message: Message) -> None:
        self.said = message

    def show_progress(self, text: Message | None, share: float | None) -> None:
        self.progress.append(text)


def ramp(seed: int = 0) -> np.ndarray:
    i, j, k = np.indices(SHAPE)
    return (40 * i + 5 * j + 30 * k - 100 + seed).astype(np.int16)


def add_item(project: Project, item_id: str, kind: ItemKind, files: dict[str, tuple[str, str]]) -> None:
    """Record an item with a small file for each role: a name and a modality."""
    folder = project.folder / "影像 images"
    folder.mkdir(exist_ok=True)
    with project.store.write() as session:
        for number, (role, (name, modality)) in enumerate(files.items()):
            path = folder / f"{item_id} {name}"
            file_kind = FileKind.IMAGE if name.endswith(".png") else FileKind.VOLUME
            if file_kind is FileKind.VOLUME:
                write_volume(path, Volume(ramp(1000 * number), VolumeGeometry(SHAPE, AFFINE)))
            grid = VolumeGeometry(SHAPE, AFFINE)
            new = NewFile(item_id, "王", role, file_kind, path, f"{item_id}{role}", 9, modality, grid=grid)
            insert_file(session, new, project.folder)
        set_item_kind(session, item_id, kind)


def add_map(
    project: Project, item_id: str, name: str, labels: np.ndarray, affine: np.ndarray, **facts
) -> str:
    """Add a label map with voxels."""
    volume = Volume(labels.astype(np.uint8), VolumeGeometry(labels.shape, affine))
    command = AddLabelMap.on_grid_of(volume, item_id, name, **facts)
    file = project.label_maps.keep(item_id, command.label_map_id, volume)
    project.history.execute(replace(command, file=file))
    return command.label_map_id


def blob(shape: tuple[int, int, int] = SHAPE, value: int = 1) -> np.ndarray:
    labels = np.zeros(shape, np.uint8)
    labels[2:6, 2:5, 1:4] = value
    return labels


@pytest.fixture
def bench(prompt_bench: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    """A project with a CTA and two label maps, a case of two MR images, an image pair, and no file."""
    project = Project.create(tmp_path / "体数据 project", "volumes")
    add_item(project, "cta", ItemKind.VOLUME, {"cta": ("a.nii.gz", "CTA")})
    add_item(project, "brain", ItemKind.VOLUME_SET, {"flair": ("f.nii", "FLAIR"), "t1": ("t.nii", "T1")})
    add_item(project, "pair", ItemKind.IMAGE_PAIR, {"fixed": ("x.png", "CF"), "moving": ("y.png", "FA")})
    prompt_bench.set_project(project)
    yield prompt_bench
    prompt_bench.set_project(None)


@pytest.fixture
def screen() -> FakeScreen:
    return FakeScreen()


@pytest.fixture
def controller(bench: Workbench, screen: FakeScreen, tmp_path: Path) -> Iterator[VolumeController]:
    made = VolumeController(bench, screen, LabelArrays(bench), PRESETS, tmp_path / "cache")
    yield made
    made.close()


@pytest.fixture
def two_maps(bench: Workbench) -> tuple[str, str]:
    """Ids of a label map on the grid of the image, and of a finer one with a label without a class."""
    classes = (LabelClass(1, "左前降支 LAD", "#E69F00"), LabelClass(2, "RCA", "#56B4E9"))
    first = add_map(bench.project, "cta", "first", blob(), AFFINE, classes=classes)
    fine = blob((18, 14, 10))
    fine[10:12, 5:7, 4:6] = 7
    second = add_map(bench.project, "cta", "second", fine, FINE, classes=classes)
    return first, second


def test_compressed_case_is_shown_and_opens_from_the_cache_the_second_time(
    bench: Workbench, controller: VolumeController, screen: FakeScreen, tmp_path: Path
) -> None:
    bench.set_item("cta")
    assert screen.said is None
    assert screen.view.grid.difference(VolumeGeometry(SHAPE, AFFINE)) is None
    assert np.array_equal(controller.image.voxels, ramp())
    assert isinstance(controller.image.voxels, np.memmap)
    told = [str(text) for text in screen.progress if text]
    assert told == ["Unpacking cta a.nii.gz", "Reading cta a.nii.gz"]
    unpacked = list((tmp_path / "cache").glob("*.nii"))
    assert len(unpacked) == 1
    screen.progress.clear()
    bench.set_item("brain")
    bench.set_item("cta")
    assert [str(text) for text in screen.progress if text][-1:] == ["Reading cta a.nii.gz"]
    assert list((tmp_path / "cache").glob("*.nii")) == unpacked


def test_images_of_a_case_are_layers_in_the_order_of_the_roles(
    bench: Workbench, controller: VolumeController, screen: FakeScreen
) -> None:
    bench.set_item("brain")
    assert [(layer.title, layer.is_visible) for layer in screen.view.images] == [
        ("T1", True),
        ("FLAIR", False),
    ]
    controller.layers.set_over("flair", 0.4)
    assert screen.view.images[1].is_visible
    controller.step_base(1)
    assert [layer.key for layer in screen.view.images] == ["flair", "t1"]
    assert screen.window.title == "FLAIR"
    assert screen.window.unit == ""
    assert [(row.key, row.is_active) for row in screen.layers] == [("t1", False), ("flair", True)]
    bench.set_item("pair")
    bench.set_item("brain")
    assert controller.layers.base.key == "flair"


def test_item_without_a_volume_names_the_other_screen(
    bench: Workbench, controller: VolumeController, screen: FakeScreen
) -> None:
    bench.set_item("pair")
    assert screen.is_elsewhere
    assert "pair" in str(screen.said)
    assert controller.image is None
    assert controller.grid is None


def test_refused_file_is_said_in_place_of_the_slices_and_on_a_card(
    bench: Workbench, controller: VolumeController, screen: FakeScreen
) -> None:
    cards = []
    bench.card_posted.connect(cards.append)
    path = bench.project.items.get("cta").files["cta"].path
    path.write_bytes(path.read_bytes()[:40])
    bench.set_item("cta")
    assert "cut off" in str(screen.said)
    assert "cut off" in str(cards[0].what)
    assert controller.image is None
    path.unlink()
    controller.read_again()
    assert "no longer there" in str(screen.said)


def test_one_refused_image_leaves_the_others(
    bench: Workbench, controller: VolumeController, screen: FakeScreen
) -> None:
    cards = []
    bench.card_posted.connect(cards.append)
    bench.project.items.get("brain").files["t1"].path.write_bytes(b"no volume")
    bench.set_item("brain")
    assert [layer.key for layer in screen.view.images] == ["flair"]
    assert screen.said is None
    assert len(cards) == 1


def test_status_line_reads_world_voxel_value_and_label_on_a_flipped_grid(
    bench: Workbench, controller: VolumeController, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    controller.hover(PaneEvent(Plane.AXIAL, 2, (3.0, 2.0, 2.0)))
    reading = controller.reading
    assert reading.world_mm == pytest.approx((30.0 - 0.8 * 3, -12.0 + 0.8 * 2, 105.0))
    assert reading.voxel == (3, 2, 2)
    assert (reading.value, reading.unit) == (float(ramp()[3, 2, 2]), "HU")
    assert (reading.label, reading.name) == (1, "左前降支 LAD")
    controller.set_active(two_maps[1])
    # The same place, in voxels of the finer grid that is shown now.
    controller.hover(PaneEvent(Plane.AXIAL, 2, (6.0, 4.0, 4.0)))
    assert controller.reading.world_mm == pytest.approx(reading.world_mm)
    assert controller.reading.value == reading.value
    controller.hover(None)
    assert controller.reading is None


def test_grid_follows_the_active_label_map_and_the_crosshair_stays_in_the_patient(
    bench: Workbench, controller: VolumeController, screen: FakeScreen, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    assert controller.active_id == two_maps[0]
    controller.go_to((3.0, 5.0, 1.0))
    controller.set_active(two_maps[1])
    assert controller.grid.shape == (18, 14, 10)
    assert controller.position == pytest.approx((6.0, 10.0, 2.0))
    assert controller.active_labels.shape == (18, 14, 10)
    assert controller.image.geometry.shape == SHAPE
    bench.set_item("brain")
    bench.set_item("cta")
    assert controller.active_id == two_maps[1]
    assert controller.position == pytest.approx((6.0, 10.0, 2.0))


def test_windows_are_kept_for_hu_by_role_and_for_others_by_case(
    bench: Workbench, controller: VolumeController, screen: FakeScreen
) -> None:
    add_item(bench.project, "cta2", ItemKind.VOLUME, {"cta": ("b.nii", "CTA")})
    add_item(bench.project, "brain2", ItemKind.VOLUME_SET, {"t1": ("c.nii", "T1")})
    bench.set_item("cta")
    assert (screen.window.low, screen.window.high, screen.window.preset) == (-150.0, 450.0, "CTA")
    controller.layers.show_base_in((-700.0, -300.0))
    assert (screen.view.images[0].window, screen.window.preset) == ((-700.0, -300.0), "")
    bench.set_item("cta2")
    assert screen.view.images[0].window == (-700.0, -300.0)
    bench.set_item("brain")
    automatic = screen.view.images[0].window
    controller.layers.show_base_in((1.0, 2.0))
    bench.set_item("brain2")
    assert screen.view.images[0].window != (1.0, 2.0)
    bench.set_item("brain")
    assert screen.view.images[0].window == (1.0, 2.0)
    controller.layers.fit_base()
    assert screen.view.images[0].window == automatic


def test_classes_tell_volumes_in_ml_and_labels_beyond_the_table(
    bench: Workbench, controller: VolumeController, screen: FakeScreen, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    voxel_ml = 0.8 * 0.8 * 2.5 / 1000
    rows = {row.value: row for row in screen.classes}
    assert rows[1].volume_ml == pytest.approx(36 * voxel_ml)
    assert rows[2].volume_ml == 0
    assert screen.num_unnamed == 0
    controller.set_active(two_maps[1])
    assert [(row.value, row.name) for row in screen.classes][-1] == (7, "label 7")
    assert screen.num_unnamed == 1


def test_new_label_map_has_a_class_is_drawn_in_and_undo_takes_it_back(
    bench: Workbench, controller: VolumeController, screen: FakeScreen
) -> None:
    bench.set_item("cta")
    made = controller.new_label_map("冠脉")
    assert controller.active_id == made
    assert controller.active_labels.shape == SHAPE
    assert not controller.active_labels.any()
    assert (controller.active_class, controller.locked) == (1, frozenset())
    assert bench.project.label_maps.get(made).name == "冠脉"
    bench.project.history.undo("cta")
    bench.data_changed.emit()
    assert controller.active_id == ""
    assert screen.view.labels == []
    bench.project.history.redo("cta")
    bench.data_changed.emit()
    assert controller.active_id == made


def test_classes_are_added_renamed_coloured_locked_and_hidden(
    bench: Workbench, controller: VolumeController, screen: FakeScreen, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    assert controller.classes.add("marker") == 3
    assert controller.active_class == 3
    controller.classes.change(3, name="stent", colour="#112233")
    stored = bench.project.label_maps.get(two_maps[0]).classes
    assert stored[2] == LabelClass(3, "stent", "#112233")
    assert screen.view.labels[-1].colours[3] == "#112233"
    controller.classes.toggle(2, "locked")
    controller.classes.toggle(1, "hidden")
    assert controller.locked == {2}
    assert screen.view.labels[-1].hidden == {1}
    controller.classes.step(1)
    assert controller.active_class == 1
    controller.classes.load_table("coronary")
    assert bench.project.label_maps.get(two_maps[0]).classes[0].name == "coronary arteries"
    assert len(bench.project.label_maps.get(two_maps[0]).classes) == 3
    bench.project.history.undo("cta")
    bench.data_changed.emit()
    assert screen.classes[0].name == "左前降支 LAD"


def test_a_class_is_deleted_with_its_voxels_and_undo_brings_both_back(
    bench: Workbench, controller: VolumeController, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    controller.classes.change(1, name="aorta")
    edits = LabelEdits(bench, controller.arrays, controller)
    before = controller.active_labels.copy()
    assert before.any()
    controller.classes.delete(2, edits)
    assert [one.name for one in controller.classes.classes] == ["aorta"]

    controller.classes.delete(1, edits)
    assert (
        str(bench.project.history.undo_title("cta"))
        == f"delete class aorta of {controller.layers.active.name}"
    )
    assert not controller.active_labels.any()
    bench.data_changed.emit()
    assert bench.project.label_maps.get(two_maps[0]).classes == ()
    bench.project.history.undo("cta")
    bench.data_changed.emit()
    np.testing.assert_array_equal(controller.active_labels, before)
    assert [one.name for one in bench.project.label_maps.get(two_maps[0]).classes] == ["aorta"]
    bench.project.history.redo("cta")
    bench.data_changed.emit()
    assert not controller.active_labels.any()
    assert bench.project.label_maps.get(two_maps[0]).classes == ()


def test_a_label_without_a_class_gets_one_when_it_is_named(
    bench: Workbench, controller: VolumeController, screen: FakeScreen, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    controller.set_active(two_maps[1])
    controller.classes.change(7, name="plaque")
    assert bench.project.label_maps.get(two_maps[1]).classes[-1].value == 7
    assert screen.num_unnamed == 0


def test_strokes_refresh_their_box_only_and_follow_undo(
    bench: Workbench, controller: VolumeController, screen: FakeScreen, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    screen.view.refreshed.clear()
    before = np.zeros((1, 1, 1), np.uint8)
    change = VoxelChanges.between(before, before + 2, SHAPE, (7, 6, 4))
    bench.project.history.execute(PaintVoxels(two_maps[0], change.to_text()))
    bench.data_changed.emit()
    assert controller.active_labels[7, 6, 4] == 2
    assert screen.view.refreshed == [(two_maps[0], change.box)]
    bench.project.history.undo("cta")
    bench.data_changed.emit()
    assert controller.active_labels[7, 6, 4] == 0


def test_surfaces_are_of_visible_classes_and_only_while_a_pane_shows_them(
    bench: Workbench, controller: VolumeController, screen: FakeScreen, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    controller.surfaces.make()
    assert [mesh.key for mesh in screen.view.meshes] == ["1"]
    corners = VolumeGeometry(SHAPE, AFFINE).world_of([(1.5, 1.5, 0.5), (5.5, 4.5, 3.5)])
    vertices = screen.view.meshes[0].vertices_mm
    assert (vertices.min(axis=0) >= corners.min(axis=0) - 0.7).all()
    assert (vertices.max(axis=0) <= corners.max(axis=0) + 0.7).all()
    controller.classes.toggle(1, "hidden")
    controller.surfaces.make()
    assert list(screen.view.meshes) == []
    controller.set_layout(PaneLayout.AXIAL)
    controller.classes.toggle(1, "hidden")
    controller.surfaces.make()
    assert list(screen.view.meshes) == []
    controller.set_layout(PaneLayout.SURFACE)
    assert len(screen.view.meshes) == 1


def test_nothing_is_counted_or_made_while_a_stroke_goes_on(
    bench: Workbench, controller: VolumeController, two_maps: tuple[str, str], qtbot
) -> None:
    bench.set_item("cta")
    controller.surfaces.make()
    made: list[object] = []
    controller.surfaces.made.connect(made.append)
    controller.classes._timer.setInterval(5)
    controller.surfaces._timer.setInterval(5)
    counted = [row.volume_ml for row in controller.classes.rows()]
    before = np.zeros((2, 2, 2), np.uint8)
    stroke = VoxelChanges.between(before, before + 2, SHAPE, (6, 5, 3))
    controller.arrays.show(two_maps[0], stroke)
    qtbot.wait(60)
    assert [row.volume_ml for row in controller.classes.rows()] == counted
    assert not made
    controller.arrays.commit(two_maps[0], stroke, "paint {label} in {name}", is_shown=True, label="2")
    qtbot.waitUntil(lambda: [row.volume_ml for row in controller.classes.rows()] != counted)
    qtbot.waitUntil(lambda: bool(made))


def test_resampling_makes_a_new_label_map_and_leaves_the_first(
    bench: Workbench, controller: VolumeController, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    controller.edits.refine("fine")
    maps = {one.name: one for one in bench.project.label_maps.of_item("cta")}
    assert maps["fine"].geometry.shape == (18, 14, 10)
    assert controller.active_id == maps["fine"].id
    assert maps["fine"].classes == maps["first"].classes
    ml = [
        np.count_nonzero(bench.project.label_maps.read(maps[name].id)[0].voxels)
        * maps[name].geometry.voxel_volume_ml
        for name in ("first", "fine")
    ]
    assert ml[1] == pytest.approx(ml[0], rel=0.35)
    controller.edits.resample(controller.image.geometry, "back", is_smooth=False)
    assert bench.project.label_maps.get(controller.active_id).geometry.shape == SHAPE
    assert len(bench.project.label_maps.of_item("cta")) == 4


def test_resampling_that_is_given_up_leaves_nothing(
    bench: Workbench, controller: VolumeController, two_maps: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines.imaging.volumes import resampling

    bench.set_item("cta")
    resample = resampling.resample_labels

    def stopped(*words: object, **choices: object) -> np.ndarray:
        controller.edits.cancel()
        return resample(*words, **choices)

    monkeypatch.setattr(resampling, "resample_labels", stopped)
    files = set((bench.project.folder / "label_maps").rglob("*"))
    controller.edits.refine("fine")
    assert not controller.edits.is_resampling
    assert len(controller.layers.maps) == 2
    assert set((bench.project.folder / "label_maps").rglob("*")) == files


def test_deleting_draws_in_another_label_map_and_a_taken_name_gives_a_card(
    bench: Workbench, controller: VolumeController, two_maps: tuple[str, str]
) -> None:
    cards = []
    bench.card_posted.connect(cards.append)
    bench.set_item("cta")
    controller.edits.rename(two_maps[0], "second")
    assert "already has" in str(cards[0].what)
    controller.edits.delete()
    assert controller.active_id == two_maps[1]
    assert controller.edits.free_name("second") == "second 2"


def test_hidden_screen_reads_nothing_until_it_is_shown(
    bench: Workbench, controller: VolumeController, screen: FakeScreen
) -> None:
    bench.set_item("brain")
    controller.set_shown(False)
    bench.set_item("cta")
    assert controller.image is None
    assert screen.view.images == []
    controller.set_shown(True)
    assert controller.layers.base.title == "CTA"


def test_arrays_of_the_case_before_are_let_go(
    bench: Workbench, controller: VolumeController, screen: FakeScreen, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    assert controller.arrays.get(two_maps[0]) is not None
    bench.set_item("brain")
    assert controller.arrays.get(two_maps[0]) is None
    assert screen.view.labels == []
    assert [image.key for image in controller.layers.images] == ["t1", "flair"]


def test_temporary_layers_lie_above_and_go(
    bench: Workbench, controller: VolumeController, screen: FakeScreen, two_maps: tuple[str, str]
) -> None:
    bench.set_item("cta")
    layer = LabelLayer("change", "change", blob(), VolumeGeometry(SHAPE, AFFINE))
    controller.add_labels(layer)
    assert screen.view.labels[-1].key == "change"
    controller.layers.set_overlays(False)
    assert not any(layer.is_visible for layer in screen.view.labels)
    controller.layers.set_overlays(True)
    controller.remove_labels("change")
    assert "change" not in [layer.key for layer in screen.view.labels]


def test_closed_screen_hears_nothing(bench: Workbench, screen: FakeScreen, tmp_path: Path) -> None:
    made = VolumeController(bench, screen, LabelArrays(bench), PRESETS, tmp_path / "cache")
    made.close()
    bench.set_item("cta")
    assert made.image is None
