"""Run folders over small procedural vessels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.contract.kinds import Action, AnnotationKind, ItemKind, RunState, Split
from engines.contract.manifest import AnnotationRecord, FileRecord, ItemRecord, Manifest
from engines.contract.presets import training_config
from engines.contract.registry import config_class, load_spec
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.volumes.label_metrics import Spacing
from engines.imaging.volumes.volume import Shape, Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from engines.refinement.data import RefinementCase, make_case

MakeRun = Callable[..., RunFolder]
CORONARY = 9


def draw_vessel(shape: Shape, seed: int = 0, radius: float = 2.2) -> np.ndarray:
    """Return a winding vessel with a branch, bool, on a grid of unequal sides."""
    i, j, k = np.meshgrid(*map(np.arange, shape), indexing="ij")
    phase = 0.8 * seed
    middle_j = shape[1] / 2 + 0.2 * shape[1] * np.sin(5.0 * i / shape[0] + phase)
    middle_k = shape[2] / 2 + 0.2 * shape[2] * np.cos(4.0 * i / shape[0] + phase)
    found = (j - middle_j) ** 2 + (k - middle_k) ** 2 <= radius**2
    found &= (i > 4) & (i < shape[0] - 5)
    at = shape[0] // 2
    branch = (i - at) ** 2 + (k - middle_k) ** 2 <= (0.8 * radius) ** 2
    branch &= (j >= middle_j) & (j < shape[1] - 5)
    return found | branch


def geometry(shape: Shape, spacing: Spacing = (1.0, 1.0, 1.0)) -> VolumeGeometry:
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = (-12.0, 7.0, 31.0)
    return VolumeGeometry(shape, matrix)


def draw_ct(mask: np.ndarray, seed: int = 0, spacing: Spacing = (1.0, 1.0, 1.0)) -> Volume:
    noise = np.random.default_rng(seed).normal(0.0, 15.0, mask.shape)
    image = np.where(mask, 350.0, -80.0) + noise
    return Volume(image.astype(np.int16), geometry(mask.shape, spacing))


def draw_case(name: str = "a", seed: int = 0, shape: Shape = (30, 26, 22)) -> RefinementCase:
    mask = draw_vessel(shape, seed)
    return make_case(name, draw_ct(mask, seed), mask, spacing_mm=1.0, margin_mm=4.0)


def _write_item(
    folder: Path, run: RunFolder, number: int, split: Split, label: np.ndarray | None, has_reference: bool
) -> ItemRecord:
    truth = draw_vessel((28, 24, 22), number)
    drawn = truth if label is None else label
    ct = draw_ct(truth, number)
    files = {"ct": folder / f"ct_{number}.nii.gz", "reference_label_map": folder / f"clean_{number}.nii.gz"}
    write_volume(files["ct"], ct)
    write_volume(files["reference_label_map"], Volume((CORONARY * truth).astype(np.uint8), ct.geometry))
    path = run.annotations_dir / f"case_{number}.label_map.nii.gz"
    write_volume(path, Volume((CORONARY * drawn).astype(np.uint8), ct.geometry))
    if not has_reference:
        del files["reference_label_map"]
    return ItemRecord(
        id=f"case_{number}",
        subject=f"subject_{number}",
        kind=ItemKind.VOLUME,
        split=split,
        files={role: FileRecord(path=str(path)) for role, path in files.items()},
        annotations={
            AnnotationKind.LABEL_MAP: AnnotationRecord(path=f"annotations/case_{number}.label_map.nii.gz")
        },
    )


def make_run(
    folder: Path,
    action: str,
    *,
    name: str = "",
    base_run: str = "",
    splits: tuple[Split, ...] = (Split.TRAIN, Split.TRAIN, Split.VAL),
    label: np.ndarray | None = None,
    has_reference: bool = True,
    settings: dict[str, Any] | None = None,
) -> RunFolder:
    """Create a run folder over procedural cases."""
    run = RunFolder(folder / (name or f"{action} 运行"))
    run.annotations_dir.mkdir(parents=True)
    data = folder / f"data of {run.path.name}"
    data.mkdir()
    items = tuple(
        _write_item(data, run, number, split, label, has_reference) for number, split in enumerate(splits)
    )
    settings = {"num_threads": 1, "device": "cpu", **(settings or {})}
    kind = Action(action)
    if kind is Action.TRAIN:
        config = training_config(load_spec("refinement"), "fit", "tiny", settings)
    else:
        config = config_class(load_spec("refinement"), kind).from_values(settings)
    request = RunRequest(
        pipeline="refinement",
        action=kind,
        phase="fit" if kind is Action.TRAIN else "",
        preset="tiny" if kind is Action.TRAIN else "",
        base_run=base_run,
        settings=config.values(),
    )
    run.create(request, Manifest(items=items, split_hash="0123456789abcdef"))
    return run


@pytest.fixture(scope="session")
def vessel() -> Callable[..., np.ndarray]:
    """Return `draw_vessel`."""
    return draw_vessel


@pytest.fixture(scope="session")
def ct_of() -> Callable[..., Volume]:
    """Return `draw_ct`."""
    return draw_ct


@pytest.fixture(scope="session")
def small_case() -> Callable[..., RefinementCase]:
    """Return `draw_case`."""
    return draw_case


@pytest.fixture
def make(tmp_path: Path) -> MakeRun:
    """Return a maker of run folders in the test's own folder."""
    return partial(make_run, tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return the run folder of a training of a few seconds."""
    from engines.refinement.train import train

    settings = {"epochs": 60, "validate_every_epochs": 30, "preview_every_epochs": 60, "encoder_width": 8}
    folder = make_run(tmp_path_factory.mktemp("trained"), "train", settings=settings)
    run = RunContext.open(folder)
    try:
        train(run)
    finally:
        run.events.close()
    folder.write_summary(RunState.FINISHED, run.summary)
    return folder


@pytest.fixture
def carry_out() -> Iterator[Callable[[RunFolder], RunContext]]:
    """Return what runs a run folder as an engine does; events files are closed afterwards."""
    from engines.contract.registry import resolve

    opened: list[RunContext] = []

    def run_one(folder: RunFolder) -> RunContext:
        run = RunContext.open(folder)
        opened.append(run)
        spec = run.spec
        names = {"train": spec.train, "predict": spec.predict, "evaluate": spec.evaluate}
        resolve(names[run.request.action.value])(run)
        return run

    yield run_one
    for run in opened:
        run.events.close()
