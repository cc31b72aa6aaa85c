from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engines.contract.kinds import PanelKind
from engines.contract.panels import PanelFile
from engines.contract.registry import all_specs
from workstation.views.panels import PanelWidget, UnknownPanel, has_drawer, make_drawer


def test_curve_panel_draws_its_series_and_keeps_gaps(qtbot, tmp_path):
    drawer = make_drawer("curve")
    qtbot.addWidget(drawer)
    data = {
        "series": [{"name": "a", "x": [0, 1, 2], "y": [1, None, 3]}, {"name": "b", "x": [0], "y": [5]}],
        "x_label": "distance",
        "y_label": "share",
    }
    drawer.show_panel(PanelFile(kind=PanelKind.CURVE, title="t", data=data), tmp_path)
    steps, values = drawer.plot.drawn(("a", ""))
    np.testing.assert_array_equal(steps, [0, 1, 2])
    np.testing.assert_array_equal(values, [1, np.nan, 3])
    assert "b" in drawer.plot.legend.text()


def test_image_series_panel_reads_paths_relative_to_the_run(qtbot, tmp_path):
    drawer = make_drawer("image_series")
    qtbot.addWidget(drawer)
    frame = {"step": 3, "item": "eye", "name": "fixed", "path": "previews/a.png"}
    panel = PanelFile(kind=PanelKind.IMAGE_SERIES, title="t", data={"frames": [frame]})
    drawer.show_panel(panel, tmp_path)
    assert drawer._frames[0].path == tmp_path / "previews" / "a.png"


