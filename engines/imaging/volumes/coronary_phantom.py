"""Procedural coronary CT: two trees on a heart, with the truth that no real label has.

Three main vessels with side branches run as angular random walks over an ellipsoid and taper. The image
follows from the tissues, with partial volume, blur and noise; what makes real cases hard can be switched
on: weak contrast, calcium in the wall, veins beside the arteries.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.contract.geometry import FloatArray
from engines.imaging.volumes.label_metrics import Mask, num_components
from engines.imaging.volumes.volume import Volume, VolumeGeometry

MYOCARDIUM, LEFT_VENTRICLE, AORTA, CORONARY = 1, 3, 6, 9
"""Classes of the label map, numbered as in the Public Cardiac CT Dataset."""

_HU = {"fat": -90.0, "muscle": 90.0, "blood": 380.0, "coronary": 380.0, "weak": 190.0, "vein": 210.0}
_CALCIUM_HU = (700.0, 1200.0)
_BLUR_VOXELS = 0.55
_HEART_SEMI_AXES = (0.344, 0.3125, 0.297)
"""Share of the field of view: 44, 40 and 38 of 128 voxels."""
_WALL = 0.76
"""Inner surface of the muscle, as a share of the outer one."""
_AORTA_RADIUS_MM = 9.0
_STEP_MM = 0.4
NUM_TREES = 2
_LARGEST_NUM_TRIES = 30
_SMALLEST_RADIUS_MM = 0.45
_PULL = 0.03
"""How strongly a vessel is drawn back to its course in each step."""


@dataclass(frozen=True)
class Branch:
    """One vessel from its origin to its end.

    Parameters
    ----------
    name : str
        left_main, lad, lcx, rca; side branches are named after the vessel they leave.
    points_mm : ndarray of float64, (N, 3)
        Centre line in the array's own axes, from the first voxel's centre.
    radii_mm : ndarray of float64, (N,)
    parent : str
        Vessel it leaves; empty for those that begin at the aorta.
    """

    name: str
    points_mm: FloatArray
    radii_mm: FloatArray
    parent: str

    @property
    def length_mm(self) -> float:
        """Length of the centre line."""
        return float(np.linalg.norm(np.diff(self.points_mm, axis=0), axis=1).sum())


@dataclass(frozen=True)
class PhantomOptions:
    """How a phantom is made.

    Parameters
    ----------
    num_voxels : int
        Along each axis.
    spacing_mm : float
    num_side_branches : int
        Of each main vessel.
    noise_hu : float
        Standard deviation of the noise.
    has_weak_contrast, has_calcium, has_veins : bool
    """

    num_voxels: int = 128
    spacing_mm: float = 0.8
    num_side_branches: int = 4
    noise_hu: float = 25.0
    has_weak_contrast: bool = False
    has_calcium: bool = False
    has_veins: bool = False


@dataclass(frozen=True)
class CoronaryPhantom:
    """A case with its truth.

    Parameters
    ----------
    image : Volume
        int16, Hounsfield units.
    label_map : Volume
        uint8: 1 myocardium, 3 left ventricle, 6 aorta, 9 coronary arteries.
    veins, calcium : ndarray of bool
    branches : tuple of Branch
    """

    image: Volume
    label_map: Volume
    veins: Mask = field(repr=False)
    calcium: Mask = field(repr=False)
    branches: tuple[Branch, ...] = field(repr=False)

    @property
    def coronary(self) -> Mask:
        """The true coronary arteries."""
        return np.asarray(self.label_map.voxels == CORONARY)


def make_phantom(seed: int, options: PhantomOptions | None = None) -> CoronaryPhantom:
    """Return a phantom; the same for the same seed and options."""
    options = options or PhantomOptions()
    random = np.random.default_rng(seed)
    heart = _Heart(options, random)
    tissue, label_map = heart.tissues()
    for _ in range(_LARGEST_NUM_TRIES):
        branches = heart.grow_trees()
        distance = _distance_to_tubes(branches, options)
        # The trees begin inside the wall of the aorta and belong to it there.
        distance[label_map == AORTA] = np.inf
        arteries = distance <= 0.0
        # Where a vessel is thinner than a voxel its centre line still joins it.
        lines = [_dense(branch, options.spacing_mm / 2)[0] for branch in branches]
        at = _voxels_of(np.concatenate(lines), options)
        arteries[at] |= label_map[at] != AORTA
        # Branches that happen to meet would join left and right tree.
        if num_components(arteries) == NUM_TREES:
            break
    contrast = _HU["weak"] if options.has_weak_contrast else _HU["coronary"]
    image = _mixed(tissue, contrast, distance, options)
    veins = np.zeros_like(arteries)
    if options.has_veins:
        vein_distance = _distance_to_tubes(heart.veins_beside(branches), options)
        # A vein runs beside an artery, never through it.
        vein_distance = np.maximum(vein_distance, 0.8 * options.spacing_mm - distance)
        image = _mixed(image, _HU["vein"], vein_distance, options)
        veins = (vein_distance <= 0.0) & ~arteries
    calcium = np.zeros_like(arteries)
    if options.has_calcium:
        image, calcium = _calcified(image, branches, options, random)
    image = ndimage.gaussian_filter(image, _BLUR_VOXELS)
    image += random.normal(0.0, options.noise_hu, image.shape)
    label_map[arteries] = CORONARY
    size = options.num_voxels
    geometry = VolumeGeometry((size, size, size), np.diag([*([options.spacing_mm] * 3), 1.0]))
    return CoronaryPhantom(
        Volume(np.clip(image, -1024, 3071).astype(np.int16), geometry),
        Volume(label_map, geometry),
        veins,
        calcium,
        tuple(branches),
    )


class _Heart:
    """The ellipsoid that the vessels run over, and what lies in it."""

    def __init__(self, options: PhantomOptions, random: np.random.Generator) -> None:
        self._options = options
        self._random = random
        extent = options.num_voxels * options.spacing_mm
        self._middle = np.full(3, (options.num_voxels - 1) * options.spacing_mm / 2)
        self._middle[2] -= 0.06 * extent
        self._semi_axes = extent * np.array(_HEART_SEMI_AXES) * random.uniform(0.94, 1.04, 3)
        # The root of the aorta stands on top of the heart.
        self._root = np.array([0.05, -0.1, 1.0]) / np.linalg.norm([0.05, -0.1, 1.0])

    def grow_trees(self) -> list[Branch]:
        """Return left and right tree."""
        scale = float(self._semi_axes.mean())
        left = self._walk("left_main", self._on_wall(200.0), (0.2, 1.0), 0.35 * scale, (2.0, 1.8), "")
        end = self._direction_of(left.points_mm[-1])
        lad = self._walk("lad", end, (-0.45, 1.0), 2.2 * scale, (1.7, 0.7), "left_main")
        lcx = self._walk("lcx", end, (1.0, 0.65), 1.8 * scale, (1.6, 0.7), "left_main")
        rca = self._walk("rca", self._on_wall(20.0), (-0.55, 1.0), 2.4 * scale, (1.8, 0.7), "")
        branches = [left, lad, lcx, rca]
        for main in (lad, lcx, rca):
            for number in range(self._options.num_side_branches):
                branches.append(self._side_branch(main, number, scale))
        return branches

    def veins_beside(self, branches: list[Branch]) -> list[Branch]:
        """Return veins that accompany some arteries a few millimetres beside them."""
        found = []
        for branch in branches:
            if branch.parent and len(branch.points_mm) > 12 and self._random.random() < 0.6:
                radius = float(branch.radii_mm.mean()) * self._random.uniform(1.0, 1.4)
                gap = float(branch.radii_mm.max()) + radius + self._random.uniform(0.3, 1.2)
                outward = (branch.points_mm - self._middle) / self._semi_axes**2
                along = np.gradient(branch.points_mm, axis=0)
                aside = np.cross(outward, along)
                aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
                sign = self._random.choice([-1.0, 1.0])
                points = branch.points_mm + sign * gap * aside
                found.append(Branch(f"{branch.name}_vein", points, np.full(len(points), radius), ""))
        return found

    def tissues(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Return Hounsfield units and classes without the coronary arteries, (I, J, K)."""
        size, spacing = self._options.num_voxels, self._options.spacing_mm
        position = np.stack(np.meshgrid(*[np.arange(size) * spacing] * 3, indexing="ij"), axis=-1)
        relative = position - self._middle
        level = np.linalg.norm(relative / self._semi_axes, axis=-1)
        image = np.full((size,) * 3, _HU["fat"], dtype=np.float32)
        label_map = np.zeros((size,) * 3, dtype=np.uint8)
        for outer, value, label in ((1.0, "muscle", MYOCARDIUM), (_WALL, "blood", LEFT_VENTRICLE)):
            image[level <= outer] = _HU[value]
            label_map[level <= outer] = label
        along = relative @ self._root
        across = np.linalg.norm(relative - along[..., None] * self._root, axis=-1)
        radius = self._aorta_radius_mm
        is_aorta = (across <= radius) & (along > 0.86 * self._height_mm)
        image[is_aorta] = _HU["blood"]
        label_map[is_aorta] = AORTA
        return image, label_map

    @property
    def _aorta_radius_mm(self) -> float:
        return min(_AORTA_RADIUS_MM, 0.28 * float(self._semi_axes.mean()))

    @property
    def _height_mm(self) -> float:
        return float(1.0 / np.linalg.norm(self._root / self._semi_axes))

    def _on_wall(self, angle_deg: float) -> FloatArray:
        """Return the direction, from the middle of the heart, of a place on the wall of the aorta."""
        first = np.cross(self._root, (0.0, 1.0, 0.0))
        first /= np.linalg.norm(first)
        second = np.cross(self._root, first)
        angle = np.radians(angle_deg + self._random.uniform(-15, 15))
        offset = self._aorta_radius_mm * 0.9 * (np.cos(angle) * first + np.sin(angle) * second)
        return self._direction_of(self._middle + self._height_mm * self._root + offset)

    def _direction_of(self, point_mm: FloatArray) -> FloatArray:
        scaled = (point_mm - self._middle) / self._semi_axes
        return np.asarray(scaled / np.linalg.norm(scaled))

    def _point_at(self, direction: FloatArray, lift_mm: float) -> FloatArray:
        on_surface = direction * self._semi_axes
        outward = direction / self._semi_axes
        return np.asarray(self._middle + on_surface + lift_mm * outward / np.linalg.norm(outward))

    def _walk(
        self,
        name: str,
        start: FloatArray,
        heading: tuple[float, float],
        length_mm: float,
        radii_mm: tuple[float, float],
        parent: str,
        first_point: FloatArray | None = None,
    ) -> Branch:
        """Walk over the surface: `heading` is (around the root, away from it)."""
        direction = start.copy()
        tangent = self._course(direction, heading)
        points = [self._point_at(direction, radii_mm[0]) if first_point is None else first_point]
        walked, turn = 0.0, 0.0
        while walked < length_mm:
            # The turning itself wanders, so that vessels wind and do not jitter.
            turn = 0.93 * turn + self._random.normal(0.0, 0.012)
            side = np.cross(direction, tangent)
            tangent = np.cos(turn) * tangent + np.sin(turn) * side + _PULL * self._course(direction, heading)
            tangent -= (tangent @ direction) * direction
            tangent /= np.linalg.norm(tangent)
            angle = _STEP_MM / float(np.linalg.norm(tangent * self._semi_axes))
            direction, tangent = (
                np.cos(angle) * direction + np.sin(angle) * tangent,
                np.cos(angle) * tangent - np.sin(angle) * direction,
            )
            radius = radii_mm[0] + (radii_mm[1] - radii_mm[0]) * walked / length_mm
            points.append(self._point_at(direction, radius))
            walked += float(np.linalg.norm(points[-1] - points[-2]))
        positions = np.array(points)
        shares = np.linspace(0.0, 1.0, len(positions))
        radii = np.maximum(radii_mm[0] + (radii_mm[1] - radii_mm[0]) * shares, _SMALLEST_RADIUS_MM)
        return Branch(name, positions, radii, parent)

    def _course(self, direction: FloatArray, heading: tuple[float, float]) -> FloatArray:
        """Return a heading as a tangent at a place: around the root of the aorta, and away from it."""
        around = np.cross(self._root, direction)
        away = np.cross(around, direction)
        course = heading[0] * around / np.linalg.norm(around) + heading[1] * away / np.linalg.norm(away)
        return np.asarray(course / np.linalg.norm(course))

    def _side_branch(self, main: Branch, number: int, scale: float) -> Branch:
        share = (number + self._random.uniform(0.3, 0.9)) / (self._options.num_side_branches + 0.6)
        at = int(np.clip(share, 0.1, 0.85) * len(main.points_mm))
        start = main.points_mm[at]
        direction = self._direction_of(start)
        ahead = self._direction_of(main.points_mm[min(at + 3, len(main.points_mm) - 1)]) - direction
        around = np.cross(self._root, direction)
        away = np.cross(around, direction)
        angle = np.radians(self._random.choice([-1.0, 1.0]) * self._random.uniform(35.0, 70.0))
        side = np.cross(direction, ahead)
        course = np.cos(angle) * ahead + np.sin(angle) * side
        heading = (
            float(course @ around) / float(np.linalg.norm(around)),
            float(course @ away) / float(np.linalg.norm(away)),
        )
        radius = float(main.radii_mm[at])
        return self._walk(
            f"{main.name}_{number + 1}",
            direction,
            heading,
            scale * self._random.uniform(0.45, 0.9),
            (0.8 * radius, max(0.5 * radius, _SMALLEST_RADIUS_MM)),
            main.name,
            first_point=start,
        )


