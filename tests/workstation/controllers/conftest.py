from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication

from engines.contract.errors import PreconditionError
from workstation.controllers.workbench import Workbench


@pytest.fixture
def prompt_bench(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """A workbench that does its background work at once."""
    made = Workbench()

    def at_once(
        _channel: str,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None] | None = None,
        **_how: object,
    ) -> None:
        try:
            result = work()
        except PreconditionError as error:
            assert failed is not None
            failed(error)
        else:
            done(result)

    monkeypatch.setattr(made.background, "submit", at_once)
    yield made
    made.live_runs.detach_all()
    made.background.close()
