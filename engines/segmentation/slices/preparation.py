"""From the items of a run to cached slices, one label coding and the weights of the grades."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engines.contract.errors import InputError, PreconditionError
from engines.contract.files import hash_text
from engines.contract.kinds import Split
from engines.contract.run_context import RunContext
from engines.segmentation.config import TrainConfig
from engines.segmentation.data import BrainCase, brain_extent, read_case, square_size
from engines.segmentation.slices.checks import grade_counts
from engines.segmentation.slices.grade_weights import class_weights
from engines.segmentation.slices.labels import CODINGS, REGIONS, LabelCoding, detect_coding
from engines.segmentation.slices.slice_cache import CachedCase, read_index, write_case, write_index

CACHE = "cache"
_SMALLEST = 32


@dataclass(frozen=True)
class Prepared:
    """What a training works on.

    Parameters
    ----------
    train, validation : tuple of CachedCase
    size : int
        Side of the slices.
    coding : LabelCoding
    num_regions : int
    alpha : (low, high)
        Weights of the grades, from training subjects.
    """

    train: tuple[CachedCase, ...]
    validation: tuple[CachedCase, ...]
    size: int
    coding: LabelCoding
    num_regions: int
    alpha: tuple[float, float]

    def scored(self, count: int) -> tuple[CachedCase, ...]:
        """Return validation subjects, always the same, both grades as often as among all of them.

        At least two of each grade where there are two; 0 returns all.
        """
        if not count or count >= len(self.validation):
            return self.validation
        groups = [[case for case in self.validation if case.grade == grade] for grade in (0, 1, -1)]
        shares = [len(group) / len(self.validation) for group in groups]
        num_low = min(len(groups[0]), max(round(count * shares[0]), 2))
        num_unknown = min(len(groups[2]), round(count * shares[2]))
        num_high = max(0, count - num_low - num_unknown)
        chosen = [*groups[0][:num_low], *groups[1][:num_high], *groups[2][:num_unknown]]
        return tuple(case for case in self.validation if case in chosen)


def prepare(run: RunContext, config: TrainConfig, divisor: int, size: int = 0) -> Prepared:
    """Read every item once and cache its slices; a resumed run finds them.

    Parameters
    ----------
    run : RunContext
    config : TrainConfig
    divisor : int
        What the side of slices must divide by.
    size : int
        Of the network this training starts from, or 0.

    Raises
    ------
    PreconditionError
        If no item could be read.
    InputError
        If the label maps have two codings, or three regions are asked of a coding that has one.
    """
    folder = run.folder.path / CACHE
    key = _key(run, config, size)
    found = read_index(folder / "index.json", key)
    if found is None:
        found = _read_all(run, config, folder, max(divisor, _SMALLEST), size)
        write_index(folder / "index.json", found, key)
    train, validation = found[Split.TRAIN], found[Split.VAL]
    coding = _coding(run, config, [*train, *validation])
    alpha = class_weights(*grade_counts(run, run.items(Split.TRAIN)), config.low_grade_factor)
    num_regions = 1 if config.regions == "wt" else len(REGIONS)
    if num_regions > coding.num_regions:
        raise InputError(
            "The label maps hold labels {values}: they tell no core and no enhancing part apart.",
            remedy="Set regions to wt, or set label_coding.",
            values=sorted({value for case in (*train, *validation) for value in case.label_values}),
        )
    return Prepared(tuple(train), tuple(validation), _side_of(train[0]), coding, num_regions, alpha)


def _read_all(
    run: RunContext, config: TrainConfig, folder: Path, divisor: int, size: int
) -> dict[str, list[CachedCase]]:
    wanted = size or config.image_size
    found: dict[str, list[CachedCase]] = {}
    if not wanted:
        # Brains are measured first: one too large for the others' slices would be noticed too late.
        extents = [brain_extent(case) for _, case in _cases(run, warns=False)]
        wanted = square_size(extents or [(_SMALLEST, _SMALLEST)], 0, divisor)
    for split in (Split.TRAIN, Split.VAL):
        found[split] = []
    for split, case in _cases(run, warns=True):
        try:
            found[split].append(write_case(folder, case, wanted))
        except InputError as error:
            run.warn("{item} was left out: {reason}", item=case.id, reason=error.render())
            continue
        if case.missing:
            names = ", ".join(case.missing)
            run.warn("{item} has no {names}: zeros stand for them.", item=case.id, names=names)
        if case.was_normalised:
            names = ", ".join(case.was_normalised)
            run.warn("{names} of {item} came normalised already.", item=case.id, names=names)
    if not all(found.values()):
        raise PreconditionError(
            "No item of split '{split}' could be read.",
            remedy="Look at the warnings of the run.",
            split="train" if not found[Split.TRAIN] else "val",
        )
    return found


def _cases(run: RunContext, *, warns: bool) -> Iterator[tuple[Split, BrainCase]]:
    """Read one item after the other; those that cannot be read are left out."""
    for split in (Split.TRAIN, Split.VAL):
        for item in run.items(split):
            run.check_stop()
            try:
                case = read_case(run, item, needs_labels=True)
            except InputError as error:
                if warns:
                    run.warn("{item} was left out: {reason}", item=item.id, reason=error.render())
                continue
            yield split, case


def _coding(run: RunContext, config: TrainConfig, cases: list[CachedCase]) -> LabelCoding:
    if config.label_coding != "auto":
        return CODINGS[config.label_coding]
    coding = detect_coding({case.id: case.label_values for case in cases})
    run.summary["label_coding"] = coding.key
    return coding


def _side_of(case: CachedCase) -> int:
    image, _ = case.read([0])
    return int(image.shape[-1])


def _key(run: RunContext, config: TrainConfig, size: int) -> str:
    files = sorted(
        f"{item.id} {role} {file.sha256 or file.path}"
        for item in run.manifest.items
        for role, file in item.files.items()
    )
    revisions = sorted(
        f"{item.id} {kind} {record.revision}"
        for item in run.manifest.items
        for kind, record in item.annotations.items()
    )
    return hash_text("\n".join([*files, *revisions, str(size or config.image_size), run.manifest.split_hash]))
