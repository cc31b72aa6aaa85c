"""What can be compared of an item: its images and masks, and moving warped by every result there is.

Reads run folders, so it is called on a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from engines.contract.errors import WorkstationError
from engines.contract.geometry import FloatArray, Size
from engines.contract.kinds import FileKind, ItemKind, Split
from engines.contract.messages import Message
from engines.contract.run_folder import RunFolder
from engines.contract.transform_file import TransformFile
from engines.imaging.comparison import overlap_share, residual_vectors
from engines.imaging.transforms.point_pairs import SMALLEST_NUM_POINTS
from engines.imaging.transforms.point_transform import PointTransform, TransformModel, between_sizes
from engines.imaging.transforms.stored_transform import stored_transform
from workstation.controllers.pairs.pair_fit import fit_pairs
from workstation.controllers.pairs.registrations import registering_spec, transform_role
from workstation.controllers.runs.run_headers import read_header
from workstation.project.annotations import KeypointPair
from workstation.project.items import Item, ItemFile
from workstation.project.project import Project
from workstation.project.result_review import verdicts
from workstation.views.protocols.compare import SourceNumbers, SourceRow

FIXED = "fixed"
UNREGISTERED = "size"
RUN = "run:"
"""Key of a registration: the id of its run follows."""
_MODELS: dict[TransformModel, Message] = {
    "similarity": Message("similarity"),
    "affine": Message("affine"),
    "homography": Message("homography"),
    "quadratic": Message("quadratic"),
    "thin_plate_spline": Message("thin-plate spline"),
}
_MASKS = (FileKind.MASK, FileKind.LABEL_MAP)
_LEARNING_SPLITS = (Split.TRAIN, Split.VAL)


@dataclass(frozen=True, eq=False)
class Source:
    """Something that a pane can show.

    Parameters
    ----------
    row : SourceRow
    file : ItemFile
        The image or mask.
    fixed_from_file : PointTransform or None
        None: it lies in the frame already.
    is_mask : bool
    stamp : object
        Equal stamps mean equal pixels.
    numbers : SourceNumbers
    has_transform : bool
        False: a registration that found none.
    is_landmarked : bool
        Whether the keypoints of the item lie on it.
    """

    row: SourceRow
    file: ItemFile
    fixed_from_file: PointTransform | None
    is_mask: bool
    stamp: object
    numbers: SourceNumbers
    has_transform: bool = True
    is_landmarked: bool = False

    @property
    def key(self) -> str:
        """Key of the row."""
        return self.row.key


@dataclass(frozen=True, eq=False)
class ItemSources:
    """Everything that can be compared of one item.

    Parameters
    ----------
    frame : ItemFile or None
        The image whose pixels all panes share.
    sources : tuple of Source
        The results first, the newest of them first of all.
    pairs : tuple of KeypointPair
        Those that transforms are fitted to.
    """

    item: Item
    frame: ItemFile | None
    sources: tuple[Source, ...]
    pairs: tuple[KeypointPair, ...]

    def get(self, key: str) -> Source | None:
        """Return a source."""
        return next((source for source in self.sources if source.key == key), None)

    @property
    def results(self) -> tuple[Source, ...]:
        """Registrations and fits with a transform."""
        return tuple(source for source in self.sources if source.row.is_result and source.has_transform)

    @property
    def reference(self) -> str:
        """Key of what the others are compared with when nothing else was chosen."""
        keys = [source.key for source in self.sources]
        return FIXED if FIXED in keys else (keys[0] if keys else "")

    def preset(self) -> tuple[str, ...]:
        """Return what two panes show at first: the last two different results, or what else there is."""
        results = [source.key for source in _distinct(self.results)[:2]]
        if len(results) == 1:
            return (self.reference, *results)
        rest = [self.reference, UNREGISTERED, *(source.key for source in self.sources)]
        known = [key for key in rest if self.get(key) is not None]
        return tuple(dict.fromkeys([*results, *known]))[:2]


def _distinct(results: Sequence[Source]) -> list[Source]:
    """Return results without those that repeat a newer one: two runs of one method agree exactly."""
    kept: list[Source] = []
    for source in results:
        matrix = None if source.fixed_from_file is None else source.fixed_from_file.matrix
        others = [other.fixed_from_file.matrix for other in kept if other.fixed_from_file is not None]
        if matrix is None or not any(other is not None and np.allclose(matrix, other) for other in others):
            kept.append(source)
    return kept


def sources_of(project: Project, item: Item) -> ItemSources:
    """List what can be compared of an item. Slow."""
    pairs = tuple(pair for pair in project.keypoints.pairs(item.id) if pair.is_used)
    fixed, moving = item.files.get("fixed"), item.files.get("moving")
    frame = fixed or next((file for file in item.files.values() if file.kind is FileKind.IMAGE), None)
    found: list[Source] = []
    if item.kind is ItemKind.IMAGE_PAIR and fixed is not None and moving is not None:
        found += _registrations(project, item, moving, pairs)
        found += _fits(moving, pairs)
        found.append(_plain(FIXED, Message("Fixed image"), fixed, is_landmarked=True))
        found.append(_unregistered(fixed, moving, pairs))
    newest = next((source for source in found if source.row.is_result and source.has_transform), None)
    for role, file in item.files.items():
        if found and role in ("fixed", "moving"):
            continue
        if file.kind in (FileKind.IMAGE, *_MASKS):
            found.append(_file_source(role, file, frame, newest))
    sized = [_with_overlap(source, frame) for source in found]
    return ItemSources(item, frame, tuple(sized), pairs)


def _registrations(
    project: Project, item: Item, moving: ItemFile, pairs: Sequence[KeypointPair]
) -> list[Source]:
    """Return the registrations of an item, the newest first."""
    spec = registering_spec(item.kind)
    if spec is None:
        return []
    decided = verdicts(project.store)
    found: list[tuple[float, Source]] = []
    for path in project.runs.folders():
        file = path / "outputs" / transform_role(spec) / f"{item.id}.json"
        try:
            written = file.stat().st_mtime
            transform = TransformFile.read(file)
        except (OSError, WorkstationError):
            # The run did not register this item.
            continue
        folder = RunFolder(path)
        evidence = _evidence(project, folder, item.id, pairs)
        source = _registration(folder, transform, written, moving, pairs, evidence)
        judged = decided.get((item.id, folder.id))
        if judged is not None:
            source = replace(source, numbers=replace(source.numbers, verdict=judged.value))
        found.append((written, source))
    return [source for _, source in sorted(found, key=lambda entry: -entry[0])]


def _registration(
    folder: RunFolder,
    transform: TransformFile,
    written: float,
    moving: ItemFile,
    pairs: Sequence[KeypointPair],
    evidence: str,
) -> Source:
    fixed_from_moving = stored_transform(transform)
    moment = datetime.fromtimestamp(written).strftime("%Y-%m-%d %H:%M:%S")
    is_learned = "model" in transform.method or transform.method == "fused"
    name = Message("model") if is_learned else Message("classical")
    title = Message("Registration, {method}, {moment}", {"method": name, "moment": moment})
    key = f"{RUN}{folder.id}"
    numbers = SourceNumbers(key, title, transform.verdict, evidence=evidence, num_pairs=len(pairs))
    if fixed_from_moving is not None:
        numbers = replace(numbers, mean_px=_mean_error(fixed_from_moving, pairs))
    row = SourceRow(key, title, folder.id, is_result=True)
    return Source(
        row,
        moving,
        fixed_from_moving,
        is_mask=False,
        stamp=(key, written),
        numbers=numbers,
        has_transform=fixed_from_moving is not None,
        is_landmarked=fixed_from_moving is not None,
    )


def _evidence(project: Project, folder: RunFolder, item_id: str, pairs: Sequence[KeypointPair]) -> str:
    """Say what the error of a run's transform at the pairs is worth."""
    if not pairs:
        return ""
    if any(pair.source == folder.id for pair in pairs):
        return "own"
    base = read_header(folder).base_run
    if base:
        try:
            items = RunFolder(folder.file_path(base)).read_manifest().items
        except WorkstationError:
            return ""
        if any(item.id == item_id and item.split in _LEARNING_SPLITS for item in items):
            return "trained"
    return "independent"


