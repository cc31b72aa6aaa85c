"""What controllers know of the Pairs screen: plain records and a protocol, no widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt

from engines.contract.geometry import Size
from engines.contract.messages import Message
from engines.contract.spec import MetricSpec
from engines.imaging.transforms.point_transform import PointTransform
from workstation.views.protocols.cards import NOTHING
from workstation.views.protocols.edits import PairEditView
from workstation.views.protocols.overlay_modes import Overlay

Image: TypeAlias = npt.NDArray[Any]
"""Pixels as (H, W) or (H, W, 3)."""


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
    score : float or None
        How sure the method was that suggested it, 0 to 1; None for a person's pair.
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
    score: float | None = None


@dataclass(frozen=True)
class FitSummary:
    """The current transform fit, or why there is none.

    Parameters
    ----------
    model : str
        A `TransformModel`.
    num_used, num_pairs : int
    mean_px, loo_px : float or None
        Mean residuals in fixed pixels.
    missing : int
        Pairs that the model still needs; 0 when it could be fitted.
    worst : str
        Label of the pair with the largest residual.
    worst_px : float or None
    problem : Message
        Why no transform could be fitted although there are enough pairs.
    residuals_px : tuple of float
        Of every used pair: left out where that is known, otherwise of the fit.
    """

    model: str
    num_used: int
    num_pairs: int
    mean_px: float | None = None
    loo_px: float | None = None
    missing: int = 0
    worst: str = ""
    worst_px: float | None = None
    problem: Message = NOTHING
    residuals_px: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelScore:
    """How well one kind of transform suits the pairs.

    Parameters
    ----------
    model : str
        A `TransformModel`.
    fit_px, loo_px : float or None
        Mean residuals in fixed pixels, of the fit and with each pair left out.
    missing : int
        Pairs that it still needs.
    problem : Message
        Why it could not be fitted although there are enough pairs.
    folded_share : float
        Share of the moving image that it turns inside out, 0..1.
    is_best : bool
        Whether no other model has a smaller left-out residual.
    """

    model: str
    fit_px: float | None = None
    loo_px: float | None = None
    missing: int = 0
    problem: Message = NOTHING
    folded_share: float = 0.0
    is_best: bool = False


@dataclass(frozen=True)
class RegistrationSummary:
    """What the last registration of the item said.

    Parameters
    ----------
    verdict : str
        registered, uncertain, not_registered; running, failed; or empty while there is none.
    method : str
    z : float or None
        Score of the verification, in standard deviations.
    sharpness : float or None
        Second sign, looked at where z says too little.
    reason : str
    has_transform : bool
    is_confirmed : bool
        Whether its transform may be laid over the images: it was verified, or the person said so.
    is_used : bool
        Whether its transform links the views now.
    """

    verdict: str = ""
    method: str = ""
    z: float | None = None
    sharpness: float | None = None
    reason: str = ""
    has_transform: bool = False
    is_confirmed: bool = False
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A way to register.

    Parameters
    ----------
    id : str
        A run; empty for the way that needs no training.
    title, help : str
        In English.
    started : float or None
        Start of the run, in seconds since the epoch of 1970.
    metric : MetricSpec or None
        By which its best checkpoint was chosen, with its `value`.
    is_in_use : bool
        Whether this model was chosen for new results.
    """

    id: str
    title: str
    help: str = ""
    started: float | None = None
    metric: MetricSpec | None = None
    value: float | None = None
    is_in_use: bool = False


class PairsView(PairEditView, Protocol):
    """The Pairs screen as its controller knows it."""

    def show_images(self, fixed: Image | None, moving: Image | None) -> None:
        """Show two images, or none."""

    def show_captions(self, fixed: str, moving: str) -> None:
        """Say what the panes show: modality and size."""

    def show_pairs(self, rows: Sequence[PairRow], selected: str) -> None:
        """Show the pairs of the item and which one is selected."""

    def centre_on(self, row: PairRow) -> None:
        """Bring a pair into view."""

    def show_fit(self, fit: FitSummary) -> None:
        """Show the fit."""

    def show_models(self, scores: Sequence[ModelScore]) -> None:
        """Show how well every kind of transform suits the pairs."""

    def show_methods(self, methods: Sequence[MethodRow], chosen: str) -> None:
        """List the methods of registration."""

    def show_registration(self, registration: RegistrationSummary) -> None:
        """Show what the last registration said."""

    def set_link(self, fixed_from_moving: PointTransform | None, sizes: tuple[Size, Size]) -> None:
        """Link the two views through a transform; None links them by their sizes."""

    def preview_link(self, fixed_from_moving: PointTransform | None) -> None:
        """Link the two views as they would be if a dragged point were put down."""

    def show_overlay(self, overlay: Overlay) -> None:
        """Lay moving warped onto fixed over the fixed image in a mode, or nothing."""

    def show_tool(self, *, is_adding: bool) -> None:
        """Let clicks place points, or select them."""

    def show_message(self, message: Message) -> None:
        """Say in place of the images why there are none; an empty message ends it."""

    def show_elsewhere(self, message: Message) -> None:
        """Say in place of the images that another screen shows the item."""
