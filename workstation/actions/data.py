"""Actions of importing, of checking what a project holds, and of correcting its items."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import EDIT_MENU, PROJECT_MENU
from workstation.actions.registry import ActionSpec

DATA_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "project.import_folder",
        QT_TRANSLATE_NOOP("actions", "Import &folder…"),
        QT_TRANSLATE_NOOP(
            "actions", "Find the pairs in a folder of images, look them through, and import them."
        ),
        ("Ctrl+Shift+F",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "project.check",
        QT_TRANSLATE_NOOP("actions", "Check &data…"),
        QT_TRANSLATE_NOOP(
            "actions", "Look for one image under two subjects, missing files and incomplete pairs."
        ),
        ("Ctrl+Alt+D",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "project.relink",
        QT_TRANSLATE_NOOP("actions", "Find &moved images…"),
        QT_TRANSLATE_NOOP("actions", "Search a folder for images that are no longer where they were."),
        ("Ctrl+Shift+M",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "item.edit",
        QT_TRANSLATE_NOOP("actions", "Item &details…"),
        QT_TRANSLATE_NOOP("actions", "Correct subject, visit, eye and modalities of the item."),
        ("Alt+Return",),
        EDIT_MENU,
    ),
    ActionSpec(
        "item.swap",
        QT_TRANSLATE_NOOP("actions", "S&wap fixed and moving"),
        QT_TRANSLATE_NOOP("actions", "Exchange the two images of the item, with their masks and points."),
        ("Ctrl+Shift+X",),
        EDIT_MENU,
    ),
)
