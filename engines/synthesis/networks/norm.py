"""Instance norm and leaky ReLU in one, keeping one map instead of three for the backward pass.

The activation can be undone, and the gradient of the norm needs only its own result: what the next
convolution keeps anyway is enough for both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.01
_EPS = 1e-5


class _NormLeaky(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, image: Tensor, slope: float) -> Tensor:
        # Every channel of every slice is a channel of one batch: the compiled kernel of batch norm serves.
        flat = image.reshape(1, -1, *image.shape[2:])
        normal, _, scale = torch.native_batch_norm(flat, None, None, None, None, True, 0.0, _EPS)
        result = functional.leaky_relu_(normal.view(image.shape), slope)
        context.save_for_backward(result, scale)
        context.slope = slope
        return result

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        result, scale = context.saved_tensors
        slope, shape = context.slope, result.shape
        flat = (1, -1, *shape[2:])
        gradient = torch.ops.aten.leaky_relu_backward(gradients[0], result, slope, True)
        normal = functional.leaky_relu(result, 1.0 / slope)
        # As if the normal map had been the input, with mean 0 and scale 1; the true scale is a weight then.
        found = torch.ops.aten.native_batch_norm_backward(
            gradient.reshape(flat),
            normal.reshape(flat),
            scale,
            None,
            None,
            torch.zeros_like(scale),
            torch.ones_like(scale),
            True,
            _EPS,
            [True, False, False],
        )[0]
        return found.view(shape), None


class NormLeakyReLU(nn.Module):
    """Instance norm without weights, then leaky ReLU; equal to the two layers of torch to rounding.

    It cannot be differentiated twice.
    """

    def __init__(self, slope: float = SLOPE) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, image: Tensor) -> Tensor:
        """Return the activated map, of the shape of `image`, (B, C, H, W)."""
        result: Tensor = _NormLeaky.apply(image, self.slope)  # type: ignore[no-untyped-call]
        return result
