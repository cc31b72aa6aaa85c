"""Each rule fires on its stream and is silent on a healthy one."""

from __future__ import annotations

import pytest

from engines.contract.events import Metric
from engines.contract.registry import load_spec
from engines.core.diagnosis import diagnose
from engines.core.generic_rules import rules_of
from engines.refinement.config import TrainConfig
from engines.refinement.diagnose import RULES


def _stream(split: str = "val", **series: list[float | None]) -> list[Metric]:
    return [
        Metric(time=float(number), key=key, split=split, step=10 * (number + 1), value=value)
        for key, values in series.items()
        for number, value in enumerate(values)
    ]


BROKEN = {
    "sampling_gap": _stream(sample_dice=[0.5, 0.72], lattice_dice=[0.05, 0.07]),
    "axes_swapped": _stream(band_far_share=[0.4]),
    "band_outside_only": _stream(band_inside_share=[0.0]),
    "query_dependent_output": _stream(query_gap=[0.5]),
    "features_too_coarse": _stream(feature_spacing_ratio=[4.0]),
    "wrong_class": _stream(label_share=[0.45]),
    "dice_zero": _stream(lattice_dice=[0.0, 0.0, 0.0]),
    "flat_field": _stream(output_spread=[1e-5] * 3),
    "more_pieces": _stream(components_added=[9.0, 12.0, 13.0]),
    "slower_than_forecast": _stream("train", step_seconds=[3.0, *[0.4] * 10, *[1.1] * 10]),
}
HEALTHY = {
    "sampling_gap": _stream(sample_dice=[0.5, 0.85], lattice_dice=[0.3, 0.8]),
    "axes_swapped": _stream(band_far_share=[0.0]),
    "band_outside_only": _stream(band_inside_share=[0.4]),
    "query_dependent_output": _stream(query_gap=[2e-6]),
    "features_too_coarse": _stream(feature_spacing_ratio=[1.0]),
    "wrong_class": _stream(label_share=[0.006]),
    "dice_zero": _stream(lattice_dice=[0.0, 0.0, 0.3]),
    "flat_field": _stream(output_spread=[1e-5, 0.2, 0.9]),
    "more_pieces": _stream(components_added=[9.0, 2.0, -20.0]),
    "slower_than_forecast": _stream("train", step_seconds=[3.0, *[0.4] * 10, *[0.5] * 10]),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_rule_fires_on_its_stream_only(name: str) -> None:
    (found,) = diagnose(BROKEN[name], RULES)
    assert found.name == name
    assert found.evidence
    assert found.remedy
    assert found.cause.format(**found.parameters)
    TrainConfig.from_values(found.config_patch)
    assert diagnose(HEALTHY[name], RULES) == []


def test_every_rule_has_its_streams() -> None:
    assert {rule.name for rule in RULES} == set(BROKEN) == set(HEALTHY)


def test_a_loss_that_is_no_number_is_found_by_the_rule_of_every_pipeline() -> None:
    rules = rules_of(load_spec("refinement"))
    (found,) = diagnose(_stream("train", loss_dice=[0.9, 0.8, None]), rules)
    assert found.name == "non_finite_loss"
    assert diagnose(_stream("train", loss_dice=[0.9, 0.8, 0.7]), rules) == []
