"""Reading and writing images, and the few conversions every user of them needs.

Arrays are ``(H, W)`` grey or ``(H, W, 3)`` RGB, uint8 or uint16. Files are read as bytes first, so paths
in any script work everywhere. JPEG and TIFF orientation tags are applied: pixels lie as a photo viewer
shows them, and `image_size` agrees. (PNG, BMP and GIF are taken as stored.) Alpha is dropped, not
blended. Of files with several frames or pages the first is read.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import threading
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from engines.contract.errors import ImageReadError, ImageSizeError, InputError
from engines.contract.geometry import Size
from engines.imaging.opencv import cv2

ImageArray: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

SMALLEST_SIDE_PX = 32
LARGEST_NUM_PIXELS = 100_000_000
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "GIF")
_ORIENTATION_TAG = 0x0112
_TIFF_BITS_TAG = 258
_CHUNK_BYTES = 1 << 20
_WARNING_FILTERS = threading.Lock()


def read_image(path: str | os.PathLike[str], *, largest: int = LARGEST_NUM_PIXELS) -> ImageArray:
    """Read an image of 8 or 16 bits.

    Parameters
    ----------
    path : path
        PNG, JPEG, TIFF, BMP or GIF; told by content, not by name.
    largest : int
        Number of pixels above which an image is refused.

    Returns
    -------
    ndarray of uint8 or uint16, (H, W) or (H, W, 3) RGB

    Raises
    ------
    ImageReadError
        If the file is missing, a folder, empty, truncated, damaged or not such an image.
    ImageSizeError
        If a side is under 32 pixels or there are more than `largest` pixels; known before decoding.
    """
    file = _existing_file(path)
    with _file_errors(path):
        data = file.read_bytes()
    with _opened(data, path) as image:
        _check_size(_upright_size(image), path, largest)
        has_deep_colour = _has_deep_colour(image, data)
        image.load()
        if has_deep_colour:
            return _decode_deep_colour(data, path)
        if image.format != "PNG":
            image = ImageOps.exif_transpose(image)
        return _as_array(image, path)


def image_size(path: str | os.PathLike[str], *, largest: int = LARGEST_NUM_PIXELS) -> Size:
    """Return ``(width, height)`` in pixels from the header, without decoding the image; see `read_image`.

    Raises
    ------
    ImageReadError
        As `read_image`, as far as the header tells.
    ImageSizeError
        As `read_image`.
    """
    file = _existing_file(path)
    with _file_errors(path), file.open("rb") as stream, _opened(stream, path) as image:
        size = _upright_size(image)
    _check_size(size, path, largest)
    return size


def read_mask(path: str | os.PathLike[str]) -> npt.NDArray[np.bool_]:
    """Read a mask, ``(H, W)``: true where any channel is not 0. Raises as `read_image`."""
    image = read_image(path)
    return np.asarray(image.any(axis=2) if image.ndim == 3 else image != 0)


def write_image(path: str | os.PathLike[str], image: ImageArray | npt.NDArray[np.bool_]) -> None:
    """Write an image under a temporary name, then put it in place.

    Parameters
    ----------
    path : path
        Its suffix chooses PNG, JPEG, TIFF or BMP; folders are made.
    image : ndarray of uint8, uint16 or bool, (H, W) or (H, W, 3) RGB
        Booleans become 0 and 255. Only PNG and TIFF hold 16 bits.

    Raises
    ------
    InputError
        If the suffix is of another format, or the format does not hold the array.
    """
    target = Path(path)
    array = image.astype(np.uint8) * 255 if image.dtype == bool else image
    suffix = target.suffix.lower()
    holds = {".png": 16, ".tif": 16, ".tiff": 16, ".bmp": 8, ".jpg": 8, ".jpeg": 8}.get(suffix, 0)
    bits = array.dtype.itemsize * 8 if array.dtype in (np.uint8, np.uint16) else 64
    if bits > holds or array.ndim not in (2, 3):
        raise InputError(
            "{path}: a {dtype} array cannot be written in this format.",
            remedy="Write .png or .tif from 8- or 16-bit values.",
            path=target,
            dtype=str(image.dtype),
        )
    ordered = array[:, :, ::-1] if array.ndim == 3 else array
    is_encoded, encoded = cv2.imencode(suffix, np.ascontiguousarray(ordered))
    if not is_encoded:
        raise InputError("{path}: the image could not be encoded.", path=target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        temporary.write_bytes(encoded.tobytes())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def content_hash(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    file = _existing_file(path)
    digest = hashlib.sha256()
    with _file_errors(path), file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def to_uint8(image: ImageArray) -> npt.NDArray[np.uint8]:
    """Reduce to 8 bits by the bit depth that the values use.

    16-bit files often hold 10 or 12 bits. The depth is the smallest that holds all but the brightest
    thousandth, and at least 8; those few are clipped. Zero stays zero, so a black surround stays black.
    """
    if image.dtype == np.uint8:
        return np.asarray(image, dtype=np.uint8)
    brightest = float(np.percentile(image, 99.9))
    bits = int(np.clip(np.ceil(np.log2(brightest + 1.0)), 8, 16))
    return np.minimum(image >> (bits - 8), 255).astype(np.uint8)


def to_grey(image: ImageArray) -> ImageArray:
    """Return the luminance of a colour image, and a grey image as it is; the type is kept."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY))


