from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.project.importers.memory_budget import MemoryBudget
from workstation.project.importers.volume_reading import needed_bytes


def most_at_once(budget: MemoryBudget, sizes: list[int]) -> int:
    """Return the most bytes that pieces of work held side by side."""
    lock, held, most = threading.Lock(), [0], [0]

    def work(size: int) -> None:
        with budget.hold(size):
            with lock:
                held[0] += size
                most[0] = max(most[0], held[0])
            threading.Event().wait(0.01)
            with lock:
                held[0] -= size

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(work, sizes))
    assert held[0] == 0
    return most[0]


def test_pieces_are_read_side_by_side_as_far_as_they_fit() -> None:
    assert most_at_once(MemoryBudget(100), [40] * 8) <= 100


def test_a_piece_that_is_larger_than_the_memory_is_read_alone() -> None:
    assert most_at_once(MemoryBudget(100), [300, 300, 20]) <= 320


def test_who_stops_does_not_wait() -> None:
    budget = MemoryBudget(10)
    with budget.hold(10), budget.hold(10, lambda: True):
        pass


def test_the_need_of_a_volume_is_told_by_its_header(tmp_path: Path) -> None:
    grid = VolumeGeometry((20, 10, 5), np.eye(4))
    path = write_volume(tmp_path / "a.nii.gz", Volume(np.zeros(grid.shape, np.uint8), grid))
    assert needed_bytes(path, None) == 2 * 4 * 1000
    (tmp_path / "b.nii").write_bytes(b"no volume")
    assert needed_bytes(tmp_path / "b.nii", None) == 0
