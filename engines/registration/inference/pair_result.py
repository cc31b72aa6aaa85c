"""The transform of one pair, whoever found it, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from engines.contract.geometry import FloatArray
from engines.contract.transform_file import QuadraticRecord, TransformFile, Verdict
from engines.imaging.matching.registration_result import RegistrationResult
from engines.imaging.transforms.point_transform import PointTransform, ProjectiveTransform
from engines.imaging.transforms.quadratic_transform import QuadraticTransform

Image = npt.NDArray[Any]


@dataclass(frozen=True)
class PairResult:
    """The transform of one pair, and how far it can be trusted.

    Parameters
    ----------
    method : str
        Row name: ``classical``, ``model``, ``model_raw`` or ``fused``.
    homography_fixed_from_moving : ndarray of float64, (3, 3), or None
        Native pixels; None when no transform was found.
    verdict : "registered", "uncertain" or "not_registered"
    model : str
        Family of the transform; empty without one.
    s, z, overlap : float or None
    sharpness : float or None
        Of the agreement of the line maps; None where z says enough.
    reason : str
        Why the verdict is not ``registered``.
    inliers : int or None
    rmse_px : float or None
        Of the inliers, fixed pixels.
    keypoints : dict or None
        Matched points in native pixels: ``{"fixed_xy", "moving_xy", "is_inlier", "score"}``.
    quadratic : QuadraticTransform or None
        Native pixels, for the model ``quadratic``; the homography is its projective part.
    source : str
        Who proposed the pose: ``search`` or ``network``.
    cpu_s : float or None
        Processor time that the method took.
    """

    method: str
    homography_fixed_from_moving: FloatArray | None
    verdict: Verdict
    model: str = ""
    s: float | None = None
    z: float | None = None
    overlap: float | None = None
    reason: str = ""
    sharpness: float | None = None
    inliers: int | None = None
    rmse_px: float | None = None
    keypoints: dict[str, Any] | None = field(default=None, repr=False)
    quadratic: QuadraticTransform | None = field(default=None, repr=False)
    source: str = ""
    cpu_s: float | None = None

    @property
    def fixed_from_moving(self) -> PointTransform | None:
        """The transform, curved or not, between native pixels; None when none was found."""
        if self.quadratic is not None:
            return self.quadratic
        matrix = self.homography_fixed_from_moving
        return None if matrix is None else ProjectiveTransform(matrix)

    def transform_file(
        self, fixed: Image, moving: Image, fixed_sha256: str, moving_sha256: str
    ) -> TransformFile:
        """Return the result as it is stored."""
        matrix = self.homography_fixed_from_moving
        quadratic = None
        if self.quadratic is not None:
            coefficients, centre, scale = self.quadratic.in_pixels()
            quadratic = QuadraticRecord(
                centre=(float(centre[0]), float(centre[1])), scale=scale, coefficients=coefficients.T.tolist()
            )
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
            sharpness=self.sharpness,
            reason=self.reason,
            software="annotation-training-workstation",
            fixed_sha256=fixed_sha256,
            moving_sha256=moving_sha256,
            keypoints=self.keypoints,
            quadratic=quadratic,
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
        result.sharpness,
        quadratic=result.quadratic_fixed_from_moving,
        source=result.candidates[0].source if result.candidates else "",
    )
