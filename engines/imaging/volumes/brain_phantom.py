"""Procedural brains with a tumour and a grade: nobody was scanned for them, so their truth is known.

Four modalities on one grid, labels of the coding 1 necrosis, 2 oedema, 4 enhancing tumour, and one of two
grades. Grade shows in the contrast uptake of the tumour's core, and weakly in its volume; both overlap
between the grades by a known amount. Bright spots of white matter, a bias field, noise and a gain of each
scan make a threshold fail. With `CohortOptions.has_site_shortcut` the low grades come from a scanner of
their own, which a model may learn instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from engines.imaging.volumes.volume import Shape, Volume, VolumeGeometry

LOW, HIGH = "LGG", "HGG"
MODALITIES = ("t1", "t1ce", "t2", "flair")
NECROSIS, OEDEMA, ENHANCING = 1, 2, 4
SITES = ("site-a", "site-b")
_FIELD = npt.NDArray[np.float64]

_MEDIAN_ML, _LOG_SPREAD = 38.0, 0.55
_SMALLEST_ML, _LARGEST_ML = 8.0, 150.0
_VOLUME_SEPARATION = 0.545
"""In standard deviations: areas under the curve are Phi(separation / sqrt 2), here 0.65."""
_UPTAKE_SEPARATION = 2.6
"""The same for contrast uptake, 0.967."""
_UPTAKE_STEP, _UPTAKE_OFFSET = 0.11, 0.9
_LEAST_ENHANCING = 0.12

# Signal of each modality in MODALITIES' order, relative to white matter on T1.
_CSF = (0.25, 0.25, 1.15, 0.20)
_GREY = (0.62, 0.66, 0.70, 0.66)
_WHITE = (0.85, 0.88, 0.52, 0.55)
_SPOT = (0.80, 0.83, 0.80, 0.92)
_OEDEMA = (0.62, 0.65, 0.92, 0.95)
_CORE = (0.50, 0.55, 0.98, 0.85)
_DEAD = (0.38, 0.42, 1.10, 0.62)


@dataclass(frozen=True)
class CohortOptions:
    """What a cohort is made of.

    Parameters
    ----------
    num_subjects, num_held_out : int
        Subjects in all, and those of the split `test` among them.
    low_share : float
        Share of low grades, 0.2 is 4:1.
    seed : int
    has_site_shortcut : bool
        Whether nine of ten low grades, and one of ten high grades, come from the second scanner; otherwise
        each scanner has half of each.
    shape : (I, J, K)
    spacing_mm : (i, j, k)
    """

    num_subjects: int = 200
    num_held_out: int = 60
    low_share: float = 0.2
    seed: int = 0
    has_site_shortcut: bool = False
    shape: Shape = (64, 64, 24)
    spacing_mm: tuple[float, float, float] = (3.0, 3.0, 5.0)


@dataclass(frozen=True)
class PhantomSubject:
    """One brain before it is drawn.

    Parameters
    ----------
    name, grade, site : str
    split : str
        ``"train"``, ``"val"`` or ``"test"``, stratified by grade and site.
    volume_ml : float
        Of the whole tumour.
    uptake : float
        Contrast uptake of its core, on the scale of the T1 signal of white matter.
    seed : int
    """

    name: str
    grade: str
    site: str
    split: str
    volume_ml: float
    uptake: float
    seed: int


@dataclass(frozen=True)
class BrainPhantom:
    """A drawn brain.

    Parameters
    ----------
    modalities : dict of modality to Volume
        int16, 0 outside the brain.
    label_map : Volume
        uint8.
    brain : ndarray of bool, (I, J, K)
    """

    modalities: dict[str, Volume]
    label_map: Volume
    brain: npt.NDArray[np.bool_]


def plan_cohort(options: CohortOptions | None = None) -> tuple[PhantomSubject, ...]:
    """Return the subjects of a cohort; the same options give the same ones.

    Volume and uptake are drawn by strata of their distribution, so that the overlap of the grades is nearly
    the one intended in a small cohort too.
    """
    options = options or CohortOptions()
    generator = np.random.default_rng(options.seed)
    num_low = max(1, round(options.low_share * options.num_subjects))
    drawn: list[tuple[str, str, float, float]] = []
    for grade, count in ((LOW, num_low), (HIGH, options.num_subjects - num_low)):
        shift = float(grade == HIGH)
        logs = _LOG_SPREAD * (_normal_strata(count, generator) + shift * _VOLUME_SEPARATION)
        volumes = np.clip(_MEDIAN_ML * np.exp(logs), _SMALLEST_ML, _LARGEST_ML)
        latents = _normal_strata(count, generator) + shift * _UPTAKE_SEPARATION
        share = 0.5
        if options.has_site_shortcut:
            share = 0.9 if grade == LOW else 0.1
        sites = np.array([SITES[number < round(share * count)] for number in range(count)])
        generator.shuffle(sites)
        uptakes = _UPTAKE_STEP * (latents + _UPTAKE_OFFSET)
        drawn += [
            (grade, str(site), float(volume), float(uptake))
            for site, volume, uptake in zip(sites, volumes, uptakes, strict=True)
        ]
    splits = _stratified_splits([(grade, site) for grade, site, _, _ in drawn], options, generator)
    # Names in random order: a number that gave the grade away would be a leak.
    order = generator.permutation(len(drawn))
    digits = max(3, len(str(options.num_subjects)))
    return tuple(
        PhantomSubject(
            f"phantom-{number + 1:0{digits}d}",
            *drawn[index][:2],
            splits[index],
            *drawn[index][2:],
            seed=options.seed * 1_000_003 + number,
        )
        for number, index in enumerate(order)
    )


def _normal_strata(count: int, generator: np.random.Generator) -> _FIELD:
    shares = (generator.permutation(count) + generator.random(count)) / count
    return np.asarray(special.ndtri(np.clip(shares, 1e-4, 1 - 1e-4)))


def _stratified_splits(
    groups: list[tuple[str, str]], options: CohortOptions, generator: np.random.Generator
) -> list[str]:
    """Return a split for each subject; of those not held out, a fifth is for validation."""
    held_out = options.num_held_out / options.num_subjects
    splits = [""] * len(groups)
    for group in sorted(set(groups)):
        members = generator.permutation([index for index, found in enumerate(groups) if found == group])
        num_test = round(held_out * len(members))
        num_val = round(0.2 * (len(members) - num_test))
        for place, index in enumerate(members):
            splits[index] = "test" if place < num_test else "val" if place < num_test + num_val else "train"
    return splits


def draw_brain(subject: PhantomSubject, options: CohortOptions | None = None) -> BrainPhantom:
    """Draw one brain; about a tenth of a second of processor time."""
    options = options or CohortOptions()
    generator = np.random.default_rng(subject.seed)
    geometry = VolumeGeometry(options.shape, _world_from_voxel(options))
    at = _positions_mm(options)
    extent = np.array(options.shape) * options.spacing_mm
    brain_axes = 0.5 * extent * np.array([0.70, 0.82, 0.88]) * generator.uniform(0.94, 1.0, 3)
    radius = np.sqrt(sum((x / axis) ** 2 for x, axis in zip(at, brain_axes, strict=True)))
    brain = radius + 0.04 * _smooth_field(options, 14.0, generator) < 1.0
    tissue = _tissue(options, at, brain, radius, generator)
    label, core, dead = _tumour(subject, options, at, brain, radius, generator)
    signals = {}
    for number, name in enumerate(MODALITIES):
        signal = tissue[number].copy()
        signal[label == OEDEMA] = _OEDEMA[number]
        signal[core] = _CORE[number]
        signal[dead] = _DEAD[number]
        if name == "t1ce":
            signal[core & ~dead] += subject.uptake
        signals[name] = signal
    scanned = _scan(signals, brain, subject.site, options, generator)
    return BrainPhantom(
        {name: Volume(voxels, geometry) for name, voxels in scanned.items()},
        Volume(label.astype(np.uint8), geometry),
        brain,
    )


def _world_from_voxel(options: CohortOptions) -> Any:
    matrix = np.diag([*options.spacing_mm, 1.0])
    matrix[:3, 3] = -0.5 * (np.array(options.shape) - 1) * options.spacing_mm
    return matrix


def _positions_mm(options: CohortOptions) -> list[_FIELD]:
    sides = [
        (np.arange(count) - (count - 1) / 2) * step
        for count, step in zip(options.shape, options.spacing_mm, strict=True)
    ]
    return list(np.meshgrid(*sides, indexing="ij"))


def _smooth_field(options: CohortOptions, scale_mm: float, generator: np.random.Generator) -> _FIELD:
    """Return noise of one length scale with mean 0 and variance 1."""
    sigma = [scale_mm / step for step in options.spacing_mm]
    field = ndimage.gaussian_filter(generator.normal(size=options.shape), sigma, mode="wrap")
    return np.asarray((field - field.mean()) / field.std())


def _tissue(
    options: CohortOptions,
    at: list[_FIELD],
    brain: npt.NDArray[np.bool_],
    radius: _FIELD,
    generator: np.random.Generator,
) -> list[_FIELD]:
    """Return the healthy signal of each modality."""
    x, y, z = at
    folds = _smooth_field(options, 7.0, generator)
    white = 1.0 / (1.0 + np.exp(-(0.72 - radius + 0.07 * folds) / 0.05))
    ventricle = np.zeros(options.shape, dtype=bool)
    for side in (-1, 1):
        centre = (side * generator.uniform(9, 13), generator.uniform(-8, 4), generator.uniform(-4, 8))
        axes = generator.uniform((5, 18, 10), (8, 28, 16))
        parts = ((x - centre[0]) / axes[0], (y - centre[1]) / axes[1], (z - centre[2]) / axes[2])
        ventricle |= sum(part**2 for part in parts) < 1.0
    spots = np.zeros(options.shape)
    for _ in range(int(generator.integers(4, 10))):
        inside = np.argwhere(brain & (radius < 0.75) & ~ventricle)
        centre_mm = inside[int(generator.integers(len(inside)))]
        offset = [axis - axis[tuple(centre_mm)] for axis in at]
        size = generator.uniform(3.0, 7.5)
        spots = np.maximum(spots, np.exp(-sum(part**2 for part in offset) / (2 * size**2)))
    rim = np.exp(-(((radius - 0.97) / 0.05) ** 2))
    fluid = ndimage.gaussian_filter((ventricle | (radius > 0.985)).astype(float), 0.6)
    signals = []
    for number, name in enumerate(MODALITIES):
        signal = white * _WHITE[number] + (1 - white) * _GREY[number]
        signal = (1 - spots) * signal + spots * _SPOT[number]
        signal = (1 - fluid) * signal + fluid * _CSF[number]
        if name == "flair":
            signal = signal + 0.25 * rim
        signals.append(signal * (1 + 0.05 * _smooth_field(options, 9.0, generator)))
    return signals


def _tumour(
    subject: PhantomSubject,
    options: CohortOptions,
    at: list[_FIELD],
    brain: npt.NDArray[np.bool_],
    radius: _FIELD,
    generator: np.random.Generator,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return labels, the core and its dead part; the whole tumour has the subject's volume to a voxel."""
    seats = np.argwhere(brain & (radius < 0.6))
    seat = tuple(seats[int(generator.integers(len(seats)))])
    typical_mm = (3 * subject.volume_ml * 1000 / (4 * math.pi)) ** (1 / 3)
    axes = typical_mm * generator.uniform(0.8, 1.25, 3)
    offset = [(axis - axis[seat]) / length for axis, length in zip(at, axes, strict=True)]
    distance = np.sqrt(sum(part**2 for part in offset))
    distance = distance + 0.14 * _smooth_field(options, 8.0, generator) * np.minimum(1, distance)
    distance[~brain] = np.inf
    voxel_ml = math.prod(options.spacing_mm) / 1000
    order = np.argsort(distance, axis=None, kind="stable")
    whole = np.zeros(options.shape, dtype=bool)
    whole.ravel()[order[: max(1, round(subject.volume_ml / voxel_ml))]] = True
    core_share, dead_share = generator.uniform(0.3, 0.55), generator.uniform(0.1, 0.3)
    core = np.zeros_like(whole)
    core.ravel()[order[: round(core_share * whole.sum())]] = True
    dead = np.zeros_like(whole)
    dead.ravel()[order[: round(dead_share * core.sum())]] = True
    label = np.zeros(options.shape, dtype=np.uint8)
    label[whole] = OEDEMA
    label[core] = ENHANCING if subject.uptake >= _LEAST_ENHANCING else NECROSIS
    label[dead] = NECROSIS
    return label, core, dead


def _scan(
    signals: dict[str, _FIELD],
    brain: npt.NDArray[np.bool_],
    site: str,
    options: CohortOptions,
    generator: np.random.Generator,
) -> dict[str, npt.NDArray[np.int16]]:
    """Return what a scanner makes of a signal: blur, bias, gain, noise, whole numbers."""
    is_second = site == SITES[1]
    scanned = {}
    for name, signal in signals.items():
        seen = ndimage.gaussian_filter(signal, (0.6, 0.6, 0.3))
        seen = seen * np.exp(0.10 * _smooth_field(options, 45.0, generator))
        seen = seen + generator.normal(0, 0.075 if is_second else 0.045, seen.shape)
        if is_second:
            # Smoothed noise and a weak ripple: what a network can learn a scanner by.
            seen = ndimage.gaussian_filter(seen, (0.5, 0.0, 0.0))
            seen = seen + 0.03 * np.sin(np.arange(options.shape[0]) * 1.3)[:, None, None]
        gain = 800.0 * float(np.exp(generator.normal(0, 0.25)))
        values = np.clip(np.rint(gain * seen), 1, np.iinfo(np.int16).max)
        scanned[name] = np.where(brain, values, 0).astype(np.int16)
    return scanned
