"""Refining from the command line: train, refine, decide about a piece, do steps again, go on after a stop."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.contract.item_review import ItemReview
from engines.contract.run_folder import RunFolder
from engines.imaging.volumes.coronary_phantom import PhantomOptions, make_phantom
from engines.imaging.volumes.label_noise import corrupt
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import read_label_map, write_volume
from workstation.controllers.review.proposal_import import bring_in_results
from workstation.project.component_commands import JudgeComponents
from workstation.project.project import Project

PIPELINE = "refinement"
TINY = ("--preset", "tiny", "--set", "epochs=4", "--set", "work_spacing_mm=1.5", "--set", "num_threads=1")

pytestmark = pytest.mark.slow


def write_cases(folder: Path, count: int) -> None:
    """Write procedural hearts whose coronary labels have specks."""
    for number in range(count):
        phantom = make_phantom(number, PhantomOptions(num_voxels=56, spacing_mm=1.4, num_side_branches=1))
        labels = phantom.label_map.voxels.copy()
        noisy = corrupt(labels == 9, ("specks",), 1, number)
        labels[noisy & (labels == 0)] = 9
        case = folder / f"case_{number}"
        case.mkdir(parents=True)
        write_volume(case / "ct.nii.gz", phantom.image)
        write_volume(case / "label_map.nii.gz", Volume(labels, phantom.image.geometry))


def outputs(done) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for line in done.out.splitlines():
        found.setdefault(Path(line).parent.name, []).append(Path(line))
    return found


def test_the_whole_way(cli, tmp_path):
    project = tmp_path / "冠脉 project"
    write_cases(tmp_path / "cases", 3)
    Project.create(project, "p").close()
    assert cli("import", project, tmp_path / "cases").code == 0
    done = cli("train", project, PIPELINE, *TINY)
    assert done.code == 0, done.err

    settings = ("--set", "latent_steps=2", "--set", "num_threads=1")
    done = cli("predict", project, PIPELINE, *settings)
    assert done.code == 0, done.err
    written = outputs(done)
    assert {role: len(paths) for role, paths in written.items()} == dict.fromkeys(
        ("refined", "cleaned", "fused", "components", "probability", "report", "review"), 3
    )
    run = RunFolder(written["fused"][0].parents[2])
    assert ItemReview.read(run.outputs_dir / "review" / "case_0.json").steps[-1].role == "fused"

    # A speck that the rules leave out, and that a person wants to keep.
    report = json.loads((run.outputs_dir / "report" / "case_0.json").read_text(encoding="utf-8"))
    speck = next(piece for piece in report["components"] if piece["proposal"] == "remove")
    at = tuple(speck["voxel"])
    assert read_label_map(run.outputs_dir / "cleaned" / "case_0.nii.gz").voxels[at] != 9
    with Project.open(project) as opened:
        made = bring_in_results(opened, "case_0")
        names = {opened.label_maps.get(one).name.split()[0]: one for one in made}
        assert set(names) == {"refined", "cleaned", "fused"}
        opened.history.execute(JudgeComponents(names["refined"], 9, (at,)))
    done = cli("predict", project, PIPELINE, "--items", "case_0", "--set", f"from_run={run.id}")
    assert done.code == 0, done.err
    again = outputs(done)["cleaned"][0]
    assert read_label_map(again).voxels[at] == 9

    # Stopped after the first case: what is finished stays as it is.
    times = {path: path.stat().st_mtime_ns for path in written["fused"]}
    (run.outputs_dir / "review" / "case_2.json").unlink()
    done = cli("predict", project, PIPELINE, "--resume", run.id)
    assert done.code == 0, done.err
    changed = [path.name for path, before in times.items() if path.stat().st_mtime_ns != before]
    assert changed == ["case_2.nii.gz"]
    assert np.isin([9], read_label_map(run.outputs_dir / "fused" / "case_2.nii.gz").voxels).all()


def test_only_a_prediction_can_be_gone_on_with(cli, tmp_path):
    project = tmp_path / "p"
    Project.create(project, "p").close()
    done = cli("predict", project, PIPELINE, "--resume", "nothing")
    assert done.code == 2
    assert "nothing" in done.err
