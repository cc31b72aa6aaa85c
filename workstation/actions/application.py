"""Actions of the window itself: project, import, screens, edit history."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.registry import ActionSpec

PROJECT_MENU = QT_TRANSLATE_NOOP("actions", "&Project")
EDIT_MENU = QT_TRANSLATE_NOOP("actions", "&Edit")
PAIRS_MENU = QT_TRANSLATE_NOOP("actions", "Pa&irs")
VOLUME_MENU = QT_TRANSLATE_NOOP("actions", "V&olume")
MASK_MENU = QT_TRANSLATE_NOOP("actions", "&Mask")
REVIEW_MENU = QT_TRANSLATE_NOOP("actions", "Revie&w")
COMPARE_MENU = QT_TRANSLATE_NOOP("actions", "&Compare")
RUNS_MENU = QT_TRANSLATE_NOOP("actions", "&Runs")
VIEW_MENU = QT_TRANSLATE_NOOP("actions", "&View")
HELP_MENU = QT_TRANSLATE_NOOP("actions", "&Help")

MENUS: tuple[str, ...] = (
    PROJECT_MENU,
    EDIT_MENU,
    PAIRS_MENU,
    VOLUME_MENU,
    MASK_MENU,
    REVIEW_MENU,
    COMPARE_MENU,
    RUNS_MENU,
    VIEW_MENU,
    HELP_MENU,
)

APPLICATION_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "project.sample",
        QT_TRANSLATE_NOOP("actions", "Open &sample project"),
        QT_TRANSLATE_NOOP("actions", "Build a small project of retina images in a few seconds and open it."),
        ("Ctrl+Shift+O",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "project.open",
        QT_TRANSLATE_NOOP("actions", "&Open project…"),
        QT_TRANSLATE_NOOP("actions", "Open the folder of a project."),
        ("Ctrl+O",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "project.new",
        QT_TRANSLATE_NOOP("actions", "&New project…"),
        QT_TRANSLATE_NOOP("actions", "Make an empty project in a new folder."),
        ("Ctrl+Shift+N",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "project.import",
        QT_TRANSLATE_NOOP("actions", "&Import files…"),
        QT_TRANSLATE_NOOP("actions", "Import images, tables of images or keypoint pairs, or keypoint files."),
        ("Ctrl+I",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "project.import_keypoints",
        QT_TRANSLATE_NOOP("actions", "Import &keypoints…"),
        QT_TRANSLATE_NOOP(
            "actions", "Add the points of BigWarp, 3D Slicer, ImageJ, CVAT and others to this item."
        ),
        ("Ctrl+Shift+I",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "project.export",
        QT_TRANSLATE_NOOP("actions", "&Export…"),
        QT_TRANSLATE_NOOP("actions", "Write keypoints, transforms or everything for other programs."),
        ("Ctrl+Shift+S",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "project.close",
        QT_TRANSLATE_NOOP("actions", "&Close project"),
        QT_TRANSLATE_NOOP("actions", "Close the project; everything is on disk already, and runs go on."),
        ("Ctrl+W",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "window.quit",
        QT_TRANSLATE_NOOP("actions", "&Quit"),
        QT_TRANSLATE_NOOP("actions", "Close the window; runs go on."),
        ("Ctrl+Q",),
        PROJECT_MENU,
    ),
    ActionSpec(
        "edit.undo",
        QT_TRANSLATE_NOOP("actions", "&Undo"),
        QT_TRANSLATE_NOOP("actions", "Take the last edit back; also after a restart."),
        ("Ctrl+Z",),
        EDIT_MENU,
        short=QT_TRANSLATE_NOOP("actions", "Undo"),
    ),
    ActionSpec(
        "edit.redo",
        QT_TRANSLATE_NOOP("actions", "&Redo"),
        QT_TRANSLATE_NOOP("actions", "Do the edit again that was taken back last."),
        ("Ctrl+Shift+Z", "Ctrl+Y"),
        EDIT_MENU,
        short=QT_TRANSLATE_NOOP("actions", "Redo"),
    ),
    ActionSpec(
        "edit.history",
        QT_TRANSLATE_NOOP("actions", "&History…"),
        QT_TRANSLATE_NOOP("actions", "List every edit, and go back or forward to one of them."),
        ("Ctrl+H",),
        EDIT_MENU,
    ),
    ActionSpec(
        "edit.shortcuts",
        QT_TRANSLATE_NOOP("actions", "Change &shortcuts…"),
        QT_TRANSLATE_NOOP("actions", "Give actions other keys; conflicts are shown at once."),
        ("Ctrl+,",),
        EDIT_MENU,
    ),
    ActionSpec(
        "screen.pairs",
        QT_TRANSLATE_NOOP("actions", "Pairs"),
        QT_TRANSLATE_NOOP("actions", "Place keypoint pairs and register."),
        ("F2",),
        VIEW_MENU,
    ),
    ActionSpec(
        "screen.volume",
        QT_TRANSLATE_NOOP("actions", "Volume"),
        QT_TRANSLATE_NOOP("actions", "Look at volumes in three planes, and draw label maps."),
        ("F3",),
        VIEW_MENU,
    ),
    ActionSpec(
        "screen.train",
        QT_TRANSLATE_NOOP("actions", "Train"),
        QT_TRANSLATE_NOOP("actions", "Start training and watch it."),
        ("F4",),
        VIEW_MENU,
    ),
    ActionSpec(
        "screen.runs",
        QT_TRANSLATE_NOOP("actions", "Runs"),
        QT_TRANSLATE_NOOP("actions", "Look at finished runs, their curves and their evaluation."),
        ("F5",),
        VIEW_MENU,
    ),
    ActionSpec(
        "screen.compare",
        QT_TRANSLATE_NOOP("actions", "Compare"),
        QT_TRANSLATE_NOOP("actions", "Lay results of an item over each other, with their numbers."),
        ("F6",),
        VIEW_MENU,
    ),
    ActionSpec(
        "item.next",
        QT_TRANSLATE_NOOP("actions", "&Next item"),
        QT_TRANSLATE_NOOP("actions", "Go to the next item of the list."),
        ("Ctrl+Right",),
        VIEW_MENU,
    ),
    ActionSpec(
        "item.previous",
        QT_TRANSLATE_NOOP("actions", "&Previous item"),
        QT_TRANSLATE_NOOP("actions", "Go to the previous item of the list."),
        ("Ctrl+Left",),
        VIEW_MENU,
    ),
    ActionSpec(
        "item.find",
        QT_TRANSLATE_NOOP("actions", "&Find item"),
        QT_TRANSLATE_NOOP("actions", "Type a part of a subject or item to shorten the list."),
        ("Ctrl+F",),
        VIEW_MENU,
    ),
    ActionSpec(
        "window.light",
        QT_TRANSLATE_NOOP("actions", "&Light theme"),
        QT_TRANSLATE_NOOP("actions", "Light or dark window; canvases stay dark."),
        ("Ctrl+Shift+L",),
        VIEW_MENU,
        is_checkable=True,
    ),
    ActionSpec(
        "window.system_theme",
        QT_TRANSLATE_NOOP("actions", "&Follow the system's theme"),
        QT_TRANSLATE_NOOP("actions", "Be light or dark as the desktop is."),
        ("Ctrl+Alt+T",),
        VIEW_MENU,
        is_checkable=True,
    ),
    ActionSpec(
        "window.next_region",
        QT_TRANSLATE_NOOP("actions", "Next part of the &window"),
        QT_TRANSLATE_NOOP("actions", "Move the focus to the next part: list, canvas, table, panel, cards."),
        ("Ctrl+Tab", "Ctrl+F6"),
        VIEW_MENU,
    ),
    ActionSpec(
        "window.previous_region",
        QT_TRANSLATE_NOOP("actions", "Previous part of the w&indow"),
        QT_TRANSLATE_NOOP("actions", "Move the focus to the part before."),
        ("Ctrl+Shift+Tab", "Ctrl+Shift+F6"),
        VIEW_MENU,
    ),
    ActionSpec(
        "window.palette",
        QT_TRANSLATE_NOOP("actions", "&Command palette…"),
        QT_TRANSLATE_NOOP("actions", "Find any action by a few letters of its name, and run it."),
        ("Ctrl+K", "Ctrl+Shift+P"),
        VIEW_MENU,
    ),
    ActionSpec(
        "help.log",
        QT_TRANSLATE_NOOP("actions", "Show the &log file"),
        QT_TRANSLATE_NOOP("actions", "Open the folder of the log file."),
        ("Ctrl+Alt+L",),
        HELP_MENU,
    ),
    ActionSpec(
        "help.keys",
        QT_TRANSLATE_NOOP("actions", "&Shortcuts"),
        QT_TRANSLATE_NOOP("actions", "List every action with its keys."),
        ("Ctrl+F1",),
        HELP_MENU,
    ),
)
