"""How far a transform may be off at a place, judged by the residuals of the pairs around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, as_points_xy
from engines.imaging.transforms.point_transform import PointTransform

SMALLEST_NUM_PAIRS = 3
"""With fewer residuals nothing is said: two numbers describe no neighbourhood."""
_SAME_FIT_PX = 0.05


@dataclass(frozen=True)
class LocalUncertainty:
    """Residuals of pairs, and where they were measured.

    For a place x, with the residual e_i of pair i at the distance d_i from x, the typical distance h of
    neighbouring pairs, and the distance d of the nearest pair::

        radius(x) = sqrt(sum(w_i e_i^2) / sum(w_i)) * sqrt(1 + (d / h)^2),   w_i = 1 / (d_i^2 + h^2)

    Among the pairs the first factor rules: the root mean square of the residuals nearby. Outside of
    them the second one does: the radius grows in proportion to the distance from the nearest pair, as
    the error of an extrapolation does.

    Parameters
    ----------
    fixed_xy : ndarray of float64, (N, 2)
        Pixels of the fixed image.
    residuals_px : ndarray of float64, (N,)
        In fixed pixels, of fits that left the pair out.
    """

    fixed_xy: FloatArray
    residuals_px: FloatArray

    @property
    def spacing_px(self) -> float:
        """Typical distance of neighbouring pairs, h, in fixed pixels; at least 1."""
        extent = np.ptp(self.fixed_xy, axis=0)
        area = float(np.prod(np.maximum(extent, extent.max() / 4)))
        return max(1.0, float(np.sqrt(area / len(self.fixed_xy))))

    def radius_px(self, fixed_xy: tuple[float, float]) -> float | None:
        """Return the radius at a place, in fixed pixels; None with fewer than three pairs."""
        if len(self.residuals_px) < SMALLEST_NUM_PAIRS:
            return None
        squared = np.sum((self.fixed_xy - np.asarray(fixed_xy)) ** 2, axis=1)
        spacing = self.spacing_px
        weights = 1.0 / (squared + spacing**2)
        nearby = np.sqrt(np.sum(weights * self.residuals_px**2) / np.sum(weights))
        growth = np.sqrt(1.0 + float(squared.min()) / spacing**2)
        return float(nearby * growth)


def uncertainty_of(
    fixed_from_moving: PointTransform,
    fixed_xy: npt.ArrayLike,
    moving_xy: npt.ArrayLike,
    fit_px: npt.ArrayLike,
    left_out_px: npt.ArrayLike,
) -> LocalUncertainty | None:
    """Return the uncertainty of a transform at the used pairs, or None when nothing honest is known.

    Where the transform is the fit of these pairs, their leave-one-out residuals count. Where it came
    from elsewhere, a registration for example, it has not seen the pairs, and its own distance from
    them counts.

    Parameters
    ----------
    fixed_from_moving : PointTransform
    fixed_xy, moving_xy : array_like, (N, 2), px
    fit_px, left_out_px : array_like, (N,)
        Residuals of the fit in fixed pixels; NaN where there is none.
    """
    fixed, moving = as_points_xy(fixed_xy), as_points_xy(moving_xy)
    if len(fixed) < SMALLEST_NUM_PAIRS:
        return None
    measured = np.hypot(*(fixed_from_moving.apply(moving) - fixed).T)
    fitted = np.asarray(fit_px, dtype=np.float64)
    is_own_fit = bool(np.all(np.abs(measured - fitted) < _SAME_FIT_PX + 0.01 * measured))
    values = np.asarray(left_out_px, dtype=np.float64) if is_own_fit else measured
    is_known = np.isfinite(values)
    if is_known.sum() < SMALLEST_NUM_PAIRS:
        return None
    return LocalUncertainty(fixed[is_known], values[is_known])
