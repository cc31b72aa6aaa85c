"""Rules that know registration; the rules common to all pipelines are in `engines.core.diagnosis`."""

from __future__ import annotations

RULES = ()
