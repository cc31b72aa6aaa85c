"""What a training will see, shown before it is started.

A pipeline names ``(PreviewRequest) -> tuple[TrainingPicture, ...]`` in `PipelineSpec.training_preview`.
It is called on a thread of the window, so it imports no torch and takes a second or two at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engines.contract.config import RunConfig


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """One item that the phase would train on, and the settings in the form.

    Parameters
    ----------
    files : mapping of role to Path
    modalities : mapping of role to str or None
    config : RunConfig
        Of the pipeline's class for training.
    seed : int
        Another one draws other pictures.
    """

    files: Mapping[str, Path]
    modalities: Mapping[str, str | None]
    config: RunConfig
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrainingPicture:
    """A picture as the network gets it.

    Parameters
    ----------
    title : str
        English words, a translation id.
    image : ndarray of uint8, (H, W) or (H, W, 3)
        Grey or RGB.
    """

    title: str
    image: npt.NDArray[np.uint8]
