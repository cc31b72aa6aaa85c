"""Cleaning, fusing and checking, the report of a case, and runs that go on where others ended."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.contract.component_table import ComponentTable
from engines.contract.errors import InputError, PreconditionError
from engines.contract.events import Output, read_events
from engines.contract.item_review import ItemReview
from engines.contract.kinds import Split
from engines.contract.manifest import ComponentDecision, Manifest
from engines.contract.probability_file import SparseProbability
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_label_map
from engines.refinement.anatomy.clean import clean
from engines.refinement.anatomy.fuse import without_ostium_overrun
from engines.refinement.anatomy.gate import Verdict, judge, judge_field
from engines.refinement.anatomy.organs import NO_ANATOMY, PUBLIC_CARDIAC_CT, check_labels, new_findings
from engines.refinement.anatomy.steps import take_steps
from engines.refinement.anatomy.stored_results import read_mask, write_mask
from engines.refinement.data import NativeCase
from engines.refinement.reports.case_report import class_change, class_changes
from engines.refinement.reports.surface_picture import seen_from_front, spacing_from_front, surface_picture

Carry = Callable[[RunFolder], RunContext]
Make = Callable[..., RunFolder]
SPACING = (0.5, 0.5, 0.5)
ROLES = ("refined", "cleaned", "fused")


def heart() -> tuple[np.ndarray, np.ndarray]:
    """Return a label map of an aorta, a muscle and a coronary artery that begins at the aorta, and a CT."""
    labels = np.zeros((60, 40, 40), np.uint8)
    labels[4:12, 10:30, 10:30] = 6
    labels[20:50, 26:34, 10:30] = 1
    labels[12:44, 19:22, 19:22] = 9
    image = np.full(labels.shape, -80, np.int16)
    image[np.isin(labels, (6, 9))] = 350
    image[labels == 1] = 110
    return labels, image


def native(labels: np.ndarray, image: np.ndarray) -> NativeCase:
    geometry = VolumeGeometry(labels.shape, np.diag([*SPACING, 1.0]))
    return NativeCase(Volume(image, geometry), Volume(labels, geometry), labels == 9, None)


def decision(
    voxel: tuple[int, int, int], *, accepted: bool, shape: tuple[int, int, int]
) -> ComponentDecision:
    return ComponentDecision(source="R", label=9, voxel=voxel, shape=shape, is_accepted=accepted)


def test_every_step_is_a_label_map_of_its_own() -> None:
    """A refined mask with a speck, which grows into the muscle: cleaned without the speck, fused over it."""
    labels, image = heart()
    refined = labels == 9
    refined[44:46, 19:28, 19:22] = True
    refined[55, 5, 5] = True
    image[44:46, 19:28, 19:22] = 350
    steps = take_steps(native(labels, image), refined, 9, PUBLIC_CARDIAC_CT)
    assert tuple(steps.labels) == ROLES
    assert steps.labels["refined"][55, 5, 5] == 9
    assert steps.labels["cleaned"][55, 5, 5] == 0
    # In the refined and the cleaned map other classes keep their voxels; fused by priority they do not.
    assert (steps.labels["cleaned"][44:46, 26:28, 19:22] == 1).all()
    assert (steps.result[44:46, 26:28, 19:22] == 9).all()
    assert steps.conflicts == {(9, 1): 12}
    assert (steps.result[labels == 6] == 6).all()
    assert (steps.verdict.status, steps.verdict.rules) == ("review", ("far",))
    assert steps.priority[:2] == (9, 8)


def test_without_anatomy_other_classes_keep_their_voxels() -> None:
    labels, image = heart()
    refined = labels == 9
    refined[44:46, 19:28, 19:22] = True
    steps = take_steps(native(labels, image), refined, 9, NO_ANATOMY)
    assert (steps.result[44:46, 26:28, 19:22] == 1).all()
    assert steps.conflicts == {(1, 9): 12}
    assert steps.findings == []


def test_what_a_person_decided_wins_over_the_rules() -> None:
    labels, image = heart()
    mask = labels == 9
    mask[55, 5, 5] = True
    mask[50:58, 30:33, 30:33] = True
    image[mask] = 350
    given = [
        decision((55, 5, 5), accepted=True, shape=mask.shape),
        decision((52, 31, 31), accepted=False, shape=mask.shape),
        decision((0, 0, 0), accepted=False, shape=mask.shape),
    ]
    cleaned = clean(mask, image, SPACING, {"aorta": labels == 6}, decisions=given)
    assert cleaned.mask[55, 5, 5]
    assert not cleaned.mask[50:58, 30:33, 30:33].any()
    assert cleaned.mask[labels == 9].all()
    by_voxel = {piece.number: piece for piece in cleaned.components}
    assert [by_voxel[number].decision for number in (1, 2, 3)] == ["", "reject", "accept"]
    assert by_voxel[3].proposal == "remove"


def test_a_bridge_is_proposed_only_where_the_image_shows_lumen() -> None:
    """Two gaps of one length: one with contrast, one without; and one round a corner."""
    labels, image = heart()
    mask = labels == 9
    mask[24:28] = False
    pieces = {}
    for name, value in (("lumen", 350), ("fat", -80)):
        image[24:28, 19:22, 19:22] = value
        found = clean(mask, image, SPACING, {"aorta": labels == 6}).components
        pieces[name] = found[0] if "root" not in found[0].rules else found[1]
    assert pieces["lumen"].proposal == "bridge"
    assert pieces["lumen"].gap_mm == pytest.approx(2.5)
    assert pieces["fat"].proposal == "review"
    # Beside the tree instead of before its end.
    mask = labels == 9
    mask[20:40, 26:29, 19:22] = True
    image[:] = 350
    found = clean(mask, image, SPACING, {"aorta": labels == 6}).components
    assert "gap" not in next(piece for piece in found if "root" not in piece.rules).rules


def test_a_vessel_ends_at_the_wall_of_the_aorta() -> None:
    labels, _ = heart()
    mask = labels == 9
    mask[6:12, 19:22, 19:22] = True
    capped = without_ostium_overrun(mask, labels == 6, (1.0, 1.0, 1.0))
    assert capped[10:12, 20, 20].all()
    assert not capped[6:10, 20, 20].any()
    assert capped[labels == 9].all()
    assert without_ostium_overrun(mask, None, SPACING) is mask


def test_anatomy_is_checked_and_only_what_is_new_counts() -> None:
    labels, _ = heart()
    labels[50:58, 2:6, 2:6] = 2
    labels[40:48, 2:6, 30:38] = 8
    before = check_labels(labels, (1.0, 1.0, 1.0), PUBLIC_CARDIAC_CT)
    assert [(one.rule, one.values["value"]) for one in before] == [("contact_lost", "8")]
    worse = labels.copy()
    worse[22:40, 28:31, 14:22] = 0
    worse[12:44, 19:22, 19:22] = 0
    worse[12:20, 5:9, 5:9] = 9
    for start in (22, 30, 38):
        worse[start : start + 6, 2:8, 2:8] = 9
    after = check_labels(worse, (1.0, 1.0, 1.0), PUBLIC_CARDIAC_CT)
    assert {one.rule for one in new_findings(before, after)} == {"holes", "pieces"}
    for finding in after:
        assert "{" not in finding.text.format(**finding.values)


def test_values_that_are_no_numbers_are_rejected() -> None:
    labels, _ = heart()
    verdict = judge(labels == 9, labels == 9, SPACING, is_finite=False)
    assert (verdict.status, verdict.rules) == ("reject", ("not_finite",))


def test_a_class_that_shrinks_has_a_negative_change() -> None:
    """Counts are kept as unsigned numbers elsewhere, where this is a growth of 10**17 %."""
    before = np.zeros((20, 20, 20), np.uint8)
    before[4:12, 4:12, 4:12] = 255
    after = before.copy()
    after[4:6] = 0
    (change,) = class_changes(before, after, (1.0, 1.0, 1.0))
    assert change.volume_change_percent == pytest.approx(-25.0)
    assert (change.voxels_added, change.voxels_removed) == (0, 128)
    assert change.voxels_after - change.voxels_before == -128
    assert change.signed_shift_mm is not None
    assert change.shift_mm is not None
    assert change.signed_shift_mm < 0 < change.shift_mm
    # The widest types that a label map can have.
    (wide,) = class_changes(before.astype(np.uint64), after.astype(np.uint64), (1.0, 1.0, 1.0))
    assert wide == change


def test_a_class_grown_by_a_voxel_all_round_moved_by_a_voxel() -> None:
    before = np.zeros((30, 30, 30), bool)
    before[10:20, 10:20, 10:20] = True
    after = np.zeros_like(before)
    after[9:21, 9:21, 9:21] = True
    change = class_change(1, before, after, (1.0, 1.0, 1.0))
    assert change.signed_shift_mm == pytest.approx(1.1, abs=0.1)
    ring = before.copy()
    ring[13:17, 13:17] = False
    change = class_change(1, before, ring, (1.0, 1.0, 1.0))
    assert (change.loops_before, change.loops_after) == (0, 1)
    empty = class_change(1, before, before & False, (1.0, 1.0, 1.0))
    assert (empty.shift_mm, empty.components_after, empty.volume_change_percent) == (None, 0, -100.0)
    appeared = class_change(1, before & False, before, (1.0, 1.0, 1.0))
    assert appeared.volume_change_percent is None


def test_a_mask_comes_back_from_the_disk(tmp_path: Path) -> None:
    mask = np.zeros((9, 11, 13), bool)
    mask[2:5, 3, 4:9] = True
    write_mask(tmp_path / "a.npz", mask)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.npz", mask.shape), mask)
    write_mask(tmp_path / "b.npz", mask & False)
    assert not read_mask(tmp_path / "b.npz", mask.shape).any()
    with pytest.raises(InputError, match="another grid"):
        read_mask(tmp_path / "a.npz", (9, 11, 14))
    (tmp_path / "c.npz").write_bytes(b"no")
    with pytest.raises(InputError, match="cannot be read"):
        read_mask(tmp_path / "c.npz", mask.shape)


def test_a_surface_shows_what_came_and_what_went() -> None:
    before = np.zeros((40, 30, 50), bool)
    before[5:30, 10:16, 10:16] = True
    after = before.copy()
    after[5:10] = False
    after[30:36, 10:16, 10:16] = True
    picture = surface_picture(before, after, (0.5, 0.5, 1.0)).astype(int)
    width = picture.shape[1]
    strip = picture.sum(axis=0)
    green, red = strip[:, 1] - strip[:, 0], strip[:, 0] - strip[:, 1]
    # The first axis goes to the right: removed at its start, added at its end.
    assert red[: width // 4].max() > 0 > red[-width // 6 :].min()
    assert green[-width // 6 :].max() > 0
    assert surface_picture(before & False, before & False, SPACING).max() == 0


def test_pictures_show_the_patient_from_the_front() -> None:
    """Whatever the order and direction of the axes: to the right is the patient's left, up is the head."""
    world = np.array([[0, 0, -1.5, 0.0], [0.5, 0, 0, 0.0], [0, -2.0, 0, 0.0], [0, 0, 0, 1.0]])
    geometry = VolumeGeometry((5, 6, 7), world)
    voxels = np.zeros((5, 6, 7), np.uint8)
    voxels[4, 0, 6] = 1  # in front, at the top, at the patient's left
    turned = seen_from_front(voxels, geometry)
    assert turned.shape == (7, 5, 6)
    assert turned[6, 0, 5] == 1
    assert spacing_from_front(geometry) == pytest.approx((1.5, 0.5, 2.0))