def _fits(moving: ItemFile, pairs: Sequence[KeypointPair]) -> list[Source]:
    """Return one source a model that the pairs determine, the usual one first."""
    found = []
    points = tuple((pair.fixed_xy, pair.moving_xy) for pair in pairs)
    order: tuple[TransformModel, ...] = tuple(sorted(_MODELS, key=lambda model: model != "homography"))
    for model in order:
        if len(pairs) < SMALLEST_NUM_POINTS[model]:
            continue
        fit = fit_pairs(pairs, model)
        if fit.fixed_from_moving is None:
            continue
        key = f"pairs:{model}"
        title = Message("Fit of the pairs, {model}", {"model": _MODELS[model]})
        numbers = SourceNumbers(
            key,
            title,
            mean_px=fit.summary.mean_px,
            left_out_px=fit.summary.loo_px,
            evidence="fit",
            num_pairs=len(pairs),
        )
        found.append(
            Source(
                SourceRow(key, title, is_result=True),
                moving,
                fit.fixed_from_moving,
                is_mask=False,
                stamp=(key, points),
                numbers=numbers,
                is_landmarked=True,
            )
        )
    return found


def _unregistered(fixed: ItemFile, moving: ItemFile, pairs: Sequence[KeypointPair]) -> Source:
    title = Message("Moving, not registered")
    by_size = _by_size(moving, fixed)
    numbers = SourceNumbers(
        UNREGISTERED,
        title,
        mean_px=_mean_error(by_size, pairs) if by_size is not None else None,
        evidence="independent" if pairs else "",
        num_pairs=len(pairs),
    )
    return Source(
        SourceRow(UNREGISTERED, title),
        moving,
        by_size,
        is_mask=False,
        stamp=UNREGISTERED,
        numbers=numbers,
        is_landmarked=by_size is not None,
    )


