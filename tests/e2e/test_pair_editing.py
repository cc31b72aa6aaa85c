"""Editing pairs and answering suggestions in the real window, by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from workstation.project.annotations import KeypointPair, PairState


class Desk:
    """The Pairs screen of the sample project, on its first pair of images."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        driver.click_button("Open sample project")
        window = driver.window
        driver.wait(lambda: window.workbench.project is not None, "the sample project is open")
        self.project = window.workbench.project
        self.item_id = window.workbench.item_id
        self.screen = driver.screen("pairs", "F2")
        self.controller = window.screen("pairs").controller
        self.view = self.screen.pair_view
        driver.wait(lambda: self.controller.has_pair_of_images, "both images are shown")
        driver.wait(
            lambda: all(len(self.controller.snapping.forks(side)) for side in ("fixed", "moving")),
            "the forks of both images are known",
        )

    @property
    def pairs(self) -> dict[str, KeypointPair]:
        return {pair.label: pair for pair in self.project.keypoints.pairs(self.item_id)}

    @property
    def last_edit(self) -> str:
        return str(self.project.history.undo_title(self.item_id))

    def press(self, keys: str, side: str = "fixed") -> None:
        self.driver.press(keys, self.view.canvas(side).native)

    def lonely_fork(self) -> tuple[np.ndarray, np.ndarray]:
        """Return a fork of fixed far from any pair, and where it lies in moving."""
        placed = np.array([pair.fixed_xy for pair in self.pairs.values()]).reshape(-1, 2)
        for fork in self.controller.snapping.forks("fixed"):
            partner = self.controller.link.map_back_xy(tuple(fork))
            is_central = 120 < fork[0] < 600 and 120 < fork[1] < 600
            if is_central and np.hypot(*(placed - fork).T).min(initial=1e9) > 60:
                return fork, np.array(partner)
        raise AssertionError("the sample shows no fork that is free")


@pytest.fixture
def desk(open_window: Callable[..., Any]) -> Desk:
    return Desk(open_window())


