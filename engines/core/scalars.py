"""The metrics of a run for TensorBoard, beside the events."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from engines.contract.events import Event, Metric
from engines.contract.run_context import RunContext

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardScalars:
    """Copy every metric that a run emits into ``tensorboard/``; a context manager.

    Parameters
    ----------
    run : RunContext
    first_step : int
        Points of an earlier attempt from this step on are hidden.
    """

    def __init__(self, run: RunContext, first_step: int = 0) -> None:
        self._run = run
        self._first_step = first_step
        self._writer: SummaryWriter | None = None

    def __enter__(self) -> TensorBoardScalars:
        # Imported here: it takes a second, and only training needs it.
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(
            str(self._run.folder.tensorboard_dir), purge_step=self._first_step or None, flush_secs=30
        )
        self._run.observers.append(self._add)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run.observers.remove(self._add)
        if self._writer is not None:
            self._writer.close()

    def _add(self, event: Event) -> None:
        if self._writer is not None and isinstance(event, Metric) and event.value is not None:
            self._writer.add_scalar(f"{event.split}/{event.key}", event.value, event.step, event.time)
