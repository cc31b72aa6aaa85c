"""Where each fixed pixel lies in the moving image, under a transform that cannot be inverted by a formula.

The inverse is solved on the nodes of a grid and enlarged linearly to the pixels: curved transforms of an
eye bend slowly, so that 64 nodes a side are off by some hundredths of a pixel (see the tests) at a
thousandth of the cost. A coarser grid, solved before, tells every node where to begin.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, Size
from engines.imaging.opencv import cv2
from engines.imaging.transforms.curved_transform import CurvedTransform
from engines.imaging.transforms.point_transform import PointTransform

PREVIEW_NODES = 64
"""Nodes along the longer side while a point is dragged."""
FINAL_NODES = 256
"""Nodes along the longer side of a picture that stays."""
_COARSE_STEP = 8
_NOWHERE_PX = -1e6


def sampling_map(
    fixed_from_moving: PointTransform, fixed_size: Size, num_nodes: int = FINAL_NODES
) -> npt.NDArray[np.float32]:
    """Return the moving position of each fixed pixel.

    Parameters
    ----------
    fixed_from_moving : PointTransform
    fixed_size : (width, height), px
    num_nodes : int
        Nodes of the grid along the longer side.

    Returns
    -------
    ndarray of float32, (height, width, 2)
        x and y in the moving image; far outside where no position is known.
    """
    width, height = fixed_size
    step = max(1, -(-max(fixed_size) // num_nodes))
    nodes, num_columns, num_rows = _nodes(fixed_size, step)
    moving_xy = _solved(fixed_from_moving, nodes, fixed_size, step)
    grid = moving_xy.reshape(num_rows, num_columns, 2).astype(np.float32)
    # Nodes lie in the middle of cells, one ring of them outside, which is how `resize` enlarges exactly.
    enlarged = cv2.resize(grid, (num_columns * step, num_rows * step), interpolation=cv2.INTER_LINEAR)
    positions = np.ascontiguousarray(enlarged[step : step + height, step : step + width])
    if not np.isfinite(grid).all():
        positions[~np.isfinite(positions)] = _NOWHERE_PX
    return positions


def _nodes(fixed_size: Size, step: int) -> tuple[FloatArray, int, int]:
    """Return nodes in fixed pixels, row by row, and how many columns and rows of them there are."""
    width, height = fixed_size
    columns = (np.arange(-1, -(-width // step) + 1) + 0.5) * step - 0.5
    rows = (np.arange(-1, -(-height // step) + 1) + 0.5) * step - 0.5
    x, y = np.meshgrid(columns, rows)
    return np.column_stack([x.reshape(-1), y.reshape(-1)]), len(columns), len(rows)


def _solved(transform: PointTransform, nodes: FloatArray, fixed_size: Size, step: int) -> FloatArray:
    coarse_step = step * _COARSE_STEP
    if not isinstance(transform, CurvedTransform) or coarse_step > max(fixed_size) // 4:
        return transform.apply_inverse(nodes)
    coarse, num_columns, num_rows = _nodes(fixed_size, coarse_step)
    bend = _solved(transform, coarse, fixed_size, coarse_step) - transform.linear_inverse(coarse)
    start = transform.linear_inverse(nodes) + _interpolated(
        bend.reshape(num_rows, num_columns, 2), (nodes + 0.5) / coarse_step + 0.5
    )
    start = np.where(np.isfinite(start), start, transform.linear_inverse(nodes))
    return transform.solve(nodes, start)


def _interpolated(grid: FloatArray, places_xy: FloatArray) -> FloatArray:
    """Return a grid's values between its nodes, ``(N, 2)``."""
    x, y = places_xy.astype(np.float32).T
    # OpenCV takes no side over 32 767.
    shape = (-1, 1024)
    padded = np.pad(np.stack([x, y]), ((0, 0), (0, -len(x) % shape[1])))
    values = cv2.remap(
        grid.astype(np.float32),
        padded[0].reshape(shape),
        padded[1].reshape(shape),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(values, dtype=np.float64).reshape(-1, 2)[: len(x)]
