"""A wheel brings its resources, pins lie inside their ranges, and the set-up script advises."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def project_table() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins() -> dict[str, str]:
    lines = (ROOT / "resources" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    entries = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in entries}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return next(out.glob("*.whl"))


def test_wheel_installed_elsewhere_reads_its_resources(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site 目录"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    code = (
        "from engines.contract.resources import resource_path\n"
        "from engines.contract.registry import all_specs\n"
        "from engines.contract.presets import training_config\n"
        "import engines\n"
        "for spec in all_specs():\n"
        "    for phase in spec.phases:\n"
        "        for preset in spec.presets:\n"
        "            training_config(spec, phase.key, preset)\n"
        "print(engines.__file__)\n"
        "print(resource_path('constraints.txt').is_file())\n"
    )
    # -P and an empty folder keep the checkout out; the target comes before the installed packages.
    result = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target), "PYTHONUTF8": "1"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    origin, has_resources = result.stdout.splitlines()
    assert Path(origin).is_relative_to(target)
    assert has_resources == "True"


def test_wheel_holds_every_resource_and_no_test(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = (path for path in (ROOT / "resources").rglob("*") if path.is_file())
    wanted = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert wanted
    assert wanted <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_every_dependency_is_pinned_inside_its_range() -> None:
    table = project_table()
    extras = table["optional-dependencies"]
    assert isinstance(extras, dict)
    known = pins()
    for text in [*table["dependencies"], *extras["test"]]:  # type: ignore[misc]
        requirement = Requirement(text)
        version = known.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(version), (
            f"{requirement.name}=={version} is outside {requirement}"
        )
    assert known["torch"] == "2.13.0"


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_bootstrap_needs_only_the_standard_library(bootstrap: ModuleType) -> None:
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code, str(ROOT / "bootstrap.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    packages = {name.split(".")[0] for name in result.stdout.split()}
    assert {name for name in packages if not name.startswith("_")} <= set(sys.stdlib_module_names)


def test_bootstrap_refuses_another_python_with_the_reason(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 10, 2, "final", 0))
    assert bootstrap.main([]) == 2
    assert "this is 3.10.2" in capsys.readouterr().out


def test_bootstrap_without_the_right_to_install_says_what_to_run(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.sys, "platform", "linux")
    monkeypatch.setattr(bootstrap, "can_load", lambda library: "xcb-icccm" not in library)
    monkeypatch.setattr(
        bootstrap.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None
    )
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert bootstrap.main(["test"]) == 2
    text = capsys.readouterr().out
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends libxcb-icccm4 xvfb" in text


def test_bootstrap_with_a_wrong_word_prints_its_usage(
    bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main(["tset"]) == 2
    assert "bootstrap.py test" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["test"], ["-m", "pytest", "-n", "2", "--dist", "loadfile"]),
        (["test", "-m", "slow", "tests/e2e"], ["-m", "pytest", "-m", "slow", "tests/e2e"]),
        ([], ["-m", "workstation", "demo"]),
    ],
)
def test_bootstrap_runs_the_whole_suite_in_two_processes_and_hands_words_on(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[str]
) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "install_system_libraries", lambda **_: None)
    monkeypatch.setattr(bootstrap, "install", lambda extra: None)
    monkeypatch.setattr(bootstrap, "has_display", lambda: True)
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda command, cwd: called.append(command[1:]) or 5)
    assert bootstrap.main(words) == 5
    assert called == [expected]
