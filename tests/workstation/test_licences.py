from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication

from engines.contract.registry import all_specs
from workstation.licences import OWN_LICENCE, libraries, licence_text, read_credits
from workstation.views.window.licences_view import LicencesView

ROOT = Path(__file__).resolve().parents[2]


def test_the_licence_that_is_shipped_is_the_one_of_the_program():
    assert licence_text(OWN_LICENCE) == (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_libraries_are_those_that_the_program_needs_with_their_licences():
    found = {library.name.lower(): library for library in libraries()}
    assert {"napari", "numpy", "torch", "sqlalchemy"} <= set(found)
    assert "annotation-training-workstation" not in found
    for name in ("numpy", "torch", "pydantic"):
        assert found[name].licence, name
        assert found[name].version, name
    unnamed = [name for name, library in found.items() if not library.licence]
    assert len(unnamed) < len(found) / 10, unnamed


def test_a_distribution_that_is_not_installed_needs_nothing():
    assert libraries("no-such-distribution") == []


@pytest.fixture(scope="module")
def found():
    return read_credits()


@pytest.fixture
def view(qtbot, found):
    widget = LicencesView()
    qtbot.addWidget(widget)
    widget.show()
    widget.show_credits(found.licences, found.sources, found.methods, found.libraries)
    return widget


def test_the_page_names_images_methods_and_libraries(view):
    text = view.page.toPlainText()
    for words in ("angiogram.png", "Ophthalmology Science", "SuperRetina", "napari", "CC0", "Apache License"):
        assert words in text, words
    assert all(spec.title in text for spec in all_specs())


def test_every_licence_of_the_table_is_a_link_to_its_text(view):
    view.page.linkClicked.emit("#eyeliner-apache-2-0")
    assert view.page.verticalScrollBar().value() > 0


def test_everything_can_be_copied(view):
    view.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert "Redistribution and use in source and binary forms" in copied
    assert "visit_2.jpg" in copied
