"""Colours, shapes and window presets of images and annotations, from ``resources/display.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from engines.contract.config import read_yaml
from engines.contract.resources import resource_path


@dataclass(frozen=True, slots=True)
class WindowPreset:
    """A named grey-value window: `centre` and `width` in `unit`."""

    name: str
    centre: float
    width: float
    unit: str


@dataclass(frozen=True, slots=True)
class Display:
    """How things are drawn.

    Parameters
    ----------
    windows : tuple of WindowPreset
    colours : dict of str to ``"#rrggbb"`` or name of a colour map
    point_colours : tuple of ``"#rrggbb"``
        Taken by turns.
    point_size_px, selected_size_px : int
        Diameter on the screen.
    """

    windows: tuple[WindowPreset, ...]
    colours: dict[str, str]
    point_colours: tuple[str, ...]
    point_size_px: int
    selected_size_px: int

    def point_colour(self, index: int) -> str:
        """Return the colour of the index-th pair."""
        return self.point_colours[index % len(self.point_colours)]


@cache
def display() -> Display:
    """Read the file once."""
    values: dict[str, Any] = read_yaml(resource_path("display.yaml"))
    colours = dict(values["colours"])
    points = values["points"]
    return Display(
        windows=tuple(WindowPreset(**row) for row in values["windows"]),
        point_colours=tuple(colours.pop("points")),
        colours=colours,
        point_size_px=int(points["size_px"]),
        selected_size_px=int(points["selected_size_px"]),
    )
