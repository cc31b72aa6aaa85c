"""Neither the window nor an engine opens a socket to the network, let alone listens on one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from workstation.project.sample import create_sample

LONG = {"epochs": 5000, "max_minutes": 2}


def network_sockets(process: psutil.Process) -> list[Any]:
    """Return every internet socket of a process and of its children."""
    family = [process, *process.children(recursive=True)]
    return [socket for member in family for socket in member.net_connections(kind="inet")]


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("kill_engines")
def test_window_and_engine_open_no_network_socket(tmp_path: Path, open_window: Callable[..., Any]) -> None:
    before = set(network_sockets(psutil.Process()))
    create_sample(tmp_path / "sample").close()
    driver = open_window(tmp_path / "sample")
    window = driver.window
    train = driver.screen("train", "F4")
    driver.choose(train.panel.preset_box, "tiny")
    train.set_values(LONG)
    start = window.actions_.action("train.start")
    driver.wait(start.isEnabled, f"training can start: {start.toolTip()}")
    start.trigger()
    driver.wait(lambda: window.workbench.live_runs.live(), "a run is live")
    live = window.workbench.live_runs.live()[0]
    driver.wait(lambda: live.model.step >= 1, "the run trains", 120)
    record = live.model.folder.read_process()
    assert record is not None
    assert network_sockets(psutil.Process(record.pid)) == []
    assert set(network_sockets(psutil.Process())) <= before
    live.thread_of_run.request_stop()
    driver.wait(lambda: live.is_over, "the run has stopped", 60)
