"""Files as other programs write them, character by character, and what is said of wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import TableError
from workstation.project.annotations import PairState
from workstation.project.keypoint_formats import FORMATS, ReadOptions, recognise
from workstation.project.keypoint_formats.format import ImageFacts, ItemPairs, PointPair

BIGWARP = """\
"Pt-0","true","10.5","20.25","11.0","21.0"
"Pt-1","false","30.0","40.0","31.0","41.0"
"Pt-2","true","Infinity","Infinity","5.0","6.0"
"Pt-3","false","7.0","8.0","Infinity","Infinity"
"""
FCSV = """\
# Markups fiducial file version = 4.13
# CoordinateSystem = {system}
# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID
1,{x},{y},0,0,0,0,1,1,1,0,F-1,,
2,{x},{y},0,0,0,0,1,1,0,0,"F, 2",,
"""
CVAT = """\
<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <image id="0" name="set/a_fa.png" width="100" height="80">
    <points label="disc" source="manual" occluded="0" points="1.50,2.25" z_order="0"></points>
    <points label="vessel" source="manual" occluded="1" points="3.00,4.00;5.00,6.00" z_order="0"></points>
    <skeleton label="arcade">
      <points label="gone" source="manual" outside="1" occluded="0" points="9.00,9.00"></points>
    </skeleton>
  </image>
