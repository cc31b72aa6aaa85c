from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.imaging.volumes import file_cache
from engines.imaging.volumes.file_cache import read_through
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_volume, write_volume


@pytest.fixture
def mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setattr(file_cache, "_CHUNK_BYTES", 1000)
    grid = VolumeGeometry((12, 10, 8), np.eye(4))
    path = write_volume(tmp_path / "图 a.nii", Volume(np.ones(grid.shape, np.int16), grid))
    voxels = read_volume(path).voxels
    assert isinstance(voxels, np.memmap)
    return voxels


def test_a_mapped_file_is_read_to_its_end(mapped: np.ndarray) -> None:
    told: list[tuple[int, int]] = []
    assert read_through(mapped, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (mapped.nbytes, mapped.nbytes)
    assert len(told) == 3


def test_reading_stops_when_asked(mapped: np.ndarray) -> None:
    told: list[int] = []
    stopped = read_through(mapped, progress=lambda done, _: told.append(done), should_stop=lambda: True)
    assert not stopped
    assert len(told) == 1


def test_what_would_not_stay_in_memory_or_is_there_already_is_not_read(mapped: np.ndarray) -> None:
    assert not read_through(mapped, free_bytes=mapped.nbytes)
    assert not read_through(np.array(mapped))
