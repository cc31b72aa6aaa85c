"""Pairs of volumes made ready for training: read, checked, aligned, turned, with their masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import InputError, PreconditionError, SplitError
from engines.contract.kinds import Split
from engines.contract.manifest import ItemRecord
from engines.contract.run_context import RunContext
from engines.imaging.volumes.label_metrics import Mask, Spacing
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import read_volume
from engines.synthesis.config import EvaluateConfig, TrainConfig
from engines.synthesis.volumes.alignment import aligned
from engines.synthesis.volumes.canonical import AxisTurn, axis_turn
from engines.synthesis.volumes.lung_network import LungNetwork
from engines.synthesis.volumes.masks import body_mask, lung_mask, vessel_proxy
from engines.synthesis.volumes.slice_cache import cached_case, store_case
from engines.synthesis.volumes.volume_checks import check_ct, check_slice_order
from engines.synthesis.volumes.windows import HuWindow

HuVoxels = npt.NDArray[np.int16]
NCCT, CTA = "ncct", "cta"
_CLIPPED_SHARE = 0.02


@dataclass(frozen=True)
class SynthesisCase:
    """A pair in turned order, see `engines.synthesis.volumes.canonical`.

    Parameters
    ----------
    id, subject : str
    ncct, cta : ndarray of int16, (I, J, K)
        HU.
    lung, body, vessel : ndarray of bool, (I, J, K)
    spacing_mm : (i, j, k)
    grade : str
        Of the alignment: A, B or C.
    alignment : dict
        The record behind the grade.
    """

    id: str
    subject: str
    ncct: HuVoxels = field(repr=False)
    cta: HuVoxels = field(repr=False)
    lung: Mask = field(repr=False)
    body: Mask = field(repr=False)
    vessel: Mask = field(repr=False)
    spacing_mm: Spacing
    grade: str
    alignment: dict[str, Any]

    @property
    def num_slices(self) -> int:
        """Slices of the pair."""
        return int(self.ncct.shape[2])


def as_hu(voxels: npt.NDArray[Any]) -> HuVoxels:
    """Return voxels as int16 within the range of CT."""
    return np.clip(np.round(np.asarray(voxels, dtype=np.float32)), -1024, 3071).astype(np.int16)


def read_ct(run: RunContext, item: ItemRecord, role: str) -> Volume:
    """Read a CT of an item and check it.

    Raises
    ------
    InputError
        If it is missing, is no CT in HU, or its slices are out of order.
    """
    if not item.has(role):
        raise InputError(
            "{item} has no {role}: the pair is not complete.",
            remedy="Import the missing volume under the same item, or leave the item out.",
            item=item.id,
            role=role.upper(),
        )
    volume = read_volume(run.input_path(item, role))
    name = f"{item.id} ({role.upper()})"
    check_ct(volume, name)
    check_slice_order(axis_turn(volume.geometry).turned(volume.voxels), name)
    return volume


def make_case(
    item: str,
    subject: str,
    ncct: Volume,
    cta: Volume,
    *,
    alignment: str,
    seed: int = 0,
    lungs: LungNetwork | None = None,
) -> SynthesisCase:
    """Align a pair, turn it and find its masks; lungs by their HU where no network is given."""
    on_grid, record = aligned(ncct, cta, alignment, seed)
    turn: AxisTurn = axis_turn(ncct.geometry)
    spacing = turn.spacing(ncct.geometry)
    plain = np.ascontiguousarray(as_hu(turn.turned(ncct.voxels)))
    contrast = np.ascontiguousarray(as_hu(turn.turned(on_grid.voxels)))
    body = body_mask(plain)
    return SynthesisCase(
        id=item,
        subject=subject,
        ncct=plain,
        cta=contrast,
        lung=lungs.mask(plain) if lungs is not None else lung_mask(plain, body, spacing).mask,
        body=body,
        vessel=vessel_proxy(plain.astype(np.float32), contrast.astype(np.float32), body),
        spacing_mm=spacing,
        grade=record.grade,
        alignment=record.facts(),
    )


def lung_network(config: TrainConfig | EvaluateConfig) -> LungNetwork | None:
    """Return the network that finds lungs, None where they are found by their HU."""
    return LungNetwork(Path(config.lung_weights)) if config.lung_weights else None


def read_case(
    run: RunContext,
    item: ItemRecord,
    *,
    alignment: str,
    seed: int = 0,
    cache: Path | None = None,
    lungs: LungNetwork | None = None,
) -> SynthesisCase:
    """Read a pair of a run, from the cache where that is up to date.

    Raises
    ------
    InputError
        If the pair is not complete, or one of its volumes cannot be used.
    """
    paths = {role: run.input_path(item, role) for role in (NCCT, CTA) if item.has(role)}
    is_pair = len(paths) == 2
    if lungs is not None:
        paths["lungs"] = lungs.weights
    if cache is not None and is_pair:
        found = cached_case(cache, item.id, paths, alignment, seed)
        if found is not None:
            return SynthesisCase(id=item.id, subject=item.subject, **found)
    case = make_case(
        item.id,
        item.subject,
        read_ct(run, item, NCCT),
        read_ct(run, item, CTA),
        alignment=alignment,
        seed=seed,
        lungs=lungs,
    )
    if cache is not None:
        store_case(cache, case, paths, alignment, seed)
    return case


def check_subjects(items: Iterable[ItemRecord]) -> None:
    """Refuse a patient, or a file, on two sides of the split.

    Raises
    ------
    SplitError
        Naming them.
    """
    splits: dict[str, set[Split]] = {}
    files: dict[str, set[str]] = {}
    for item in items:
        if item.split is None:
            continue
        splits.setdefault(item.subject, set()).add(item.split)
        for record in item.files.values():
            if record.sha256:
                files.setdefault(record.sha256, set()).add(f"{item.subject}/{item.split}")
    leaking = sorted(subject for subject, found in splits.items() if len(found) > 1)
    if leaking:
        raise SplitError(
            "These patients are in more than one split: {subjects}.",
            remedy="Assign every item of a patient to one split.",
            subjects=", ".join(leaking[:5]),
        )
    twins = sorted(
        " and ".join(sorted(found))
        for found in files.values()
        if len({place.rsplit("/", 1)[1] for place in found}) > 1
    )
    if twins:
        raise SplitError(
            "The same volume is in two splits: {places}.",
            remedy="Give both items the same subject, or remove one.",
            places="; ".join(twins[:3]),
        )


def training_cases(
    run: RunContext, config: TrainConfig, window: HuWindow
) -> tuple[list[SynthesisCase], list[SynthesisCase]]:
    """Read the pairs to train on and those to validate on.

    Raises
    ------
    SplitError
        If a patient is in two splits.
    PreconditionError
        If there is nothing to train on.
    """
    check_subjects(run.manifest.items)
    cache = Path(config.cache_dir) if config.cache_dir else None
    lungs = lung_network(config)
    found: dict[Split, list[SynthesisCase]] = {Split.TRAIN: [], Split.VAL: []}
    for split, cases in found.items():
        for item in run.items(split):
            run.check_stop()
            try:
                case = read_case(
                    run, item, alignment=config.alignment, seed=config.seed, cache=cache, lungs=lungs
                )
            except InputError as error:
                run.warn("{item} was left out: {reason}", item=item.id, reason=error.render())
                continue
            if case.grade.lower() not in config.grades:
                run.warn(
                    "{item} was left out: its alignment has grade {grade}.", item=item.id, grade=case.grade
                )
                continue
            cases.append(case)
    if not found[Split.TRAIN]:
        raise PreconditionError(
            "No item of split 'train' has an NCCT and a CTA that can be used.",
            remedy="Import pairs of at least two patients, assign them to train and val, and look at the "
            "warnings of this run.",
        )
    _warn_of_clipped_vessels(run, found[Split.TRAIN], window)
    return found[Split.TRAIN], found[Split.VAL]


def _warn_of_clipped_vessels(run: RunContext, cases: Sequence[SynthesisCase], window: HuWindow) -> None:
    shares = [window.share_above(case.cta[case.vessel]) for case in cases]
    known = [share for share in shares if share is not None]
    if known and float(np.mean(known)) > _CLIPPED_SHARE:
        run.warn(
            "{percent:.0f} % of the vessel voxels of the CTA lie above {high:.0f} HU, where the window ends: "
            "they all become the same value. Choose a window that goes higher.",
            percent=100.0 * float(np.mean(known)),
            high=window.high_hu,
        )
