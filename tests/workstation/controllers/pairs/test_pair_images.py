from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import engines.imaging.pyramid as pyramids
from engines.imaging.pyramid import ImagePyramid
from workstation.controllers.background import Background
from workstation.controllers.pairs import pair_images
from workstation.controllers.pairs.pair_images import ImageReader, files_of, read_images, whole_images
from workstation.project.project import Project


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call every image of the test large."""
    monkeypatch.setattr(pyramids, "LARGEST_NUM_PIXELS", 1000)


def test_large_images_become_pyramids_and_others_do_not(pair_project: Project, large: None) -> None:
    fixed, moving = files_of(pair_project.items.get("pair_a"))
    pictures = read_images((fixed, replace(moving, width=10, height=10)))
    assert isinstance(pictures[0], ImagePyramid)
    assert isinstance(pictures[1], np.ndarray)
    assert whole_images(pictures) == (None, pictures[1])


def test_reading_others_stops_what_is_under_way(
    qapp, qtbot, pair_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[bool] = []

    def endless(_files, *, progress, is_cancelled):
        while not is_cancelled():
            progress(0.5)
            time.sleep(0.01)
        stopped.append(True)
        return None, None

    background = Background()
    reader = ImageReader(background)
    said, done = [], []
    reader.progressed.connect(said.append)
    monkeypatch.setattr(pair_images, "read_images", endless)
    reader.read((None, None), done.append, done.append)
    qtbot.waitUntil(lambda: bool(said))
    assert "50 %" in said[0].render()
    monkeypatch.undo()
    files = files_of(pair_project.items.get("pair_a"))
    reader.read(files, done.append, done.append)
    qtbot.waitUntil(lambda: bool(done))
    qtbot.waitUntil(lambda: bool(stopped))
    assert len(done) == 1
    assert done[0][0].shape == (160, 200)
    background.close()


def test_a_cache_that_cannot_be_written_is_said(pair_project: Project, large: None, tmp_path: Path) -> None:
    from engines.contract.errors import ImageReadError
    from engines.imaging.pyramid import open_pyramid

    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    path = pair_project.items.get("pair_a").files["fixed"].path
    with pytest.raises(ImageReadError, match="could not be prepared"):
        open_pyramid(path, "abc", cache=in_the_way)
