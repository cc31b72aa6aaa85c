"""Translate, at the moment of showing, the English templates that Qt-free code carries.

Widgets translate their own strings with `tr`. Messages, specs, settings and rules come from code that
may not import Qt; their templates are translation ids in the context `CONTEXT`.
``python -m workstation.translation`` collects them into a Qt catalogue source.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from PySide6.QtCore import QCoreApplication

from engines.contract.config import RunConfig
from engines.contract.files import write_bytes_atomically
from engines.contract.kinds import Action
from engines.contract.messages import Message
from engines.contract.registry import all_specs, config_class

CONTEXT = "messages"

# Calls whose words are for people: the positions and keywords that hold a template.
_CALLS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "Message": ((0,), ("text",)),
    "warn": ((0,), ("message",)),
    "phase": ((0,), ("name",)),
    "Warned": ((), ("message",)),
    "Failed": ((), ("cause", "remedy")),
    "Diagnosis": ((), ("cause", "remedy")),
    "Rule": ((), ("cause", "remedy", "title")),
    "Finding": ((), ("message", "remedy")),
    "PanelFile": ((), ("title",)),
}
_ERROR_KEYWORDS = ("remedy", "kept")


def translate(text: str) -> str:
    """Return the translation of an English template, or the template itself."""
    return QCoreApplication.translate(CONTEXT, text) if text else text


def translate_message(message: Message) -> str:
    """Return a message in the window's language, with its parameters filled in."""
    return message.render(translate)


def ids_in_source(source: str) -> Iterator[str]:
    """Yield the templates in one file: of errors, messages, warnings, stages and rules."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        positions, keywords = _CALLS.get(name, ((), ()))
        if name.endswith("Error"):
            positions, keywords = (0,), _ERROR_KEYWORDS
        found = [node.args[position] for position in positions if position < len(node.args)]
        found += [word.value for word in node.keywords if word.arg in keywords]
        for expression in found:
            yield from _strings(expression)


def _strings(expression: ast.expr) -> Iterator[str]:
    """Yield the string constants an expression can become: itself, or the arms of a choice."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str) and expression.value:
        yield expression.value
    elif isinstance(expression, ast.IfExp):
        yield from _strings(expression.body)
        yield from _strings(expression.orelse)


def ids_in_specs() -> Iterator[str]:
    """Yield the words of every pipeline: titles, purposes, metric labels, and the help of every setting."""
    for spec in all_specs():
        yield from (spec.title, spec.summary)
        yield from (role.title for role in spec.roles)
        for phase in spec.phases:
            yield from (phase.title, phase.purpose, *phase.produces)
        for metric in spec.metrics:
            yield from (metric.label, metric.undefined_when)
        yield from (output.title for output in spec.outputs)
        yield from (panel.title for panel in spec.panels)
        for action in Action:
            yield from _config_ids(config_class(spec, action))


def _config_ids(config: type[RunConfig]) -> Iterator[str]:
    yield from (field.description or "" for field in config.model_fields.values())


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
