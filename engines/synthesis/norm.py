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
        variance, mean = torch.var_mean(image, dim=(2, 3), correction=0, keepdim=True)
        scale = torch.rsqrt(variance + _EPS)
        result = functional.leaky_relu_((image - mean).mul_(scale), slope)
        context.save_for_backward(result, scale)
        context.slope = slope
        return result

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        result, scale = context.saved_tensors
        is_low = result < 0
        gradient = torch.where(is_low, gradients[0] * context.slope, gradients[0])
        normal = torch.where(is_low, result / context.slope, result)
        mean = gradient.mean(dim=(2, 3), keepdim=True)
        along = (gradient * normal).mean(dim=(2, 3), keepdim=True)
        return gradient.sub_(mean).sub_(normal.mul_(along)).mul_(scale), None


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
