"""How a pair is registered: the classical recipe here, a trained network in `learned`. No torch here.

Both end in the same refinement and verification, so their verdicts compare.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray
from engines.contract.transform_file import TransformFile, Verdict
from engines.imaging.matching.classical_registration import ClassicalOptions, register
from engines.imaging.matching.registration_result import RegistrationResult
from engines.registration.config import MatcherConfig

Image = npt.NDArray[Any]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class PairResult:
    """The transform of one pair, and how far it can be trusted.

    Parameters
    ----------
    method : str
        Row name: ``classical``, ``model`` or ``model_raw``.
    homography_fixed_from_moving : ndarray of float64, (3, 3), or None
        Native pixels; None when no transform was found.
    verdict : "registered", "uncertain" or "not_registered"
    model : str
        Family of the transform; empty without one.
    s, z, overlap : float or None
    reason : str
        Why the verdict is not ``registered``.
    inliers : int or None
    rmse_px : float or None
        Of the inliers, fixed pixels.
    keypoints : dict or None
        Matched points in native pixels: ``{"fixed_xy", "moving_xy", "is_inlier", "score"}``.
    """

    method: str
    homography_fixed_from_moving: FloatArray | None
    verdict: Verdict
    model: str = ""
    s: float | None = None
    z: float | None = None
    overlap: float | None = None
    reason: str = ""
    inliers: int | None = None
    rmse_px: float | None = None
    keypoints: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def rank(self) -> float:
        """Order of results, the larger the better."""
        return -np.inf if self.s is None or self.z is None else self.s * self.z

    def transform_file(
        self, fixed: Image, moving: Image, fixed_sha256: str, moving_sha256: str
    ) -> TransformFile:
        """Return the result as it is stored."""
        matrix = self.homography_fixed_from_moving
        return TransformFile(
            matrix=None if matrix is None else matrix.tolist(),
            fixed_size=(fixed.shape[1], fixed.shape[0]),
            moving_size=(moving.shape[1], moving.shape[0]),
            model=self.model,
            verdict=self.verdict,
            method=self.method,
            inliers=self.inliers,
            rmse_px=self.rmse_px,
            z=self.z,
            s=self.s,
            overlap=self.overlap,
            reason=self.reason,
            software="annotation-training-workstation",
            fixed_sha256=fixed_sha256,
            moving_sha256=moving_sha256,
            keypoints=self.keypoints,
        )


def from_classical(result: RegistrationResult, method: str) -> PairResult:
    """Return a result of `engines.imaging` under a row name."""
    has_transform = result.homography_fixed_from_moving is not None
    return PairResult(
        method,
        result.homography_fixed_from_moving,
        result.verdict,
        result.model,
        result.s if has_transform else None,
        result.z if has_transform else None,
        result.overlap if has_transform else None,
        result.reason.render() if result.reason else "",
    )


class Registrar(Protocol):
    """Anything that registers a pair."""

    def register(
        self,
        fixed: Image,
        moving: Image,
        *,
        fixed_modality: str | None = None,
        moving_modality: str | None = None,
        should_stop: ShouldStop = ...,
    ) -> tuple[PairResult, ...]:
        """Return results under their row names, the one to use first."""


class ClassicalRegistrar:
    """The recipe that needs no training.

    Parameters
    ----------
    config : MatcherConfig
    """

    def __init__(self, config: MatcherConfig) -> None:
        model = None if config.model == "auto" else config.model
        self._options = ClassicalOptions(num_candidates=config.num_candidates, model=model, seed=config.seed)

    def register(
        self,
        fixed: Image,
        moving: Image,
        *,
        fixed_modality: str | None = None,
        moving_modality: str | None = None,
        should_stop: ShouldStop = lambda: False,
    ) -> tuple[PairResult, ...]:
        """Register a pair; the images themselves tell the polarity of their vessels."""
        result = register(fixed, moving, options=self._options, should_stop=should_stop)
        return (from_classical(result, "classical"),)