def channel_for_vessels(image: ImageArray) -> ImageArray:
    """Return the channel that shows vessels best: green of a colour image, ``(H, W)``."""
    return image if image.ndim == 2 else np.ascontiguousarray(image[:, :, 1])


def _existing_file(path: str | os.PathLike[str]) -> Path:
    file = Path(path)
    with _file_errors(path):
        if file.is_dir():
            raise ImageReadError("{path} is a folder, not an image.", remedy="Name a file.", path=file)
        if not file.is_file():
            raise ImageReadError("{path} does not exist.", remedy="Check the path.", path=file)
    return file


@contextmanager
def _file_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn a failure of the file system into an error that advises."""
    try:
        yield
    except OSError as error:
        raise ImageReadError(
            "{path} cannot be read: {cause}.",
            remedy="Check that the file is there and that you may read it.",
            path=path,
            cause=error.strerror or str(error),
        ) from error


@contextmanager
def _opened(source: bytes | io.BufferedReader, path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """Open an image and turn every failure, also while it is decoded, into an error that advises."""
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with _open_header(stream) as image:
            yield image
    except UnidentifiedImageError as error:
        stream.seek(0)
        if not stream.read(1):
            raise ImageReadError(
                "{path} is empty.", remedy="Copy the file again from its source.", path=path
            ) from error
        raise ImageReadError(
            "{path} is damaged, or not a PNG, JPEG, TIFF, BMP or GIF image.",
            remedy="Copy the file again from its source, or convert it to PNG.",
            path=path,
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise ImageReadError(
            "{path} is truncated or damaged ({cause}).",
            remedy="Copy the file again from its source.",
            path=path,
            cause=str(error),
        ) from error


def _open_header(stream: io.BytesIO | io.BufferedReader) -> Image.Image:
    """Open an image, and read its tags once, without the warnings about size and damaged tags.

    Sizes are checked here, and a damaged tag does not matter as long as the pixels are whole.
    """
    # The filters of warnings are shared by all threads; the lock is held for a moment only.
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(stream, formats=_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
        if image.format != "PNG":
            image.getexif()
    return image


def _upright_size(image: Image.Image) -> Size:
    width, height = image.size
    # Pillow reports TIFF sizes upright already.
    if image.format == "JPEG" and image.getexif().get(_ORIENTATION_TAG, 1) in (5, 6, 7, 8):
        return height, width
    return width, height


def _check_size(size: Size, path: str | os.PathLike[str], largest: int) -> None:
    if min(size) < SMALLEST_SIDE_PX:
        raise ImageSizeError(
            "{path} is too small: {width} x {height} pixels; at least {smallest} a side are needed.",
            path=path,
            width=size[0],
            height=size[1],
            smallest=SMALLEST_SIDE_PX,
        )
    if size[0] * size[1] > largest:
        raise ImageSizeError(
            "{path} is too large: it has more than {limit} million pixels.",
            remedy="Reduce or crop the image first.",
            path=path,
            limit=largest // 1_000_000,
        )


def _has_deep_colour(image: Image.Image, data: bytes) -> bool:
    """Tell whether the file holds colour with 16 bits a channel, which Pillow would cut to 8."""
    if image.format == "PNG":
        bit_depth, colour_type = data[24], data[25]
        return bit_depth == 16 and colour_type in (2, 6)
    if image.format == "TIFF":
        bits = image.tag_v2.get(_TIFF_BITS_TAG, ())  # type: ignore[attr-defined]
        return len(bits) >= 3 and max(bits) == 16
    return False


def _decode_deep_colour(data: bytes, path: str | os.PathLike[str]) -> ImageArray:
    # OpenCV turns TIFF files upright whatever flag it is given, and PNG files never with this one.
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.ndim != 3 or decoded.dtype != np.uint16:
        raise ImageReadError(
            "{path} is damaged, or its 16-bit colour is stored in an unusual way.",
            remedy="Convert it to a plain 16-bit PNG or TIFF.",
            path=path,
        )
    return np.ascontiguousarray(decoded[:, :, 2::-1])


def _as_array(image: Image.Image, path: str | os.PathLike[str]) -> ImageArray:
    mode = image.mode
    if mode == "1":
        return np.asarray(image, dtype=np.uint8) * 255
    if mode in ("P", "PA"):
        colours = np.asarray(image.convert("RGBA"))[:, :, :3]
        is_grey = bool((colours == colours[:, :, :1]).all())
        return np.ascontiguousarray(colours[:, :, 0] if is_grey else colours)
    if mode in ("L", "RGB"):
        return np.array(image, dtype=np.uint8)
    if mode in ("LA", "La"):
        return np.ascontiguousarray(np.asarray(image)[:, :, 0])
    if mode in ("RGBA", "RGBX"):
        return np.ascontiguousarray(np.asarray(image)[:, :, :3])
    if mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if mode == "I":
        values = np.asarray(image)
        if values.min() >= 0 and values.max() <= np.iinfo(np.uint16).max:
            return values.astype(np.uint16)
    if mode in ("I", "F"):
        raise ImageReadError(
            "{path} holds 32-bit or floating-point values.",
            remedy="Convert it to 8 or 16 bits.",
            path=path,
        )
    return np.array(image.convert("RGB"), dtype=np.uint8)
