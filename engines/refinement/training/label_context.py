"""Disturb the blurred label that the encoder sees, so that a field cannot just copy it.

Parts of it vanish and false parts appear, while the target stays. So the field learns to fill gaps and to
doubt specks by what the image shows.
"""

from __future__ import annotations

import numpy as np

from engines.refinement.lattice import FloatGrid
from engines.refinement.training.sampling import FAR, INSIDE, NEAR, Strata

_HIDE_ALL = 0.15
"""Probability of hiding the whole label."""
_MOST_HOLES, _MOST_SPECKS = 12, 12
_HOLE_RADIUS = (3.0, 10.0)
_SPECK_RADIUS = (1.0, 2.5)


def disturbed_context(context: FloatGrid, strata: Strata, generator: np.random.Generator) -> FloatGrid:
    """Return the context channel with holes and false specks; the same for the same generator.

    Parameters
    ----------
    context : ndarray of float32, (I, J, K)
    strata : Strata
        Of the label, in whose places holes are made, and around which specks are.
    generator : numpy Generator
    """
    if generator.random() < _HIDE_ALL:
        return np.zeros_like(context)
    result = context.copy()
    for _ in range(int(generator.integers(0, _MOST_HOLES + 1))):
        _scale(result, _place(strata, (INSIDE,), generator), generator.uniform(*_HOLE_RADIUS), 0.0)
    for _ in range(int(generator.integers(0, _MOST_SPECKS + 1))):
        middle = _place(strata, (NEAR, FAR), generator)
        _add(result, middle, generator.uniform(*_SPECK_RADIUS), float(generator.uniform(0.1, 0.8)))
    return result


def _place(strata: Strata, choices: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    usable = [choice for choice in choices if len(strata.indices[choice])] or [INSIDE]
    indices = strata.indices[usable[int(generator.integers(len(usable)))]]
    flat = indices[int(generator.integers(len(indices)))]
    return np.array(np.unravel_index(flat, strata.shape), dtype=np.float64)


def _scale(grid: FloatGrid, middle: np.ndarray, radius: float, factor: float) -> None:
    box, squared = _ball(grid, middle, radius)
    part = grid[box]
    part[squared <= radius**2] *= factor


def _add(grid: FloatGrid, middle: np.ndarray, radius: float, height: float) -> None:
    # As wide as a blurred speck is.
    reach = radius + 4.0
    box, squared = _ball(grid, middle, reach)
    grid[box] += (height * np.exp(-squared / (2.0 * (radius**2 / 3.0 + 4.0)))).astype(np.float32)


def _ball(grid: FloatGrid, middle: np.ndarray, radius: float) -> tuple[tuple[slice, ...], np.ndarray]:
    low = np.maximum(np.floor(middle - radius).astype(int), 0)
    high = np.minimum(np.ceil(middle + radius).astype(int) + 1, grid.shape)
    box = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    axes = np.ogrid[box]
    squared = sum((axis - at) ** 2 for axis, at in zip(axes, middle, strict=True))
    return box, np.asarray(squared)
