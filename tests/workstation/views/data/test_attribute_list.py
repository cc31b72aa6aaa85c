from __future__ import annotations

from dataclasses import replace

import pytest

from engines.contract.messages import Message
from workstation.views.data.attribute_list import AttributeList
from workstation.views.elements.moments import moment_text
from workstation.views.protocols.attributes import AttributeRow

ROW = AttributeRow("grade", "Grade", ("LGG", "HGG"), "For research only.")


@pytest.fixture
def attributes(qtbot) -> AttributeList:
    made = AttributeList()
    qtbot.addWidget(made)
    return made


def test_it_is_hidden_while_nothing_is_asked(attributes: AttributeList) -> None:
    assert attributes.isHidden()
    attributes.show_rows([ROW])
    assert not attributes.isHidden()
    attributes.show_rows([])
    assert attributes.isHidden()
    assert not attributes.fields


def test_what_holds_is_shown_with_its_source(attributes: AttributeList) -> None:
    attributes.show_rows([ROW])
    field = attributes.fields["grade"]
    assert field.box.currentText() == "not given"
    assert field.provenance.isHidden()
    said = replace(
        ROW, value="HGG", source=Message("By hand"), annotator="Ann", at="2020-01-02T03:04:05+00:00"
    )
    attributes.show_rows([said])
    assert attributes.fields["grade"] is field
    assert field.box.currentText() == "HGG"
    assert field.provenance.text().startswith("By hand, Ann, 2020-01-0")


def test_a_value_of_a_table_that_nobody_offers_is_shown(attributes: AttributeList) -> None:
    attributes.show_rows([replace(ROW, value="grade II")])
    box = attributes.fields["grade"].box
    assert box.currentText() == "grade II"
    assert [box.itemData(index) for index in range(box.count())] == ["", "LGG", "HGG", "grade II"]


def test_only_a_person_chooses(attributes: AttributeList, qtbot) -> None:
    told: list[tuple[str, str]] = []
    attributes.valueChosen.connect(lambda key, value: told.append((key, value)))
    attributes.show_rows([ROW])
    attributes.show_rows([replace(ROW, value="LGG")])
    assert not told
    box = attributes.fields["grade"].box
    box.setCurrentIndex(2)
    box.activated.emit(2)
    assert told == [("grade", "HGG")]


def test_no_time_is_no_text() -> None:
    assert moment_text("") == ""
