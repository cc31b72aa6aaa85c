"""No acknowledged stroke is lost when the process is killed, and undo still works after it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap
from workstation.project.project import Project

GEOMETRY = VolumeGeometry((40, 36, 20), np.diag([-0.5, 0.5, 1.5, 1.0]))

PAINTER = """
import random, sys, zlib
from pathlib import Path
import numpy as np
from PySide6.QtCore import QCoreApplication
from engines.imaging.volumes.mask_editing import Paint, brush, stroke
from engines.imaging.volumes.voxel_changes import merge
from workstation.controllers.volume.label_arrays import LabelArrays
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project

app, rng = QCoreApplication([]), random.Random(int(sys.argv[2]))
bench = Workbench()
bench.set_project(Project.open(Path(sys.argv[1])))
bench.set_item("a")
history = bench.project.history
key = bench.project.label_maps.of_item("a")[0].id
arrays = LabelArrays(bench)
arrays.load_now(key)

def voxel():
    return tuple(rng.randrange(count) for count in arrays.get(key).voxels.shape)

print("ready", flush=True)
for number in range(int(sys.argv[3])):
    choice = rng.random() if number else 1.0
    if choice < 0.1:
        history.undo("a")
        arrays.follow()
    elif choice < 0.15:
        history.redo("a")
        arrays.follow()
    else:
        paint = Paint(rng.randrange(4))
        footprint = brush((0.5, 0.5, 1.5), rng.uniform(0.5, 4), rng.choice([None, 2]))
        at, parts = voxel(), []
        for _ in range(rng.randrange(1, 4)):
            to = voxel()
            parts.append(stroke(arrays.get(key).voxels, [at, to], footprint, paint))
            arrays.show(key, parts[-1])
            at = to
        assert arrays.commit(key, merge(parts), "paint {label} in {name}", is_shown=True, label="x")
    if number % 17 == 16:
        arrays.write_files()
    app.processEvents()
    voxels = np.ascontiguousarray(arrays.get(key).voxels)
    print(history.list(1)[0].sequence, zlib.crc32(voxels.tobytes()), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one empty label map."""
    with Project.create(tmp_path / "心脏 kill", "kill") as project:
        path = tmp_path / "ct.nii"
        path.write_bytes(b"")
        new = NewFile("a", "subject", "ct", FileKind.VOLUME, path, "0", 0, grid=GEOMETRY)
        with project.store.write() as session:
            insert_file(session, new, project.folder)
            set_item_kind(session, "a", ItemKind.VOLUME)
        empty = Volume(np.zeros(GEOMETRY.shape, np.uint8), GEOMETRY)
        project.history.execute(AddLabelMap.on_grid_of(empty, "a", "mask"))
        return project.folder


def checksum(project: Project) -> int:
    (label_map,) = project.label_maps.of_item("a")
    voxels, _ = project.label_maps.read(label_map.id)
    return zlib.crc32(np.ascontiguousarray(voxels.voxels).tobytes())


def kill_while_drawing(folder: Path, seed: int, num_strokes: int) -> int:
    """Kill a drawing process at a random moment; return how many edits it acknowledged."""
    rng = random.Random(seed)
    command = [sys.executable, "-c", PAINTER, str(folder), str(seed), "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline() for _ in range(num_strokes)]
        time.sleep(rng.random() * 0.03)
        process.kill()
        rest = process.stdout.read()
    lines += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    sequence, acknowledged = (int(word) for word in json.loads(f"[{lines[-1].replace(' ', ',')}]"))
    with Project.open(folder) as project:
        newest = project.history.list(1)[0].sequence
        # The edit that was being acknowledged when the process died may be there too, and no other.
        assert newest in (sequence, sequence + 1)
        if newest == sequence:
            assert checksum(project) == acknowledged
        before = checksum(project)
        assert project.history.undo("a") is not None
        assert project.history.redo("a") is not None
        assert checksum(project) == before
    return len(lines)


def test_a_killed_window_loses_no_stroke_and_undoes_all(folder: Path) -> None:
    assert kill_while_drawing(folder, 0, 15) >= 15
    with Project.open(folder) as project:
        empty = zlib.crc32(np.zeros(GEOMETRY.shape, np.uint8).tobytes())
        while "label map" not in str(project.history.undo_title("a")):
            project.history.undo("a")
        assert checksum(project) == empty


@pytest.mark.slow
def test_500_strokes_with_kills_lose_none(folder: Path) -> None:
    seed, total = 100, 0
    while total < 500:
        total += kill_while_drawing(folder, seed, random.Random(seed).randrange(5, 40))
        seed += 1
