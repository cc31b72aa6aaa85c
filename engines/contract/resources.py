"""Where presets, schemas, styles and the sample project's images lie, in a checkout and in a wheel."""

from __future__ import annotations

from importlib import resources as importlib_resources
from pathlib import Path


def resource_path(*parts: str) -> Path:
    """Return the path of a resource, for example ``resource_path("presets", "registration")``."""
    # A wheel is always installed unpacked by pip and uv, so a traversable is a real path.
    return Path(str(importlib_resources.files("resources"))).joinpath(*parts)
