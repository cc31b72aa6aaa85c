"""What a registration returns: a transform, how sure it is, and why not when there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from engines.contract.geometry import FloatArray, Size
from engines.contract.messages import Message
from engines.imaging.matching.search_frames import COMMON_FRAME, SURE_Z, SearchFrame
from engines.imaging.transforms.quadratic_transform import QuadraticTransform

Verdict: TypeAlias = Literal["registered", "uncertain", "not_registered"]
VERDICTS: tuple[Verdict, ...] = ("not_registered", "uncertain", "registered")
"""From the least to the most that can be trusted."""


def verdict_for(z: float, sharpness: float, frame: SearchFrame = COMMON_FRAME) -> Verdict:
    """Return the verdict that two signs allow: agreement of the centre lines, and of the line maps.

    Parameters
    ----------
    z : float
        Says enough by itself from `SURE_Z` on.
    sharpness : float
        Says enough by itself from the frame's limit on; a good z asks less of it.
    frame : SearchFrame
    """
    is_sharp = sharpness >= frame.uncertain_sharpness
    if z >= SURE_Z or sharpness >= frame.registered_sharpness or (z >= frame.registered_z and is_sharp):
        return "registered"
    return "uncertain" if z >= frame.uncertain_z or is_sharp else "not_registered"


@dataclass(frozen=True)
class RefinedCandidate:
    """One refined and scored pose between native pixels.

    Parameters
    ----------
    homography_fixed_from_moving : ndarray of float64, (3, 3)
        Native pixels.
    model : str
        Transform family of the last refinement: ``similarity``, ``affine`` or ``homography``.
    s, z, overlap : float
        See `engines.imaging.matching.overlap_score.OverlapScore`.
    source : str
        Who proposed the pose, for example ``search``.
    quadratic_fixed_from_moving : QuadraticTransform or None
        Native pixels; the curve beside the homography, when `model` is ``quadratic``.
    """

    homography_fixed_from_moving: FloatArray
    model: str
    s: float
    z: float
    overlap: float
    source: str = "search"
    quadratic_fixed_from_moving: QuadraticTransform | None = None

    @property
    def rank(self) -> float:
        """Order of candidates, the larger the better."""
        return self.s * self.z


@dataclass(frozen=True)
class RegistrationResult:
    """Result of registering a moving to a fixed image.

    Parameters
    ----------
    homography_fixed_from_moving : ndarray of float64, (3, 3), or None
        Native pixels; None when no candidate survived. It is given whatever the verdict is.
    verdict : "registered", "uncertain" or "not_registered"
    model : str
        ``similarity``, ``affine`` or ``homography``; empty without a transform.
    s : float
        Agreement of the vessels, 0 to 1.
    z : float
        Agreement above that of shifted vessels, in standard deviations.
    overlap : float
        Common share of the vessels, 0 to 1.
    sharpness : float or None
        Of the agreement of the line maps, see `peak_sharpness`; None where z says enough by itself.
    candidates : tuple of RefinedCandidate
        All that survived, the best first.
    reason : Message or None
        Why the verdict is not ``registered``.
    fixed_size, moving_size : (width, height), px
    fixed_polarity, moving_polarity : "dark", "bright" or ""
        Vessels darker or brighter than the background, as assumed for this result.
    is_stopped : bool
        The caller asked to stop before the search ended.
    quadratic_fixed_from_moving : QuadraticTransform or None
        Native pixels, when `model` is ``quadratic``; the homography is then its projective part.
    """

    homography_fixed_from_moving: FloatArray | None
    verdict: Verdict
    model: str = ""
    s: float = 0.0
    z: float = 0.0
    overlap: float = 0.0
    candidates: tuple[RefinedCandidate, ...] = ()
    reason: Message | None = None
    fixed_size: Size = (0, 0)
    moving_size: Size = (0, 0)
    fixed_polarity: str = ""
    moving_polarity: str = ""
    is_stopped: bool = False
    quadratic_fixed_from_moving: QuadraticTransform | None = None
    sharpness: float | None = None
