from __future__ import annotations

from dataclasses import replace

import pytest

from engines.contract.evaluation import EvaluationReport
from engines.contract.spec import MetricSpec
from workstation.views.protocols.runs import EvaluationView
from workstation.views.runs import evaluation_table
from workstation.views.runs.evaluation_table import EvaluationTable

METRICS = (
    MetricSpec("auc_25", "AUC to 25 px", "", True),
    MetricSpec("median_error_px", "Median error", "px", False, "Half of the items have no transform."),
)


def evaluation(num_subjects=3) -> EvaluationView:
    rows = {
        "model": {"auc_25": 0.8, "median_error_px": 3.0},
        "identity": {"auc_25": 0.0, "median_error_px": None},
    }
    per_item = [
        {"item": "good", "row": "model", "median_error_px": 1.0, "verdict": "registered"},
        {
            "item": "lost",
            "row": "model",
            "median_error_px": None,
            "verdict": "not_registered",
            "reason": "no",
        },
        {"item": "bad", "row": "model", "median_error_px": 7.5, "verdict": "uncertain"},
        {"item": "good", "row": "identity", "median_error_px": 90.0, "verdict": "registered"},
    ]
    report = EvaluationReport(
        pipeline="p", run="run_1", split="evaluation", split_hash="ab", items=3, rows=rows, per_item=per_item
    )
    return EvaluationView(report, METRICS, num_subjects)


@pytest.fixture
def table(qtbot):
    widget = EvaluationTable()
    qtbot.addWidget(widget)
    widget.show()
    return widget


def cells(table, row) -> list[str]:
    return [table.item(row, column).text() for column in range(table.columnCount())]


def test_rows_against_metrics_with_their_units(table):
    table.show_evaluation(evaluation())
    titles = [table.rows.horizontalHeaderItem(column).text() for column in range(3)]
    assert titles == ["Row", "AUC to 25 px", "Median error [px]"]
    assert cells(table.rows, 0) == ["Model", "0.8", "3"]


def test_undefined_is_not_measured_with_its_reason_and_zero_stays_zero(table):
    table.show_evaluation(evaluation())
    assert cells(table.rows, 1) == ["Identity", "0", "not measured"]
    assert "no transform" in table.rows.item(1, 2).toolTip()
    assert "no transform" in table.missing.text()
    assert table.missing.isVisible()


def test_items_of_the_chosen_row_worst_first(table):
    table.show_evaluation(evaluation())
    assert [table.items.item(row, 0).text() for row in range(3)] == ["lost", "bad", "good"]
    assert "Not registered" in cells(table.items, 0)
    table.row_box.setCurrentIndex(1)
    assert table.items.rowCount() == 1


@pytest.mark.parametrize(("num_subjects", "is_warned"), [(9, True), (10, False)])
def test_few_subjects_are_warned_about(table, num_subjects, is_warned):
    table.show_evaluation(evaluation(num_subjects))
    assert table.warning.isVisible() is is_warned


def test_without_a_report_there_is_a_sentence(table):
    table.show_evaluation(evaluation())
    table.show_evaluation(None)
    assert not table.rows.isVisible()
    assert "no evaluation" in table.facts.text()


def test_a_page_is_offered_where_the_run_wrote_one(table, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(evaluation_table.QDesktopServices, "openUrl", opened.append)
    table.show_evaluation(evaluation())
    assert not table.page_button.isVisible()
    table.show_evaluation(replace(evaluation(), page=tmp_path / "页 1.html"))
    assert table.page_button.isVisible()
    table.page_button.click()
    assert [url.toLocalFile() for url in opened] == [(tmp_path / "页 1.html").as_posix()]


def test_many_rows_scroll_in_a_low_window_and_cover_nothing(table, qtbot):
    view = evaluation()
    rows = {f"row_{number}": {"auc_25": 0.5, "median_error_px": None} for number in range(12)}
    table.show_evaluation(replace(view, report=view.report.model_copy(update={"rows": rows})))
    table.resize(700, 330)
    qtbot.waitUntil(lambda: table.height() == 330)
    assert table.rows.geometry().bottom() < table.missing.geometry().top()
    assert table.missing.geometry().bottom() < table.items.geometry().top()
    assert table.items.height() >= 3 * evaluation_table.ROW_PX
    table.resize(700, 900)
    qtbot.waitUntil(lambda: table.rows.verticalScrollBar().maximum() == 0)


def test_a_reason_of_several_columns_is_said_once(table):
    view = evaluation()
    metrics = (*METRICS, MetricSpec("max_error_px", "Largest error", "px", False, METRICS[1].undefined_when))
    rows = {"model": {"auc_25": 0.8, "median_error_px": None, "max_error_px": None}}
    table.show_evaluation(
        replace(view, metrics=metrics, report=view.report.model_copy(update={"rows": rows}))
    )
    assert table.missing.text().count("Half of the items") == 1
    assert "Median error" not in table.missing.text()
