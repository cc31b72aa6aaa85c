from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QObject, Signal

from engines.contract.kinds import FileKind, ItemKind
from engines.contract.messages import Message
from engines.imaging.volumes.mask_editing import Paint, brush, stroke
from engines.imaging.volumes.resampling import finer
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.masks.mask_editor import MaskEditor
from workstation.controllers.volume.label_arrays import LabelArrays
from workstation.controllers.volume.volume_controller import VolumeController
from workstation.controllers.workbench import Workbench
from workstation.project.history import EditNotSavedError
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap, PaintVoxels
from workstation.project.project import Project
from workstation.views.protocols.masks import ChangeSummary, MaskTool, ToolRow
from workstation.views.protocols.volume import PaneEvent, Plane, Position, VoxelPreview

SHAPE = (24, 20, 12)
GEOMETRY = VolumeGeometry(SHAPE, np.diag([-0.5, -0.5, 1.0, 1.0]))
COLOURS = {"added": "#0072B2", "removed": "#D55E00", "gate": "#35d0ff"}


class View(QObject):
    """What the editor asks of the panes."""

    cursorMoved = Signal(object)
    radiusScrolled = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.crosshair: Position = (0.0, 0.0, 0.0)
        self.preview: VoxelPreview | None = None
        self.brush: tuple[float | None, bool] = (None, False)
        self.tool: Any = None
        self.corners: list[Position] = []

    def set_crosshair(self, position: Position, *, is_centred: bool = False) -> None:
        self.crosshair = position

    def set_preview(self, preview: VoxelPreview | None) -> None:
        self.preview = preview

    def set_brush(self, radius_mm: float | None, *, is_ball: bool = False) -> None:
        self.brush = (radius_mm, is_ball)

    def set_polygon(self, _plane: Plane, corners: list[Position]) -> None:
        self.corners = list(corners)

    def set_tool(self, tool: object) -> None:
        self.tool = tool

    def __getattr__(self, _name: str) -> Any:
        return lambda *_values, **_how: None


class Screen:
    """A screen that shows nothing."""

    def __init__(self) -> None:
        self.view = View()

    def __getattr__(self, _name: str) -> Any:
        return lambda *_values, **_how: None


class Panel:
    """Remembers what was shown last."""

    def __init__(self) -> None:
        self.tools: ToolRow | None = None
        self.change: ChangeSummary | None = None
        self.hint = Message("")

    def show_tools(self, tools: ToolRow) -> None:
        self.tools = tools

    def show_change(self, change: ChangeSummary | None) -> None:
        self.change = change

    def show_hint(self, hint: Message) -> None:
        self.hint = hint


class Desk:
    """An editor on a volume whose left half is bright."""

    def __init__(self, bench: Workbench, tmp_path: Path) -> None:
        self.bench = bench
        self.screen, self.panel = Screen(), Panel()
        self.arrays = LabelArrays(bench)
        self.volumes = VolumeController(
            bench,
            self.screen,  # type: ignore[arg-type]
            self.arrays,
            {"CTA": (-150.0, 450.0), "Soft tissue": (-160.0, 240.0)},
            tmp_path / "cache",
        )
        self.editor = MaskEditor(bench, self.volumes, self.panel, COLOURS)
        self.volumes.show_item("a")
        self.view = self.screen.view
        self.view.set_crosshair((12.0, 10.0, 6.0))

    @property
    def labels(self) -> np.ndarray[Any, Any]:
        labels = self.editor.drawing.labels
        assert labels is not None
        return labels

    @property
    def stored(self) -> np.ndarray[Any, Any]:
        assert self.bench.project is not None
        return self.bench.project.label_maps.read(self.volumes.active_id)[0].voxels

    @property
    def num_edits(self) -> int:
        assert self.bench.project is not None
        return len(self.bench.project.history.list())

    def press(self, *at: float) -> None:
        self.view.tool.pressed(event(*at))

    def click(self, *at: float) -> None:
        self.press(*at)
        self.view.tool.released(event(*at))

    def drag(self, *places: tuple[float, float, float]) -> None:
        self.press(*places[0])
        for place in places[1:]:
            self.view.tool.moved(event(*place))
        self.view.tool.released(event(*places[-1]))


