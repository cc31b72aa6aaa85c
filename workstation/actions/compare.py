"""Actions of the Compare screen; the modes have the same keys as on the Pairs screen."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import COMPARE_MENU
from workstation.actions.registry import ActionFamily, ActionSpec

SLICES = "compare.slices"
"""Scope: the focus is in the panes of a volume."""


_compare = ActionFamily("compare", COMPARE_MENU, "compare")

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
        QT_TRANSLATE_NOOP("actions", "&Difference"),
        QT_TRANSLATE_NOOP(
            "actions", "Vessels, or label maps: added blue, removed orange, kept grey. Tap or hold."
        ),
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
        "distance",
        QT_TRANSLATE_NOOP("actions", "&Surface distance"),
        QT_TRANSLATE_NOOP("actions", "How far each surface lies from the reference's, in mm. Tap or hold."),
        "S",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Distance"),
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
    _compare(
        "axial",
        QT_TRANSLATE_NOOP("actions", "Axial slices"),
        QT_TRANSLATE_NOOP("actions", "Show axial slices in every pane, seen from the feet."),
        "Ctrl+2",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Axial"),
    ),
    _compare(
        "coronal",
        QT_TRANSLATE_NOOP("actions", "Coronal slices"),
        QT_TRANSLATE_NOOP("actions", "Show coronal slices in every pane, seen from the front."),
        "Ctrl+3",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Coronal"),
    ),
    _compare(
        "sagittal",
        QT_TRANSLATE_NOOP("actions", "Sagittal slices"),
        QT_TRANSLATE_NOOP("actions", "Show sagittal slices in every pane, seen from the left."),
        "Ctrl+4",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Sagittal"),
    ),
    _compare(
        "slice_next",
        QT_TRANSLATE_NOOP("actions", "Next slice of every pane"),
        QT_TRANSLATE_NOOP("actions", "Go one slice further in every pane; the wheel does so, too."),
        "Right",
        scope=SLICES,
    ),
    _compare(
        "slice_previous",
        QT_TRANSLATE_NOOP("actions", "Previous slice of every pane"),
        QT_TRANSLATE_NOOP("actions", "Go one slice back in every pane; the wheel does so, too."),
        "Left",
        scope=SLICES,
    ),
    _compare(
        "slices_next",
        QT_TRANSLATE_NOOP("actions", "Ten slices further in every pane"),
        QT_TRANSLATE_NOOP("actions", "Go ten slices further in every pane."),
        "PgUp",
        scope=SLICES,
    ),
    _compare(
        "slices_previous",
        QT_TRANSLATE_NOOP("actions", "Ten slices back in every pane"),
        QT_TRANSLATE_NOOP("actions", "Go ten slices back in every pane."),
        "PgDown",
        scope=SLICES,
    ),
    _compare(
        "resample",
        QT_TRANSLATE_NOOP("actions", "Resample for viewing"),
        QT_TRANSLATE_NOOP("actions", "Show label maps on other grids by nearest neighbours; no numbers."),
        "Shift+N",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Resample"),
    ),
    _compare(
        "measure",
        QT_TRANSLATE_NOOP("actions", "&Measure every case"),
        QT_TRANSLATE_NOOP("actions", "Measure every case that has these three label maps, worst first."),
        "M",
        short=QT_TRANSLATE_NOOP("actions", "Measure"),
    ),
    _compare(
        "stop_measuring",
        QT_TRANSLATE_NOOP("actions", "Stop measuring"),
        QT_TRANSLATE_NOOP("actions", "Stop; the cases that are done need not be measured again."),
        "Shift+M",
        short=QT_TRANSLATE_NOOP("actions", "Stop"),
    ),
    _compare(
        "export_table",
        QT_TRANSLATE_NOOP("actions", "Export the &table of cases"),
        QT_TRANSLATE_NOOP("actions", "Write the numbers of every case as CSV."),
        "Ctrl+Shift+E",
        short=QT_TRANSLATE_NOOP("actions", "CSV"),
    ),
    _compare(
        "export_surface",
        QT_TRANSLATE_NOOP("actions", "S&urfaces as STL"),
        QT_TRANSLATE_NOOP("actions", "Write the surface of each pane's label map, in mm of the world."),
        "Ctrl+Alt+E",
        short=QT_TRANSLATE_NOOP("actions", "STL"),
    ),
)
