"""leave-one-out on the sample project: what each fold learns from, what it is scored on, and what remains."""

from __future__ import annotations

import csv
import json

import pytest

from engines.contract.evaluation import EvaluationReport
from engines.contract.events import Finished, Started
from engines.contract.kinds import Action, Split
from engines.contract.manifest import KEYPOINT_COLUMNS
from engines.contract.run_folder import RunFolder
from workstation.command_line import leave_one_out_command
from workstation.command_line.leave_one_out_command import FoldLine, folds_of, pool
from workstation.project.project import Project
from workstation.runs.run_model import RunModel

PIPELINE = "registration"


@pytest.fixture
def annotated(sample, tmp_path, cli):
    """The sample project with pairs of a second and a third person."""
    path = tmp_path / "points.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(KEYPOINT_COLUMNS)
        for item in ("visits", "fa-octa"):
            writer.writerows(
                [item, str(n), 100 + 20 * n, 90 + 9 * n * n, 101 + 20 * n, 92 + 9 * n * n] for n in range(5)
            )
    assert cli("import", sample, path).code == 0
    return sample


def test_a_subject_is_left_out_in_a_copy_that_goes(annotated, cli, monkeypatch):
    seen: list[tuple[str, dict[str, str]]] = []

    def engine(folder: RunFolder, launch: object, title: str) -> RunModel:
        request, manifest = folder.read_request(), folder.read_manifest()
        seen.append((request.action.value, {item.id: item.split.value for item in manifest.items}))
        if request.action is Action.EVALUATE:
            value = 0.5 if "base" in request.base_run else 0.75
            EvaluationReport(
                pipeline=PIPELINE, run=None, split="all", split_hash="", items=len(manifest.items),
                rows={"model": {"auc_25": value, "median_error_px": None}}, per_item=[],
            ).write(folder.evaluation_path)  # fmt: skip
        model = RunModel(folder, request)
        model.apply([Started(pipeline=PIPELINE, action=request.action.value), Finished(summary={})])
        return model

    monkeypatch.setattr(leave_one_out_command, "follow", engine)
    base = annotated / "runs" / "base_run"
    base.mkdir(parents=True)
    (base / "config.yaml").write_text(
        "schema_version: 1\npipeline: registration\naction: train\nphase: phase_1\n", encoding="utf-8"
    )
    with Project.open(annotated) as project:
        before = project.splits.hash()
    done = cli(
        "leave-one-out", annotated, PIPELINE, "--phase", "phase_1", "--preset", "tiny", "--base-run", base,
        "--subjects", "person-a", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    told = done.json("leave-one-out")
    assert [(line["subjects"], line["stage"]) for line in told["lines"]] == [
        (["person-a"], "before"),
        (["person-a"], "after"),
    ]
    assert told["pooled"]["before"]["model"] == {"auc_25": 0.5, "median_error_px": None}
    assert told["pooled"]["after"]["model"]["auc_25"] == 0.75
    trained = [splits for action, splits in seen if action == "train"]
    scored = [set(splits) for action, splits in seen if action == "evaluate"]
    assert "visit-1" in trained[0]
    assert "known-1" not in trained[0], "the person who is left out is not learned from"
    assert all(Split.EVALUATION.value not in splits.values() for splits in trained)
    assert scored[::2] == scored[1::2] == [{"known-1", "known-2", "known-3"}]
    assert not list(annotated.parent.glob("*without*"))
    with Project.open(annotated) as project:
        assert project.splits.hash() == before
    assert json.loads((annotated / "leave_one_out" / "leave_one_out.json").read_text(encoding="utf-8"))[
        "pooled"
    ]


def test_what_cannot_be_left_out_is_refused(sample, annotated, cli):
    base = ("--base-run", "nothing")
    assert cli("leave-one-out", annotated, PIPELINE, *base).code == 2
    assert cli("leave-one-out", annotated, PIPELINE, "--set", "widht=3").code == 2


def test_shared_images_stay_in_one_fold_and_means_count_items(annotated):
    with Project.open(annotated) as project:
        items = project.items.all()
    folds = folds_of(items)
    assert ("person-b",) in folds
    assert ("person-a", "person-b") in folds_of(items, [["person-a", "person-b"]])
    lines = [
        FoldLine(("a",), "after", "model", 3, {"auc_25": 1.0, "x": None}),
        FoldLine(("b",), "after", "model", 1, {"auc_25": 0.0, "x": 2.0}),
    ]
    assert pool(lines) == {"after": {"model": {"auc_25": 0.75, "x": 2.0}}}
