"""Modes of the Pairs screen without a widget: made again on every change, and never stale."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import MagicMock

import numpy as np
import pytest

from engines.imaging.transforms.point_transform import ProjectiveTransform
from workstation.controllers.pairs.overlay_controller import COARSE_PX, OverlayController
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.overlay_modes import Mode, Overlay
from workstation.views.protocols.pairs import PairsView

IMAGE = (np.add.outer(np.arange(160), np.arange(200)) % 256).astype(np.uint8)
SHIFT = ProjectiveTransform([[1, 0, 20], [0, 1, 0], [0, 0, 1]])


@pytest.fixture
def bench(qapp) -> Iterator[Workbench]:
    made = Workbench()
    yield made
    made.close()


@pytest.fixture
def view() -> MagicMock:
    return MagicMock(spec=PairsView)


@pytest.fixture
def overlay(bench: Workbench, view: MagicMock) -> OverlayController:
    made = OverlayController(bench, view)
    made.update((IMAGE, IMAGE), SHIFT)
    return made


def shown(view: MagicMock) -> Overlay:
    return view.show_overlay.call_args.args[0]


def test_one_mode_at_a_time_and_the_same_again_ends_it(overlay: OverlayController, view: MagicMock) -> None:
    seen = []
    overlay.watchers.append(lambda: seen.append(overlay.mode))
    overlay.choose(Mode.CURTAIN)
    overlay.choose(Mode.FLICKER)
    overlay.choose(Mode.FLICKER)
    assert seen == [Mode.CURTAIN, Mode.FLICKER, Mode.TILES]
    assert shown(view) == shown(view)
    assert shown(view).picture is None


def test_picture_is_the_warped_moving_image_or_the_blend(
    overlay: OverlayController, view: MagicMock, qtbot
) -> None:
    overlay.set_mode(Mode.CURTAIN)
    qtbot.waitUntil(lambda: shown(view).is_current)
    pixels = shown(view).picture.levels[0]
    assert pixels[50, 10, :3].tolist() == [0, 0, 0]
    assert pixels[50, 60, 0] == IMAGE[50, 40]
    before = shown(view).picture
    overlay.set_mode(Mode.CHECKERBOARD)
    assert shown(view).picture is before, "the same pixels serve every mode but the blend"
    overlay.set_mode(Mode.BLEND)
    assert shown(view).picture is None
    qtbot.waitUntil(lambda: shown(view).picture is not None)
    blue, green, red, _ = shown(view).picture.levels[0][50, 10]
    assert red == blue == 0
    assert green > 0


def test_picture_follows_the_transform_and_leaves_with_it(
    overlay: OverlayController, view: MagicMock, qtbot
) -> None:
    overlay.set_mode(Mode.WARPED)
    qtbot.waitUntil(lambda: shown(view).is_current)
    overlay.update((IMAGE, IMAGE), ProjectiveTransform(np.eye(3)))
    assert not shown(view).is_current, "the old picture is marked"
    qtbot.waitUntil(lambda: shown(view).is_current)
    assert shown(view).picture.levels[0][50, 10, 0] == IMAGE[50, 10]
    overlay.update((IMAGE, IMAGE), None)
    assert shown(view).picture is None
    assert overlay.mode is Mode.WARPED


def test_preview_is_coarse_and_the_newest_one_wins(bench: Workbench, view: MagicMock, qtbot) -> None:
    large = np.zeros((900, 1300), np.uint8)
    large[400:500, 600:700] = 255
    overlay = OverlayController(bench, view)
    overlay.update((large, large), SHIFT)
    overlay.set_mode(Mode.WARPED)
    for number in range(30):
        overlay.preview(ProjectiveTransform([[1, 0, number], [0, 1, 0], [0, 0, 1]]))
    assert bench.background.num_waiting <= 2, "jobs do not queue up"
    qtbot.waitUntil(lambda: shown(view).is_current)
    picture = shown(view).picture
    assert picture.levels[0].shape[1] == COARSE_PX
    assert picture.size == (1300, 900)
    columns = np.flatnonzero(picture.levels[0][220, :, 0] > 128) / picture.scale
    assert columns.mean() == pytest.approx(649.5 + 29, abs=2)
    overlay.update((large, large), ProjectiveTransform([[1, 0, 29], [0, 1, 0], [0, 0, 1]]))
    qtbot.waitUntil(lambda: shown(view).is_current)
    assert shown(view).picture.scale == 1.0


def test_pictures_of_other_images_are_forgotten_at_once(
    overlay: OverlayController, view: MagicMock, qtbot
) -> None:
    overlay.set_mode(Mode.WARPED)
    qtbot.waitUntil(lambda: shown(view).is_current)
    overlay.update((IMAGE.copy(), IMAGE), SHIFT)
    assert shown(view).picture is None
