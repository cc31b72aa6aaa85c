from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engines.contract.errors import InputError, UnknownKeyError
from engines.contract.grade_file import GradeFile
from engines.contract.kinds import Action, AnnotationKind, FileKind, ItemKind, Split
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from engines.contract.spec import Needs, PhaseSpec
from workstation.cli import main
from workstation.project.brain_cohort import CLASSES, create_brain_cohort
from workstation.project.grade_commands import SetGrades
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.project import Project


def add_pair_item(project: Project, item_id: str, subject: str) -> None:
    """Record an image pair without reading any file."""
    with project.store.write() as session:
        for role in ("fixed", "moving"):
            path = project.folder.parent / f"{item_id}_{role}.png"
            path.write_bytes(b"")
            new = NewFile(item_id, subject, role, FileKind.IMAGE, path, f"{item_id} {role}", 0, "CF", 9, 8)
            insert_file(session, new, project.folder)
        set_item_kind(session, item_id, ItemKind.IMAGE_PAIR)


def test_a_grade_holds_until_it_is_taken_away_or_undone(project: Project) -> None:
    project.history.execute(SetGrades({"a": "LGG", "b": "HGG"}, "table.csv", {"a": "table.csv, row 2"}))
    found = project.grades()
    assert (found["a"].value, found["a"].source) == ("LGG", "table.csv, row 2")
    assert found["b"].source == "table.csv"
    project.history.execute(SetGrades({"a": None}))
    assert set(project.grades()) == {"b"}
    project.history.undo("a")
    assert project.grades()["a"].value == "LGG"


def test_unknown_items_and_empty_grades_are_refused(project: Project) -> None:
    with pytest.raises(UnknownKeyError):
        project.history.execute(SetGrades({"nobody": "LGG"}))
    with pytest.raises(InputError, match="empty"):
        project.history.execute(SetGrades({"a": " "}))
    with pytest.raises(InputError, match="no item"):
        project.history.execute(SetGrades({}))
    assert not project.grades()


def test_a_run_gets_the_grade_with_where_it_comes_from(project: Project, tmp_path: Path) -> None:
    spec = replace(
        load_spec("registration"),
        annotation_kinds=(AnnotationKind.GRADE,),
        phases=(PhaseSpec("g", "", "", Needs(("fixed",), AnnotationKind.GRADE), (), ""),),
    )
    project.history.execute(SetGrades({"a": "LGG", "b": "HGG"}, "table.csv"))
    run = RunFolder(tmp_path / "run")
    manifest = project.manifest_for(spec, action=Action.TRAIN, phase="g", run_folder=run)
    item = manifest.items[1]
    record = item.annotations[AnnotationKind.GRADE]
    grade = GradeFile.read(run.file_path(record.path))
    assert (item.id, grade.grade, grade.source) == ("b", "HGG", "table.csv")


def test_a_table_is_imported_by_the_command_line(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "name_mapping.csv"
    table.write_text("Grade,BraTS_2020_subject_ID\nLGG,A\nHGG,c\n", encoding="utf-8")
    assert main(["import-grades", str(project.folder), str(table)]) == 0
    assert project.grades()["a"].value == "LGG"
    said = capsys.readouterr()
    assert "1 items graded" in said.out
    assert "1 rows name no item" in said.err
    assert "1 items have no grade: b" in said.err
    table.write_text("Grade,BraTS_2020_subject_ID\nHGG,c\n", encoding="utf-8")
    assert main(["import-grades", str(project.folder), str(table)]) == 2
    assert "No row of name_mapping.csv names an item" in capsys.readouterr().err
    assert project.grades()["a"].value == "LGG"


def test_a_cohort_of_phantom_brains_is_a_project(tmp_path: Path) -> None:
    with create_brain_cohort(tmp_path / "脑 cohort", num_subjects=20) as cohort:
        items = cohort.items.all()
        assert len(items) == 20
        assert all(item.has("t1", "t1ce", "t2", "flair") for item in items)
        grades = cohort.grades()
        assert sorted({grade.value for grade in grades.values()}) == ["HGG", "LGG"]
        assert all("phantom" in grade.source for grade in grades.values())
        label_map = next(iter(cohort.label_maps.accepted().values()))
        assert [known.name for known in label_map.classes] == [known.name for known in CLASSES]
    with pytest.raises(InputError, match="at least 20"):
        create_brain_cohort(tmp_path / "small", num_subjects=5)


def test_a_split_keeps_the_shares_of_grades_and_sites(project: Project) -> None:
    for number in range(40):
        add_pair_item(project, f"p{number:02d}", f"p{number:02d}")
    grades = {f"p{n:02d}": "LGG" if n % 4 == 0 else "HGG" for n in range(40)}
    sources = {name: f"table.csv, site {'A' if int(name[1:]) < 20 else 'B'}" for name in grades}
    project.history.execute(SetGrades(grades, "table.csv", sources))
    strata = {name: found.stratum for name, found in project.grades().items()}
    assert sorted(set(strata.values())) == ["HGG A", "HGG B", "LGG A", "LGG B"]
    items = [item for item in project.items.all() if item.id in grades]
    assigned = project.splits.assign(items, seed=3, strata=strata)
    validation = [strata[name] for name, split in assigned.items() if split is Split.VAL]
    assert len(validation) == 8
    assert sorted(set(validation)) == sorted(set(strata.values()))
    assert sum(name.startswith("LGG") for name in validation) == 2
