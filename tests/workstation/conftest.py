from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.images import write_image
from workstation.project.commands import ImportedPair, ImportPairs
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.project import Project

FIXED_FROM_MOVING = np.array([[1.02, 0.03, 6.0], [-0.03, 1.02, -4.0], [0.0, 0.0, 1.0]])
SIZE = (200, 160)


def _image(seed: int) -> np.ndarray:
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    waves = np.sin((rows + seed * 7) / 9.0) + np.cos(columns / (11.0 + seed))
    return ((waves + 2) * 60).astype(np.uint8)


@pytest.fixture(scope="session")
def make_pair_project() -> Callable[[Path], Path]:
    """Make a closed project of two image pairs; the first has six keypoint pairs. The path is Chinese."""

    def make(place: Path) -> Path:
        folder = place / "眼底 project"
        with Project.create(folder, "Two pairs") as project:
            with project.store.write() as session:
                for number, item_id in enumerate(("pair_a", "pair_b")):
                    for role, modality in (("fixed", "FA"), ("moving", "CF")):
                        path = place / "images 图" / f"{item_id}_{role}.png"
                        path.parent.mkdir(exist_ok=True)
                        write_image(path, _image(number))
                        content = f"{item_id}{role}"
                        new = NewFile(
                            item_id, f"S{number}", role, FileKind.IMAGE, path, content, 9, modality, *SIZE
                        )
                        insert_file(session, new, folder)
                    set_item_kind(session, item_id, ItemKind.IMAGE_PAIR)
            project.history.execute(ImportPairs("pair_a", tuple(_pairs())))
        return folder

    return make


@pytest.fixture
def pair_project_folder(make_pair_project: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A project of `make_pair_project`."""
    return make_pair_project(tmp_path)


def _pairs() -> Iterator[ImportedPair]:
    rng = np.random.default_rng(3)
    places = ((40, 30), (150, 35), (60, 120), (160, 110), (100, 70), (120, 130))
    for number, (x, y) in enumerate(places, start=1):
        mapped = FIXED_FROM_MOVING @ [x, y, 1]
        # The last pair is off by far: it is the worst.
        error = np.array([9.0, 4.0]) if number == len(places) else rng.normal(0, 0.3, 2)
        fixed = mapped[:2] + error
        yield ImportedPair(str(number), (float(fixed[0]), float(fixed[1])), (float(x), float(y)))


@pytest.fixture
def pair_project(pair_project_folder: Path) -> Iterator[Project]:
    """The project of `pair_project_folder`, open."""
    with Project.open(pair_project_folder) as project:
        yield project
