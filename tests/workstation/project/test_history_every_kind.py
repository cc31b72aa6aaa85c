"""Random edits of every kind, undos, redos, jumps, kills and re-openings against a model in plain Python.

The model is two lists of states: undo must give exactly the state before an edit, redo the one after it.
"""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engines.contract.errors import InputError
from workstation.project.history import Command
from workstation.project.project import Project

HERE = Path(__file__).parent
MADE = runpy.run_path(str(HERE / "edit_generators.py"))
GENERATORS, ITEMS = MADE["GENERATORS"], MADE["ITEMS"]
random_edit, state_of = MADE["random_edit"], MADE["state_of"]

CHILD = """
import json, random, runpy, sys
from pathlib import Path
from workstation.project.project import Project

made = runpy.run_path(sys.argv[1])
project = Project.open(Path(sys.argv[2]))
rng = random.Random(int(sys.argv[3]))
print("ready", flush=True)
while True:
    choice = rng.random()
    if choice < 0.6:
        project.history.execute(made["random_edit"](project, rng))
    elif choice < 0.8:
        project.history.undo()
    else:
        project.history.redo()
    newest = project.history.list(1)
    sequence = newest[0].sequence if newest else 0
    print(json.dumps([sequence, made["state_of"](project)]), flush=True)
"""


def kinds() -> set[str]:
    """Return every kind of edit that opening a project makes known, those of tests left out."""
    return {kind for kind, command in Command._kinds.items() if command.__module__.startswith("workstation.")}


def test_every_kind_of_edit_has_a_generator() -> None:
    assert kinds() == set(GENERATORS), "Add the new kind to edit_generators.py."


class Model:
    """What the history must do: a list of states done, and a list of states undone."""

    def __init__(self, state: Any) -> None:
        self.now = state
        self.done: list[tuple[Any, Any]] = []
        self.undone: list[tuple[Any, Any]] = []

    def edit(self, after: Any) -> None:
        self.done.append((self.now, after))
        self.undone.clear()
        self.now = after

    def undo(self) -> bool:
        if not self.done:
            return False
        self.undone.append(self.done.pop())
        self.now = self.undone[-1][0]
        return True

    def redo(self) -> bool:
        if not self.undone:
            return False
        self.done.append(self.undone.pop())
        self.now = self.done[-1][1]
        return True


def walk(project: Project, seed: int, num_steps: int) -> Project:
    """Do random things, and compare after each; the project that is open at the end is returned."""
    rng, used = Random(seed), set()
    model = Model(state_of(project))
    for _ in range(num_steps):
        choice = rng.random()
        history = project.history
        if choice < 0.5:
            command = random_edit(project, rng)
            used.add(command.kind)
            history.execute(command)
            after = state_of(project)
            model.edit(after)
        elif choice < 0.65:
            assert (history.undo() is not None) == model.undo()
        elif choice < 0.8:
            assert (history.redo() is not None) == model.redo()
        elif choice < 0.87:
            jump(project, model, rng)
        elif choice < 0.93:
            step_in_one_item(project, rng)
        else:
            project.close()
            project = Project.open(project.folder)
        assert state_of(project) == model.now
    while model.undo():
        assert project.history.undo() is not None
        assert state_of(project) == model.now
    assert project.history.undo() is None
    while model.redo():
        assert project.history.redo() is not None
        assert state_of(project) == model.now
    return project


def jump(project: Project, model: Model, rng: Random) -> None:
    """Go to a random entry of the list."""
    entries = [entry for entry in project.history.timeline() if entry.is_open or not entry.is_undone]
    sequence = rng.choice([0, *(entry.sequence for entry in entries)])
    steps = project.history.go_to(sequence)
    for _ in range(abs(steps)):
        assert model.undo() if steps < 0 else model.redo()
    here = [entry.sequence for entry in project.history.timeline() if not entry.is_undone]
    assert (here[0] if here else 0) == sequence


