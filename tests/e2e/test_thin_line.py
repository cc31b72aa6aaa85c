"""The whole loop in the real window, by mouse and keyboard: annotate, train, register, evaluate, reopen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.contract.events import Metric, read_events

LOSS = ("loss_total", "train")


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("kill_engines")
def test_thin_line(open_window: Callable[..., Any], tmp_path: Path) -> None:
    driver = open_window()
    window = driver.window

    # Open the sample project from the empty window.
    driver.click_button("Open sample project")
    driver.wait(lambda: window.workbench.project is not None, "the sample project is open")
    project = window.workbench.project
    folder = project.folder
    driver.choose_item("visits")
    pairs = driver.screen("pairs", "F2")
    view = pairs.pair_view
    driver.wait(lambda: view.fixed.image_size and view.moving.image_size, "both images are shown")

    # Place two pairs: click fixed, then moving.
    driver.press("N", view.fixed)
    for fixed_xy, moving_xy in (((200.0, 180.0), (210.0, 190.0)), ((260.0, 300.0), (270.0, 305.0))):
        driver.click_image("fixed", fixed_xy)
        driver.click_image("moving", moving_xy)
    placed = project.keypoints.pairs("visits")
    assert len(placed) == 2
    pixel_size = 1.0 / view.fixed.zoom
    np.testing.assert_allclose(placed[0].fixed_xy, (200.0, 180.0), atol=2 * pixel_size)
    np.testing.assert_allclose(placed[0].moving_xy, (210.0, 190.0), atol=2 * pixel_size)
    assert pairs.table.model().rowCount() == 2
    drawn = _drawn(project)

    # A half pair is dropped by Esc and costs nothing else.
    driver.click_image("fixed", (150.0, 150.0))
    driver.press("Esc", view.fixed)
    assert len(project.keypoints.pairs("visits")) == 2

    # Undo and redo, back to the very first edit and forward again.
    num_edits = 0
    while project.history.undo_title("visits") is not None:
        driver.press("Ctrl+Z", window)
        num_edits += 1
        assert num_edits < 20
    assert project.keypoints.pairs("visits") == []
    for key in ("Ctrl+Y", "Ctrl+Shift+Z") * (num_edits // 2) + ("Ctrl+Y",) * (num_edits % 2):
        driver.press(key, window)
    assert _drawn(project) == drawn

    # Train a tiny run, watch the curve grow, stop and keep.
    train = driver.screen("train", "F4")
    driver.choose(train.panel.preset_box, "tiny")
    editor = train.panel.form.editor("epochs")
    editor.selectAll()
    driver.press("5,0,0", editor)
    start = window.actions_.action("train.start")
    driver.wait(start.isEnabled, f"training can start: {start.toolTip()}")
    driver.press("Ctrl+Return", window)
    driver.wait(lambda: window.workbench.live_runs.live(), "a run is live")
    live = window.workbench.live_runs.live()[0]
    driver.wait(lambda: _num_points(live.model) >= 3, "the curve has three points", 120)
    shown = _num_points(live.model)
    driver.wait(lambda: _num_points(live.model) > shown, "the curve grows", 60)
    window.actions_.action("train.stop").trigger()
    driver.wait(lambda: live.is_over, "the run has stopped", 60)
    assert live.model.state.value == "stopped"
    assert (live.model.folder.checkpoints_dir / "last" / "weights.safetensors").is_file()
    values = [
        event.value for event in read_events(live.model.folder.events_path) if isinstance(event, Metric)
    ]
    assert len(values) > 3

    # Register the current pair without a model, and look at the blend.
    driver.screen("pairs", "F2")
    driver.wait(lambda: window.actions_.action("pairs.register").isEnabled(), "registering is possible")
    driver.press("Ctrl+R", window)
    controller = window.screen("pairs").controller
    driver.wait(lambda: controller.is_registering, "registering has begun", 20)
    driver.wait(lambda: not controller.is_registering, "registering has ended", 120)
    driver.wait(lambda: controller.link is not None, "the transform links the canvases", 20)
    driver.press("B", view.fixed)
    driver.wait(lambda: pairs.overlay.painter.is_over_shown, "the overlay is shown", 20)
    link = np.array(controller.link.matrix)
    num_runs = len(project.runs.folders())
    assert num_runs == 2

    # Close and reopen: everything is still there, and undo still works.
    window.close()
    again = open_window(folder)
    project = again.window.workbench.project
    assert _drawn(project) == drawn
    assert len(project.runs.folders()) == num_runs
    again.choose_item("visits")
    again.screen("pairs", "F2")
    controller = again.window.screen("pairs").controller
    again.wait(lambda: controller.link is not None, "the registration is read again", 20)
    np.testing.assert_allclose(controller.link.matrix, link)
    while project.history.undo_title("visits") is not None:
        again.press("Ctrl+Z", again.window)
    assert project.keypoints.pairs("visits") == []
    for _ in range(num_edits):
        again.press("Ctrl+Y", again.window)
    assert _drawn(project) == drawn
    runs = again.screen("runs", "F5")
    again.wait(lambda: runs.list.model.rowCount() == num_runs, "the runs are listed", 20)


def _drawn(project: Any) -> list[tuple[Any, ...]]:
    pairs = project.keypoints.pairs("visits")
    return [(pair.id, pair.label, pair.fixed_xy, pair.moving_xy, pair.state) for pair in pairs]


def _num_points(model: Any) -> int:
    series = model.series.get(LOSS)
    return 0 if series is None else len(series.steps)
