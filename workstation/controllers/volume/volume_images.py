"""The images of one case: which files they are, in what unit they are, and reading them on a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from PySide6.QtCore import QObject, Signal

from engines.contract.errors import InputError, WorkstationError
from engines.contract.kinds import FileKind, ItemKind
from engines.contract.messages import Message
from engines.contract.roles import VOLUME_ROLES
from engines.imaging.volumes.volume import Volume
from workstation.controllers.background import Background, CancelToken
from workstation.project.items import Item, ItemFile

VOLUME_KINDS = (ItemKind.VOLUME, ItemKind.VOLUME_SET, ItemKind.VOLUME_PAIR)
HU = "HU"

_CHANNEL = "volume.images"
_HU_MODALITIES = frozenset({"CT", "CTA", "CCTA", "NCCT", "CECT", "CTP", "CBCT"})
_HU_ROLES = frozenset({"ct", "ncct", "cta"})
_CONTRAST_ROLES = frozenset({"cta"})
_CONTRAST_MODALITIES = frozenset({"CTA", "CCTA", "CTP"})
_ORDER = {role.name: number for number, role in enumerate(VOLUME_ROLES)}
_NUM_SAMPLED_SLICES = 16
_MAX_SAMPLES = 400_000
_PERCENTILES = (0.5, 99.5)
_UNPACKING = Message("Unpacking {file}").text
_READING = Message("Reading {file}").text


@dataclass(frozen=True, eq=False)
class CaseImage:
    """One image of a case.

    Parameters
    ----------
    key : str
        Role of the file.
    title : str
        Modality, or role.
    unit : str
        ``"HU"``, or empty for values without one.
    has_contrast : bool
        Whether vessels are bright in it.
    volume : Volume
        Possibly a read-only map of a file.
    value_range : (low, high)
        What an automatic window shows: percentiles of a sample of its slices.
    """

    key: str
    title: str
    unit: str
    has_contrast: bool
    volume: Volume
    value_range: tuple[float, float]


def image_files(item: Item) -> list[tuple[str, ItemFile]]:
    """Return role and file of every image of a case, in the order in which they are shown."""
    files = [(role, file) for role, file in item.files.items() if file.kind is FileKind.VOLUME]
    return sorted(files, key=lambda pair: (_ORDER.get(pair[0], len(_ORDER)), pair[0]))


def unit_of(role: str, modality: str | None) -> str:
    """Return the unit of the values of an image: HU for CT, none for others."""
    is_ct = role in _HU_ROLES or (modality or "").upper() in _HU_MODALITIES
    return HU if is_ct else ""


def has_contrast(role: str, modality: str | None) -> bool:
    """Tell whether an image was taken with contrast in the vessels."""
    return role in _CONTRAST_ROLES or (modality or "").upper() in _CONTRAST_MODALITIES


def title_of(role: str, modality: str | None) -> str:
    """Return how an image is called in lists: a case may hold several of one modality."""
    return role.upper() if role not in ("volume", "image") else (modality or role.upper())


def value_range(volume: Volume) -> tuple[float, float]:
    """Return what an automatic window shows: percentiles over slices that lie evenly in the volume.

    Whole slices of the last axis are taken, which lie together in a mapped file; values that are no
    numbers are left out.
    """
    voxels = volume.voxels
    count = voxels.shape[2]
    slices = np.unique(np.linspace(0, count - 1, min(count, _NUM_SAMPLED_SLICES)).round().astype(int))
    step = max(1, int(np.ceil(np.sqrt(voxels.shape[0] * voxels.shape[1] * len(slices) / _MAX_SAMPLES))))
    sample = np.concatenate([np.asarray(voxels[::step, ::step, index]).ravel() for index in slices])
    sample = sample[np.isfinite(sample)] if sample.dtype.kind == "f" else sample
    if not sample.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(sample, _PERCENTILES))
    if high <= low:
        low, high = float(sample.min()), float(sample.max())
    return (low, high) if high > low else (low, low + 1.0)


def cache_folder() -> Path:
    """Return where compressed volumes lie unpacked."""
    return Path(platformdirs.user_cache_dir("annotation-training-workstation", appauthor=False)) / "volumes"


def read_image(
    role: str,
    file: ItemFile,
    cache: Path,
    *,
    progress: Callable[[Message, int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> CaseImage | None:
    """Read one image; a compressed file is unpacked into the cache the first time. Slow.

    Returns
    -------
    CaseImage or None
        None when it was stopped.

    Raises
    ------
    WorkstationError
        If the file is gone, damaged, no volume, or its grid cannot be used.
    """
    # Libraries of file formats take long to import, and no screen needs them before its first item.
    from engines.imaging.volumes.file_cache import read_through
    from engines.imaging.volumes.unpacked_volumes import unpack
    from engines.imaging.volumes.volume_files import read_volume

    path = file.require()

    def telling(text: str) -> Callable[[int, int], None] | None:
        if progress is None:
            return None
        message = Message(text, {"file": path.name})
        return lambda done, total: progress(message, done, total)

    try:
        unpacked = unpack(path, cache, progress=telling(_UNPACKING), should_stop=should_stop)
        if unpacked is None:
            return None
        volume = read_volume(unpacked)
        # Sagittal slices would wait for the disk page by page, and the window with them.
        read_through(volume.voxels, progress=telling(_READING), should_stop=should_stop)
    except OSError as error:
        raise InputError(
            "{path} cannot be opened: {reason}.",
            remedy="Check that the disk is there and has room.",
            path=path,
            reason=error.strerror or type(error).__name__,
        ) from error
    modality = file.modality
    return CaseImage(
        role,
        title_of(role, modality),
        unit_of(role, modality),
        has_contrast(role, modality),
        volume,
        value_range(volume),
    )


class CaseReader(QObject):
    """Reads the images of one case at a time, one after the other; asking for others ends what is under way.

    Signals
    -------
    image_read : CaseImage
        One image is there; the first is shown while the others are read.
    refused : WorkstationError
        One image cannot be shown.
    progressed : Message, float or None
        What is unpacked now, and which share of it is done.
    finished
        All images were read or refused, or it was stopped.
    """

    image_read = Signal(object)
    refused = Signal(object)
    progressed = Signal(object, object)
    finished = Signal()
    _told = Signal(object, str, object)  # from the thread: token, signal, answer

    def __init__(self, background: Background, cache: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._cache = cache
        self._token = CancelToken()
        self._is_reading = False
        self._told.connect(self._on_told)

    @property
    def is_reading(self) -> bool:
        """Whether images are still to come."""
        return self._is_reading

    def read(self, files: Sequence[tuple[str, ItemFile]]) -> None:
        """Read on a thread; the answers come on the thread of the window."""
        self.drop()
        token = self._token = CancelToken()
        self._is_reading = True
        self._background.submit(
            _CHANNEL,
            lambda: self._read(files, token),
            lambda _nothing: self._end(),
            lambda error: self._fail(error),
            is_urgent=True,
        )

    def drop(self) -> None:
        """Stop reading."""
        self._token.cancel()
        self._background.drop(_CHANNEL)
        self._is_reading = False

    def _read(self, files: Sequence[tuple[str, ItemFile]], token: CancelToken) -> None:
        for role, file in files:

            def progress(text: Message, done: int, total: int) -> None:
                self._told.emit(token, "progressed", (text, done / max(1, total)))

            try:
                image = read_image(role, file, self._cache, progress=progress, should_stop=token.is_cancelled)
            except WorkstationError as error:
                self._told.emit(token, "refused", error)
                continue
            if image is None or token.is_cancelled():
                return
            self._told.emit(token, "image_read", image)

    def _on_told(self, token: CancelToken, name: str, answer: object) -> None:
        if token is not self._token or token.is_cancelled():
            return
        if name == "progressed":
            assert isinstance(answer, tuple)
            self.progressed.emit(*answer)
        elif name == "refused":
            self.refused.emit(answer)
        else:
            self.image_read.emit(answer)

    def _fail(self, error: BaseException) -> None:
        self.refused.emit(error)
        self._end()

    def _end(self) -> None:
        self._is_reading = False
        self.finished.emit()
