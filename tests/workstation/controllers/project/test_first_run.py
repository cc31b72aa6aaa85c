"""The first steps are seen to happen, whoever did them, and are remembered in the project."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication

from engines.contract.kinds import RunState
from workstation.controllers.project.first_run import NEW_STEPS, SAMPLE_STEPS, SETTING, FirstRun
from workstation.controllers.runs.run_headers import RunHeader
from workstation.controllers.workbench import Workbench
from workstation.project.commands import AddPair
from workstation.project.first_steps import SAMPLE_SETTING, first_image_pair, has_pair_by_hand
from workstation.project.project import Project

SCREENS = ("pairs", "train", "runs", "compare")


class Line:
    """A view that remembers what it was shown."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.is_shown = False

    def show_steps(self, rows: Any) -> None:
        self.rows = list(rows)

    def set_shown(self, is_shown: bool) -> None:
        self.is_shown = is_shown

    def done(self) -> list[str]:
        return [row.key for row in self.rows if row.is_done]


@pytest.fixture
def bench(qapp: QCoreApplication) -> Iterator[Workbench]:
    made = Workbench()
    yield made
    made.close()


def settle(bench: Workbench) -> None:
    until = time.monotonic() + 20
    while bench.background.num_waiting:
        assert time.monotonic() < until
        QCoreApplication.processEvents()
        time.sleep(0.005)
    QCoreApplication.processEvents()


@pytest.fixture
def lead(bench: Workbench) -> Callable[..., tuple[FirstRun, Line]]:
    """Open a project, and return what leads through it."""

    def start(project: Project, screens: tuple[str, ...] = SCREENS) -> tuple[FirstRun, Line]:
        line = Line()
        first_run = FirstRun(bench, line, screens, bench)
        bench.set_project(project)
        settle(bench)
        return first_run, line

    return start


@pytest.fixture
def sample(pair_project_folder: Path) -> Project:
    project = Project.open(pair_project_folder)
    project.set_setting(SAMPLE_SETTING, True)
    return project


def test_the_sample_is_led_through_every_step(sample: Project, lead: Any) -> None:
    _first_run, line = lead(sample)
    assert line.is_shown
    assert tuple(row.key for row in line.rows) == SAMPLE_STEPS
    # Its six pairs were imported, not placed by a hand.
    assert line.done() == []


def test_a_new_project_begins_with_its_images(tmp_path: Path, lead: Any) -> None:
    first_run, line = lead(Project.create(tmp_path / "新 new", "n"))
    assert tuple(row.key for row in line.rows) == NEW_STEPS
    assert line.is_shown
    assert not first_run.is_sample


def test_a_project_of_other_days_is_left_alone_until_asked(pair_project_folder: Path, lead: Any) -> None:
    first_run, line = lead(Project.open(pair_project_folder))
    assert not line.is_shown
    first_run.set_shown(True)
    assert line.is_shown
    assert tuple(row.key for row in line.rows) == SAMPLE_STEPS


def test_a_pair_placed_by_hand_lights_its_step(sample: Project, lead: Any, bench: Workbench) -> None:
    _first_run, line = lead(sample)
    assert not has_pair_by_hand(sample)
    sample.history.execute(AddPair("pair_b", (10.0, 10.0), (11.0, 12.0)))
    bench.data_changed.emit()
    settle(bench)
    assert line.done() == ["place"]
    # Undone, it was done all the same.
    sample.history.undo("pair_b")
    bench.data_changed.emit()
    settle(bench)
    assert line.done() == ["place"]


@pytest.mark.parametrize(
    ("action", "state", "expected"),
    [
        ("train", RunState.FINISHED, ["train"]),
        ("train", RunState.STOPPED, ["train"]),
        ("train", RunState.FAILED, []),
        ("train", RunState.RUNNING, []),
        ("predict", RunState.FINISHED, ["register"]),
        ("evaluate", RunState.FINISHED, []),
    ],
)
def test_only_runs_that_ended_well_light_their_step(
    sample: Project, lead: Any, bench: Workbench, action: str, state: RunState, expected: list[str]
) -> None:
    first_run, line = lead(sample)

    class Headers:
        def read(self, _folders: object) -> list[RunHeader]:
            return [RunHeader("r", Path("r"), action=action, state=state)]

    first_run._headers = Headers()  # type: ignore[assignment]
    bench.live_runs.ended.emit("r")
    settle(bench)
    assert line.done() == expected


def test_comparing_counts_after_registering_only(sample: Project, lead: Any, bench: Workbench) -> None:
    sample.set_setting(SETTING, {"plan": SAMPLE_STEPS, "done": ["place"], "is_hidden": False})
    first_run, line = lead(sample)
    first_run.note_screen("compare")
    assert line.done() == ["place"]
    first_run._done |= {"register"}
    first_run.note_screen("train")
    assert "compare" not in line.done()
    first_run.note_screen("compare")
    assert "compare" in line.done()


def test_a_window_without_the_compare_screen_leaves_that_step_out(sample: Project, lead: Any) -> None:
    _first_run, line = lead(sample, ("pairs", "train", "runs"))
    assert [row.key for row in line.rows] == ["place", "train", "register"]


def test_hidden_and_done_are_remembered(sample: Project, lead: Any, bench: Workbench) -> None:
    first_run, line = lead(sample)
    folder = sample.folder
    sample.history.execute(AddPair("pair_b", (10.0, 10.0), (11.0, 12.0)))
    bench.data_changed.emit()
    settle(bench)
    first_run.set_shown(False)
    settle(bench)
    assert not line.is_shown
    bench.set_project(None)
    assert not line.is_shown
    bench.set_project(Project.open(folder))
    settle(bench)
    assert not line.is_shown
    assert line.done() == ["place"]
    first_run.set_shown(True)
    assert line.is_shown


def test_a_finished_circle_is_not_shown_again(sample: Project, lead: Any) -> None:
    sample.set_setting(SETTING, {"plan": SAMPLE_STEPS, "done": SAMPLE_STEPS, "is_hidden": False})
    _first_run, line = lead(sample)
    assert not line.is_shown


@pytest.mark.parametrize("stored", ["", [], {"plan": []}, 3])
def test_a_damaged_memory_begins_again(sample: Project, lead: Any, stored: object) -> None:
    sample.set_setting(SETTING, stored)
    _first_run, line = lead(sample)
    assert line.is_shown


def test_a_step_goes_to_an_item_with_two_images(sample: Project, lead: Any, bench: Workbench) -> None:
    first_run, _line = lead(sample)
    bench.set_item("")
    first_run.choose_image_pair()
    assert bench.item_id == "pair_a"
    assert first_image_pair(sample, "pair_b") == "pair_b"
