"""napari is touched in one folder, and in public."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from workstation.viewers.napari_compat import NAPARI_SERIES, warm_up

ROOT = Path(__file__).resolve().parents[3] / "workstation"
# Attributes that hand out objects of napari; an underscore right after them is private to it.
NAPARI_OBJECTS = {"viewer", "model", "canvas", "camera", "layer", "_layer", "layers", "scene"}


def test_no_private_attribute_of_napari_is_used() -> None:
    found = []
    for path in sorted((ROOT / "viewers").glob("*.py")):
        if path.name == "napari_compat.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari"):
                assert "._" not in (node.module or ""), path
            if not isinstance(node, ast.Attribute) or not node.attr.startswith("_"):
                continue
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else ""
            if owner in NAPARI_OBJECTS:
                found.append(f"{path.name}:{node.lineno} {owner}.{node.attr}")
    assert not found


def test_installed_napari_is_of_the_series_that_was_tried() -> None:
    assert version("napari").startswith(f"{NAPARI_SERIES}.")


def test_warming_up_makes_the_first_layer_quick() -> None:
    warm_up()
    assert {"pint", "scipy.ndimage"} <= set(sys.modules)


def test_two_threads_warming_up_together_leave_a_working_registry() -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import sys\n"
        "from workstation.viewers.napari_compat import warm_up\n"
        "sys.setswitchinterval(1e-5)\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    [job.result() for job in [pool.submit(warm_up) for _ in range(4)]]\n"
        "import pint\n"
        "print(pint.get_application_registry().pixel)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "pixel"
