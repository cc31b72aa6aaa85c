"""Actions of the Volume screen that change what is seen; masks are drawn by the actions of another table."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from workstation.actions.application import VOLUME_MENU
from workstation.actions.registry import ActionFamily, ActionSpec

CANVAS = "volume.canvas"
"""Scope: the focus is in one of the panes."""


_volume = ActionFamily("volume", VOLUME_MENU, "volume")

VOLUME_ACTIONS: tuple[ActionSpec, ...] = (
    _volume(
        "new_map",
        QT_TRANSLATE_NOOP("actions", "New &label map"),
        QT_TRANSLATE_NOOP("actions", "Make an empty label map on the grid of the image, and draw in it."),
        "M",
        short=QT_TRANSLATE_NOOP("actions", "Label map"),
    ),
    _volume(
        "attribute_next",
        QT_TRANSLATE_NOOP("actions", "Next &value of the case"),
        QT_TRANSLATE_NOOP(
            "actions", "Give the case the next value of what is asked of it as a whole, a grade for example."
        ),
        "Ctrl+Alt+V",
    ),
    _volume(
        "rename_map",
        QT_TRANSLATE_NOOP("actions", "&Rename label map"),
        QT_TRANSLATE_NOOP("actions", "Type another name for the label map that is drawn in."),
        "Ctrl+Alt+R",
    ),
    _volume(
        "delete_map",
        QT_TRANSLATE_NOOP("actions", "&Delete label map"),
        QT_TRANSLATE_NOOP("actions", "Delete the label map that is drawn in; undo brings it back."),
        "Ctrl+Del",
    ),
    _volume(
        "map_on_image",
        QT_TRANSLATE_NOOP("actions", "Copy on the &grid of the image"),
        QT_TRANSLATE_NOOP("actions", "Make a new label map of this one, voxel by voxel as the image."),
        "Ctrl+Alt+G",
    ),
    _volume(
        "map_finer",
        QT_TRANSLATE_NOOP("actions", "Copy on a grid &twice as fine"),
        QT_TRANSLATE_NOOP("actions", "Make a new label map of this one with voxels of half the size."),
        "Ctrl+Alt+F",
    ),
    _volume(
        "map_next",
        QT_TRANSLATE_NOOP("actions", "Ne&xt label map"),
        QT_TRANSLATE_NOOP("actions", "Draw in the next label map of the list."),
        "Shift+Q",
    ),
    _volume(
        "image_next",
        QT_TRANSLATE_NOOP("actions", "Next &image"),
        QT_TRANSLATE_NOOP("actions", "Show the next image of the case at the bottom."),
        "Q",
    ),
    _volume(
        "class_next",
        QT_TRANSLATE_NOOP("actions", "Next &class"),
        QT_TRANSLATE_NOOP("actions", "Draw with the next class of the list."),
        "=",
    ),
    _volume(
        "class_previous",
        QT_TRANSLATE_NOOP("actions", "Previous cl&ass"),
        QT_TRANSLATE_NOOP("actions", "Draw with the class before it."),
        "-",
    ),
    _volume(
        "class_add",
        QT_TRANSLATE_NOOP("actions", "Add cla&ss"),
        QT_TRANSLATE_NOOP("actions", "Add a class with the next free number, and draw with it."),
        "Ctrl+Shift+A",
        short=QT_TRANSLATE_NOOP("actions", "Add"),
    ),
    _volume(
        "class_rename",
        QT_TRANSLATE_NOOP("actions", "Rena&me class"),
        QT_TRANSLATE_NOOP("actions", "Type another name for the class; a double click on it does the same."),
        "Ctrl+E",
        short=QT_TRANSLATE_NOOP("actions", "Rename"),
    ),
    _volume(
        "class_colour",
        QT_TRANSLATE_NOOP("actions", "Colo&ur of the class…"),
        QT_TRANSLATE_NOOP("actions", "Choose another colour for the class; a click on its colour, too."),
        "Ctrl+Shift+U",
        short=QT_TRANSLATE_NOOP("actions", "Colour…"),
    ),
    _volume(
        "class_table",
        QT_TRANSLATE_NOOP("actions", "Names from a ta&ble…"),
        QT_TRANSLATE_NOOP("actions", "Take names and colours of the classes from a table."),
        "Ctrl+Shift+B",
        short=QT_TRANSLATE_NOOP("actions", "Table…"),
    ),
    _volume(
        "class_delete",
        QT_TRANSLATE_NOOP("actions", "Delete class"),
        QT_TRANSLATE_NOOP(
            "actions", "Take the class and all of its voxels out of the label map; undo brings both back."
        ),
        "Ctrl+Backspace",
    ),
    _volume(
        "class_hide",
        QT_TRANSLATE_NOOP("actions", "&Hide class"),
        QT_TRANSLATE_NOOP("actions", "Leave the class out of slices and surface, or show it again."),
        "H",
    ),
    _volume(
        "class_lock",
        QT_TRANSLATE_NOOP("actions", "Loc&k class"),
        QT_TRANSLATE_NOOP("actions", "Let no tool change the voxels of the class, or allow it again."),
        "Shift+L",
    ),
    _volume(
        "tables",
        QT_TRANSLATE_NOOP("actions", "Ta&bles below the slices"),
        QT_TRANSLATE_NOOP("actions", "Unfold the tables below the slices, or leave their tabs only."),
        "Ctrl+T",
        is_checkable=True,
    ),
    _volume(
        "four",
        QT_TRANSLATE_NOOP("actions", "&Four panes"),
        QT_TRANSLATE_NOOP("actions", "Axial, coronal, sagittal and the surface beside each other."),
        "Ctrl+1",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Four"),
    ),
    _volume(
        "axial",
        QT_TRANSLATE_NOOP("actions", "Axial &only"),
        QT_TRANSLATE_NOOP("actions", "One large axial pane."),
        "Ctrl+2",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Axial"),
    ),
    _volume(
        "coronal",
        QT_TRANSLATE_NOOP("actions", "Coronal only"),
        QT_TRANSLATE_NOOP("actions", "One large coronal pane."),
        "Ctrl+3",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Coronal"),
    ),
    _volume(
        "sagittal",
        QT_TRANSLATE_NOOP("actions", "Sagittal only"),
        QT_TRANSLATE_NOOP("actions", "One large sagittal pane."),
        "Ctrl+4",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Sagittal"),
    ),
    _volume(
        "surface",
        QT_TRANSLATE_NOOP("actions", "2D or &3D"),
        QT_TRANSLATE_NOOP("actions", "Show the surface of the label map large, or the slices again."),
        "K",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "3D"),
    ),
    _volume(
        "tiles",
        QT_TRANSLATE_NOOP("actions", "Images as tile&s"),
        QT_TRANSLATE_NOOP("actions", "One axial pane for each image of the case, linked."),
        "Ctrl+5",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Tiles"),
    ),
    _volume(
        "whole",
        QT_TRANSLATE_NOOP("actions", "&Whole image"),
        QT_TRANSLATE_NOOP("actions", "Show the slices completely in every pane."),
        "Ctrl+0",
        short=QT_TRANSLATE_NOOP("actions", "Whole"),
    ),
    _volume(
        "centre",
        QT_TRANSLATE_NOOP("actions", "C&entre on the cursor"),
        QT_TRANSLATE_NOOP("actions", "Bring what lies under the mouse, or the crosshair, to the middle."),
        "C",
        short=QT_TRANSLATE_NOOP("actions", "Centre"),
    ),
    _volume(
        "crosshair",
        QT_TRANSLATE_NOOP("actions", "Cross&hair"),
        QT_TRANSLATE_NOOP("actions", "Draw where the three slices cut, or leave it out."),
        "X",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Crosshair"),
    ),
    _volume(
        "slab",
        QT_TRANSLATE_NOOP("actions", "Sla&b"),
        QT_TRANSLATE_NOOP("actions", "Show the maximum over a slab of some mm instead of a slice."),
        "T",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Slab"),
    ),
    _volume(
        "slab_thicker",
        QT_TRANSLATE_NOOP("actions", "Thicker slab"),
        QT_TRANSLATE_NOOP("actions", "Make the slab half as thick again."),
        "Alt+PgUp",
    ),
    _volume(
        "slab_thinner",
        QT_TRANSLATE_NOOP("actions", "Thinner slab"),
        QT_TRANSLATE_NOOP("actions", "Make the slab a third thinner."),
        "Alt+PgDown",
    ),
    _volume(
        "masks",
        QT_TRANSLATE_NOOP("actions", "Label maps shown"),
        QT_TRANSLATE_NOOP("actions", "Hide every label map, or show them again."),
        "S",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Masks"),
    ),
    _volume(
        "outline",
        QT_TRANSLATE_NOOP("actions", "&Outlines"),
        QT_TRANSLATE_NOOP("actions", "Draw label maps as outlines instead of filled."),
        "O",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Outline"),
    ),
    _volume(
        "less",
        QT_TRANSLATE_NOOP("actions", "Label map: less opaque"),
        QT_TRANSLATE_NOOP("actions", "Let more of the image through the label map."),
        "A",
    ),
    _volume(
        "more",
        QT_TRANSLATE_NOOP("actions", "Label map: more opaque"),
        QT_TRANSLATE_NOOP("actions", "Let less of the image through the label map."),
        "D",
    ),
    _volume(
        "peek",
        QT_TRANSLATE_NOOP("actions", "&Peek below the overlays"),
        QT_TRANSLATE_NOOP("actions", "Show the image alone. Hold to peek, tap to switch."),
        "W",
        is_checkable=True,
        short=QT_TRANSLATE_NOOP("actions", "Peek"),
    ),
    _volume(
        "auto_window",
        QT_TRANSLATE_NOOP("actions", "A&utomatic window"),
        QT_TRANSLATE_NOOP("actions", "Fit black and white to the values of the image."),
        "Alt+A",
        short=QT_TRANSLATE_NOOP("actions", "Auto"),
    ),
    _volume(
        "window_1",
        QT_TRANSLATE_NOOP("actions", "Window: CTA"),
        QT_TRANSLATE_NOOP("actions", "Vessels with contrast: 600 HU around 150."),
        "Alt+1",
    ),
    _volume(
        "window_2",
        QT_TRANSLATE_NOOP("actions", "Window: Soft tissue"),
        QT_TRANSLATE_NOOP("actions", "Organs and muscles: 400 HU around 40."),
        "Alt+2",
    ),
    _volume(
        "window_3",
        QT_TRANSLATE_NOOP("actions", "Window: Brain"),
        QT_TRANSLATE_NOOP("actions", "Grey and white matter: 80 HU around 40."),
        "Alt+3",
    ),
    _volume(
        "window_4",
        QT_TRANSLATE_NOOP("actions", "Window: Stroke"),
        QT_TRANSLATE_NOOP("actions", "Early signs of a stroke: 40 HU around 40."),
        "Alt+4",
    ),
    _volume(
        "window_5",
        QT_TRANSLATE_NOOP("actions", "Window: Bone"),
        QT_TRANSLATE_NOOP("actions", "Bone and calcium: 2000 HU around 400."),
        "Alt+5",
    ),
    _volume(
        "window_6",
        QT_TRANSLATE_NOOP("actions", "Window: Lung"),
        QT_TRANSLATE_NOOP("actions", "Lung and airways: 1500 HU around -500."),
        "Alt+6",
    ),
    _volume(
        "slice_next",
        QT_TRANSLATE_NOOP("actions", "Next slice"),
        QT_TRANSLATE_NOOP("actions", "Go one slice further in the pane that has the focus."),
        "Right",
        scope=CANVAS,
    ),
    _volume(
        "slice_previous",
        QT_TRANSLATE_NOOP("actions", "Previous slice"),
        QT_TRANSLATE_NOOP("actions", "Go one slice back in the pane that has the focus."),
        "Left",
        scope=CANVAS,
    ),
    _volume(
        "slices_next",
        QT_TRANSLATE_NOOP("actions", "Ten slices further"),
        QT_TRANSLATE_NOOP("actions", "Go ten slices further in the pane that has the focus."),
        "PgUp",
        scope=CANVAS,
    ),
    _volume(
        "slices_previous",
        QT_TRANSLATE_NOOP("actions", "Ten slices back"),
        QT_TRANSLATE_NOOP("actions", "Go ten slices back in the pane that has the focus."),
        "PgDown",
        scope=CANVAS,
    ),
    _volume(
        "copy_reading",
        QT_TRANSLATE_NOOP("actions", "Copy what the status line sa&ys"),
        QT_TRANSLATE_NOOP("actions", "Copy position, voxel, value and label under the mouse as text."),
        "Ctrl+Shift+C",
    ),
    _volume(
        "read_again",
        QT_TRANSLATE_NOOP("actions", "Read the files agai&n"),
        QT_TRANSLATE_NOOP("actions", "Read the images of the case again, after files were put back."),
        "Ctrl+Alt+O",
        short=QT_TRANSLATE_NOOP("actions", "Read again"),
    ),
)
