"""Register a pair with a trained network: its own consensus, refined, and fused with the search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engines.contract.errors import CheckpointError
from engines.contract.geometry import FloatArray
from engines.contract.run_folder import RunFolder
from engines.contract.transform_file import Verdict
from engines.core.checkpoint import load_weights
from engines.imaging.matching.classical_registration import Proposal
from engines.imaging.matching.registration_result import RefinedCandidate
from engines.imaging.matching.search_frames import SURE_Z, SearchFrame
from engines.registration.config import MatcherConfig
from engines.registration.inference.network_proposals import NetworkProposal, NetworkProposer
from engines.registration.inference.network_view import NetworkView, network_view
from engines.registration.inference.pair_result import PairResult
from engines.registration.inference.registrars import PairWork
from engines.registration.model import KeypointNetwork, build_network
from engines.registration.networks.published_preprocessing import Preprocessing

_SOURCE = "network"
_NETWORK = "network"
_NO_AGREEMENT = "Too few of the network's matches agree on one transform."


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
            network: KeypointNetwork = build_network(facts)
            network.load_state_dict(state)
            self._image_size_px = int(facts["image_size_px"])
            self._preprocessing: Preprocessing = facts.get("preprocessing", "flat")
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                "The weights of {run} do not fit this program's registration network: {reason}.",
                remedy="Train again, or choose another run.",
                run=run_path.name,
                reason=str(error).splitlines()[0],
            ) from error
        network.to(device).eval()
        self._proposer = NetworkProposer(network, config, device)

    def register(
        self, work: PairWork, rows: Collection[str] = ("fused", "model", "model_raw")
    ) -> tuple[PairResult, ...]:
        """Return rows ``fused``, ``model`` and ``model_raw``, or those of them that are asked for.

        `model_raw` is the network's own consensus, verified; `model` is refined as well; for `fused` the
        network and the search both propose. A pair without a common area gives results without a transform
        and with the reason, never an error.
        """
        proposals = self.propose(work)
        raw = _raw_result(work, proposals)

        def refined(frame: SearchFrame) -> list[list[RefinedCandidate]]:
            work.uses(_NETWORK)
            return work.refined(frame)

        def fused(frame: SearchFrame) -> Sequence[Sequence[RefinedCandidate]]:
            own = refined(frame)
            if any(candidate.z >= SURE_Z for candidates in own for candidate in candidates):
                return own
            return [[*first, *second] for first, second in zip(own, work.searched(frame), strict=True)]

        results = []
        if "fused" in rows:
            results.append(_with_matches(work.result("fused", fused), proposals))
        if "model" in rows:
            model = _with_matches(work.result("model", refined), proposals)
            # What the refinement refuses may still be looked at.
            is_lost = model.homography_fixed_from_moving is None
            results.append(replace(raw, method="model") if is_lost else model)
        return (*results, *([raw] if "model_raw" in rows else []))

    def propose(self, work: PairWork) -> list[NetworkProposal]:
        """Return what the network proposes for a pair, and tell the pair."""
        with work.timed(_NETWORK):
            fixed, moving = self._views(work)
            proposals = self._proposer.propose(fixed, moving, work.modalities, work.should_stop)
        work.proposals = [
            Proposal(proposal.fixed_from_moving, f"{_SOURCE} {number}", proposal.consensus.model)
            for number, proposal in enumerate(proposals)
        ]
        return proposals

    def perfect_detector(
        self, work: PairWork, fixed_xy: FloatArray, moving_xy: FloatArray
    ) -> tuple[PairResult, float]:
        """Register by descriptors at true points alone, and return the share that they match rightly.

        Parameters
        ----------
        work : PairWork
        fixed_xy, moving_xy : ndarray of float64, (N, 2)
            Points that belong together, native pixels.
        """
        matrix, accuracy = self._proposer.match_given(
            *self._views(work), fixed_xy, moving_xy, work.modalities
        )
        reason = "" if matrix is not None else _NO_AGREEMENT
        verdict: Verdict = "not_registered" if matrix is None else "registered"
        return PairResult("perfect_detector", matrix, verdict, reason=reason), accuracy

    def _views(self, work: PairWork) -> tuple[NetworkView, NetworkView]:
        fixed, moving = (
            network_view(image, self._image_size_px, modality, preprocessing=self._preprocessing)
            for image, modality in zip((work.fixed, work.moving), work.modalities, strict=True)
        )
        return fixed, moving


def _raw_result(work: PairWork, proposals: list[NetworkProposal]) -> PairResult:
    """Return the consensus itself with its agreement, in the frame that shows it best."""
    if not proposals:
        return PairResult("model_raw", None, "not_registered", reason=_NO_AGREEMENT)
    proposal = proposals[0]
    judged = work.judged(
        "model_raw",
        proposal.fixed_from_moving,
        proposal.consensus.model,
        f"{_SOURCE} 0",
        "The vessels agree only in part under the network's matches.",
        (_NETWORK,),
    )
    return _with_matches(judged, proposals)


def _with_matches(result: PairResult, proposals: list[NetworkProposal]) -> PairResult:
    """Add the matches of the proposal that a result came from; one of the search has none."""
    source, _, number = result.source.partition(" ")
    if source != _SOURCE:
        return result
    proposal = proposals[int(number)]
    return replace(
        result,
        source=source,
        inliers=proposal.consensus.num_inliers,
        rmse_px=proposal.consensus.rmse_px * proposal.fixed_scale,
        keypoints=_matched(proposal),
    )


def _matched(proposal: NetworkProposal) -> dict[str, Any]:
    return {
        "fixed_xy": np.round(proposal.fixed_xy, 2).tolist(),
        "moving_xy": np.round(proposal.moving_xy, 2).tolist(),
        "is_inlier": proposal.consensus.is_inlier.tolist(),
        "score": np.round(proposal.scores, 4).tolist(),
    }
