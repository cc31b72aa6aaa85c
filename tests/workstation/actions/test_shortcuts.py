from __future__ import annotations

import json
import logging

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QWidget

from engines.contract.config import read_yaml
from engines.contract.resources import resource_path
from workstation.actions.registry import ActionRegistry, ActionSpec
from workstation.actions.shortcuts import (
    PRESETS,
    ShortcutMap,
    is_destructive,
    portable,
    read_preset,
    refusal,
)
from workstation.actions.tables import ALL_ACTIONS


@pytest.fixture
def registry(qtbot) -> ActionRegistry:
    window = QWidget()
    qtbot.addWidget(window)
    return ActionRegistry(ALL_ACTIONS, window)


def all_conflicts(registry: ActionRegistry) -> list[tuple[str, str, list[str]]]:
    return [
        (spec.key, text, registry.rivals(spec.key, text))
        for spec in registry.specs()
        for text in registry.shortcuts(spec.key)
        if registry.rivals(spec.key, text)
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_names_actions_that_exist_and_leaves_no_conflict_and_no_action_without_a_key(
    registry: ActionRegistry, preset: str
) -> None:
    known = {spec.key for spec in registry.specs()}
    assert set(read_preset(preset).shortcuts) <= known
    for key, texts in read_preset(preset).shortcuts.items():
        assert not [text for text in texts if refusal(registry.spec(key), text)]
    ShortcutMap(registry, preset)
    assert all_conflicts(registry) == []
    assert [key for key in known if not registry.shortcuts(key)] == []


def test_presets_on_disk_are_those_that_are_offered() -> None:
    files = {path.stem for path in resource_path("shortcuts").glob("*.yaml")}
    assert files == set(PRESETS)
    assert all(read_yaml(resource_path("shortcuts", f"{key}.yaml"))["title"] for key in PRESETS)


def test_changed_key_is_followed_by_the_action_and_its_tooltip(registry: ActionRegistry) -> None:
    heard: list[bool] = []
    registry.shortcuts_changed.connect(lambda: heard.append(True))
    keys = ShortcutMap(registry)
    keys.set("pairs.add", ["Shift+A"])
    action = registry.action("pairs.add")
    assert action.shortcuts() == [QKeySequence("Shift+A")]
    assert "Shift+A" in action.toolTip()
    assert keys.own == {"pairs.add": ["Shift+A"]}
    assert heard
    keys.reset("pairs.add")
    assert registry.shortcuts("pairs.add") == ("N",)
    assert keys.own == {}


def test_key_of_another_action_is_refused_until_it_is_taken_or_swapped(registry: ActionRegistry) -> None:
    keys = ShortcutMap(registry)
    assert keys.rivals("pairs.add", "V") == ["pairs.select"]
    with pytest.raises(ValueError, match=r"pairs\.select"):
        keys.set("pairs.add", ["V"])
    keys.swap("pairs.add", "V")
    assert registry.shortcuts("pairs.add") == ("V",)
    assert registry.shortcuts("pairs.select") == ("N",)
    keys.reset_all()
    keys.take("pairs.add", "V")
    assert registry.shortcuts("pairs.add") == ("V",)
    assert registry.shortcuts("pairs.select") == ()
    assert all_conflicts(registry) == []
    keys.reset("pairs.select")
    assert registry.shortcuts("pairs.select") == ("V",)
    assert registry.shortcuts("pairs.add") == ()


def test_the_same_key_on_two_screens_is_no_conflict(registry: ActionRegistry) -> None:
    keys = ShortcutMap(registry)
    assert keys.rivals("runs.use", "N") == []
    keys.set("runs.use", ["N"])
    assert all_conflicts(registry) == []


@pytest.mark.parametrize("text", ["D", "Shift+D", "F8", "5"])
def test_what_destroys_gets_no_single_key(text: str) -> None:
    destructive = [spec for spec in ALL_ACTIONS if is_destructive(spec)]
    assert {"pairs.delete", "train.discard", "runs.discard"} <= {spec.key for spec in destructive}
    for spec in destructive:
        assert refusal(spec, text)
        assert not refusal(spec, "Del")
        assert not refusal(spec, "Ctrl+D")


def test_keys_that_move_the_focus_serve_only_inside_a_canvas() -> None:
    spec = ActionSpec("a.go", "Go", "Goes.")
    assert refusal(spec, "Tab")
    assert refusal(spec, "Space")
    assert not refusal(ActionSpec("a.go", "Go", "Goes.", scope="canvas"), "Tab")


@pytest.mark.parametrize("text", ["", "Nonsense+", "Ctrl+", "Ctrl+K, Ctrl+L"])
def test_what_is_no_key_is_refused(text: str) -> None:
    assert portable(text) == ""
    assert refusal(ActionSpec("a.go", "Go", "Goes."), text)


def test_bad_entries_of_a_file_are_dropped_with_a_warning_and_the_others_stay(
    registry: ActionRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    content = {
        "preset": "unheard of",
        "shortcuts": {
            "pairs.add": ["Shift+A"],
            "pairs.fly": ["F"],
            "pairs.select": "V",
            "pairs.lock": [3],
            "pairs.delete": ["D"],
            "pairs.worst": ["Shift+A"],
            "pairs.blend": ["Nonsense+"],
        },
    }
    keys = ShortcutMap(registry)
    with caplog.at_level(logging.WARNING):
        dropped = keys.from_content(json.loads(json.dumps(content)))
    assert len(dropped) == 6
    assert "pairs.fly" in caplog.text
    assert keys.own == {"pairs.add": ["Shift+A"]}
    assert registry.shortcuts("pairs.delete") == ("Del", "Backspace")
    assert all_conflicts(registry) == []


@pytest.mark.parametrize("content", [None, [], "text", {"shortcuts": []}])
def test_a_file_of_something_else_changes_nothing(registry: ActionRegistry, content: object) -> None:
    keys = ShortcutMap(registry)
    keys.set("pairs.add", ["Shift+A"])
    assert keys.from_content(content)
    assert registry.shortcuts("pairs.add") == ("Shift+A",)


def test_keys_survive_export_and_import_and_hold_only_differences(registry: ActionRegistry) -> None:
    keys = ShortcutMap(registry)
    keys.choose_preset("napari")
    keys.take("pairs.worst", "P")
    content = json.loads(json.dumps(keys.to_content()))
    assert content == {
        "preset": "napari",
        "shortcuts": {"pairs.add": ["2"], "pairs.worst": ["P"]},
    }
    before = {spec.key: registry.shortcuts(spec.key) for spec in registry.specs()}
    keys.choose_preset("studio")
    assert keys.from_content(content) == []
    assert {spec.key: registry.shortcuts(spec.key) for spec in registry.specs()} == before


def test_key_that_a_person_gave_away_stays_away_when_a_later_version_brings_it(
    registry: ActionRegistry,
) -> None:
    # The other action was not told: its file is of a time when it had no such key.
    ShortcutMap(registry, own={"pairs.add": ["V"]})
    assert registry.shortcuts("pairs.add") == ("V",)
    assert registry.shortcuts("pairs.select") == ()
