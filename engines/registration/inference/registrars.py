"""How a pair is registered: the classical recipe here, a trained network in `learned`. No torch here.

Every method ends in the same refinement and verification, so their verdicts compare. What several methods
need of a pair is computed once, in `PairWork`, which also keeps what each part cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from engines.contract.geometry import FloatArray
from engines.imaging.matching.classical_registration import (
    ClassicalOptions,
    Proposal,
    choose,
    is_surer,
    judge,
    prepare_pair,
    readings_of,
    refine,
    search_candidates,
    verify,
)
from engines.imaging.matching.registration_result import VERDICTS, RefinedCandidate, RegistrationResult
from engines.imaging.matching.search_frames import SURE_Z, SearchFrame, frames_for
from engines.imaging.vessels.vessel_features import VesselFeatures
from engines.registration.config import MatcherConfig
from engines.registration.inference.pair_result import Image, PairResult, from_classical

ShouldStop = Callable[[], bool]
Reading = tuple[VesselFeatures, VesselFeatures]
_NUM_REFINED = 3


class PairWork:
    """A pair, and what was computed of it so far.

    Parameters
    ----------
    fixed, moving : ndarray, (H, W) or (H, W, 3)
    config : MatcherConfig
    fixed_modality, moving_modality : str or None
    should_stop : callable
    """

    def __init__(
        self,
        fixed: Image,
        moving: Image,
        config: MatcherConfig,
        *,
        fixed_modality: str | None = None,
        moving_modality: str | None = None,
        should_stop: ShouldStop = lambda: False,
    ) -> None:
        self.fixed, self.moving = fixed, moving
        self.modalities = (fixed_modality, moving_modality)
        self.should_stop = should_stop
        self.frames = frames_for(fixed_modality, moving_modality)
        self.options = ClassicalOptions(
            num_candidates=config.num_candidates,
            model=None if config.model == "auto" else config.model,
            seed=config.seed,
        )
        self.proposals: list[Proposal] | None = None
        """What the network proposes, the surest first; None as long as it was not asked."""
        self._seconds: dict[object, float] = {}
        self._readings: dict[SearchFrame, list[Reading]] = {}
        self._searched: dict[SearchFrame, list[list[RefinedCandidate]]] = {}
        self._refined: dict[SearchFrame, list[list[RefinedCandidate]]] = {}
        self._used: list[object] | None = None

    @contextmanager
    def counted(self) -> Iterator[list[float]]:
        """Collect the processor seconds of all parts used inside, each once; the sum is in the list after."""
        total: list[float] = []
        self._used = []
        try:
            yield total
        finally:
            total.append(sum(self._seconds[part] for part in dict.fromkeys(self._used)))
            self._used = None

    @contextmanager
    def timed(self, part: object) -> Iterator[None]:
        """Add the processor time spent inside to a part."""
        start = time.thread_time()
        try:
            yield
        finally:
            self._seconds[part] = self._seconds.get(part, 0.0) + time.thread_time() - start

    def uses(self, part: object) -> None:
        """Say that the method being counted needs a part, whoever computed it."""
        self._seconds.setdefault(part, 0.0)
        if self._used is not None:
            self._used.append(part)

    def readings(self, frame: SearchFrame) -> list[Reading]:
        """Return every way to read the pair, prepared for a frame."""
        part = ("features", frame)
        if frame not in self._readings:
            with self.timed(part):
                pair = prepare_pair(self.fixed, self.moving, self.options, frame)
                self._readings[frame] = readings_of(*pair)
        self.uses(part)
        return self._readings[frame]

    def searched(self, frame: SearchFrame) -> list[list[RefinedCandidate]]:
        """Return what the search finds, refined, for each reading."""
        part = ("search", frame)
        readings = self.readings(frame)
        if frame not in self._searched:
            with self.timed(part):
                self._searched[frame] = [
                    search_candidates(*reading, self.options, frame, self.should_stop) for reading in readings
                ]
        self.uses(part)
        return self._searched[frame]

    def refined(self, frame: SearchFrame) -> list[list[RefinedCandidate]]:
        """Return what the network proposes, refined, for each reading; a sure one ends it."""
        part = ("refinement", frame)
        readings = self.readings(frame)
        if frame not in self._refined:
            with self.timed(part):
                self._refined[frame] = [self._refine(reading) for reading in readings]
        self.uses(part)
        return self._refined[frame]

    def _refine(self, reading: Reading) -> list[RefinedCandidate]:
        found: list[RefinedCandidate] = []
        for proposal in (self.proposals or [])[:_NUM_REFINED]:
            pose, source, _ = proposal
            candidate = refine(*reading, pose, model=self.options.model, source=source)
            if candidate is not None and self.options.model is None:
                candidate = _unless_worse(reading, proposal, candidate)
            found += [candidate] if candidate is not None else []
            if candidate is not None and candidate.z >= SURE_Z:
                break
        return found

    def result(
        self, method: str, candidates_of: Callable[[SearchFrame], Sequence[Sequence[RefinedCandidate]]]
    ) -> PairResult:
        """Return the best result over the frames, which are tried until one is registered.

        Parameters
        ----------
        method : str
            Row name.
        candidates_of : callable
            Gives the candidates of each reading in a frame.
        """
        best: RegistrationResult | None = None
        with self.counted() as seconds:
            for frame in self.frames:
                found = candidates_of(frame)
                for reading, candidates in zip(self.readings(frame), found, strict=True):
                    result = choose(*reading, candidates, frame)
                    if best is None or is_surer(result, best):
                        best = result
                if best is not None and best.verdict == "registered":
                    break
        assert best is not None
        return replace(from_classical(best, method), cpu_s=seconds[0])

    def judged(
        self,
        method: str,
        homography_fixed_from_moving: FloatArray,
        family: str,
        source: str,
        doubt: str,
        parts: Sequence[object],
    ) -> PairResult:
        """Return a transform as it is, judged in the frame that shows it best.

        Parameters
        ----------
        method : str
            Row name.
        homography_fixed_from_moving : ndarray of float64, (3, 3)
            Native pixels.
        family, source : str
            Of the transform.
        doubt : str
            The reason, unless it is ``registered``.
        parts : sequence
            What the method needed so far.
        """
        with self.counted() as seconds:
            for part in parts:
                self.uses(part)
            found = [
                judge(*reading, homography_fixed_from_moving, frame)
                for frame in self.frames
                for reading in self.readings(frame)
            ]
        best = max(found, key=lambda one: (VERDICTS.index(one.verdict), one.score.z))
        return PairResult(
            method,
            homography_fixed_from_moving,
            best.verdict,
            family,
            best.score.s,
            best.score.z,
            best.score.overlap,
            "" if best.verdict == "registered" else doubt,
            best.sharpness,
            source=source,
            cpu_s=seconds[0],
        )


def _unless_worse(reading: Reading, proposal: Proposal, refined: RefinedCandidate) -> RefinedCandidate:
    """Return a refined pose, or the pose itself if it agrees both more and more surely without refinement.

    Where little is common to both images, centre lines can lead an exact pose away.
    """
    own = verify(*reading, proposal.homography_fixed_from_moving)
    if own.s <= refined.s or own.z <= refined.z:
        return refined
    matrix, source, family = proposal
    return RefinedCandidate(matrix, family, own.s, own.z, own.overlap, source)


class Registrar(Protocol):
    """Anything that registers a pair."""

    def register(self, work: PairWork, rows: Collection[str] = ...) -> tuple[PairResult, ...]:
        """Return the results of the rows that are asked for and that it has."""


class ClassicalRegistrar:
    """The recipe that needs no training."""

    def register(self, work: PairWork, rows: Collection[str] = ("classical",)) -> tuple[PairResult, ...]:
        """Register a pair; the images themselves tell the polarity of their vessels."""
        if "classical" not in rows:
            return ()
        return (work.result("classical", work.searched),)
