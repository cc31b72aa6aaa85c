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


BROKEN = {
    "detector_blank": _stream("loss_detector", "train", [0.99] * 40, 10),
    "descriptor_collapse": _stream("matching_accuracy", "val", [0.05] * 8, 50),
}
HEALTHY = {
    "detector_blank": _stream("loss_detector", "train", [0.99 - 0.012 * n for n in range(40)], 10),
    "descriptor_collapse": _stream("matching_accuracy", "val", [0.05 + 0.05 * n for n in range(8)], 50),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_rule_fires_on_its_stream_only(name: str) -> None:
    (found,) = diagnose(BROKEN[name], RULES)
    assert found.name == name
    assert found.evidence
    assert found.remedy
    TrainConfig.from_values(found.config_patch)
    assert diagnose(HEALTHY[name], RULES) == []
    assert diagnose(BROKEN[name][:3], RULES) == []


def test_every_rule_has_its_streams() -> None:
    assert {rule.name for rule in RULES} == set(BROKEN) == set(HEALTHY)
