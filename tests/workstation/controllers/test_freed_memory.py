from __future__ import annotations

import sys

import psutil
import pytest

from workstation.controllers.freed_memory import give_back


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems give memory back by themselves"
)
def test_freed_memory_goes_back_to_the_system() -> None:
    # Too small for pages of their own, and every other one is kept until all were made.
    parts = [bytearray(60_000) for _ in range(2000)]
    full = psutil.Process().memory_info().rss
    parts[:-1] = [b""] * (len(parts) - 1)
    give_back()
    assert psutil.Process().memory_info().rss < full - 80e6