def step_in_one_item(project: Project, rng: Random) -> None:
    """Undo in one item and redo there: all is as it was, and other items were not touched meanwhile."""
    item = rng.choice(ITEMS)
    before = state_of(project)
    try:
        stored = project.history.undo(item)
    except InputError:
        # A later edit of another item stands on it: refused as a whole.
        assert state_of(project) == before
        return
    if stored is None:
        return
    assert stored.item_id in (item, None)
    if stored.item_id == item:
        meanwhile = state_of(project)
        assert {key: value for key, value in meanwhile.items() if key != item} == {
            key: value for key, value in before.items() if key != item
        }
    assert project.history.redo(item) is not None
    assert state_of(project) == before


@pytest.mark.parametrize("seed", range(4))
def test_random_walk_through_every_kind_agrees_with_the_model(project: Project, seed: int) -> None:
    walk(project, seed, 90).close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 150))
def test_random_walks_agree_with_the_model_often(project: Project, seed: int) -> None:
    walk(project, seed, 200).close()


def test_list_holds_more_than_two_hundred_steps_and_one_jump_undoes_them(project: Project) -> None:
    rng = Random(5)
    before = state_of(project)
    for _ in range(210):
        project.history.execute(random_edit(project, rng))
    after = state_of(project)
    project.close()
    with Project.open(project.folder) as again:
        entries = again.history.timeline()
        assert len(entries) == 210
        assert all(entry.title.render() and entry.annotator and entry.at for entry in entries)
        assert again.history.go_to(0) == -210
        assert state_of(again) == before
        assert len([entry for entry in again.history.timeline() if entry.is_open]) == 210
    with Project.open(project.folder) as third:
        assert third.history.go_to(entries[0].sequence) == 210
        assert state_of(third) == after


def test_jump_that_is_refused_half_way_changes_nothing(project: Project, monkeypatch) -> None:
    rng = Random(1)
    for _ in range(6):
        project.history.execute(MADE["add_pair"](project, rng))
    before, entries = state_of(project), project.history.list()
    command, calls = Command.of_kind("add_pair"), []
    real = command.revert.__func__

    def refuse(cls: Any, edit: Any, effect: Any) -> None:
        calls.append(effect)
        if len(calls) == 3:
            raise InputError("No.")
        real(cls, edit, effect)

    monkeypatch.setattr(command, "revert", classmethod(refuse))
    with pytest.raises(InputError, match=r"No\."):
        project.history.go_to(0)
    assert state_of(project) == before
    assert project.history.list() == entries


def kill_and_reopen(folder: Path, seed: int, num_rounds: int) -> int:
    """Let children edit one project, kill each at a random moment; return how many edits were seen."""
    rng, num_seen = Random(seed), 0
    with Project.open(folder) as project:
        beginning = state_of(project)
    for number in range(num_rounds):
        arguments = [str(HERE / "edit_generators.py"), str(folder), str(seed * 1000 + number)]
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True, encoding="utf-8"
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            lines = [child.stdout.readline() for _ in range(rng.randint(1, 25))]
            time.sleep(rng.random() * 0.03)
            # SIGKILL where there is one.
            child.kill()
            rest = child.stdout.read()
        lines += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
        num_seen += len(lines)
        sequence, acknowledged = json.loads(lines[-1])
        with Project.open(folder) as project:
            newest = project.history.list(1)
            # The edit that was being acknowledged when the process died may be there too, and no other.
            now = newest[0].sequence if newest else 0
            assert now in (sequence, sequence + 1)
            if now == sequence:
                assert state_of(project) == acknowledged
    with Project.open(folder) as project:
        project.history.go_to(0)
        assert state_of(project) == beginning
    return num_seen


@pytest.mark.parametrize("seed", [1, 2])
def test_edits_of_every_kind_survive_kills(project: Project, seed: int) -> None:
    project.close()
    assert kill_and_reopen(project.folder, seed, 2) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 20))
def test_edits_of_every_kind_survive_kills_often(project: Project, seed: int) -> None:
    project.close()
    assert kill_and_reopen(project.folder, seed, 6) >= 6
