"""Widgets show no English that was not asked for in the window's language."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOWING = {
    "setText",
    "setToolTip",
    "setStatusTip",
    "setWindowTitle",
    "setPlaceholderText",
    "setTitle",
    "addTab",
    "addMenu",
    "addAction",
    "addItem",
    "setAccessibleName",
    "QLabel",
    "QPushButton",
    "QToolButton",
    "QCheckBox",
    "QRadioButton",
    "QGroupBox",
    "QAction",
}


def is_sentence(node: ast.AST) -> bool:
    """Tell whether a node is a string literal with words in it: signs and HTML marks are not."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and any(len(word) > 1 and word.isalpha() for word in node.value.split())
    )


def test_what_widgets_show_is_translated() -> None:
    wrong = []
    for folder in ("views", "viewers", "screens", "actions"):
        for path in sorted((ROOT / "workstation" / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                call = node.func
                name = call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")
                if name in SHOWING and any(is_sentence(argument) for argument in node.args):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not wrong, "\n".join(wrong)
