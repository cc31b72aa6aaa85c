"""Actions of the mask editor. Letters and digits choose tools; what removes is shown before it is done."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import MASK_MENU
from workstation.actions.registry import ActionFamily, ActionSpec
from workstation.actions.volume import CANVAS

_mask = ActionFamily("masks", MASK_MENU, "volume")

MASK_ACTIONS: tuple[ActionSpec, ...] = (
    _mask(
        "erase",
        QT_TRANSLATE_NOOP("actions", "&Erase"),
        QT_TRANSLATE_NOOP("actions", "Erase every class that is not locked with a round brush."),
        "1",
        "E",
        is_checkable=True,
    ),
    _mask(
        "paint",
        QT_TRANSLATE_NOOP("actions", "&Paint"),
        QT_TRANSLATE_NOOP("actions", "Paint the active class with a round brush."),
        "2",
        "P",
        is_checkable=True,
    ),
    _mask(
        "polygon",
        QT_TRANSLATE_NOOP("actions", "Pol&ygon"),
        QT_TRANSLATE_NOOP("actions", "Click corners, or drag; a double click or Enter fills, Esc drops."),
        "3",
        is_checkable=True,
    ),
    _mask(
        "fill",
        QT_TRANSLATE_NOOP("actions", "&Fill"),
        QT_TRANSLATE_NOOP("actions", "Fill the region under a click, up to other labels and the gate."),
        "4",
        "F",
        is_checkable=True,
    ),
    _mask(
        "pick",
        QT_TRANSLATE_NOOP("actions", "P&ick class"),
        QT_TRANSLATE_NOOP("actions", "Click a label to draw with its class."),
        "5",
        "L",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Pick"),
    ),
    _mask(
        "crosshair",
        QT_TRANSLATE_NOOP("actions", "&Move crosshair"),
        QT_TRANSLATE_NOOP(
            "actions", "The left button moves the crosshair; Space held or the middle one pans."
        ),
        "6",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Move"),
    ),
    _mask(
        "swap",
        QT_TRANSLATE_NOOP("actions", "Swap the last &two tools"),
        QT_TRANSLATE_NOOP("actions", "Tap to go back to the tool before; hold to pan."),
        "Space",
        scope=CANVAS,
    ),
    _mask(
        "ball",
        QT_TRANSLATE_NOOP("actions", "&3D brush and fill"),
        QT_TRANSLATE_NOOP(
            "actions", "Brush and fill work in all slices, not only in the one that is drawn on."
        ),
        "Shift+2",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "3D"),
    ),
    _mask(
        "smaller",
        QT_TRANSLATE_NOOP("actions", "Smaller brush"),
        QT_TRANSLATE_NOOP("actions", "Shift and the wheel do the same, as does Alt and a drag."),
        "[",
    ),
    _mask(
        "larger",
        QT_TRANSLATE_NOOP("actions", "Larger brush"),
        QT_TRANSLATE_NOOP("actions", "Shift and the wheel do the same, as does Alt and a drag."),
        "]",
    ),
    _mask(
        "gate",
        QT_TRANSLATE_NOOP("actions", "&Gate"),
        QT_TRANSLATE_NOOP("actions", "Change only voxels whose value lies in the gate; they are hatched."),
        "I",
        is_checkable=True,
    ),
    _mask(
        "background",
        QT_TRANSLATE_NOOP("actions", "Over &background only"),
        QT_TRANSLATE_NOOP("actions", "Let painting leave every other class as it is."),
        "B",
        is_checkable=True,
    ),
    _mask(
        "interpolate",
        QT_TRANSLATE_NOOP("actions", "I&nterpolate between slices"),
        QT_TRANSLATE_NOOP("actions", "Fill the empty slices between drawn ones, after a preview."),
        "Shift+I",
        short=QT_TRANSLATE_NOOP("actions", "Interpolate"),
    ),
    _mask(
        "copy_next",
        QT_TRANSLATE_NOOP("actions", "Copy to the ne&xt slice"),
        QT_TRANSLATE_NOOP("actions", "Add the class of this slice to the next one, and go there."),
        "Shift+Right",
        short=QT_TRANSLATE_NOOP("actions", "Copy ›"),
        scope=CANVAS,
    ),
    _mask(
        "copy_previous",
        QT_TRANSLATE_NOOP("actions", "Copy to the p&revious slice"),
        QT_TRANSLATE_NOOP("actions", "Add the class of this slice to the one before, and go there."),
        "Shift+Left",
        short=QT_TRANSLATE_NOOP("actions", "‹ Copy"),
        scope=CANVAS,
    ),
    _mask(
        "clear_slice",
        QT_TRANSLATE_NOOP("actions", "&Clear slice"),
        QT_TRANSLATE_NOOP("actions", "Remove the class from this slice, after a preview."),
        "Shift+Del",
        short=QT_TRANSLATE_NOOP("actions", "Clear slice"),
        scope=CANVAS,
    ),
    _mask(
        "smooth",
        QT_TRANSLATE_NOOP("actions", "&Smooth"),
        QT_TRANSLATE_NOOP("actions", "Smooth the surface of the class, after a preview."),
        "Shift+S",
    ),
    _mask(
        "grow",
        QT_TRANSLATE_NOOP("actions", "Gr&ow"),
        QT_TRANSLATE_NOOP("actions", "Grow the class by some mm, after a preview."),
        "Shift+G",
    ),
    _mask(
        "shrink",
        QT_TRANSLATE_NOOP("actions", "Shrin&k"),
        QT_TRANSLATE_NOOP("actions", "Shrink the class by some mm, after a preview."),
        "Shift+K",
    ),
    _mask(
        "islands",
        QT_TRANSLATE_NOOP("actions", "Remove is&lands"),
        QT_TRANSLATE_NOOP("actions", "Remove pieces of the class below a volume, after a preview."),
        "Shift+R",
        short=QT_TRANSLATE_NOOP("actions", "Islands"),
    ),
    _mask(
        "holes",
        QT_TRANSLATE_NOOP("actions", "Fill &holes"),
        QT_TRANSLATE_NOOP("actions", "Fill cavities of the class, after a preview."),
        "Shift+H",
        short=QT_TRANSLATE_NOOP("actions", "Fill holes"),
    ),
    _mask(
        "threshold",
        QT_TRANSLATE_NOOP("actions", "All &within the gate"),
        QT_TRANSLATE_NOOP(
            "actions", "Give the class every voxel of the volume in the gate, after a preview."
        ),
        "Shift+T",
        short=QT_TRANSLATE_NOOP("actions", "Threshold"),
    ),
    _mask(
        "apply",
        QT_TRANSLATE_NOOP("actions", "&Apply preview"),
        QT_TRANSLATE_NOOP("actions", "Do what the preview shows, or close the polygon."),
        "Return",
        "Enter",
        scope=CANVAS,
        short=QT_TRANSLATE_NOOP("actions", "Apply"),
    ),
    _mask(
        "drop",
        QT_TRANSLATE_NOOP("actions", "&Drop preview"),
        QT_TRANSLATE_NOOP("actions", "Forget the preview, the corners of the polygon or the stroke."),
        "Esc",
        scope=CANVAS,
        short=QT_TRANSLATE_NOOP("actions", "Drop"),
    ),
)
