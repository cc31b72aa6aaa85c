"""Find pipelines by folder; import their code only by name and on request.

A pipeline is a folder ``engines/<key>/`` with a `spec.py`. Nothing is registered at import.
"""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from pathlib import Path
from typing import Any

import engines
from engines.contract.config import RunConfig
from engines.contract.errors import UnknownKeyError
from engines.contract.kinds import Action
from engines.contract.spec import PipelineSpec


@cache
def pipeline_keys() -> tuple[str, ...]:
    """Return the keys of all pipelines, in alphabetical order."""
    found = (path.parent.name for root in engines.__path__ for path in Path(root).glob("*/spec.py"))
    # The contract's own `spec.py` defines what a spec is.
    return tuple(sorted(set(found) - {"contract"}))


@cache
def load_spec(key: str) -> PipelineSpec:
    """Import ``engines.<key>.spec`` and return its `SPEC`.

    Raises
    ------
    UnknownKeyError
        If no such pipeline exists; the sentence lists those that do.
    """
    if key not in pipeline_keys():
        near = difflib.get_close_matches(key, pipeline_keys(), n=1)
        raise UnknownKeyError(
            "There is no pipeline '{key}'.",
            remedy=("Did you mean '{near}'? " if near else "") + "Known pipelines: {known}.",
            key=key,
            near=near[0] if near else "",
            known=", ".join(pipeline_keys()),
        )
    spec = importlib.import_module(f"engines.{key}.spec").SPEC
    assert isinstance(spec, PipelineSpec)
    assert spec.key == key
    return spec


def all_specs() -> tuple[PipelineSpec, ...]:
    """Return every pipeline's spec, in the order in which they are shown."""
    specs = (load_spec(key) for key in pipeline_keys())
    return tuple(sorted(specs, key=lambda spec: (spec.position, spec.key)))


def resolve(name: str) -> Any:
    """Import what a ``"module:name"`` string names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def config_class(spec: PipelineSpec, action: Action) -> type[RunConfig]:
    """Return the class of settings of one action of a pipeline."""
    spec.function(action)
    found = resolve(spec.configs[action])
    assert isinstance(found, type)
    assert issubclass(found, RunConfig)
    return found
