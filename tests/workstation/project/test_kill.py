"""No acknowledged edit is lost when the process is killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engines.contract.manifest import read_keypoint_pairs
from workstation.project.project import Project

NUM_EDITS = 200

EDITOR = """
import json, random, sys
from pathlib import Path
from workstation.project.annotations import PairState
from workstation.project.commands import AddPair, DeletePairs, MovePoint, SetPairState
from workstation.project.project import Project

rng = random.Random(int(sys.argv[2]))
project = Project.open(Path(sys.argv[1]))
history = project.history

def point():
    return (float(rng.randrange(100)), float(rng.randrange(80)))

print("ready", flush=True)
for number in range(int(sys.argv[3])):
    ids = [pair.id for pair in project.keypoints.pairs("a")]
    choices = ["add", "add", "move", "state", "delete", "undo", "redo"]
    choice = rng.choice(choices) if number else "add"
    if choice == "move" and ids:
        history.execute(MovePoint(rng.choice(ids), rng.choice(["fixed", "moving"]), point()))
    elif choice == "state" and ids:
        history.execute(SetPairState((rng.choice(ids),), rng.choice(list(PairState))))
    elif choice == "delete" and ids:
        history.execute(DeletePairs((rng.choice(ids),)))
    elif choice == "undo":
        history.undo()
    elif choice == "redo":
        history.redo()
    else:
        history.execute(AddPair("a", point(), point()))
    state = {p.id: [p.label, p.fixed_xy, p.moving_xy, p.state] for p in project.keypoints.pairs("a")}
    print(json.dumps([history.list(1)[0].sequence, state]), flush=True)
"""


def state_of(project: Project) -> dict[str, object]:
    pairs = project.keypoints.pairs("a")
    return json.loads(json.dumps({p.id: [p.label, p.fixed_xy, p.moving_xy, p.state] for p in pairs}))


def kill_while_editing(folder: Path, seed: int) -> int:
    """Kill an editing process at a random moment; check what it acknowledged; return how much that was."""
    rng = random.Random(seed)
    command = [sys.executable, "-c", EDITOR, str(folder), str(seed), str(NUM_EDITS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline() for _ in range(rng.randrange(1, NUM_EDITS // 2))]
        time.sleep(rng.random() * 0.02)
        process.kill()
        rest = process.stdout.read()
    lines += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    sequence, acknowledged = json.loads(lines[-1])
    with Project.open(folder) as project:
        newest = project.history.list(1)[0].sequence
        # The edit that was being acknowledged when the process died may be there too, and no other.
        assert newest in (sequence, sequence + 1)
        if newest == sequence:
            assert state_of(project) == acknowledged
        used = [pair.label for pair in project.keypoints.pairs("a") if pair.is_used]
        assert read_keypoint_pairs(project.keypoints.mirror_path("a"))[0] == used
        while project.history.undo() is not None:
            pass
        assert project.keypoints.pairs("a") == []
    return len(lines)


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_editor_loses_no_acknowledged_edit(project: Project, seed: int) -> None:
    project.close()
    assert kill_while_editing(project.folder, seed) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_a_killed_editor_loses_no_acknowledged_edit_often(project: Project, seed: int) -> None:
    project.close()
    assert kill_while_editing(project.folder, seed) >= 1
