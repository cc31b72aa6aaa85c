"""What a trained network proposes for a pair: poses on which its matches agree, the surest first.

The moving image is tried in several turns, and one of the two images shrunk, until enough matches agree.
A second pass lays the moving image on the fixed one first and matches only what lies near: turned and
scaled alike, descriptors are at their best. It can improve a pose and never loses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from engines.contract.geometry import (
    FloatArray,
    apply_homography,
    compose,
    invert,
    resize_matrix,
    rotation_on_enlarged_canvas,
)
from engines.imaging.field_of_view import BoolImage
from engines.imaging.matching.search_frames import NARROW_MODALITIES
from engines.registration.config import GRID_PX, MatcherConfig
from engines.registration.inference.keypoints import extract_keypoints
from engines.registration.inference.matching import (
    Consensus,
    Keypoints,
    find_consensus,
    guided_matches,
    mutual_matches,
)
from engines.registration.inference.network_view import NetworkView
from engines.registration.inference.registrars import ShouldStop
from engines.registration.inference.suggestions import match_scores
from engines.registration.model import sample_descriptors
from engines.registration.training.warps import sample_through

_ENOUGH_INLIERS = 25
_SCALE_STEP = 0.6
_NARROW_SCALES = (0.5, 0.25)
_GUIDED_RADIUS_PX = 10.0
_NUM_GUIDED = 2
_ENOUGH_GIVEN = 0.5


@dataclass(frozen=True)
class NetworkProposal:
    """What the network's matches agree on, in native pixels.

    Parameters
    ----------
    fixed_from_moving : ndarray of float64, (3, 3)
    consensus : Consensus
        Between view pixels.
    fixed_xy, moving_xy : ndarray of float64, (M, 2)
        Every match.
    scores : ndarray of float64, (M,)
        Likeness of their descriptors.
    fixed_scale : float
        Native fixed pixels in a pixel of the view.
    """

    fixed_from_moving: FloatArray
    consensus: Consensus
    fixed_xy: FloatArray
    moving_xy: FloatArray
    scores: FloatArray
    fixed_scale: float


@dataclass(frozen=True)
class _Agreement:
    """A consensus between views, the matches behind it, and the fixed keypoints it was found with."""

    consensus: Consensus
    fixed: Keypoints
    moving: Keypoints
    matches: np.ndarray


class NetworkProposer:
    """Ask a network for poses.

    Parameters
    ----------
    network : KeypointNetwork
        In evaluation mode, on `device`.
    config : MatcherConfig
    device : torch.device
    """

    def __init__(self, network: torch.nn.Module, config: MatcherConfig, device: torch.device) -> None:
        self._network, self._config, self._device = network, config, device

    @torch.no_grad()
    def propose(
        self,
        fixed: NetworkView,
        moving: NetworkView,
        modalities: tuple[str | None, str | None],
        should_stop: ShouldStop,
    ) -> list[NetworkProposal]:
        """Return poses, most inliers first; none when too few matches agree, or on a stop."""
        found: list[_Agreement] = []
        for fixed_scale, moving_scale in scale_sweep(self._config.scale_sweep_steps, modalities):
            fixed_keypoints = self._keypoints(fixed, _shrunk(fixed, fixed_scale, 0.0))
            for angle_deg in rotation_sweep(self._config.rotation_sweep_deg):
                if should_stop():
                    return []
                moving_keypoints = self._keypoints(moving, _shrunk(moving, moving_scale, angle_deg))
                agreement = self._agree(fixed_keypoints, moving_keypoints)
                found += [agreement] if agreement is not None else []
                if agreement is not None and agreement.consensus.num_inliers >= _ENOUGH_INLIERS:
                    return self._finished(fixed, moving, found)
        return self._finished(fixed, moving, found)

    @torch.no_grad()
    def match_given(
        self,
        fixed: NetworkView,
        moving: NetworkView,
        fixed_xy: FloatArray,
        moving_xy: FloatArray,
        modalities: tuple[str | None, str | None] = (None, None),
    ) -> tuple[FloatArray | None, float]:
        """Match points that are known to belong together, as a perfect detector would give them.

        Parameters
        ----------
        fixed, moving : NetworkView
        fixed_xy, moving_xy : ndarray of float64, (N, 2)
            Native pixels, in the same order.

        Returns
        -------
        fixed_from_moving : ndarray of float64, (3, 3), or None
            What the matches agree on, native pixels, in the turn and scale with most inliers.
        accuracy : float
            Share of the points whose nearest descriptor is that of their partner, in that pose.
        """
        seen_xy = apply_homography(fixed.view_from_native, fixed_xy)
        other_xy = apply_homography(moving.view_from_native, moving_xy)
        best: tuple[int, float, FloatArray | None] = (-1, 0.0, None)
        for fixed_scale, moving_scale in scale_sweep(self._config.scale_sweep_steps, modalities):
            seen = self._described(fixed, _shrunk(fixed, fixed_scale, 0.0), seen_xy)
            for angle_deg in rotation_sweep(self._config.rotation_sweep_deg):
                other = self._described(moving, _shrunk(moving, moving_scale, angle_deg), other_xy)
                nearest = (seen.descriptors @ other.descriptors.T).argmax(axis=1)
                accuracy = float((nearest == np.arange(len(seen))).mean())
                agreement = self._agree(seen, other)
                num_inliers = agreement.consensus.num_inliers if agreement is not None else 0
                if (num_inliers, accuracy) > best[:2]:
                    matrix = (
                        None if agreement is None else _native(fixed, moving, agreement).fixed_from_moving
                    )
                    best = (num_inliers, accuracy, matrix)
            if best[0] >= _ENOUGH_GIVEN * len(seen_xy):
                break
        return best[2], best[1]

    def _described(
        self, view: NetworkView, pose: tuple[FloatArray, tuple[int, int]] | None, points_xy: FloatArray
    ) -> Keypoints:
        """Return descriptors at given points of a view, in pixels of the view."""
        pose_from_view = np.eye(3) if pose is None else pose[0]
        _, grids, _ = self._maps(view, pose)
        places = torch.from_numpy(apply_homography(pose_from_view, points_xy)).to(self._device)
        found = sample_descriptors(grids[0], places.float()).cpu().numpy().astype(np.float32)
        return Keypoints(points_xy, np.ones(len(points_xy), dtype=np.float32), found)

    def _finished(
        self, fixed: NetworkView, moving: NetworkView, found: list[_Agreement]
    ) -> list[NetworkProposal]:
        found = sorted(found, key=lambda agreement: -agreement.consensus.num_inliers)
        if self._config.guided_pass:
            guided = [self._guided(moving, agreement) for agreement in found[:_NUM_GUIDED]]
            found = sorted(
                [*guided, *found[_NUM_GUIDED:]], key=lambda agreement: -agreement.consensus.num_inliers
            )
        return [_native(fixed, moving, agreement) for agreement in found]

    def _agree(self, fixed: Keypoints, moving: Keypoints) -> _Agreement | None:
        """Match two sets of keypoints and find what the matches agree on."""
        matches = mutual_matches(fixed.descriptors, moving.descriptors, self._config.ratio)
        consensus = self._consensus(fixed, moving, matches)
        return None if consensus is None else _Agreement(consensus, fixed, moving, matches)

    def _consensus(self, fixed: Keypoints, moving: Keypoints, matches: np.ndarray) -> Consensus | None:
        return find_consensus(
            fixed.points_xy[matches[:, 0]],
            moving.points_xy[matches[:, 1]],
            inlier_px=self._config.inlier_px,
            min_inliers=self._config.min_inliers,
            model=self._config.model,
        )

    def _guided(self, moving: NetworkView, agreement: _Agreement) -> _Agreement:
        """Match once more with the moving image laid on the fixed one; the old agreement if that is less."""
        fixed_from_moving = agreement.consensus.fixed_from_moving
        fixed = agreement.fixed
        size = np.ceil(fixed.points_xy.max(axis=0) + 2 * _GUIDED_RADIUS_PX)
        laid = self._keypoints(moving, (fixed_from_moving, (int(size[0]), int(size[1]))))
        if len(laid) < 2:
            return agreement
        matches = guided_matches(
            fixed, replace(laid, points_xy=apply_homography(fixed_from_moving, laid.points_xy)),
            _GUIDED_RADIUS_PX,
        )  # fmt: skip
        consensus = self._consensus(fixed, laid, matches)
        if consensus is None or consensus.num_inliers < agreement.consensus.num_inliers:
            return agreement
        return _Agreement(consensus, fixed, laid, matches)

    def _keypoints(self, view: NetworkView, pose: tuple[FloatArray, tuple[int, int]] | None) -> Keypoints:
        """Extract keypoints of a view, resampled under a pose if one is given, in pixels of the view."""
        config = self._config
        logits, grids, field = self._maps(view, pose)
        pose_from_view = np.eye(3) if pose is None else pose[0]
        found = extract_keypoints(
            logits[0],
            grids[0],
            field,
            nms_radius_px=config.nms_radius_px,
            threshold=config.detection_threshold,
            max_keypoints=config.max_keypoints,
        )
        return replace(found, points_xy=apply_homography(invert(pose_from_view), found.points_xy))

    def _maps(
        self, view: NetworkView, pose: tuple[FloatArray, tuple[int, int]] | None
    ) -> tuple[torch.Tensor, torch.Tensor, BoolImage]:
        """Return the network's two maps of a view, and the field of view, resampled under a pose."""
        channels, field = view.channels(), view.field
        if pose is not None:
            pose_from_view, (width, height) = pose
            size = (-(-width // GRID_PX) * GRID_PX, -(-height // GRID_PX) * GRID_PX)
            back = invert(pose_from_view)
            channels = np.stack([sample_through(channel, back, size) for channel in channels])
            field = sample_through(field.astype(np.float32), back, size) > 0.999
        logits, grids = self._network(
            torch.from_numpy(channels)[None].to(self._device),
            torch.tensor([view.stem], device=self._device),
        )
        return logits, grids, field


def _shrunk(view: NetworkView, scale: float, angle_deg: float) -> tuple[FloatArray, tuple[int, int]] | None:
    """Return ``(pose_from_view, size)`` of a view made smaller and turned; None for the view itself."""
    if not angle_deg and scale == 1.0:
        return None
    shrunk = (max(1, round(view.size[0] * scale)), max(1, round(view.size[1] * scale)))
    turn, size = rotation_on_enlarged_canvas(shrunk, angle_deg)
    return compose(turn, resize_matrix(view.size, shrunk)), size


def _native(fixed: NetworkView, moving: NetworkView, agreement: _Agreement) -> NetworkProposal:
    fixed_from_view, moving_from_view = invert(fixed.view_from_native), invert(moving.view_from_native)
    matches = agreement.matches
    return NetworkProposal(
        compose(fixed_from_view, agreement.consensus.fixed_from_moving, moving.view_from_native),
        agreement.consensus,
        apply_homography(fixed_from_view, agreement.fixed.points_xy[matches[:, 0]]),
        apply_homography(moving_from_view, agreement.moving.points_xy[matches[:, 1]]),
        match_scores(agreement.fixed.descriptors, agreement.moving.descriptors, matches),
        float(np.sqrt(abs(np.linalg.det(fixed_from_view[:2, :2])))),
    )


def rotation_sweep(step_deg: float) -> tuple[float, ...]:
    """Return the turns to try, nearest to upright first."""
    if step_deg <= 0:
        return (0.0,)
    count = max(1, round(360.0 / step_deg))
    turns = [(number * 360.0 / count + 180.0) % 360.0 - 180.0 for number in range(count)]
    return tuple(sorted(turns, key=lambda turn: (abs(turn), turn)))


def scale_sweep(
    steps: int, modalities: tuple[str | None, str | None] = (None, None)
) -> tuple[tuple[float, float], ...]:
    """Return scales of the fixed and the moving view to try.

    One of them shrinks, for a zoomed image; an OCT or OCTA image also to a half and a quarter.
    """
    return ((1.0, 1.0), *dict.fromkeys(_shrunk_pairs(steps, modalities)))


def _shrunk_pairs(steps: int, modalities: tuple[str | None, str | None]) -> Iterator[tuple[float, float]]:
    is_narrow = [(modality or "").upper() in NARROW_MODALITIES for modality in modalities]
    if is_narrow[0] != is_narrow[1]:
        for scale in _NARROW_SCALES:
            yield (scale, 1.0) if is_narrow[0] else (1.0, scale)
    for number in range(1, steps + 1):
        scale = _SCALE_STEP**number
        yield (1.0, scale)
        yield (scale, 1.0)
