"""ImageJ point ROIs, one ``<item>_fixed.zip`` and ``<item>_moving.zip`` for the ROI manager.

A ROI for each point, named by its label. A single ``.roi`` with many points has no names: then points
belong together by their order. ImageJ counts sub-pixel positions from the corner of the first pixel, so
that a pixel's centre lies at +0.5; whole-pixel ROIs name the pixel itself. `ReadOptions.is_corner_origin`
switches that off for files made by programs that count from the centre.

Sub-pixel positions are 32-bit numbers: beyond pixel 1000 they are good to 0.0001 px. Left out when
writing: excluded and not-visible pairs. Half pairs are kept.
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import roifile

from engines.contract.errors import TableError
from engines.contract.messages import Message
from workstation.project.annotations import PairState, Side
from workstation.project.keypoint_formats.format import (
    ItemPairs,
    PointPair,
    ReadOptions,
    ReadPoint,
    SideFormat,
)
from workstation.project.keypoint_formats.text import read_bytes

HALF_PIXEL = 0.5
_LARGEST_ROI_BYTES = 16 * 2**20


class ImageJ(SideFormat):
    """See the module."""

    key = "imagej"
    title = Message("ImageJ ROI set")
    explanation = Message("Point ROIs for the ROI manager of ImageJ and Fiji, one file for each image.")
    loss = Message("Excluded and not-visible pairs, authors and sources are not kept.")
    suffixes = (".zip", ".roi")

    def recognise(self, path: Path, head: bytes) -> bool:
        """Look for a ROI, or an archive of them."""
        if head.startswith(b"Iout"):
            return True
        if path.suffix.lower() != ".zip" or not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        # Without any entry: the image of half pairs that has no point yet.
        return not names or any(name.lower().endswith(".roi") for name in names)

    def can_say(self, pair: PointPair) -> bool:
        """Allow placed points; nothing says why one is not used."""
        is_named = _fits_header(pair.label) or _plain(pair.label) == pair.label
        return pair.state is PairState.PLACED and pair.num_points > 0 and is_named

    def read_side(self, path: Path, options: ReadOptions) -> list[ReadPoint]:
        """Read the points of one image."""
        points: list[ReadPoint] = []
        for name, content in _entries(path):
            roi = _decoded(path, name, content)
            if roi.roitype != roifile.ROI_TYPE.POINT:
                raise TableError(
                    "{file}: the ROI '{name}' is no point.",
                    remedy="Save points of the multi-point tool.",
                    file=path.name,
                    name=name,
                )
            is_sub_pixel = roi.subpixel_coordinates is not None
            shift = HALF_PIXEL if is_sub_pixel and options.is_corner_origin else 0.0
            places = np.asarray(roi.coordinates(), dtype=np.float64).reshape(-1, 2) - shift
            # A single ROI with many points has no names for them.
            label = (roi.name or name) if len(places) == 1 else ""
            points += [ReadPoint(label, (float(x), float(y))) for x, y in places]
        return points

    def render_side(self, item: ItemPairs, side: Side) -> bytes:
        """Return an archive with one ROI for each point."""
        buffer = io.BytesIO()
        used: set[str] = set()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for pair in item.pairs:
                xy = pair.point(side)
                if xy is None:
                    continue
                name = _entry_name(pair.label, used)
                archive.writestr(zipfile.ZipInfo(f"{name}.roi"), _roi(pair.label, xy))
        return buffer.getvalue()


def _roi(label: str, xy: tuple[float, float]) -> bytes:
    corner = np.array([xy], dtype=np.float64) + HALF_PIXEL
    roi = roifile.ImagejRoi.frompoints(corner, name=label)
    roi.roitype = roifile.ROI_TYPE.POINT
    roi.options = roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    if not _fits_header(label):
        roi.name = ""
    content = roi.tobytes()
    assert isinstance(content, bytes)
    return content


def _entry_name(label: str, used: set[str]) -> str:
    """Return a name for a file in the archive, which ImageJ shows as the name of the ROI."""
    plain = _plain(label)
    name, number = plain, 1
    while name.casefold() in used:
        number += 1
        name = f"{plain} ({number})"
    used.add(name.casefold())
    return name


def _plain(label: str) -> str:
    return "".join("_" if char in '/\\:*?"<>|' or ord(char) < 32 else char for char in label)


def _fits_header(label: str) -> bool:
    """Tell whether the ROI itself can hold the name: roifile counts rare Chinese characters wrongly."""
    return all(ord(char) <= 0xFFFF for char in label)


def _entries(path: Path) -> list[tuple[str, bytes]]:
    content = read_bytes(path)
    if content.startswith(b"Iout"):
        return [(path.stem, content)]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".roi")]
            if any(entry.file_size > _LARGEST_ROI_BYTES for entry in found):
                raise TableError("{file} holds a ROI that is too large.", file=path.name)
            return [(Path(entry.filename).stem, archive.read(entry)) for entry in found]
    except (zipfile.BadZipFile, RuntimeError) as error:
        raise _damaged(path, path.name) from error


def _decoded(path: Path, name: str, content: bytes) -> roifile.ImagejRoi:
    try:
        return roifile.ImagejRoi.frombytes(content)
    except (ValueError, IndexError, TypeError, struct.error) as error:
        raise _damaged(path, name) from error


def _damaged(path: Path, name: str) -> TableError:
    return TableError(
        "{file}: '{name}' cannot be read as a ROI.",
        remedy="Save the points from ImageJ again.",
        file=path.name,
        name=name,
    )
