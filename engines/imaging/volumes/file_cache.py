"""Mapped files: read once from end to end, so that no slice waits for the disk.

A slice across the rows of a file touches nearly every page of it. Page after page, in the order in which the
slice asks for them, a disk is many times slower than in one go.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from engines.imaging.volumes.volume import VoxelArray

_CHUNK_BYTES = 1 << 23
_LARGEST_SHARE = 0.5
"""Of the free memory: what does not fit would push itself out again."""


def read_through(
    voxels: VoxelArray,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    free_bytes: int | None = None,
) -> bool:
    """Let the operating system hold a mapped file in its memory.

    Parameters
    ----------
    voxels : ndarray
        Nothing is done for an array that is no map of a file.
    progress : callable
        Given the bytes read and the bytes in all.
    should_stop : callable
        Asked after every 8 MB.
    free_bytes : int or None
        Free memory; None asks the system. A file of more than half of it is left on the disk.

    Returns
    -------
    bool
        Whether the whole file was read.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    path = getattr(voxels, "filename", None)
    if not isinstance(voxels, np.memmap) or path is None:
        return False
    free = psutil.virtual_memory().available if free_bytes is None else free_bytes
    total = int(voxels.nbytes)
    if total > _LARGEST_SHARE * free:
        return False
    buffer, done = bytearray(_CHUNK_BYTES), 0
    with Path(path).open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            done += count
            if progress is not None:
                progress(min(done, total), total)
            if should_stop():
                return False
    return True
