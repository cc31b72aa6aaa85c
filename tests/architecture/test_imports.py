"""Who may import whom, from the syntax tree and from what a fresh interpreter loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.contract.registry import pipeline_keys

ROOT = Path(__file__).resolve().parents[2]

# For each part, what it may import of our own packages. Parts are matched by their longest prefix.
ALLOWED = {
    "engines.contract": {"engines.contract"},
    "engines.imaging": {"engines.imaging", "engines.contract"},
    "engines.core": {"engines.core", "engines.imaging", "engines.contract"},
    "engines.__main__": {"engines.core", "engines.contract"},
    "workstation.project": {"workstation.project", "engines.imaging", "engines.contract"},
    "workstation.runs": {"workstation.runs", "workstation.project", "engines.imaging", "engines.contract"},
    "workstation.controllers": {
        "workstation.controllers",
        "workstation.runs",
        "workstation.project",
        "workstation.views.protocols",
        "engines.imaging",
        "engines.contract",
    },
    "workstation.views": {
        "workstation.views",
        "workstation.viewers",
        "workstation.actions",
        "workstation.translation",
        "workstation.runs",
        "workstation.project",
        "engines.imaging",
        "engines.contract",
    },
    "workstation.viewers": {
        "workstation.viewers",
        "workstation.views",
        "workstation.project",
        "engines.imaging",
        "engines.contract",
    },
    "workstation.actions": {"workstation.actions", "engines.contract"},
    "workstation": {"workstation", "engines.imaging", "engines.contract"},
}
PURE_PARTS = {"spec", "config"}
OUTSIDE = {"PySide6", "qtpy", "PyQt5", "PyQt6", "torch", "napari", "lightning_fabric"}


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("engines", "workstation"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported_names(path: Path) -> set[str]:
    """Return every imported module, those inside functions and type-checking blocks too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def allowed_for(module: str) -> set[str]:
    parts = module.split(".")
    if parts[0] == "engines" and len(parts) > 1 and parts[1] in pipeline_keys():
        if parts[-1] in PURE_PARTS:
            return {"engines.contract"}
        return {f"engines.{parts[1]}", "engines.core", "engines.imaging", "engines.contract"}
    for length in range(len(parts), 0, -1):
        rule = ALLOWED.get(".".join(parts[:length]))
        if rule is not None:
            return rule
    return {"engines"}


def is_below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def test_imports_follow_the_directions_of_the_architecture() -> None:
    wrong = []
    for module, path in modules():
        for name in sorted(imported_names(path)):
            # `import engines` alone is how the registry and the launcher find the package's folder.
            is_ours = name.startswith(("engines.", "workstation."))
            if is_ours and not any(is_below(name, prefix) for prefix in allowed_for(module)):
                wrong.append(f"{module} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_frameworks_stay_where_they_belong() -> None:
    wrong = []
    for module, path in modules():
        for name in sorted(imported_names(path)):
            package = name.split(".")[0]
            if package not in OUTSIDE:
                continue
            is_engine = is_below(module, "engines")
            fine = {
                "torch": is_engine
                and not is_below(module, "engines.contract")
                and not is_below(module, "engines.imaging")
                and module.split(".")[-1] not in PURE_PARTS,
                "lightning_fabric": is_below(module, "engines.core"),
                "napari": is_below(module, "workstation.viewers"),
                "PySide6": is_below(module, "workstation") and not is_below(module, "workstation.project"),
            }.get(package, False)
            if package == "PySide6" and any(
                is_below(module, part) for part in ("workstation.runs", "workstation.controllers")
            ):
                fine = name.startswith("PySide6.QtCore")
            if not fine:
                wrong.append(f"{module} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_the_window_never_branches_on_a_pipeline_key() -> None:
    keys = set(pipeline_keys())
    wrong = []
    for module, path in modules():
        if not is_below(module, "workstation"):
            continue
        wrong += [
            f"{module}:{node.lineno} holds {node.value!r}"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in keys
        ]
    assert not wrong, "\n".join(wrong)


def loaded_after(code: str, *packages: str) -> set[str]:
    check = f"{code}\nimport sys\nprint(*sorted(name for name in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=False
    )
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.split())
    return {name for name in loaded if any(is_below(name, package) for package in packages)}


def import_all(*prefixes: str) -> str:
    names = [module for module, _ in modules() if any(is_below(module, prefix) for prefix in prefixes)]
    assert names
    return "\n".join(f"import {name}" for name in names)


def test_project_contract_and_imaging_load_neither_torch_nor_qt() -> None:
    specs = "\n".join(f"import engines.{key}.spec, engines.{key}.config" for key in pipeline_keys())
    code = import_all("workstation.project", "engines.contract", "engines.imaging") + "\n" + specs
    assert loaded_after(code, "torch", "PySide6", "napari") == set()


def test_runs_and_controllers_load_no_torch_and_of_qt_only_the_core() -> None:
    code = import_all("workstation.runs", "workstation.controllers")
    loaded = loaded_after(code, "torch", "napari", "PySide6")
    assert {name for name in loaded if name.startswith("PySide6.Qt")} <= {"PySide6.QtCore"}
    assert not any(is_below(name, "torch") or is_below(name, "napari") for name in loaded)


def test_the_window_loads_without_torch_and_without_napari() -> None:
    assert loaded_after("import workstation.app", "torch", "napari") == set()


def test_command_line_loads_without_torch_and_without_a_window() -> None:
    assert loaded_after("import workstation.cli", "torch", "napari", "PySide6.QtWidgets") == set()


@pytest.mark.parametrize("word", ["utils", "misc", "helpers", "common"])
def test_no_vague_boxes(word: str) -> None:
    assert not [path for _, path in modules() if word in path.relative_to(ROOT).with_suffix("").parts]
