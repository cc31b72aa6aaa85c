import numpy as np

from engines.contract.evaluation import EvaluationReport
from engines.contract.events import EventWriter, Output
from engines.contract.kinds import Action, OutputKind
from engines.contract.manifest import Manifest
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder, RunRequest
from engines.contract.transform_file import TransformFile
from workstation.runs.outputs import evaluation_report, review_entries


def make_run(path):
    spec = next(spec for spec in all_specs() if any(o.kind is OutputKind.TRANSFORM for o in spec.outputs))
    role = next(output.role for output in spec.outputs if output.kind is OutputKind.TRANSFORM)
    folder = RunFolder(path / "run")
    folder.create(RunRequest(pipeline=spec.key, action=Action.PREDICT), Manifest(items=()))
    return folder, role


def test_entries_hold_files_and_transform_by_item(tmp_path):
    folder, role = make_run(tmp_path)
    path = folder.outputs_dir / role / "a.json"
    TransformFile(
        matrix=np.eye(3).tolist(),
        fixed_size=(10, 10),
        moving_size=(10, 10),
        verdict="registered",
        method="classical",
    ).write(path)
    writer = EventWriter(folder.events_path)
    for item in ("a", "b"):
        writer.write(Output(item=item, role=role, path=f"outputs/{role}/{item}.json"))
    writer.write(Output(item="a", role="no such role", path="outputs/x"))
    writer.close()
    good, broken = review_entries(folder)
    assert good.transform.verdict == "registered"
    assert good.files[role].path == path
    assert set(good.files) == {role}
    assert broken.transform is None
    assert "b.json" in broken.problem


def test_evaluation_report_is_read_when_there_is_one(tmp_path):
    folder, _role = make_run(tmp_path)
    assert evaluation_report(folder) is None
    report = EvaluationReport(
        pipeline="p", run=None, split="all", split_hash="0", items=0, rows={"x": {"m": None}}, per_item=[]
    )
    report.write(folder.evaluation_path)
    assert evaluation_report(folder) == report
