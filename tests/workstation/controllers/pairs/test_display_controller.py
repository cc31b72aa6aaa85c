"""The display controller with a recording view: what is drawn, what is remembered, what stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engines.imaging.pyramid import ImagePyramid
from engines.imaging.transforms.point_transform import ProjectiveTransform
from workstation.controllers.pairs.display_controller import DisplayController
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project
from workstation.views.protocols.display import SideDisplay, SideFacts


class FakeView:
    def __init__(self) -> None:
        self.pixels: dict[str, Any] = {}
        self.windows: dict[str, tuple] = {}
        self.vessels: dict[str, Any] = {}
        self.displays: dict[str, SideDisplay] = {}
        self.facts: dict[str, SideFacts] = {}

    def show_pixels(self, side: str, image: Any) -> None:
        self.pixels[side] = image

    def show_window(self, side: str, window: tuple, *, is_changing: bool) -> None:
        self.windows[side] = (*window, is_changing)

    def show_vessels(self, side: str, strength: Any, opacity: float) -> None:
        self.vessels[side] = (strength, opacity)

    def show_display(self, side: str, display: SideDisplay) -> None:
        self.displays[side] = display

    def show_facts(self, side: str, facts: SideFacts) -> None:
        self.facts[side] = facts


@pytest.fixture
def bench(qapp, pair_project_folder) -> Iterator[Workbench]:
    made = Workbench()
    made.set_project(Project.open(pair_project_folder))
    yield made
    made.close()


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    grey = rng.integers(40, 200, (160, 200), dtype=np.uint8)
    return grey, rng.integers(0, 255, (160, 200, 3), dtype=np.uint8)


def start(bench: Workbench, images: tuple, item: str = "pair_a") -> tuple[DisplayController, FakeView]:
    view = FakeView()
    controller = DisplayController(bench, view)
    controller.update(bench.project.items.get(item), images, None, ())
    return controller, view


def test_an_image_is_shown_as_it_is_until_something_is_chosen(bench: Workbench, images: tuple) -> None:
    controller, view = start(bench, images)
    assert not view.pixels
    assert view.windows["fixed"] == (0.0, 255.0, False)
    assert controller.display("fixed") == SideDisplay()


def test_a_choice_is_made_on_a_thread_and_the_data_stay(bench: Workbench, images: tuple, qtbot) -> None:
    controller, view = start(bench, images)
    before = images[1].copy()
    controller.toggle("moving", "is_green")
    assert not view.pixels
    qtbot.waitUntil(lambda: "moving" in view.pixels)
    np.testing.assert_array_equal(view.pixels["moving"], images[1][:, :, 1])
    np.testing.assert_array_equal(images[1], before)
    assert "fixed" not in view.pixels
    controller.toggle("moving", "is_green")
    assert view.pixels["moving"] is images[1]


def test_each_side_of_each_item_is_remembered(bench: Workbench, images: tuple) -> None:
    controller, _ = start(bench, images)
    controller.choose("fixed", SideDisplay(is_inverted=True, window=(10.0, 90.0)))
    controller.toggle("moving", "has_local_contrast")
    again, view = start(bench, images)
    assert again.display("fixed") == SideDisplay(is_inverted=True, window=(10.0, 90.0))
    assert again.display("moving").has_local_contrast
    assert view.displays["fixed"].is_inverted
    other, _ = start(bench, images, "pair_b")
    assert other.display("fixed") == SideDisplay()


@pytest.mark.parametrize("bad", [3, {"fixed": {"window": [1]}}, {"fixed": {"colour": 1}}, {"fixed": [1]}])
def test_what_was_remembered_badly_is_dropped(bench: Workbench, images: tuple, bad: Any) -> None:
    bench.project.set_setting("display.pair_a", bad)
    controller, _ = start(bench, images)
    assert controller.display("fixed") == SideDisplay()


def test_brightness_of_a_grey_image_follows_the_drag_at_once(bench: Workbench, images: tuple) -> None:
    controller, view = start(bench, images)
    controller.drag_window("fixed", 0.0, -40.0)
    low, high, is_changing = view.windows["fixed"]
    assert is_changing
    assert high - low == pytest.approx(255.0)
    assert low < 0
    assert not view.pixels
    assert bench.project.setting("display.pair_a") is None
    controller.drop_window("fixed")
    assert bench.project.setting("display.pair_a")["fixed"]["window"] == [low, high]


def test_brightness_of_a_colour_image_comes_with_its_pixels(bench: Workbench, images: tuple, qtbot) -> None:
    controller, view = start(bench, images)
    for _ in range(20):
        controller.drag_window("moving", -4.0, 0.0)
    qtbot.waitUntil(lambda: "moving" in view.pixels and bench.background.num_waiting == 0)
    low, high, _ = view.windows["moving"]
    shown = view.pixels["moving"]
    assert high - low < 255
    np.testing.assert_array_equal(shown[images[1] <= low], 0)
    np.testing.assert_array_equal(shown[images[1] >= high], 255)


def test_automatic_brightness_and_reset(bench: Workbench, images: tuple, qtbot) -> None:
    controller, view = start(bench, images)
    controller.auto_window("fixed")
    qtbot.waitUntil(lambda: controller.display("fixed").window is not None)
    low, high, _ = view.windows["fixed"]
    assert 38 < low < 45
    assert 195 < high < 202
    controller.reset("fixed")
    assert view.windows["fixed"] == (0.0, 255.0, False)


def test_vessels_are_found_once_and_taken_away_again(bench: Workbench, images: tuple, qtbot) -> None:
    controller, view = start(bench, images)
    controller.toggle("fixed", "has_vessels")
    qtbot.waitUntil(lambda: view.vessels["fixed"][0] is not None)
    strength, opacity = view.vessels["fixed"]
    assert opacity == SideDisplay().vessel_opacity
    controller.toggle("fixed", "has_vessels")
    assert view.vessels["fixed"][0] is None
    controller.toggle("fixed", "has_vessels")
    assert view.vessels["fixed"][0] is strength


def test_an_answer_for_the_item_before_is_not_shown(bench: Workbench, images: tuple, qtbot) -> None:
    controller, view = start(bench, images)
    controller.toggle("moving", "is_green")
    controller.update(bench.project.items.get("pair_b"), (images[0].copy(), images[1].copy()), None, ())
    qtbot.waitUntil(lambda: bench.background.num_waiting == 0)
    assert not view.pixels


def test_width_of_an_image_becomes_its_spacing(bench: Workbench, images: tuple) -> None:
    controller, view = start(bench, images)
    controller.set_width("fixed", 6.0)
    assert bench.project.items.get("pair_a").files["fixed"].spacing_mm == pytest.approx(6.0 / 200)
    assert view.facts["fixed"].spacing_mm == pytest.approx(0.03)
    assert view.facts["moving"].spacing_mm is None
    controller.set_width("fixed", 0.0)
    assert view.facts["fixed"].spacing_mm is None


def test_a_mirroring_link_is_said_in_the_moving_pane(bench: Workbench, images: tuple) -> None:
    controller, view = start(bench, images)
    mirror = ProjectiveTransform([[-1.0, 0.0, 200.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    item = bench.project.items.get("pair_a")
    controller.update(item, images, mirror, (), is_of_registration=True)
    assert "mirrors" in view.facts["moving"].warning.text
    assert not view.facts["fixed"].warning.text
    controller.update(item, images, None, ())
    assert not view.facts["moving"].warning.text


def test_a_pyramid_is_inverted_where_it_is_looked_at(bench: Workbench, images: tuple) -> None:
    pyramid = ImagePyramid((160, 200, 3), (images[1], images[1][::2, ::2]))
    controller, view = start(bench, (images[0], pyramid))
    assert controller.is_large("moving")
    controller.choose("moving", SideDisplay(is_green=True, is_inverted=True, has_local_contrast=True))
    shown = view.pixels["moving"]
    assert shown.shape == (160, 200)
    np.testing.assert_array_equal(shown.levels[0][10:20, 30:50], 255 - images[1][10:20, 30:50, 1])
    assert view.facts["moving"].is_large
