import shlex
import sys
from pathlib import Path

import pytest

from engines.contract.config import parse_overrides
from engines.contract.registry import all_specs
from workstation.controllers.command_line import evaluate_command, scalar, train_command

SPEC = all_specs()[0]


@pytest.mark.skipif(sys.platform == "win32", reason="shlex splits as a POSIX shell")
def test_line_survives_a_shell_with_spaces_and_chinese():
    project = Path("/data/我的 project")
    line = train_command(project, SPEC, phase="p", preset="tiny", overrides={"epochs": 3, "word": "a b"})
    words = shlex.split(line)
    assert words[:4] == ["workstation", "train", str(project), SPEC.key]
    assert words[-4:] == ["--set", "epochs=3", "--set", "word=a b"]


@pytest.mark.parametrize("value", [3, 0.5, 1e-4, 2e-7, True, False, "cosine", None, 13.0])
def test_value_is_read_back_as_it_was(value):
    assert parse_overrides([f"key={scalar(value)}"]) == {"key": value}


def test_evaluation_names_its_run():
    line = evaluate_command(Path("p"), SPEC, run_id="run_1", split="val")
    assert line.endswith("--run run_1 --split val")
