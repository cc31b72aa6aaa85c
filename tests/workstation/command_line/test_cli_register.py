"""register on the sample project: all pairs of one eye, their circle, files, and going on."""

from __future__ import annotations

import json

import pytest

from engines.contract.transform_file import TransformFile
from engines.imaging.images import read_image

EYE = ("fa-octa", "fa-octa-3mm", "octa-6mm-3mm")


@pytest.fixture(scope="module")
def registered(sample_template, tmp_path_factory):
    """The sample project with the three pairs of one eye registered, and what was printed."""
    import shutil
    import subprocess
    import sys

    folder = shutil.copytree(sample_template, tmp_path_factory.mktemp("register") / "配准 project")
    words = ["register", str(folder), "--items", ",".join(EYE), "--export", str(folder / "出"), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "workstation", *words],
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.mark.slow
def test_an_eye_in_three_images_is_registered_and_closes_a_circle(registered):
    _, told = registered
    assert {row["item"]: row["verdict"] for row in told["rows"]} == dict.fromkeys(EYE, "registered")
    agreement = [row["transform"]["z"] for row in told["rows"]]
    assert agreement == sorted(agreement), "the least sure comes first"
    (cycle,) = told["cycles"]
    assert sorted(cycle["items"]) == sorted(EYE)
    assert cycle["mean_px"] < 25, "pixels of a 3 mm image of 408 px"
    assert all(row["cycle_px"] == cycle["mean_px"] for row in told["rows"])


@pytest.mark.slow
def test_transforms_and_warped_images_are_written(registered):
    folder, told = registered
    for row in told["rows"]:
        file = TransformFile.read(folder / "出" / f"{row['item']}.json")
        assert file.matrix == row["transform"]["matrix"]
        warped = read_image(folder / "出" / f"{row['item']}_registered.png")
        assert (warped.shape[1], warped.shape[0]) == file.fixed_size
        assert warped.any()


@pytest.mark.slow
def test_a_run_goes_on_with_what_is_left(registered, cli):
    folder, told = registered
    outputs = folder / "runs" / told["run"] / "outputs"
    kept = outputs / "transform" / "fa-octa.json"
    before = kept.stat().st_mtime_ns
    (outputs / "transform" / "octa-6mm-3mm.json").unlink()
    done = cli("register", folder, "--resume", told["run"], "--json")
    assert done.code == 0, done.err
    assert len(done.json("register")["rows"]) == 3
    assert all(row["verdict"] == "registered" for row in done.json("register")["rows"])
    assert kept.stat().st_mtime_ns == before
    lines = (folder / "runs" / told["run"] / "per_item.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4


def test_what_cannot_begin_or_go_on_is_refused(sample, cli):
    assert cli("register", sample, "--resume", "nothing").code == 2
    assert cli("register", sample, "--items", "nobody").code == 2
    assert cli("register", sample, "--set", "modle=affine").code == 2
