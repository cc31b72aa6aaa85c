from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import InputError, PreconditionError, SplitError, UnknownKeyError
from engines.contract.kinds import Action, AnnotationKind, FileKind, ItemKind, Split
from engines.contract.manifest import read_keypoint_pairs
from engines.contract.run_folder import RunFolder
from engines.contract.spec import Needs, PhaseSpec, PipelineSpec, RoleSpec
from engines.imaging.volumes.volume_files import read_label_map
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.project.annotations import PairState
from workstation.project.commands import AddPair, MovePoint
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap, PaintVoxels
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project
from workstation.project.splits import write_split
from workstation.runs.preconditions import readiness

SPEC = PipelineSpec(
    key="example",
    title="Example",
    summary="",
    item_kinds=(ItemKind.IMAGE_PAIR, ItemKind.IMAGE_SET),
    roles=(
        RoleSpec("fixed", FileKind.IMAGE, "Fixed", required=True),
        RoleSpec("moving", FileKind.IMAGE, "Moving", required=True),
    ),
    annotation_kinds=(AnnotationKind.KEYPOINT_PAIRS,),
    phases=(
        PhaseSpec("images", "", "", Needs(roles=("fixed",)), (), ""),
        PhaseSpec("points", "", "", Needs(("fixed",), AnnotationKind.KEYPOINT_PAIRS), (), ""),
        PhaseSpec("many", "", "", Needs(("fixed",), min_items=50), (), ""),
    ),
    metrics=(),
    baselines=(),
    outputs=(),
    panels=(),
    presets=(),
    configs={},
    train="",
    predict="",
    evaluate="",
    diagnose="",
    source="",
)


VOLUMES = replace(
    SPEC,
    item_kinds=(ItemKind.VOLUME,),
    roles=(RoleSpec("ct", FileKind.VOLUME, "CT"),),
    annotation_kinds=(AnnotationKind.LABEL_MAP,),
    phases=(PhaseSpec("fit", "", "", Needs(annotation=AnnotationKind.LABEL_MAP), (), ""),),
)


def add_item(project: Project, item: str, subject: str, *roles: str, sha256: str = "") -> None:
    with project.store.write() as session:
        for role in roles:
            path = project.folder.parent / "images" / f"{item}_{role}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"")
            content = sha256 or f"{item} {role}"
            new = NewFile(item, subject, role, FileKind.IMAGE, path, content, 0, "FA", 100, 80)
            insert_file(session, new, project.folder)
        is_pair = {"fixed", "moving"} <= set(roles)
        set_item_kind(session, item, ItemKind.IMAGE_PAIR if is_pair else ItemKind.IMAGE_SET)


def give(project: Project, subject: str, split: Split) -> None:
    with project.store.write() as session:
        write_split(session, subject, split, origin="table")


@pytest.fixture
def run_folder(project: Project) -> RunFolder:
    return RunFolder(project.runs.new_folder("example", "images"))


def ids(manifest_items: object) -> list[str]:
    return [record.id for record in manifest_items]  # type: ignore[attr-defined]


def test_training_gets_a_split_and_the_files(project: Project, run_folder: RunFolder) -> None:
    manifest = project.manifest_for(SPEC, action=Action.TRAIN, phase="images", run_folder=run_folder)
    assert ids(manifest.items) == ["a", "b"]
    assert {record.split for record in manifest.items} == {Split.TRAIN, Split.VAL}
    assert manifest.split_hash == project.splits.hash()
    record = manifest.items[0]
    assert not Path(record.files["fixed"].path).is_absolute()
    assert run_folder.file_path(record.files["fixed"].path) == project.items.get("a").files["fixed"].path
    assert (record.files["fixed"].sha256, record.files["fixed"].modality) == ("a_fixed", "CF")


