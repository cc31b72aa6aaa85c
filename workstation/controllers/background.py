"""Work that must not hold up the window: a pool of threads whose answers arrive on the UI thread.

A job is named by its `channel`: when a newer job of the same channel was submitted, the late answer of
the older one is dropped.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from engines.contract.errors import WorkstationError

_LOG = logging.getLogger(__name__)


class CancelToken:
    """A request to stop, asked by the work itself between two steps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._event.set()

    def is_cancelled(self) -> bool:
        """Tell whether the work should stop."""
        return self._event.is_set()


class _Answers(QObject):
    """Carries an answer to the thread that the object lives on."""

    arrived = Signal(object, object, object)  # job, result, error


class _Job(QRunnable):
    def __init__(
        self,
        answers: _Answers,
        channel: str,
        generation: int,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None] | None,
    ) -> None:
        super().__init__()
        self.setAutoDelete(False)  # Python owns it; Qt deleting it too would be a double free
        self.channel = channel
        self.generation = generation
        self.done = done
        self.failed = failed
        self._answers = answers
        self._work = work

    def run(self) -> None:
        """Do the work; every error travels to the UI thread, where the one exception path takes it."""
        result, error = None, None
        try:
            result = self._work()
        except Exception as caught:  # noqa: BLE001 - handed on, raised again on the UI thread
            error = caught
        finally:
            # PySide keeps a job for ever; what it worked on, images for example, it must not keep.
            self._work = _nothing
        try:
            self._answers.arrived.emit(self, result, error)
        except RuntimeError:
            _LOG.debug("The window closed before %s answered.", self.channel)

    def take(self) -> tuple[Callable[[Any], None], Callable[[BaseException], None] | None]:
        """Return `done` and `failed`, and keep them no longer."""
        taken = self.done, self.failed
        self.done, self.failed = _ignore, None
        return taken


class Background(QObject):
    """Runs work off the UI thread.

    Parameters
    ----------
    parent : QObject or None
    num_threads : int
        Threads; 0 takes two.
    """

    def __init__(self, parent: QObject | None = None, num_threads: int = 2) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(num_threads)
        self._answers = _Answers(self)
        self._answers.arrived.connect(self._on_arrived)
        self._generations: dict[str, int] = {}
        self._jobs: set[_Job] = set()
        self._is_closed = False

    def submit(
        self,
        channel: str,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None] | None = None,
        *,
        is_urgent: bool = False,
    ) -> None:
        """Run `work` on a thread, then `done` with its result on the UI thread.

        Parameters
        ----------
        channel : str
            A newer job of the same channel makes the answer of this one worthless.
        failed : callable or None
            Takes a `WorkstationError`; without it, and for every other error, the exception hook does.
        is_urgent : bool
            Somebody waits in front of an empty pane: before everything that has not begun.
        """
        generation = self._generations[channel] = self._generations.get(channel, 0) + 1
        job = _Job(self._answers, channel, generation, work, done, failed)
        self._jobs.add(job)
        self._pool.start(job, int(is_urgent))

    def drop(self, channel: str) -> None:
        """Make the answers of a channel worthless."""
        self._generations[channel] = self._generations.get(channel, 0) + 1

    def drop_all(self) -> None:
        """Make every answer that is still to come worthless."""
        for channel in self._generations:
            self.drop(channel)

    @property
    def num_waiting(self) -> int:
        """Jobs that have not answered yet."""
        return len(self._jobs)

    def close(self, timeout_ms: int = 2000) -> None:
        """Drop every answer and wait for the threads, for so long at most."""
        self._is_closed = True
        self._pool.clear()
        self._pool.waitForDone(timeout_ms)
        self._jobs.clear()

    def _on_arrived(self, job: _Job, result: Any, error: BaseException | None) -> None:
        self._jobs.discard(job)
        done, failed = job.take()
        if self._is_closed or self._generations.get(job.channel) != job.generation:
            return
        if error is None:
            done(result)
        elif failed is not None and isinstance(error, WorkstationError):
            failed(error)
        else:
            raise error


def _nothing() -> None:
    return


def _ignore(_result: Any) -> None:
    return
