"""Every screen has a page, every link leads somewhere, and no page says what the program does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from engines.contract.errors import UnknownKeyError
from engines.contract.kinds import Severity
from engines.contract.registry import all_specs
from engines.contract.resources import resource_path
from workstation.actions.registry import ActionRegistry
from workstation.actions.tables import ALL_ACTIONS
from workstation.screens import SCREENS
from workstation.views.window.help_pages import TOKEN, HelpPages, plain, slug

LINK = re.compile(r"!?\[[^\]]*\]\(([^)]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
KEY_WRITTEN_OUT = re.compile(r"`(Ctrl\+[^`]*|F\d+)`")
PAGES = sorted(path.stem for path in resource_path("help", "en").glob("*.md"))


@pytest.fixture
def pages(qapp: QApplication) -> Iterator[HelpPages]:
    window = QWidget()
    yield HelpPages(ActionRegistry(ALL_ACTIONS, window))
    window.deleteLater()


def source(key: str) -> str:
    return resource_path("help", "en", f"{key}.md").read_text(encoding="utf-8")


def test_every_screen_has_a_page(pages: HelpPages) -> None:
    assert {spec.key for spec in SCREENS} <= set(pages.keys)


def test_contents_and_files_agree(pages: HelpPages) -> None:
    assert sorted(pages.keys) == PAGES


@pytest.mark.parametrize("key", PAGES)
def test_every_token_names_something(pages: HelpPages, key: str) -> None:
    text = pages.text(key)
    assert not TOKEN.search(text)
    assert "{" not in re.sub(r"`[^`]*`", "", text)


@pytest.mark.parametrize("key", PAGES)
def test_links_lead_to_pages_and_headings_that_exist(key: str) -> None:
    for link in LINK.findall(source(key)):
        target, _hash, heading = link.partition("#")
        page = target.removesuffix(".md") or key
        if target.endswith((".png", ".jpg", ".svg")):
            assert resource_path("help", "en", target).is_file(), link
            continue
        assert page in PAGES, link
        if heading:
            assert heading in {slug(found) for found in HEADING.findall(source(page))}, link


@pytest.mark.parametrize("key", PAGES)
def test_no_page_needs_a_network(key: str) -> None:
    assert "http" not in source(key)


@pytest.mark.parametrize("key", PAGES)
def test_keys_come_from_the_actions_and_are_never_written_out(key: str) -> None:
    assert not KEY_WRITTEN_OUT.findall(source(key))


@pytest.mark.parametrize("screen", [spec.key for spec in SCREENS])
def test_the_page_of_a_screen_lists_all_its_actions(pages: HelpPages, screen: str) -> None:
    text = pages.text(screen)
    for spec in ALL_ACTIONS:
        if spec.screen == screen:
            assert spec.tooltip.replace("|", "\\|") in text, spec.key


def test_changed_keys_are_shown(pages: HelpPages) -> None:
    window = QWidget()
    actions = ActionRegistry(ALL_ACTIONS, window)
    actions.action("pairs.add").setShortcut("Ctrl+Alt+9")
    assert "Ctrl+Alt+9" in HelpPages(actions).text("pairs")
    window.deleteLater()


def test_every_rule_that_can_fire_is_explained() -> None:
    from engines.core.generic_rules import rules_of

    headings = {slug(found) for found in HEADING.findall(source("diagnosis"))}
    for spec in all_specs():
        for rule in rules_of(spec):
            assert rule.severity in set(Severity)
            assert rule.name.replace("_", "-") in headings, rule.name


def test_an_unknown_action_in_a_page_is_an_error_with_advice(pages: HelpPages) -> None:
    with pytest.raises(UnknownKeyError, match=r"pairs\.ad"):
        TOKEN.sub(pages._fill, "{key:pairs.ad}")


def test_an_unknown_page_is_an_error_with_advice(pages: HelpPages) -> None:
    with pytest.raises(UnknownKeyError, match="no help page"):
        pages.path("teleport")


def test_a_language_without_pages_is_english(qapp: QApplication) -> None:
    window = QWidget()
    pages = HelpPages(ActionRegistry(ALL_ACTIONS, window), "zh_CN")
    assert pages.title("pairs") == "Pairs"
    window.deleteLater()


def test_search_finds_words_and_puts_titles_first(pages: HelpPages) -> None:
    hits = pages.search("residual")
    assert hits[0].key == "residuals"
    assert len(hits) > 1
    assert all("residual" in hit.excerpt.casefold() for hit in hits if hit.excerpt)
    assert [hit.key for hit in pages.search("")] == list(pages.keys)
    assert pages.search("xylophone") == []


def test_plain_text_has_no_marks() -> None:
    assert plain("# A **b** [c](d.md#e) `f`") == "A b c f"
