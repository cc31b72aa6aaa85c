"""Every format gives back what it says it can hold, whatever the pairs are."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contract.errors import ProjectError
from engines.imaging.images import write_image
from workstation.project.annotations import PairState
from workstation.project.keypoint_formats import FORMATS, recognise
from workstation.project.keypoint_formats.format import (
    ImageFacts,
    ItemPairs,
    KeypointFormat,
    PointPair,
    join_sides,
)

NAMELESS = {"fire", "two_text", "mmim"}
coordinates = st.floats(-0.5, 3000, allow_nan=False).map(lambda value: value + 0.0)
points = st.none() | st.tuples(coordinates, coordinates)
labels = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=8
) | st.sampled_from(["血管 分叉 1", "a,b", 'say "so"', "x;y", "<b>&"])
pairs = st.builds(PointPair, labels, points, points, st.sampled_from(list(PairState)))
pair_sets = st.lists(pairs, min_size=1, max_size=12, unique_by=lambda pair: pair.label).map(tuple)


def item(name: str, pairs: tuple[PointPair, ...], spacing: float | None = None) -> ItemPairs:
    fixed = ImageFacts(f"{name}_fa.png", (3002, 3002), spacing)
    return ItemPairs(name, fixed, ImageFacts(f"{name}_眼.png", (3002, 3002), spacing), pairs)


def read_back(known: KeypointFormat, written: list[Path], item_id: str) -> tuple[PointPair, ...]:
    reading = known.read(written[0])
    if reading.items:
        assert reading.items[0].name == item_id
        return reading.items[0].pairs
    fixed, moving = reading.images
    return join_sides(fixed.points, moving.points)


def assert_same(known: KeypointFormat, expected: list[PointPair], found: tuple[PointPair, ...]) -> None:
    if known.key in NAMELESS:
        expected = [
            PointPair(str(number), pair.fixed_xy, pair.moving_xy)
            for number, pair in enumerate(expected, start=1)
        ]
        assert [pair.label for pair in found] == [pair.label for pair in expected]
    by_label = {pair.label: pair for pair in found}
    assert by_label.keys() == {pair.label for pair in expected}
    # ImageJ keeps 32 bits of a number; everybody else keeps all.
    tolerance = 2e-4 if known.key == "imagej" else 0.0
    for pair in expected:
        same = by_label[pair.label]
        assert same.state is pair.state
        for before, after in ((pair.fixed_xy, same.fixed_xy), (pair.moving_xy, same.moving_xy)):
            if before is None or after is None:
                assert before is after
            else:
                assert math.dist(before, after) <= tolerance


@pytest.mark.parametrize("known", FORMATS.values(), ids=FORMATS.keys())
@settings(max_examples=40, deadline=None)
@given(pair_set=pair_sets)
def test_what_a_format_can_say_comes_back(known: KeypointFormat, pair_set: tuple[PointPair, ...]) -> None:
    expected = [pair for pair in pair_set if known.can_say(pair)]
    with tempfile.TemporaryDirectory(prefix="导出 ") as folder:
        out = Path(folder) / f"out{known.suffixes[0]}" if known.files_per_item == 0 else Path(folder)
        written = known.write([item("病人 1", pair_set)], out)
        if not expected:
            assert written == []
            return
        assert len(written) == max(1, known.files_per_item)
        assert all(recognise(path) is known for path in written if path.stat().st_size)
        assert_same(known, expected, read_back(known, written, "病人 1"))


@pytest.mark.parametrize("known", FORMATS.values(), ids=FORMATS.keys())
def test_placed_pairs_are_never_left_out_and_suggestions_always(known: KeypointFormat) -> None:
    assert known.can_say(PointPair("1", (1.0, 2.0), (3.0, 4.0)))
    assert not known.can_say(PointPair("1", (1.0, 2.0), (3.0, 4.0), PairState.PREDICTED))


@pytest.mark.parametrize("known", FORMATS.values(), ids=FORMATS.keys())
def test_nothing_is_replaced(known: KeypointFormat, tmp_path: Path) -> None:
    items = [item("a", (PointPair("1", (1.0, 2.0), (3.0, 4.0)),))]
    out = tmp_path / "new" / "all.xml" if known.files_per_item == 0 else tmp_path / "new"
    for path in known.write(items, out):
        path.write_bytes(b"mine")
    with pytest.raises(ProjectError, match="exists already"):
        known.write(items, out)
    assert {path.read_bytes() for path in (tmp_path / "new").iterdir()} == {b"mine"}
    with pytest.raises(ProjectError, match="is a folder" if known.files_per_item == 0 else "is a file"):
        known.write(items, tmp_path if known.files_per_item == 0 else next((tmp_path / "new").iterdir()))


def test_collections_tell_images_of_one_name_apart(tmp_path: Path) -> None:
    pair = (PointPair("1", (1.0, 2.0), (3.0, 4.0)),)
    same = ImageFacts("image.png", (10, 10))
    items = [ItemPairs(name, same, ImageFacts(f"{name}.png", (10, 10)), pair) for name in ("a", "b")]
    for key in ("coco", "cvat"):
        (out,) = FORMATS[key].write(items, tmp_path / key)
        names = [image.name for image in FORMATS[key].read(out).images]
        assert names == ["a/image.png", "a.png", "b/image.png", "b.png"]


def test_bigwarp_counts_in_the_spacing_of_the_images(tmp_path: Path) -> None:
    pair = (PointPair("1", (10.0, 20.0), (30.0, 40.0)),)
    (out,) = FORMATS["bigwarp"].write([item("a", pair, spacing=0.5)], tmp_path)
    assert out.read_text(encoding="utf-8") == '"1","true","15.0","20.0","5.0","10.0"\n'
    assert FORMATS["bigwarp"].read(out).items[0].is_physical


def test_matlab_files_hold_the_images_and_the_transform(tmp_path: Path) -> None:
    from scipy.io import loadmat

    write_image(tmp_path / "f.png", np.full((40, 50), 7, dtype=np.uint8))
    write_image(tmp_path / "m.png", np.full((60, 50, 3), 9, dtype=np.uint8))
    fixed_from_moving = np.array([[1.1, 0.1, 5.0], [-0.1, 0.9, 2.0], [1e-4, 0.0, 1.0]])
    moving = np.array([[3.0, 4.0], [40.0, 5.0], [38.0, 50.0], [2.0, 44.0], [20.25, 21.5]])
    mapped = np.column_stack([moving, np.ones(5)]) @ fixed_from_moving.T
    fixed = mapped[:, :2] / mapped[:, 2:]
    made = tuple(
        PointPair(str(n), (float(f[0]), float(f[1])), (float(m[0]), float(m[1])))
        for n, (f, m) in enumerate(zip(fixed, moving, strict=True))
    )
    facts = [ImageFacts(f"{name}.png", None, None, tmp_path / f"{name}.png") for name in "fm"]
    (out,) = FORMATS["mmim"].write([ItemPairs("a", facts[0], facts[1], made)], tmp_path / "out")
    content = loadmat(out)
    assert content["I_fix"].shape == (40, 50)
    assert content["I_move"].shape == (60, 50, 3)
    landmarks = content["Landmarks"][0, 0]
    np.testing.assert_array_equal(landmarks["LMmov"], moving)
    # Row vectors: [x y 1] T, divided by the third.
    for transform in (content["T"], landmarks["T"]):
        rows = np.column_stack([landmarks["LMmov"], np.ones(5)]) @ transform
        np.testing.assert_allclose(rows[:, :2] / rows[:, 2:], landmarks["LMfix"], atol=1e-6)
        np.testing.assert_allclose(transform.T / transform[2, 2], fixed_from_moving, atol=1e-6)


def test_napari_files_are_read_by_pandas(tmp_path: Path) -> None:
    import pandas

    made = (PointPair("分叉, 1", (1.25, 2.5), None), PointPair("2", (3.0, 4.0), (5.0, 6.125)))
    fixed, moving = FORMATS["napari"].write([item("a", made)], tmp_path)
    table = pandas.read_csv(fixed, index_col="index")
    assert list(table.columns) == ["axis-0", "axis-1", "label", "state"]
    assert table["axis-0"].tolist() == [2.5, 4.0]
    assert table["label"].tolist() == ["分叉, 1", "2"]
    assert pandas.read_csv(moving)["axis-1"].tolist() == [5.0]


def test_imagej_files_are_read_by_roifile(tmp_path: Path) -> None:
    import roifile

    made = (PointPair("a/b", (1.25, 2.5), (7.0, 8.0)), PointPair("a:b", (3.0, 4.0), (5.0, 6.125)))
    fixed, _moving = FORMATS["imagej"].write([item("a", made)], tmp_path)
    rois = roifile.roiread(fixed)
    assert [roi.roitype for roi in rois] == [roifile.ROI_TYPE.POINT] * 2
    assert [roi.name for roi in rois] == ["a/b", "a:b"]
    assert rois[0].coordinates().tolist() == [[1.75, 3.0]]