def test_frozen_pairs_are_the_used_ones_and_do_not_follow_later_edits(
    project: Project, run_folder: RunFolder
) -> None:
    command = AddPair("a", (1.0, 2.0), (3.0, 4.0))
    project.history.execute(command)
    project.history.execute(AddPair("a", (5.0, 6.0)))
    last = project.history.execute(AddPair("a", (7.0, 8.0), (7.0, 8.0), state=PairState.EXCLUDED))
    manifest = project.manifest_for(SPEC, action=Action.EVALUATE, run_folder=run_folder)
    project.history.execute(MovePoint(command.pair_id, "fixed", (9.0, 9.0)))
    record = manifest.items[0].annotations[AnnotationKind.KEYPOINT_PAIRS]
    points, fixed_xy, moving_xy = read_keypoint_pairs(run_folder.file_path(record.path))
    assert (points, fixed_xy.tolist(), moving_xy.tolist()) == (["1"], [[1.0, 2.0]], [[3.0, 4.0]])
    assert record.revision == str(last.sequence)
    assert run_folder.file_path(record.path).parent == run_folder.annotations_dir
    assert manifest.items[1].annotations == {}


def test_training_leaves_test_and_evaluation_out(project: Project, run_folder: RunFolder) -> None:
    for number, split in enumerate((Split.TEST, Split.EVALUATION)):
        add_item(project, f"sealed {number}", f"sealed {number}", "fixed", "moving")
        give(project, f"sealed {number}", split)
    manifest = project.manifest_for(SPEC, action=Action.TRAIN, phase="images", run_folder=run_folder)
    assert ids(manifest.items) == ["a", "b"]


@pytest.mark.parametrize("split", [Split.TEST, Split.EVALUATION])
def test_asking_to_train_on_sealed_items_is_refused(
    project: Project, run_folder: RunFolder, split: Split
) -> None:
    give(project, "subject 2", split)
    with pytest.raises(PreconditionError, match="'b' is for"):
        project.manifest_for(
            SPEC, action=Action.TRAIN, phase="images", run_folder=run_folder, items=["a", "b"]
        )


def test_only_sealed_items_is_said_so(project: Project, run_folder: RunFolder) -> None:
    give(project, "subject 1", Split.TEST)
    give(project, "subject 2", Split.EVALUATION)
    with pytest.raises(PreconditionError, match="never trained on"):
        project.manifest_for(SPEC, action=Action.TRAIN, phase="images", run_folder=run_folder)


@pytest.mark.parametrize("action", list(Action))
def test_a_leaking_split_is_refused_for_every_action(
    project: Project, run_folder: RunFolder, action: Action
) -> None:
    add_item(project, "c", "subject 3", "fixed", "moving", sha256="a_fixed")
    give(project, "subject 1", Split.TRAIN)
    give(project, "subject 3", Split.VAL)
    with pytest.raises(SplitError, match="leaks"):
        project.manifest_for(SPEC, action=action, phase="images", run_folder=run_folder)


def test_predicting_takes_items_with_every_required_file(project: Project, run_folder: RunFolder) -> None:
    add_item(project, "single", "subject 3", "fixed")
    manifest = project.manifest_for(SPEC, action=Action.PREDICT, run_folder=run_folder)
    assert ids(manifest.items) == ["a", "b"]
    with pytest.raises(PreconditionError, match="'single'"):
        project.manifest_for(SPEC, action=Action.PREDICT, run_folder=run_folder, items=["single"])
    chosen = project.manifest_for(SPEC, action=Action.PREDICT, run_folder=run_folder, items=["b"])
    assert ids(chosen.items) == ["b"]


def test_a_split_can_be_asked_for(project: Project, run_folder: RunFolder) -> None:
    give(project, "subject 2", Split.VAL)

    def evaluated(split: str) -> list[str]:
        return ids(
            project.manifest_for(SPEC, action=Action.EVALUATE, run_folder=run_folder, split=split).items
        )

    assert evaluated("val") == ["b"]
    assert evaluated("all") == ["a", "b"]
    with pytest.raises(PreconditionError, match="0 can be used"):
        evaluated("test")
    with pytest.raises(InputError, match="train, val, test, evaluation, all"):
        evaluated("validation")


