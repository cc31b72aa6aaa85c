from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication

from engines.contract.errors import PreconditionError
from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.workbench import Workbench
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap
from workstation.project.project import Project


@pytest.fixture
def prompt_bench(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """A workbench that does its background work at once."""
    made = Workbench()

    def at_once(
        _channel: str,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None] | None = None,
        **_how: object,
    ) -> None:
        try:
            result = work()
        except PreconditionError as error:
            assert failed is not None
            failed(error)
        else:
            done(result)

    monkeypatch.setattr(made.background, "submit", at_once)
    yield made
    made.live_runs.detach_all()
    made.background.close()


CASE_SHAPE = (20, 18, 9)
CASE_AFFINE = np.array([[-0.8, 0, 0, 30.0], [0, 0.8, 0, -12.0], [0, 0, 2.5, 100.0], [0, 0, 0, 1.0]])


@pytest.fixture
def add_case() -> Callable[..., None]:
    """Return a function that adds a case: a CT, and label maps by name, source and voxels."""

    def add(
        project: Project,
        item_id: str,
        maps: Mapping[str, tuple[str, np.ndarray]],
        *,
        subject: str = "",
        affine: np.ndarray = CASE_AFFINE,
        roles: Sequence[str] = ("cta",),
        map_affines: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        shape = next((voxels.shape for _, voxels in maps.values()), CASE_SHAPE)
        i, j, k = np.indices(shape)
        grid = VolumeGeometry(shape, affine)
        (project.folder / "images 图").mkdir(exist_ok=True)
        with project.store.write() as session:
            for number, role in enumerate(roles):
                values = (30 * i + 4 * j + 10 * k + 100 * number - 100).astype(np.int16)
                path = write_volume(
                    project.folder / "images 图" / f"{item_id}_{role}.nii", Volume(values, grid)
                )
                new = NewFile(
                    item_id, subject or item_id, role, FileKind.VOLUME, path, str(path), 9, grid=grid
                )
                insert_file(session, new, project.folder)
            kind = ItemKind.VOLUME if len(roles) == 1 else ItemKind.VOLUME_SET
            set_item_kind(session, item_id, kind)
        for name, (source, voxels) in maps.items():
            own = VolumeGeometry(voxels.shape, (map_affines or {}).get(name, affine))
            volume = Volume(voxels.astype(np.uint8), own)
            made = AddLabelMap.on_grid_of(volume, item_id, name, source=source)
            file = project.label_maps.keep(item_id, made.label_map_id, volume)
            project.history.execute(replace(made, file=file))

    return add


def box_of(i0: int, i1: int, *, value: int = 1, shape: tuple[int, int, int] = CASE_SHAPE) -> np.ndarray:
    """Return labels of a block that reaches from i0 to i1."""
    made = np.zeros(shape, dtype=np.uint8)
    made[i0:i1, 4:12, 2:7] = value
    return made


@pytest.fixture
def case_bench(qapp: QCoreApplication, tmp_path: Path, add_case: Callable[..., None]) -> Iterator[Workbench]:
    """A workbench on a project with three cases; in the second the refinement made things worse."""
    made = Workbench()
    project = Project.create(tmp_path / "病例 cases", "Cases")
    reference = box_of(4, 14)
    for number, (before, after) in enumerate(((6, 5), (5, 8), (8, 4))):
        maps = {
            "input": ("manual", box_of(before, 14)),
            "refined": ("manual", box_of(after, 14)),
            "ground truth": ("import", reference),
        }
        add_case(project, f"case_{number}", maps)
    made.set_project(project)
    yield made
    made.close()
