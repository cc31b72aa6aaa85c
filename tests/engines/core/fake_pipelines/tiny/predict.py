from __future__ import annotations

import sys

from engines.contract.run_context import RunContext


def predict(run: RunContext) -> None:
    run.check_stop()
    run.summary["has_torch"] = "torch" in sys.modules
