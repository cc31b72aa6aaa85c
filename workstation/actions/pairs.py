"""Actions of the Pairs screen. Letters choose tools; what deletes needs Del and can be undone."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import PAIRS_MENU
from workstation.actions.registry import ActionFamily, ActionSpec

CANVAS = "pairs.canvas"
"""Scope: the focus is in one of the two canvases."""
AREA = "pairs.area"
"""Scope: the focus is in a canvas or in the table."""


_pairs = ActionFamily("pairs", PAIRS_MENU, "pairs")

PAIRS_ACTIONS: tuple[ActionSpec, ...] = (
    _pairs(
        "add",
        QT_TRANSLATE_NOOP("actions", "&Add pair"),
        QT_TRANSLATE_NOOP("actions", "Click the same place in fixed, then in moving. Esc drops a half pair."),
        "N",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Add"),
    ),
    _pairs(
        "select",
        QT_TRANSLATE_NOOP("actions", "&Select and move"),
        QT_TRANSLATE_NOOP("actions", "Click a point to select it, drag it to move it."),
        "V",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Select"),
    ),
    _pairs(
        "drop",
        QT_TRANSLATE_NOOP("actions", "&Drop half pair"),
        QT_TRANSLATE_NOOP("actions", "Forget the first point of an unfinished pair."),
        "Esc",
        scope=AREA,
    ),
    _pairs(
        "next",
        QT_TRANSLATE_NOOP("actions", "Next pair"),
        QT_TRANSLATE_NOOP("actions", "Select the next pair and centre it."),
        "Tab",
        "Ctrl+D",
        scope=CANVAS,
        short=QT_TRANSLATE_NOOP("actions", "Pair ›"),
    ),
    _pairs(
        "previous",
        QT_TRANSLATE_NOOP("actions", "Previous pair"),
        QT_TRANSLATE_NOOP("actions", "Select the previous pair and centre it."),
        "Shift+Tab",
        "Ctrl+Shift+D",
        scope=CANVAS,
        short=QT_TRANSLATE_NOOP("actions", "‹ Pair"),
    ),
    _pairs(
        "worst",
        QT_TRANSLATE_NOOP("actions", "Next &worst"),
        QT_TRANSLATE_NOOP("actions", "Walk the pairs from the largest leave-one-out residual down."),
        "J",
        short=QT_TRANSLATE_NOOP("actions", "Worst"),
    ),
    _pairs(
        "worst_previous",
        QT_TRANSLATE_NOOP("actions", "Previous w&orst"),
        QT_TRANSLATE_NOOP("actions", "Walk the pairs back up to the largest leave-one-out residual."),
        "Shift+J",
    ),
    _pairs(
        "nearest",
        QT_TRANSLATE_NOOP("actions", "Nearest pair"),
        QT_TRANSLATE_NOOP("actions", "Select the pair nearest to the mouse."),
        "Q",
        short=QT_TRANSLATE_NOOP("actions", "Nearest"),
    ),
    _pairs(
        "export_table",
        QT_TRANSLATE_NOOP("actions", "&Export table…"),
        QT_TRANSLATE_NOOP("actions", "Write the pairs that the table shows, with their residuals, as CSV."),
        "Ctrl+Shift+E",
        short=QT_TRANSLATE_NOOP("actions", "Export table…"),
    ),
    _pairs(
        "exclude",
        QT_TRANSLATE_NOOP("actions", "&Use or exclude"),
        QT_TRANSLATE_NOOP("actions", "Leave the pair out of the fit without deleting it, or take it back."),
        "U",
        short=QT_TRANSLATE_NOOP("actions", "Exclude"),
    ),
    _pairs(
        "not_visible",
        QT_TRANSLATE_NOOP("actions", "Not &visible"),
        QT_TRANSLATE_NOOP(
            "actions", "The place cannot be seen in the image the mouse was in last; again takes it back."
        ),
        "X",
        short=QT_TRANSLATE_NOOP("actions", "Not visible"),
    ),
    _pairs(
        "snap",
        QT_TRANSLATE_NOOP("actions", "S&nap to forks"),
        QT_TRANSLATE_NOOP("actions", "Draw clicks to the nearest vessel fork. Hold Alt to place freely."),
        "S",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Snap"),
    ),
    _pairs(
        "suggest",
        QT_TRANSLATE_NOOP("actions", "Ask for su&ggestions"),
        QT_TRANSLATE_NOOP(
            "actions", "Register by the chosen method and take over the places that both images show."
        ),
        "Ctrl+G",
        short=QT_TRANSLATE_NOOP("actions", "Ask for suggestions"),
    ),
    _pairs(
        "propagate",
        QT_TRANSLATE_NOOP("actions", "&Propagate points…"),
        QT_TRANSLATE_NOOP("actions", "Carry over the points of another visit or modality as suggestions."),
        "Ctrl+Shift+G",
        short=QT_TRANSLATE_NOOP("actions", "Propagate points…"),
    ),
    _pairs(
        "accept",
        QT_TRANSLATE_NOOP("actions", "A&ccept suggestion"),
        QT_TRANSLATE_NOOP("actions", "Make the selected suggestion a pair of yours, and go to the next."),
        "Return",
        "Enter",
        scope=AREA,
        short=QT_TRANSLATE_NOOP("actions", "Accept"),
    ),
    _pairs(
        "reject",
        QT_TRANSLATE_NOOP("actions", "Re&ject suggestion"),
        QT_TRANSLATE_NOOP("actions", "Decline the selected suggestion, and go to the next. Backspace, too."),
        "Shift+Backspace",
        scope=AREA,
        short=QT_TRANSLATE_NOOP("actions", "Reject"),
    ),
    _pairs(
        "accept_sure",
        QT_TRANSLATE_NOOP("actions", "Accept all s&ure suggestions"),
        QT_TRANSLATE_NOOP("actions", "Accept every suggestion whose score reaches the threshold."),
        "Shift+Return",
        scope=AREA,
        short=QT_TRANSLATE_NOOP("actions", "Accept all from"),
    ),
    _pairs(
        "reject_all",
        QT_TRANSLATE_NOOP("actions", "Reject all suggestions"),
        QT_TRANSLATE_NOOP("actions", "Decline every suggestion that is left; undo brings them back."),
        "Ctrl+Shift+Backspace",
        scope=AREA,
        short=QT_TRANSLATE_NOOP("actions", "Reject all"),
    ),
    _pairs(
        "delete",
        QT_TRANSLATE_NOOP("actions", "De&lete pair"),
        QT_TRANSLATE_NOOP("actions", "Delete what is selected, or reject suggestions; undo brings it back."),
        "Del",
        "Backspace",
        scope=AREA,
        short=QT_TRANSLATE_NOOP("actions", "Delete"),
    ),
    _pairs(
        "lock",
        QT_TRANSLATE_NOOP("actions", "Loc&k views"),
        QT_TRANSLATE_NOOP("actions", "Pan and zoom both views together, through the transform."),
        "L",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Lock"),
    ),
    _pairs(
        "blend",
        QT_TRANSLATE_NOOP("actions", "&Blend"),
        QT_TRANSLATE_NOOP("actions", "Fixed green, warped moving magenta. Tap switches, hold shows."),
        "B",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Blend"),
    ),
    _pairs(
        "peek",
        QT_TRANSLATE_NOOP("actions", "&Peek at warped moving"),
        QT_TRANSLATE_NOOP("actions", "Warped moving in place of fixed. Hold to peek, tap to switch."),
        "T",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Peek"),
    ),
    _pairs(
        "flicker",
        QT_TRANSLATE_NOOP("actions", "&Flicker"),
        QT_TRANSLATE_NOOP("actions", "Fixed and warped moving by turns; [ and ] set the speed. Tap or hold."),
        "F",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Flicker"),
    ),
    _pairs(
        "curtain",
        QT_TRANSLATE_NOOP("actions", "&Curtain"),
        QT_TRANSLATE_NOOP("actions", "Warped moving beyond an edge: drag it, or [ and ]. Tap or hold."),
        "R",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Curtain"),
    ),
    _pairs(
        "checkerboard",
        QT_TRANSLATE_NOOP("actions", "Checkerboa&rd"),
        QT_TRANSLATE_NOOP("actions", "Tiles of both by turns; Ctrl+wheel, or [ and ]. Tap or hold."),
        "G",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Checker"),
    ),
    _pairs(
        "overlay_less",
        QT_TRANSLATE_NOOP("actions", "Overlay: less"),
        QT_TRANSLATE_NOOP("actions", "Slower flicker, smaller tiles, or the curtain to the left."),
        "[",
    ),
    _pairs(
        "overlay_more",
        QT_TRANSLATE_NOOP("actions", "Overlay: more"),
        QT_TRANSLATE_NOOP("actions", "Faster flicker, larger tiles, or the curtain to the right."),
        "]",
    ),
    _pairs(
        "curtain_turn",
        QT_TRANSLATE_NOOP("actions", "Turn the curtain"),
        QT_TRANSLATE_NOOP("actions", "Let the edge of the curtain lie, or stand again."),
        "Shift+R",
    ),
    _pairs(
        "compare",
        QT_TRANSLATE_NOOP("actions", "C&ompare results"),
        QT_TRANSLATE_NOOP("actions", "Show every result of this item beside each other, with their errors."),
        "Ctrl+M",
        short=QT_TRANSLATE_NOOP("actions", "Compare"),
    ),
    _pairs(
        "reset_view",
        QT_TRANSLATE_NOOP("actions", "&Whole image"),
        QT_TRANSLATE_NOOP("actions", "Show both images completely."),
        "Ctrl+0",
        short=QT_TRANSLATE_NOOP("actions", "Whole"),
    ),
    _pairs(
        "register",
        QT_TRANSLATE_NOOP("actions", "&Register"),
        QT_TRANSLATE_NOOP("actions", "Find the transform from moving to fixed by the chosen method."),
        "Ctrl+R",
    ),
    _pairs(
        "use_registration",
        QT_TRANSLATE_NOOP("actions", "Overlay anyway"),
        QT_TRANSLATE_NOOP("actions", "Use a transform that the verification did not confirm."),
        "Ctrl+Shift+R",
    ),
    _pairs(
        "registrations",
        QT_TRANSLATE_NOOP("actions", "All registrations…"),
        QT_TRANSLATE_NOOP("actions", "Register every pair, see which need a look, and write them to files."),
        "Ctrl+Alt+R",
        short=QT_TRANSLATE_NOOP("actions", "All…"),
    ),
    _pairs(
        "export_transform",
        QT_TRANSLATE_NOOP("actions", "Export &transform…"),
        QT_TRANSLATE_NOOP("actions", "Write the transform that links the images, for ITK or as JSON."),
        "Ctrl+Alt+S",
    ),
    _pairs(
        "import_transform",
        QT_TRANSLATE_NOOP("actions", "Transform from &file…"),
        QT_TRANSLATE_NOOP("actions", "Keep a transform of ITK, or of this program, with the item."),
        "Ctrl+Shift+T",
    ),
)
