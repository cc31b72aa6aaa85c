from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import InputError, VolumeReadError
from engines.imaging.volumes import unpacked_volumes
from engines.imaging.volumes.unpacked_volumes import unpack
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_volume, write_volume

SHAPE = (40, 30, 20)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    voxels = np.random.default_rng(0).integers(-1000, 1000, SHAPE).astype(np.int16)
    return write_volume(tmp_path / "扫描.nii.gz", Volume(voxels, VolumeGeometry(SHAPE, np.eye(4))))


def test_the_unpacked_file_holds_the_same_voxels_and_is_made_once(packed: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    first = unpack(packed, tmp_path / "cache", progress=lambda done, total: seen.append((done, total)))
    second = unpack(packed, tmp_path / "cache", progress=lambda *_: pytest.fail("unpacked again"))

    assert first == second
    assert isinstance(read_volume(first).voxels, np.memmap)
    assert np.array_equal(read_volume(first).voxels, read_volume(packed).voxels)
    assert seen[-1][0] == seen[-1][1] == first.stat().st_size


def test_a_changed_file_is_unpacked_anew(packed: Path, tmp_path: Path) -> None:
    first = unpack(packed, tmp_path / "cache")
    write_volume(packed, Volume(np.ones(SHAPE, np.int16), VolumeGeometry(SHAPE, np.eye(4))))
    second = unpack(packed, tmp_path / "cache")

    assert second != first
    assert read_volume(second).voxels.max() == 1


def test_stopping_leaves_nothing(packed: Path, tmp_path: Path) -> None:
    assert unpack(packed, tmp_path / "cache", should_stop=lambda: True) is None
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cut_file_is_refused_and_leaves_nothing(packed: Path, tmp_path: Path) -> None:
    packed.write_bytes(packed.read_bytes()[:-2000])
    with pytest.raises(VolumeReadError, match="cut off"):
        unpack(packed, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_other_files_are_used_as_they_are(tmp_path: Path) -> None:
    assert unpack(tmp_path / "a.nrrd", tmp_path / "cache") == tmp_path / "a.nrrd"


def test_a_full_disk_is_said_before_anything_is_written(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage(10**12, 10**12, 10**6))
    with pytest.raises(InputError, match="1 MB are free"):
        unpack(packed, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_cache_gives_up_what_was_used_longest_ago(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [packed.with_name(f"{name}.nii.gz") for name in "ab"]
    for other in others:
        shutil.copy(packed, other)
    old, used = (unpack(path, tmp_path / "cache") for path in (packed, others[0]))
    os.utime(old, (0, 0))
    monkeypatch.setattr(unpacked_volumes, "LARGEST_CACHE_BYTES", int(2.5 * old.stat().st_size))
    unpack(others[1], tmp_path / "cache")

    assert not old.exists()
    assert used.exists()
