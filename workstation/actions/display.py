"""Actions that change how an image is shown while it is annotated; they mean the one under the mouse."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import VIEW_MENU
from workstation.actions.registry import ActionFamily, ActionSpec

_display = ActionFamily("display", VIEW_MENU, "pairs")

DISPLAY_ACTIONS: tuple[ActionSpec, ...] = (
    _display(
        "green",
        QT_TRANSLATE_NOOP("actions", "&Green channel"),
        QT_TRANSLATE_NOOP("actions", "Show the green channel of the image under the mouse, or its colours."),
        "Shift+G",
    ),
    _display(
        "contrast",
        QT_TRANSLATE_NOOP("actions", "Local &contrast"),
        QT_TRANSLATE_NOOP("actions", "Raise the contrast everywhere in the image under the mouse (CLAHE)."),
        "Shift+C",
    ),
    _display(
        "invert",
        QT_TRANSLATE_NOOP("actions", "In&vert"),
        QT_TRANSLATE_NOOP("actions", "Show dark as bright in the image under the mouse."),
        "Shift+I",
    ),
    _display(
        "vessels",
        QT_TRANSLATE_NOOP("actions", "Vess&els over the image"),
        QT_TRANSLATE_NOOP("actions", "Lay what looks like vessels over the image under the mouse."),
        "Shift+V",
    ),
    _display(
        "auto",
        QT_TRANSLATE_NOOP("actions", "&Automatic brightness"),
        QT_TRANSLATE_NOOP(
            "actions", "Brightness by the grey values of the image; the same as a double right click."
        ),
        "Alt+A",
    ),
    _display(
        "reset",
        QT_TRANSLATE_NOOP("actions", "&Reset display"),
        QT_TRANSLATE_NOOP("actions", "Show the image under the mouse as its file is."),
        "Alt+0",
    ),
    _display(
        "names",
        QT_TRANSLATE_NOOP("actions", "Na&mes of points"),
        QT_TRANSLATE_NOOP("actions", "Write the numbers beside all points, or beside the selected one only."),
        "Shift+N",
        is_checkable=True,
    ),
)