def event(i: float, j: float, k: float, plane: Plane = Plane.AXIAL, axis: int = 2) -> PaneEvent:
    return PaneEvent(plane, axis, (i, j, k))


def settle() -> None:
    for _ in range(3):
        QCoreApplication.processEvents()


@pytest.fixture
def desk(prompt_bench: Workbench, tmp_path: Path) -> Iterator[Desk]:
    voxels = np.zeros(SHAPE, np.int16)
    voxels[:12] = 300
    path = write_volume(tmp_path / "ct.nii.gz", Volume(voxels, GEOMETRY))
    project = Project.create(tmp_path / "心脏 CT", "volumes")
    new = NewFile("a", "subject", "ct", FileKind.VOLUME, path, "0", 0, "CT", grid=GEOMETRY)
    with project.store.write() as session:
        insert_file(session, new, project.folder)
        set_item_kind(session, "a", ItemKind.VOLUME)
    prompt_bench.set_project(project)
    prompt_bench.set_item("a")
    made = Desk(prompt_bench, tmp_path)
    yield made
    made.editor.close()
    made.volumes.close()
    prompt_bench.set_project(None)


def test_the_first_stroke_makes_the_label_map_and_one_edit(desk: Desk) -> None:
    assert desk.panel.tools is not None
    assert desk.panel.tools.map_name == ""
    desk.editor.choose(MaskTool.PAINT)
    desk.editor.set_radius(1.0)
    assert "new label map" in desk.panel.hint.text
    desk.drag((5, 5, 6), (9, 5, 6), (9, 9, 6))
    assert desk.labels[7, 5, 6] == 1
    assert not desk.labels[:, :, 5].any()
    assert desk.num_edits == 2
    assert np.array_equal(desk.labels, desk.stored)
    assert desk.bench.project is not None
    assert "paint label 1 in mask" in str(desk.bench.project.history.undo_title("a"))


def test_a_ball_reaches_other_slices_by_its_mm(desk: Desk) -> None:
    desk.editor.choose(MaskTool.PAINT)
    desk.editor.set_ball(True)
    desk.editor.set_radius(2.0)
    desk.click(12, 10, 6)
    assert np.flatnonzero(desk.labels.any(axis=(0, 1))).tolist() == [4, 5, 6, 7, 8]
    assert np.flatnonzero(desk.labels.any(axis=(1, 2))).tolist() == list(range(8, 17))
    assert desk.view.brush == (2.0, True)


def test_gate_lock_and_background_keep_voxels(desk: Desk) -> None:
    desk.editor.choose(MaskTool.PAINT)
    desk.editor.set_radius(3.0)
    desk.editor.set_gate(600, 100)
    desk.editor.set_gated(True)
    desk.click(12, 10, 6)
    assert desk.labels[11, 10, 6] == 1
    assert not desk.labels[12:].any()

    desk.editor.set_gated(False)
    desk.volumes.set_class(2)
    desk.editor.set_over_labels(False)
    desk.click(12, 10, 6)
    assert desk.labels[11, 10, 6] == 1
    assert desk.labels[12, 10, 6] == 2

    desk.volumes.layers.look(desk.volumes.active_id).locked = frozenset({2})
    desk.editor.choose(MaskTool.ERASE)
    desk.click(12, 10, 6)
    assert desk.labels[11, 10, 6] == 0
    assert desk.labels[12, 10, 6] == 2
    desk.editor.choose(MaskTool.PAINT)
    desk.click(3, 3, 3)
    assert "locked" in desk.panel.hint.text
    assert not desk.labels[:, :, 3].any()


def test_the_gate_is_hatched_in_the_slice_under_the_mouse(desk: Desk) -> None:
    desk.editor.choose(MaskTool.PAINT)
    desk.editor.set_gated(True)
    desk.editor.hover(event(3, 3, 4))
    assert desk.view.preview is not None
    assert desk.view.preview.box[2] == slice(4, 5)
    assert desk.view.preview.mask[:12].all()
    assert not desk.view.preview.mask[12:].any()
    desk.editor.choose(MaskTool.CROSSHAIR)
    assert desk.view.preview is None


