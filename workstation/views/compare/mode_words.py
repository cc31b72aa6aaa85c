"""Words for the modes of comparing: their names, and what a caption says of them."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from workstation.views.protocols.overlay_modes import Mode, ModeSettings

_CONTEXT = "modes"
_NAMES = {
    Mode.TILES: QT_TRANSLATE_NOOP("modes", "Tiles"),
    Mode.WARPED: QT_TRANSLATE_NOOP("modes", "Warped"),
    Mode.BLEND: QT_TRANSLATE_NOOP("modes", "Blend"),
    Mode.FLICKER: QT_TRANSLATE_NOOP("modes", "Flicker"),
    Mode.CURTAIN: QT_TRANSLATE_NOOP("modes", "Curtain"),
    Mode.CHECKERBOARD: QT_TRANSLATE_NOOP("modes", "Checkerboard"),
    Mode.DIFFERENCE: QT_TRANSLATE_NOOP("modes", "Vessel difference"),
    Mode.VECTORS: QT_TRANSLATE_NOOP("modes", "Residual vectors"),
    Mode.DISTANCE: QT_TRANSLATE_NOOP("modes", "Surface distance"),
}
_NOTES = {
    Mode.WARPED: QT_TRANSLATE_NOOP("modes", "Peek: moving"),
    Mode.BLEND: QT_TRANSLATE_NOOP("modes", "Blend: fixed green"),
    Mode.FLICKER: QT_TRANSLATE_NOOP("modes", "Flicker {hz:.1f} Hz"),
    Mode.CURTAIN: QT_TRANSLATE_NOOP("modes", "Curtain"),
    Mode.CHECKERBOARD: QT_TRANSLATE_NOOP("modes", "Checkerboard {tile:.0f} px"),
}


def mode_name(mode: Mode) -> str:
    """Return the name of a mode."""
    return QCoreApplication.translate(_CONTEXT, _NAMES[mode])


def mode_note(mode: Mode, settings: ModeSettings) -> str:
    """Return what the caption of a fixed image says of the mode that lies over it."""
    template = _NOTES.get(mode)
    if template is None:
        return ""
    text = QCoreApplication.translate(_CONTEXT, template)
    return text.format(hz=settings.flicker_hz, tile=settings.tile_px)