def _file_source(role: str, file: ItemFile, frame: ItemFile | None, newest: Source | None) -> Source:
    """Return an image or mask of its own role; what belongs to moving takes the newest result along."""
    key, is_mask = f"role:{role}", file.kind in _MASKS
    name = Message(role.replace("_", " "))
    if is_mask and role.startswith("moving") and newest is not None:
        title = Message("{role}, warped as: {source}", {"role": name, "source": newest.row.title})
        source = _plain(key, title, file, is_mask=is_mask)
        return replace(source, fixed_from_file=newest.fixed_from_file, stamp=(key, newest.stamp))
    transform = _by_size(file, frame) if frame is not None and file is not frame else None
    return replace(_plain(key, name, file, is_mask=is_mask), fixed_from_file=transform)


def _plain(
    key: str, title: Message, file: ItemFile, *, is_mask: bool = False, is_landmarked: bool = False
) -> Source:
    numbers = SourceNumbers(key, title)
    return Source(
        SourceRow(key, title),
        file,
        None,
        is_mask,
        stamp=key,
        numbers=numbers,
        is_landmarked=is_landmarked,
    )


def _with_overlap(source: Source, frame: ItemFile | None) -> Source:
    frame_size, size = _size(frame), _size(source.file)
    if source.fixed_from_file is None or frame_size is None or size is None:
        return source
    share = overlap_share(source.fixed_from_file, frame_size, size)
    return replace(source, numbers=replace(source.numbers, overlap=share))


def points_of(pairs: Sequence[KeypointPair]) -> tuple[FloatArray, FloatArray]:
    """Return fixed and moving points of complete pairs, ``(N, 2)`` each."""
    fixed = [pair.fixed_xy for pair in pairs if pair.fixed_xy is not None]
    moving = [pair.moving_xy for pair in pairs if pair.moving_xy is not None]
    return np.array(fixed, dtype=np.float64), np.array(moving, dtype=np.float64)


def _mean_error(fixed_from_moving: PointTransform, pairs: Sequence[KeypointPair]) -> float | None:
    vectors = residual_vectors(fixed_from_moving, *points_of(pairs))
    # A pair that the transform does not reach is no small error.
    return vectors.mean_px if len(vectors.length_px) == len(pairs) else None


def _by_size(file: ItemFile, frame: ItemFile) -> PointTransform | None:
    size, frame_size = _size(file), _size(frame)
    return None if size is None or frame_size is None else between_sizes(size, frame_size)


def _size(file: ItemFile | None) -> Size | None:
    if file is None or file.width is None or file.height is None:
        return None
    return file.width, file.height
