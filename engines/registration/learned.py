"""Register a pair with a trained network: keypoints, matches, consensus, then the shared refinement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engines.contract.errors import CheckpointError
from engines.contract.geometry import (
    FloatArray,
    apply_homography,
    compose,
    invert,
    resize_matrix,
    rotation_on_enlarged_canvas,
)
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights
from engines.imaging.matching.classical_registration import choose, refine, verify
from engines.imaging.matching.registration_result import RefinedCandidate, RegistrationResult, verdict_for
from engines.imaging.vessels.vessel_features import VesselFeatures, prepare
from engines.registration.config import GRID_PX, MatcherConfig
from engines.registration.keypoints import extract_keypoints
from engines.registration.matching import Consensus, Keypoints, find_consensus, mutual_matches
from engines.registration.model import KeypointNetwork, build_network
from engines.registration.network_view import NetworkView, network_view
from engines.registration.published_preprocessing import Preprocessing
from engines.registration.registrars import Image, PairResult, ShouldStop, from_classical
from engines.registration.suggestions import match_scores
from engines.registration.warps import sample_through

_ENOUGH_INLIERS = 25
_SCALE_STEP = 0.6
_NUM_REFINED = 3


@dataclass(frozen=True)
class _Proposal:
    """What the network's matches agree on, in native pixels."""

    fixed_from_moving: FloatArray
    consensus: Consensus
    fixed_xy: FloatArray
    moving_xy: FloatArray
    scores: FloatArray
    fixed_scale: float


