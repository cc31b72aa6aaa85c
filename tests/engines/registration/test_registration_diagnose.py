"""Each rule fires on its stream and is silent on a healthy one."""

from __future__ import annotations

import pytest

from engines.contract.events import Metric
from engines.core.diagnosis import diagnose
from engines.registration.config import TrainConfig
from engines.registration.diagnose import RULES


def _stream(key: str, split: str, values: list[float], every: int) -> list[Metric]:
    return [
        Metric(time=float(number), key=key, split=split, step=every * (number + 1), value=value)
        for number, value in enumerate(values)
    ]


def _train(key: str, values: list[float]) -> list[Metric]:
    return _stream(key, "train", values, 10)


def _val(key: str, values: list[float]) -> list[Metric]:
    return _stream(key, "val", values, 50)


_FALLING = [0.5, 0.8, 0.8, 0.5, 0.45, 0.4]
_RISING = [0.5, 0.6, 0.7, 0.75, 0.8, 0.82]

BROKEN = {
    "detector_blank": _train("loss_detector", [0.99] * 40),
    "detector_dense": _train("active_reference", [0.4] * 40),
    "descriptor_collapse": _val("matching_accuracy", [0.05] * 8),
    "moving_collapse": _train("active_reference", [0.02] * 40) + _train("active_moving", [0.0005] * 40),
    "expansion_explosion": _train("pke_points", [20.0 + 12 * number for number in range(60)]),
    "expansion_drift": _train("pke_points", [40.0] * 30) + _val("given_recall_3px", _FALLING),
    "direction_error": _val("direction_agreement", [0.1] * 2)
    + _val("direction_agreement_swapped", [0.5] * 2),
    "synthetic_overfit": _val("real_auc_25", _FALLING) + _val("matching_accuracy", _RISING),
    "forgetting": _val("real_auc_25", _RISING) + _val("matching_accuracy", _FALLING),
}
HEALTHY = {
    "detector_blank": _train("loss_detector", [0.99 - 0.012 * number for number in range(40)]),
    "detector_dense": _train("active_reference", [0.4] * 10 + [0.03] * 30),
    "descriptor_collapse": _val("matching_accuracy", [0.05 + 0.05 * number for number in range(8)]),
    "moving_collapse": _train("active_reference", [0.02] * 40) + _train("active_moving", [0.015] * 40),
    "expansion_explosion": _train("pke_points", [20.0 + 2 * number for number in range(60)]),
    "expansion_drift": _train("pke_points", [40.0] * 30) + _val("given_recall_3px", _RISING),
    "direction_error": _val("direction_agreement", [0.6] * 2)
    + _val("direction_agreement_swapped", [0.1] * 2),
    "synthetic_overfit": _val("real_auc_25", _RISING) + _val("matching_accuracy", _RISING),
    "forgetting": _val("matching_accuracy", _FALLING),
}
_FIRES_AT_ONCE = {"direction_error"}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_rule_fires_on_its_stream_only(name: str) -> None:
    (found,) = diagnose(BROKEN[name], RULES)
    assert found.name == name
    assert found.evidence
    assert found.remedy
    TrainConfig.from_values(found.config_patch)
    assert diagnose(HEALTHY[name], RULES) == []
    if name not in _FIRES_AT_ONCE:
        assert diagnose(BROKEN[name][:3], RULES) == []


def test_a_healthy_run_of_all_phases_is_silent() -> None:
    events = [event for name in sorted(HEALTHY) if name != "forgetting" for event in HEALTHY[name]]
    assert diagnose(sorted(events, key=lambda event: event.time), RULES) == []


def test_alike_descriptors_are_a_collapse_even_before_matching_shows_it() -> None:
    events = _val("matching_accuracy", [0.3] * 8) + _train("descriptor_alikeness", [0.99] * 40)
    (found,) = diagnose(events, RULES)
    assert found.name == "descriptor_collapse"


def test_every_rule_has_its_streams() -> None:
    assert {rule.name for rule in RULES} == set(BROKEN) == set(HEALTHY)
