from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit

from engines.contract.errors import ConfigError
from engines.contract.kinds import Action
from engines.contract.messages import Message
from engines.contract.presets import training_config
from engines.contract.registry import all_specs, config_class
from workstation.views.training.config_form import ConfigForm, read_fields

SCHEMA = {
    "properties": {
        "epochs": {"type": "integer", "default": 4, "minimum": 1, "maximum": 9, "unit": "epochs"},
        "rate": {"type": "number", "default": 0.5, "exclusiveMinimum": 0, "maximum": 1},
        "kind": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "flag": {"type": "boolean", "default": True, "description": "A switch."},
        "limit": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}], "default": None},
        "rare": {"type": "integer", "default": 3, "advanced": True},
    }
}
TRAININGS = [
    (spec.key, phase.key, preset) for spec in all_specs() for phase in spec.phases for preset in spec.presets
]


@pytest.fixture
def form(qtbot):
    widget = ConfigForm()
    qtbot.addWidget(widget)
    widget.set_schema(SCHEMA, {})
    widget.show()
    return widget


@pytest.mark.parametrize(("pipeline", "phase", "preset"), TRAININGS)
def test_form_holds_exactly_the_values_of_the_preset(qtbot, pipeline, phase, preset):
    spec = next(spec for spec in all_specs() if spec.key == pipeline)
    config = training_config(spec, phase, preset)
    form = ConfigForm()
    qtbot.addWidget(form)
    form.set_schema(config_class(spec, Action.TRAIN).model_json_schema(), config.values())
    assert form.problem() == ""
    assert form.values() == config.values()
    assert {key: type(value) for key, value in form.values().items()} == {
        key: type(value) for key, value in config.values().items()
    }


@pytest.mark.parametrize("action", list(Action))
def test_every_setting_of_every_pipeline_has_a_description(action):
    for spec in (spec for spec in all_specs() if action in spec.configs):
        schema = config_class(spec, action).model_json_schema()
        assert [field.key for field in read_fields(schema) if not field.description] == []


def test_kind_of_editor_follows_the_type(form):
    kinds = {"epochs": QLineEdit, "rate": QLineEdit, "kind": QComboBox, "flag": QCheckBox, "limit": QLineEdit}
    for key, kind in kinds.items():
        assert isinstance(form.editor(key), kind)
    assert form.values() == {"epochs": 4, "rate": 0.5, "kind": "a", "flag": True, "limit": None, "rare": 3}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        *(("epochs", text) for text in ("0", "10", "2.5", "", "x")),
        *(("rate", text) for text in ("0", "1.01", "nan", "inf")),
        ("limit", "-1"),
    ],
)
def test_wrong_value_is_marked_and_named_and_kept_as_typed(form, key, text):
    form.editor(key).setText(text)
    assert form.editor(key).property("invalid") is True
    assert form.problem()
    assert key not in form.values()
    assert form.editor(key).text() == text


@pytest.mark.parametrize(
    ("key", "text", "value"), [("rate", "1e-3", 0.001), ("epochs", " 7 ", 7), ("rate", "1", 1)]
)
def test_right_value_is_read(form, key, text, value):
    form.editor(key).setText(text)
    assert form.values()[key] == value
    assert form.problem() == ""


def test_typing_tells_values_and_problem(form, qtbot):
    editor = form.editor("epochs")
    editor.selectAll()
    with qtbot.waitSignal(form.settings_changed) as told:
        qtbot.keyClick(editor, Qt.Key.Key_8)
    assert told.args[0]["epochs"] == 8
    assert told.args[1] == ""
    with qtbot.waitSignal(form.settings_changed) as told:
        qtbot.keyClick(editor, Qt.Key.Key_8)
    assert "Epochs" in told.args[1]


def test_advanced_settings_are_folded_until_asked_for(form, qtbot):
    assert not form.editor("rare").isVisible()
    qtbot.mouseClick(form.advanced_button, Qt.MouseButton.LeftButton)
    assert form.editor("rare").isVisible()


def test_values_that_do_not_fit_together_are_named(form):
    form.set_schema(SCHEMA, {}, lambda values: Message("too many") if values["epochs"] > 5 else None)
    assert form.problem() == ""
    form.editor("epochs").setText("6")
    assert form.problem() == "too many"
    assert form.whole_problem.isVisible()


def test_form_refuses_what_the_class_refuses():
    """The bounds of the form are those of the settings class: every bound is tried on both."""
    for spec in all_specs():
        kind = config_class(spec, Action.TRAIN)
        base = training_config(spec, spec.phases[0].key).values()
        for field in read_fields(kind.model_json_schema()):
            for name, bound in field.limits.items():
                outside = bound - 1 if "inimum" in name else bound + 1
                value = int(outside) if field.kind == "integer" else outside
                with pytest.raises(ConfigError):
                    kind.from_values({**base, field.key: value})


def test_a_new_schema_replaces_the_fields(form):
    form.set_schema({"properties": {"only": {"type": "integer", "default": 1}}}, {"only": 2})
    assert form.values() == {"only": 2}
