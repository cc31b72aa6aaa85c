"""The look of the window: one style sheet, filled in from one palette of two themes."""

from __future__ import annotations

import re
from functools import cache

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from engines.contract.config import read_yaml
from engines.contract.resources import resource_path

THEMES = ("dark", "light")


@cache
def palette(theme: str) -> dict[str, str]:
    """Return the colours of a theme by name, as ``"#rrggbb"``."""
    colours = read_yaml(resource_path("theme", "palette.yaml"))
    return dict(colours[theme if theme in THEMES else THEMES[0]])


@cache
def style_sheet(theme: str) -> str:
    """Return the style sheet of a theme.

    Raises
    ------
    KeyError
        If the sheet names a colour that the palette lacks.
    """
    names = {**palette(theme), **_pictures(theme)}
    template = resource_path("theme", "window.qss").read_text(encoding="utf-8")
    return re.sub(r"@(\w+)", lambda match: names[match[1]], template)


def _pictures(theme: str) -> dict[str, str]:
    """Return the paths of the small pictures that a style sheet can only take from files."""
    names = ("tick", "check", "down", "up", "left", "right")
    return {name: resource_path("theme", f"{name}_{theme}.svg").as_posix() for name in names}


def current_theme() -> str:
    """Return the theme that is shown."""
    application = QApplication.instance()
    return str(application.property("theme") or THEMES[0]) if application is not None else THEMES[0]


def resolved(theme: str) -> str:
    """Return the theme that a setting means: `system` is what the desktop has, dark where it does not say."""
    if theme != "system":
        return theme if theme in THEMES else THEMES[0]
    is_light = QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Light
    return "light" if is_light else "dark"


def apply_theme(application: QApplication, theme: str) -> None:
    """Give an application the colours of a theme; what draws by itself reads `palette`.

    Parameters
    ----------
    application : QApplication
    theme : str
        dark, light or system.
    """
    theme = resolved(theme)
    colours = palette(theme)
    application.setProperty("theme", theme)
    application.setStyle("Fusion")
    roles = QPalette()
    for role, name in (
        (QPalette.ColorRole.Window, "ground"),
        (QPalette.ColorRole.WindowText, "text"),
        (QPalette.ColorRole.Base, "field"),
        (QPalette.ColorRole.AlternateBase, "ground"),
        (QPalette.ColorRole.Text, "text"),
        (QPalette.ColorRole.PlaceholderText, "muted"),
        (QPalette.ColorRole.Button, "raised"),
        (QPalette.ColorRole.ButtonText, "text"),
        (QPalette.ColorRole.Highlight, "selection"),
        (QPalette.ColorRole.HighlightedText, "text"),
        (QPalette.ColorRole.ToolTipBase, "raised"),
        (QPalette.ColorRole.ToolTipText, "text"),
        (QPalette.ColorRole.Link, "accent"),
    ):
        roles.setColor(role, QColor(colours[name]))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        roles.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours["muted"]))
    application.setPalette(roles)
    application.setStyleSheet(style_sheet(theme))
