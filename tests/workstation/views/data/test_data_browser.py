from __future__ import annotations

from dataclasses import replace

import pytest

from engines.contract.kinds import ItemKind
from engines.contract.messages import Message
from workstation.views.data.data_browser import DataBrowser, state_of
from workstation.views.protocols.project import BrowserRow

ROWS = [
    BrowserRow("012-OD", "王 012", "CF + FA", "train", 18),
    BrowserRow("012-OS", "王 012", "CF + OCT", "train", 0),
    BrowserRow(
        "013-OD", "S013", "CF", "evaluation", 0, Message("the {role} image is missing", {"role": "moving"})
    ),
]


@pytest.fixture
def browser(qtbot) -> DataBrowser:
    widget = DataBrowser()
    qtbot.addWidget(widget)
    widget.show_rows(ROWS)
    return widget


def test_items_are_grouped_by_subject(browser: DataBrowser) -> None:
    assert browser.tree.topLevelItemCount() == 2
    assert browser.tree.topLevelItem(0).text(0) == "王 012"
    assert browser.tree.topLevelItem(0).childCount() == 2
    assert browser.count.text() == "3 items"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("012", ["012-OD", "012-OS"]),
        ("王", ["012-OD", "012-OS"]),
        ("oct", ["012-OS"]),
        ("EVAL", ["013-OD"]),
        ("x", []),
    ],
)
def test_filter_looks_at_subject_item_modality_and_split(
    browser: DataBrowser, wanted: str, found: list[str]
) -> None:
    browser.filter.setText(wanted)
    assert browser.shown_ids() == found


def test_choosing_a_row_says_which_item(browser: DataBrowser, qtbot) -> None:
    with qtbot.waitSignal(browser.itemChosen) as chosen:
        browser.tree.setCurrentItem(browser.tree.topLevelItem(1).child(0))
    assert chosen.args == ["013-OD"]


def test_step_stops_at_the_ends_and_crosses_subjects(browser: DataBrowser, qtbot) -> None:
    said: list[str] = []
    browser.itemChosen.connect(said.append)
    browser.set_current("012-OS")
    browser.step(1)
    browser.step(1)
    browser.step(-5)
    assert said == ["013-OD", "013-OD", "012-OD"]


def test_new_rows_keep_the_current_item_without_choosing_it_again(browser: DataBrowser) -> None:
    browser.set_current("012-OS")
    said: list[str] = []
    browser.itemChosen.connect(said.append)
    browser.show_rows([ROWS[1], ROWS[2]])
    assert browser.tree.currentItem().text(0) == "012-OS"
    assert not said


def test_state_is_a_word_beside_the_colour(browser: DataBrowser) -> None:
    assert [state_of(row) for row in ROWS] == ["done", "stale", "warning"]
    assert "the moving image is missing" in browser.tree.topLevelItem(1).child(0).toolTip(0)


def test_volumes_tell_label_maps_modalities_and_voxels(browser: DataBrowser) -> None:
    row = BrowserRow("ct", "S014", "CTA", "", 0, kind=ItemKind.VOLUME, size="512×512×300", num_label_maps=2)
    browser.show_rows([*ROWS, row, replace(row, item_id="none", num_label_maps=0)])
    nodes = [browser.tree.topLevelItem(2).child(index) for index in range(2)]
    tips = [node.toolTip(0).splitlines() for node in nodes]
    assert tips[0][2:] == ["2 label maps", "CTA", "512×512×300"]
    assert tips[1][2] == "no label map"
    assert (state_of(row), browser.kind_of("ct")) == ("done", ItemKind.VOLUME)
    assert browser.kind_of("012-OD") is ItemKind.IMAGE_PAIR
