"""Gaps of the event loop during a scripted minute of annotation, with and without a training run.

    python tests/benchmarks/annotating_while_training.py [--seconds 60] [--repeats 5]

Both arms take place in one real window on a copy of the sample project, by turns, with the canvases
rendering; in one of them a training run shares the cores. A precise timer of 5 ms measures the gaps.
Bars: the median over the repeats of the gaps' 99th percentile with the run is at most 1.5 times the one
without, and none of our own handlers (inputs, answers of threads, news of the run) blocks for more than
50 ms; renderer time is in the gaps and not in the handlers.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from engines.contract.kinds import Action
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from workstation.app import build, prepare, spare_screens_from_collection
from workstation.controllers.background import Background
from workstation.controllers.runs.live_runs import LiveRun
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.main_window import MainWindow
from workstation.project.project import Project
from workstation.project.sample import create_sample
from workstation.runs.launch import prepare_run
from workstation.runs.process_watch import is_alive
from workstation.settings import Settings

TICK_MS = 5
INPUT_MS = 16
PERCENTILE = 99
LARGEST_RATIO = 1.5
LONGEST_HANDLER_MS = 50.0
ITEMS = ("known-1", "known-2")
PIPELINE = "registration"
ENDLESS = {"epochs": 100_000, "max_minutes": 0}


@dataclass
class Handlers:
    """Wall time of everything of ours that runs on the UI thread, with the processor time in it."""

    durations_ms: list[float] = field(default_factory=list)
    longest: tuple[float, float, str] = (0.0, 0.0, "")

    def timed(self, name: str | Callable[..., str], call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same and is measured; its name may depend on its arguments."""

        @wraps(call)
        def measured(*arguments: Any, **keywords: Any) -> Any:
            began, worked = time.perf_counter(), time.thread_time()
            try:
                return call(*arguments, **keywords)
            finally:
                taken = 1000 * (time.perf_counter() - began)
                self.durations_ms.append(taken)
                called = name if isinstance(name, str) else name(*arguments)
                self.longest = max(self.longest, (taken, 1000 * (time.thread_time() - worked), called))

        return measured


class Gaps(QObject):
    """Times between the ticks of a timer."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps_ms: list[float] = []
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_tick)

    def start(self) -> None:
        """Begin."""
        self._last = time.perf_counter()
        self._timer.start(TICK_MS)

    def stop(self) -> list[float]:
        """End, and return the gaps in ms."""
        self._timer.stop()
        return self.gaps_ms

    def _on_tick(self) -> None:
        now = time.perf_counter()
        self.gaps_ms.append(1000 * (now - self._last))
        self._last = now


class Person:
    """Moves, drags, adds, nudges, undoes, zooms and changes the item, at the pace of a hand.

    Parameters
    ----------
    window : MainWindow
    handlers : Handlers
    """

    def __init__(self, window: MainWindow, handlers: Handlers) -> None:
        self._window = window
        self._view = window.screen("pairs").centre.pair_view  # type: ignore[union-attr]
        self._controller: Any = window.screen("pairs").controller  # type: ignore[union-attr]
        self._send = handlers.timed("input", QCoreApplication.sendEvent)
        self._trigger = handlers.timed("action", lambda key: window.actions_.action(key).trigger())
        self._choose = handlers.timed("item", window.workbench.set_item)

    def work(self) -> Iterator[None]:
        """Do one input after another, for ever."""
        random = np.random.default_rng(0)
        for turn in range(10_000):
            if turn % 6 == 0:
                self._choose(ITEMS[(turn // 6) % len(ITEMS)])
                for _ in range(60):
                    yield
            yield from self._wander(random)
            yield from self._add(random)
            yield from self._drag(random)
            for key in (Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Right):
                self._key(key)
                yield
            for key in ("pairs.worst", "edit.undo", "edit.redo", "edit.undo"):
                self._trigger(key)
                for _ in range(6):
                    yield
            yield from self._zoom()

    def _wander(self, random: np.random.Generator) -> Iterator[None]:
        for side in ("fixed", "moving"):
            canvas = self._view.canvas(side)
            start, end = random.uniform(0.2, 0.8, (2, 2)) * [canvas.native.width(), canvas.native.height()]
            for share in np.linspace(0, 1, 30):
                at = start + share * (end - start)
                self._mouse(side, QEvent.Type.MouseMove, QPointF(*at))
                yield

    def _add(self, random: np.random.Generator) -> Iterator[None]:
        self._trigger("pairs.add")
        place = random.uniform(0.4, 0.6, 2)
        for side in ("fixed", "moving"):
            native = self._view.canvas(side).native
            at = QPointF(place[0] * native.width(), place[1] * native.height())
            self._mouse(side, QEvent.Type.MouseButtonPress, at)
            self._mouse(side, QEvent.Type.MouseButtonRelease, at)
            for _ in range(10):
                yield
        self._trigger("pairs.select")

    def _drag(self, random: np.random.Generator) -> Iterator[None]:
        rows = [row for row in self._controller.pair_fit.rows if row.moving_xy is not None]
        if not rows:
            return
        canvas = self._view.canvas("moving")
        start = canvas.canvas_from_image(rows[int(random.integers(len(rows)))].moving_xy)
        self._mouse("moving", QEvent.Type.MouseButtonPress, start)
        for step in range(40):
            at = start + QPointF(12 * np.sin(step / 6), 12 * np.cos(step / 6) - 12)
            self._mouse("moving", QEvent.Type.MouseMove, at, Qt.MouseButton.LeftButton)
            yield
        self._mouse("moving", QEvent.Type.MouseButtonRelease, start + QPointF(4, 3))
        yield

    def _zoom(self) -> Iterator[None]:
        native = self._view.canvas("fixed").native
        at = QPointF(native.width() / 2, native.height() / 2)
        for delta in (120, 120, 120, -120, -120, -120):
            event = QWheelEvent(
                at, native.mapToGlobal(at), QPointF(0, delta).toPoint(), QPointF(0, delta).toPoint(),
                Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
            )  # fmt: skip
            self._send(native, event)
            for _ in range(6):
                yield

    def _mouse(
        self, side: str, kind: QEvent.Type, at: QPointF, held: Qt.MouseButton = Qt.MouseButton.NoButton
    ) -> None:
        native = self._view.canvas(side).native
        is_move = kind == QEvent.Type.MouseMove
        button = Qt.MouseButton.NoButton if is_move else Qt.MouseButton.LeftButton
        buttons = button if kind == QEvent.Type.MouseButtonPress else held
        event = QMouseEvent(kind, at, native.mapToGlobal(at), button, buttons, Qt.KeyboardModifier.NoModifier)
        self._send(native, event)

    def _key(self, key: Qt.Key) -> None:
        native = self._view.canvas("moving").native
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            self._send(native, QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier))


def annotate(window: MainWindow, handlers: Handlers, seconds: float) -> list[float]:
    """Let the person work for a while and return the gaps of the event loop, in ms."""
    script = Person(window, handlers).work()
    pace = QTimer()
    pace.setTimerType(Qt.TimerType.PreciseTimer)
    pace.timeout.connect(lambda: next(script))
    loop, gaps = QEventLoop(), Gaps()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    pace.start(INPUT_MS)
    gaps.start()
    loop.exec()
    pace.stop()
    return gaps.stop()


def wait(condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    """Let the window live until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"waited {seconds:.0f} s in vain until {what}")
        QCoreApplication.processEvents()
        time.sleep(0.01)


