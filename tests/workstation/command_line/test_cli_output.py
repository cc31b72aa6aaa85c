import io
import sys
import types

import pytest

from workstation.cli import main
from workstation.command_line import output
from workstation.command_line.output import ProgressBar, complain, say_table


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_bar_is_shown_on_a_terminal_only(monkeypatch):
    for stream, is_shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with ProgressBar("Importing", "row") as bar:
            bar.show(2, 4, "reading")
        assert ("50%" in stream.getvalue()) is is_shown


def test_table_columns_line_up_also_in_chinese(capsys):
    say_table(("row", "dice"), [("模型", 0.51234), ("identity", None)])
    assert capsys.readouterr().out.splitlines() == [
        "row         dice",
        "模型      0.5123",
        "identity       -",
    ]


def test_a_complaint_is_one_line_whatever_it_holds(capsys):
    complain("first\nsecond\n\n third")
    assert capsys.readouterr().err == "workstation: first second third\n"


def test_streams_that_cannot_be_changed_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    output.use_utf8()


def test_window_and_demo_open_the_project(cli, sample, tmp_path, monkeypatch):
    opened = []
    fake = types.ModuleType("workstation.app")
    fake.run = lambda folder: opened.append(folder) or 0
    monkeypatch.setitem(sys.modules, "workstation.app", fake)
    import workstation

    monkeypatch.setattr(workstation, "app", fake, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert cli().code == 0
    assert cli(sample).code == 0
    assert cli("demo", tmp_path / "demo").code == 0
    assert opened == [None, sample, tmp_path / "demo"]


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    commands = "demo new import items train predict evaluate export runs doctor"
    assert [name for name in commands.split() if name not in said] == []
