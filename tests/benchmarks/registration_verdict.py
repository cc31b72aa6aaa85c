"""Calibrate the verdict of a registration on synthetic pairs of known truth.

    WORKSTATION_REFERENCE_DATA=DATA python tests/benchmarks/registration_verdict.py [--cases 40] [--seeds 0]
        [--out FILE]

Eyes of photographs with vessel masks (DRIVE, the last eight) get other looks, are warped, degraded and cut,
and are registered without training. A result is wrong when it is more than 25 px off on average over the
common area; pairs of two eyes are always wrong. Prints, for each frame, which share of wrong results z alone,
the sharpness where z says too little, and the verdict catch, and which share of right ones they reject. Real
pairs play no part. With ``--out`` the cases in the file are not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import (
    FloatArray,
    apply_homography,
    compose,
    inside,
    invert,
    similarity_matrix,
    translation_matrix,
)
from engines.imaging.classification import wilson
from engines.imaging.field_of_view import field_of_view
from engines.imaging.images import read_image, read_mask
from engines.imaging.matching.classical_registration import ClassicalOptions, register
from engines.imaging.matching.search_frames import COMMON_FRAME, SearchFrame, frames_for
from engines.imaging.opencv import cv2
from engines.imaging.retina_modalities import synthesise

Kind = Literal["whole", "part", "narrow"]
KINDS: tuple[Kind, ...] = ("whole", "part", "narrow")
NUM_EYES = 8
RIGHT_PX = 25.0
_NARROW_SIDE_PX = 400
_LIMITS = (3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0)
_TARGET = 0.9


@dataclass(frozen=True)
class Eye:
    """A photograph with its vessels."""

    image: npt.NDArray[np.uint8]
    vessels: npt.NDArray[np.bool_]
    field: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """How one synthetic pair was registered in one frame; `sharpness` is None where z says enough."""

    seed: int
    number: int
    kind: str
    frame: str
    is_same_eye: bool
    difficulty: float
    error_px: float | None
    is_right: bool
    s: float
    z: float
    overlap: float
    sharpness: float | None
    verdict: str

    @property
    def key(self) -> tuple[int, int, str, bool, str]:
        """Which case it is."""
        return self.seed, self.number, self.kind, self.is_same_eye, self.frame


def read_eyes(folder: Path) -> list[Eye]:
    """Read the last eyes of a folder of DRIVE."""
    eyes = []
    for path in sorted((folder / "training" / "images").glob("*.tif"))[-NUM_EYES:]:
        image = np.asarray(read_image(path), dtype=np.uint8)
        number = path.name.split("_")[0]
        vessels = read_mask(folder / "training" / "1st_manual" / f"{number}_manual1.gif")
        eyes.append(Eye(image, vessels, field_of_view(image)))
    return eyes


def look_of(eye: Eye, look: str, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return an eye as another modality; ``photograph`` is the photograph."""
    if look == "photograph":
        return eye.image
    return synthesise(eye.image, eye.vessels, eye.field, look, generator).image  # type: ignore[arg-type]


