"""Images over 100 million pixels: halved copies on the disk, of which only what is seen is loaded.

A pyramid is made once, by a process of its own (`engines.imaging.pyramid_worker`): the window neither
decodes such an image nor holds it. It lies in the user's cache as ``.npy`` files that are mapped into
memory; positions stay those of the whole image.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs

from engines.contract.errors import ImageReadError, ImageSizeError
from engines.contract.geometry import Size
from engines.imaging.images import LARGEST_NUM_PIXELS, image_size, read_image

LARGEST_PYRAMID_PIXELS = 2_000_000_000
CACHE_LIMIT_BYTES = 20_000_000_000
"""Pyramids beyond this are deleted, those first that were not opened for the longest time."""
INDEX_NAME = "pyramid.json"
_POLL_S = 0.1


class PyramidCancelledError(Exception):
    """Nobody wants the pyramid any more."""


@dataclass(frozen=True, eq=False)
class ImagePyramid:
    """An image in several sizes.

    Parameters
    ----------
    shape : tuple of int
        (H, W) or (H, W, 3) of the whole image.
    levels : tuple of ndarray
        Each half as large as the one before. The first is the whole image; of a first look, which has
        one level only, it may be smaller.
    """

    shape: tuple[int, ...]
    levels: tuple[npt.NDArray[Any], ...]

    @property
    def ndim(self) -> int:
        """2 for grey, 3 for colour."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.levels[0].dtype

    @property
    def is_first_look(self) -> bool:
        """Whether the pixels of the whole image are still to come."""
        return self.levels[0].shape[:2] != self.shape[:2]

    def mapped(self, function: Callable[[Any], npt.NDArray[Any]], *, is_grey: bool) -> ImagePyramid:
        """Return the same pyramid with a function of pixels applied to whatever is looked at.

        Parameters
        ----------
        function : callable
            Takes and returns pixels of any part; each result depends on its own pixel only.
        is_grey : bool
            Whether the results have no colour channels.
        """
        levels = tuple(_MappedLevel(level, function, is_grey=is_grey) for level in self.levels)
        return ImagePyramid(self.shape[:2] if is_grey else self.shape, levels)  # type: ignore[arg-type]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Refuse: what wants all the pixels at once cannot work with such an image."""
        raise ImageSizeError(
            "An image of {num} million pixels is too large for this: it can be looked at and annotated.",
            remedy="Reduce or crop the image first.",
            num=self.shape[0] * self.shape[1] // 1_000_000,
        )


class _MappedLevel:
    """Looks like an array and computes the part that is asked for."""

    def __init__(
        self, level: npt.NDArray[Any], function: Callable[[Any], npt.NDArray[Any]], *, is_grey: bool
    ) -> None:
        self._level = level
        self._function = function
        self.shape = level.shape[:2] if is_grey else level.shape
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))
        self.dtype = function(np.asarray(level[:2, :2])).dtype

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        places = key if isinstance(key, tuple) else (key,)
        part = self._function(np.ascontiguousarray(self._level[places[:2]]))
        return part[(slice(None), slice(None), *places[2:])] if len(places) > 2 else part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self[:, :], dtype=dtype)


def needs_pyramid(width: int | None, height: int | None) -> bool:
    """Tell whether an image is too large to be decoded in the window."""
    return width is not None and height is not None and width * height > LARGEST_NUM_PIXELS


def default_cache() -> Path:
    """Return the user's folder of pyramids."""
    return Path(platformdirs.user_cache_dir("annotation-training-workstation", appauthor=False)) / "pyramids"


