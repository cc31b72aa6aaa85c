from __future__ import annotations

from xml.etree import ElementTree

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QWidget

from engines.contract.resources import resource_path
from workstation.actions.registry import ActionRegistry
from workstation.actions.tables import ALL_ACTIONS
from workstation.screens import SCREENS
from workstation.views.elements.action_bar import ActionBar
from workstation.views.elements.icons import dress, icon, icon_names
from workstation.views.elements.theme import THEMES, palette
from workstation.views.pairs.pairs_screen import TOOL_BAR

FILES = sorted(resource_path("icons").glob("*.svg"))
SHOWN = {spec.key for spec in ALL_ACTIONS} & (
    {f"pairs.{verb}" for group in TOOL_BAR for verb in group}
    | {f"screen.{spec.key}" for spec in SCREENS}
    | {"window.palette"}
)


def test_every_tool_bar_and_top_bar_action_has_an_icon() -> None:
    assert SHOWN - set(icon_names()) == set()


def test_every_name_is_a_file() -> None:
    assert set(icon_names().values()) <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_drawing_is_one_coloured_and_small(path) -> None:
    drawing = path.read_text(encoding="utf-8")
    assert ElementTree.fromstring(drawing).attrib["viewBox"] == "0 0 24 24"
    assert "#" not in drawing
    assert path.stat().st_size < 1000


@pytest.mark.parametrize("theme", THEMES)
def test_icon_has_the_colour_of_the_theme_and_is_faint_when_disabled(qapp, theme: str) -> None:
    made = icon("stop", theme)
    normal = made.pixmap(24, 24).toImage()
    strongest = max(
        (normal.pixelColor(x, y) for x in range(24) for y in range(24)), key=lambda colour: colour.alpha()
    )
    wanted = palette(theme)["text"]
    assert all(
        abs(got - int(wanted[i : i + 2], 16)) < 8
        for got, i in zip(strongest.getRgb()[:3], (1, 3, 5), strict=True)
    )
    faint = made.pixmap(24, 24, QIcon.Mode.Disabled).toImage()
    assert max(faint.pixelColor(x, y).alpha() for x in range(24) for y in range(24)) < 200


def test_actions_are_dressed(qtbot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    actions = ActionRegistry(ALL_ACTIONS, window)
    dress(actions)
    assert not [key for key in SHOWN if actions.action(key).icon().isNull()]


def test_bar_shows_text_where_it_fits_else_icons_else_a_menu(qtbot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    actions = [QAction(icon("add", "dark"), f"Rather long {number}", window) for number in range(8)]
    bar = ActionBar([actions[:4], actions[4:]], window)
    window.show()
    bar.resize(1600, 34)
    style = Qt.ToolButtonStyle
    assert {button.toolButtonStyle() for button in bar.buttons} == {style.ToolButtonTextBesideIcon}
    bar.resize(500, 34)
    assert {button.toolButtonStyle() for button in bar.buttons} == {style.ToolButtonIconOnly}
    assert not bar.more.isVisibleTo(bar)
    bar.resize(160, 34)
    hidden = [button.action for button in bar.buttons if button.isHidden()]
    assert 0 < len(hidden) < 8
    assert bar.more.isVisibleTo(bar)
    assert bar.more.menu().actions() == hidden
    assert all(not action.text() or action in actions for action in hidden)
