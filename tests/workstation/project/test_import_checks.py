from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.contract.errors import InputError
from engines.contract.kinds import ItemKind, Severity, Split
from engines.imaging.images import write_image
from engines.imaging.opencv import cv2
from workstation.project.importers.checks import check, ready
from workstation.project.importers.findings import Fix, ProposalFinding
from workstation.project.importers.folder_tree import ScanCancelled, scan
from workstation.project.importers.folders import import_proposal
from workstation.project.importers.inspection import Inspection, inspect, known_images
from workstation.project.importers.layouts import recognise
from workstation.project.importers.proposal import ImportProposal
from workstation.project.project import Project


def look(seed: int, width: int = 96, height: int = 80) -> np.ndarray:
    """Blobs that differ by seed, strong enough to survive encoding."""
    noise = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3.0)
    grey = 120 + 70 * smooth / np.abs(smooth).max()
    return np.dstack([grey, grey * 0.7, grey * 0.4]).clip(0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two complete pairs of two subjects."""
    root = tmp_path / "数据 1"
    for number, name in enumerate(("1_FA", "1_CF", "2_FA", "2_CF")):
        write_image(root / f"{name}.png", look(number))
    return root


@pytest.fixture
def empty_project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project", "p") as made:
        yield made


def read(root: Path, project: Project | None = None) -> tuple[ImportProposal, Inspection]:
    proposal = recognise(scan([root]))[0]
    known = known_images(project.items.all()) if project is not None else ()
    inspection = inspect([proposal], known)
    guesses = {path: facts.modality for path, facts in inspection.facts.items()}
    return proposal.with_modalities(guesses), inspection


def only(proposal: ImportProposal, inspection: Inspection) -> ProposalFinding:
    (finding,) = check(proposal, inspection)
    return finding


def press(proposal: ImportProposal, finding: ProposalFinding, title: str) -> ImportProposal:
    fix = next(fix for fix in finding.fixes if str(fix.title) == title)
    assert fix.change is not None
    return fix.change(proposal)


def titles(finding: ProposalFinding) -> list[str]:
    return [str(fix.title) for fix in finding.fixes]


def test_good_pairs_are_imported_without_a_remark(folder: Path, empty_project: Project) -> None:
    proposal, inspection = read(folder)
    assert check(proposal, inspection) == ()
    report = import_proposal(empty_project, proposal, inspection)
    assert (report.num_files, report.items, report.findings) == (4, ["1", "2"], [])
    first = empty_project.items.get("1")
    assert (first.kind, first.files["fixed"].modality) == (ItemKind.IMAGE_PAIR, "FA")
    assert all(file.perceptual_hash for file in first.files.values())


def test_an_unreadable_file_is_named_with_its_reason_and_can_be_skipped(
    folder: Path, empty_project: Project
) -> None:
    whole = (folder / "2_CF.png").read_bytes()
    (folder / "2_CF.png").write_bytes(whole[: len(whole) // 2])
    proposal, inspection = read(folder)
    finding = only(proposal, inspection)
    assert finding.severity is Severity.ERROR
    assert "2_CF.png" in str(finding.message)
    assert "truncated" in str(finding.message)
    assert [item.item for item in ready(proposal, inspection)] == ["1"]
    skipped = press(proposal, finding, "Skip this file")
    assert "has no moving image" in str(only(skipped, inspection).message)
    assert import_proposal(empty_project, skipped, inspection).items == ["1"]


def test_an_incomplete_pair_offers_a_partner_a_single_image_or_nothing(folder: Path) -> None:
    (folder / "2_FA.png").rename(folder / "2_fixed.png")
    (folder / "2_CF.png").rename(folder / "elsewhere.png")
    proposal, inspection = read(folder)
    incomplete, unused = check(proposal, inspection)
    assert titles(incomplete) == ["Choose the partner…", "Import as a single image", "Leave out"]
    assert (unused.severity, titles(unused)) == (Severity.NOTE, ["Import as single images", "Leave out"])
    given = proposal.with_partner("2", folder / "elsewhere.png")
    assert check(given, inspection) == ()
    single = press(proposal, incomplete, "Import as a single image")
    assert [item.item for item in ready(single, inspection)] == ["1", "2"]
    both = press(single, unused, "Import as single images")
    assert [item.item for item in ready(both, inspection)] == ["1", "2", "elsewhere"]
    assert check(press(press(proposal, incomplete, "Leave out"), unused, "Leave out"), inspection) == ()


def test_a_copy_under_two_subjects_is_offered_as_one(folder: Path, empty_project: Project) -> None:
    (folder / "2_FA.png").write_bytes((folder / "1_FA.png").read_bytes())
    proposal, inspection = read(folder)
    finding = only(proposal, inspection)
    assert "are the same file" in str(finding.message)
    assert titles(finding) == ["Treat as one subject", "Leave out", "Keep both"]
    one = press(proposal, finding, "Treat as one subject")
    assert check(one, inspection) == ()
    import_proposal(empty_project, one, inspection)
    assert {item.subject for item in empty_project.items.all()} == {"1"}
    assert check(press(proposal, finding, "Keep both"), inspection) == ()
    left = press(proposal, finding, "Leave out")
    assert [item.item for item in ready(left, inspection)] == ["1"]


def encoded_again(path: Path, target: Path) -> None:
    with Image.open(path) as image:
        stream = io.BytesIO()
        image.convert("RGB").save(stream, "JPEG", quality=60)
    target.write_bytes(stream.getvalue())


def test_an_image_encoded_again_under_another_subject_is_found(folder: Path) -> None:
    encoded_again(folder / "1_FA.png", folder / "2_FA.jpg")
    (folder / "2_FA.png").unlink()
    proposal, inspection = read(folder)
    finding = only(proposal, inspection)
    assert "encoded twice" in str(finding.message)
    assert check(press(proposal, finding, "Treat as one subject"), inspection) == ()


def test_what_the_project_holds_is_compared_too_and_keeps_its_subject(
    folder: Path, empty_project: Project, tmp_path: Path
) -> None:
    import_proposal(empty_project, *read(folder))
    later = tmp_path / "later"
    write_image(later / "9_CF.png", look(9))
    encoded_again(folder / "2_FA.png", later / "9_FA.jpg")
    proposal, inspection = read(later, empty_project)
    merged = press(proposal, only(proposal, inspection), "Treat as one subject")
    assert merged.items[0].subject == "2"


def test_a_second_import_says_that_the_pairs_are_there(folder: Path, empty_project: Project) -> None:
    import_proposal(empty_project, *read(folder))
    proposal, inspection = read(folder, empty_project)
    findings = check(proposal, inspection)
    assert [finding.severity for finding in findings] == [Severity.NOTE] * 2
    assert "in the project already" in str(findings[0].message)
    report = import_proposal(empty_project, proposal, inspection)
    assert (report.num_files, len(report.notes), report.exit_code) == (0, 4, 0)


def test_a_pair_that_the_project_has_under_another_name_is_said(
    folder: Path, empty_project: Project, tmp_path: Path
) -> None:
    import_proposal(empty_project, *read(folder))
    copy = tmp_path / "copy"
    copy.mkdir()
    for modality in ("FA", "CF"):
        (copy / f"7_{modality}.png").write_bytes((folder / f"1_{modality}.png").read_bytes())
    proposal, inspection = read(copy, empty_project)
    messages = [str(finding.message) for finding in check(proposal, inspection)]
    assert "The images of 7 are in the project already, as 1." in messages


def test_another_item_of_the_same_name_is_renamed(
    folder: Path, empty_project: Project, tmp_path: Path
) -> None:
    import_proposal(empty_project, *read(folder))
    other = tmp_path / "other"
    for number, name in enumerate(("1_FA", "1_CF"), start=20):
        write_image(other / f"{name}.png", look(number))
    proposal, inspection = read(other, empty_project)
    finding = only(proposal, inspection)
    assert finding.severity is Severity.ERROR
    renamed = press(proposal, finding, "Rename to 1-2")
    assert import_proposal(empty_project, renamed, inspection).items == ["1-2"]


def test_one_subject_in_two_splits_is_asked_about(folder: Path, empty_project: Project) -> None:
    (folder / "2_FA.png").write_bytes((folder / "1_FA.png").read_bytes())
    for split, number in (("train", 1), ("val", 2)):
        (folder / split).mkdir()
        for path in folder.glob(f"{number}_*.png"):
            path.rename(folder / split / path.name)
    proposal, inspection = read(folder)
    merged = press(proposal, check(proposal, inspection)[-1], "Treat as one subject")
    finding = only(merged, inspection)
    assert "Subject 1 would be in several splits: train, val." in str(finding.message)
    assert titles(finding) == ["Put all into 'train'", "Put all into 'val'"]
    import_proposal(empty_project, press(merged, finding, "Put all into 'val'"), inspection)
    assert empty_project.splits.of_subjects() == {"1": Split.VAL}


def test_sizes_of_masks_and_of_aligned_images(tmp_path: Path) -> None:
    root = tmp_path / "sets"
    for number, name in enumerate(("CF", "OCT", "FA")):
        write_image(root / f"1_{name}.png", look(number, width=90 if name == "OCT" else 96))
    write_image(root / "1_FA_mask.png", np.ones((80, 40), bool))
    proposal, inspection = read(root)
    assert proposal.layout == "triplets"
    findings = check(proposal, inspection)
    masks = [finding for finding in findings if "1_FA_mask.png is 40 x 80" in str(finding.message)]
    aligned = [finding for finding in findings if "should be aligned" in str(finding.message)]
    assert (len(masks), len(aligned)) == (2, 2)
    without = press(proposal, masks[0], "Skip this file")
    assert len(check(without, inspection)) == 3


def test_points_outside_can_be_exchanged_or_left_out(tmp_path: Path) -> None:
    root = tmp_path / "points"
    write_image(root / "a_01.png", look(1))
    write_image(root / "a_02.png", look(2, width=60))
    write_image(root / "b_01.png", look(3))
    write_image(root / "b_02.png", look(4))
    (root / "a_01.txt").write_text("1 1\n50 60\n")
    (root / "a_02.txt").write_text("1 1\n90 60\n")
    (root / "b_01.txt").write_text("99 80\n")
    (root / "b_02.txt").write_text("1 1\n")
    proposal, inspection = read(root)
    a, b = check(proposal, inspection)
    assert "1 of the 2 points of a lie outside" in str(a.message)
    assert titles(a) == ["Exchange fixed and moving points", "Import without points"]
    assert titles(b) == ["Import without points"]
    fixed = press(press(proposal, a, "Exchange fixed and moving points"), b, "Import without points")
    assert check(fixed, inspection) == ()
    assert fixed.item("b").points == ()


def test_points_are_imported_with_their_images(tmp_path: Path, empty_project: Project) -> None:
    root = tmp_path / "点 points"
    write_image(root / "a_01.png", look(1))
    write_image(root / "a_02.png", look(2))
    (root / "a_01.txt").write_text("1.25 2\n50 60\n")
    (root / "a_02.txt").write_text("3 4\n5 6\n")
    report = import_proposal(empty_project, *read(root))
    assert (report.num_files, report.num_pairs) == (2, 2)
    pairs = empty_project.keypoints.pairs("a")
    assert [(pair.fixed_xy, pair.moving_xy) for pair in pairs] == [((1.25, 2), (3, 4)), ((50, 60), (5, 6))]
    assert empty_project.history.undo_title("a") is not None


def test_known_defects_of_a_public_set_are_offered(tmp_path: Path) -> None:
    root = tmp_path / "normal"
    for number, stem in enumerate(("10", "10-10", "11", "11-11")):
        write_image(root / f"{stem}.png", look(number))
    proposal, inspection = read(root)
    finding = only(proposal, inspection)
    exchanged = press(proposal, finding, "Exchange the files")
    assert {file.path.stem for file in exchanged.item("normal-10").files} == {"10", "11-11"}
    assert check(exchanged, inspection) == ()


def test_nothing_complete_is_an_error_and_a_stop_is_heard(folder: Path, empty_project: Project) -> None:
    proposal, inspection = read(folder)
    with pytest.raises(InputError, match="No item is complete"):
        import_proposal(empty_project, proposal.with_included(["1", "2"], False), inspection)
    with pytest.raises(ScanCancelled):
        inspect([proposal], should_stop=lambda: True)
    assert import_proposal(empty_project, proposal, inspection, should_stop=lambda: True).is_cancelled
    assert empty_project.items.count() == 0


def test_progress_counts_every_file_once(folder: Path) -> None:
    proposals = recognise(scan([folder]))
    seen: list[tuple[int, int]] = []
    inspect(proposals, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_reference_pairs_32_and_34_are_offered_as_one_subject() -> None:
    data = os.environ.get("WORKSTATION_REFERENCE_DATA")
    if not data:
        pytest.skip("WORKSTATION_REFERENCE_DATA is not set")
    proposal, inspection = read(Path(data) / "retina" / "landmark_pairs")
    finding = only(proposal, inspection)
    assert "subject 32" in str(finding.message)
    assert "subject 34" in str(finding.message)
    assert "encoded twice" in str(finding.message)
    assert isinstance(finding.fixes[0], Fix)
    merged = press(proposal, finding, "Treat as one subject")
    assert check(merged, inspection) == ()
    assert len({item.subject for item in merged.items}) == 12
