from __future__ import annotations

import numpy as np
import pytest

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