def _distance_to_tubes(branches: list[Branch], options: PhantomOptions) -> npt.NDArray[np.float32]:
    """Return the signed distance to the walls, in mm, negative inside; exact near them, else large."""
    size, spacing = options.num_voxels, options.spacing_mm
    distance = np.full((size,) * 3, 1e3, dtype=np.float32)
    for branch in branches:
        points, radii = _dense(branch, spacing / 2)
        for point, radius in zip(points, radii, strict=True):
            reach = radius + 2.5 * spacing
            low = np.maximum(np.ceil((point - reach) / spacing).astype(int), 0)
            high = np.minimum(np.floor((point + reach) / spacing).astype(int) + 1, size)
            if (high <= low).any():
                continue
            grid = np.ogrid[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
            squared = sum((axis * spacing - at) ** 2 for axis, at in zip(grid, point, strict=True))
            box = distance[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
            np.minimum(box, np.sqrt(squared) - radius, out=box)
    return distance


def _dense(branch: Branch, step_mm: float) -> tuple[FloatArray, FloatArray]:
    """Return centre line and radii with points at most a step apart."""
    lengths = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(branch.points_mm, axis=0), axis=1)))
    at = np.linspace(0.0, lengths[-1], int(np.ceil(lengths[-1] / step_mm)) + 1)
    points = np.column_stack([np.interp(at, lengths, branch.points_mm[:, axis]) for axis in range(3)])
    return points, np.interp(at, lengths, branch.radii_mm)


