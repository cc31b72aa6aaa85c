"""Images that runs made, beside the images of a case: panes, differences in value, slabs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from engines.contract.kinds import ItemKind, OutputKind
from engines.contract.registry import all_specs
from engines.contract.spec import OutputSpec
from engines.imaging.comparison import Change
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.compare import volume_compare_sources
from workstation.controllers.compare.volume_compare_controller import VolumeCompareController
from workstation.controllers.workbench import Workbench
from workstation.project.importers import import_paths
from workstation.project.project import Project
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.volume_compare import SliceSet, VolumeCompareScreenView

COLOURS = {Change.KEPT: "#999999", Change.ADDED: "#0072B2", Change.REMOVED: "#D55E00"}
GRID = VolumeGeometry((16, 12, 9), np.diag([1.0, 1.0, 2.0, 1.0]))
SPOT = (5, 6, 4)


def write(path: Path, spot_hu: float) -> None:
    voxels = np.full(GRID.shape, 40, dtype=np.int16)
    voxels[SPOT] = spot_hu
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, Volume(voxels, GRID))


@pytest.fixture
def bench(qapp: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    images = tmp_path / "影像 pair"
    write(images / "ncct.nii.gz", 40)
    write(images / "cta.nii.gz", 340)
    (images / "items.csv").write_text(
        "subject,item,role,path\na,a,ncct,ncct.nii.gz\na,a,cta,cta.nii.gz\n", encoding="utf-8"
    )
    project = Project.create(tmp_path / "project", "Pairs")
    assert not import_paths(project, [images / "items.csv"]).exit_code
    spec = MagicMock(key="some_method", item_kinds=(ItemKind.VOLUME_PAIR,))
    spec.outputs = tuple(OutputSpec(role, OutputKind.IMAGE, role) for role in ("first_cta", "second_cta"))
    monkeypatch.setattr(volume_compare_sources, "all_specs", lambda: [*all_specs(), spec])
    folder = project.runs.root / "R-001"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("pipeline: some_method\naction: predict\n", encoding="utf-8")
    write(folder / "outputs" / "first_cta" / "a.nii.gz", 140)
    write(folder / "outputs" / "second_cta" / "a.nii.gz", 540)
    made = Workbench()
    made.set_project(project)
    yield made
    made.close()


@pytest.fixture
def controller(bench: Workbench, tmp_path: Path, qtbot) -> Iterator[VolumeCompareController]:
    windows = ((-160.0, 240.0), (-150.0, 450.0))
    view = MagicMock(spec=VolumeCompareScreenView)
    made = VolumeCompareController(bench, view, COLOURS, windows, tmp_path / "cache")
    bench.set_item("a")
    made.set_shown(True)
    settle(bench, qtbot)
    yield made
    made.close()


def settle(bench: Workbench, qtbot) -> None:
    qtbot.waitUntil(lambda: bench.background.num_waiting == 0, timeout=20000)


def shown(controller: VolumeCompareController) -> SliceSet:
    assert controller.shown is not None
    return controller.shown


def red_at(content, xy: tuple[int, int], *, is_composed: bool = False) -> tuple[int, ...]:
    picture = content.composed if is_composed else content.picture
    return tuple(int(value) for value in picture.levels[0][xy[1], xy[0], 2::-1])


def spot(controller: VolumeCompareController) -> tuple[int, int]:
    """Return where the spot lies in the frame, in whole pixels."""
    assert controller.slices is not None
    plane = controller.slices.view_of(controller.wish).plane
    x, y = plane.pixel_of(SPOT)
    return round(x), round(y)


def test_what_a_run_made_stands_between_what_went_in_and_what_should_come_out(
    controller: VolumeCompareController,
) -> None:
    run = "image:run:R-001"
    assert controller.chosen == ("image:ncct", f"{run}:first_cta", f"{run}:second_cta", "image:cta")
    assert controller.reference == "image:cta"
    # One window for all: contrast in the vessels makes the same grey everywhere.
    greys = [red_at(content, (0, 0))[0] for content in shown(controller).contents]
    assert len(set(greys)) == 1
    spots = [red_at(content, spot(controller))[0] for content in shown(controller).contents]
    assert spots[0] < spots[1] < spots[3] < spots[2] == 255


def test_the_difference_of_images_has_the_sign_and_the_scale_of_their_values(
    controller: VolumeCompareController, bench: Workbench, qtbot
) -> None:
    controller.set_mode(Mode.DIFFERENCE)
    settle(bench, qtbot)
    contents = shown(controller).contents
    assert contents[1].legend_values == (200.0, "HU")
    assert red_at(contents[1], spot(controller), is_composed=True) == (0xD5, 0x5E, 0x00)
    assert red_at(contents[2], spot(controller), is_composed=True) == (0x00, 0x72, 0xB2)
    assert red_at(contents[2], (0, 0), is_composed=True) == (24, 24, 24)
    assert contents[3].composed is None


def test_a_slab_shows_the_largest_value_across_it(
    controller: VolumeCompareController, bench: Workbench, qtbot
) -> None:
    at = spot(controller)
    controller.step(3)
    settle(bench, qtbot)
    assert red_at(shown(controller).contents[3], at) == red_at(shown(controller).contents[3], (0, 0))
    controller.set_slab(20.0)
    settle(bench, qtbot)
    assert red_at(shown(controller).contents[3], at) > red_at(shown(controller).contents[3], (0, 0))
    assert shown(controller).slab_mm == 20.0


def test_a_wanted_place_is_shown_now_and_once_the_item_is_read(
    controller: VolumeCompareController, bench: Workbench, qtbot
) -> None:
    bench.request_place("a", (5.0, 6.0, 14.0))
    settle(bench, qtbot)
    assert shown(controller).number == 7
    assert shown(controller).cross_xy == pytest.approx(spot(controller))
    controller.set_shown(False)
    bench.set_item("")
    bench.request_place("a", (5.0, 6.0, 2.0))
    controller.set_shown(True)
    settle(bench, qtbot)
    assert shown(controller).number == 1
