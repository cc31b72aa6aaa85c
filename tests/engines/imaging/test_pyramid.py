from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image

from engines.contract.errors import ImageReadError, ImageSizeError
from engines.imaging.pyramid import (
    INDEX_NAME,
    ImagePyramid,
    PyramidCancelledError,
    image_for_looks,
    needs_pyramid,
    open_pyramid,
    trim_cache,
)

SHAPE = (1500, 2101)


@pytest.fixture
def grey() -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return ((np.sin(rows / 40) + np.cos(columns / 55) + 2) * 60).astype(np.uint8)


def test_levels_are_the_image_and_its_halves(tmp_path: Path, grey: np.ndarray) -> None:
    path = tmp_path / "宽 wide.png"
    Image.fromarray(grey).save(path)
    shares: list[float] = []
    pyramid = open_pyramid(path, "abc", cache=tmp_path / "缓存 cache", progress=shares.append)
    assert pyramid.shape == SHAPE
    assert [level.shape for level in pyramid.levels] == [SHAPE, (750, 1050), (375, 525)]
    assert all(isinstance(level, np.memmap) for level in pyramid.levels)
    np.testing.assert_array_equal(pyramid.levels[0], grey)
    means = grey[:, :2100].reshape(750, 2, 1050, 2).mean(axis=(1, 3))
    assert np.abs(pyramid.levels[1] - means).max() <= 1
    assert not pyramid.is_first_look


def test_looks_of_a_large_image_are_judged_by_a_reduced_copy(
    tmp_path: Path, grey: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(grey).save(path)
    image, size = image_for_looks(path, "abc", cache=tmp_path)
    assert (image.shape, size) == (SHAPE, SHAPE[::-1])
    monkeypatch.setattr("engines.imaging.pyramid.LARGEST_NUM_PIXELS", 1000)
    image, size = image_for_looks(path, "abc", cache=tmp_path)
    assert (image.shape, size) == ((375, 525), SHAPE[::-1])


def test_second_time_the_files_are_used(tmp_path: Path, grey: np.ndarray) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(grey).save(path)
    open_pyramid(path, "abc", cache=tmp_path)
    path.unlink()
    assert open_pyramid(path, "abc", cache=tmp_path).shape == SHAPE


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiled_tiff_is_read_tile_by_tile(tmp_path: Path, grey: np.ndarray, compression: str | None) -> None:
    colour = np.dstack([grey, 255 - grey, grey // 2])
    path = tmp_path / "tiles.tif"
    tifffile.imwrite(path, colour, tile=(256, 256), compression=compression, photometric="rgb")
    pyramid = open_pyramid(path, "abc", cache=tmp_path)
    np.testing.assert_array_equal(pyramid.levels[0], colour)
    assert pyramid.ndim == 3


def test_what_cannot_be_read_is_said_and_leaves_nothing(tmp_path: Path, grey: np.ndarray) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(grey).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ImageReadError, match="truncated"):
        open_pyramid(path, "abc", cache=tmp_path / "cache")
    assert not any((tmp_path / "cache").iterdir())


def test_cancelling_ends_the_process_and_leaves_nothing(tmp_path: Path, grey: np.ndarray) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(grey).save(path)
    with pytest.raises(PyramidCancelledError):
        open_pyramid(path, "abc", cache=tmp_path / "cache", is_cancelled=lambda: True)
    assert not list((tmp_path / "cache").glob("*"))


def test_all_pixels_at_once_are_refused() -> None:
    pyramid = ImagePyramid((20_000, 10_000), (np.zeros((200, 100), np.uint8),))
    assert pyramid.is_first_look
    with pytest.raises(ImageSizeError, match="200 million"):
        np.asarray(pyramid)


def test_only_large_images_need_one() -> None:
    assert needs_pyramid(20_000, 10_000)
    assert not needs_pyramid(4000, 3000)
    assert not needs_pyramid(None, None)


def test_cache_lets_go_of_what_was_opened_longest_ago(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old", "oldest")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "level_0.npy").write_bytes(bytes(1000))
        (tmp_path / name / INDEX_NAME).write_text("{}")
        os.utime(tmp_path / name / INDEX_NAME, (1e9 - age, 1e9 - age))
    trim_cache(tmp_path, keep=tmp_path / "oldest", limit_bytes=2500)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "oldest"]


@pytest.mark.slow
def test_110_million_pixels_cost_this_process_next_to_nothing(tmp_path: Path) -> None:
    path = tmp_path / "montage.png"
    block = np.random.default_rng(0).integers(0, 255, (1000, 1100), dtype=np.uint8)
    Image.fromarray(np.tile(block, (10, 10))).save(path, compress_level=1)
    process, peak, is_over = psutil.Process(), [0], threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        while not is_over.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        pyramid = open_pyramid(path, "abc", cache=tmp_path)
        seen = np.asarray(pyramid.levels[0][5000:5800, 5000:6200])
    finally:
        is_over.set()
        watcher.join()
    assert seen.shape == (800, 1200)
    assert peak[0] - before < 40e6
