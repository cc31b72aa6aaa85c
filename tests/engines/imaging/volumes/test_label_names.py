from __future__ import annotations

from pathlib import Path

import numpy as np

from engines.imaging.volumes.label_classes import LabelClass, colour_of
from engines.imaging.volumes.label_names import classes_in
from engines.imaging.volumes.slicer_segmentation import write_slicer_segmentation
from engines.imaging.volumes.volume import Volume, VolumeGeometry


def test_names_and_colours_of_a_slicer_segmentation_come_back(tmp_path: Path) -> None:
    classes = (LabelClass(2, "主动脉 aorta", "#E69F00"), LabelClass(7, "vein", "#56B4E9"))
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[0], labels[1] = 2, 7
    path = tmp_path / "分割.seg.nrrd"
    write_slicer_segmentation(path, Volume(labels, VolumeGeometry((4, 4, 4), np.eye(4))), classes)
    assert classes_in(path) == classes


def test_odd_fields_and_other_files_name_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.seg.nrrd"
    header = "NRRD0004\nSegment0_Name:=a\nSegment0_LabelValue:=x\nSegment1_Name:=b\nSegment1_LabelValue:=3\n"
    path.write_bytes((header + "Segment1_Color:=2 0\n\n").encode() + bytes(range(256)))
    assert classes_in(path) == (LabelClass(3, "b", colour_of(3)),)
    assert classes_in(tmp_path / "missing.seg.nrrd") == ()
    assert classes_in(tmp_path / "a.nii.gz") == ()