def degrade(
    image: npt.NDArray[np.uint8], difficulty: float, generator: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Blur, flatten and add noise, the more the harder, 0 to 1; black stays black."""
    scale = max(image.shape[:2]) / 640
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 0.1 + 6.0 * difficulty * scale)
    seen = image.max(axis=2) > 0 if image.ndim == 3 else image > 0
    mean = blurred[seen].mean(axis=0) if seen.any() else 0.0
    flat = mean + (1 - 0.85 * difficulty) * (blurred - mean)
    noisy = flat + generator.normal(0, 0.5 + 12 * difficulty, image.shape)
    shown = seen[:, :, None] if image.ndim == 3 else seen
    return np.where(shown, noisy, 0).clip(0, 255).astype(np.uint8)


def make_pair(
    kind: Kind, fixed_eye: Eye, moving_eye: Eye, generator: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], FloatArray, float]:
    """Return both images, `homography_fixed_from_moving`, and how hard it was made."""
    whole = ("photograph", "red_free", "fa_early", "fa_late")
    fixed = look_of(fixed_eye, str(generator.choice(whole)), generator)
    height, width = fixed.shape[:2]
    difficulty = float(generator.uniform(0, 1))
    angle = float(generator.uniform(-180, 180))
    if kind == "narrow":
        moving = look_of(moving_eye, str(generator.choice(("octa", "oct"))), generator)
        side = float(generator.uniform(0.2, 0.5)) * width
        centre = (np.array([width, height]) - 1) / 2 + generator.uniform(-0.15, 0.15, 2) * width
        scale, size = _NARROW_SIDE_PX / side, (_NARROW_SIDE_PX, _NARROW_SIDE_PX)
        middle = (_NARROW_SIDE_PX - 1) / 2
        moving_from_fixed = compose(
            translation_matrix((middle, middle)),
            similarity_matrix(angle, scale, (0.0, 0.0)),
            translation_matrix((-float(centre[0]), -float(centre[1]))),
        )
        difficulty *= 0.6
    else:
        moving = look_of(moving_eye, str(generator.choice(whole)), generator)
        scale = float(np.exp(generator.uniform(*np.log((0.75, 1.33)))))
        reach = 0.2 if kind == "whole" else 0.65
        shift = generator.uniform(-reach, reach, 2) * (width, height)
        size = (round(1.3 * width), round(1.3 * height))
        middle = ((width - 1) / 2, (height - 1) / 2)
        centred = (0.15 * width, 0.15 * height)
        moving_from_fixed = compose(
            translation_matrix(centred),
            similarity_matrix(angle, scale, middle, (float(shift[0]), float(shift[1]))),
        )
    warped = np.asarray(cv2.warpPerspective(moving, moving_from_fixed, size, flags=cv2.INTER_AREA))
    return fixed, degrade(warped, difficulty, generator), invert(moving_from_fixed), difficulty


def error_of(
    estimate: FloatArray, truth: FloatArray, fixed_size: tuple[int, int], size: tuple[int, int]
) -> float:
    """Return the mean distance of points of the common area under two transforms, fixed pixels."""
    x, y = np.meshgrid(np.linspace(0, size[0] - 1, 25), np.linspace(0, size[1] - 1, 25))
    grid = np.column_stack([x.reshape(-1), y.reshape(-1)])
    true_xy = apply_homography(truth, grid)
    common = inside(true_xy, fixed_size)
    if not common.any():
        return float("inf")
    return float(np.linalg.norm(apply_homography(estimate, grid[common]) - true_xy[common], axis=1).mean())


def outcomes(
    eyes: Sequence[Eye],
    num_cases: int,
    seed: int,
    kinds: Sequence[Kind] = KINDS,
    done: Collection[tuple[int, int, str, bool, str]] = (),
) -> Iterator[Outcome]:
    """Make and register cases: of each kind as many of one eye as of two, and each frame by itself."""
    for number in range(num_cases):
        for kind in kinds:
            for is_same_eye in (True, False):
                generator = np.random.default_rng([seed, number, KINDS.index(kind), int(is_same_eye)])
                first, second = generator.choice(len(eyes), 2, replace=False)
                fixed_eye, moving_eye = eyes[first], eyes[first if is_same_eye else second]
                fixed, moving, truth, difficulty = make_pair(kind, fixed_eye, moving_eye, generator)
                frames = frames_for("CF", "OCTA") if kind == "narrow" else (COMMON_FRAME,)
                for frame in frames:
                    key = (seed, number, kind, is_same_eye, _name_of(frame))
                    if key not in done:
                        yield _outcome(key, frame, difficulty, fixed, moving, truth)


def _name_of(frame: SearchFrame) -> str:
    return "common" if frame == COMMON_FRAME else "narrow"


def _outcome(
    key: tuple[int, int, str, bool, str],
    frame: SearchFrame,
    difficulty: float,
    fixed: npt.NDArray[np.uint8],
    moving: npt.NDArray[np.uint8],
    truth: FloatArray,
) -> Outcome:
    seed, number, kind, is_same_eye, name = key
    result = register(fixed, moving, options=ClassicalOptions(frames=(frame,)))
    matrix, error = result.homography_fixed_from_moving, None
    if matrix is not None and is_same_eye:
        sizes = ((fixed.shape[1], fixed.shape[0]), (moving.shape[1], moving.shape[0]))
        error = error_of(matrix, truth, *sizes)
    is_right = error is not None and error <= RIGHT_PX
    return Outcome(
        seed,
        number,
        kind,
        name,
        is_same_eye,
        difficulty,
        error,
        is_right,
        result.s,
        result.z,
        result.overlap,
        result.sharpness,
        result.verdict,
    )


def say_limits(found: Sequence[Outcome], frame: str) -> None:
    """Print what limits on z, on the sharpness, and the verdict catch and reject."""
    own = [one for one in found if one.frame == frame]
    right = np.array([one.z for one in own if one.is_right])
    wrong = np.array([one.z for one in own if not one.is_right])
    _say(f"\nframe {frame}: {len(right)} right, {len(wrong)} wrong")
    if not len(right) or not len(wrong):
        return
    area = float((right[:, None] > wrong[None]).mean() + 0.5 * (right[:, None] == wrong[None]).mean())
    _say(f"AUC of z {area:.4f}")
    _say(f"right: least {right.min():.2f}, 10 % {np.percentile(right, 10):.2f}")
    high = np.percentile(wrong, [90, 99, 100])
    _say("wrong: 90 % {:.2f}, 99 % {:.2f}, most {:.2f}".format(*high))
    for limit in _LIMITS:
        caught, rejected = (wrong < limit).mean(), (right < limit).mean()
        _say(f"z >= {limit:4.1f}: wrong caught {caught:.3f}, right rejected {rejected:.3f}")
    _say(f"z that catches {_TARGET:.0%} of the wrong: {np.quantile(wrong, _TARGET):.2f}")
    for is_right, name in ((True, "right"), (False, "wrong")):
        found_sharp = sorted(
            one.sharpness for one in own if one.is_right == is_right and one.sharpness is not None
        )
        _say(f"sharpness of {name} results without a sure z: {_ends(found_sharp, is_low=is_right)}")
    for accepted in (("registered",), ("registered", "uncertain")):
        counts = [
            sum(one.is_right == is_right and one.verdict not in accepted for one in own)
            for is_right in (False, True)
        ]
        cells = [
            "{} of {} ({:.3f}; {:.2f} to {:.2f})".format(
                count, total, count / total, *(wilson(count, total) or (0, 1))
            )
            for count, total in zip(counts, (len(wrong), len(right)), strict=True)
        ]
        _say(f"accepting {' and '.join(accepted)}: wrong caught {cells[0]}, right rejected {cells[1]}")


def _ends(values: Sequence[float], *, is_low: bool) -> str:
    shown = values[:8] if is_low else values[-8:]
    return f"{len(values)}, the {'least' if is_low else 'largest'} " + " ".join(
        f"{value:.1f}" for value in shown
    )


def main() -> int:
    """Make the cases, print the limits, and keep every case if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=40, help="of each kind, of one eye and of two")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, help="a file with a line of JSON for every case")
    options = parser.parse_args()
    root = os.environ.get("WORKSTATION_REFERENCE_DATA")
    if root is None:
        _say("WORKSTATION_REFERENCE_DATA names no folder.")
        return 2
    found: list[Outcome] = []
    if options.out is not None and options.out.exists():
        lines = options.out.read_text(encoding="utf-8").splitlines()
        found = [Outcome(**json.loads(line)) for line in lines]
    done = {one.key for one in found}
    eyes = read_eyes(Path(root) / "retina" / "drive")
    for seed in options.seeds:
        for one in outcomes(eyes, options.cases, seed, options.kinds, done):
            found.append(one)
            if options.out is not None:
                with options.out.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(asdict(one)) + "\n")
    for frame in ("common", "narrow"):
        say_limits(found, frame)
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
