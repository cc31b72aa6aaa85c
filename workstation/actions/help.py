"""Actions of the Help menu that explain: pages, first steps, licences."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import HELP_MENU
from workstation.actions.registry import ActionSpec

HELP_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "help.page",
        QT_TRANSLATE_NOOP("actions", "&Help for this screen"),
        QT_TRANSLATE_NOOP("actions", "Open the page of the screen that is shown; all pages can be searched."),
        ("F1",),
        HELP_MENU,
    ),
    ActionSpec(
        "help.first_steps",
        QT_TRANSLATE_NOOP("actions", "&First steps"),
        QT_TRANSLATE_NOOP("actions", "Show or hide the line that leads through a first session."),
        ("Ctrl+Alt+H",),
        HELP_MENU,
        is_checkable=True,
    ),
    ActionSpec(
        "help.licences",
        QT_TRANSLATE_NOOP("actions", "Licences and &citations"),
        QT_TRANSLATE_NOOP(
            "actions", "Who made the sample images, the methods and the libraries, and under which licence."
        ),
        ("Ctrl+Alt+I",),
        HELP_MENU,
    ),
)
