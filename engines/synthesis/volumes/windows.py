"""HU windows: what [-1, 1] means, kept in every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import ConfigError

FloatVoxels = npt.NDArray[np.float32]
HU_RANGE = (-1024.0, 3071.0)


@dataclass(frozen=True)
class HuWindow:
    """A linear map of HU to [-1, 1], the same for NCCT and CTA.

    Parameters
    ----------
    low_hu, high_hu : float
        What becomes -1 and 1; values beyond are clipped.
    """

    low_hu: float
    high_hu: float

    def __post_init__(self) -> None:
        if not self.low_hu < self.high_hu:
            raise ConfigError(
                "The window {low} to {high} HU is empty.",
                remedy="Let window_low be below window_high.",
                low=self.low_hu,
                high=self.high_hu,
            )

    @property
    def width_hu(self) -> float:
        """HU between both ends."""
        return self.high_hu - self.low_hu

    def normalised(self, hu: npt.ArrayLike) -> FloatVoxels:
        """Return values in [-1, 1]."""
        values = np.asarray(hu, dtype=np.float32)
        scaled = (np.clip(values, self.low_hu, self.high_hu) - self.low_hu) * (2.0 / self.width_hu) - 1.0
        return np.asarray(scaled, dtype=np.float32)

    def hu(self, normalised: npt.ArrayLike) -> FloatVoxels:
        """Return HU of values in [-1, 1]; what was clipped stays at the ends."""
        values = np.asarray(normalised, dtype=np.float32)
        return np.asarray((values + 1.0) * (0.5 * self.width_hu) + self.low_hu, dtype=np.float32)

    def share_above(self, hu: npt.ArrayLike) -> float | None:
        """Return the share of values at or above the upper end, None without values."""
        values = np.asarray(hu)
        return float((values >= self.high_hu).mean()) if values.size else None

    def facts(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"low_hu": self.low_hu, "high_hu": self.high_hu}


WINDOWS: dict[str, HuWindow] = {
    "lung_and_vessels": HuWindow(-1000.0, 1000.0),
    "lung": HuWindow(-1000.0, 400.0),
    "vessels": HuWindow(-200.0, 800.0),
    "full": HuWindow(-1024.0, 3071.0),
}
"""By name; ``custom`` takes the ends from the settings."""


def chosen_window(name: str, low_hu: float, high_hu: float) -> HuWindow:
    """Return a window by name; ``custom`` has the given ends."""
    return HuWindow(low_hu, high_hu) if name == "custom" else WINDOWS[name]
