"""Refined masks of an earlier run, so that what follows can be done again without the network."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.errors import InputError, PreconditionError, RunFolderError
from engines.contract.files import write_bytes_atomically
from engines.contract.kinds import Action
from engines.contract.manifest import ItemRecord
from engines.contract.probability_file import ROLE as PROBABILITY
from engines.contract.probability_file import SparseProbability
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.imaging.volumes.label_metrics import Mask, bounding_box
from engines.refinement.config import PredictConfig
from engines.refinement.data import NativeCase, read_case
from engines.refinement.evaluation.baselines import without_small
from engines.refinement.fields.evidence import weigh
from engines.refinement.lattice import WorkLattice

REPORT = "report"
REFINED = "refined"
_DECIDING = ("threshold", "keep_margin", "least_agreement", "longest_bridge_mm", "smallest_piece_mm3")
"""Settings of an earlier run under which its stored mask is the one that is wanted."""


@dataclass(frozen=True, eq=False)
class Stored:
    """A refined mask that was stored.

    Parameters
    ----------
    native : NativeCase
        As the earlier run was given it.
    mask : ndarray of bool, (I, J, K)
    probability : SparseProbability
    facts : dict
        What the earlier run reported.
    """

    native: NativeCase
    mask: Mask
    probability: SparseProbability
    facts: dict[str, Any]


class StoredResults:
    """The results of an earlier refining run.

    Parameters
    ----------
    run : RunContext
        The one that builds on it.
    name : str
        Id of a run beside it, or a folder.

    Raises
    ------
    PreconditionError
        If there is no such refining run.
    """

    def __init__(self, run: RunContext, name: str) -> None:
        path = Path(name) if Path(name).is_absolute() else run.folder.path.resolve().parent / name
        try:
            folder = RunFolder(path)
            request, config, manifest = folder.read_request(), folder.read_config(), folder.read_manifest()
        except RunFolderError as error:
            raise PreconditionError(
                "There is no run {name} to go on from.",
                remedy="Choose a refining run of this project; list them with: workstation runs PROJECT.",
                name=name,
            ) from error
        if request.pipeline != run.request.pipeline or request.action is not Action.PREDICT:
            raise PreconditionError(
                "The run {name} did not refine label maps.",
                remedy="Choose a run that did: its action is predict.",
                name=name,
            )
        self.folder = folder
        self._context = RunContext(folder, request, config, manifest, run.events)
        self._items = {item.id: item for item in manifest.items}
        assert isinstance(config, PredictConfig)
        # What a field was asked for lies with the run that asked it.
        self._origin = StoredResults(self._context, config.from_run) if config.from_run else None

    def read(self, item: ItemRecord, config: PredictConfig) -> Stored:
        """Read what was stored for an item; another threshold is applied to the stored probability.

        Raises
        ------
        InputError
            If the earlier run has no result for it.
        """
        facts = self._facts(item.id)
        label_class = int(facts["label_class"])
        native = self.native(item.id, label_class)
        settings = facts["settings"]
        is_same = all(settings[key] == getattr(config, key) for key in _DECIDING)
        probability = SparseProbability.read(self.folder.outputs_dir / PROBABILITY / f"{item.id}.npz")
        if is_same:
            mask = read_mask(mask_path(self.folder, item.id), native.mask.shape)
        else:
            mask, weighed = _decided(native, probability, facts, config)
            facts = {**facts, **weighed}
        return Stored(native, mask, probability, facts)

    def native(self, item_id: str, label_class: int) -> NativeCase:
        """Return a case as the field was given it, whatever became of its label map since."""
        if self._origin is not None:
            return self._origin.native(item_id, label_class)
        return read_case(self._context, self._items[item_id], label_class)

    def _facts(self, item_id: str) -> dict[str, Any]:
        path = self.folder.outputs_dir / REPORT / f"{item_id}.json"
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                "The run {run} has no result for {item}.",
                remedy="Refine it first, or choose another run.",
                run=self.folder.id,
                item=item_id,
            ) from error
        assert isinstance(facts, dict)
        return facts


def lattice_of(facts: Mapping[str, Any]) -> WorkLattice:
    """Return the lattice that a report describes."""
    places = {name: tuple(facts[name]) for name in ("shape", "native_shape", "start_ijk", "step_ijk")}
    return WorkLattice(**places, spacing_mm=float(facts["spacing_mm"]))


def _decided(
    native: NativeCase, probability: SparseProbability, facts: Mapping[str, Any], config: PredictConfig
) -> tuple[Mask, dict[str, Any]]:
    """Return the mask that a stored probability gives, and what the label bears out of it.

    See `WorkLattice.refined_mask` and `engines.refinement.fields.evidence.weigh`; an imported field was
    not weighed.
    """
    lattice = lattice_of(facts["lattice"])
    box = lattice.native_box
    values = probability.full()[box].astype(np.float32)
    before = lattice.at_native(lattice.occupancy(native.mask)) >= 0.5
    after = values >= config.threshold
    changes = (before != after) & (np.abs(values - config.threshold) >= config.keep_margin)
    result = native.mask.copy()
    result[box][changes] = after[changes]
    spacing = native.image.geometry.spacing_mm
    if facts.get("agreement") is None:
        return without_small(result, config.smallest_piece_mm3 / float(np.prod(spacing))), {}
    evidence = weigh(
        native.mask,
        result,
        spacing,
        least_agreement=config.least_agreement,
        longest_bridge_mm=config.longest_bridge_mm,
        smallest_piece_mm3=config.smallest_piece_mm3,
    )
    return evidence.mask, {"agreement": evidence.agreement, "careful": evidence.is_careful}


def mask_path(folder: RunFolder, item_id: str) -> Path:
    """Return where the refined mask of one class is stored, before other classes have their say."""
    return folder.outputs_dir / REFINED / f"{item_id}.npz"


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask as packed bits of the box around it."""
    box = bounding_box(mask) if mask.any() else (slice(0, 0),) * 3
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        shape=np.array(mask.shape, np.int64),
        box=np.array([[side.start, side.stop] for side in box], np.int64),
        bits=np.packbits(mask[box]),
    )
    write_bytes_atomically(path, buffer.getvalue())


def read_mask(path: Path, shape: tuple[int, ...]) -> Mask:
    """Read what `write_mask` wrote.

    Raises
    ------
    InputError
        If it is missing, damaged, or of another grid.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            stored = tuple(int(size) for size in archive["shape"])
            box = tuple(slice(int(start), int(stop)) for start, stop in archive["box"])
            sides = tuple(side.stop - side.start for side in box)
            bits = np.unpackbits(archive["bits"], count=int(np.prod(sides))).astype(bool).reshape(sides)
    except (OSError, EOFError, LookupError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            "The stored mask {path} cannot be read.", remedy="Refine the item again.", path=path
        ) from error
    if stored != tuple(shape):
        raise InputError(
            "The stored mask {path} is of another grid than the label map.",
            remedy="Refine the item again.",
            path=path,
        )
    mask = np.zeros(stored, dtype=bool)
    mask[box] = bits
    return mask
