"""The tables of sweeps that a project holds are read back as they were written."""

from __future__ import annotations

from pathlib import Path

from workstation.runs.sweep import BASE, Line, SweepTable
from workstation.runs.sweep_tables import FOLDER, SweepTables


def test_tables_come_back_and_a_broken_one_is_left_out(tmp_path: Path) -> None:
    table = SweepTable("p", "one", "tiny", "workstation sweep", "9f2c")
    table.lines += [
        Line(BASE, None, 0, "r0", "finished", 1.5, {"error_px": 2.0}),
        Line("size", [1, 2], 0, "r1", "failed", None, {"error_px": None}, "It broke."),
    ]
    table.write(tmp_path / FOLDER / "sweep_1")
    (tmp_path / FOLDER / "sweep_2").mkdir()
    (tmp_path / FOLDER / "sweep_2" / "sweep.json").write_text('{"lines": 3}', encoding="utf-8")
    reader = SweepTables()
    assert reader.read(tmp_path) == {"sweep_1": table}
    assert reader.read(tmp_path)["sweep_1"] is reader.read(tmp_path)["sweep_1"], "read once"
    assert reader.read(tmp_path / "elsewhere") == {}
