"""Keypoint pairs suggested from a registration. Only a verified one suggests any."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, apply_homography
from engines.contract.suggestions_file import SuggestedPair, SuggestionsFile
from engines.imaging.matching.suggested_pairs import SuggestedPairs, spread, suggest_pairs
from engines.registration.inference.pair_result import Image, PairResult

_UNVERIFIED = "The transform was not verified: points paired through it could be wrong."
_NOTHING = "No bifurcation was found in both images at the same place."
_TOLERANCE_SHARE = 0.01


def suggestions_of(
    result: PairResult, fixed: Image, moving: Image, hashes: tuple[str, str], max_pairs: int
) -> SuggestionsFile:
    """Return what a result suggests, or why it suggests nothing.

    Parameters
    ----------
    result : PairResult
        With matches, those that agree with its transform are suggested, each with the likeness of its
        descriptors; without, the bifurcations that both images show.
    fixed, moving : ndarray, (H, W) or (H, W, 3)
    hashes : (fixed, moving)
    max_pairs : int
    """
    about = {"method": result.method, "fixed_sha256": hashes[0], "moving_sha256": hashes[1]}
    matrix = result.homography_fixed_from_moving
    if result.verdict != "registered" or matrix is None:
        return SuggestionsFile(**about, reason=f"{_UNVERIFIED} {result.reason}".strip())
    size = (fixed.shape[1], fixed.shape[0])
    if result.keypoints is not None:
        found = spread(_agreeing_matches(result, matrix, _TOLERANCE_SHARE * max(size)), size, max_pairs)
    else:
        found = suggest_pairs(fixed, moving, matrix, max_pairs)
    pairs = tuple(
        SuggestedPair(
            fixed_xy=(round(float(seen[0]), 2), round(float(seen[1]), 2)),
            moving_xy=(round(float(other[0]), 2), round(float(other[1]), 2)),
            score=round(float(score), 4),
        )
        for seen, other, score in zip(found.fixed_xy, found.moving_xy, found.scores, strict=True)
    )
    return SuggestionsFile(**about, reason="" if pairs else _NOTHING, pairs=pairs)


def match_scores(
    fixed: npt.NDArray[np.float32], moving: npt.NDArray[np.float32], matches: npt.NDArray[np.int64]
) -> FloatArray:
    """Return how alike the descriptors of each match are: their cosine, at least 0, (M,)."""
    cosine = np.einsum("md,md->m", fixed[matches[:, 0]], moving[matches[:, 1]])
    return np.clip(cosine, 0.0, 1.0).astype(np.float64)


def _agreeing_matches(result: PairResult, matrix: FloatArray, tolerance_px: float) -> SuggestedPairs:
    """Return the inliers of a network that also agree with the refined transform."""
    assert result.keypoints is not None
    fixed_xy = np.asarray(result.keypoints["fixed_xy"], dtype=np.float64).reshape(-1, 2)
    moving_xy = np.asarray(result.keypoints["moving_xy"], dtype=np.float64).reshape(-1, 2)
    gaps = np.linalg.norm(apply_homography(matrix, moving_xy) - fixed_xy, axis=1)
    kept = np.flatnonzero(np.asarray(result.keypoints["is_inlier"], dtype=bool) & (gaps <= tolerance_px))
    return SuggestedPairs(fixed_xy, moving_xy, np.asarray(result.keypoints["score"], dtype=np.float64))[kept]
