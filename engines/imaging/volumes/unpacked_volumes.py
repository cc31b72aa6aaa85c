"""Compressed volumes unpacked once into a cache, so that they are mapped from the disk afterwards."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

from engines.contract.errors import InputError, VolumeReadError
from engines.imaging.volumes.volume_names import volume_suffix

_CHUNK_BYTES = 1 << 22
_SPARE_BYTES = 200_000_000
"""Room that must be left on the disk."""
LARGEST_CACHE_BYTES = 20_000_000_000


def unpacked_path(path: Path, cache_folder: Path) -> Path:
    """Return where a file lies unpacked, whether it is there yet or not.

    A file that changes gets another place, so that nothing stale is ever shown.
    """
    status = path.stat()
    facts = f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
    return cache_folder / f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.nii"


def unpack(
    path: Path,
    cache_folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path | None:
    """Return a ``.nii`` with the content of a ``.nii.gz``; made when it is not in the cache.

    Parameters
    ----------
    path : Path
        Any other file is returned as it is.
    cache_folder : Path
        Made when absent; the files used longest ago go when it grows beyond `LARGEST_CACHE_BYTES`.
    progress : callable
        Given the bytes written and the bytes in all.
    should_stop : callable
        Asked after every 4 MB; true leaves nothing behind.

    Returns
    -------
    Path or None
        None when it was stopped.

    Raises
    ------
    VolumeReadError
        If the file is damaged or cut off.
    InputError
        If the disk has no room.
    OSError
        If the cache cannot be written.
    """
    if volume_suffix(path) != ".nii.gz":
        return path
    target = unpacked_path(path, cache_folder)
    if target.exists():
        # Marks it as used.
        os.utime(target)
        return target
    total = _unpacked_bytes(path)
    cache_folder.mkdir(parents=True, exist_ok=True)
    _make_room(cache_folder, total)
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        if not _unpack_to(part, path, total, progress, should_stop):
            return None
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _unpack_to(
    part: Path,
    path: Path,
    total: int,
    progress: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool],
) -> bool:
    done = 0
    try:
        with gzip.open(path) as source, part.open("wb") as sink:
            while chunk := source.read(_CHUNK_BYTES):
                sink.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(min(done, total), total)
                if should_stop():
                    return False
            sink.flush()
            os.fsync(sink.fileno())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _cut_off(path) from error
    if done < total:
        raise _cut_off(path)
    return True


def _unpacked_bytes(path: Path) -> int:
    """Return the size of the unpacked file, told by its header."""
    try:
        image = nib.load(path)
        size = int(np.prod(image.shape, dtype=np.int64)) * image.get_data_dtype().itemsize
        return size + int(image.dataobj.offset)
    except (nib.filebasedimages.ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
        raise _cut_off(path) from error


def _make_room(cache_folder: Path, needed: int) -> None:
    entries = sorted(
        ((file.stat().st_mtime, file.stat().st_size, file) for file in cache_folder.glob("*.nii")),
        key=lambda entry: entry[0],
    )
    used = sum(size for _time, size, _file in entries)
    for _time, size, file in entries:
        is_room = shutil.disk_usage(cache_folder).free - needed > _SPARE_BYTES
        if is_room and used + needed <= LARGEST_CACHE_BYTES:
            break
        file.unlink(missing_ok=True)
        used -= size
    free = shutil.disk_usage(cache_folder).free
    if free - needed < _SPARE_BYTES:
        raise InputError(
            "Unpacking needs {needed} MB in {folder}, and {free} MB are free.",
            remedy="Free some space, or choose another folder for the cache.",
            needed=round(needed / 1e6),
            free=round(free / 1e6),
            folder=cache_folder,
        )


def _cut_off(path: Path) -> VolumeReadError:
    return VolumeReadError(
        "{path} is damaged or cut off.", remedy="Copy it again from where it came from.", path=path
    )
