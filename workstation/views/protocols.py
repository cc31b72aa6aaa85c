"""What controllers know of views: plain records and protocols, without any widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engines.contract.errors import WorkstationError
from engines.contract.geometry import FloatArray, Size
from engines.contract.kinds import Severity
from engines.contract.messages import Message


@dataclass(frozen=True)
class CardButton:
    """A button of a card: English text, and what it does."""

    text: str
    clicked: Callable[[], None]


@dataclass(frozen=True)
class Card:
    """News for the person at the screen, always in this order.

    Parameters
    ----------
    severity : Severity
    what : Message
        What happened.
    why : Message
        The evidence.
    kept : Message
        What is safe.
    remedy : Message
        What to do.
    details : str
        Folded away and copyable, for example a traceback.
    buttons : sequence of CardButton
    """

    severity: Severity
    what: Message
    why: Message = Message("")
    kept: Message = Message("")
    remedy: Message = Message("")
    details: str = ""
    buttons: Sequence[CardButton] = ()

    @classmethod
    def of_error(cls, error: WorkstationError, *, details: str = "") -> Card:
        """Return the card of an error that advises."""
        return cls(Severity.ERROR, error.message, Message(""), error.kept, error.remedy, details)


@dataclass(frozen=True)
class PairRow:
    """One keypoint pair as the canvases and the table show it.

    Parameters
    ----------
    id : str
        Stable id of the pair.
    label : str
        What is written beside the points.
    state : str
        placed, excluded, not_visible, predicted; `half` when one point is missing.
    fixed_xy, moving_xy : (x, y) in px, or None
        0-based pixel centres.
    fit_px, loo_px : float or None
        Residual in fixed pixels, of the fit and of the fit without this pair.
    annotator, source : str
    """

    id: str
    label: str
    state: str
    fixed_xy: tuple[float, float] | None
    moving_xy: tuple[float, float] | None
    fit_px: float | None = None
    loo_px: float | None = None
    annotator: str = ""
    source: str = ""


@dataclass(frozen=True)
class FitSummary:
    """The current transform fit, or why there is none.

    Parameters
    ----------
    model : str
        similarity, affine or homography.
    num_used, num_pairs : int
    mean_px, loo_px : float or None
        Mean residuals in fixed pixels.
    missing : int
        Pairs that the model still needs; 0 when it could be fitted.
    worst : str
        Label of the pair with the largest residual.
    worst_px : float or None
    problem : str
        Why no transform could be fitted although there are enough pairs.
    """

    model: str
    num_used: int
    num_pairs: int
    mean_px: float | None = None
    loo_px: float | None = None
    missing: int = 0
    worst: str = ""
    worst_px: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class RegistrationSummary:
    """What the last registration of the item said.

    Parameters
    ----------
    verdict : str
        registered, uncertain, not_registered; or empty while there is none.
    method : str
    z : float or None
        Score of the verification, in standard deviations.
    reason : str
    is_used : bool
        Whether its transform links the views now.
    """

    verdict: str = ""
    method: str = ""
    z: float | None = None
    reason: str = ""
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class BrowserRow:
    """One item.

    Parameters
    ----------
    modalities : str
        For example ``"CF → FA"``.
    num_pairs : int
        Complete keypoint pairs.
    problem : str
        What is wrong with it, translated; empty when nothing is.
    """

    item_id: str
    subject: str
    modalities: str
    split: str
    num_pairs: int
    problem: str = ""


class PairView(Protocol):
    """The pair screen as its controller knows it."""

    def show_images(self, fixed: FloatArray | None, moving: FloatArray | None) -> None:
        """Show two images, or none."""

    def show_pairs(self, rows: Sequence[PairRow], selected: str) -> None:
        """Show the pairs of the item and which one is selected."""

    def show_fit(self, fit: FitSummary) -> None:
        """Show the fit."""

    def show_registration(self, registration: RegistrationSummary) -> None:
        """Show what the last registration said."""

    def set_link(self, homography_fixed_from_moving: FloatArray | None, sizes: tuple[Size, Size]) -> None:
        """Link the two views through a transform; None links them by their sizes."""

    def show_blend(self, blend: FloatArray | None) -> None:
        """Show the overlay of moving warped onto fixed, or the fixed image alone."""

    def set_busy(self, text: str) -> None:
        """Say what the pane waits for; an empty text ends it."""
