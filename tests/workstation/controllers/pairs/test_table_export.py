from __future__ import annotations

import csv
from pathlib import Path

import pytest

from engines.contract.errors import InputError
from engines.contract.kinds import Severity
from workstation.controllers.pairs.table_export import COLUMNS, TableExport, write_table
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.pairs import PairRow

ROWS = [
    PairRow("a", "10", "placed", (1.25, 2.0), (3.0, 4.5), 0.5, 0.75, "王", "manual"),
    PairRow("b", "2", "half", (9.0, 8.0), None, annotator="wang", source="run_9", score=0.91),
]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_table_is_written_as_it_is_shown_and_missing_values_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "配对 表.csv"
    write_table(path, ROWS, may_replace=False)
    first, second = read(path)
    assert tuple(first) == COLUMNS
    assert (first["pair"], first["annotator"], first["is_used"]) == ("10", "王", "yes")
    assert float(first["fixed_x_px"]) == 1.25
    assert float(first["left_out_residual_px"]) == 0.75
    assert (second["moving_x_px"], second["fit_residual_px"], second["is_used"]) == ("", "", "no")
    assert float(second["score"]) == 0.91


def test_file_that_is_there_is_kept_unless_the_person_agreed(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="already") as caught:
        write_table(path, ROWS, may_replace=False)
    assert path.read_text(encoding="utf-8") == "mine"
    assert str(caught.value.remedy)
    write_table(path, ROWS, may_replace=True)
    assert len(read(path)) == 2


def test_disk_that_refuses_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="could not be written"):
        write_table(tmp_path / "file" / "pairs.csv", ROWS, may_replace=True)


def test_person_is_told_where_it_is(prompt_bench: Workbench, tmp_path: Path, qtbot) -> None:
    with qtbot.waitSignal(prompt_bench.card_posted) as posted:
        TableExport(prompt_bench).write(tmp_path / "pairs.csv", ROWS, may_replace=False)
    card = posted.args[0]
    assert card.severity is Severity.NOTE
    assert card.what.render() == "2 pairs were written to pairs.csv."
    assert str(tmp_path) in card.kept.render()
