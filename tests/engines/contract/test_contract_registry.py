"""Pipelines are found by folder and named with advice."""

from __future__ import annotations

import pytest

from engines.contract.errors import UnknownKeyError
from engines.contract.registry import all_specs, load_spec, pipeline_keys


def test_every_folder_with_a_spec_is_a_pipeline() -> None:
    assert pipeline_keys()
    assert {spec.key for spec in all_specs()} == set(pipeline_keys())


def test_unknown_pipeline_names_the_nearest() -> None:
    known = pipeline_keys()[0]
    with pytest.raises(UnknownKeyError, match=f"Did you mean '{known}'"):
        load_spec(known[:-1])


def test_unknown_phase_lists_the_known_ones() -> None:
    spec = all_specs()[0]
    with pytest.raises(UnknownKeyError, match=spec.phases[0].key):
        spec.phase("nonsense")
