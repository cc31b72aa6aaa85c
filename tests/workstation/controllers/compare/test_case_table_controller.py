"""The table of cases of a real project, with a mocked view."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import MagicMock

import numpy as np
import pytest

from engines.imaging.volumes.label_comparison import Agreement, Metric
from engines.imaging.volumes.mask_editing import Paint, brush, stroke
from workstation.controllers.compare import case_table
from workstation.controllers.compare.case_table import SIDES, arranged, csv_of, first_choice
from workstation.controllers.compare.case_table_controller import CaseTableController
from workstation.controllers.workbench import Workbench
from workstation.project.label_map_commands import PaintVoxels
from workstation.views.protocols.cards import Card
from workstation.views.protocols.volume_compare import CaseRow, TableChoice, VolumeCompareScreenView


@pytest.fixture
def view() -> MagicMock:
    return MagicMock(spec=VolumeCompareScreenView)


@pytest.fixture
def controller(case_bench: Workbench, view: MagicMock, qtbot) -> Iterator[CaseTableController]:
    made = CaseTableController(case_bench, view, MagicMock())
    made.look("ground truth")
    settle(case_bench, qtbot)
    yield made
    made.stop()


def settle(bench: Workbench, qtbot) -> None:
    qtbot.waitUntil(lambda: bench.background.num_waiting == 0, timeout=20000)


def measured(controller: CaseTableController, bench: Workbench, qtbot):
    controller.measure()
    settle(bench, qtbot)
    assert controller.table is not None
    return controller.table


def test_names_are_offered_with_their_cases(controller: CaseTableController, view: MagicMock) -> None:
    names, choice = view.show_names.call_args.args
    assert names == [("input", 3), ("refined", 3), ("ground truth", 3)]
    assert choice == TableChoice("input", "refined", "ground truth")


def test_worst_change_comes_first(controller: CaseTableController, case_bench: Workbench, qtbot) -> None:
    table = measured(controller, case_bench, qtbot)
    assert [row.item_id for row in table.rows] == ["case_1", "case_0", "case_2"]
    worst = table.rows[0]
    assert worst.value(Metric.DICE, "before") == pytest.approx(18 / 19)
    assert worst.value(Metric.DICE, "after") == pytest.approx(12 / 16)
    assert worst.value(Metric.DICE, "delta") == pytest.approx(12 / 16 - 18 / 19)
    assert worst.value(Metric.VOLUME, "delta") == pytest.approx(-3 * 8 * 5 * 0.8 * 0.8 * 2.5 / 1000)
    assert worst.value(Metric.HD95, "after") == pytest.approx(3.2)
    mean = np.mean([row.value(Metric.DICE, "delta") for row in table.rows])
    assert table.means[Metric.DICE, "delta"] == pytest.approx(mean)
    assert table.num_subjects == 3
    assert table.intervals[Metric.DICE] is None


def test_sorting_by_a_distance_puts_the_largest_growth_first(
    controller: CaseTableController, case_bench: Workbench, qtbot
) -> None:
    measured(controller, case_bench, qtbot)
    controller.sort_by(Metric.HD95)
    deltas = [row.value(Metric.HD95, "delta") for row in controller.table.rows]
    assert deltas == sorted(deltas, reverse=True)


def test_only_what_changed_is_measured_again(
    controller: CaseTableController, case_bench: Workbench, monkeypatch: pytest.MonkeyPatch, qtbot
) -> None:
    measured(controller, case_bench, qtbot)
    counted = MagicMock(wraps=case_table.agreement)
    monkeypatch.setattr(case_table, "agreement", counted)
    measured(controller, case_bench, qtbot)
    assert counted.call_count == 0
    project = case_bench.project
    label_map = next(one for one in project.label_maps.of_item("case_0") if one.name == "refined")
    volume, _ = project.label_maps.read(label_map.id)
    change = stroke(volume.voxels, [(4, 6, 4)], brush(volume.geometry.spacing_mm, 1.0, None), Paint(1))
    project.history.execute(PaintVoxels(label_map.id, change.to_text()))
    controller.look()
    settle(case_bench, qtbot)
    assert controller.table is None
    measured(controller, case_bench, qtbot)
    assert counted.call_count == 1


def test_measuring_can_be_stopped(
    controller: CaseTableController, case_bench: Workbench, view: MagicMock, qtbot
) -> None:
    controller.measure()
    assert controller.is_measuring
    controller.stop()
    assert not controller.is_measuring
    settle(case_bench, qtbot)
    assert controller.table is None
    assert view.show_progress.call_args.args == (0, 0)


def test_a_case_opens(controller: CaseTableController, case_bench: Workbench) -> None:
    controller.open("case_2")
    assert case_bench.item_id == "case_2"


def test_another_grid_is_a_problem_of_its_row_only(
    controller: CaseTableController, case_bench: Workbench, add_case, qtbot
) -> None:
    labels = np.zeros((20, 18, 9), np.uint8)
    moved = np.diag([0.8, 0.8, 2.5, 1.0])
    add_case(
        case_bench.project,
        "moved",
        {name: (source, labels) for name, source in (("input", "manual"), ("refined", "manual"))}
        | {"ground truth": ("import", labels)},
        map_affines={"ground truth": moved},
    )
    controller.look()
    settle(case_bench, qtbot)
    table = measured(controller, case_bench, qtbot)
    assert table.rows[-1].item_id == "moved"
    assert "two grids" in str(table.rows[-1].problem)
    assert table.num_subjects == 3


def test_the_table_is_exported_in_its_order(
    controller: CaseTableController, case_bench: Workbench, qtbot
) -> None:
    cards: list[Card] = []
    case_bench.card_posted.connect(cards.append)
    measured(controller, case_bench, qtbot)
    controller.export()
    settle(case_bench, qtbot)
    path = case_bench.project.folder / "exports" / "cases.csv"
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert [row["item"] for row in rows] == ["case_1", "case_0", "case_2", "mean"]
    assert float(rows[0]["dice_delta"]) == pytest.approx(12 / 16 - 18 / 19, abs=1e-5)
    assert cards[-1].what.parameters["name"] == "cases.csv"
    controller.export()
    settle(case_bench, qtbot)
    assert (path.parent / "cases-2.csv").is_file()


def test_what_has_no_value_stays_empty_in_the_file() -> None:
    empty = Agreement(dict.fromkeys(Metric), {})
    table = arranged([CaseRow("a", "s", empty, empty)], TableChoice("x", "y", "z"))
    row = next(csv.DictReader(io.StringIO(csv_of(table))))
    assert {row[f"{metric}_{side}"] for metric in Metric for side in SIDES} == {""}


def test_interval_by_subject_from_five_on() -> None:
    def agreement(value: float) -> Agreement:
        return Agreement(dict.fromkeys(Metric, value))

    rows = [
        CaseRow(f"c{number}", f"s{number}", agreement(0.5), agreement(0.5 + 0.01 * number))
        for number in range(5)
    ]
    table = arranged(rows, TableChoice("x", "y", "z"))
    assert table.intervals[Metric.DICE].low < 0.02 < table.intervals[Metric.DICE].high
    assert arranged(rows[:4], table.choice).intervals[Metric.DICE] is None
    same = [replace(row, subject="s0") for row in rows]
    assert arranged(same, table.choice).intervals[Metric.DICE] is None


def test_first_choice_of_a_project_without_label_maps_is_none() -> None:
    assert not first_choice({}).is_complete
