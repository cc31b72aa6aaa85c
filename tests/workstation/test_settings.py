from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from workstation import app
from workstation.command_line import project_commands
from workstation.settings import MAX_RECENT, Settings, default_sample_folder, log_path, settings_path


def test_settings_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "设置" / "settings.json"
    settings = Settings(theme="light", annotator="王")
    settings.remember_project(tmp_path / "眼底")
    settings.write(path)
    assert Settings.read(path) == settings


def test_a_bad_value_is_dropped_and_the_others_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"theme": "pink", "annotator": "wang", "window": "big"}), encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        settings = Settings.read(path)
    assert settings == Settings(annotator="wang")
    assert "theme" in caplog.text
    assert "window" in caplog.text


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe\x00", b'{"version": 99}', b""])
def test_no_content_keeps_the_window_from_starting(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    assert Settings.read(path) == Settings()


def test_missing_file_gives_the_defaults(tmp_path: Path) -> None:
    assert Settings.read(tmp_path / "none.json") == Settings()


def test_a_disk_that_refuses_costs_nothing_but_the_settings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        Settings().write(tmp_path / "file" / "settings.json")
    assert "could not be written" in caplog.text


def test_recent_projects_are_few_and_newest_first(tmp_path: Path) -> None:
    settings = Settings()
    for number in range(MAX_RECENT + 3):
        settings.remember_project(tmp_path / str(number))
    settings.remember_project(tmp_path / "5")
    assert settings.recent_projects[0] == str(tmp_path / "5")
    assert len(settings.recent_projects) == len(set(settings.recent_projects)) == MAX_RECENT


def test_tests_never_touch_the_own_settings(home: Path) -> None:
    assert home in settings_path().parents
    assert home in log_path().parents


def test_sample_project_lies_with_the_users_data_for_window_and_command_line_alike(home: Path) -> None:
    assert home in default_sample_folder().parents
    assert app.default_sample_folder is project_commands.default_sample_folder is default_sample_folder
