from engines.contract.evaluation import EvaluationReport
from engines.contract.run_folder import RunFolder
from workstation.runs.outputs import evaluation_report


def test_evaluation_report_is_read_when_there_is_one(tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert evaluation_report(folder) is None
    report = EvaluationReport(
        pipeline="p", run=None, split="all", split_hash="0", items=0, rows={"x": {"m": None}}, per_item=[]
    )
    report.write(folder.evaluation_path)
    assert evaluation_report(folder) == report
