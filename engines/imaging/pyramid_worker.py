"""The process that makes a pyramid: ``python -m engines.imaging.pyramid_worker IMAGE FOLDER``.

It prints one JSON object a line: ``{"share": 0.4}``, or ``{"error": "..."}`` before it fails. Tiled TIFF
files are read tile by tile; other formats are decoded whole, here and not in the window.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from engines.contract.errors import WorkstationError
from engines.imaging.images import read_image
from engines.imaging.opencv import cv2
from engines.imaging.pyramid import INDEX_NAME, LARGEST_PYRAMID_PIXELS

SMALLEST_SIDE_PX = 1024
"""The last level is the first whose longer side is not longer than this."""
_ROWS = 1024
_DECODED_SHARE = 0.6
_ORIENTATION_TAG = 274
Array = npt.NDArray[Any]


def build(path: Path, folder: Path) -> None:
    """Write the levels of an image and, last, their index; nothing half-made is ever seen."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    temporary.mkdir(parents=True, exist_ok=True)
    level = _whole(path, temporary / "level_0.npy")
    names = ["level_0.npy"]
    total = level.size
    done = 0
    while max(level.shape[:2]) > SMALLEST_SIDE_PX:
        name = f"level_{len(names)}.npy"
        smaller = _new(
            temporary / name, (level.shape[0] // 2, level.shape[1] // 2, *level.shape[2:]), level.dtype
        )
        for rows in _halved(level, smaller):
            done += 4 * rows * smaller.shape[1]
            _say(share=min(0.99, _DECODED_SHARE + (1 - _DECODED_SHARE) * done / (total * 4 / 3)))
        names.append(name)
        level = smaller
    del level
    (temporary / INDEX_NAME).write_text(json.dumps({"levels": names}), encoding="utf-8")
    try:
        temporary.replace(folder)
    except OSError:
        # Another window was faster.
        if not (folder / INDEX_NAME).is_file():
            raise


def _whole(path: Path, target: Path) -> Array:
    tiled = _tiled_page(path)
    if tiled is None:
        image = read_image(path, largest=LARGEST_PYRAMID_PIXELS)
        _say(share=_DECODED_SHARE / 2)
        level = _new(target, image.shape, image.dtype)
        for start in range(0, image.shape[0], _ROWS):
            level[start : start + _ROWS] = image[start : start + _ROWS]
        _say(share=_DECODED_SHARE)
        return level
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        has_colour = page.samplesperpixel >= 3
        shape = (page.imagelength, page.imagewidth, *((3,) if has_colour else ()))
        level = _new(target, shape, page.dtype or np.dtype(np.uint8))
        for number, (segment, index, size) in enumerate(page.segments()):
            if segment is not None:
                top, left = index[2], index[3]
                pixels = (
                    segment[0, : size[1], : size[2], :3]
                    if has_colour
                    else segment[0, : size[1], : size[2], 0]
                )
                height = min(pixels.shape[0], shape[0] - top)
                width = min(pixels.shape[1], shape[1] - left)
                level[top : top + height, left : left + width] = pixels[:height, :width]
            if number % 50 == 0:
                _say(share=_DECODED_SHARE * number / max(1, len(page.dataoffsets)))
    return level


def _tiled_page(path: Path) -> bool | None:
    """Tell whether a file is a plain tiled TIFF of 8 or 16 bits, whose tiles can be read one by one."""
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            assert isinstance(page, tifffile.TiffPage)
            tag = page.tags.get(_ORIENTATION_TAG)
            is_plain = (
                page.is_tiled
                and page.dtype in (np.dtype(np.uint8), np.dtype(np.uint16))
                and page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
                and page.planarconfig == tifffile.PLANARCONFIG.CONTIG
                and page.samplesperpixel in (1, 3, 4)
                and (tag is None or tag.value == 1)
            )
            if is_plain:
                # Fails at once where the compression cannot be read.
                next(iter(page.segments()))
            return True if is_plain else None
    except (tifffile.TiffFileError, ValueError, KeyError, StopIteration):
        return None


def _halved(level: Array, smaller: Array) -> Iterator[int]:
    width = smaller.shape[1]
    for start in range(0, smaller.shape[0], _ROWS):
        rows = min(_ROWS, smaller.shape[0] - start)
        strip = np.ascontiguousarray(level[2 * start : 2 * (start + rows), : 2 * width])
        smaller[start : start + rows] = cv2.resize(strip, (width, rows), interpolation=cv2.INTER_AREA)
        yield rows


def _new(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Make the pyramid that the command line names."""
    if hasattr(os, "nice"):
        os.nice(5)
    cv2.setNumThreads(1)
    path, folder = (Path(argument) for argument in sys.argv[1:3])
    try:
        build(path, folder)
    except WorkstationError as error:
        _say(error=error.render())
        return 2
    except (OSError, MemoryError) as error:
        _say(error=str(error) or type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
