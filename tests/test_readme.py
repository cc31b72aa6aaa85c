"""The README's commands work as printed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    assert words[0] == "workstation"
    return subprocess.run(
        [sys.executable, "-m", "workstation", *words[1:]],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_it_opens_with_the_two_commands() -> None:
    lines = [line.split("#")[0].strip() for line in blocks("sh")[0].splitlines()]
    assert lines == ["python3 bootstrap.py", "python3 bootstrap.py test"]
    assert README.index("python3 bootstrap.py") < 120


@pytest.mark.timeout(600)
def test_first_steps_run_in_order(tmp_path: Path) -> None:
    commands = [
        line.removeprefix("$ ") for line in blocks("console")[0].splitlines() if line.startswith("$ ")
    ]
    assert len(commands) >= 8
    for command in commands:
        result = run(shlex.split(command), tmp_path)
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        assert result.stdout.strip(), f"{command} printed nothing"
        assert "Traceback" not in result.stderr
    assert (tmp_path / "sample.json").is_file()


def test_import_example_works_on_files_like_those_it_names(tmp_path: Path) -> None:
    import numpy as np

    from engines.imaging.images import write_image

    table = blocks("csv")[0]
    rng = np.random.default_rng(0)
    for row in table.strip().splitlines()[1:]:
        path = tmp_path / row.split(",")[3]
        path.parent.mkdir(exist_ok=True)
        pixels = rng.integers(0, 255, (64, 64), dtype=np.uint8)
        # OpenCV writes no GIF; the importer reads by content.
        write_image(path.with_suffix(".png"), pixels)
        path.with_suffix(".png").rename(path)
    (tmp_path / "pairs.csv").write_text(table, encoding="utf-8")
    (tmp_path / "landmarks.csv").write_text(
        "item,point,fixed_x,fixed_y,moving_x,moving_y\np01-OD,1,10,12,11,13\n", encoding="utf-8"
    )
    commands = [line for line in blocks("sh")[1].splitlines() if line.startswith("workstation ")]
    assert [shlex.split(command)[1] for command in commands] == ["new", "import", "study"]
    for command in commands[:2]:
        result = run(shlex.split(command), tmp_path)
        assert result.returncode == 0, result.stderr


def test_every_picture_exists() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).stat().st_size > 5_000, picture
