"""Run folders over small procedural brains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.contract.grade_file import GradeFile
from engines.contract.kinds import Action, AnnotationKind, ItemKind, RunState, Split
from engines.contract.manifest import AnnotationRecord, FileRecord, ItemRecord, Manifest
from engines.contract.presets import training_config
from engines.contract.registry import config_class, load_spec
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.volumes.brain_phantom import CohortOptions, draw_brain, plan_cohort
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import write_volume

SPEC = load_spec("segmentation")
OPTIONS = CohortOptions(num_subjects=20, num_held_out=4, shape=(32, 32, 8), spacing_mm=(6.0, 6.0, 15.0))
SUBJECTS = plan_cohort(OPTIONS)
TINY: dict[str, Any] = {
    "num_threads": 1,
    "device": "cpu",
    "checkpoint_every_s": 1e4,
    "base_width": 8,
    "condition_width": 8,
    "num_levels": 3,
    "regions": "wt_tc_et",
    "max_steps": 4,
    "preview_every_epochs": 0,
    "slices_per_subject": 2,
}
MakeRun = Callable[..., RunFolder]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are slower on several threads, and a test leaves torch as it was."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_item(
    data: Path,
    run: RunFolder,
    number: int,
    split: Split,
    *,
    grade: str | None = None,
    modalities: tuple[str, ...] = ("t1", "t1ce", "t2", "flair"),
    relabel: dict[int, int] | None = None,
    name: str = "",
) -> ItemRecord:
    """Write one brain and return its record; the label map becomes an annotation."""
    subject = SUBJECTS[number]
    phantom = draw_brain(subject, OPTIONS)
    item = name or subject.name
    folder = data / item
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for role in modalities:
        path = folder / f"{role}.nii.gz"
        if not path.exists():
            write_volume(path, phantom.modalities[role])
        files[role] = FileRecord(path=str(path), sha256=f"{item} {role}")
    labels = phantom.label_map.voxels.copy()
    for old, new in (relabel or {}).items():
        labels[phantom.label_map.voxels == old] = new
    run.annotations_dir.mkdir(parents=True, exist_ok=True)
    write_volume(run.annotations_dir / f"{item}.label_map.nii.gz", Volume(labels, phantom.label_map.geometry))
    GradeFile(grade=grade or subject.grade).write(run.annotations_dir / f"{item}.grade.json")
    return ItemRecord(
        id=item,
        subject=item,
        kind=ItemKind.VOLUME_SET,
        split=split,
        files=files,
        annotations={
            AnnotationKind.LABEL_MAP: AnnotationRecord(path=f"annotations/{item}.label_map.nii.gz"),
            AnnotationKind.GRADE: AnnotationRecord(path=f"annotations/{item}.grade.json"),
        },
    )


def make_run(
    folder: Path,
    name: str,
    action: Action = Action.TRAIN,
    *,
    phase: str = "together",
    base: RunFolder | None = None,
    splits: tuple[Split, ...] = (Split.TRAIN, Split.TRAIN, Split.TRAIN, Split.VAL),
    items: Callable[[Path, RunFolder], tuple[ItemRecord, ...]] | None = None,
    said_preset: str = "tiny",
    **settings: Any,
) -> RunFolder:
    """Create a run folder over procedural brains, low and high grades in turn."""
    run = RunFolder(folder / name)
    if items is not None:
        records = items(folder / "data", run)
    else:
        grades = ("LGG", "HGG")
        records = tuple(
            write_item(folder / "data", run, number, split, grade=grades[number % 2])
            for number, split in enumerate(splits)
        )
    if action is Action.TRAIN:
        config = training_config(SPEC, phase, "tiny", {**TINY, **settings})
    else:
        config = config_class(SPEC, action).from_values({"num_threads": 1, "device": "cpu", **settings})
    request = RunRequest(
        pipeline="segmentation",
        action=action,
        phase=phase if action is Action.TRAIN else "",
        preset=said_preset if action is Action.TRAIN else "",
        base_run=str(base.path) if base is not None else "",
        settings=config.values(),
    )
    run.create(request, Manifest(items=records, split_hash="0123456789abcdef"))
    return run


def carry_out(folder: RunFolder) -> RunContext:
    """Do what a run folder asks for."""
    from engines.contract.registry import resolve

    run = RunContext.open(folder)
    try:
        resolve(SPEC.function(run.request.action))(run)
        folder.write_summary(RunState.FINISHED, run.summary)
    finally:
        run.events.close()
    return run


@pytest.fixture
def make(tmp_path: Path) -> MakeRun:
    """Return `make_run` in a folder with a Chinese name and a space."""
    return partial(make_run, tmp_path / "脑 项目")


@pytest.fixture(scope="session")
def carry() -> Callable[[RunFolder], RunContext]:
    """Return `carry_out`."""
    return carry_out


@pytest.fixture(scope="session")
def brain_item() -> Callable[..., ItemRecord]:
    """Return `write_item`."""
    return write_item


@pytest.fixture(scope="session")
def segmented(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of the first stage."""
    folder = make_run(tmp_path_factory.mktemp("segmented"), "segment", phase="segment")
    carry_out(folder)
    return folder


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory, segmented: RunFolder) -> RunFolder:
    """A run of the second stage, on the first."""
    folder = make_run(tmp_path_factory.mktemp("graded"), "grade", phase="grade", base=segmented)
    carry_out(folder)
    return folder


@pytest.fixture(scope="module")
def make_module(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """Return `make_run` in a folder that lasts as long as the module."""
    return partial(make_run, tmp_path_factory.mktemp("module"))
