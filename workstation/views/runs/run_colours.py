"""Colours of states and curves in the theme that is shown."""

from __future__ import annotations

from workstation.views.elements.display import display
from workstation.views.elements.theme import current_theme, palette

_TOO_PALE_ON_WHITE = frozenset({"#F0E442", "#E69F00", "#56B4E9"})


def status_colour(status: str) -> str:
    """Return the colour of a status word, for example ``"running"``, as ``"#rrggbb"``."""
    colours = palette(current_theme())
    return colours.get(status, colours["text"])


def series_colours() -> tuple[str, ...]:
    """Return the colours that curves take by turns; blue first, because orange warns elsewhere."""
    colours = display().point_colours
    ordered = (*colours[1:], colours[0])
    if current_theme() == "light":
        dark = tuple(colour for colour in ordered if colour.upper() not in _TOO_PALE_ON_WHITE)
        return dark or ordered
    # A dark ground swallows the deep blue.
    return tuple(colour for colour in ordered if colour.upper() != "#0072B2")
