"""Registration without training: exhaustive search, centre-line refinement, verification.

`register` is the whole recipe. `prepare`, `refine` and `verify` are its parts; a learned matcher proposes
a transform, passes it through `refine` and `verify`, and is judged by the same verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, compose, invert
from engines.contract.messages import Message
from engines.imaging.matching.curved_refinement import refine_quadratic
from engines.imaging.matching.oriented_search import search
from engines.imaging.matching.overlap_score import OverlapScore, score_overlap
from engines.imaging.matching.peak_sharpness import peak_sharpness
from engines.imaging.matching.registration_result import (
    VERDICTS,
    RefinedCandidate,
    RegistrationResult,
    Verdict,
    verdict_for,
)
from engines.imaging.matching.search_frames import COMMON_FRAME, SURE_Z, SearchFrame
from engines.imaging.matching.skeleton_icp import refine_transform
from engines.imaging.transforms.transform_fits import MatrixModel
from engines.imaging.vessels.vessel_features import PolarityChoice, VesselFeatures, prepare

__all__ = ["ClassicalOptions", "choose", "prepare", "refine", "register", "register_features", "verify"]

Progress = Callable[[float], None]
RegistrationModel: TypeAlias = MatrixModel | Literal["quadratic"]
_PREPARED_SHARE, _SEARCHED_SHARE = 0.3, 0.75


class Judgement(NamedTuple):
    """How far a transform can be trusted; `sharpness` is None where the centre lines say enough."""

    verdict: Verdict
    score: OverlapScore
    sharpness: float | None


class Proposal(NamedTuple):
    """A pose that somebody else proposes, between native pixels, who it was, and its family."""

    homography_fixed_from_moving: FloatArray
    source: str
    family: MatrixModel = "homography"


@dataclass(frozen=True)
class ClassicalOptions:
    """Settings of the recipe.

    Parameters
    ----------
    num_candidates : int
        Poses of the search that are refined and verified.
    fixed_polarity, moving_polarity : "auto", "dark" or "bright"
        Whether vessels are darker or brighter than the background.
    model : "similarity", "affine", "homography", "quadratic" or None
        Last transform family; None chooses a matrix by overlap.
    seed : int
        Of the sampling of centre-line points.
    frames : tuple of SearchFrame
        Tried in turn until a result is registered; see `frames_for`.
    """

    num_candidates: int = 4
    fixed_polarity: PolarityChoice = "auto"
    moving_polarity: PolarityChoice = "auto"
    model: RegistrationModel | None = None
    seed: int = 0
    frames: tuple[SearchFrame, ...] = (COMMON_FRAME,)


def register(
    fixed: npt.NDArray[np.uint8 | np.uint16],
    moving: npt.NDArray[np.uint8 | np.uint16],
    *,
    options: ClassicalOptions = ClassicalOptions(),
    progress: Progress = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RegistrationResult:
    """Register a moving to a fixed image of the same eye.

    Parameters
    ----------
    fixed, moving : ndarray of uint8 or uint16, (H, W) or (H, W, 3) RGB
    options : ClassicalOptions
    progress : callable
        Told the share done, 0 to 1.
    should_stop : callable
        Asked several times a second.

    Returns
    -------
    RegistrationResult
        Also for images without vessels or without a common area: then ``not_registered`` with the reason.
    """
    best: RegistrationResult | None = None
    for number, frame in enumerate(options.frames):
        share = _part(progress, number / len(options.frames), 1 / len(options.frames))
        features = prepare_pair(fixed, moving, options, frame, share)
        result = register_features(
            *features, options=options, progress=share, should_stop=should_stop, frame=frame
        )
        if best is None or is_surer(result, best):
            best = result
        if result.is_stopped or best.verdict == "registered":
            break
    assert best is not None
    progress(1.0)
    return best


def prepare_pair(
    fixed: npt.NDArray[np.uint8 | np.uint16],
    moving: npt.NDArray[np.uint8 | np.uint16],
    options: ClassicalOptions,
    frame: SearchFrame,
    progress: Progress = lambda _: None,
) -> tuple[VesselFeatures, VesselFeatures]:
    """Prepare both images of a pair for a frame."""
    fixed_features = prepare(fixed, options.fixed_polarity, options.seed, frame.fixed_diameter_px)
    progress(_PREPARED_SHARE / 2)
    moving_features = prepare(moving, options.moving_polarity, options.seed, frame.moving_diameter_px)
    progress(_PREPARED_SHARE)
    return fixed_features, moving_features


def register_features(
    fixed: VesselFeatures,
    moving: VesselFeatures,
    *,
    options: ClassicalOptions = ClassicalOptions(),
    progress: Progress = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    frame: SearchFrame = COMMON_FRAME,
    proposals: Sequence[Proposal] = (),
) -> RegistrationResult:
    """Register two prepared images; see `register`.

    Parameters
    ----------
    frame : SearchFrame
        That the images were prepared for.
    proposals : sequence of Proposal
        Refined and verified beside the poses of the search; the best of all is the result.
    """
    best: RegistrationResult | None = None
    readings = readings_of(fixed, moving)
    for number, reading in enumerate(readings):
        stride = (1 - _PREPARED_SHARE) / len(readings)
        report = _part(progress, _PREPARED_SHARE + stride * number, stride)
        tried = [refine(*reading, pose, model=options.model, source=source) for pose, source, _ in proposals]
        candidates = [candidate for candidate in tried if candidate is not None]
        candidates += search_candidates(*reading, options, frame, should_stop, report)
        if should_stop():
            return _stopped(fixed, moving)
        result = choose(*reading, candidates, frame)
        if best is None or is_surer(result, best):
            best = result
    progress(1.0)
    return best or choose(fixed, moving, (), frame)


def search_candidates(
    fixed: VesselFeatures,
    moving: VesselFeatures,
    options: ClassicalOptions,
    frame: SearchFrame = COMMON_FRAME,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Progress = lambda _: None,
) -> list[RefinedCandidate]:
    """Search one reading of a pair, and refine and score the best poses."""
    num_candidates = max(options.num_candidates, frame.num_candidates)
    poses = search(fixed, moving, num_candidates, should_stop, _part(progress, 0.0, _SEARCHED_SHARE))
    found: list[RefinedCandidate] = []
    for index, pose in enumerate(poses):
        if should_stop():
            return []
        candidate = _refine_common(fixed, moving, pose.fixed_from_moving, options.model, "search")
        found += [candidate] if candidate is not None else []
        progress(_SEARCHED_SHARE + (1 - _SEARCHED_SHARE) * (index + 1) / len(poses))
    return found


def readings_of(fixed: VesselFeatures, moving: VesselFeatures) -> list[tuple[VesselFeatures, VesselFeatures]]:
    """Return every way to read a pair: more than one when an image does not tell its polarity."""
    return [
        (fixed_reading, moving_reading)
        for fixed_reading in (fixed, fixed.alternative)
        for moving_reading in (moving, moving.alternative)
        if fixed_reading is not None and moving_reading is not None
    ]


def is_surer(result: RegistrationResult, other: RegistrationResult) -> bool:
    """Tell whether a result is to be preferred to one of another frame."""
    ranks = [(VERDICTS.index(found.verdict), _rank(found)) for found in (result, other)]
    return ranks[0] > ranks[1]


def refine(
    fixed: VesselFeatures,
    moving: VesselFeatures,
    homography_fixed_from_moving: FloatArray,
    *,
    model: RegistrationModel | None = None,
    source: str = "proposed",
) -> RefinedCandidate | None:
    """Refine and score a transform that somebody else proposed.

    Parameters
    ----------
    fixed, moving : VesselFeatures
    homography_fixed_from_moving : ndarray of float64, (3, 3)
        Start, native pixels.
    model : str, optional
        Last transform family; left out, chosen by overlap.
    source : str
        Name of the proposer.

    Returns
    -------
    RefinedCandidate or None
        None when it is rejected as implausible or meets too few vessels.
    """
    start = _between_common(fixed, moving, homography_fixed_from_moving)
    return _refine_common(fixed, moving, start, model, source)


def verify(
    fixed: VesselFeatures, moving: VesselFeatures, homography_fixed_from_moving: FloatArray
) -> OverlapScore:
    """Score a transform between native pixels without changing it."""
    common = _between_common(fixed, moving, homography_fixed_from_moving)
    return score_overlap(fixed.points, fixed.mask, moving.points, moving.mask, common)


def judge(
    fixed: VesselFeatures,
    moving: VesselFeatures,
    homography_fixed_from_moving: FloatArray,
    frame: SearchFrame = COMMON_FRAME,
) -> Judgement:
    """Score a transform between native pixels without changing it, and say whether it registers the pair."""
    common = _between_common(fixed, moving, homography_fixed_from_moving)
    score = score_overlap(fixed.points, fixed.mask, moving.points, moving.mask, common)
    sharpness = None if score.z >= SURE_Z else peak_sharpness(fixed, moving, common)
    return Judgement(verdict_for(score.z, sharpness or 0.0, frame), score, sharpness)


def choose(
    fixed: VesselFeatures,
    moving: VesselFeatures,
    candidates: Sequence[RefinedCandidate],
    frame: SearchFrame = COMMON_FRAME,
) -> RegistrationResult:
    """Return the result that the best of several candidates gives.

    The largest ``s z`` is the best. Unless its z is sure, its line maps are compared as well; where they do
    not agree, those of the other candidates are, and the sharpest agreement is the best if it is one.
    """
    ordered = sorted(candidates, key=lambda candidate: -candidate.rank)
    if not ordered:
        return RegistrationResult(
            None,
            "not_registered",
            reason=_reason_without_candidate(fixed, moving),
            fixed_size=fixed.native_size,
            moving_size=moving.native_size,
            fixed_polarity=fixed.polarity,
            moving_polarity=moving.polarity,
        )
    sharpness = None
    if ordered[0].z < SURE_Z:
        sharpness = _sharpness(fixed, moving, ordered[0])
        if sharpness < frame.uncertain_sharpness:
            others = [_sharpness(fixed, moving, candidate) for candidate in ordered[1:]]
            if max(others, default=0.0) >= frame.uncertain_sharpness:
                sharpness = max(others)
                ordered.insert(0, ordered.pop(1 + others.index(sharpness)))
    best = ordered[0]
    verdict = verdict_for(best.z, sharpness or 0.0, frame)
    signs = f"z = {best.z:.1f}, sharpness = {sharpness or 0.0:.1f}"
    reason = None
    if verdict == "uncertain":
        reason = Message("The vessels agree only in part ({signs}); look at the overlay.", {"signs": signs})
    elif verdict == "not_registered":
        reason = Message("No transform was found under which the vessels agree ({signs}).", {"signs": signs})
    return RegistrationResult(
        best.homography_fixed_from_moving,
        verdict,
        best.model,
        best.s,
        best.z,
        best.overlap,
        tuple(ordered),
        reason,
        fixed.native_size,
        moving.native_size,
        fixed.polarity,
        moving.polarity,
        quadratic_fixed_from_moving=best.quadratic_fixed_from_moving,
        sharpness=sharpness,
    )


def _sharpness(fixed: VesselFeatures, moving: VesselFeatures, candidate: RefinedCandidate) -> float:
    return peak_sharpness(
        fixed, moving, _between_common(fixed, moving, candidate.homography_fixed_from_moving)
    )


def _between_common(
    fixed: VesselFeatures, moving: VesselFeatures, homography_fixed_from_moving: FloatArray
) -> FloatArray:
    """Return a transform between native pixels as one between the common sizes."""
    return compose(fixed.common_from_native, homography_fixed_from_moving, invert(moving.common_from_native))


def _refine_common(
    fixed: VesselFeatures,
    moving: VesselFeatures,
    fixed_from_moving: FloatArray,
    model: RegistrationModel | None,
    source: str,
) -> RefinedCandidate | None:
    """Refine and score a transform between the common sizes; the result is between native pixels."""
    refined = refine_transform(fixed, moving, fixed_from_moving, None if model == "quadratic" else model)
    if refined is None:
        return None
    score = score_overlap(fixed.points, fixed.mask, moving.points, moving.mask, refined.fixed_from_moving)
    native = compose(invert(fixed.common_from_native), refined.fixed_from_moving, moving.common_from_native)
    curve = refine_quadratic(fixed, moving, native) if model == "quadratic" else None
    family = refined.model if curve is None else "quadratic"
    return RefinedCandidate(native, family, score.s, score.z, score.overlap, source, curve)


def _part(progress: Progress, start: float, length: float) -> Progress:
    """Return a progress that fills a part of another."""
    return lambda share: progress(start + length * share)


def _stopped(fixed: VesselFeatures, moving: VesselFeatures) -> RegistrationResult:
    return RegistrationResult(
        None,
        "not_registered",
        reason=Message("Registration was stopped."),
        fixed_size=fixed.native_size,
        moving_size=moving.native_size,
        is_stopped=True,
    )


def _rank(result: RegistrationResult) -> float:
    return result.candidates[0].rank if result.candidates else -np.inf


def _reason_without_candidate(fixed: VesselFeatures, moving: VesselFeatures) -> Message:
    if len(fixed.points) == 0:
        return Message("No vessels were found in the fixed image.")
    if len(moving.points) == 0:
        return Message("No vessels were found in the moving image.")
    return Message("No plausible transform between the two images was found.")
