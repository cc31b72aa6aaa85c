"""Synthetic eyes: vessel trees on a round field, with their mask, and run folders made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.contract.geometry import apply_homography
from engines.contract.kinds import Action, AnnotationKind, ItemKind, RunState, Split
from engines.contract.manifest import (
    AnnotationRecord,
    FileRecord,
    ItemRecord,
    Manifest,
    write_keypoint_pairs,
)
from engines.contract.presets import training_config
from engines.contract.registry import config_class, load_spec
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.images import write_image
from engines.imaging.opencv import cv2
from engines.imaging.transforms.warping import warp_to_fixed

SIDE = 320


def draw_eye(seed: int, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Return a colour image of an eye, uint8 (H, W, 3), and its vessel mask, bool (H, W)."""
    generator = np.random.default_rng(seed)
    vessels = np.zeros((side, side), dtype=np.uint8)

    def grow(x: float, y: float, angle: float, width: float, steps: int) -> None:
        for step in range(steps):
            angle += generator.normal(0, 0.12)
            end = (x + 5 * np.cos(angle), y + 5 * np.sin(angle))
            cv2.line(vessels, (round(x), round(y)), (round(end[0]), round(end[1])), 255, max(1, round(width)))
            x, y = end
            if width > 1.4 and step > 4 and generator.random() < 0.16:
                side_angle = angle + generator.choice([-1, 1]) * generator.uniform(0.5, 1.0)
                grow(x, y, side_angle, 0.7 * width, int(0.7 * steps))

    disc = generator.uniform(0.3, 0.7, 2) * side
    for start in np.linspace(0, 2 * np.pi, 7)[:-1] + generator.uniform(0, 1):
        grow(disc[0], disc[1], start, 4.0, 45)
    rows, columns = np.mgrid[0:side, 0:side]
    field = np.hypot(columns - side / 2, rows - side / 2) < 0.47 * side
    mask = (vessels > 0) & field
    smooth = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
    texture = cv2.GaussianBlur(generator.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 2.0)
    green = 120 - 60 * smooth + 12 * texture + 0.05 * columns
    image = np.dstack([green + 60, green, 0.5 * green])
    return np.where(field[:, :, None], image, 0).clip(0, 255).astype(np.uint8), mask


MakeRun = Callable[..., RunFolder]


@pytest.fixture(scope="session")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with images ``eye_<n>.png``, masks ``mask_<n>.png``, for n = 0..5."""
    folder = tmp_path_factory.mktemp("eyes")
    for number in range(6):
        image, mask = draw_eye(number)
        write_image(folder / f"eye_{number}.png", image)
        write_image(folder / f"mask_{number}.png", mask)
    return folder


def make_training_run(
    path: Path,
    eyes: Path,
    splits: tuple[Split, ...] = (Split.TRAIN,) * 4 + (Split.VAL,) * 2,
    *,
    phase: str = "phase_1",
    base_run: str = "",
    **overrides: Any,
) -> RunFolder:
    """Create a run folder that trains a phase on synthetic eyes with the preset `tiny`."""
    items = tuple(
        ItemRecord(
            id=f"eye_{number}",
            subject=f"subject_{number}",
            kind=ItemKind.IMAGE_SET,
            split=split,
            files={
                "image": FileRecord(path=str(eyes / f"eye_{number}.png"), modality="CF"),
                "vessel_mask": FileRecord(path=str(eyes / f"mask_{number}.png")),
            },
        )
        for number, split in enumerate(splits)
    )
    config = training_config(load_spec("registration"), phase, "tiny", overrides)
    folder = RunFolder(path)
    request = RunRequest(
        pipeline="registration",
        action=Action.TRAIN,
        phase=phase,
        preset="tiny",
        base_run=base_run,
        settings=config.values(),
    )
    folder.create(request, Manifest(items=items))
    return folder


@pytest.fixture(scope="session")
def make_training() -> MakeRun:
    """Return `make_training_run`."""
    return make_training_run


@pytest.fixture
def training_run(eyes: Path, tmp_path: Path) -> MakeRun:
    """Return a maker of run folders that train phase 1 on synthetic eyes."""
    return partial(make_training_run, tmp_path / "训练 run", eyes)


@pytest.fixture(scope="session")
def trained_run(eyes: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return the run folder of a training of some ten seconds."""
    from engines.registration.train import train

    folder = make_training_run(
        tmp_path_factory.mktemp("trained") / "run",
        eyes,
        epochs=22,
        # One modality: what a network learns in seconds.
        looks_per_item=0,
        validation_warps=4,
        num_threads=1,
        preview_every_epochs=22,
        validate_every_epochs=11,
    )
    run = RunContext.open(folder)
    try:
        train(run)
    finally:
        run.events.close()
    folder.write_summary(RunState.FINISHED, run.summary)
    return folder


TRUE_WARP = np.array([[0.95, 0.12, 4.0], [-0.11, 0.97, 22.0], [1e-5, 2e-5, 1.0]])
"""homography_fixed_from_moving of the synthetic pair."""


@pytest.fixture
def pair_run(eyes: Path, tmp_path: Path) -> MakeRun:
    """Return a maker of run folders with one synthetic pair and its landmarks."""

    def make(
        action: str,
        *,
        base_run: str = "",
        landmarks: int = 12,
        moving_bytes: bytes | None = None,
        name: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> RunFolder:
        fixed, _ = draw_eye(40)
        moving = warp_to_fixed(fixed, np.linalg.inv(TRUE_WARP), (SIDE, SIDE))
        folder = RunFolder(tmp_path / (name or f"{action} run"))
        images = tmp_path / f"images of {folder.id}"
        images.mkdir()
        write_image(images / "fixed.png", fixed)
        write_image(images / "moving.png", 255 - moving[:, :, 1])
        if moving_bytes is not None:
            (images / "moving.png").write_bytes(moving_bytes)
        moving_xy = np.random.default_rng(0).uniform(80, 240, (landmarks, 2))
        folder.annotations_dir.mkdir(parents=True)
        write_keypoint_pairs(
            folder.annotations_dir / "pair.csv",
            "pair",
            [str(number) for number in range(landmarks)],
            apply_homography(TRUE_WARP, moving_xy),
            moving_xy,
        )
        item = ItemRecord(
            id="pair",
            subject="someone",
            kind=ItemKind.IMAGE_PAIR,
            split=Split.EVALUATION,
            files={
                role: FileRecord(path=str(images / f"{role}.png"), sha256="0" * 64, modality=modality)
                for role, modality in (("fixed", "CF"), ("moving", "FA"))
            },
            annotations={AnnotationKind.KEYPOINT_PAIRS: AnnotationRecord(path="annotations/pair.csv")},
        )
        config = config_class(load_spec("registration"), Action(action)).from_values(settings or {})
        request = RunRequest(
            pipeline="registration", action=Action(action), base_run=base_run, settings=config.values()
        )
        folder.create(request, Manifest(items=(item,), split_hash="abc"))
        return folder

    return make


@pytest.fixture
def open_run() -> Iterator[Callable[[RunFolder], RunContext]]:
    """Return what opens a run folder as an engine does; events files are closed afterwards."""
    opened: list[RunContext] = []

    def open_one(folder: RunFolder) -> RunContext:
        opened.append(RunContext.open(folder))
        return opened[-1]

    yield open_one
    for run in opened:
        run.events.close()
