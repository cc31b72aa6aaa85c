"""Keypoint files of other programs on the command line, in both directions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workstation.cli import main
from workstation.project.commands import DeletePairs, ImportedPair, ImportPairs
from workstation.project.exporters import FORMATS as EXPORT_FORMATS
from workstation.project.keypoint_formats import FORMATS
from workstation.project.project import Project


@pytest.fixture
def annotated(sample):
    """The sample with pairs that are known here, and the ids of two of its items."""
    rng = np.random.default_rng(5)
    with Project.open(sample) as project:
        ids = [item.id for item in project.items.all() if item.has("fixed", "moving")][:2]
        for item_id in ids:
            old = tuple(pair.id for pair in project.keypoints.pairs(item_id))
            if old:
                project.history.execute(DeletePairs(old))
            places = rng.uniform(30, 200, (6, 2, 2)).tolist()
            made = [ImportedPair(f"血管 {n}", tuple(f), tuple(m)) for n, (f, m) in enumerate(places)]
            project.history.execute(ImportPairs(item_id, tuple(made)))
    return sample, ids


def places(folder, item_id):
    with Project.open(folder) as project:
        return {pair.label: (pair.fixed_xy, pair.moving_xy) for pair in project.keypoints.pairs(item_id)}


def test_pairs_leave_and_return(cli, annotated, tmp_path):
    sample, ids = annotated
    before = {item_id: places(sample, item_id) for item_id in ids}
    out = tmp_path / "导出 bigwarp"
    done = cli("export", sample, "bigwarp", out, "--items", *ids)
    assert done.code == 0
    files = done.out.splitlines()
    assert files == [str(out / f"{item_id}.csv") for item_id in ids]
    assert cli("export", sample, "bigwarp", out).code == 2
    again = cli("import", sample, *files)
    assert again.code == 0
    assert "Imported 0 files and 0 keypoint pairs into 0 items; 12 rows were there already" in again.out
    with Project.open(sample) as project:
        for item_id in ids:
            project.history.undo(item_id)
    assert cli("import", sample, *files).code == 0
    for item_id in ids:
        after = places(sample, item_id)
        assert after.keys() == before[item_id].keys()
        for label, pair in before[item_id].items():
            assert np.array(after[label]) == pytest.approx(np.array(pair), abs=1e-6)


def test_the_item_of_a_file_can_be_given(cli, annotated, tmp_path):
    sample, ids = annotated
    path = tmp_path / "landmarks.csv"
    path.write_text('"P","true","11","12","13","14"\n', encoding="utf-8")
    unclear = cli("import", sample, path)
    assert unclear.code == 2
    assert ids[0] in unclear.err
    assert cli("import", sample, path, "--item", ids[0], "--one-based", "--in-pixels").code == 0
    assert places(sample, ids[0])["P"] == ((12.0, 13.0), (10.0, 11.0))


def test_tables_and_keypoint_files_come_in_one_call(cli, annotated, tmp_path):
    sample, ids = annotated
    table = tmp_path / "points.csv"
    rows = f"item,point,fixed_x,fixed_y,moving_x,moving_y\n{ids[0]},T,1,2,3,4\n"
    table.write_text(rows, encoding="utf-8")
    fire = tmp_path / f"control_points_{ids[1]}_1_2.txt"
    fire.write_text("5 6 7 8\n", encoding="utf-8")
    done = cli("import", sample, fire, table)
    assert "Imported 0 files and 2 keypoint pairs into 2 items" in done.out
    assert "a kind is given" in cli("import", sample, fire, "--kind", "image_pair").err.lower()


@pytest.mark.parametrize(("command", "formats"), [("import", FORMATS), ("export", EXPORT_FORMATS)])
def test_the_help_names_every_format(command, formats, capfd):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    listed = capfd.readouterr().out
    assert [key for key in formats if key not in listed] == []


def test_an_unknown_file_is_named(cli, annotated, tmp_path):
    path = Path(tmp_path / "a.mat")
    path.write_bytes(b"nothing")
    refused = cli("import", annotated[0], path)
    assert refused.code == 2
    assert "a.mat is no MATLAB file" in refused.err


def test_listing_the_formats_loads_no_imaging():
    code = (
        "import sys, workstation.cli; print([name for name in ('cv2', 'SimpleITK') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
