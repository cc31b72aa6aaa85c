"""Actions of the Train and Runs screens."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import RUNS_MENU
from workstation.actions.registry import ActionSpec


def _of(screen: str, verb: str, text: str, tooltip: str, *shortcuts: str) -> ActionSpec:
    return ActionSpec(f"{screen}.{verb}", text, tooltip, shortcuts, RUNS_MENU, screen=screen)


TRAIN_ACTIONS: tuple[ActionSpec, ...] = (
    _of(
        "train",
        "start",
        QT_TRANSLATE_NOOP("actions", "&Start"),
        QT_TRANSLATE_NOOP("actions", "Start the chosen phase as a new run."),
        "Ctrl+Return",
        "Ctrl+Enter",
    ),
    _of(
        "train",
        "pause",
        QT_TRANSLATE_NOOP("actions", "&Pause"),
        QT_TRANSLATE_NOOP("actions", "Let the run wait after its step; it keeps its memory."),
        "Ctrl+P",
    ),
    _of(
        "train",
        "continue",
        QT_TRANSLATE_NOOP("actions", "&Continue"),
        QT_TRANSLATE_NOOP("actions", "Let the paused run go on."),
        "Ctrl+Alt+P",
    ),
    _of(
        "train",
        "stop",
        QT_TRANSLATE_NOOP("actions", "Stop and &keep"),
        QT_TRANSLATE_NOOP("actions", "End the run after its step and keep the best and the last model."),
        "Ctrl+.",
    ),
    _of(
        "train",
        "resume",
        QT_TRANSLATE_NOOP("actions", "&Resume"),
        QT_TRANSLATE_NOOP("actions", "Continue the ended run exactly from its newest checkpoint."),
        "Ctrl+Shift+Return",
    ),
    _of(
        "train",
        "discard",
        QT_TRANSLATE_NOOP("actions", "&Discard…"),
        QT_TRANSLATE_NOOP("actions", "Move the run to the trash folder of the project."),
        "Ctrl+Shift+Del",
    ),
)

RUNS_ACTIONS: tuple[ActionSpec, ...] = (
    _of(
        "runs",
        "use",
        QT_TRANSLATE_NOOP("actions", "&Use this model"),
        QT_TRANSLATE_NOOP("actions", "Take the model of this run for new results."),
        "Ctrl+U",
    ),
    _of(
        "runs",
        "evaluate",
        QT_TRANSLATE_NOOP("actions", "&Evaluate"),
        QT_TRANSLATE_NOOP("actions", "Score the model of this run on annotated items, as a new run."),
        "Ctrl+E",
    ),
    _of(
        "runs",
        "compare",
        QT_TRANSLATE_NOOP("actions", "Co&mpare"),
        QT_TRANSLATE_NOOP("actions", "Lay what this run registered over the other results of the item."),
        "Ctrl+M",
    ),
    _of(
        "runs",
        "resume",
        QT_TRANSLATE_NOOP("actions", "&Resume"),
        QT_TRANSLATE_NOOP("actions", "Continue the ended run exactly from its newest checkpoint."),
        "Ctrl+Shift+Return",
    ),
    _of(
        "runs",
        "repeat",
        QT_TRANSLATE_NOOP("actions", "Re&peat"),
        QT_TRANSLATE_NOOP("actions", "Start a new run with the settings of this one."),
        "Ctrl+Shift+E",
    ),
    _of(
        "runs",
        "open_folder",
        QT_TRANSLATE_NOOP("actions", "Open &folder"),
        QT_TRANSLATE_NOOP("actions", "Show the folder of the run: settings, events, weights, results."),
        "Ctrl+L",
    ),
    _of(
        "runs",
        "discard",
        QT_TRANSLATE_NOOP("actions", "&Discard…"),
        QT_TRANSLATE_NOOP("actions", "Move the run to the trash folder of the project."),
        "Ctrl+Shift+Del",
    ),
)
