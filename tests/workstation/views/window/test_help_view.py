from __future__ import annotations

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication, QWidget

from engines.contract.resources import resource_path
from engines.imaging.images import write_image
from workstation.actions.registry import ActionRegistry
from workstation.actions.tables import ALL_ACTIONS
from workstation.views.elements.markdown_view import MarkdownView
from workstation.views.elements.theme import apply_theme, palette
from workstation.views.window.help_pages import HelpPages
from workstation.views.window.help_view import HelpView

IMAGE = QTextDocument.ResourceType.ImageResource.value


@pytest.fixture
def view(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    pages = HelpPages(ActionRegistry(ALL_ACTIONS, window))
    widget = HelpView(pages, window)
    widget.open_page("pairs")
    return widget


def test_the_page_that_was_asked_for_is_shown_and_marked(view):
    assert view.isVisible()
    assert view.page.toPlainText().startswith("Pairs")
    assert view.list.currentItem().text() == "Pairs"


def test_an_unknown_page_opens_the_first(view):
    view.open_page("teleport")
    assert view.current == "start"


def test_links_are_followed_and_the_way_back_is_kept(view):
    view.follow("residuals.md")
    assert view.current == "residuals"
    assert view.back.isEnabled()
    view.go_back()
    assert view.current == "pairs"
    assert not view.back.isEnabled()


def test_a_link_with_a_heading_scrolls_to_it(view):
    view.follow("diagnosis.md#overfitting")
    assert view.current == "diagnosis"
    assert view.page.verticalScrollBar().value() > 0
    assert not view.page.scroll_to("no-such-heading")


def test_search_shortens_the_list_and_return_opens_the_first(view, qtbot):
    view.search.setText("thin-plate")
    shown = [view.list.item(row).text() for row in range(view.list.count())]
    assert 0 < len(shown) < 16
    view.search.returnPressed.emit()
    assert view.current == view.list.item(0).data(0x0100)


def test_every_page_can_be_drawn(view):
    for key in view._pages.keys:
        view.show_page(key)
        assert len(view.page.toPlainText()) > 200, key


def test_a_page_takes_the_colours_of_another_theme(view):
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    apply_theme(application, "light")
    view.follow("residuals.md")
    links = _link_colours(view.page)
    assert links == {palette("light")["accent"]}
    apply_theme(application, "dark")
    assert _link_colours(view.page) == {palette("dark")["accent"]}


def _link_colours(page: MarkdownView) -> set[str]:
    found = set()
    block = page.document().begin()
    while block.isValid():
        pieces = block.begin()
        while not pieces.atEnd():
            form = pieces.fragment().charFormat()
            if form.isAnchor():
                found.add(form.foreground().color().name())
            pieces += 1
        block = block.next()
    return found


def test_pictures_come_from_the_folder_of_the_page_only(qtbot, tmp_path):
    import numpy as np

    folder = tmp_path / "页面"
    write_image(folder / "in.png", np.zeros((4, 4), np.uint8))
    write_image(tmp_path / "out.png", np.zeros((4, 4), np.uint8))
    page = MarkdownView()
    qtbot.addWidget(page)
    page.show_markdown("text", folder)
    assert page.loadResource(IMAGE, QUrl("in.png")) is not None
    for refused in ("../out.png", "https://example.org/a.png", str(tmp_path / "out.png")):
        assert page.loadResource(IMAGE, QUrl(refused)) is None, refused


def test_pages_lie_in_a_folder_a_language():
    assert {path.name for path in resource_path("help").iterdir()} == {"contents.yaml", "en"}