def open_pyramid(
    path: Path,
    key: str,
    *,
    cache: Path | None = None,
    progress: Callable[[float], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> ImagePyramid:
    """Open the pyramid of an image; the first time it is made, which takes seconds.

    Parameters
    ----------
    path : Path
        The image.
    key : str
        Hash of its content; names the pyramid in the cache.
    cache : Path or None
        Folder of pyramids; None takes the user's.
    progress : callable
        Given the share that is done, 0 to 1, from the thread of the caller.
    is_cancelled : callable

    Raises
    ------
    ImageReadError, ImageSizeError
        If the image cannot be read, or is beyond two thousand million pixels.
    PyramidCancelledError
        If `is_cancelled` said so.
    """
    root = cache or default_cache()
    folder = root / key
    if not (folder / INDEX_NAME).is_file():
        image_size(path, largest=LARGEST_PYRAMID_PIXELS)
        _build(path, folder, progress or _ignore, is_cancelled or _never)
        trim_cache(root, keep=folder)
    return read_pyramid(folder)


def image_for_looks(path: Path, key: str, *, cache: Path | None = None) -> tuple[npt.NDArray[Any], Size]:
    """Return an image to judge its looks by, and the size of the whole one.

    Of an image over 100 million pixels it is a reduced copy; its pyramid is made on the way.

    Returns
    -------
    image : ndarray of uint8 or uint16, (h, w) or (h, w, 3)
    size : (width, height), px

    Raises
    ------
    ImageReadError, ImageSizeError
        See `open_pyramid`.
    """
    size = image_size(path, largest=LARGEST_PYRAMID_PIXELS)
    if needs_pyramid(*size):
        return np.array(open_pyramid(path, key, cache=cache).levels[-1]), size
    image = read_image(path)
    return image, (image.shape[1], image.shape[0])


def read_pyramid(folder: Path) -> ImagePyramid:
    """Map a finished pyramid into memory."""
    index = json.loads((folder / INDEX_NAME).read_text(encoding="utf-8"))
    os.utime(folder / INDEX_NAME)
    levels = tuple(np.load(folder / name, mmap_mode="r") for name in index["levels"])
    return ImagePyramid(tuple(levels[0].shape), levels)


def trim_cache(root: Path, *, keep: Path, limit_bytes: int = CACHE_LIMIT_BYTES) -> None:
    """Delete the pyramids opened longest ago until the rest fits; `keep` stays."""
    found = [(index.stat().st_mtime, index.parent) for index in root.glob(f"*/{INDEX_NAME}")]
    sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for _, folder in found}
    total = sum(sizes.values())
    for _, folder in sorted(found):
        if total <= limit_bytes:
            return
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)
            total -= sizes[folder]


def _build(
    path: Path, folder: Path, progress: Callable[[float], None], is_cancelled: Callable[[], bool]
) -> None:
    """Let a process of its own make the pyramid; it can be stopped at any moment, also while decoding."""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    environment["PYTHONPATH"] = os.pathsep.join([str(root), environment.get("PYTHONPATH", "")]).rstrip(
        os.pathsep
    )
    command = [sys.executable, "-m", "engines.imaging.pyramid_worker", str(path), str(folder)]
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment, creationflags=flags, encoding="utf-8"
    )
    lines: list[dict[str, Any]] = []
    reader = threading.Thread(target=_read_lines, args=(process, lines), daemon=True)
    reader.start()
    try:
        while process.poll() is None:
            if is_cancelled():
                raise PyramidCancelledError
            if lines:
                progress(float(lines[-1].get("share", 0.0)))
            time.sleep(_POLL_S)
        reader.join()
    finally:
        process.kill()
        process.wait()
        reader.join()
        assert process.stdout is not None
        process.stdout.close()
        for left in folder.parent.glob(f".{folder.name}.{process.pid}*"):
            shutil.rmtree(left, ignore_errors=True)
    if process.returncode != 0 or not (folder / INDEX_NAME).is_file():
        said = lines[-1] if lines else {}
        raise ImageReadError(
            "{path} could not be prepared for the screen: {cause}",
            remedy="Check that the image opens elsewhere, and that the disk of the cache has space.",
            path=path,
            cause=str(said.get("error") or f"the process ended with code {process.returncode}."),
        )


def _read_lines(process: subprocess.Popen[str], lines: list[dict[str, Any]]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(json.loads(line))


def _ignore(_share: float) -> None:
    return


def _never() -> bool:
    return False
