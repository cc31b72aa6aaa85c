"""Translate, at the moment of showing, the English templates that Qt-free code carries.

Widgets translate their own strings with `tr`. Messages, specs, settings and rules come from code that
may not import Qt; their templates are translation ids in the context `CONTEXT`.
``python -m workstation.translation`` collects them into a Qt catalogue source.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

from PySide6.QtCore import QCoreApplication

from engines.contract.config import RunConfig
from engines.contract.files import write_bytes_atomically
from engines.contract.messages import Message
from engines.contract.registry import all_specs, config_class

CONTEXT = "messages"

# Calls whose words are for people: the positions and keywords that hold a template.
_CALLS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "Message": ((0,), ("text",)),
    "note": ((0,), ()),
    "warn": ((0,), ("message",)),
    "phase": ((0,), ("name",)),
    "enter": ((0,), ()),
    "metric": ((), ("reason",)),
    "Phase": ((), ("name",)),
    "Warned": ((), ("message",)),
    "Failed": ((), ("cause", "remedy")),
    "Failure": ((0, 1), ("cause", "remedy")),
    "Diagnosis": ((), ("cause", "remedy")),
    # A rule's finding; that of an importer holds messages, which are found by themselves.
    "Finding": ((0, 3), ("cause", "remedy")),
    "CardButton": ((0,), ("text",)),
    "MethodRow": ((1, 2), ("title", "help")),
    "PairResult": ((), ("reason",)),
    "PanelFile": ((), ("title",)),
    "ComponentColumn": ((), ("title", "help")),
    "ReviewColumn": ((), ("title", "help")),
    "ReviewStep": ((), ("title",)),
    "Reason": ((), ("text",)),
}
_ERROR_KEYWORDS = ("remedy", "kept")
_AXIS_KEYS = ("x_label", "y_label")
"""Keys of a panel's data that hold words."""


def translate(text: str) -> str:
    """Return the translation of an English template, or the template itself."""
    return QCoreApplication.translate(CONTEXT, text) if text else text


def translate_message(message: Message) -> str:
    """Return a message in the window's language, with its parameters filled in."""
    return message.render(translate)


def ids_in_source(source: str) -> Iterator[str]:
    """Yield the templates in one file: of errors, messages, warnings, stages, failures and findings."""
    tree = ast.parse(source)
    named = _assigned(tree)
    for node in ast.walk(tree):
        for expression in _expressions(node):
            yield from _strings(expression, named)


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the parts of a node that hold words for people."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        yield from (
            value for key, value in pairs if isinstance(key, ast.Constant) and key.value in _AXIS_KEYS
        )
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    positions, keywords = _CALLS.get(name, ((), ()))
    if name.endswith("Error"):
        positions, keywords = (0,), _ERROR_KEYWORDS
    yield from (node.args[position] for position in positions if position < len(node.args))
    yield from (word.value for word in node.keywords if word.arg in keywords)


def _assigned(tree: ast.AST) -> dict[str, list[ast.expr]]:
    """Return what the names of a file stand for; a stage's name is used by other files than its own."""
    named: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    named.setdefault(target.id, []).append(node.value)
    return named


def _strings(expression: ast.expr, named: Mapping[str, list[ast.expr]]) -> Iterator[str]:
    """Yield the strings an expression can become: itself, the arms of a choice, what a name stands for."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str) and expression.value:
        yield expression.value
    elif isinstance(expression, ast.IfExp):
        yield from _strings(expression.body, named)
        yield from _strings(expression.orelse, named)
    elif isinstance(expression, ast.Name):
        for value in named.get(expression.id, ()):
            # A name may be made from itself; one step is enough.
            yield from _strings(value, {})


def ids_in_specs() -> Iterator[str]:
    """Yield the words of every pipeline: titles, purposes, metric labels, and the help of every setting."""
    for spec in all_specs():
        yield from (spec.title, spec.summary)
        yield from (role.title for role in spec.roles)
        for phase in spec.phases:
            yield from (phase.title, phase.purpose, *phase.produces)
            yield from (other.title for other in phase.other_needs)
        for metric in spec.metrics:
            yield from (metric.label, metric.undefined_when)
        yield from (output.title for output in spec.outputs)
        yield from (panel.title for panel in spec.panels)
        for attribute in spec.attributes:
            yield from (attribute.title, attribute.note)
        for action in spec.configs:
            yield from _config_ids(config_class(spec, action))


def _config_ids(config: type[RunConfig]) -> Iterator[str]:
    for key, field in config.model_fields.items():
        yield from (field.title or readable(key), field.description or "")


_ABBREVIATIONS = ("AUC", "DICOM", "EMA", "G2", "GAN", "HU", "IoU", "NMS", "PKE", "R1", "TTA")
_SPELLED = {"unet": "U-Net", **{word.lower(): word for word in _ABBREVIATIONS}}
"""Words of keys that the field writes otherwise."""


def readable(key: str) -> str:
    """Return the English words of a lower_snake_case key that no spec gives a label."""
    words = [_SPELLED.get(word, word) for word in key.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def collect_ids(root: Path) -> list[str]:
    """Return every template below the packages of a checkout, sorted, once each."""
    sources = (path for package in ("engines", "workstation") for path in (root / package).rglob("*.py"))
    found = {text for path in sources for text in ids_in_source(path.read_text(encoding="utf-8"))}
    return sorted((found | set(ids_in_specs())) - {""})


def write_catalogue(ids: Iterable[str], path: Path, language: str = "en") -> None:
    """Write a Qt translation source file (.ts) with one unfinished entry for each id."""
    catalogue = ElementTree.Element("TS", version="2.1", language=language, sourcelanguage="en")
    context = ElementTree.SubElement(catalogue, "context")
    ElementTree.SubElement(context, "name").text = CONTEXT
    for text in ids:
        entry = ElementTree.SubElement(context, "message")
        ElementTree.SubElement(entry, "source").text = text
        ElementTree.SubElement(entry, "translation", type="unfinished")
    ElementTree.indent(catalogue)
    write_bytes_atomically(
        path, ElementTree.tostring(catalogue, encoding="utf-8", xml_declaration=True) + b"\n"
    )


def main(arguments: list[str]) -> int:
    """Write the catalogue source to the given file."""
    root = Path(__file__).resolve().parents[1]
    path = Path(arguments[0]) if arguments else root / "resources" / "translations" / "messages.ts"
    write_catalogue(collect_ids(root), path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