</annotations>
"""


def save(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def pairs_of(path: Path, options: ReadOptions | None = None) -> list[PointPair]:
    known = recognise(path)
    assert known is not None
    (item,) = known.read(path, options or ReadOptions()).items
    return [PointPair(pair.label, pair.fixed_xy, pair.moving_xy, pair.state) for pair in item.pairs]


def test_bigwarp(tmp_path: Path) -> None:
    assert pairs_of(save(tmp_path / "landmarks.csv", BIGWARP)) == [
        PointPair("Pt-0", (11.0, 21.0), (10.5, 20.25)),
        PointPair("Pt-1", (31.0, 41.0), (30.0, 40.0), PairState.EXCLUDED),
        PointPair("Pt-2", (5.0, 6.0), None),
        PointPair("Pt-3", None, (7.0, 8.0), PairState.NOT_VISIBLE),
    ]


def test_bigwarp_is_written_as_bigwarp_writes_it(tmp_path: Path) -> None:
    made = (
        PointPair("Pt-0", (11.0, 21.0), (10.5, 20.25)),
        PointPair("Pt-1", (31.0, 41.0), (30.0, 40.0), PairState.EXCLUDED),
        PointPair("Pt-2", (5.0, 6.0), None),
        PointPair("Pt-3", None, (7.0, 8.0), PairState.NOT_VISIBLE),
    )
    item = ItemPairs("a", ImageFacts("f.png"), ImageFacts("m.png"), made)
    (out,) = FORMATS["bigwarp"].write([item], tmp_path)
    assert out.read_text(encoding="utf-8") == BIGWARP


def slicer_markup(system: str, x: float, y: float) -> str:
    points = [
        {"label": "F-1", "position": [x, y, 0.0], "positionStatus": "defined"},
        {"label": "F-2", "position": [x, y, 0.0], "selected": False},
        {"label": "F-3", "positionStatus": "missing"},
    ]
    markup = {"type": "Fiducial", "coordinateSystem": system, "controlPoints": points}
    return json.dumps({"@schema": "…/markups-schema-v1.0.3.json#", "markups": [markup]})


@pytest.mark.parametrize(("system", "sign"), [("LPS", 1), ("RAS", -1)])
def test_slicer_json(tmp_path: Path, system: str, sign: int) -> None:
    save(tmp_path / "a_fixed.mrk.json", slicer_markup(system, sign * 1.5, sign * 2.5))
    moving = save(tmp_path / "a_moving.mrk.json", slicer_markup("LPS", 3.0, 4.0))
    assert pairs_of(moving) == [
        PointPair("F-1", (1.5, 2.5), (3.0, 4.0)),
        PointPair("F-2", (1.5, 2.5), (3.0, 4.0), PairState.EXCLUDED),
        PointPair("F-3", None, None, PairState.NOT_VISIBLE),
    ]


@pytest.mark.parametrize(("system", "sign"), [("LPS", 1), ("RAS", -1), ("0", -1)])
def test_slicer_fcsv(tmp_path: Path, system: str, sign: int) -> None:
    fixed = save(tmp_path / "a_1.fcsv", FCSV.format(system=system, x=sign * 1.5, y=sign * 2.5))
    save(tmp_path / "a_2.fcsv", FCSV.format(system="LPS", x=3, y=4))
    assert pairs_of(fixed) == [
        PointPair("F-1", (1.5, 2.5), (3.0, 4.0)),
        PointPair("F, 2", (1.5, 2.5), (3.0, 4.0), PairState.EXCLUDED),
    ]


def test_napari_has_rows_before_columns(tmp_path: Path) -> None:
    fixed = save(tmp_path / "a_fixed.csv", "index,axis-0,axis-1\n0.0,2.5,1.5\n1.0,20.0,10.0\n")
    save(tmp_path / "a_moving.csv", "index,axis-0,axis-1\n0.0,4.0,3.0\n1.0,40.0,30.0\n")
    assert pairs_of(fixed) == [
        PointPair("1", (1.5, 2.5), (3.0, 4.0)),
        PointPair("2", (10.0, 20.0), (30.0, 40.0)),
    ]


def test_fire(tmp_path: Path) -> None:
    path = save(tmp_path / "control_points_S01_1_2.txt", "1.5 2.5 3 4\n10.0  20.0\t30.0 40.0\n")
    assert FORMATS["fire"].read(path).items[0].name == "S01"
    assert pairs_of(path) == [
        PointPair("1", (1.5, 2.5), (3.0, 4.0)),
        PointPair("2", (10.0, 20.0), (30.0, 40.0)),
    ]
    assert FORMATS["fire"].read(path).items[0].warning is None
    wrong = save(tmp_path / "control_points_P37_1_2.txt", "1 2 3 4\n")
    assert "known to be wrong" in str(FORMATS["fire"].read(wrong).items[0].warning)


def test_two_text(tmp_path: Path) -> None:
    save(tmp_path / "007_01.txt", "1.5 2.5\n10 20\n")
    moving = save(tmp_path / "007_02.txt", "3 4\n30 40\n\n")
    assert FORMATS["two_text"].read(moving).items[0].name == "007"
    assert pairs_of(moving) == [
        PointPair("1", (1.5, 2.5), (3.0, 4.0)),
        PointPair("2", (10.0, 20.0), (30.0, 40.0)),
    ]


def test_coco(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 7, "file_name": "set/a.png", "width": 100, "height": 80}],
        "categories": [{"id": 3, "name": "eye", "keypoints": ["disc", "fovea", "x"], "skeleton": []}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 3,
                "keypoints": [1.5, 2.5, 2, 3, 4, 1, 0, 0, 0],
                "num_keypoints": 2,
                "iscrowd": 0,
            }
        ],
    }
    path = save(tmp_path / "person_keypoints.json", json.dumps(content))
    assert recognise(path) is FORMATS["coco"]
    (image,) = FORMATS["coco"].read(path).images
    assert (image.name, image.size) == ("set/a.png", (100, 80))
    assert [(point.label, point.xy, point.state) for point in image.points] == [
        ("disc", (1.5, 2.5), PairState.PLACED),
        ("fovea", (3.0, 4.0), PairState.NOT_VISIBLE),
    ]


def test_cvat(tmp_path: Path) -> None:
    path = save(tmp_path / "annotations.xml", CVAT)
    assert recognise(path) is FORMATS["cvat"]
    (image,) = FORMATS["cvat"].read(path).images
    assert (image.name, image.size) == ("set/a_fa.png", (100, 80))
    assert [(point.label, point.xy, point.state) for point in image.points] == [
        ("disc", (1.5, 2.25), PairState.PLACED),
        ("vessel-1", (3.0, 4.0), PairState.NOT_VISIBLE),
        ("vessel-2", (5.0, 6.0), PairState.NOT_VISIBLE),
    ]


def test_cvat_refuses_entities(tmp_path: Path) -> None:
    bomb = (
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        '<annotations><image name="&b;"/></annotations>'
    )
    with pytest.raises(TableError, match="document type"):
        FORMATS["cvat"].read(save(tmp_path / "bomb.xml", bomb))


def test_imagej_counts_sub_pixels_from_the_corner(tmp_path: Path) -> None:
    import roifile

    for name, points in (("a_fixed", [[1.5, 2.5], [10.75, 20.0]]), ("a_moving", [[3.5, 4.5], [30.5, 40.5]])):
        roi = roifile.ImagejRoi.frompoints(np.array(points))
        roi.roitype = roifile.ROI_TYPE.POINT
        roi.tofile(tmp_path / f"{name}.roi")
    fixed = tmp_path / "a_fixed.roi"
    assert pairs_of(fixed) == [
        PointPair("1", (1.0, 2.0), (3.0, 4.0)),
        PointPair("2", (10.25, 19.5), (30.0, 40.0)),
    ]
    assert pairs_of(fixed, ReadOptions(is_corner_origin=False))[0].fixed_xy == (1.5, 2.5)


def test_imagej_whole_pixels_name_the_pixel(tmp_path: Path) -> None:
    import roifile

    for name in ("a_fixed", "a_moving"):
        roi = roifile.ImagejRoi.frompoints(np.array([[1, 2], [30, 40]]))
        roi.roitype = roifile.ROI_TYPE.POINT
        roi.tofile(tmp_path / f"{name}.roi")
    assert [pair.fixed_xy for pair in pairs_of(tmp_path / "a_fixed.roi")] == [(1.0, 2.0), (30.0, 40.0)]


def test_matlab(tmp_path: Path) -> None:
    from scipy.io import savemat

    landmarks = {"LMfix": [[1.5, 2.5], [10, 20]], "LMmov": [[3, 4], [30, 40]]}
    savemat(tmp_path / "retina_1.mat", {"I_fix": np.zeros((4, 4)), "Landmarks": landmarks, "T": np.eye(3)})
    assert pairs_of(tmp_path / "retina_1.mat") == [
        PointPair("1", (1.5, 2.5), (3.0, 4.0)),
        PointPair("2", (10.0, 20.0), (30.0, 40.0)),
    ]


def test_matlab_files_of_version_7_3_are_named_with_a_way_out(tmp_path: Path) -> None:
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (tmp_path / "a.mat").write_bytes(header + b"\x89HDF\r\n\x1a\n" + bytes(512))
    with pytest.raises(TableError, match=r"version 7\.3.*-v7"):
        FORMATS["mmim"].read(tmp_path / "a.mat")


def test_text_of_chinese_windows_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes('"血管分叉","true","1","2","3","4"\r\n'.encode("gb18030"))
    assert pairs_of(tmp_path / "a.csv") == [PointPair("血管分叉", (3.0, 4.0), (1.0, 2.0))]


COCO_TWICE = (
    '{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "keypoints": ["k"]}], '
    '"annotations": [{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 2]}, '
    '{"image_id": 1, "category_id": 1, "keypoints": [3, 4, 2]}]}'
)
WRONG: list[tuple[str, str, str, list[str]]] = [
    ("bigwarp", "a.csv", '"P","true","x","1","2","3"\n', ["a.csv, line 1", "'x' is no number"]),
    ("bigwarp", "a.csv", '"P","true","1","2"\n', ["line 1", "4 columns", "6"]),
    ("bigwarp", "a.csv", '"P","true","1","2","3","4","5","6"\n', ["line 1", "3-D"]),
    ("bigwarp", "a.csv", '"P","yes","1","2","3","4"\n', ["line 1", "'yes'", "active"]),
    ("bigwarp", "a.csv", '"P","true","1","2","3","4"\n"P","true","1","2","3","4"\n', ["line", "twice"]),
    ("fire", "control_points_A_1_2.txt", "1 2 3 4\n1 2 3\n", ["line 2", "3 columns", "12.5, not 12,5"]),
    ("fire", "control_points_A_1_2.txt", "", ["no points"]),
    ("fire", "control_points_A_1_2.txt", "1 2 3 nan\n", ["line 1", "'nan'"]),
    ("two_text", "a.txt", "1 2\n", ["which image", "a_fixed".replace("a", "<item>", 1)]),
    ("two_text", "a_01.txt", "1 2\n", ["no partner", "a_02.txt"]),
    ("two_text", "b_01.txt", "1 2\n3 4\n", ["b_01.txt has 2", "b_02.txt has 1", "same order"]),
    ("napari", "b_fixed.csv", "index,axis-0,axis-1,axis-2\n0,1,2,3\n", ["three or more axes"]),
    ("napari", "b_fixed.csv", "index,axis-0\n0,1\n", ["axis-1"]),
    ("napari", "b_fixed.csv", "index,axis-0,axis-1\n0,1\n", ["line 2", "2 columns"]),
    ("napari", "b_fixed.csv", "index,axis-0,axis-1,label,state\n0,1,2,a,gone\n", ["line 2", "'gone'"]),
    ("slicer_json", "b_fixed.mrk.json", "{", ["line 1", "no JSON"]),
    ("slicer_json", "b_fixed.mrk.json", "{}", ["markups"]),
    ("slicer_json", "b_fixed.mrk.json", slicer_markup("IJK", 1, 2), ["coordinate system 'IJK'", "LPS"]),
    ("slicer_fcsv", "b_fixed.fcsv", FCSV.format(system="2", x=1, y=2), ["coordinate system", "RAS"]),
    ("slicer_fcsv", "b_fixed.fcsv", FCSV.format(system="LPS", x=1, y="1,5"), ["line 4", "z = 5"]),
    ("slicer_fcsv", "b_fixed.fcsv", FCSV.format(system="LPS", x="one", y=2), ["line 4", "'one'"]),
    ("coco", "a.json", '{"images": []}', ["categories"]),
    ("coco", "a.json", COCO_TWICE, ["a.json: a point named 'k' stands there twice"]),
    ("slicer_fcsv", "b_fixed.fcsv", FCSV.replace('"F, 2"', "F-1").format(system="LPS", x=1, y=2), ["line 5"]),
    ("cvat", "a.xml", "<annotations><image></annotations>", ["damaged XML"]),
    ("cvat", "a.xml", CVAT.replace("1.50,2.25", "1.50"), ["'1.50'", "set/a_fa.png"]),
    ("mmim", "a.mat", "not matlab", ["no MATLAB file"]),
    ("imagej", "b_fixed.zip", "not a zip", ["cannot be read as a ROI"]),
    ("imagej", "b_fixed.roi", "Iout and nothing", ["cannot be read as a ROI"]),
]


@pytest.mark.parametrize(("key", "name", "text", "words"), WRONG)
def test_a_wrong_file_is_named_with_line_and_remedy(
    key: str, name: str, text: str, words: list[str], tmp_path: Path
) -> None:
    save(tmp_path / "b_02.txt", "1 2\n")
    for partner in ("b_moving.csv", "b_moving.mrk.json", "b_moving.fcsv", "b_moving.zip", "b_moving.roi"):
        save(tmp_path / partner, "")
    path = save(tmp_path / name, text)
    with pytest.raises(TableError) as caught:
        FORMATS[key].read(path)
    sentence = str(caught.value)
    assert name.split(".")[0] in sentence
    assert [word for word in words if word not in sentence] == [], sentence


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("items.csv", "subject,item,role,path\np,a,fixed,a.png\n"),
        ("points.csv", "item,point,fixed_x,fixed_y,moving_x,moving_y\na,1,1,1,11,21\n"),
        ("notes.txt", "these are words\n"),
        ("data.json", '{"format": "workstation-project"}'),
        ("a.xml", "<html/>"),
    ],
)
def test_other_files_are_not_taken(name: str, text: str, tmp_path: Path) -> None:
    assert recognise(save(tmp_path / name, text)) is None


def test_a_file_that_is_not_there_is_of_no_format(tmp_path: Path) -> None:
    assert recognise(tmp_path / "gone.csv") is None
