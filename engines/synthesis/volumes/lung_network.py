"""Lungs by the published lungmask network, from a file of its weights on this machine.

J. Hofmanninger et al., "Automatic lung segmentation in routine imaging is primarily a data diversity problem,
not a methodology problem", European Radiology Experimental, 2020. The program is the package `lungmask`:
it cuts slices to the body, asks the network and joins what it finds. Nothing is downloaded here.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import CheckpointError, PreconditionError
from engines.imaging.volumes.label_metrics import Mask

_KNOWN_LAYERS = ("down_path.0.block.0.weight", "up_path.0.up.1.weight", "last.weight", "last.bias")
_SLICES_AT_ONCE = 4


class LungNetwork:
    """A U-Net of the program lungmask: R231, R231CovidWeb, or one with the lobes.

    Parameters
    ----------
    weights : Path
        The published file, such as ``unet_r231-d5d2fc3d.pth``.

    Raises
    ------
    PreconditionError
        If the package is not installed.
    CheckpointError
        If the file cannot be read safely, or holds another network.
    """

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        try:
            # The package silences warnings of the whole process when it is imported.
            with warnings.catch_warnings():
                from lungmask import LMInferer
        except ImportError as error:
            raise PreconditionError(
                "Lungs by lungmask need the package lungmask, which is not installed.",
                remedy="Install it with pip install lungmask, or leave lung_weights empty.",
            ) from error
        from engines.core.weights import load_weights

        # Read once without running anything in it: the package leaves that choice to PyTorch.
        found = load_weights(weights)
        missing = [name for name in _KNOWN_LAYERS if name not in found]
        if missing:
            raise CheckpointError(
                "{path} holds no lungmask network: it has no {name}.",
                remedy="Choose the published file of R231, R231CovidWeb or LTRCLobes.",
                path=weights,
                name=missing[0],
            )
        try:
            self._program = LMInferer(
                modelpath=str(weights), force_cpu=True, batch_size=_SLICES_AT_ONCE, tqdm_disable=True
            )
        except (RuntimeError, AttributeError, TypeError) as error:
            raise CheckpointError(
                "{path} does not fit the lungmask network: {reason}",
                remedy="Choose the published file as it is: a plain state_dict with nothing around it.",
                path=weights,
                reason=str(error).splitlines()[0],
            ) from error

    def mask(self, hu: npt.NDArray[Any]) -> Mask:
        """Return both lungs as one mask.

        Parameters
        ----------
        hu : ndarray of int16, (I, J, K)
            In turned order: to the patient's right, front and head.

        Returns
        -------
        ndarray of bool, (I, J, K)
        """
        # The program takes (slices, rows to the back, columns to the left).
        slices = np.ascontiguousarray(hu[::-1, ::-1].transpose(2, 1, 0))
        found = self._program.apply(slices) > 0
        return np.ascontiguousarray(found.transpose(2, 1, 0)[::-1, ::-1])