class LearnedRegistrar:
    """A trained network of a run.

    Parameters
    ----------
    run_path : Path
        Folder of the training run.
    config : MatcherConfig
    device : torch.device
    """

    def __init__(self, run_path: Path, config: MatcherConfig, device: torch.device) -> None:
        folder = RunFolder(run_path).checkpoints_dir / config.weights
        state, facts = load_weights(folder)
        try:
            self._network: KeypointNetwork = build_network(facts)
            self._network.load_state_dict(state)
            self._image_size_px = int(facts["image_size_px"])
            self._preprocessing: Preprocessing = facts.get("preprocessing", "flat")
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                "The weights of {run} do not fit this program's registration network: {reason}.",
                remedy="Train again, or choose another run.",
                run=run_path.name,
                reason=str(error).splitlines()[0],
            ) from error
        self._network.to(device).eval()
        self._device = device
        self._config = config

    def register(
        self,
        fixed: Image,
        moving: Image,
        *,
        fixed_modality: str | None = None,
        moving_modality: str | None = None,
        should_stop: ShouldStop = lambda: False,
    ) -> tuple[PairResult, ...]:
        """Return rows ``model`` (refined and verified) and ``model_raw`` (the consensus itself, verified).

        A pair without a common area gives results without a transform and with the reason, never an error.
        """
        proposals = self._propose(
            network_view(fixed, self._image_size_px, fixed_modality, preprocessing=self._preprocessing),
            network_view(moving, self._image_size_px, moving_modality, preprocessing=self._preprocessing),
            should_stop,
        )
        if not proposals:
            reason = "Too few of the network's matches agree on one transform."
            return tuple(
                PairResult(method, None, "not_registered", reason=reason) for method in ("model", "model_raw")
            )
        fixed_features, moving_features = prepare(fixed), prepare(moving)
        raw = _raw_result(proposals[0], fixed_features, moving_features)
        refined = _refined_result(proposals, fixed_features, moving_features, self._config)
        return (refined or replace(raw, method="model"), raw)

    @torch.no_grad()
    def _propose(self, fixed: NetworkView, moving: NetworkView, should_stop: ShouldStop) -> list[_Proposal]:
        """Match, also with the moving image turned; the proposal with most inliers first."""
        proposals: list[_Proposal] = []
        for fixed_scale, moving_scale in _scale_sweep(self._config.scale_sweep_steps):
            fixed_keypoints = self._keypoints(fixed, fixed_scale, 0.0)
            for angle_deg in _rotation_sweep(self._config.rotation_sweep_deg):
                if should_stop():
                    return []
                moving_keypoints = self._keypoints(moving, moving_scale, angle_deg)
                proposal = self._agree(fixed, moving, fixed_keypoints, moving_keypoints)
                if proposal is not None:
                    proposals.append(proposal)
                    if proposal.consensus.num_inliers >= _ENOUGH_INLIERS:
                        return _most_inliers_first(proposals)
        return _most_inliers_first(proposals)

    def _agree(
        self,
        fixed: NetworkView,
        moving: NetworkView,
        fixed_keypoints: Keypoints,
        moving_keypoints: Keypoints,
    ) -> _Proposal | None:
        """Match two sets of keypoints and find what the matches agree on."""
        config = self._config
        matches = mutual_matches(fixed_keypoints.descriptors, moving_keypoints.descriptors, config.ratio)
        fixed_xy = fixed_keypoints.points_xy[matches[:, 0]]
        moving_xy = moving_keypoints.points_xy[matches[:, 1]]
        consensus = find_consensus(
            fixed_xy,
            moving_xy,
            inlier_px=config.inlier_px,
            min_inliers=config.min_inliers,
            model=config.model,
        )
        if consensus is None:
            return None
        fixed_from_view = invert(fixed.view_from_native)
        return _Proposal(
            compose(fixed_from_view, consensus.fixed_from_moving, moving.view_from_native),
            consensus,
            apply_homography(fixed_from_view, fixed_xy),
            apply_homography(invert(moving.view_from_native), moving_xy),
            match_scores(fixed_keypoints.descriptors, moving_keypoints.descriptors, matches),
            float(np.sqrt(abs(np.linalg.det(fixed_from_view[:2, :2])))),
        )

    def _keypoints(self, view: NetworkView, scale: float, angle_deg: float) -> Keypoints:
        """Extract keypoints from a view, shrunk and turned if asked, in pixels of the view itself."""
        config = self._config
        channels, field = view.channels(), view.field
        pose_from_view = np.eye(3)
        if angle_deg or scale != 1.0:
            shrunk = (max(1, round(view.size[0] * scale)), max(1, round(view.size[1] * scale)))
            turn, (width, height) = rotation_on_enlarged_canvas(shrunk, angle_deg)
            pose_from_view = compose(turn, resize_matrix(view.size, shrunk))
            size = (-(-width // GRID_PX) * GRID_PX, -(-height // GRID_PX) * GRID_PX)
            back = invert(pose_from_view)
            channels = np.stack([sample_through(channel, back, size) for channel in channels])
            field = sample_through(field.astype(np.float32), back, size) > 0.999
        logits, grids = self._network(
            torch.from_numpy(channels)[None].to(self._device),
            torch.tensor([view.stem], device=self._device),
        )
        found = extract_keypoints(
            logits[0],
            grids[0],
            field,
            nms_radius_px=config.nms_radius_px,
            threshold=config.detection_threshold,
            max_keypoints=config.max_keypoints,
        )
        return Keypoints(
            apply_homography(invert(pose_from_view), found.points_xy), found.scores, found.descriptors
        )


def _rotation_sweep(step_deg: float) -> tuple[float, ...]:
    """Return the turns to try, nearest to upright first."""
    if step_deg <= 0:
        return (0.0,)
    count = max(1, round(360.0 / step_deg))
    turns = [(number * 360.0 / count + 180.0) % 360.0 - 180.0 for number in range(count)]
    return tuple(sorted(turns, key=lambda turn: (abs(turn), turn)))


def _scale_sweep(steps: int) -> tuple[tuple[float, float], ...]:
    """Return scales of the fixed and the moving view to try: one of them shrinks, for a zoomed image."""
    shrunk = [_SCALE_STEP**number for number in range(1, steps + 1)]
    return ((1.0, 1.0), *(pair for scale in shrunk for pair in ((1.0, scale), (scale, 1.0))))


def _most_inliers_first(proposals: list[_Proposal]) -> list[_Proposal]:
    return sorted(proposals, key=lambda proposal: -proposal.consensus.num_inliers)


def _raw_result(proposal: _Proposal, fixed: VesselFeatures, moving: VesselFeatures) -> PairResult:
    score = verify(fixed, moving, proposal.fixed_from_moving)
    consensus = proposal.consensus
    verdict = verdict_for(score.z)
    return PairResult(
        "model_raw",
        proposal.fixed_from_moving,
        verdict,
        consensus.model,
        score.s,
        score.z,
        score.overlap,
        "" if verdict == "registered" else "The vessels agree only in part under the network's matches.",
        consensus.num_inliers,
        consensus.rmse_px * proposal.fixed_scale,
        _matched(proposal),
    )


def _refined_result(
    proposals: list[_Proposal], fixed: VesselFeatures, moving: VesselFeatures, config: MatcherConfig
) -> PairResult | None:
    """Refine the best proposals and keep the one with most agreement; None if none survives."""
    model = None if config.model == "auto" else config.model
    best: tuple[RefinedCandidate, RegistrationResult, _Proposal] | None = None
    for proposal in proposals[:_NUM_REFINED]:
        if best is not None and best[1].verdict == "registered":
            break
        for fixed_reading in (fixed, fixed.alternative):
            for moving_reading in (moving, moving.alternative):
                if fixed_reading is None or moving_reading is None:
                    continue
                candidate = refine(
                    fixed_reading, moving_reading, proposal.fixed_from_moving, model=model, source="model"
                )
                if candidate is not None and (best is None or candidate.rank > best[0].rank):
                    best = (candidate, choose(fixed_reading, moving_reading, [candidate]), proposal)
    if best is None:
        return None
    _, result, proposal = best
    return replace(
        from_classical(result, "model"),
        inliers=proposal.consensus.num_inliers,
        rmse_px=proposal.consensus.rmse_px * proposal.fixed_scale,
        keypoints=_matched(proposal),
    )


def _matched(proposal: _Proposal) -> dict[str, Any]:
    return {
        "fixed_xy": np.round(proposal.fixed_xy, 2).tolist(),
        "moving_xy": np.round(proposal.moving_xy, 2).tolist(),
        "is_inlier": proposal.consensus.is_inlier.tolist(),
        "score": np.round(proposal.scores, 4).tolist(),
    }
