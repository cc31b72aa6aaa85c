"""Actions of the component table and of proposals. What takes voxels away can be undone."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import REVIEW_MENU
from workstation.actions.registry import ActionFamily, ActionSpec

AREA = "components.area"
"""Scope: the focus is in a pane; in the table, arrow keys walk."""
PANEL = "components.panel"
"""Scope: the focus is in the table or in what stands around it."""


_component = ActionFamily("components", REVIEW_MENU, "volume")
_proposal = ActionFamily("proposals", REVIEW_MENU, "volume")

COMPONENT_ACTIONS: tuple[ActionSpec, ...] = (
    _component(
        "accept",
        QT_TRANSLATE_NOOP("actions", "&Accept component"),
        QT_TRANSLATE_NOOP("actions", "Accept what is chosen and go to the next; again takes it back."),
        "Y",
        short=QT_TRANSLATE_NOOP("actions", "Accept"),
    ),
    _component(
        "reject",
        QT_TRANSLATE_NOOP("actions", "&Reject component"),
        QT_TRANSLATE_NOOP("actions", "Take what is chosen out of the label map; it can be restored."),
        "N",
        short=QT_TRANSLATE_NOOP("actions", "Reject"),
    ),
    _component(
        "restore",
        QT_TRANSLATE_NOOP("actions", "Re&store component"),
        QT_TRANSLATE_NOOP("actions", "Bring a rejected component back, with exactly its voxels."),
        "Shift+N",
        short=QT_TRANSLATE_NOOP("actions", "Restore"),
    ),
    _component(
        "next",
        QT_TRANSLATE_NOOP("actions", "Next component"),
        QT_TRANSLATE_NOOP("actions", "Choose the next line of the table and go to it."),
        "Tab",
        scope=AREA,
        short=QT_TRANSLATE_NOOP("actions", "Component ›"),
    ),
    _component(
        "previous",
        QT_TRANSLATE_NOOP("actions", "Previous component"),
        QT_TRANSLATE_NOOP("actions", "Choose the line before and go to it."),
        "Shift+Tab",
        scope=AREA,
        short=QT_TRANSLATE_NOOP("actions", "‹ Component"),
    ),
    _component(
        "pick",
        QT_TRANSLATE_NOOP("actions", "Component at the cross&hair"),
        QT_TRANSLATE_NOOP("actions", "Choose the component where the slices cut, or the nearest one."),
        "J",
        short=QT_TRANSLATE_NOOP("actions", "Here"),
    ),
    _component(
        "accept_large",
        QT_TRANSLATE_NOOP("actions", "Accept &large components"),
        QT_TRANSLATE_NOOP("actions", "Accept every open component from the limit on."),
        "Shift+Y",
        short=QT_TRANSLATE_NOOP("actions", "Accept large"),
    ),
    _component(
        "reject_small",
        QT_TRANSLATE_NOOP("actions", "Reject s&mall components…"),
        QT_TRANSLATE_NOOP("actions", "Show every open component below the limit; again takes them away."),
        "Ctrl+Alt+N",
        short=QT_TRANSLATE_NOOP("actions", "Reject small…"),
    ),
    _component(
        "follow",
        QT_TRANSLATE_NOOP("actions", "&Do as the run suggests…"),
        QT_TRANSLATE_NOOP(
            "actions", "Accept what it suggests to keep, and show what it would take away; again does it."
        ),
        "Ctrl+Alt+A",
        short=QT_TRANSLATE_NOOP("actions", "Do as suggested…"),
    ),
    _component(
        "keep_only",
        QT_TRANSLATE_NOOP("actions", "&Keep only the chosen ones…"),
        QT_TRANSLATE_NOOP("actions", "Show all other components of the class; again takes them away."),
        "Ctrl+Shift+K",
        short=QT_TRANSLATE_NOOP("actions", "Keep only…"),
    ),
    _component(
        "bridge",
        QT_TRANSLATE_NOOP("actions", "&Bridge two components…"),
        QT_TRANSLATE_NOOP("actions", "Show a tube where both are nearest; again draws it."),
        "Ctrl+B",
        short=QT_TRANSLATE_NOOP("actions", "Bridge…"),
    ),
    _component(
        "apply",
        QT_TRANSLATE_NOOP("actions", "Appl&y what is shown"),
        QT_TRANSLATE_NOOP("actions", "Do what the hatched voxels show."),
        "Return",
        "Enter",
        scope=PANEL,
        short=QT_TRANSLATE_NOOP("actions", "Apply"),
    ),
    _component(
        "cancel",
        QT_TRANSLATE_NOOP("actions", "&Drop what is shown"),
        QT_TRANSLATE_NOOP("actions", "Change nothing."),
        "Esc",
        scope=PANEL,
        short=QT_TRANSLATE_NOOP("actions", "Cancel"),
    ),
    _proposal(
        "show",
        QT_TRANSLATE_NOOP("actions", "Show what the &proposal changes"),
        QT_TRANSLATE_NOOP("actions", "Colour the voxels that it adds, takes away and keeps."),
        "Shift+P",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Show changes"),
    ),
    _proposal(
        "accept",
        QT_TRANSLATE_NOOP("actions", "Accept proposal: add all"),
        QT_TRANSLATE_NOOP("actions", "Add its voxels to the accepted label map; nothing is taken away."),
        "Ctrl+Return",
        short=QT_TRANSLATE_NOOP("actions", "Accept all"),
    ),
    _proposal(
        "accept_slice",
        QT_TRANSLATE_NOOP("actions", "Accept visible slice"),
        QT_TRANSLATE_NOOP("actions", "Add the voxels of one slice: of the pane where the mouse was last."),
        "Shift+Return",
        short=QT_TRANSLATE_NOOP("actions", "Accept slice"),
    ),
    _proposal(
        "accept_component",
        QT_TRANSLATE_NOOP("actions", "Accept component of the proposal"),
        QT_TRANSLATE_NOOP("actions", "Add the new voxels that hang together at the crosshair."),
        "Ctrl+Alt+Return",
        short=QT_TRANSLATE_NOOP("actions", "Accept component"),
    ),
    _proposal(
        "replace",
        QT_TRANSLATE_NOOP("actions", "Replace by the proposal…"),
        QT_TRANSLATE_NOOP("actions", "Show the voxels that would go; again takes them away."),
        "Ctrl+Shift+Return",
        short=QT_TRANSLATE_NOOP("actions", "Replace…"),
    ),
    _proposal(
        "reject",
        QT_TRANSLATE_NOOP("actions", "Reject proposal"),
        QT_TRANSLATE_NOOP("actions", "Delete the proposal; undo brings it back."),
        "Ctrl+Shift+Backspace",
        short=QT_TRANSLATE_NOOP("actions", "Reject"),
    ),
    _proposal(
        "resample",
        QT_TRANSLATE_NOOP("actions", "Resample proposal"),
        QT_TRANSLATE_NOOP("actions", "Make a copy of the proposal on the grid of the accepted label map."),
        "Ctrl+Alt+P",
        short=QT_TRANSLATE_NOOP("actions", "Resample"),
    ),
    _proposal(
        "bring_in",
        QT_TRANSLATE_NOOP("actions", "Bring in &results of runs"),
        QT_TRANSLATE_NOOP("actions", "Make proposals of the label maps that runs wrote for this item."),
        "Ctrl+Alt+B",
        short=QT_TRANSLATE_NOOP("actions", "Bring in"),
    ),
)
