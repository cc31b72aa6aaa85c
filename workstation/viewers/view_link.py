"""Where the partner of a place lies, and how its pane has to look at it; plain numbers, no Qt.

Inside an image the transform itself is followed, curved ones included. Beyond the image's border a
transform may fold, or run to infinity; there its straight continuation from the border is followed, so
that panning far outside never jumps. Panes cannot turn: of a rotation only position and scale follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.contract.geometry import FloatArray, Size
from engines.imaging.transforms.point_transform import PointTransform, between_sizes

Point = tuple[float, float]
_STEP_PX = 0.5


@dataclass(frozen=True)
class PartnerView:
    """What the other pane should look at.

    Parameters
    ----------
    centre_xy : (x, y)
        Pixels of the other image.
    scale : float
        How many pixels of the other image one pixel of this one covers there.
    """

    centre_xy: Point
    scale: float


class ViewLink:
    """The link of two panes.

    Parameters
    ----------
    fixed_from_moving : PointTransform or None
        None lays one whole image on the other.
    fixed_size, moving_size : (width, height), px
    """

    def __init__(self, fixed_from_moving: PointTransform | None, fixed_size: Size, moving_size: Size) -> None:
        self.is_guess = fixed_from_moving is None
        self.fixed_from_moving = fixed_from_moving or between_sizes(moving_size, fixed_size)
        self._sizes = {"fixed": fixed_size, "moving": moving_size}

    def through(self, fixed_from_moving: PointTransform | None) -> ViewLink:
        """Return the link of the same panes through another transform."""
        return ViewLink(fixed_from_moving, self._sizes["fixed"], self._sizes["moving"])

    def mapped(self, side: str, xy: Point) -> Point | None:
        """Return the place in the other image, or None where the transform is not defined."""
        transform = self.fixed_from_moving
        return transform.map_xy(xy) if side == "moving" else transform.map_back_xy(xy)

    def partner_view(self, side: str, xy: Point) -> PartnerView | None:
        """Return how the other pane follows one that looks at `xy`; None where nothing can be said."""
        inside = self._nearest_inside(side, xy)
        found = self._linear_at(side, inside)
        if found is None:
            width, height = self._sizes[side]
            inside = ((width - 1) / 2, (height - 1) / 2)
            found = self._linear_at(side, inside)
        if found is None:
            return None
        origin, jacobian = found
        centre = np.asarray(origin) + jacobian @ (np.asarray(xy) - np.asarray(inside))
        scale = float(np.sqrt(abs(np.linalg.det(jacobian))))
        return PartnerView((float(centre[0]), float(centre[1])), scale) if scale > 0 else None

    def _nearest_inside(self, side: str, xy: Point) -> Point:
        width, height = self._sizes[side]
        return min(max(xy[0], 0.0), width - 1.0), min(max(xy[1], 0.0), height - 1.0)

    def _linear_at(self, side: str, xy: Point) -> tuple[Point, FloatArray] | None:
        """Return the partner of a place, and the matrix of first derivatives there."""
        partner = self.mapped(side, xy)
        if partner is None:
            return None
        x, y = xy if side == "moving" else partner
        around = [(x - _STEP_PX, y), (x + _STEP_PX, y), (x, y - _STEP_PX), (x, y + _STEP_PX)]
        mapped = self.fixed_from_moving.apply(around)
        jacobian = np.column_stack([mapped[1] - mapped[0], mapped[3] - mapped[2]]) / (2 * _STEP_PX)
        if not np.isfinite(jacobian).all() or abs(np.linalg.det(jacobian)) < 1e-12:
            return None
        return partner, jacobian if side == "moving" else np.linalg.inv(jacobian)
