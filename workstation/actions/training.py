"""Actions of the Train and Runs screens."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import RUNS_MENU
from workstation.actions.registry import ActionFamily, ActionSpec

_train = ActionFamily("train", RUNS_MENU, "train")
_runs = ActionFamily("runs", RUNS_MENU, "runs")

TRAIN_ACTIONS: tuple[ActionSpec, ...] = (
    _train(
        "start",
        QT_TRANSLATE_NOOP("actions", "&Start"),
        QT_TRANSLATE_NOOP("actions", "Start the chosen phase as a new run."),
        "Ctrl+Return",
        "Ctrl+Enter",
    ),
    _train(
        "pause",
        QT_TRANSLATE_NOOP("actions", "&Pause"),
        QT_TRANSLATE_NOOP("actions", "Let the run wait after its step; it keeps its memory."),
        "Ctrl+P",
    ),
    _train(
        "continue",
        QT_TRANSLATE_NOOP("actions", "&Continue"),
        QT_TRANSLATE_NOOP("actions", "Let the paused run go on."),
        "Ctrl+Alt+P",
    ),
    _train(
        "stop",
        QT_TRANSLATE_NOOP("actions", "Stop and &keep"),
        QT_TRANSLATE_NOOP("actions", "End the run after its step and keep the best and the last model."),
        "Ctrl+.",
    ),
    _train(
        "resume",
        QT_TRANSLATE_NOOP("actions", "&Resume"),
        QT_TRANSLATE_NOOP("actions", "Continue the ended run exactly from its newest checkpoint."),
        "Ctrl+Shift+Return",
    ),
    _train(
        "variants",
        QT_TRANSLATE_NOOP("actions", "Compare &variants"),
        QT_TRANSLATE_NOOP("actions", "Queue the short trainings that the phase offers for comparison."),
        "Ctrl+Alt+M",
    ),
    _train(
        "discard",
        QT_TRANSLATE_NOOP("actions", "&Discard…"),
        QT_TRANSLATE_NOOP("actions", "Move the run to the trash folder of the project."),
        "Ctrl+Shift+Del",
    ),
)

RUNS_ACTIONS: tuple[ActionSpec, ...] = (
    _runs(
        "use",
        QT_TRANSLATE_NOOP("actions", "&Use this model"),
        QT_TRANSLATE_NOOP("actions", "Take the model of this run for new results."),
        "Ctrl+U",
    ),
    _runs(
        "evaluate",
        QT_TRANSLATE_NOOP("actions", "&Evaluate"),
        QT_TRANSLATE_NOOP("actions", "Score the model of this run on annotated items, as a new run."),
        "Ctrl+E",
    ),
    _runs(
        "compare",
        QT_TRANSLATE_NOOP("actions", "Co&mpare"),
        QT_TRANSLATE_NOOP("actions", "Lay what this run registered over the other results of the item."),
        "Ctrl+M",
    ),
    _runs(
        "resume",
        QT_TRANSLATE_NOOP("actions", "&Resume"),
        QT_TRANSLATE_NOOP("actions", "Continue the ended run exactly from its newest checkpoint."),
        "Ctrl+Shift+Return",
    ),
    _runs(
        "repeat",
        QT_TRANSLATE_NOOP("actions", "Re&peat"),
        QT_TRANSLATE_NOOP("actions", "Start a new run with the settings of this one."),
        "Ctrl+Shift+E",
    ),
    _runs(
        "open_folder",
        QT_TRANSLATE_NOOP("actions", "Open &folder"),
        QT_TRANSLATE_NOOP("actions", "Show the folder of the run: settings, events, weights, results."),
        "Ctrl+L",
    ),
    _runs(
        "discard",
        QT_TRANSLATE_NOOP("actions", "&Discard…"),
        QT_TRANSLATE_NOOP("actions", "Move the run to the trash folder of the project."),
        "Ctrl+Shift+Del",
    ),
)
