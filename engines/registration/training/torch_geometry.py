"""Points and maps through homographies, on the training device.

Matrices are ``out_from_in`` on pixel centres, as everywhere; a map is brought to the fixed grid by the
matrix from fixed to moving pixels, because every output pixel asks where it comes from.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_VALID_LEVEL = 0.999
_VALID_EROSION_PX = 2


def map_points(out_from_in: Tensor, points_xy: Tensor) -> Tensor:
    """Map points by homographies.

    Parameters
    ----------
    out_from_in : Tensor, (..., 3, 3)
    points_xy : Tensor, (..., N, 2)

    Returns
    -------
    Tensor, (..., N, 2)
    """
    homogeneous = functional.pad(points_xy, (0, 1), value=1.0) @ out_from_in.transpose(-1, -2)
    depth = homogeneous[..., 2:]
    depth = torch.where(depth.abs() < 1e-8, depth.new_tensor(1e-8), depth)
    return homogeneous[..., :2] / depth


def warp_maps(maps: Tensor, in_from_out: Tensor, *, mode: str = "bilinear") -> Tensor:
    """Return ``out(x) = map(in_from_out x)`` with zeros outside: the ``W`` of the losses.

    Parameters
    ----------
    maps : Tensor, (B, C, H, W)
    in_from_out : Tensor, (B, 3, 3)

    Returns
    -------
    Tensor, (B, C, H, W)
        Same type; computed in float32.
    """
    batch, _, height, width = maps.shape
    rows, columns = torch.meshgrid(
        torch.arange(height, device=maps.device, dtype=torch.float32),
        torch.arange(width, device=maps.device, dtype=torch.float32),
        indexing="ij",
    )
    pixels = torch.stack([columns, rows], dim=-1).reshape(1, -1, 2).expand(batch, -1, -1)
    source = map_points(in_from_out.float(), pixels)
    last = source.new_tensor([max(width - 1, 1), max(height - 1, 1)])
    grid = (2 * source / last - 1).reshape(batch, height, width, 2)
    warped = functional.grid_sample(maps.float(), grid, mode=mode, padding_mode="zeros", align_corners=True)
    return warped.to(maps.dtype)


def valid_area(fixed_field: Tensor, moving_field: Tensor, moving_from_fixed: Tensor) -> Tensor:
    """Return where both images show the eye, on the fixed grid, two pixels from the rim.

    Parameters
    ----------
    fixed_field, moving_field : Tensor, (B, H, W)
        1 where the image shows the eye.
    moving_from_fixed : Tensor, (B, 3, 3)

    Returns
    -------
    Tensor of bool, (B, H, W)
    """
    moved = warp_maps(moving_field[:, None].float(), moving_from_fixed)[:, 0]
    inside = ((moved > _VALID_LEVEL) & (fixed_field > 0)).float()[:, None]
    side = 2 * _VALID_EROSION_PX + 1
    # Erosion is the negative of a dilation of the complement; the outside counts as complement.
    outside = functional.pad(1 - inside, (_VALID_EROSION_PX,) * 4, value=1.0)
    return functional.max_pool2d(outside, side, 1)[:, 0] < 0.5


def largest_within(maps: Tensor, radius_px: int) -> Tensor:
    """Return the largest value within a square radius of each pixel, (B, H, W).

    Along rows, then along columns: a window of side n costs 2 n instead of n x n comparisons.
    """
    side = 2 * radius_px + 1
    along_rows = functional.max_pool2d(maps[:, None], (1, side), 1, (0, radius_px))
    return functional.max_pool2d(along_rows, (side, 1), 1, (radius_px, 0))[:, 0]


def dilated(mask: Tensor, radius_px: int) -> Tensor:
    """Grow a mask (B, H, W) by a square of the given radius, as bool."""
    if radius_px <= 0:
        return mask > 0
    return largest_within(mask.float(), radius_px) > 0


def rasterised(rows: Tensor, columns: Tensor, images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return float32 maps (B, H, W) with 1 at the given pixels; pixels off a map are left out."""
    maps = torch.zeros(shape, device=rows.device)
    is_on = (rows >= 0) & (columns >= 0) & (rows < shape[1]) & (columns < shape[2])
    maps[images[is_on], rows[is_on], columns[is_on]] = 1.0
    return maps


def softened(one_hot: Tensor, kernel: Tensor) -> Tensor:
    """Put a soft spot on every point, added and cut at 1: the detector's target, (B, H, W).

    A map of a few points is written spot by spot, which costs far less than a convolution.
    """
    batch, height, width = one_hot.shape
    side = kernel.shape[-1]
    reach = side // 2
    images, rows, columns = torch.nonzero(one_hot, as_tuple=True)
    padded_height, padded_width = height + 2 * reach, width + 2 * reach
    step = torch.arange(side, device=one_hot.device)
    lines = (images * padded_height + rows)[:, None, None] + step[:, None]
    places = lines * padded_width + columns[:, None, None] + step
    spots = one_hot[images, rows, columns].float()[:, None, None] * kernel.float().flip((0, 1))
    soft = torch.zeros(batch * padded_height * padded_width, device=one_hot.device)
    soft.index_add_(0, places.flatten(), spots.flatten())
    soft = soft.reshape(batch, padded_height, padded_width)
    return soft[:, reach : reach + height, reach : reach + width].clamp(max=1.0)
