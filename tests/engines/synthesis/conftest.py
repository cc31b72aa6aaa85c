"""Runs of synthesis in this process, on items that a test names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from engines.contract.kinds import Action, ItemKind, Split
from engines.contract.manifest import FileRecord, ItemRecord, Manifest
from engines.contract.presets import training_config
from engines.contract.registry import config_class, load_spec, resolve
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.volumes.thorax_phantom import ThoraxOptions, make_thorax
from engines.imaging.volumes.volume_files import write_volume

RunSynthesis = Callable[..., RunFolder]


@pytest.fixture(scope="session")
def run_synthesis() -> RunSynthesis:
    """Return a function that makes a run folder, or goes on with it, and does its work."""
    return _run


@pytest.fixture(scope="session")
def simulated_patients() -> Callable[..., tuple[ItemRecord, ...]]:
    """Return a function that writes simulated pairs, one for each split named."""
    return _patients


def _run(
    path: Path,
    action: Action,
    items: Sequence[ItemRecord] = (),
    *,
    phase: str = "",
    base: str = "",
    preset: str = "tiny",
    **settings: object,
) -> RunFolder:
    spec = load_spec("synthesis")
    values = {"num_threads": 1, "device": "cpu", **settings}
    if action is Action.TRAIN:
        config = training_config(spec, phase, preset, values)
    else:
        config = config_class(spec, action).from_values(values)
    folder = RunFolder(path)
    if path.exists():
        request = folder.read_request()
        folder.write_request(request.model_copy(update={"resume": True, "settings": config.values()}))
    else:
        request = RunRequest(
            pipeline="synthesis", action=action, settings=config.values(), phase=phase, base_run=base
        )
        folder.create(request, Manifest(items=tuple(items), split_hash="0"))
    context = RunContext.open(folder)
    try:
        resolve(spec.function(action))(context)
    finally:
        context.events.close()
    return folder


def _patients(folder: Path, options: ThoraxOptions, splits: Sequence[Split]) -> tuple[ItemRecord, ...]:
    found = []
    for number, split in enumerate(splits):
        phantom = make_thorax(number, options)
        files = {}
        for role, volume in (("ncct", phantom.ncct), ("cta", phantom.cta)):
            path = write_volume(folder / f"{number}_{role}.nii.gz", volume)
            files[role] = FileRecord(path=str(path))
        found.append(
            ItemRecord(
                id=f"item_{number}",
                subject=f"subject_{number}",
                kind=ItemKind.VOLUME_PAIR,
                split=split,
                files=files,
            )
        )
    return tuple(found)
