"""What controllers know of comparing: sources, panes and numbers as plain records, without any widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from engines.contract.geometry import Size
from engines.contract.messages import Message
from engines.imaging.comparison import Change, ResidualVectors
from engines.imaging.screen_picture import Picture
from workstation.views.protocols.cards import NOTHING
from workstation.views.protocols.overlay_modes import Mode

MIN_PANES = 2
MAX_PANES = 6


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Something that a pane can show.

    Parameters
    ----------
    key : str
        Stable within the item.
    title : Message
    detail : str
        Run id, for the tooltip.
    is_result : bool
        Whether it is a registration or a fit.
    """

    key: str
    title: Message
    detail: str = ""
    is_result: bool = False


@dataclass(frozen=True, slots=True)
class PanePoint:
    """A landmark as a pane shows it, in pixels of the frame."""

    label: str
    xy: tuple[float, float]
    index: int
    is_used: bool = True


@dataclass(frozen=True, eq=False)
class PaneContent:
    """What one pane shows.

    Parameters
    ----------
    source : str
        Key of a `SourceRow`.
    picture : Picture or None
        The source itself in the frame of the fixed image.
    composed : Picture or None
        Blend or difference of it and the reference, when the mode needs one.
    points : tuple of PanePoint
    vectors : ResidualVectors or None
    shares : mapping of Change to float
        Of a difference.
    is_reference : bool
        Whether the pane shows what the others are compared with.
    problem : Message
        Why there is no picture.
    """

    source: str
    picture: Picture | None = None
    composed: Picture | None = None
    points: tuple[PanePoint, ...] = ()
    vectors: ResidualVectors | None = None
    shares: dict[Change, float] = field(default_factory=dict)
    is_reference: bool = False
    problem: Message = NOTHING


@dataclass(frozen=True, slots=True)
class SourceNumbers:
    """A line of the table beside the panes.

    Parameters
    ----------
    title : Message
    verdict : str
        registered, uncertain, not_registered, or empty.
    mean_px, left_out_px : float or None
        Mean landmark error in fixed pixels; None when there are no pairs.
    evidence : str
        What the error means: `fit` (the transform was fitted to these pairs), `own` (some of the pairs
        came from this run), `trained` (its model learned from them), `independent`, or empty.
    num_pairs : int
    overlap : float or None
        Share of the fixed image that is covered, 0 to 1.
    """

    key: str
    title: Message
    verdict: str = ""
    mean_px: float | None = None
    left_out_px: float | None = None
    evidence: str = ""
    num_pairs: int = 0
    overlap: float | None = None


class CompareScreenView(Protocol):
    """The Compare screen as its controller knows it."""

    def show_sources(self, sources: Sequence[SourceRow], chosen: Sequence[str], reference: str) -> None:
        """List what panes can show, what each of them shows, and what they are compared with."""

    def show_frame(self, reference: Picture | None, size: Size | None, spacing_mm: float | None) -> None:
        """Take the picture that the panes are compared with, and the frame of all of them."""

    def show_pane(self, index: int, content: PaneContent) -> None:
        """Show the content of a pane."""

    def show_mode(self, mode: Mode) -> None:
        """Lay each pane over the reference in a mode."""

    def show_numbers(self, rows: Sequence[SourceNumbers]) -> None:
        """Fill the table."""

    def show_message(self, message: Message, *, is_empty: bool = False) -> None:
        """Say in place of the panes why there are none; an empty message ends it.

        Parameters
        ----------
        is_empty : bool
            Whether the item has images but nothing to compare yet.
        """


@dataclass(frozen=True, slots=True)
class ShownPane:
    """How a pane is seen, for a figure of it.

    Parameters
    ----------
    region : (x0, y0, x1, y1)
        What is seen of the frame, in px of the frame.
    edge : float
        Where the curtain hangs, in px of the frame along x, or along y when it lies.
    window : (float, float) or None
        Grey values, 0 to 255, that are shown black and white.
    magnification : int
        Of residual vectors.
    """

    region: tuple[float, float, float, float]
    edge: float
    window: tuple[float, float] | None = None
    magnification: int = 1


@dataclass(frozen=True, slots=True)
class FigureRequest:
    """What to export, and how.

    Parameters
    ----------
    folder : Path
    name : str
        Of the file, without its suffix.
    file_format : ``"png"`` or ``"svg"``
    dpi : int
    width_mm : float
    pane : int or None
        One pane only; None for all.
    is_whole : bool
        The whole frame, not what is seen of it.
    has_letters, has_points, has_titles, has_scale_bar, has_caption : bool
    """

    folder: Path
    name: str
    file_format: str = "png"
    dpi: int = 300
    width_mm: float = 170.0
    pane: int | None = None
    is_whole: bool = False
    has_letters: bool = True
    has_points: bool = True
    has_titles: bool = True
    has_scale_bar: bool = True
    has_caption: bool = True
