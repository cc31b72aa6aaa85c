"""Reading, refusing and writing images."""

from __future__ import annotations

import contextlib
import pathlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from engines.contract.errors import ImageReadError, ImageSizeError, InputError
from engines.imaging.images import (
    channel_for_vessels,
    content_hash,
    image_size,
    read_image,
    read_mask,
    to_grey,
    to_uint8,
    write_image,
)
from engines.imaging.opencv import cv2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_WIDTH, _HEIGHT = 64, 48


@pytest.fixture(scope="module")
def colour() -> npt.NDArray[np.uint8]:
    image = np.random.default_rng(0).integers(1, 255, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)
    image[:10] = 0
    return image


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
@pytest.mark.parametrize("kind", ["colour", "grey"])
def test_eight_bits_come_back_unchanged(tmp_path: Path, colour: npt.NDArray, suffix: str, kind: str) -> None:
    image = colour if kind == "colour" else colour[:, :, 1].copy()
    path = tmp_path / f"image{suffix}"
    write_image(path, image)
    np.testing.assert_array_equal(read_image(path), image)
    assert image_size(path) == (_WIDTH, _HEIGHT)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("kind", ["colour", "grey"])
def test_sixteen_bits_come_back_unchanged(
    tmp_path: Path, colour: npt.NDArray, suffix: str, kind: str
) -> None:
    deep = colour.astype(np.uint16) * 251
    image = deep if kind == "colour" else deep[:, :, 0].copy()
    path = tmp_path / f"image{suffix}"
    write_image(path, image)
    read = read_image(path)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, image)


def test_jpeg_is_close_and_rgb(tmp_path: Path) -> None:
    image = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    image[:, :, 0] = 200
    write_image(tmp_path / "red.jpg", image)
    assert np.abs(read_image(tmp_path / "red.jpg").astype(int) - image).max() < 8


def test_path_in_chinese_with_spaces(tmp_path: Path, colour: npt.NDArray) -> None:
    path = tmp_path / "眼底 图像" / "左 眼.png"
    write_image(path, colour)
    np.testing.assert_array_equal(read_image(path), colour)
    assert image_size(path) == (_WIDTH, _HEIGHT)


def test_wrong_suffix_is_no_matter(tmp_path: Path, colour: npt.NDArray) -> None:
    write_image(tmp_path / "a.png", colour)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), colour)


def test_alpha_is_dropped_not_blended(tmp_path: Path, colour: npt.NDArray) -> None:
    alpha = np.full((_HEIGHT, _WIDTH, 1), 7, np.uint8)
    Image.fromarray(np.concatenate([colour, alpha], axis=2)).save(tmp_path / "a.png")
    Image.fromarray(np.concatenate([colour[:, :, :1], alpha], axis=2)).save(tmp_path / "g.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colour)
    np.testing.assert_array_equal(read_image(tmp_path / "g.png"), colour[:, :, 0])


def test_sixteen_bit_alpha_is_dropped(tmp_path: Path, colour: npt.NDArray) -> None:
    deep = np.dstack([colour, colour[:, :, :1]]).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), deep[:, :, 2::-1])


@pytest.mark.parametrize("suffix", ["gif", "tif", "png"])
def test_palette_gives_its_colours(tmp_path: Path, suffix: str) -> None:
    index = np.tile(np.arange(_WIDTH, dtype=np.uint8) % 3, (_HEIGHT, 1))
    image = Image.fromarray(index).convert("P")
    image.putpalette([0, 0, 0, 250, 10, 20, 30, 240, 50])
    image.save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}")[0, :3, 0], [0, 250, 30])
    np.testing.assert_array_equal(read_mask(tmp_path / f"a.{suffix}"), index > 0)


def test_transparent_palette_keeps_its_colours(tmp_path: Path) -> None:
    image = Image.new("P", (_WIDTH, _HEIGHT), 1)
    image.putpalette([0, 0, 0, 250, 10, 20])
    image.save(tmp_path / "a.png", transparency=bytes([0, 40]))
    assert read_image(tmp_path / "a.png")[3, 3].tolist() == [250, 10, 20]


@pytest.mark.parametrize("read", [read_image, image_size, content_hash])
def test_failures_of_the_file_system_are_told(
    tmp_path: Path, colour: npt.NDArray, monkeypatch: pytest.MonkeyPatch, read: Callable
) -> None:
    write_image(tmp_path / "a.png", colour)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    monkeypatch.setattr(pathlib.Path, "read_bytes", refuse)
    with pytest.raises(ImageReadError, match="Permission denied"):
        read(tmp_path / "a.png")


def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, colour: npt.NDArray) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "damaged"
    for suffix in (".png", ".jpg", ".tif", ".bmp"):
        write_image(tmp_path / f"a{suffix}", colour)
        whole = (tmp_path / f"a{suffix}").read_bytes()
        for _ in range(60):
            data = bytearray(whole)
            reach = min(len(data), 200 if rng.random() < 0.5 else len(data))
            for place in rng.integers(0, reach, 4):
                data[place] = int(rng.integers(256))
            path.write_bytes(data)
            with contextlib.suppress(ImageReadError, ImageSizeError):
                assert read_image(path).ndim in (2, 3)


