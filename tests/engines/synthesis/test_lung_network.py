"""Lungs by the optional package lungmask, from a file of weights: here one made by hand, of its layers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.contract.errors import CheckpointError, PreconditionError
from engines.synthesis.volumes.lung_network import LungNetwork


def _weights_that_take_the_dark() -> dict[str, torch.Tensor]:
    """Return weights of R231's layers; one channel carries the image, and what is below -320 HU is lung."""
    from lungmask.resunet import UNet

    with torch.device("meta"):
        shapes = UNet(n_classes=3, padding=True, depth=5, up_mode="upsample", batch_norm=True).state_dict()
    found = {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in shapes.items()}
    for name, value in found.items():
        if name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight")):
            value.fill_(1.0)
    found["down_path.0.block.0.weight"][0, 0, 1, 1] = 1.0
    found["down_path.0.block.3.weight"][0, 0, 1, 1] = 1.0
    found["up_path.3.conv_block.block.0.weight"][0, 64, 1, 1] = 1.0
    found["up_path.3.conv_block.block.3.weight"][0, 0, 1, 1] = 1.0
    found["last.weight"][0, 0] = 100.0
    found["last.bias"][:] = torch.tensor([-100.0 * (1024 - 320) / 1624, 0.0, -1000.0])
    return found


def test_lungs_come_from_the_file_and_lie_where_they_are(tmp_path: Path) -> None:
    pytest.importorskip("lungmask")
    file = tmp_path / "肺 weights.pth"
    torch.save(_weights_that_take_the_dark(), file)
    hu = np.full((48, 64, 2), 40, dtype=np.int16)
    pocket = (slice(6, 20), slice(34, 58), slice(0, 1))
    hu[pocket] = -850
    found = LungNetwork(file).mask(hu)
    assert (found.dtype, found.shape) == (np.bool_, hu.shape)
    wanted = hu < -320
    assert 2 * (found & wanted).sum() / (found.sum() + wanted.sum()) > 0.95


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("lungmask")
    with pytest.raises(CheckpointError, match=r"There is no file"):
        LungNetwork(tmp_path / "missing.pth")
    file = tmp_path / "other.pth"
    torch.save({"conv.weight": torch.zeros(1)}, file)
    with pytest.raises(CheckpointError, match=r"no lungmask network"):
        LungNetwork(file)
    names = ("down_path.0.block.0.weight", "up_path.0.up.1.weight", "last.weight", "last.bias")
    torch.save({name: torch.zeros(3) for name in names}, file)
    with pytest.raises(CheckpointError, match=r"does not fit"):
        LungNetwork(file)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "lungmask", None)
    with pytest.raises(PreconditionError, match="not installed"):
        LungNetwork(tmp_path / "weights.pth")
