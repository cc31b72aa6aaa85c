"""The first session by the line of first steps: a pair, a training, a registration, a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QWindow
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from engines.contract.kinds import Action
from workstation.views.elements.empty_state import EmptyState
from workstation.views.window.help_view import HelpView

MOST_CLICKS = 12
LONGEST_TRAINING_S = 180.0
"""The preset takes a minute on two cores; other tests may run beside this one."""


class ClickCounter(QObject):
    """Counts what a hand does: presses of a mouse button and of keys, as they reach the windows."""

    def __init__(self) -> None:
        super().__init__()
        self.num_clicks = 0
        self.num_keys = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Each press reaches a window once, before it is handed on to widgets.
        if isinstance(watched, QWindow):
            self.num_clicks += event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)
            self.num_keys += event.type() == QEvent.Type.KeyPress
        return False


@pytest.fixture
def hand(qapp: QApplication) -> Iterator[ClickCounter]:
    counter = ClickCounter()
    qapp.installEventFilter(counter)
    yield counter
    qapp.removeEventFilter(counter)


def done(window: Any) -> dict[str, bool]:
    return {row.key: row.is_done for row in window.help.first_run.steps()}


@pytest.mark.timeout(500)
@pytest.mark.usefixtures("kill_engines")
def test_a_first_session_takes_at_most_twelve_clicks(
    open_window: Callable[..., Any], hand: ClickCounter, tmp_path: Path
) -> None:
    driver = open_window()
    window = driver.window
    card = window.first_steps
    assert not card.isVisible()

    press(window.empty.primary)
    driver.wait(lambda: window.workbench.project is not None, "the sample project is open")
    driver.wait(card.isVisible, "the first steps are shown", 20)
    assert done(window) == {"place": False, "train": False, "register": False, "compare": False}
    folder = window.workbench.project.folder
    driver.wait(lambda: window.screen("pairs") is not None, "the first screen is built")
    view = window.screen("pairs").centre.pair_view
    driver.wait(lambda: view.fixed.image_size and view.moving.image_size, "both images are shown")
    item_id = window.workbench.item_id

    # A pair.
    press(card.go)
    driver.wait(lambda: window.screen("pairs").controller.is_adding, "a click places a point")
    before = len(window.workbench.project.keypoints.pairs(item_id))
    click_image(view.fixed, (330.0, 300.0))
    click_image(view.moving, (330.0, 320.0))
    driver.wait(lambda: done(window)["place"], "the pair lights its step")
    assert len(window.workbench.project.keypoints.pairs(item_id)) == before + 1

    # A training, to its end.
    press(card.go)
    driver.wait(lambda: window.workbench.live_runs.live(), "a run is live")
    run = window.workbench.live_runs.live()[0]
    request = run.model.folder.read_request()
    assert (request.action, request.preset) == (Action.TRAIN, "tiny")
    driver.wait(lambda: done(window)["train"], "the training lights its step", LONGEST_TRAINING_S)
    assert run.model.state.value == "finished"

    # A registration of the first pair, which is one that can be registered.
    press(card.go)
    driver.wait(lambda: done(window)["register"], "the registration lights its step", 120)
    assert window.workbench.item_id == item_id
    pairs = window.screen("pairs").controller
    driver.wait(lambda: pairs.link is not None, "the transform links the views", 20)

    # A comparison.
    press(card.go)
    driver.wait(lambda: window.screen_key == "compare", "the Compare screen is shown")
    driver.wait(lambda: done(window)["compare"], "the comparison lights its step")

    assert hand.num_keys == 0
    assert 0 < hand.num_clicks <= MOST_CLICKS, hand.num_clicks

    # What was done stays done, and a line with nothing left to do does not come back by itself.
    driver.wait(lambda: window.workbench.background.num_waiting == 0, "all is remembered")
    window.close()
    again = open_window(folder)
    first_run = again.window.help.first_run
    again.wait(lambda: all(done(again.window).values()) and done(again.window), "the steps are remembered")
    assert not first_run.is_shown


def test_a_new_project_is_led_to_its_images_and_the_sample_after_it_to_its_own_steps(
    open_window: Callable[..., Any], tmp_path: Path
) -> None:
    driver = open_window()
    window = driver.window
    card = window.first_steps
    window.projects.create(tmp_path / "新 new")
    driver.wait(card.isVisible, "the first steps are shown", 20)
    assert list(card.step_buttons) == ["import", "place", "register"]
    driver.wait(lambda: window.screen("pairs") is not None, "the first screen is built")
    old = window.screen("pairs").centre
    assert window.browser.findChild(EmptyState).isVisible()

    # Help opens on the page of the screen, and beside the window.
    driver.screen("train", "F4")
    driver.press("F1", window)
    driver.wait(lambda: window.findChild(HelpView) is not None, "help is open")
    assert window.findChild(HelpView).current == "train"
    window.findChild(HelpView).close()

    # The screens of the project before hear nothing of the next one.
    window.actions_.action("project.sample").trigger()
    driver.wait(lambda: list(card.step_buttons) == ["place", "train", "register", "compare"], "other steps")
    driver.wait(lambda: window.screen("pairs") is not None, "the screen is built again")
    assert window.screen("pairs").centre is not old
    window.workbench.set_item("visits")
    view = window.screen("pairs").centre.pair_view
    driver.wait(lambda: view.fixed.image_size, "the image of the sample is shown")

    # Hidden and brought back.
    press(card.hide_button)
    assert not card.isVisible()
    window.actions_.action("help.first_steps").trigger()
    assert card.isVisible()
    driver.wait(lambda: window.workbench.background.num_waiting == 0, "all is remembered")


def press(button: QWidget) -> None:
    """Click a button in the middle."""
    assert button.isVisible()
    assert button.isEnabled()
    click(button, button.rect().center())


def click_image(canvas: Any, xy: tuple[float, float]) -> None:
    """Click a place of an image, in pixels of the image."""
    click(canvas.viewer.canvas.native, canvas.canvas_from_image(xy).toPoint())


def click(widget: QWidget, at: QPoint) -> None:
    """Click as a mouse does: the press goes to the window, which finds the widget."""
    window = widget.window()
    place = widget.mapTo(window, at)
    QTest.mouseMove(window.windowHandle(), place)
    QTest.mouseClick(window.windowHandle(), Qt.MouseButton.LeftButton, pos=place)
    QTest.qWait(50)
