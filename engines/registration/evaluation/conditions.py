"""Under which conditions pairs are scored: as they are, turned, or made harder. All of it is seeded."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from engines.contract.errors import PreconditionError
from engines.contract.geometry import FloatArray, apply_homography
from engines.contract.kinds import AnnotationKind
from engines.contract.manifest import ItemRecord, read_keypoint_pairs
from engines.contract.run_context import RunContext
from engines.imaging.images import read_image
from engines.imaging.matching.stress import STRESS_KINDS, derive
from engines.imaging.transforms.warping import rotate_on_enlarged_canvas
from engines.registration.config import EvaluateConfig
from engines.registration.inference.pair_result import Image

FEWEST_LANDMARKS = 4
SWEEP_DEG = (0.0, 15.0, 30.0, 60.0)


@dataclass(frozen=True)
class Condition:
    """A turn of the moving image, or a harder variant of the pair.

    Parameters
    ----------
    rotation_deg : float
        Counter-clockwise.
    stress : str
        ``none`` or a `StressKind`.
    seed : int
        Of the harder variant.
    """

    rotation_deg: float = 0.0
    stress: str = "none"
    seed: int = 0

    @property
    def name(self) -> str:
        """Title of its line in a table, without the seed."""
        turned = f"{self.rotation_deg:g} degrees"
        return turned if self.stress == "none" else self.stress.replace("_", " ")


@dataclass(frozen=True)
class ScoredPair:
    """A pair as it is scored, after stress and turn.

    Parameters
    ----------
    fixed, moving : ndarray of uint8 or uint16
    fixed_xy, moving_xy : ndarray of float64, (N, 2)
        Landmarks in pixels of these images.
    """

    fixed: Image
    moving: Image
    fixed_xy: FloatArray
    moving_xy: FloatArray


def conditions_of(config: EvaluateConfig) -> tuple[Condition, ...]:
    """Return the conditions of an evaluation; the first one fills the rows of its report."""
    first = Condition(config.rotation_deg, config.stress, config.stress_seed)
    found = [first]
    if config.suite in ("rotations", "full"):
        found += [Condition(degrees) for degrees in SWEEP_DEG]
    if config.suite in ("stress", "full"):
        seeds = range(config.stress_seed, config.stress_seed + config.num_stress_seeds)
        found += [Condition(0.0, kind, seed) for kind in STRESS_KINDS for seed in seeds]
    return tuple(dict.fromkeys(found))


def scored_pair(run: RunContext, item: ItemRecord, condition: Condition) -> ScoredPair:
    """Read a pair with its landmarks; make it harder and turn it as the condition says.

    Raises
    ------
    InputError
        If it has too few landmarks or a file cannot be read.
    """
    record = item.annotations.get(AnnotationKind.KEYPOINT_PAIRS)
    fixed_xy = moving_xy = np.zeros((0, 2))
    if record is not None:
        _, fixed_xy, moving_xy = read_keypoint_pairs(run.folder.file_path(record.path))
    if len(fixed_xy) < FEWEST_LANDMARKS:
        raise PreconditionError(
            "it has {count} landmarks, and {least} are needed.",
            remedy="Place more keypoint pairs.",
            count=len(fixed_xy),
            least=FEWEST_LANDMARKS,
        )
    fixed, moving = (read_image(run.input_path(item, role)) for role in ("fixed", "moving"))
    if condition.stress != "none":
        # Each item gets its own draw, the same one whatever other items are scored.
        seed = zlib.crc32(f"{condition.seed}/{item.id}".encode())
        fixed, moving, fixed_matrix, moving_matrix = derive(condition.stress, fixed, moving, seed)
        fixed_xy = apply_homography(fixed_matrix, fixed_xy)
        moving_xy = apply_homography(moving_matrix, moving_xy)
    moving, turn = rotate_on_enlarged_canvas(moving, condition.rotation_deg)
    return ScoredPair(fixed, moving, fixed_xy, apply_homography(turn, moving_xy))