def test_a_row_of_a_table_leads_to_its_place(qtbot, tmp_path):
    drawer = make_drawer("table")
    qtbot.addWidget(drawer)
    places = [{"item": "病人", "world_mm": [1, 2.5, -3]}, None]
    data = {"columns": ["Item", "Slice"], "rows": [["病人", 4], ["other", 5]], "places": places}
    drawer.show_panel(PanelFile(kind=PanelKind.TABLE, title="Slices", data=data), tmp_path)
    with qtbot.waitSignal(drawer.placeChosen) as found:
        at = drawer.table.visualItemRect(drawer.table.item(0, 1)).center()
        QTest.mouseClick(drawer.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
        QTest.mouseDClick(drawer.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert found.args == ["病人", (1.0, 2.5, -3.0)]
    with qtbot.assertNotEmitted(drawer.placeChosen):
        drawer.table.cellActivated.emit(1, 0)


def test_table_panel_shows_numbers_and_words(qtbot, tmp_path):
    drawer = make_drawer("table")
    qtbot.addWidget(drawer)
    data = {
        "columns": ["Part", "Parameters", "Share"],
        "rows": [["encoder", 1234567, 61.5], ["head", 12, None]],
    }
    drawer.show_panel(PanelFile(kind=PanelKind.TABLE, title="t", data=data), tmp_path)
    cells = [[drawer.table.item(row, column).text() for column in range(3)] for row in range(2)]
    assert cells == [["encoder", "1,234,567", "61.5"], ["head", "12", "–"]]


def test_matrix_panel_gives_shares_of_rows(qtbot, tmp_path):
    drawer = make_drawer("matrix")
    qtbot.addWidget(drawer)
    data = {
        "rows": ["low", "high"], "columns": ["low", "high"], "row_label": "True", "column_label": "Said",
        "values": [[3, 1], [0, 0]],
    }  # fmt: skip
    drawer.show_panel(PanelFile(kind=PanelKind.MATRIX, title="t", data=data), tmp_path)
    assert [drawer.table.item(0, column).text() for column in range(3)] == [
        "True: low",
        "3  (75%)",
        "1  (25%)",
    ]
    assert drawer.table.item(1, 1).text() == "0"
    assert drawer.table.horizontalHeaderItem(2).text() == "Said: high"


def test_a_moved_threshold_moves_the_counts_and_is_remembered(qtbot, tmp_path):
    drawer = make_drawer("decision")
    qtbot.addWidget(drawer)
    data = {
        "classes": ["LGG", "HGG"], "threshold": 0.5, "band": 0.1,
        "scores": [0.2, 0.45, 0.7, 0.3, 0.8, 0.9], "is_positive": [False, False, False, True, True, True],
    }  # fmt: skip
    panel = PanelFile(kind=PanelKind.DECISION, title="t", data=data)
    drawer.show_panel(panel, tmp_path)

    def counts():
        rows = [[drawer.matrix.table.item(row, place).text() for place in (1, 2, 3)] for row in (0, 1)]
        return [[int(text.split()[0]) for text in row] for row in rows]

    assert counts() == [[1, 1, 1], [1, 2, 0]]
    assert "Sensitivity (HGG) 0.667" in drawer.facts.text()
    assert "Specificity (LGG) 0.500" in drawer.facts.text()
    assert not drawer.reset.isEnabled()
    with qtbot.waitSignal(drawer.viewChanged) as moved:
        drawer.slider.setValue(150)
        drawer.band.setValue(0.0)
    assert moved.args == [{"threshold": 0.75, "band": 0.0}]
    assert counts() == [[3, 0, 0], [1, 2, 0]]
    # The same panel drawn again leaves it where it is; another look at it finds it there.
    drawer.show_panel(panel, tmp_path)
    assert drawer.view() == moved.args[0]
    again = make_drawer("decision")
    qtbot.addWidget(again)
    again.show_panel(panel, tmp_path)
    again.set_view(moved.args[0])
    assert again.view() == moved.args[0]
    again.reset.click()
    assert again.view() == {"threshold": 0.5, "band": 0.1}


def test_where_nothing_is_said_there_is_no_share(qtbot, tmp_path):
    drawer = make_drawer("decision")
    qtbot.addWidget(drawer)
    data = {"classes": ["a", "b"], "threshold": 0.5, "band": 0.49, "scores": [0.5], "is_positive": [True]}
    drawer.show_panel(PanelFile(kind=PanelKind.DECISION, title="t", data=data), tmp_path)
    assert "–" in drawer.facts.text()
    assert "0 of 1 cases" in drawer.facts.text()


def test_reliability_panel_leaves_empty_bins_out(qtbot, tmp_path):
    drawer = make_drawer("reliability")
    qtbot.addWidget(drawer)
    data = {
        "stated": [0.1, 0.5, 0.9],
        "observed": [0.2, 0.0, 0.7],
        "counts": [5, 0, 7],
        "expected_error": 0.158,
    }
    drawer.show_panel(PanelFile(kind=PanelKind.RELIABILITY, title="t", data=data), tmp_path)
    stated, observed = drawer.curves.plot.drawn(("observed", ""))
    np.testing.assert_allclose((stated, observed), [[0.1, 0.9], [0.2, 0.7]])
    assert "5, 7" in drawer.facts.text()
    assert "0.158" in drawer.facts.text()


def test_scrubber_panel_goes_through_steps(qtbot, tmp_path):
    drawer = make_drawer("scrubber")
    qtbot.addWidget(drawer)
    frames = [{"step": step, "item": "a", "name": "drawing", "path": f"{step}.png"} for step in range(3)]
    drawer.show_panel(PanelFile(kind=PanelKind.SCRUBBER, title="t", data={"frames": frames}), tmp_path)
    assert drawer.slider.maximum() == 2


@pytest.mark.parametrize("kind", list(PanelKind))
def test_every_kind_is_drawn_or_refused_with_a_sentence(qtbot, tmp_path, kind):
    drawer = make_drawer(kind.value)
    qtbot.addWidget(drawer)
    assert isinstance(drawer, PanelWidget)
    assert isinstance(drawer, UnknownPanel) is not has_drawer(kind.value)
    drawer.show_panel(PanelFile(kind=kind, title="t", data={}), tmp_path / "run_7")
    if isinstance(drawer, UnknownPanel):
        assert kind.value in drawer.sentence.text()
        assert "run_7" in drawer.sentence.text()


@pytest.mark.parametrize("kind", ["../evil", "os.path", ""])
def test_only_names_of_kinds_are_looked_up(kind):
    assert not has_drawer(kind)


def test_panels_of_every_pipeline_can_be_drawn():
    kinds = {panel.kind.value for spec in all_specs() for panel in spec.panels}
    assert [kind for kind in kinds if not has_drawer(kind)] == []
