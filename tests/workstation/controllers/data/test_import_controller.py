from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.imaging.images import write_image
from engines.imaging.opencv import cv2
from workstation.controllers.data.data_controller import DataController
from workstation.controllers.data.import_controller import ImportController
from workstation.controllers.project.project_controller import ProjectController
from workstation.controllers.project.relink_controller import RelinkController
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project
from workstation.views.protocols.cards import Card
from workstation.views.protocols.imports import FindingRow, ImportRow, LayoutRow, MissingRow


def look(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (80, 96)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3.0)
    return (120 + 70 * smooth / np.abs(smooth).max()).astype(np.uint8)


class View:
    """Keeps what it was told, for imports, searches and checks."""

    def __init__(self) -> None:
        self.layouts: Sequence[LayoutRow] = ()
        self.rows: Sequence[ImportRow] = ()
        self.findings: Sequence[FindingRow] = ()
        self.files: Sequence[MissingRow] = ()
        self.num_ready, self.reason, self.can_undo = 0, "", False
        self.partners: Sequence[str] = ()
        self.preview: tuple[Any, Any] = (None, None)
        self.is_finished = False

    def show_layouts(self, rows: Sequence[LayoutRow], chosen: str) -> None:
        self.layouts, self.chosen = rows, chosen

    def show_items(self, rows: Sequence[ImportRow]) -> None:
        self.rows = rows

    def show_findings(self, rows: Sequence[FindingRow]) -> None:
        self.findings = rows

    def show_files(self, rows: Sequence[MissingRow]) -> None:
        self.files = rows

    def show_progress(self, text: object, done: int, total: int) -> None:
        self.progress = (str(text), done, total)

    def show_state(self, first: object, second: object, *, can_undo: bool = False) -> None:
        if isinstance(first, int):
            self.num_ready, self.reason, self.can_undo = first, str(second), can_undo
        else:
            self.reason, self.num_ready = str(first), int(second)  # type: ignore[call-overload]

    def show_preview(self, fixed: object, moving: object) -> None:
        self.preview = (fixed, moving)

    def ask_partner(self, key: str, names: Sequence[str]) -> None:
        self.partners = names

    def finish(self) -> None:
        self.is_finished = True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pairs of two subjects that share an image, and half of a third."""
    root = tmp_path / "眼底 数据"
    for number, name in enumerate(("1_FA", "1_CF", "2_CF", "3_fixed")):
        write_image(root / f"{name}.png", look(number))
    write_image(root / "2_FA.jpg", look(0))
    return root


@pytest.fixture
def bench(prompt_bench: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    """A workbench with an empty project, which answers at once and keeps its cards."""
    prompt_bench.posted = []  # type: ignore[attr-defined]
    prompt_bench.card_posted.connect(prompt_bench.posted.append)  # type: ignore[attr-defined]
    project = Project.create(tmp_path / "project", "p")
    prompt_bench.set_project(project)
    yield prompt_bench
    prompt_bench.set_project(None)


def cards(bench: Workbench) -> list[Card]:
    return bench.posted  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def shown(bench: Workbench, folder: Path) -> tuple[ImportController, View]:
    """The controller after the folder was looked through and read."""
    control, view = ImportController(bench, ProjectController(bench)), View()
    control.setParent(bench)
    control.view_wanted.connect(lambda: control.attach(view))
    control.receive([folder])
    return control, view


def by_key(view: View) -> dict[str, ImportRow]:
    return {row.key: row for row in view.rows}


def kinds(view: View) -> list[str]:
    return [row.key.split()[0] for row in view.findings]


def test_a_folder_is_shown_with_its_layouts_items_and_findings(
    shown: tuple[ImportController, View],
) -> None:
    _control, view = shown
    assert [row.key for row in view.layouts] == ["folder_pairs", "single_images"]
    assert (view.chosen, [row.item for row in view.rows]) == ("folder_pairs", ["1", "2", "3"])
    assert kinds(view) == ["incomplete", "alike"]
    assert (view.num_ready, view.reason, view.can_undo) == (2, "", False)
    assert by_key(view)["1"].fixed_modality == "FA"


def test_importing_writes_what_is_ready_and_closes(
    shown: tuple[ImportController, View], bench: Workbench
) -> None:
    control, view = shown
    control.write()
    assert view.is_finished
    assert bench.project is not None
    assert [item.id for item in bench.project.items.all()] == ["1", "2"]
    assert bench.item_id == "1"
    assert "4 files" in str(cards(bench)[-1].what)


def test_cells_are_corrected_and_taken_back(shown: tuple[ImportController, View]) -> None:
    control, view = shown
    for column, text in (
        ("subject", "王 1"),
        ("laterality", "OD"),
        ("visit", "2020"),
        ("split", "val"),
        ("moving_modality", "rf"),
    ):
        control.edit("1", column, text)
    row = by_key(view)["1"]
    assert (row.subject, row.laterality, row.visit, row.split) == ("王 1", "OD", "2020", "val")
    assert row.moving_modality == "RF"
    for _ in range(5):
        control.undo()
    assert by_key(view)["1"].subject == "1"
    assert not view.can_undo


def test_two_items_of_one_name_must_be_answered_before_the_import(
    shown: tuple[ImportController, View], bench: Workbench
) -> None:
    control, view = shown
    control.edit("2", "item", "1")
    assert "names or splits" in view.reason
    control.write()
    assert bench.project is not None
    assert bench.project.items.count() == 0
    control.fix(view.findings[0].key, 0)
    assert (view.reason, by_key(view)["2"].item) == ("", "1-2")


def test_swapping_and_leaving_out(shown: tuple[ImportController, View]) -> None:
    control, view = shown
    control.swap(["1"])
    assert (by_key(view)["1"].fixed, by_key(view)["1"].fixed_modality) == ("1_CF.png", "CF")
    control.include(["1", "2", "3"], False)
    assert (view.num_ready, view.findings) == (0, [])
    assert "No item is chosen" in view.reason


def test_a_fix_changes_the_proposal_and_its_finding_goes(shown: tuple[ImportController, View]) -> None:
    control, view = shown
    alike = next(row for row in view.findings if row.key.startswith("alike"))
    assert str(alike.fixes[0]) == "Treat as one subject"
    control.fix(alike.key, 0)
    assert {row.subject for row in view.rows} == {"1", "3"}
    assert kinds(view) == ["incomplete"]


def test_one_answer_for_all_of_a_sort(bench: Workbench, tmp_path: Path) -> None:
    root = tmp_path / "halves"
    for number in range(4):
        write_image(root / f"{number}_fixed.png", look(number))
    for role in ("fixed", "moving"):
        write_image(root / f"9_{role}.png", look(20 + len(role)))
    control, view = ImportController(bench, ProjectController(bench), bench), View()
    control.view_wanted.connect(lambda: control.attach(view))
    control.receive([root])
    assert kinds(view) == ["incomplete"] * 4
    control.fix(view.findings[0].key, 1, is_for_all=True)
    assert (view.findings, view.num_ready) == ([], 5)


def test_a_partner_is_chosen_from_the_images_without_one(
    shown: tuple[ImportController, View], folder: Path
) -> None:
    control, view = shown
    write_image(folder / "holiday.png", look(30))
    control.look_through([folder])
    incomplete = next(row for row in view.findings if row.key == "incomplete 3")
    control.fix(incomplete.key, 0)
    assert view.partners == ["眼底 数据/holiday.png"]
    control.choose_partner("3", 0)
    assert by_key(view)["3"].moving == "holiday.png"
    assert by_key(view)["3"].is_complete


def test_another_layout_is_another_proposal(shown: tuple[ImportController, View]) -> None:
    control, view = shown
    control.choose_layout("single_images")
    assert (view.chosen, len(view.rows), view.num_ready) == ("single_images", 5, 5)


def test_a_row_shows_its_images_small(shown: tuple[ImportController, View]) -> None:
    control, view = shown
    control.preview("1")
    assert [image.shape for image in view.preview] == [(80, 96), (80, 96)]
    control.preview("3")
    assert view.preview[1] is None


def test_a_folder_without_images_is_said_and_the_dialog_goes(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    control, view = ImportController(bench, ProjectController(bench), bench), View()
    control.view_wanted.connect(lambda: control.attach(view))
    control.receive([tmp_path / "empty"])
    assert view.is_finished
    assert "no images to import in empty" in str(cards(bench)[-1].what)


def test_tables_and_keypoint_files_need_no_dialog(bench: Workbench, folder: Path) -> None:
    table = folder / "items.csv"
    table.write_text(
        "subject,item,role,path,modality\ns,a,fixed,1_FA.png,FA\ns,a,moving,1_CF.png,CF\n", encoding="utf-8"
    )
    bigwarp = folder / "landmarks_a.csv"
    bigwarp.write_text('"Pt-0","true","5","6","7","8"\n', encoding="utf-8")
    control = ImportController(bench, ProjectController(bench), bench)
    control.view_wanted.connect(lambda: pytest.fail("a dialog was asked for"))
    control.receive([table])
    project = bench.project
    assert project is not None
    assert project.items.count() == 1
    bench.set_item("a")
    control.receive([bigwarp])
    if not project.keypoints.counts():
        offered = next(card for card in cards(bench) if card.buttons)
        offered.buttons[0].clicked()
    assert project.keypoints.counts() == {"a": 1}


def test_closing_forgets_everything(shown: tuple[ImportController, View], bench: Workbench) -> None:
    control, view = shown
    control.cancel()
    assert view.is_finished
    assert control.proposal is None
    control.write()
    assert bench.project is not None
    assert bench.project.items.count() == 0


# -- moved files --------------------------------------------------------------------------------------


def test_moved_images_are_said_found_and_relinked(
    shown: tuple[ImportController, View], bench: Workbench, folder: Path
) -> None:
    shown[0].write()
    project = bench.project
    assert project is not None
    moved = folder.rename(folder.parent / "elsewhere")
    control, view = RelinkController(bench, bench), View()
    control.view_wanted.connect(lambda: control.attach(view))
    control._on_project_changed()
    card = cards(bench)[-1]
    assert "no longer where they were: 4" in str(card.what)
    card.buttons[0].clicked()
    assert [row.new for row in view.files] == [""] * 4
    control.search(moved)
    assert all(row.new for row in view.files)
    assert view.reason == "Found 4 of 4 among 5 files."
    control.relink()
    assert project.missing_files() == []
    assert view.is_finished


def test_nothing_missing_is_said(bench: Workbench) -> None:
    control = RelinkController(bench, bench)
    control.view_wanted.connect(lambda: pytest.fail("a dialog was asked for"))
    control.open()
    assert "where it should be" in str(cards(bench)[-1].what)


# -- checking and correcting --------------------------------------------------------------------------


def test_one_image_under_two_subjects_is_found_later_and_made_one(
    shown: tuple[ImportController, View], bench: Workbench
) -> None:
    shown[0].write()
    project = bench.project
    assert project is not None
    control, view = DataController(bench, bench), View()
    control.attach(view)
    assert kinds(view) == ["alike"]
    assert [str(fix) for fix in view.findings[0].fixes] == ["Treat as one subject", "Keep both"]
    control.fix(view.findings[0].key, 0)
    assert {item.subject for item in project.items.all()} == {"1"}
    assert view.findings == []
    project.history.undo()
    assert {item.subject for item in project.items.all()} == {"1", "2"}
    control.check()
    control.fix(view.findings[0].key, 1)
    assert view.findings == []


def test_the_current_item_is_corrected_and_swapped(
    shown: tuple[ImportController, View], bench: Workbench
) -> None:
    shown[0].write()
    project = bench.project
    assert project is not None
    control = DataController(bench, bench)
    facts = control.facts()
    assert facts is not None
    assert (facts.item_id, facts.subjects, facts.can_swap) == ("1", ("1", "2"), True)
    control.correct(replace(facts, laterality="OS", modalities=(("fixed", "icga"), ("moving", "CF"))))
    item = project.items.get("1")
    assert (item.laterality, item.files["fixed"].modality) == ("OS", "ICGA")
    control.swap()
    assert project.items.get("1").files["moving"].modality == "ICGA"
    assert str(project.history.undo_title("1")) == "exchange fixed and moving of 1"
    before = len(project.history.list())
    control.correct(control.facts())  # type: ignore[arg-type]
    assert len(project.history.list()) == before


def test_a_check_without_a_project_does_nothing(prompt_bench: Workbench) -> None:
    control = DataController(prompt_bench, prompt_bench)
    assert control.facts() is None
    control.swap()
    control.check()


def test_cubes_without_a_place_become_volumes_with_a_card(bench: Workbench, tmp_path: Path) -> None:
    folder = tmp_path / "near_format_data"
    for name in ("shape", "appearance"):
        (folder / name).mkdir(parents=True)
    shape = np.zeros((12, 10, 8), np.int16)
    shape[3:8, 2:7, 2:6] = 9
    np.save(folder / "shape" / "a.npy", shape)
    np.save(folder / "appearance" / "a.npy", np.full(shape.shape, 0.5, np.float32))
    (folder / "info.csv").write_text("id\na\n", encoding="utf-8")
    control = ImportController(bench, ProjectController(bench), bench)
    view = View()
    control.view_wanted.connect(lambda: control.attach(view))
    control.look_through([folder])
    assert [row.item for row in view.rows] == ["a"]
    assert any("do not say where they lie" in str(card.what) for card in cards(bench))
    assert bench.project is not None
    assert (bench.project.folder / "converted" / folder.name / "a" / "label_map.nii.gz").is_file()
