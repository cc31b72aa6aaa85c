"""Actions of the Compare screen; the modes have the same keys as on the Pairs screen."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import COMPARE_MENU
from workstation.actions.registry import ActionSpec


def _compare(
    verb: str, text: str, tooltip: str, *shortcuts: str, short: str = "", is_checkable: bool = False
) -> ActionSpec:
    return ActionSpec(
        f"compare.{verb}", text, tooltip, shortcuts, COMPARE_MENU, "", "compare", is_checkable, short
    )


COMPARE_ACTIONS: tuple[ActionSpec, ...] = (
    _compare(
        "tiles",
        QT_TRANSLATE_NOOP("actions", "Ti&les"),
        QT_TRANSLATE_NOOP("actions", "Every pane shows its own source alone."),
        "Esc",
        is_checkable=True,
    ),
    _compare(
        "blend",
        QT_TRANSLATE_NOOP("actions", "&Blend"),
        QT_TRANSLATE_NOOP("actions", "Reference green, source magenta. Tap switches, hold shows."),
        "B",
        is_checkable=True,
    ),
    _compare(
        "peek",
        QT_TRANSLATE_NOOP("actions", "&Peek at the reference"),
        QT_TRANSLATE_NOOP("actions", "The reference in every pane, for as long as the key is held."),
        "T",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Peek"),
    ),
    _compare(
        "flicker",
        QT_TRANSLATE_NOOP("actions", "&Flicker"),
        QT_TRANSLATE_NOOP("actions", "Reference and source by turns; [ and ] set the speed. Tap or hold."),
        "F",
        is_checkable=True,
    ),
    _compare(
        "curtain",
        QT_TRANSLATE_NOOP("actions", "&Curtain"),
        QT_TRANSLATE_NOOP("actions", "The source beyond an edge: drag it, or [ and ]. Tap or hold."),
        "R",
        is_checkable=True,
    ),
    _compare(
        "checkerboard",
        QT_TRANSLATE_NOOP("actions", "Checkerboa&rd"),
        QT_TRANSLATE_NOOP("actions", "Tiles of both by turns; Ctrl+wheel, or [ and ]. Tap or hold."),
        "G",
        is_checkable=True,
    ),
    _compare(
        "difference",
        QT_TRANSLATE_NOOP("actions", "Vessel &difference"),
        QT_TRANSLATE_NOOP("actions", "Vessels: added blue, removed orange, kept grey. Tap or hold."),
        "D",
        is_checkable=True,
    ),
    _compare(
        "vectors",
        QT_TRANSLATE_NOOP("actions", "Residual &vectors"),
        QT_TRANSLATE_NOOP("actions", "Arrows from where points land to where they belong, magnified."),
        "V",
        is_checkable=True,
    ),
    _compare(
        "less",
        QT_TRANSLATE_NOOP("actions", "Mode: less"),
        QT_TRANSLATE_NOOP("actions", "Slower, smaller tiles, shorter arrows, or the curtain to the left."),
        "[",
    ),
    _compare(
        "more",
        QT_TRANSLATE_NOOP("actions", "Mode: more"),
        QT_TRANSLATE_NOOP("actions", "Faster, larger tiles, longer arrows, or the curtain to the right."),
        "]",
    ),
    _compare(
        "turn",
        QT_TRANSLATE_NOOP("actions", "Turn the curtain"),
        QT_TRANSLATE_NOOP("actions", "Let the edge of the curtain lie, or stand again."),
        "Shift+R",
    ),
    _compare(
        "add",
        QT_TRANSLATE_NOOP("actions", "&Add a pane"),
        QT_TRANSLATE_NOOP("actions", "Show one source more; six fit."),
        "+",
        "=",
        short=QT_TRANSLATE_NOOP("actions", "+ Pane"),
    ),
    _compare(
        "remove",
        QT_TRANSLATE_NOOP("actions", "Take the last pane a&way"),
        QT_TRANSLATE_NOOP("actions", "Show one source less; two stay."),
        "-",
        short=QT_TRANSLATE_NOOP("actions", "− Pane"),
    ),
    _compare(
        "whole",
        QT_TRANSLATE_NOOP("actions", "W&hole image"),
        QT_TRANSLATE_NOOP("actions", "Show the whole image in every pane."),
        "Ctrl+0",
        short=QT_TRANSLATE_NOOP("actions", "Whole"),
    ),
    _compare(
        "points",
        QT_TRANSLATE_NOOP("actions", "Poin&ts"),
        QT_TRANSLATE_NOOP("actions", "Draw the landmarks where each source puts them."),
        "P",
        is_checkable=True,
    ),
    _compare(
        "link_window",
        QT_TRANSLATE_NOOP("actions", "Link &window and level"),
        QT_TRANSLATE_NOOP("actions", "Dragging with the right button changes the contrast of every pane."),
        "L",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Link W/L"),
    ),
    _compare(
        "reset_window",
        QT_TRANSLATE_NOOP("actions", "&Original contrast"),
        QT_TRANSLATE_NOOP("actions", "Show the grey values of every pane as they are."),
        "Alt+A",
        short=QT_TRANSLATE_NOOP("actions", "Contrast"),
    ),
    _compare(
        "export",
        QT_TRANSLATE_NOOP("actions", "&Export figure…"),
        QT_TRANSLATE_NOOP("actions", "Write what is shown as PNG or SVG, with scale bar and caption."),
        "Ctrl+E",
    ),
    _compare(
        "unregistered",
        QT_TRANSLATE_NOOP("actions", "Compare the &unregistered images"),
        QT_TRANSLATE_NOOP("actions", "Show fixed and moving although nothing has aligned them yet."),
        "Ctrl+U",
    ),
)
