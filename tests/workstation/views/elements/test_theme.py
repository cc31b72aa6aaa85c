from __future__ import annotations

import pytest
import yaml
from PySide6.QtWidgets import QTabWidget, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from engines.contract.resources import resource_path
from workstation.views.elements.display import display
from workstation.views.elements.theme import THEMES, palette, resolved, style_sheet

TEXT_ON_GROUND = [
    (text, ground)
    for ground in ("ground", "surface", "raised", "field", "selection")
    for text in ("text", "muted", "running", "done", "warning", "failed", "stale")
] + [
    ("accent_text", "accent"),
    ("accent_text", "accent_hover"),
    ("accent", "surface"),
    ("accent", "ground"),
    ("accent", "raised"),
]
# What is no text, but has to be seen.
RING_ON_GROUND = [("accent", ground) for ground in ("ground", "surface", "raised", "field")]


def luminance(colour: str) -> float:
    channels = (int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_text_stands_out_from_its_ground(theme: str) -> None:
    colours = palette(theme)
    poor = {
        f"{text} on {ground}": round(contrast(colours[text], colours[ground]), 2)
        for text, ground in TEXT_ON_GROUND
        if contrast(colours[text], colours[ground]) < 4.5
    }
    assert not poor


@pytest.mark.parametrize("theme", THEMES)
def test_focus_ring_stands_out_from_its_ground(theme: str) -> None:
    colours = palette(theme)
    assert min(contrast(colours[ring], colours[ground]) for ring, ground in RING_ON_GROUND) >= 3
    assert contrast(colours["text"], colours["accent"]) >= 1.5


@pytest.mark.parametrize("setting", ["dark", "light", "system", "unheard of"])
def test_setting_means_one_of_the_two_themes(qapp, setting: str) -> None:
    assert resolved(setting) in THEMES
    assert setting not in THEMES or resolved(setting) == setting


def test_both_themes_name_the_same_colours() -> None:
    themes = yaml.safe_load(resource_path("theme", "palette.yaml").read_text(encoding="utf-8"))
    assert set(themes["dark"]) == set(themes["light"])


@pytest.mark.parametrize("theme", THEMES)
def test_style_sheet_has_no_name_left(theme: str) -> None:
    assert "@" not in style_sheet(theme).split("*/", 1)[1]


@pytest.mark.parametrize("theme", THEMES)
def test_tabs_that_do_not_fit_are_reached_by_arrows_that_are_seen(theme: str, qtbot: QtBot) -> None:
    tabs = QTabWidget()
    qtbot.addWidget(tabs)
    tabs.setStyleSheet(style_sheet(theme))
    for number in range(9):
        tabs.addTab(QWidget(), f"Title {number}")
    tabs.resize(300, 100)
    tabs.show()
    qtbot.waitExposed(tabs)
    arrows = [button for button in tabs.tabBar().findChildren(QToolButton) if button.isVisible()]
    assert len(arrows) == 2
    for arrow in arrows:
        image = arrow.grab().toImage()
        middle = arrow.rect().adjusted(4, 4, -4, -4)
        seen = {
            image.pixelColor(x, y).name()
            for x in range(middle.left(), middle.right())
            for y in range(middle.top(), middle.bottom())
        }
        assert max(contrast(first, second) for first in seen for second in seen) > 2


@pytest.mark.parametrize("theme", THEMES)
def test_canvas_stays_near_black(theme: str) -> None:
    assert luminance(palette(theme)["canvas"]) < 0.01


def test_display_holds_presets_and_colours() -> None:
    look = display()
    assert [(preset.name, preset.width, preset.centre) for preset in look.windows][:2] == [
        ("CTA", 600, 150),
        ("Soft tissue", 400, 40),
    ]
    assert look.colours["fixed"] == "#00ff00"
    assert look.colours["moving"] == "#ff00ff"
    assert len(set(look.point_colours)) == len(look.point_colours) == 7
    assert look.point_colour(7) == look.point_colour(0)