@pytest.mark.parametrize("name", ["m.tif", "m.gif", "m.png", "m.bmp"])
def test_mask_of_one_bit(tmp_path: Path, colour: npt.NDArray, name: str) -> None:
    mask = colour[:, :, 0] > 120
    Image.fromarray(mask).save(tmp_path / name)
    np.testing.assert_array_equal(read_mask(tmp_path / name), mask)


def test_mask_value_one_counts(tmp_path: Path) -> None:
    mask = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    mask[5:9, 3:6] = 1
    write_image(tmp_path / "m.png", mask)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), mask == 1)


def test_first_frame_of_a_gif(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((_HEIGHT, _WIDTH), value, np.uint8)) for value in (40, 90)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert set(np.unique(read_image(tmp_path / "a.gif"))) == {40}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_orientation_is_applied_and_size_agrees(tmp_path: Path, orientation: int, suffix: str) -> None:
    stored = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    stored[:16, :16] = 250
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(stored).save(path, exif=exif)
    image = read_image(path)
    assert image_size(path) == image.shape[::-1]
    # The marked corner is where the tag says row 0 and column 0 belong.
    rows, columns = np.nonzero(image > 125)
    is_low, is_right = rows.mean() > image.shape[0] / 2, columns.mean() > image.shape[1] / 2
    expected = {
        1: (False, False), 2: (False, True), 3: (True, True), 4: (True, False),
        5: (False, False), 6: (False, True), 7: (True, True), 8: (True, False),
    }  # fmt: skip
    assert (is_low, is_right) == expected[orientation]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_of_sixteen_bit_colour(tmp_path: Path, colour: npt.NDArray, orientation: int) -> None:
    path = tmp_path / "a.tif"
    stored = colour.astype(np.uint16) * 257
    tifffile.imwrite(path, stored, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    image = read_image(path)
    assert image.dtype == np.uint16
    assert image_size(path) == (image.shape[1], image.shape[0])
    np.testing.assert_array_equal(image, np.rot90(stored, {1: 0, 3: 2, 6: -1, 8: 1}[orientation]))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp", "a.gif", "deep.png", "deep.tif"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_truncated_file_is_refused(tmp_path: Path, colour: npt.NDArray, name: str, share: float) -> None:
    path = tmp_path / name
    if name == "a.gif":
        Image.fromarray(colour).save(path)
    else:
        write_image(path, colour.astype(np.uint16) * 257 if "deep" in name else colour)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ImageReadError, match=name):
        read_image(path)


def test_png_with_a_changed_byte_is_refused(tmp_path: Path, colour: npt.NDArray) -> None:
    path = tmp_path / "a.png"
    write_image(path, colour)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ImageReadError):
        read_image(path)


def test_refusals_say_what_and_how_to_fix(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not an image", encoding="utf-8")
    for name, words in {
        "missing.png": "does not exist",
        "empty.png": "is empty",
        "text.png": "not a PNG",
        ".": "is a folder",
    }.items():
        for read in (read_image, image_size):
            with pytest.raises(ImageReadError, match=words) as caught:
                read(tmp_path / name)
            assert str(caught.value.remedy)


def test_floating_point_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((_HEIGHT, _WIDTH), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ImageReadError, match="floating-point"):
        read_image(tmp_path / "a.tif")


def test_small_and_huge_images_are_refused_from_the_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "small.png", np.zeros((31, 400), np.uint8))
    write_image(tmp_path / "edge.png", np.zeros((32, 400), np.uint8))
    Image.new("1", (20_000, 6_000)).save(tmp_path / "large.png")
    Image.new("1", (20_000, 10_000)).save(tmp_path / "larger.png")
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    for read in (read_image, image_size):
        with pytest.raises(ImageSizeError, match="400 x 31"):
            read(tmp_path / "small.png")
        for name in ("large.png", "larger.png"):
            with pytest.raises(ImageSizeError, match="100 million"):
                read(tmp_path / name)
    assert image_size(tmp_path / "edge.png") == (400, 32)


def test_write_replaces_whole_files_and_refuses_what_a_format_cannot_hold(
    tmp_path: Path, colour: npt.NDArray
) -> None:
    path = tmp_path / "a.png"
    write_image(path, colour)
    write_image(path, colour[:, :, 0] > 100)
    assert set(np.unique(read_image(path))) == {0, 255}
    for name, image in {
        "a.jpg": colour.astype(np.uint16),
        "a.gif": colour,
        "b.png": colour.astype(np.float32),
    }.items():
        with pytest.raises(InputError, match="cannot be written"):
            write_image(tmp_path / name, image)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_content_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert content_hash(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_sixteen_bits_are_reduced_by_the_depth_in_use() -> None:
    full = (np.arange(65536, dtype=np.uint16)).reshape(256, 256)
    np.testing.assert_array_equal(to_uint8(full), full >> 8)
    twelve = (full >> 4).astype(np.uint16)
    np.testing.assert_array_equal(to_uint8(twelve), full >> 8)
    eight = (full >> 8).astype(np.uint16)
    np.testing.assert_array_equal(to_uint8(eight), eight)


def test_channels() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    image[:, :, 1] = 100
    assert channel_for_vessels(image).tolist() == [[100] * 5] * 4
    assert set(np.unique(to_grey(image))) == {59}
    grey = image[:, :, 1]
    assert to_grey(grey) is grey
