"""Procedural thorax: the same chest without and with contrast, with every vessel known.

An ellipse of soft tissue with fat, ribs, a spine, two lungs, a heart with four chambers, a great vessel and
trees of lung vessels. Blood of 40 HU rises by the iodine model; muscle rises a little. Both scans are blurred
alike and get noise of their own, as from one scanner; NCCT and CTA may be shifted and breathe differently.
Simulated: no patient, and no statement about patients.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.contract.geometry import FloatArray
from engines.imaging.volumes.label_metrics import Mask
from engines.imaging.volumes.volume import Volume, VolumeGeometry

FloatVoxels = npt.NDArray[np.float32]
HU_RANGE = (-1024.0, 3071.0)
_HU = {"air": -1000.0, "lung": -860.0, "fat": -100.0, "muscle": 50.0, "blood": 40.0, "bone": 550.0}
_MARROW_HU = 180.0
_MUSCLE_RISE_HU = 12.0
_TREE_STEP = 1.0
_NUM_GENERATIONS = 5


@dataclass(frozen=True)
class ThoraxOptions:
    """How a thorax is made.

    Parameters
    ----------
    side_px, num_slices : int
        Size of a slice and number of slices.
    spacing_mm : (i, j, k)
    enhancement_hu : float
        Rise of blood in the lung arteries; others get a share of it.
    noise_hu : float
        Standard deviation of the noise after blurring.
    blur_px : float
        Sigma of the scanner's blur.
    shift_px : (i, j)
        How far the CTA lies beside the NCCT.
    breathing_px : float
        Largest smooth displacement along j, growing towards the feet.
    """

    side_px: int = 128
    num_slices: int = 32
    spacing_mm: tuple[float, float, float] = (2.6, 2.6, 2.5)
    enhancement_hu: float = 320.0
    noise_hu: float = 18.0
    blur_px: float = 0.7
    shift_px: tuple[float, float] = (0.0, 0.0)
    breathing_px: float = 0.0


@dataclass(frozen=True)
class ThoraxPhantom:
    """A pair with its truth.

    Parameters
    ----------
    ncct, cta : Volume
        int16, HU.
    vessels, lungs : ndarray of bool
        On the grid of the NCCT, before any shift.
    """

    ncct: Volume
    cta: Volume
    vessels: Mask = field(repr=False)
    lungs: Mask = field(repr=False)


def make_thorax(seed: int, options: ThoraxOptions | None = None) -> ThoraxPhantom:
    """Return a phantom; the same for the same seed and options."""
    options = options or ThoraxOptions()
    random = np.random.default_rng(seed)
    chest = _Chest(options, random)
    # Drawn as seen from the feet; in the patient the first axis runs to the right.
    plain, rise = (np.ascontiguousarray(part[::-1]) for part in chest.paint())
    moved = _displaced(plain + rise, options)
    geometry = _geometry(options)
    return ThoraxPhantom(
        Volume(_scanned(plain, options, random), geometry),
        Volume(_scanned(moved, options, random), geometry),
        np.asarray(rise > 0.4 * options.enhancement_hu),
        np.ascontiguousarray(chest.lungs[::-1]),
    )


def _geometry(options: ThoraxOptions) -> VolumeGeometry:
    matrix = np.diag([*options.spacing_mm, 1.0])
    matrix[:3, 3] = [-0.5 * options.side_px * options.spacing_mm[0]] * 2 + [-200.0]
    return VolumeGeometry((options.side_px, options.side_px, options.num_slices), matrix)


def _scanned(hu: FloatVoxels, options: ThoraxOptions, random: np.random.Generator) -> np.ndarray:
    blurred = ndimage.gaussian_filter(hu, (options.blur_px, options.blur_px, 0.3))
    # Noise of a scan is a little smooth: its grain is as wide as the blur.
    noise = ndimage.gaussian_filter(random.normal(0.0, 1.0, hu.shape).astype(np.float32), (0.6, 0.6, 0.0))
    noise *= options.noise_hu / float(noise.std())
    return np.clip(np.round(blurred + noise), *HU_RANGE).astype(np.int16)


def _displaced(hu: FloatVoxels, options: ThoraxOptions) -> FloatVoxels:
    if not any(options.shift_px) and not options.breathing_px:
        return hu
    i, j, k = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in hu.shape), indexing="ij")
    depth = 1.0 - k / max(1, hu.shape[2] - 1)
    wave = np.sin(np.pi * i / hu.shape[0])
    source_j = j - options.shift_px[1] - options.breathing_px * depth * wave
    coordinates = np.stack([i - options.shift_px[0], source_j, k])
    return np.asarray(ndimage.map_coordinates(hu, coordinates, order=1, mode="nearest"), dtype=np.float32)


class _Chest:
    """Draws one chest; sizes are shares of the slice, so that any resolution has the same anatomy."""

    def __init__(self, options: ThoraxOptions, random: np.random.Generator) -> None:
        self.options, self.random = options, random
        side, count = options.side_px, options.num_slices
        axis = (np.arange(side, dtype=np.float32) + 0.5) / side - 0.5
        self.i, self.j = axis[:, None, None], axis[None, :, None]
        self.k = ((np.arange(count, dtype=np.float32) + 0.5) / count - 0.5)[None, None, :]
        self.scale = random.uniform(0.92, 1.04)
        self.lungs = self._lungs()

    def _ellipse(
        self, centre: tuple[float, float], radii: tuple[float, float], narrowing: float = 0.0
    ) -> FloatVoxels:
        """Return the squared distance from an upright elliptic cylinder's axis; 1 on its surface."""
        factor = self.scale * (1.0 - narrowing * (self.k + 0.5) ** 2)
        di = (self.i - centre[0]) / (radii[0] * factor)
        dj = (self.j - centre[1]) / (radii[1] * factor)
        return np.asarray(di**2 + dj**2, dtype=np.float32)

    def _ball(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Mask:
        di, dj = (self.i - centre[0]) / radii[0], (self.j - centre[1]) / radii[1]
        dk = (self.k - centre[2]) / radii[2]
        return np.asarray(di**2 + dj**2 + dk**2 < 1.0)

    def _lungs(self) -> Mask:
        grow = self.random.uniform(0.94, 1.06)
        found = np.zeros((self.options.side_px, self.options.side_px, self.options.num_slices), dtype=bool)
        for sign in (-1.0, 1.0):
            radii = (0.148 * grow * (1.05 if sign < 0 else 0.95), 0.225 * grow)
            found |= self._ellipse((sign * 0.2, 0.0), radii, narrowing=0.35) < 1.0
        return found & ~self._heart(1.12)

    def _heart(self, factor: float) -> Mask:
        return self._ball((0.05, 0.05, -0.25), (0.17 * factor, 0.15 * factor, 0.42 * factor))

    def paint(self) -> tuple[FloatVoxels, FloatVoxels]:
        """Return HU without contrast, and by how much contrast raises each voxel."""
        options, random = self.options, self.random
        body = self._ellipse((0.0, 0.0), (0.44, 0.31))
        hu = np.full((options.side_px, options.side_px, options.num_slices), _HU["air"], dtype=np.float32)
        rise = np.zeros_like(hu)
        inside = body < 1.0
        hu[inside] = _HU["fat"]
        hu[body < 0.87] = _HU["muscle"] + random.normal(0, 4)
        hu[self.lungs] = _HU["lung"] + random.normal(0, 15)
        rise[(body < 0.87) & ~self.lungs] = _MUSCLE_RISE_HU
        self._paint_bone(hu, rise, body)
        self._paint_heart(hu, rise)
        self._paint_trees(hu, rise)
        texture = ndimage.gaussian_filter(random.normal(0, 1, hu.shape).astype(np.float32), (2.0, 2.0, 1.0))
        hu[inside] += 8.0 * (texture / float(texture.std()))[inside]
        return hu, rise

    def _paint_bone(self, hu: FloatVoxels, rise: FloatVoxels, body: FloatVoxels) -> None:
        spine = self._ellipse((0.0, -0.235), (0.06, 0.05))
        hu[spine < 1.0], hu[spine < 0.6] = _HU["bone"], _MARROW_HU
        rise[spine < 1.0] = 0.0
        angle = np.arctan2(self.j / 0.31, self.i / 0.44)
        # Ribs run around and downwards: rings of the wall that come and go with angle and height.
        ring = (body > 0.80) & (body < 0.90)
        phase = 9.0 * angle + 26.0 * self.k * self.options.num_slices / 32.0
        ribs = ring & (np.sin(phase) > 0.55)
        hu[ribs], rise[ribs] = _HU["bone"], 0.0

    def _paint_heart(self, hu: FloatVoxels, rise: FloatVoxels) -> None:
        random = self.random
        wall = self._heart(1.0)
        hu[wall], rise[wall] = _HU["muscle"] + 5.0, 3.0 * _MUSCLE_RISE_HU
        chambers = (
            ((0.10, 0.09, -0.28), (0.055, 0.05, 0.25), 0.75),
            ((0.0, 0.10, -0.28), (0.055, 0.05, 0.25), 1.0),
            ((0.09, -0.01, -0.2), (0.05, 0.05, 0.2), 0.8),
            ((-0.03, 0.02, -0.2), (0.05, 0.05, 0.2), 0.95),
        )
        for centre, radii, share in chambers:
            self._fill_blood(hu, rise, self._ball(centre, radii), share)
        sway = 0.01 * random.normal()
        for position, radius, share in (
            ((0.04 + sway, -0.17), 0.032, 0.7),  # descending aorta
            ((-0.04, 0.05), 0.036, 0.75),  # ascending aorta
            ((-0.09, 0.06), 0.022, 0.9),  # great vein
        ):
            tube = (self._ellipse(position, (radius, radius)) < 1.0) & np.broadcast_to(
                self.k > (-0.6 if radius == 0.032 else -0.05), self.lungs.shape
            )
            self._fill_blood(hu, rise, tube, share)
        trunk = self._ball((0.02, 0.0, 0.12), (0.13, 0.034, 0.08))
        self._fill_blood(hu, rise, trunk & ~self.lungs, 1.0)

    def _fill_blood(self, hu: FloatVoxels, rise: FloatVoxels, where: Mask, share: float) -> None:
        hu[where] = _HU["blood"]
        rise[where] = self.options.enhancement_hu * share * self.random.uniform(0.92, 1.08)

    def _paint_trees(self, hu: FloatVoxels, rise: FloatVoxels) -> None:
        for sign in (-1.0, 1.0):
            for number in range(4):
                share = 1.0 if number % 2 == 0 else 0.85
                height = 0.28 - 0.55 * number / 3 + self.random.normal(0, 0.04)
                start = np.array([sign * 0.08, self.random.normal(0, 0.03), 0.08])
                goal = np.array([sign * 0.24, self.random.normal(0, 0.08), height])
                # Arteries and veins are equally wide and enhance differently.
                self._grow(hu, rise, start, goal - start, 0.017, _NUM_GENERATIONS, share)

    def _grow(
        self,
        hu: FloatVoxels,
        rise: FloatVoxels,
        start: FloatArray,
        heading: FloatArray,
        radius: float,
        generations: int,
        share: float,
    ) -> None:
        """Draw a vessel that bends, tapers and forks until it is thinner than a third of a voxel."""
        side = self.options.side_px
        if generations == 0 or radius * side < 0.33:
            return
        random = self.random
        heading = heading / np.linalg.norm(heading)
        position = start.copy()
        length = random.uniform(0.05, 0.08) * (0.85 ** (_NUM_GENERATIONS - generations)) * 1.4
        for _ in range(int(np.ceil(length * side / _TREE_STEP))):
            heading = heading + random.normal(0, 0.09, 3)
            heading /= np.linalg.norm(heading)
            position = position + heading * _TREE_STEP / side
            self._dot(hu, rise, position, radius, share)
        for angle in (-1.0, 1.0):
            turn = random.normal(0, 0.5, 3) + angle * np.array([heading[1], -heading[0], 0.35])
            self._grow(
                hu,
                rise,
                position,
                heading + 0.7 * turn,
                radius * random.uniform(0.7, 0.82),
                generations - 1,
                share,
            )

    def _dot(
        self, hu: FloatVoxels, rise: FloatVoxels, position: FloatArray, radius: float, share: float
    ) -> None:
        """Draw a ball with partial volume; only in the lung and at the hilum."""
        shape = np.array(hu.shape)
        centre = (position + 0.5) * shape - 0.5
        # Slices are thicker than pixels: a vessel spans as many mm along all axes.
        step = np.array(self.options.spacing_mm) / self.options.spacing_mm[0]
        reach = np.ceil((radius * shape[0] + 1.0) / step).astype(int)
        low = np.maximum(np.floor(centre).astype(int) - reach, 0)
        high = np.minimum(np.floor(centre).astype(int) + reach + 2, shape)
        if (low >= high).any():
            return
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        grid = np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij")
        distance = np.sqrt(
            sum(((axis - middle) * size) ** 2 for axis, middle, size in zip(grid, centre, step, strict=True))
        )
        cover = np.clip(radius * shape[0] - distance + 0.5, 0.0, 1.0).astype(np.float32)
        cover *= self.lungs[box] | (rise[box] > 0)
        contrast = self.options.enhancement_hu * share
        better = contrast * cover > rise[box]
        hu[box] = np.where(
            better & self.lungs[box],
            np.maximum(hu[box], _HU["lung"] + cover * (_HU["blood"] - _HU["lung"])),
            hu[box],
        )
        rise[box] = np.where(better & self.lungs[box], contrast * cover, rise[box])
