"""Settings refuse what they do not know, in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.contract.config import TrainingConfig, parse_overrides, read_yaml
from engines.contract.errors import ConfigError


def test_unknown_setting_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'epochs'"):
        TrainingConfig.from_values({"epoch": 3})


def test_value_out_of_bounds_names_setting_value_and_bound() -> None:
    with pytest.raises(ConfigError, match=r"'batch_size' cannot be 0: .*greater than or equal to 1"):
        TrainingConfig.from_values({"batch_size": 0})


def test_values_round_trip() -> None:
    config = TrainingConfig.from_values({"epochs": 7, "learning_rate": 3e-4})
    assert TrainingConfig.from_values(config.values()) == config


def test_settings_are_frozen() -> None:
    config = TrainingConfig()
    with pytest.raises(ValueError, match="frozen"):
        config.epochs = 5


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("a=1e-4", 1e-4),
        ("a=3", 3),
        ("a=true", True),
        ("a=cosine", "cosine"),
        ("a=0.5", 0.5),
        ("a=", None),
        ("a=off", "off"),
    ],
)
def test_overrides_read_scalars(word: str, value: object) -> None:
    assert parse_overrides([word]) == {"a": value}


def test_a_file_may_call_a_choice_off(tmp_path: Path) -> None:
    path = tmp_path / "preset.yaml"
    path.write_text("head: off\nearly: true\n", encoding="utf-8")
    assert read_yaml(path) == {"head": "off", "early": True}


@pytest.mark.parametrize("word", ["epochs", "=3", "a=[1"])
def test_malformed_overrides_are_refused(word: str) -> None:
    with pytest.raises(ConfigError):
        parse_overrides([word])


@pytest.mark.parametrize("content", [b"- 1\n- 2\n", b"a: [1\n", b"\xff\xfe\x00bad"])
def test_settings_files_that_hold_no_settings_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "preset.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"preset\.yaml"):
        read_yaml(path)


def test_yaml_never_builds_objects(tmp_path: Path) -> None:
    path = tmp_path / "evil.yaml"
    path.write_text("a: !!python/object/apply:os.getcwd []\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        read_yaml(path)
