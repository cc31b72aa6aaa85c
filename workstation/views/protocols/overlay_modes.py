"""Modes of laying two pictures of one frame together, as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Only named here: the window paints before imaging libraries are imported.
    from engines.imaging.screen_picture import Picture


class Mode(StrEnum):
    """How two pictures of one frame are laid together."""

    TILES = "tiles"
    WARPED = "warped"
    BLEND = "blend"
    FLICKER = "flicker"
    CURTAIN = "curtain"
    CHECKERBOARD = "checkerboard"
    DIFFERENCE = "difference"
    VECTORS = "vectors"
    DISTANCE = "distance"
    """Of surfaces of volumes."""


@dataclass(frozen=True, slots=True)
class ModeSettings:
    """What may be turned in a mode.

    Parameters
    ----------
    flicker_hz : float
        Changes from one picture to the other and back in a second.
    tile_px : float
        Side of a checkerboard tile, in pixels of the frame.
    share : float
        Where the curtain hangs: share of the pane's width or height, 0 to 1.
    is_vertical : bool
        Whether the edge of the curtain runs from top to bottom.
    magnification : int
        Of residual vectors; 0 chooses.
    """

    flicker_hz: float = 2.0
    tile_px: float = 96.0
    share: float = 0.5
    is_vertical: bool = True
    magnification: int = 0


@dataclass(frozen=True, eq=False)
class Overlay:
    """What lies over the fixed image of the Pairs screen.

    Parameters
    ----------
    mode : Mode
        `TILES`: nothing.
    picture : Picture or None
        The warped moving image, or the blend; None until it is made.
    is_current : bool
        False while the picture follows an older transform.
    """

    mode: Mode = Mode.TILES
    picture: Picture | None = None
    is_current: bool = True
