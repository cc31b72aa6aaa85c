"""Our own icons: single-coloured drawings, tinted by the palette of the theme."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from engines.contract.config import read_yaml
from engines.contract.resources import resource_path
from workstation.actions.registry import ActionRegistry
from workstation.views.elements.theme import current_theme, palette

_SIZES_PX = (16, 24, 32)
"""Drawn for each; Qt takes the one that fits the screen's scale."""


@cache
def icon_names() -> dict[str, str]:
    """Return the drawing of each action that has one."""
    return {str(key): str(name) for key, name in read_yaml(resource_path("icons", "actions.yaml")).items()}


def icon(name: str, theme: str, colour: str = "text") -> QIcon:
    """Return a drawing in the colours of a theme.

    Parameters
    ----------
    name : str
        File below ``resources/icons``, without its ending.
    theme : str
    colour : str
        Name in the palette, for what can be used; what cannot is drawn muted.

    Raises
    ------
    FileNotFoundError
        If there is no such drawing.
    """
    colours = palette(theme)
    drawing = resource_path("icons", f"{name}.svg").read_text(encoding="utf-8")
    made = QIcon()
    for mode, paint in ((QIcon.Mode.Normal, colours[colour]), (QIcon.Mode.Disabled, colours["stale"])):
        content = QByteArray(drawing.replace("currentColor", paint).encode())
        renderer = QSvgRenderer(content)
        for size in _SIZES_PX:
            made.addPixmap(_pixmap(renderer, size, is_faint=mode is QIcon.Mode.Disabled), mode)
    return made


def dress(actions: ActionRegistry) -> None:
    """Give every action its icon in the present theme."""
    names = icon_names()
    for spec in actions.specs():
        if spec.key in names:
            actions.action(spec.key).setIcon(icon(names[spec.key], current_theme()))


def _pixmap(renderer: QSvgRenderer, size: int, *, is_faint: bool) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setOpacity(0.55 if is_faint else 1.0)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap
