from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from workstation.controllers.project.attribute_controller import BY_HAND, AttributeController
from workstation.controllers.workbench import Workbench
from workstation.project.grade_commands import SetGrades
from workstation.project.project import Project
from workstation.views.protocols.attributes import AttributeRow

MAP = {"m": ("person", np.zeros((4, 4, 3), np.uint8))}


class FakeList:
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self.rows: Sequence[AttributeRow] = ()

    def show_rows(self, rows: Sequence[AttributeRow]) -> None:
        self.rows = rows


@pytest.fixture
def project(tmp_path: Path, add_case: Callable[..., None]) -> Project:
    made = Project.create(tmp_path / "脑 project", "brains")
    add_case(made, "brain", MAP, roles=("t1", "flair"))
    add_case(made, "chest", MAP)
    return made


@pytest.fixture
def brains(project: Project, prompt_bench: Workbench) -> Iterator[Workbench]:
    prompt_bench.set_project(project)
    prompt_bench.set_item("brain")
    yield prompt_bench
    prompt_bench.set_project(None)
    project.close()


def test_a_grade_given_by_hand_says_who_and_when_and_undo_takes_it_back(
    brains: Workbench, project: Project
) -> None:
    view = FakeList()
    controller = AttributeController(brains, view)
    controller.look()
    (row,) = view.rows
    assert (row.key, row.value, row.values) == ("grade", "", ("LGG", "HGG"))
    controller.choose("grade", "HGG")
    # At once: a chooser that goes back to the old value for a moment is one that cannot be used by keys.
    (row,) = view.rows
    assert (row.value, row.source) == ("HGG", BY_HAND)
    assert row.annotator
    assert row.at
    assert project.grades()["brain"].value == "HGG"
    project.history.undo("brain")
    controller.look()
    assert view.rows[0].value == ""
    project.history.redo("brain")
    controller.look()
    assert view.rows[0].value == "HGG"


def test_the_action_goes_through_the_values_and_ends_with_none(brains: Workbench, project: Project) -> None:
    controller = AttributeController(brains, FakeList())
    controller.look()
    said = []
    for _ in range(3):
        controller.step()
        said.append(controller.rows[0].value)
    assert said == ["LGG", "HGG", ""]
    assert "brain" not in project.grades()


def test_a_table_is_named_as_the_source(brains: Workbench, project: Project) -> None:
    project.history.execute(SetGrades({"brain": "LGG"}, "map.csv", {"brain": "map.csv, column Grade, row 3"}))
    view = FakeList()
    AttributeController(brains, view).look()
    assert str(view.rows[0].source) == "map.csv, column Grade, row 3"


def test_nothing_is_asked_of_other_kinds_of_items(brains: Workbench) -> None:
    view = FakeList()
    controller = AttributeController(brains, view)
    brains.set_item("chest")
    controller.look()
    assert not view.rows
    controller.step()
    controller.choose("grade", "HGG")
    assert not controller.rows