def test_a_polygon_is_closed_or_dropped(desk: Desk) -> None:
    desk.editor.choose(MaskTool.POLYGON)
    for place in ((2, 2, 6), (10, 2, 6)):
        desk.click(*place)
    desk.editor.apply()
    assert "three corners" in desk.panel.hint.text
    assert len(desk.view.corners) == 2
    desk.editor.drop()
    assert desk.view.corners == []
    for place in ((2, 2, 6), (10, 2, 6), (10, 10, 6), (2, 2.4, 6)):
        desk.click(*place)
    assert desk.view.corners == []
    assert desk.labels[8, 4, 6] == 1
    assert desk.labels[3, 8, 6] == 0


def test_a_polygon_begins_anew_in_another_slice(desk: Desk) -> None:
    desk.editor.choose(MaskTool.POLYGON)
    desk.click(2, 2, 6)
    desk.click(3, 2, 7)
    assert desk.view.corners == [(3, 2, 7)]


def test_fill_and_pick(desk: Desk) -> None:
    desk.editor.choose(MaskTool.FILL)
    desk.editor.set_gate(100, 600)
    desk.editor.set_gated(True)
    desk.click(3, 3, 6)
    assert desk.labels[:12, :, 6].all()
    assert desk.labels.sum() == 12 * 20
    desk.click(20, 3, 6)
    assert "Nothing to fill" in desk.panel.hint.text
    desk.volumes.set_class(4)
    desk.editor.choose(MaskTool.PICK)
    desk.click(3, 3, 6)
    assert desk.volumes.active_class == 1
    desk.click(20, 3, 6)
    assert desk.volumes.active_class == 1


def test_a_fill_in_three_dimensions_is_shown_first(desk: Desk) -> None:
    desk.editor.choose(MaskTool.FILL)
    desk.editor.set_ball(True)
    desk.editor.set_gate(100, 600)
    desk.editor.set_gated(True)
    desk.click(3, 3, 6)
    assert desk.panel.change is not None
    assert desk.panel.change.num_added == 12 * 20 * 12
    assert desk.panel.change.added_ml == pytest.approx(12 * 20 * 12 * 0.25 / 1000)
    assert not desk.labels.any()
    desk.editor.apply()
    assert desk.labels[:12].all()


def painted(desk: Desk) -> None:
    desk.editor.choose(MaskTool.PAINT)
    desk.editor.set_radius(2.5)
    for k in (3, 7):
        desk.click(12, 10, k)


def test_operations_are_shown_then_applied_or_dropped(desk: Desk) -> None:
    painted(desk)
    before, edits = desk.labels.copy(), desk.num_edits
    desk.editor.interpolate()
    assert desk.editor.operations.has_preview
    assert desk.view.preview is not None
    assert np.array_equal(desk.labels, before)
    desk.editor.drop()
    assert desk.view.preview is None
    assert desk.num_edits == edits
    desk.editor.interpolate()
    desk.editor.apply()
    assert desk.labels[12, 10, 5] == 1
    assert desk.num_edits == edits + 1


def test_what_is_removed_is_shown_in_its_colour(desk: Desk) -> None:
    painted(desk)
    desk.editor.grow(-1.0)
    assert desk.panel.change is not None
    assert desk.panel.change.num_removed > 0
    assert desk.view.preview is not None
    assert desk.view.preview.colour == COLOURS["removed"]
    assert desk.view.preview.mask.sum() == desk.panel.change.num_removed


def test_a_margin_within_a_voxel_says_so(desk: Desk) -> None:
    painted(desk)
    desk.editor.grow(0.4)
    assert str(desk.panel.hint) == "0.4 mm is less than a voxel of 0.5 mm: nothing would change."
    assert not desk.editor.operations.has_preview


def test_a_stroke_drops_a_preview(desk: Desk) -> None:
    painted(desk)
    desk.editor.grow(1.0)
    desk.click(3, 3, 3)
    assert not desk.editor.operations.has_preview
    assert desk.panel.change is None


def test_an_operation_on_nothing_says_so(desk: Desk) -> None:
    cards: list[Any] = []
    desk.bench.card_posted.connect(cards.append)
    painted(desk)
    desk.editor.fill_holes()
    assert "Nothing would change" in desk.panel.hint.text
    desk.editor.threshold()
    assert desk.editor.operations.has_preview


