"""What the display controller knows of the panes: how each side is shown, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engines.contract.messages import Message
from workstation.views.protocols.cards import NOTHING

Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SideDisplay:
    """How one side is shown; it changes no data.

    Parameters
    ----------
    is_green, has_local_contrast, is_inverted : bool
        See `engines.imaging.enhancement.Enhancement`.
    has_vessels : bool
        Whether the vessels are laid over the image.
    vessel_opacity : float
        0 to 1.
    window : (low, high) or None
        Values shown black and white; None shows the whole range.
    """

    is_green: bool = False
    has_local_contrast: bool = False
    is_inverted: bool = False
    has_vessels: bool = False
    vessel_opacity: float = 0.6
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class SideFacts:
    """What is known of the image of one side.

    Parameters
    ----------
    laterality : str
        OD, OS, OU or empty.
    warning : Message
        Why the orientation may be wrong; empty when nothing speaks for it.
    spacing_mm : float or None
    width_px : int
        0 without an image.
    is_colour : bool
    is_large : bool
        Over 100 million pixels: shown from a pyramid, without local contrast.
    """

    laterality: str = ""
    warning: Message = NOTHING
    spacing_mm: float | None = None
    width_px: int = 0
    is_colour: bool = False
    is_large: bool = False


class DisplayView(Protocol):
    """The two panes as the display controller knows them."""

    def show_pixels(self, side: str, image: Any) -> None:
        """Draw other pixels of the same image; pan and zoom stay."""

    def show_window(self, side: str, window: Window, *, is_changing: bool) -> None:
        """Show the values between two as black to white, and say them while they change."""

    def show_vessels(self, side: str, strength: npt.NDArray[np.float32] | None, opacity: float) -> None:
        """Lay a map of vessels over the image, or take it away."""

    def show_display(self, side: str, display: SideDisplay) -> None:
        """Show which ways of display are on."""

    def show_facts(self, side: str, facts: SideFacts) -> None:
        """Say what is known of the image."""