def start_training(window: MainWindow, project: Project) -> RunFolder:
    """Start a run that does not end by itself, as the window does, and wait for its first steps."""
    spec = load_spec(PIPELINE)
    folder = prepare_run(project, spec, action=Action.TRAIN, preset="laptop", overrides=ENDLESS)
    schedule_of(window.workbench).start(folder)
    live = window.workbench.live_runs

    def is_stepping() -> bool:
        run = live.get(folder.id)
        return run is not None and run.model.step >= 2

    wait(is_stepping, "the training makes steps")
    return folder


def stop_training(window: MainWindow, folder: RunFolder) -> None:
    """End the run without ceremony."""
    run = window.workbench.live_runs.get(folder.id)
    if run is not None:
        run.thread_of_run.request_stop()
    wait(lambda: not is_alive(folder), "the training has ended")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    handlers = Handlers()
    Background._on_arrived = handlers.timed(  # type: ignore[method-assign]
        lambda _self, job, *_: f"answer of the thread for {job.channel}", Background._on_arrived
    )
    LiveRun._on_events = handlers.timed("news of the run", LiveRun._on_events)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample"
        create_sample(path).close()
        application = QApplication([])
        settings = Settings()
        prepare(application, settings)
        window = build(settings, sample_folder=path)
        spare_screens_from_collection(window)
        window.resize(1600, 960)
        window.show()
        window.projects.open(path)
        wait(lambda: window.screen("pairs") is not None, "the screen is there")
        wait(lambda: window.workbench.item_id == ITEMS[0], "the first item is chosen")
        measure(window, handlers, options.seconds, options.repeats)
        window.close()
        window.deleteLater()


def measure(window: MainWindow, handlers: Handlers, seconds: float, repeats: int) -> None:
    """Take both arms by turns, the first by turns too, and print the table."""
    project = window.workbench.project
    assert project is not None
    annotate(window, handlers, min(10.0, seconds))
    arms: dict[str, list[float]] = {"alone": [], "training": []}
    longest: dict[str, tuple[float, float, str]] = dict.fromkeys(arms, (0.0, 0.0, ""))
    over: dict[str, list[float]] = {"alone": [], "training": []}
    say(
        f"{'repeat':>6} {'arm':>9} {'median':>8} {'p99':>8} {'max':>8}   longest handler (its processor time)"
    )
    for repeat in range(repeats):
        for arm in list(arms) if repeat % 2 == 0 else list(arms)[::-1]:
            run = start_training(window, project) if arm == "training" else None
            handlers.longest = (0.0, 0.0, "")
            handlers.durations_ms.clear()
            gaps = annotate(window, handlers, seconds)
            arms[arm].append(float(np.percentile(gaps, PERCENTILE)))
            longest[arm] = max(longest[arm], handlers.longest)
            over[arm].append(np.mean(np.array(handlers.durations_ms) > LONGEST_HANDLER_MS))
            say(
                f"{repeat + 1:6d} {arm:>9} {np.median(gaps):8.1f} {arms[arm][-1]:8.1f} {max(gaps):8.1f}"
                f"   {handlers.longest[0]:.1f} ms ({handlers.longest[1]:.1f}), {handlers.longest[2]}"
            )
            if run is not None:
                stop_training(window, run)
    ratio = statistics.median(arms["training"]) / statistics.median(arms["alone"])
    say(f"p99 with the run / without: {ratio:.2f} (bar {LARGEST_RATIO})")
    for arm, (taken, worked, name) in longest.items():
        say(
            f"longest handler of ours, {arm}: {taken:.1f} ms ({worked:.1f} of the processor), {name}; "
            f"{100 * np.mean(over[arm]):.3f} % over the bar of {LONGEST_HANDLER_MS:.0f} ms"
        )


def say(line: str) -> None:
    """Print a line of the table at once."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