def _voxels_of(points_mm: FloatArray, options: PhantomOptions) -> tuple[npt.NDArray[np.intp], ...]:
    nearest = np.rint(points_mm / options.spacing_mm).astype(np.intp)
    inside = ((nearest >= 0) & (nearest < options.num_voxels)).all(axis=1)
    return tuple(nearest[inside].T)


def _mixed(
    image: npt.NDArray[np.float32],
    value_hu: float,
    distance: npt.NDArray[np.float32],
    options: PhantomOptions,
) -> npt.NDArray[np.float32]:
    """Return an image with a tissue where a distance is negative, mixed in the voxels of its wall."""
    share = np.clip(0.5 - distance / options.spacing_mm, 0.0, 1.0)
    return np.asarray(image * (1 - share) + value_hu * share, dtype=np.float32)


def _calcified(
    image: npt.NDArray[np.float32],
    branches: list[Branch],
    options: PhantomOptions,
    random: np.random.Generator,
) -> tuple[npt.NDArray[np.float32], Mask]:
    """Put plaques into walls of the larger vessels."""
    found = np.zeros(image.shape, dtype=bool)
    for branch in branches:
        if branch.name not in ("left_main", "lad", "lcx", "rca"):
            continue
        for _ in range(random.integers(1, 4)):
            at = int(random.integers(0, max(1, int(0.7 * len(branch.points_mm)))))
            aside = random.normal(size=3)
            aside *= branch.radii_mm[at] / np.linalg.norm(aside)
            length = int(random.integers(2, 8))
            points = branch.points_mm[at : at + length] + aside
            plaque = Branch("plaque", points, np.full(len(points), random.uniform(0.5, 1.1)), "")
            if len(points) < 2:
                continue
            distance = _distance_to_tubes([plaque], options)
            image = _mixed(image, float(random.uniform(*_CALCIUM_HU)), distance, options)
            found |= distance <= 0.0
    return image, found