def test_a_phase_that_needs_points_takes_items_with_points(project: Project, run_folder: RunFolder) -> None:
    with pytest.raises(PreconditionError, match="keypoint_pairs"):
        project.manifest_for(SPEC, action=Action.TRAIN, phase="points", run_folder=run_folder)
    for item in ("a", "b"):
        project.history.execute(AddPair(item, (1.0, 2.0), (3.0, 4.0)))
    manifest = project.manifest_for(SPEC, action=Action.TRAIN, phase="points", run_folder=run_folder)
    assert ids(manifest.items) == ["a", "b"]


def test_too_few_items_unknown_items_and_moved_files_are_refused(
    project: Project, run_folder: RunFolder
) -> None:
    with pytest.raises(PreconditionError, match="needs 50 items"):
        project.manifest_for(SPEC, action=Action.TRAIN, phase="many", run_folder=run_folder)
    with pytest.raises(UnknownKeyError, match="'x'"):
        project.manifest_for(SPEC, action=Action.PREDICT, run_folder=run_folder, items=["x"])
    project.items.get("a").files["moving"].path.unlink()
    with pytest.raises(PreconditionError, match="no longer there"):
        project.manifest_for(SPEC, action=Action.PREDICT, run_folder=run_folder)


def add_volume(project: Project, item: str) -> None:
    with project.store.write() as session:
        path = project.folder.parent / f"{item}.nii"
        path.write_bytes(b"")
        new = NewFile(item, f"subject of {item}", "ct", FileKind.VOLUME, path, item, 0, "CT", 0, 0)
        insert_file(session, new, project.folder)
        set_item_kind(session, item, ItemKind.VOLUME)


def label_map_of(item: str, name: str, label: int, state: LabelMapState) -> AddLabelMap:
    affine = ((0.5, 0.0, 0.0, -3.0), (0.0, 0.5, 0.0, 2.0), (0.0, 0.0, 0.7, 1.0), (0.0, 0.0, 0.0, 1.0))
    return AddLabelMap(item, name, (4, 5, 6), affine, state=state, label_map_id=f"{item}_{name}_{label}")


def test_the_accepted_label_map_is_frozen_as_it_is_now(project: Project, run_folder: RunFolder) -> None:
    for item in ("drawn", "second", "proposed", "bare"):
        add_volume(project, item)
    for add in (
        label_map_of("second", "vessels", 1, LabelMapState.ACCEPTED),
        label_map_of("drawn", "vessels", 9, LabelMapState.ACCEPTED),
        label_map_of("drawn", "refined", 8, LabelMapState.PROPOSAL),
        label_map_of("proposed", "refined", 8, LabelMapState.PROPOSAL),
    ):
        assert project.history.execute(add)
    old = np.zeros((4, 5, 6), dtype=np.uint8)
    new = old.copy()
    new[1:3, 2, 3] = 9
    changes = VoxelChanges.between(old, new, old.shape)
    assert project.history.execute(PaintVoxels("drawn_vessels_9", changes.to_text()))

    manifest = project.manifest_for(VOLUMES, action=Action.TRAIN, phase="fit", run_folder=run_folder)

    assert ids(manifest.items) == ["drawn", "second"]
    assert set(project.label_maps.accepted()) == {"drawn", "second"}
    assert readiness(project, VOLUMES, VOLUMES.phases[0]).num_ready == 2
    record = manifest.items[0]
    frozen = record.annotations[AnnotationKind.LABEL_MAP]
    assert frozen.path == "annotations/drawn.label_map.nii.gz"
    assert frozen.revision == f"drawn_vessels_9 {project.label_maps.get('drawn_vessels_9').revision}"
    written = read_label_map(run_folder.path / frozen.path)
    np.testing.assert_array_equal(written.voxels, new)
    assert written.geometry.spacing_mm == pytest.approx((0.5, 0.5, 0.7))


def test_an_item_without_an_accepted_label_map_cannot_be_trained_on(
    project: Project, run_folder: RunFolder
) -> None:
    add_volume(project, "bare")
    ready = readiness(project, VOLUMES, VOLUMES.phases[0])
    assert (ready.num_ready, ready.problem is None) == (0, False)
    with pytest.raises(PreconditionError, match="label_map"):
        project.manifest_for(VOLUMES, action=Action.TRAIN, phase="fit", run_folder=run_folder, items=["bare"])
