from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engines.contract.resources import resource_path
from workstation.cli import main
from workstation.project.sample import create_sample


@dataclass(frozen=True)
class Result:
    """What a command line did."""

    code: int
    out: str
    err: str

    def json(self, schema: str) -> dict[str, Any]:
        """Return stdout as the one JSON object it has to be, checked against its schema."""
        import jsonschema

        value = json.loads(self.out)
        jsonschema.validate(
            value, json.loads(resource_path("schemas", f"{schema}.json").read_text(encoding="utf-8"))
        )
        return value


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's own folders out of the tests; the user has a Chinese name."""
    home = tmp_path / "家 用户"
    home.mkdir()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(scope="session")
def sample_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "template"
    create_sample(folder).close()
    return folder


@pytest.fixture
def sample(sample_template: Path, tmp_path: Path) -> Path:
    """A fresh copy of the sample project, at a Chinese path with a space."""
    return Path(shutil.copytree(sample_template, tmp_path / "眼底 项目"))


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command line in this process."""

    def run(*words: object) -> Result:
        capfd.readouterr()
        code = main([str(word) for word in words])
        captured = capfd.readouterr()
        return Result(code, captured.out, captured.err)

    return run
