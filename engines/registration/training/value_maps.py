"""How far each place of each eye is trusted: the memory of keypoint expansion, kept in checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engines.registration.training.pke import updated_value_map


class ValueMaps:
    """One map of trust per eye, in the pixels of its own view.

    Parameters
    ----------
    side_px : int
        Side of the square views.
    """

    def __init__(self, side_px: int) -> None:
        self._side_px = side_px
        self._maps: dict[str, Tensor] = {}

    def of(self, names: Sequence[str], device: torch.device) -> Tensor:
        """Return the maps of some eyes, int16 (B, H, W); unknown eyes have an empty one."""
        return torch.stack([self._of(name) for name in names]).to(device)

    def update(self, names: Sequence[str], one_hot: Tensor) -> None:
        """Take in this round's points, (B, H, W); an eye that occurs twice has two rounds."""
        for name, points in zip(names, one_hot.cpu(), strict=True):
            self._maps[name] = updated_value_map(self._of(name), points)

    @property
    def num_known(self) -> float:
        """Known pixels of an eye, on average over the eyes that were seen."""
        if not self._maps:
            return 0.0
        return sum(int((values > 0).sum()) for values in self._maps.values()) / len(self._maps)

    def state(self) -> dict[str, Any]:
        """Return everything as plain tensors: only known pixels are stored."""
        maps = {}
        for name, values in self._maps.items():
            index = values.flatten().nonzero().flatten().to(torch.int32)
            maps[name] = {"index": index, "value": values.flatten()[index.long()]}
        return {"side_px": self._side_px, "maps": maps}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned; maps of another size are left out, as their pixels are others."""
        if int(state.get("side_px", 0)) != self._side_px:
            return
        for name, stored in state["maps"].items():
            values = torch.zeros(self._side_px * self._side_px, dtype=torch.int16)
            values[stored["index"].long()] = stored["value"].to(torch.int16)
            self._maps[name] = values.reshape(self._side_px, self._side_px)

    def _of(self, name: str) -> Tensor:
        known = self._maps.get(name)
        if known is None:
            return torch.zeros(self._side_px, self._side_px, dtype=torch.int16)
        return known
