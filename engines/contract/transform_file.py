"""The JSON file of a 2-D transform: ``outputs/transform/<item id>.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from engines.contract.errors import GeometryError
from engines.contract.files import write_text_atomically
from engines.contract.geometry import PIXEL_CONVENTION, FloatArray

Verdict = Literal["registered", "uncertain", "not_registered"]


class QuadraticRecord(BaseModel):
    """A quadratic transform from moving to fixed pixels, in ``1, u, v, u u, u v, v v``.

    ``(u, v) = (moving - centre) * scale``.

    Attributes
    ----------
    centre : (x, y), moving px
    scale : float
    coefficients : two lists of six numbers
        Of x, then of y.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    centre: tuple[float, float]
    scale: float
    coefficients: list[list[float]]


class TransformFile(BaseModel):
    """A transform from moving to fixed pixels, with how far it can be trusted.

    Attributes
    ----------
    matrix : 3x3 list of float, or None
        ``homography_fixed_from_moving``, row-major; None when no transform was found.
    from_frame, to_frame : str
        Always moving and fixed.
    fixed_size, moving_size : (width, height), px
    model : str
        similarity, affine, homography...
    verdict : registered, uncertain or not_registered
    method : str
        Row name of the method, for example ``"classical"`` or ``"model"``.
    inliers, rmse_px, z, s, overlap, sharpness : numbers or None
    reason : str
        Why there is no transform, or why it is uncertain.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    matrix: list[list[float]] | None
    from_frame: str = "moving"
    to_frame: str = "fixed"
    fixed_size: tuple[int, int]
    moving_size: tuple[int, int]
    model: str = "homography"
    verdict: Verdict
    method: str
    inliers: int | None = None
    rmse_px: float | None = None
    z: float | None = None
    s: float | None = None
    overlap: float | None = None
    sharpness: float | None = None
    reason: str = ""
    pixel_convention: str = PIXEL_CONVENTION
    software: str = ""
    fixed_sha256: str = ""
    moving_sha256: str = ""
    keypoints: dict[str, Any] | None = None
    """Matched points of a learned method: ``{"fixed_xy", "moving_xy", "is_inlier", "score"}``."""
    quadratic: QuadraticRecord | None = None
    """The curve itself when `model` is ``quadratic``; `matrix` is then its projective part."""

    @property
    def homography_fixed_from_moving(self) -> FloatArray | None:
        """The matrix as an array, or None."""
        return None if self.matrix is None else np.array(self.matrix, dtype=np.float64)

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_text_atomically(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> TransformFile:
        """Read a transform.

        Raises
        ------
        GeometryError
            If the file is missing or is no transform.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise GeometryError(
                "The transform {path} cannot be read.", remedy="Register the pair again.", path=path
            ) from error