def _refine(make: Make, carry_out: Carry, trained: RunFolder, name: str, **given: object) -> RunFolder:
    folder = make("predict", name=name, base_run=str(trained.path), **given)
    carry_out(folder)
    return folder


def test_a_case_has_its_table_review_report_and_probability(
    make: Make, carry_out: Carry, trained: RunFolder, vessel: Callable[..., np.ndarray]
) -> None:
    label = vessel((28, 24, 22), 0)
    label[2:4, 2:4, 20] = True
    folder = _refine(make, carry_out, trained, "first", splits=(Split.TEST,), label=label)
    outputs = {
        (event.role, event.path) for event in read_events(folder.events_path) if isinstance(event, Output)
    }
    assert {role for role, _ in outputs} == {*ROLES, "components", "review", "report", "probability"}
    review = ItemReview.read(folder.outputs_dir / "review" / "case_0.json")
    assert [step.role for step in review.steps] == list(ROLES)
    assert review.threshold == 0.5
    assert (folder.path / review.report).is_file()
    assert {"volume_before_ml", "changed_ml", "dice_to_input"} <= set(review.values)
    probability = SparseProbability.read(folder.outputs_dir / "probability" / "case_0.npz")
    assert probability.shape == label.shape
    assert probability.label == 9
    table = ComponentTable.read(folder.outputs_dir / "components" / "case_0.json")
    refined = read_label_map(folder.outputs_dir / "refined" / "case_0.nii.gz").voxels
    assert all(refined[record.voxel] == 9 for record in table.components)
    facts = json.loads((folder.outputs_dir / "report" / "case_0.json").read_text(encoding="utf-8"))
    assert facts["status"] == review.status
    assert facts["classes"][0]["voxels_before"] == int(label.sum())
    assert len(facts["label_map_sha256"]) == len(facts["model_sha256"]) == 64
    with (folder.outputs_dir / "report" / "case_0.csv").open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert int(row["voxels_after"]) - int(row["voxels_before"]) == int(row["voxels_added"]) - int(
        row["voxels_removed"]
    )
    page = (folder.outputs_dir / "report" / "case_0.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2


def test_a_resumed_run_skips_what_is_finished_and_unchanged(
    make: Make, carry_out: Carry, trained: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _refine(make, carry_out, trained, "first", splits=(Split.TEST, Split.TEST))
    rows = folder.per_item_path.read_text(encoding="utf-8")
    asked = []
    from engines.refinement.fields.field_runner import FieldRunner

    refine = FieldRunner.refine

    def watched(self: FieldRunner, item: str, native: NativeCase) -> object:
        asked.append(item)
        return refine(self, item, native)

    monkeypatch.setattr(FieldRunner, "refine", watched)
    carry_out(folder)
    assert asked == []
    assert folder.per_item_path.read_text(encoding="utf-8") == rows
    # Another label, or a result that is gone: refined again.
    path = folder.annotations_dir / "case_1.label_map.nii.gz"
    label_map = read_label_map(path)
    label_map.voxels[0, 0, 0] = 1
    from engines.imaging.volumes.volume_files import write_volume

    write_volume(path, label_map)
    (folder.outputs_dir / "fused" / "case_0.nii.gz").unlink()
    carry_out(folder)
    assert asked == ["case_0", "case_1"]


def test_steps_are_done_again_with_what_a_person_decided(
    make: Make, carry_out: Carry, trained: RunFolder, vessel: Callable[..., np.ndarray]
) -> None:
    """Without the field: the network of the first run is gone."""
    label = vessel((28, 24, 22), 0)
    settings = {"speck_mm3": 0.0, "stub_mm": 0.0}
    first = _refine(make, carry_out, trained, "first", splits=(Split.TEST,), label=label, settings=settings)
    before = read_label_map(first.outputs_dir / "cleaned" / "case_0.nii.gz").voxels
    voxel = tuple(int(at) for at in np.argwhere(before == 9)[0])
    again = make(
        "predict", name="again", splits=(Split.TEST,), label=label, settings={**settings, "from_run": "first"}
    )
    (item,) = again.read_manifest().items
    decided = ComponentDecision(source="first", label=9, voxel=voxel, shape=before.shape, is_accepted=False)
    Manifest(items=(item.model_copy(update={"decisions": (decided,)}),)).write(again.manifest_path)
    carry_out(again)
    after = read_label_map(again.outputs_dir / "cleaned" / "case_0.nii.gz").voxels
    assert after[voxel] == 0
    np.testing.assert_array_equal(
        read_label_map(again.outputs_dir / "refined" / "case_0.nii.gz").voxels,
        read_label_map(first.outputs_dir / "refined" / "case_0.nii.gz").voxels,
    )
    facts = json.loads((again.outputs_dir / "report" / "case_0.json").read_text(encoding="utf-8"))
    assert facts["from_run"] == "first"
    assert facts["decisions"][0]["is_accepted"] is False
    # Once more, after the label map itself was replaced: what the field was given counts.
    third = make(
        "predict", name="third", splits=(Split.TEST,), label=after == 9, settings={"from_run": "again"}
    )
    carry_out(third)
    report = json.loads((third.outputs_dir / "report" / "case_0.json").read_text(encoding="utf-8"))
    assert report["classes"][0]["voxels_before"] == facts["classes"][0]["voxels_before"]


def test_another_threshold_is_applied_to_the_stored_probability(
    make: Make, carry_out: Carry, trained: RunFolder, vessel: Callable[..., np.ndarray]
) -> None:
    """And weighed against the label again, which has a branch here that the field does not know."""
    label = vessel((28, 24, 22), 0)
    label[2:14, 2:5, 18:21] = True
    settings = {
        "keep_margin": 0.0,
        "speck_mm3": 0.0,
        "stub_mm": 0.0,
        "latent_steps": 5,
        "least_agreement": 1.0,
    }
    masks, careful = {}, {}
    _refine(make, carry_out, trained, "first", splits=(Split.TEST,), label=label, settings=settings)
    for name, extra, base in (
        ("asked", {"threshold": 0.2}, trained),
        ("stored", {"threshold": 0.2, "from_run": "first"}, None),
    ):
        folder = make(
            "predict",
            name=name,
            base_run=str(base.path) if base else "",
            splits=(Split.TEST,),
            label=label,
            settings={**settings, **extra},
        )
        carry_out(folder)
        masks[name] = read_label_map(folder.outputs_dir / "refined" / "case_0.nii.gz").voxels
        facts = json.loads((folder.outputs_dir / "report" / "case_0.json").read_text(encoding="utf-8"))
        careful[name] = facts["careful"]
    assert careful == {"asked": True, "stored": True}
    # The stored probability has 11 bits, and is left out below 2 %.
    assert (masks["asked"] != masks["stored"]).sum() <= 2


def test_a_run_that_is_none_cannot_be_gone_on_from(make: Make, carry_out: Carry, trained: RunFolder) -> None:
    with pytest.raises(PreconditionError, match="There is no run nothing"):
        carry_out(make("predict", settings={"from_run": "nothing"}))
    settings = {"from_run": str(trained.path)}
    with pytest.raises(PreconditionError, match="did not refine"):
        carry_out(make("predict", name="second", settings=settings))


def test_a_result_that_the_field_alone_does_not_show_is_said() -> None:
    """What a threshold counts is the field alone; the label may have kept its say."""
    labels, _ = heart()
    refined, nothing = labels == 9, labels == 7
    assert judge_field(refined, refined, 0.95) == []
    (unsure,) = judge_field(nothing, refined)
    assert unsure.rule == "unsure"
    assert unsure.values == {"dice": 0.0, "pieces": "0"}
    (careful,) = judge_field(refined, refined, 0.4, is_careful=True)
    assert careful.rule == "careful"
    assert "0.4" in careful.text.format(**careful.values)
    verdict = Verdict("accept").also([careful])
    assert (verdict.status, verdict.rules) == ("review", ("careful",))


def test_pieces_that_lost_the_aorta_are_counted_in_words_that_fit() -> None:
    labels, _ = heart()
    aorta, one = labels == 6, labels == 9
    two = one.copy()
    two[12:20, 12:14, 12:14] = True
    for before, words in ((one, "1 piece lost its contact"), (two, "2 pieces lost their contact")):
        after = before.copy()
        after[12:19] = False
        (reason,) = (
            found for found in judge(before, after, SPACING, aorta).reasons if found.rule == "contact"
        )
        assert reason.text.format(**reason.values).startswith(words)
