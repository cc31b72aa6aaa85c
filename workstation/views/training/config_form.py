"""The form of a run's settings, built from the JSON schema of its class and from nothing else.

A wrong value turns its field's border red and puts a sentence under it; the form never changes what was
typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.views.protocols.runs import CheckSettings
from workstation.views.runs.run_words import key_label, sentence, spoken

EDITOR_WIDTH_PX = 88
UNIT_WIDTH_PX = 74
_GAP_PX = 6


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One setting as its JSON schema describes it.

    Parameters
    ----------
    kind : str
        ``integer``, ``number``, ``boolean``, ``string`` or ``choice``.
    bounds : str
        Words for the allowed range, empty without one.
    """

    key: str
    kind: str
    default: Any
    description: str
    unit: str
    is_advanced: bool
    choices: tuple[Any, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    is_optional: bool = False


def read_fields(schema: Mapping[str, Any]) -> tuple[FieldSpec, ...]:
    """Return the settings of a JSON schema of an object, in its order."""
    return tuple(_read_field(key, node, schema) for key, node in schema.get("properties", {}).items())


def _read_field(key: str, node: Mapping[str, Any], schema: Mapping[str, Any]) -> FieldSpec:
    inner = _resolve(node, schema)
    is_optional = False
    for option in inner.get("anyOf", ()):
        option = _resolve(option, schema)
        if option.get("type") == "null":
            is_optional = True
        else:
            inner = {**inner, **option}
    choices = tuple(inner.get("enum", ()))
    limits = {
        name: float(inner[name])
        for name in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
        if name in inner
    }
    return FieldSpec(
        key=key,
        kind="choice" if choices else str(inner.get("type", "string")),
        default=node.get("default"),
        description=str(node.get("description", "")),
        unit=str(node.get("unit", "")),
        is_advanced=bool(node.get("advanced", False)),
        choices=choices,
        limits=limits,
        is_optional=is_optional,
    )


def _resolve(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = node.get("$ref", "")
    if not reference:
        return node
    return {**schema.get("$defs", {}).get(reference.rpartition("/")[2], {}), **node}


def range_text(spec: FieldSpec) -> str:
    """Return the allowed range in words, or an empty text."""
    words = {
        "minimum": _tr("at least {n}"),
        "exclusiveMinimum": _tr("more than {n}"),
        "maximum": _tr("at most {n}"),
        "exclusiveMaximum": _tr("less than {n}"),
    }
    return ", ".join(words[name].format(n=f"{value:g}") for name, value in spec.limits.items())


def parse(spec: FieldSpec, text: str) -> tuple[Any, str]:
    """Read what was typed into a field.

    Returns
    -------
    value : object
        None when it is wrong.
    problem : str
        A sentence, or empty.
    """
    text = text.strip()
    if spec.is_optional and not text:
        return None, ""
    if spec.kind not in ("integer", "number"):
        return text, ""
    try:
        value: float = int(text) if spec.kind == "integer" else float(text)
    except ValueError:
        wanted = _tr("a whole number") if spec.kind == "integer" else _tr("a number")
        bounds = range_text(spec)
        wanted += f" ({bounds})" if bounds else ""
        return None, _tr("Give {wanted}.").format(wanted=wanted)
    limits = spec.limits
    is_inside = (
        value >= limits.get("minimum", value)
        and value <= limits.get("maximum", value)
        and ("exclusiveMinimum" not in limits or value > limits["exclusiveMinimum"])
        and ("exclusiveMaximum" not in limits or value < limits["exclusiveMaximum"])
    )
    # `not is_inside` also catches nan, which no comparison holds for.
    if not is_inside:
        return None, _tr("The value must be {bounds}.").format(bounds=range_text(spec))
    return value, ""


def _tr(text: str) -> str:
    return QCoreApplication.translate("ConfigForm", text)


class _Field(QWidget):
    """One line of the form: name, editor, unit, and below them the sentence about a wrong value."""

    changed = Signal()

    def __init__(self, spec: FieldSpec, parent: QWidget) -> None:
        super().__init__(parent)
        self.spec = spec
        self.problem = QLabel(self)
        self.problem.setObjectName("problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.editor = self._make_editor()
        self.editor.setObjectName(spec.key)
        self.editor.setAccessibleName(key_label(spec.key))
        name = QLabel(key_label(spec.key), self)
        name.setWordWrap(True)
        name.setBuddy(self.editor)
        unit = QLabel(spoken(spec.unit), self)
        unit.setProperty("role", "muted")
        unit.setFixedWidth(UNIT_WIDTH_PX)
        # Words are longer than numbers, and have no unit.
        is_wide = spec.kind in ("choice", "string") and not spec.unit
        self.editor.setFixedWidth(EDITOR_WIDTH_PX + (UNIT_WIDTH_PX + _GAP_PX if is_wide else 0))
        unit.setVisible(not is_wide)
        tip = "\n".join(part for part in (spoken(spec.description), range_text(spec)) if part)
        for widget in (name, self.editor, unit):
            widget.setToolTip(tip)
        line = QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(_GAP_PX)
        line.addWidget(name, 1)
        line.addWidget(self.editor)
        line.addWidget(unit)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(1)
        box.addLayout(line)
        box.addWidget(self.problem)

    def _make_editor(self) -> QWidget:
        spec = self.spec
        if spec.kind == "boolean":
            box = QCheckBox(self)
            box.toggled.connect(self.changed)
            return box
        if spec.kind == "choice":
            combo = QComboBox(self)
            for choice in spec.choices:
                combo.addItem(str(choice), choice)
            combo.currentIndexChanged.connect(self.changed)
            return combo
        edit = QLineEdit(self)
        edit.textChanged.connect(self.changed)
        return edit

    def set_value(self, value: Any) -> None:
        with QSignalBlocker(self.editor):
            if isinstance(self.editor, QCheckBox):
                self.editor.setChecked(bool(value))
            elif isinstance(self.editor, QComboBox):
                self.editor.setCurrentIndex(self.editor.findData(value))
            elif isinstance(self.editor, QLineEdit):
                self.editor.setText("" if value is None else _written(value))
        self.show_problem(self.read()[1])

    def read(self) -> tuple[Any, str]:
        if isinstance(self.editor, QCheckBox):
            return self.editor.isChecked(), ""
        if isinstance(self.editor, QComboBox):
            return self.editor.currentData(), ""
        assert isinstance(self.editor, QLineEdit)
        return parse(self.spec, self.editor.text())

    def show_problem(self, text: str) -> None:
        self.problem.setText(f"✘ {text}" if text else "")
        self.problem.setVisible(bool(text))
        if self.editor.property("invalid") != bool(text):
            self.editor.setProperty("invalid", bool(text))
            self.editor.style().unpolish(self.editor)
            self.editor.style().polish(self.editor)


def _written(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


class ConfigForm(QWidget):
    """Fields of a schema, the advanced ones folded away.

    Signals
    -------
    settings_changed : dict, str
        Every valid value, and the sentence about the first wrong one (empty when all are right).
    """

    settings_changed = Signal(dict, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fields: dict[str, _Field] = {}
        self._check: CheckSettings = _accept
        self.whole_problem = QLabel(self)
        self.whole_problem.setObjectName("problem")
        self.whole_problem.setWordWrap(True)
        self.whole_problem.hide()
        self.advanced_button = QToolButton(self)
        self.advanced_button.setText(self.tr("Advanced settings"))
        self.advanced_button.setToolTip(self.tr("Show or hide settings that rarely need a change"))
        self.advanced_button.setCheckable(True)
        self.advanced_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.advanced_button.setAutoRaise(True)
        self.advanced_button.toggled.connect(self._show_advanced)
        self._body = QWidget()
        self._plain = QVBoxLayout()
        self._advanced_box = QWidget(self._body)
        self._advanced = QVBoxLayout(self._advanced_box)
        for form in (self._plain, self._advanced):
            form.setContentsMargins(0, 0, 4, 0)
            form.setSpacing(5)
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.addLayout(self._plain)
        body.addWidget(self.advanced_button)
        body.addWidget(self._advanced_box)
        body.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self._body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll, 1)
        layout.addWidget(self.whole_problem)
        self._show_advanced(is_shown=False)

    def set_schema(
        self, schema: Mapping[str, Any], values: Mapping[str, Any], check: CheckSettings | None = None
    ) -> None:
        """Build the form anew.

        Parameters
        ----------
        schema : mapping
            JSON schema of an object.
        values : mapping
            Start values; a key without one takes the schema's default.
        check : callable, optional
            Says what is wrong with the values together.
        """
        for entry in self._fields.values():
            entry.hide()
            entry.setParent(None)
            entry.deleteLater()
        self._fields = {}
        self._check = check or _accept
        for spec in read_fields(schema):
            entry = _Field(spec, self._body)
            entry.set_value(values.get(spec.key, spec.default))
            entry.changed.connect(self._on_changed)
            (self._advanced if spec.is_advanced else self._plain).addWidget(entry)
            self._fields[spec.key] = entry
        self.advanced_button.setVisible(self._advanced.count() > 0)
        self._judge()

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Write values into their fields, for example those of a remedy."""
        for key, value in values.items():
            if key in self._fields:
                self._fields[key].set_value(value)
        self._on_changed()

    def values(self) -> dict[str, Any]:
        """Return every value that is right."""
        read = {key: entry.read() for key, entry in self._fields.items()}
        return {key: value for key, (value, problem) in read.items() if not problem}

    def editor(self, key: str) -> QWidget:
        """Return the editor of a setting."""
        return self._fields[key].editor

    def problem(self) -> str:
        """Return the sentence about the first wrong value, empty when all are right."""
        for key, entry in self._fields.items():
            _value, text = entry.read()
            if text:
                return f"{key_label(key)}: {text}"
        return sentence(self._check(self.values()))

    def _on_changed(self) -> None:
        self._judge()
        self.settings_changed.emit(self.values(), self.problem())

    def _judge(self) -> None:
        has_wrong = False
        for entry in self._fields.values():
            text = entry.read()[1]
            entry.show_problem(text)
            has_wrong = has_wrong or bool(text)
        whole = "" if has_wrong else sentence(self._check(self.values()))
        self.whole_problem.setText(f"✘ {whole}" if whole else "")
        self.whole_problem.setVisible(bool(whole))

    def _show_advanced(self, is_shown: bool) -> None:
        self.advanced_button.setArrowType(Qt.ArrowType.DownArrow if is_shown else Qt.ArrowType.RightArrow)
        self._advanced_box.setVisible(is_shown)


def _accept(_values: Mapping[str, Any]) -> None:
    return None
