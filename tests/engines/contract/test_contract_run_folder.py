"""The run folder is written once, read by everybody, and refuses what is not one."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import GeometryError, InputError, RunFolderError
from engines.contract.files import relative_or_absolute, write_bytes_atomically, write_json_atomically
from engines.contract.kinds import Action, AnnotationKind, ItemKind, RunState, Split
from engines.contract.manifest import (
    AnnotationRecord,
    FileRecord,
    ItemRecord,
    Manifest,
    hash_of_split,
    read_keypoint_pairs,
    write_keypoint_pairs,
)
from engines.contract.run_folder import ProcessRecord, RunFolder, RunRequest
from engines.contract.transform_file import TransformFile


@pytest.fixture
def manifest() -> Manifest:
    item = ItemRecord(
        id="左眼 1",
        subject="p1",
        kind=ItemKind.IMAGE_PAIR,
        split=Split.TRAIN,
        files={"fixed": FileRecord(path="../../images/a.png", sha256="00", modality="FA")},
        annotations={AnnotationKind.KEYPOINT_PAIRS: AnnotationRecord(path="annotations/1.csv", revision="4")},
    )
    return Manifest(items=(item,), split_hash="abc")


@pytest.fixture
def folder(tmp_path: Path, manifest: Manifest) -> RunFolder:
    folder = RunFolder(tmp_path / "项目 one" / "runs" / "r1")
    folder.create(RunRequest(pipeline="p", action=Action.TRAIN, settings={"epochs": 3}), manifest)
    return folder


def test_request_and_manifest_round_trip(folder: RunFolder, manifest: Manifest) -> None:
    assert folder.read_request().settings == {"epochs": 3}
    assert folder.read_manifest() == manifest
    assert folder.file_path("../../images/a.png") == folder.path.parent.parent / "images" / "a.png"


def test_second_creation_is_refused(folder: RunFolder, manifest: Manifest) -> None:
    with pytest.raises(RunFolderError, match="already holds a run"):
        folder.create(RunRequest(pipeline="p", action=Action.TRAIN), manifest)


def test_folder_without_a_config_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        RunFolder(tmp_path).read_request()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("schema_version: 99\n", "version 99"),
        ("schema_version: 1\naction: dance\n", "damaged"),
        ("[", "cannot be read"),
    ],
)
def test_damaged_or_newer_requests_are_refused(folder: RunFolder, text: str, complaint: str) -> None:
    folder.config_path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        folder.read_request()


def test_damaged_manifest_is_refused(folder: RunFolder) -> None:
    folder.manifest_path.write_text("{", encoding="utf-8")
    with pytest.raises(RunFolderError, match="manifest"):
        folder.read_manifest()


def test_control_is_written_read_and_taken_back(folder: RunFolder) -> None:
    assert folder.read_control() == ""
    folder.write_control("stop")
    assert folder.read_control() == "stop"
    folder.write_control(None)
    assert folder.read_control() == ""


def test_heartbeat_age(folder: RunFolder) -> None:
    assert folder.heartbeat_age_s() is None
    folder.touch_heartbeat()
    age = folder.heartbeat_age_s()
    assert age is not None
    assert 0.0 <= age < 30.0


def test_process_and_summary_round_trip(folder: RunFolder) -> None:
    assert folder.read_process() is None
    assert folder.read_summary() is None
    record = ProcessRecord(pid=17, started_at=time.time(), host="host")
    folder.write_process(record)
    assert folder.read_process() == record
    folder.write_summary(RunState.FINISHED, {"best": 0.5})
    assert folder.read_summary() == {"state": "finished", "best": 0.5}


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json_atomically(path, {"a": 1})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_json_atomically(path, {"a": float("nan")})
    with pytest.raises(TypeError):
        write_bytes_atomically(path, "text")  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_paths_are_relative_with_forward_slashes(tmp_path: Path) -> None:
    assert (
        relative_or_absolute(tmp_path / "images" / "a.png", tmp_path / "runs" / "r1") == "../../images/a.png"
    )


def test_split_hash_depends_on_content_and_not_on_order() -> None:
    rows = [("p1", "train"), ("p2", "val")]
    assert hash_of_split(rows) == hash_of_split(reversed(rows))
    assert hash_of_split(rows) != hash_of_split([("p1", "val"), ("p2", "train")])


def test_keypoint_pairs_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "k.csv"
    fixed, moving = np.array([[1.25, 2.5], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.125, 8.0]])
    write_keypoint_pairs(path, "item", ["1", "2"], fixed, moving)
    ids, fixed_read, moving_read = read_keypoint_pairs(path)
    assert ids == ["1", "2"]
    np.testing.assert_array_equal(fixed_read, fixed)
    np.testing.assert_array_equal(moving_read, moving)


def test_keypoint_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="Expected columns"):
        read_keypoint_pairs(path)


def test_transform_file_round_trip(tmp_path: Path) -> None:
    matrix = np.array([[1.0, 0.1, 5.0], [0.0, 1.0, -2.0], [0.0, 1e-5, 1.0]])
    path = tmp_path / "t.json"
    TransformFile(
        matrix=matrix.tolist(),
        fixed_size=(10, 20),
        moving_size=(30, 40),
        verdict="registered",
        method="classical",
    ).write(path)
    found = TransformFile.read(path).homography_fixed_from_moving
    assert found is not None
    np.testing.assert_array_equal(found, matrix)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(GeometryError):
        TransformFile.read(path)


def test_end_of_the_log_is_read_even_when_it_begins_inside_a_character(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.read_log_tail() == ""
    folder.log_path.write_text("眼" * 10 + "end", encoding="utf-8")
    assert folder.read_log_tail(4).endswith("end")
    assert len(folder.read_log_tail(4)) == 4
    assert folder.read_log_tail() == "眼" * 10 + "end"
