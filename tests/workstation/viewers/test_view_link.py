from __future__ import annotations

import numpy as np
import pytest

from engines.contract.geometry import translation_matrix
from engines.imaging.transforms.point_transform import PointTransform, ProjectiveTransform
from workstation.viewers.view_link import ViewLink

SIZES = ((600, 400), (300, 200))
ROTATED = np.array([[0.0, -2.0, 400.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
# Its horizon, where points run to infinity, lies at x = 500 of the moving image.
STEEP = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-0.002, 0.0, 1.0]])


class _Wavy(PointTransform):
    def apply(self, in_xy):
        points = np.asarray(in_xy, dtype=float)
        return points * 2 + np.column_stack([10 * np.sin(points[:, 1] / 40), np.zeros(len(points))])

    def apply_inverse(self, out_xy):
        points = np.asarray(out_xy, dtype=float)
        x, y = points[:, 0], points[:, 1] / 2
        return np.column_stack([(x - 10 * np.sin(y / 40)) / 2, y])


def test_rotation_passes_on_position_and_scale() -> None:
    view = ViewLink(ProjectiveTransform(ROTATED), *SIZES).partner_view("moving", (50.0, 80.0))
    assert view is not None
    assert view.centre_xy == pytest.approx((400 - 160, 100))
    assert view.scale == pytest.approx(2.0)


@pytest.mark.parametrize("side", ["fixed", "moving"])
def test_curved_transforms_lead_both_ways(side: str) -> None:
    link = ViewLink(_Wavy(), *SIZES)
    view = link.partner_view(side, (120.0, 90.0))
    assert view is not None
    assert view.centre_xy == pytest.approx(link.mapped(side, (120.0, 90.0)))
    assert view.scale == pytest.approx(2.0 if side == "moving" else 0.5, rel=1e-3)


@pytest.mark.parametrize("side", ["fixed", "moving"])
def test_panning_far_outside_never_jumps(side: str) -> None:
    link = ViewLink(ProjectiveTransform(STEEP), *SIZES)
    places = [(float(x), 100.0) for x in range(-3000, 3000, 10)]
    views = [link.partner_view(side, place) for place in places]
    centres = np.array([view.centre_xy for view in views])
    steps = np.hypot(*np.diff(centres, axis=0).T)
    assert np.isfinite(centres).all()
    assert steps.max() < 10 * 7  # the largest stretch of the transform inside the image, times the step


def test_without_a_transform_whole_images_lie_on_each_other() -> None:
    link = ViewLink(None, *SIZES)
    assert link.is_guess
    assert link.partner_view("fixed", (299.5, 199.5)).centre_xy == pytest.approx((149.5, 99.5))


def test_a_transform_that_is_nowhere_defined_moves_nothing() -> None:
    class Nowhere(_Wavy):
        def apply_inverse(self, out_xy):
            return np.full((len(out_xy), 2), np.nan)

    assert ViewLink(Nowhere(), *SIZES).partner_view("fixed", (10.0, 10.0)) is None


def test_link_of_the_same_panes_through_another_transform() -> None:
    link = ViewLink(None, (100, 80), (100, 80))
    other = link.through(ProjectiveTransform(translation_matrix((5.0, -2.0))))
    assert not other.is_guess
    assert other.mapped("moving", (10.0, 10.0)) == pytest.approx((15.0, 8.0))
    assert link.mapped("moving", (10.0, 10.0)) == pytest.approx((10.0, 10.0))
    assert other.through(None).is_guess
