"""Lists, imports, exports, the sample project, and what happens when something unexpected breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engines.contract.geometry import apply_homography
from engines.imaging.images import read_image, write_image
from engines.imaging.matching.classical_registration import register
from workstation import settings
from workstation.command_line import project_commands
from workstation.project.project import Project


def test_items_lists_and_prints_json(cli, sample):
    listed = cli("items", sample)
    assert listed.code == 0
    assert len(listed.out.splitlines()) == 13
    found = cli("items", sample, "--json").json("items")
    first = found["items"][0]
    assert (first["id"], first["kind"], first["split"]) == ("known-1", "image_pair", "evaluation")
    assert first["keypoint_pairs"] == 10
    assert first["files"]["fixed"]["modality"] == "RF"


def test_runs_of_a_project_without_runs(cli, sample):
    assert cli("runs", sample, "--json").json("runs")["runs"] == []
    assert cli("runs", sample).code == 0


def test_new_import_and_export(cli, tmp_path):
    folder = tmp_path / "新 study"
    assert cli("new", folder, "--name", "CF 与 FA").out.strip() == str(folder)
    for name in ("fixed", "moving"):
        image = np.random.default_rng(len(name)).integers(0, 255, (64, 80), dtype=np.uint8)
        write_image(tmp_path / f"{name}.png", image)
    rows = "subject,item,role,path\np,a,fixed,fixed.png\np,a,moving,moving.png\np,b,moving,gone.png\n"
    (tmp_path / "items.csv").write_text(rows, encoding="utf-8")
    points = "item,point,fixed_x,fixed_y,moving_x,moving_y\na,1,1,1,11,21\n"
    (tmp_path / "points.csv").write_text(points, encoding="utf-8")
    done = cli("import", folder, tmp_path / "items.csv", tmp_path / "points.csv", "--one-based")
    assert done.code == 0
    assert done.err.splitlines() == [line for line in done.err.splitlines() if "gone.png" in line]
    assert "2 files and 1 keypoint pairs" in done.out
    with Project.open(folder) as project:
        assert project.keypoints.pairs("a")[0].moving_xy == (10.0, 20.0)
    assert cli("export", folder, "json", tmp_path / "all.json").out.strip() == str(tmp_path / "all.json")
    exported = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert "CF 与 FA" in json.dumps(exported, ensure_ascii=False)
    assert cli("export", folder, "keypoints_csv", tmp_path / "points out.csv").code == 0


def test_kind_can_be_given(cli, tmp_path):
    write_image(tmp_path / "x.png", np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8))
    (tmp_path / "t.csv").write_text("subject,item,role,path\np,a,image,x.png\n", encoding="utf-8")
    cli("new", tmp_path / "p", "--name", "P")
    assert cli("import", tmp_path / "p", tmp_path / "t.csv", "--kind", "image_set").code == 0


def test_demo_makes_the_sample_once(cli, tmp_path):
    folder = tmp_path / "my sample"
    assert cli("demo", folder, "--no-window").out.strip() == str(folder)
    with Project.open(folder) as project:
        project.set_setting("mine", 1)
    assert cli("demo", folder, "--no-window").code == 0
    with Project.open(folder) as project:
        assert project.setting("mine") == 1
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_demo_without_a_folder_stays_in_the_users_own(cli, own_home):
    assert own_home in Path(cli("demo", "--no-window").out.strip()).parents


def test_sample_landmarks_are_exact_and_its_first_pair_registers(sample_template):
    with Project.open(sample_template) as project:
        first = project.items.all()[0]
        pairs = project.keypoints.pairs(first.id)
    fixed, moving = (read_image(first.files[role].path) for role in ("fixed", "moving"))
    result = register(fixed, moving)
    assert result.verdict == "registered"
    errors = apply_homography(
        result.homography_fixed_from_moving, [pair.moving_xy for pair in pairs]
    ) - np.array([pair.fixed_xy for pair in pairs])
    assert np.linalg.norm(errors, axis=1).mean() < 2.0


def test_sample_can_be_trained_on_and_stays_small(sample_template):
    with Project.open(sample_template) as project:
        with_masks = [item for item in project.items.all() if item.has("vessel_mask")]
        assert {item.split for item in with_masks} == {"train", "val"}
        project.splits.check_no_leak()
    shipped = Path(project_commands.__file__).parents[2] / "resources" / "sample"
    assert sum(path.stat().st_size for path in shipped.iterdir() if path.is_file()) < 1_500_000


def test_an_unexpected_error_is_one_line_and_a_logged_traceback(cli, sample, monkeypatch):
    def break_it(_folder):
        raise RuntimeError("the moon fell down")

    monkeypatch.setattr(Project, "open", break_it)
    broken = cli("items", sample)
    assert broken.code == 1
    assert broken.err.count("\n") == 1
    assert "Traceback" not in broken.err
    assert str(settings.log_path()) in broken.err
    log = settings.log_path().read_text(encoding="utf-8")
    assert "the moon fell down" in log
    assert "Traceback" in log


def test_an_interrupted_command_says_so(cli, sample, monkeypatch):
    def interrupt(_folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(Project, "open", interrupt)
    assert cli("items", sample).code == 1


def test_a_window_needs_a_display(cli, sample, monkeypatch):
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems always have a display")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    refused = cli(sample)
    assert refused.code == 2
    assert "no display" in refused.err


def test_the_sample_project_is_made_where_there_is_no_display(cli, tmp_path, monkeypatch):
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems always have a display")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    made = cli("demo", tmp_path / "sample")
    assert made.code == 0
    assert "no display" in made.err
    assert (tmp_path / "sample" / "project.db").is_file()


def run_process(*words: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **variables}
    return subprocess.run([sys.executable, *words], capture_output=True, env=environment, check=False)


def test_output_is_utf8_under_the_c_locale(sample):
    done = run_process(
        "-m", "workstation", "items", str(sample), "--json", LANG="C", LC_ALL="C", PYTHONUTF8="0"
    )
    assert done.returncode == 0, done.stderr
    assert "眼底 项目" in done.stdout.decode("utf-8")


def test_wrong_input_in_a_process_of_its_own(tmp_path):
    done = run_process("-m", "workstation", "items", str(tmp_path / "没有"))
    assert done.returncode == 2
    assert done.stderr.decode("utf-8").count("\n") == 1
    assert "没有" in done.stderr.decode("utf-8")


def test_a_reader_that_leaves_early_is_no_error(sample):
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-m', 'workstation', 'items', "
        "sys.argv[1]], stdout=subprocess.PIPE, stderr=subprocess.PIPE); child.stdout.close(); "
        "error = child.stderr.read(); child.stderr.close(); child.wait(); sys.exit(len(error))"
    )
    assert run_process("-c", code, str(sample)).returncode == 0


def test_the_command_line_loads_neither_torch_nor_widgets(sample):
    code = (
        "import sys; from workstation.cli import main; main(['items', sys.argv[1]]); "
        "wrong = {'torch', 'napari', 'PySide6.QtWidgets'} & set(sys.modules); "
        "sys.exit(repr(wrong) if wrong else 0)"
    )
    done = run_process("-c", code, str(sample))
    assert done.returncode == 0, done.stderr
