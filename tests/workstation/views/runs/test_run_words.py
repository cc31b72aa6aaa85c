import pytest

from engines.contract.kinds import RunState, Severity
from engines.contract.messages import Message
from engines.contract.spec import MetricSpec
from workstation.views.runs.run_words import (
    duration_text,
    eta_text,
    metric_text,
    number_text,
    sentence,
    severity_words,
    state_words,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.6, "1 min 00 s"),
        (61, "1 min 01 s"),
        (7260, "2 h 01 min"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_durations(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("eta", "text"),
    [
        (None, "time left unknown"),
        ((10, 20), "10–20 s left"),
        ((30.2, 30.9), "31 s left"),
        ((18 * 60, 22 * 60), "18–22 min left"),
        ((300, 310), "5 min left"),
    ],
)
def test_time_left_is_a_range_or_an_honest_blank(eta, text):
    assert eta_text(eta) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0 px"), (1 / 3, "0.3333 px"), (1234567.0, "1.235e+06 px")]
)
def test_numbers(value, text):
    assert number_text(value, "px") == text


def test_undefined_is_never_zero():
    metric = MetricSpec("error_px", "Error", "px", False)
    assert metric_text(metric, None) == "not measured"
    assert metric_text(metric, 0.0) == "0 px"


def test_states_and_severities_have_symbols_words_and_colours():
    seen = [state_words(state) for state in (None, *RunState)] + [severity_words(level) for level in Severity]
    assert all(words.symbol and words.word and words.status for words in seen)


def test_a_message_without_text_is_empty():
    assert sentence(None) == sentence(Message("")) == ""
    assert sentence(Message("{a} of {b}", {"a": 1, "b": "{c}"})) == "1 of {c}"
