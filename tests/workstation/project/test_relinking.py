from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import InputError
from engines.imaging.images import write_image
from workstation.project.importers import import_paths
from workstation.project.project import Project
from workstation.project.relinking import SearchCancelled, find_moved


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[tuple[Project, Path]]:
    """A project whose two pairs were moved as a tree, one image under another name."""
    images = tmp_path / "旧 old"
    rows = ["subject,item,role,path,modality"]
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 48), dtype=np.uint8)
        name = f"{'ab'[number // 2]}/{('fixed', 'moving')[number % 2]}.png"
        write_image(images / name, pixels)
        rows.append(f"s,{'ab'[number // 2]},{('fixed', 'moving')[number % 2]},{name},CF")
    (images / "items.csv").write_text("\n".join(rows))
    with Project.create(tmp_path / "project", "p") as project:
        import_paths(project, [images / "items.csv"])
        target = tmp_path / "新 new" / "deep"
        shutil.move(images, target)
        (target / "b" / "fixed.png").rename(target / "b" / "renamed.png")
        yield project, tmp_path / "新 new"


def test_the_whole_tree_is_found_whatever_the_names(moved: tuple[Project, Path]) -> None:
    project, folder = moved
    missing = project.missing_files()
    assert len(missing) == 4
    seen: list[tuple[int, int]] = []
    found = find_moved(missing, folder, progress=lambda done, total: seen.append((done, total)))
    assert (len(found.found), found.missing) == (4, [])
    assert seen[-1][0] == seen[-1][1] >= 4
    project.items.relink_all(found.found)
    assert project.missing_files() == []
    assert project.items.get("b").files["fixed"].path.name == "renamed.png"


def test_another_file_of_the_same_size_is_not_taken(moved: tuple[Project, Path]) -> None:
    project, folder = moved
    lost = folder / "deep" / "a" / "fixed.png"
    content = bytearray(lost.read_bytes())
    content[-20] ^= 1
    lost.write_bytes(bytes(content))
    found = find_moved(project.missing_files(), folder)
    assert [(file.item_id, file.role) for file in found.missing] == [("a", "fixed")]
    assert len(found.found) == 3


def test_of_copies_the_one_in_the_likest_place_is_taken(moved: tuple[Project, Path]) -> None:
    project, folder = moved
    shutil.copy(folder / "deep/a/moving.png", folder / "moving.png")
    shutil.copy(folder / "deep/a/moving.png", folder / "other.png")
    found = find_moved(project.missing_files(), folder).found
    assert found["a", "moving"] == folder / "deep/a/moving.png"


def test_a_search_can_be_stopped_and_needs_a_folder(moved: tuple[Project, Path]) -> None:
    project, folder = moved
    with pytest.raises(SearchCancelled):
        find_moved(project.missing_files(), folder, should_stop=lambda: True)
    with pytest.raises(InputError, match="not a folder"):
        find_moved(project.missing_files(), folder / "nowhere")