def test_slices_are_copied_and_cleared(desk: Desk) -> None:
    painted(desk)
    desk.view.set_crosshair((12.0, 10.0, 7.0))
    desk.editor.copy_slice(1)
    assert np.array_equal(desk.labels[:, :, 8], desk.labels[:, :, 7])
    assert desk.view.crosshair[2] == 8.0
    desk.editor.clear_slice()
    assert desk.labels[:, :, 8].any()
    desk.editor.apply()
    assert not desk.labels[:, :, 8].any()


def test_undo_goes_to_what_it_changed(desk: Desk) -> None:
    assert desk.bench.project is not None
    painted(desk)
    desk.view.set_crosshair((1.0, 1.0, 1.0))
    desk.bench.project.history.undo("a")
    settle()
    assert desk.view.crosshair == (12.0, 10.0, 7.0)
    # What is in sight is not moved.
    desk.view.set_crosshair((1.0, 1.0, 7.0))
    desk.bench.project.history.redo("a")
    settle()
    assert desk.view.crosshair == (1.0, 1.0, 7.0)


def test_a_full_disk_takes_the_stroke_back_and_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.bench.project is not None
    painted(desk)
    before = desk.labels.copy()
    cards: list[Any] = []
    desk.bench.card_posted.connect(cards.append)

    def refuse(_command: object) -> None:
        raise EditNotSavedError("The edit was not saved: the disk is full.")

    monkeypatch.setattr(desk.bench.project.history, "execute", refuse)
    desk.drag((3, 3, 5), (8, 3, 5))
    assert np.array_equal(desk.labels, before)
    assert len(cards) == 1


def test_an_edit_from_elsewhere_ends_a_stroke(desk: Desk) -> None:
    assert desk.bench.project is not None
    painted(desk)
    desk.press(3, 3, 5)
    other = stroke(desk.stored, [(20, 10, 5)], brush((0.5, 0.5, 1.0), 1.0, None), Paint(3))
    with Project.open(desk.bench.project.folder) as elsewhere:
        elsewhere.history.execute(PaintVoxels(desk.volumes.active_id, other.to_text()))
    desk.arrays.follow()
    desk.view.tool.released(event(3, 3, 5))
    assert np.array_equal(desk.labels, desk.stored)


@pytest.mark.parametrize(("steps", "larger"), [(1, True), (-1, False)])
def test_the_radius_changes_by_a_tenth_of_a_millimetre_at_least(desk: Desk, steps: int, larger: bool) -> None:
    desk.editor.set_radius(0.3)
    desk.editor.step_radius(steps)
    assert desk.editor.drawing.settings.radius_mm == pytest.approx(0.4 if larger else 0.2)
    desk.editor.set_radius(0.0)
    assert desk.editor.drawing.settings.radius_mm > 0


def test_tools_are_swapped(desk: Desk) -> None:
    desk.editor.choose(MaskTool.PAINT)
    desk.editor.choose(MaskTool.FILL)
    desk.editor.swap()
    assert desk.editor.tool is MaskTool.PAINT
    desk.editor.swap()
    assert desk.editor.tool is MaskTool.FILL


def test_the_gate_reads_an_image_on_another_grid(desk: Desk) -> None:
    grid = finer(GEOMETRY, 2)
    empty = Volume(np.zeros(grid.shape, np.uint8), grid)
    desk.volumes.edits.add(AddLabelMap.on_grid_of(empty, "a", "fine"))
    assert desk.labels.shape == grid.shape
    desk.editor.choose(MaskTool.PAINT)
    desk.editor.set_radius(3.0)
    desk.editor.set_gate(200, 400)
    desk.editor.set_gated(True)
    desk.click(24, 20, 12)
    assert desk.labels[22, 20, 12] == 1
    assert not desk.labels[25:].any()


def test_after_undoing_even_the_label_map_one_can_draw_again(desk: Desk) -> None:
    assert desk.bench.project is not None
    painted(desk)
    while desk.bench.project.history.undo("a") is not None:
        settle()
    settle()
    assert desk.volumes.active_id == ""
    desk.click(12, 10, 6)
    assert desk.labels.any()
    assert np.array_equal(desk.labels, desk.stored)
