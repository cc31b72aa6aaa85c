"""Reading the files of an import once: size, content hash, modality, and what an image looks like."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engines.contract.errors import InputError
from engines.contract.kinds import FileKind, Split
from engines.imaging.images import content_hash
from engines.imaging.modality import guess_modality
from engines.imaging.perceptual_hash import perceptual_hash, similar_pairs
from engines.imaging.pyramid import image_for_looks
from engines.imaging.volumes.volume_facts import VolumeFacts
from workstation.project.importers.folder_tree import ScanCancelled
from workstation.project.importers.memory_budget import MemoryBudget
from workstation.project.importers.proposal import MASK_ROLES, ImportProposal
from workstation.project.importers.volume_reading import (
    VolumeSource,
    is_volume_path,
    modality_of,
    needed_bytes,
    read_volume_facts,
)
from workstation.project.items import Item

_MASK_KINDS = (FileKind.MASK, FileKind.LABEL_MAP)
_MOST_THREADS = 4


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What reading a file told; `width` and `height` of a volume are those of its array."""

    sha256: str
    size_bytes: int
    width: int
    height: int
    modality: str | None = None
    perceptual_hash: str | None = None
    volume: VolumeFacts | None = None


@dataclass(frozen=True, slots=True)
class KnownImage:
    """An image that the project holds already."""

    item_id: str
    subject: str
    split: Split | None
    role: str
    path: Path
    sha256: str
    perceptual_hash: str | None


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two contents that look like one image, by hash; `bits` of their looks differ."""

    first_sha256: str
    second_sha256: str
    bits: int


@dataclass(frozen=True)
class Inspection:
    """What is known of the files of a proposal.

    Parameters
    ----------
    facts : mapping of Path to FileFacts
    errors : mapping of Path to InputError
        Files that cannot be used, and why.
    known : tuple of KnownImage
        Images of the project.
    likenesses : tuple of Likeness
        Between new images, and between new and known ones.
    """

    facts: Mapping[Path, FileFacts] = field(default_factory=dict)
    errors: Mapping[Path, InputError] = field(default_factory=dict)
    known: tuple[KnownImage, ...] = ()
    likenesses: tuple[Likeness, ...] = ()


def inspect_file(
    path: Path,
    *,
    is_mask: bool = False,
    wants_modality: bool = True,
    source: VolumeSource | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> FileFacts:
    """Read a file: a volume or a label map by its name, else an image.

    Parameters
    ----------
    path : Path
    is_mask : bool
        Whether its role is one of masks or label maps.
    wants_modality : bool
        Whether to guess the modality.
    source : VolumeSource or None
        What a volume is made of that is not one file: a DICOM series, masks of one class each.
    should_stop : callable
        Asked now and then.

    Raises
    ------
    ImageReadError, ImageSizeError, VolumeReadError, GeometryError
        If it is nothing that can be used.
    """
    if source is not None or is_volume_path(path):
        return _inspect_volume(path, source, is_mask=is_mask, should_stop=should_stop)
    sha256 = content_hash(path)
    image, (width, height) = image_for_looks(path, sha256)
    return FileFacts(
        sha256=sha256,
        size_bytes=path.stat().st_size,
        width=width,
        height=height,
        modality=guess_modality(image, path.name) if wants_modality and not is_mask else None,
        perceptual_hash=None if is_mask else perceptual_hash(image),
    )


def _inspect_volume(
    path: Path, source: VolumeSource | None, *, is_mask: bool, should_stop: Callable[[], bool]
) -> FileFacts:
    sha256, size_bytes, found = read_volume_facts(path, source, is_label_map=is_mask, should_stop=should_stop)
    width, height, _ = found.grid.shape
    return FileFacts(sha256, size_bytes, width, height, modality_of(found), None, found)


def known_images(items: Iterable[Item]) -> tuple[KnownImage, ...]:
    """Return the images of a project; masks are left out."""
    return tuple(
        KnownImage(item.id, item.subject, item.split, role, file.path, file.sha256, file.perceptual_hash)
        for item in items
        for role, file in item.files.items()
        if file.kind not in _MASK_KINDS
    )


def inspect(
    proposals: Iterable[ImportProposal],
    known: tuple[KnownImage, ...] = (),
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Inspection:
    """Read every file that some proposals use, once.

    Parameters
    ----------
    proposals : iterable of ImportProposal
        Those of one folder by several layouts, for example.
    known : tuple of KnownImage
        What is compared with.
    progress : callable
        Given the files read and the files in all.
    should_stop : callable
        Asked after every file.

    Raises
    ------
    ScanCancelled
        If it was asked to stop.
    """
    is_mask: dict[Path, bool] = {}
    sources: dict[Path, VolumeSource] = {}
    for proposal in proposals:
        for item in proposal.items:
            for file in item.files:
                is_mask[file.path] = is_mask.get(file.path, True) and file.role in MASK_ROLES
                if file.source is not None:
                    sources[file.path] = file.source
        for path in proposal.unused:
            is_mask.setdefault(path, False)
    facts: dict[Path, FileFacts] = {}
    errors: dict[Path, InputError] = {}
    stop = should_stop or (lambda: False)
    with _reading(is_mask, sources, stop) as jobs:
        for done, (path, job) in enumerate(jobs.items(), start=1):
            try:
                facts[path] = job.result()
            except InputError as error:
                errors[path] = error
            if stop():
                raise ScanCancelled
            if progress is not None:
                progress(done, len(jobs))
    return Inspection(facts, errors, known, tuple(_likenesses(facts.values(), known)))


@contextmanager
def _reading(
    is_mask: Mapping[Path, bool], sources: Mapping[Path, VolumeSource], should_stop: Callable[[], bool]
) -> Iterator[dict[Path, Future[FileFacts]]]:
    """Read on several threads; what has not begun is dropped at the end."""
    budget = MemoryBudget()

    def read(path: Path, mask: bool, source: VolumeSource | None) -> FileFacts:
        needed = needed_bytes(path, source) if source is not None or is_volume_path(path) else 0
        with budget.hold(needed, should_stop):
            return inspect_file(path, is_mask=mask, source=source, should_stop=should_stop)

    pool = ThreadPoolExecutor(max_workers=max(1, min(_MOST_THREADS, (os.cpu_count() or 2) - 1)))
    try:
        yield {path: pool.submit(read, path, mask, sources.get(path)) for path, mask in is_mask.items()}
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _likenesses(facts: Iterable[FileFacts], known: Iterable[KnownImage]) -> Iterator[Likeness]:
    looks: dict[str, str] = {}
    for image in known:
        if image.perceptual_hash:
            looks.setdefault(image.sha256, image.perceptual_hash)
    num_known = len(looks)
    for fact in facts:
        if fact.perceptual_hash:
            looks.setdefault(fact.sha256, fact.perceptual_hash)
    contents = list(looks)
    for first, second, bits in similar_pairs(list(looks.values()), start=num_known):
        yield Likeness(contents[first], contents[second], bits)