@pytest.mark.timeout(200)
def test_a_pair_is_added_snapped_moved_nudged_marked_excluded_deleted_and_brought_back(desk: Desk) -> None:
    driver, controller = desk.driver, desk.controller
    num_before = len(desk.pairs)
    fork, partner = desk.lonely_fork()
    screen_px = 1.0 / desk.view.fixed.zoom

    # A click in the wrong pane places nothing and says so; then a click beside a fork snaps to it.
    desk.press("N")
    driver.click_image("moving", tuple(partner))
    assert len(desk.pairs) == num_before
    assert "begins in fixed" in desk.screen.panel.hint.text()
    driver.click_image("fixed", tuple(fork + 5 * screen_px), is_free=False)
    label = controller.selection.half.label
    np.testing.assert_allclose(desk.pairs[label].fixed_xy, fork, atol=1e-6)
    assert desk.last_edit == f"add point {label}, snapped"

    # Esc drops the half pair; undo brings it back.
    desk.press("Esc")
    assert label not in desk.pairs
    driver.press("Ctrl+Z", driver.window)
    driver.wait(lambda: controller.half, "the half pair is back")
    driver.click_image("moving", tuple(partner))
    placed = desk.pairs[label]
    assert placed.is_used
    np.testing.assert_allclose(placed.moving_xy, partner, atol=2 * screen_px)

    # Drag, then nudge in the pane that has the focus.
    desk.press("V")
    target = partner + 25 * screen_px
    driver.drag_image("moving", placed.moving_xy, tuple(target))
    moved = desk.pairs[label]
    np.testing.assert_allclose(moved.moving_xy, target, atol=2 * screen_px)
    for keys, offset in (("Right", (0.25, 0.0)), ("Shift+Up", (0.0, -1.0))):
        before = np.array(desk.pairs[label].moving_xy)
        desk.press(keys, "moving")
        np.testing.assert_allclose(desk.pairs[label].moving_xy, before + offset)
        assert desk.pairs[label].fixed_xy == moved.fixed_xy
    complete = desk.pairs[label]

    # Not visible in the image that the mouse was in; again takes it back, undo brings the point back.
    desk.press("X", "moving")
    hidden = desk.pairs[label]
    assert (hidden.state, hidden.moving_xy) == (PairState.NOT_VISIBLE, None)
    assert desk.last_edit == f"mark point {label} as not visible in moving"
    desk.press("X", "moving")
    assert desk.pairs[label].state is PairState.PLACED
    driver.press("Ctrl+Z", driver.window)
    driver.press("Ctrl+Z", driver.window)
    driver.wait(lambda: controller.selection.get(complete.id).is_complete, "the point is back")
    assert desk.pairs[label].moving_xy == complete.moving_xy

    num_used = controller.pair_fit.summary.num_used
    controller.select(complete.id)
    desk.press("U")
    assert desk.pairs[label].state is PairState.EXCLUDED
    assert controller.pair_fit.summary.num_used == num_used - 1
    desk.press("Del")
    assert label not in desk.pairs
    driver.press("Ctrl+Z", driver.window)
    driver.press("Ctrl+Z", driver.window)
    driver.wait(lambda: controller.selection.get(complete.id), "the pair is back")
    assert desk.pairs[label].state is PairState.PLACED


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("kill_engines")
def test_suggestions_of_a_registration_are_answered_one_by_one_and_all_at_once(desk: Desk) -> None:
    driver, controller, bar = desk.driver, desk.controller, desk.screen.suggestion_bar
    before = desk.pairs
    num_used = controller.pair_fit.summary.num_used
    desk.press("Ctrl+G")
    driver.wait(lambda: controller.suggestions.num_left, "suggestions have come", 120)
    suggested = controller.selection.suggestions
    run_id = driver.run_folders()[-1].id
    assert len(suggested) >= 5
    assert {pair.source for pair in suggested} == {run_id}
    assert controller.pair_fit.summary.num_used == num_used
    assert str(len(suggested)) in bar.count.text()
    assert desk.last_edit == f"suggest {len(suggested)} points"
    truth = controller.pair_fit.fixed_from_moving
    mapped = truth.apply([pair.moving_xy for pair in suggested])
    gaps = np.linalg.norm(mapped - [pair.fixed_xy for pair in suggested], axis=1)
    assert np.median(gaps) < 3

    # The first is selected: accept it, reject the next.
    first, second = suggested[:2]
    assert controller.selected == first.id
    desk.press("Return")
    accepted = desk.project.keypoints.get(first.id)
    assert (accepted.state, accepted.source, accepted.score) == (PairState.PLACED, run_id, first.score)
    assert controller.selected == second.id
    desk.press("Backspace")
    assert desk.project.keypoints.get(second.id) is None
    assert desk.last_edit == f"reject suggestion {second.label}"
    assert controller.suggestions.num_left == len(suggested) - 2

    # A suggestion that is moved is accepted.
    third = controller.selection.suggestions[0]
    assert controller.selected == third.id
    desk.press("Right", "moving")
    assert desk.project.keypoints.get(third.id).source == run_id
    assert desk.last_edit == f"accept point {third.label}, edited in moving"

    # All above a threshold, and back.
    scores = [pair.score for pair in controller.selection.suggestions]
    bar.threshold.setValue(round(float(np.median(scores)), 2))
    num_sure = controller.suggestions.num_sure
    assert 0 < num_sure < len(scores)
    desk.press("Shift+Return")
    assert controller.suggestions.num_left == len(scores) - num_sure
    driver.press("Ctrl+Z", driver.window)
    driver.wait(lambda: controller.suggestions.num_left == len(scores), "the suggestions are back")

    # Asking again keeps what was accepted, and does not bring back what was rejected.
    driver.wait(driver.window.actions_.action("pairs.suggest").isEnabled, "it can be asked again")
    desk.press("Ctrl+G")
    driver.wait(lambda: len(driver.run_folders()) == 2, "a second run has begun", 60)
    again = driver.run_folders()[-1].id
    driver.wait(
        lambda: {pair.source for pair in controller.selection.suggestions} == {again},
        "the second run's suggestions have come",
        120,
    )
    places = np.array([pair.fixed_xy for pair in controller.selection.suggestions])
    for pair in (first, second, third):
        assert np.hypot(*(places - pair.fixed_xy).T).min() > 5
    desk.press("Ctrl+Shift+Backspace")
    assert controller.suggestions.num_left == 0
    assert len(desk.pairs) == len(before) + 2


@pytest.mark.timeout(200)
def test_points_of_another_pair_of_the_eye_are_carried_over(desk: Desk) -> None:
    driver, controller = desk.driver, desk.controller
    used = [pair for pair in controller.selection.pairs if pair.is_used]
    controller.selection.choose([pair.id for pair in used[6:]])
    controller.edits.delete()
    desk.press("Ctrl+Shift+G")
    menu = lambda: QApplication.activePopupWidget()  # noqa: E731
    driver.wait(menu, "the menu of sources is open", 30)
    texts = [action.text() for action in menu().actions()]
    assert len(texts) == 2
    assert all("points" in text for text in texts)
    driver.press("Return", menu())
    driver.wait(lambda: controller.suggestions.num_left, "the points have come")
    suggested = controller.selection.suggestions
    (source,) = {pair.source for pair in suggested}
    assert source.startswith("propagated:")
    assert {pair.score for pair in suggested} == {None}
    mapped = controller.link.apply([pair.moving_xy for pair in suggested])
    np.testing.assert_allclose(mapped, [pair.fixed_xy for pair in suggested], atol=0.5)
