"""A trained field, ready to refine items."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from engines.contract.errors import CheckpointError
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights
from engines.core.generations import WEIGHTS_FILE
from engines.imaging.volumes.label_metrics import Mask
from engines.refinement.config import FieldConfig
from engines.refinement.data import (
    CONTEXT_CHANNEL,
    NativeCase,
    RefinementCase,
    appearance_channels,
    make_case,
)
from engines.refinement.fields.evidence import weigh
from engines.refinement.fields.latent_fit import fit_latent
from engines.refinement.fields.lattice_inference import FieldValues, dense, query_of, sparse
from engines.refinement.model import build_field


@dataclass(frozen=True)
class Refined:
    """A refined item.

    Parameters
    ----------
    mask : ndarray of bool, (I, J, K)
        On the native grid.
    case : RefinementCase
    values : FieldValues
    is_new : bool
        Whether the case was not trained on, so that its latent was fitted now.
    agreement : float or None
    is_careful : bool
        See `engines.refinement.fields.evidence.Evidence`.
    """

    mask: Mask
    case: RefinementCase
    values: FieldValues
    is_new: bool
    agreement: float | None = None
    is_careful: bool = False


class FieldRunner:
    """A field of a training run.

    Parameters
    ----------
    run_path : Path
        Folder of the training run.
    config : FieldConfig
    device : torch.device

    Raises
    ------
    CheckpointError
        If the run has no usable checkpoint, or one of another model.
    """

    def __init__(self, run_path: Path, config: FieldConfig, device: torch.device) -> None:
        weights, facts = load_weights(RunFolder(run_path).checkpoints_dir / config.weights)
        try:
            self._field = build_field(facts)
            self._field.load_state_dict(weights)
            self._rows = {str(name): int(row) for name, row in facts["rows"].items()}
            self.label_class = int(facts["label_class"])
            self._spacing_mm = float(facts["work_spacing_mm"])
            self._margin_mm = float(facts["margin_mm"])
            self.weights_sha256 = str(facts["files"][WEIGHTS_FILE])
            self._has_context = bool(facts["label_context"])
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise CheckpointError(
                "The weights of {run} do not fit this program's refinement field: {reason}.",
                remedy="Train again, or choose another run.",
                run=run_path.name,
                reason=str(error).splitlines()[0],
            ) from error
        if sorted(self._rows.values()) != list(range(self._field.architecture.num_cases)):
            raise CheckpointError(
                "The case ids of {run} do not match its latents.",
                remedy="Train again, or choose another run.",
                run=run_path.name,
            )
        self._field.to(device).eval()
        self._device = device
        self._config = config

    @property
    def variant(self) -> str:
        """Which of the two fields it is."""
        return "shape+appearance" if self._field.architecture.num_image_channels else "shape"

    def refine(self, item: str, native: NativeCase) -> Refined:
        """Refine one item; its latent is looked up by item id, and fitted where it is a new one."""
        case = make_case(
            item, native.image, native.mask, spacing_mm=self._spacing_mm, margin_mm=self._margin_mm
        )
        row = self._rows.get(item)
        if row is not None and not self._fits(row, case):
            row = None
        channels = None
        if self._field.encoder is not None:
            array = appearance_channels(case)
            if not self._has_context:
                array[CONTEXT_CHANNEL] = 0.0
            channels = torch.from_numpy(array).to(self._device)
        shape, config = case.lattice.shape, self._config
        latent = None
        if row is None:
            latent = fit_latent(self._field, channels, case, config.latent_steps, config.seed, self._device)
        with torch.no_grad():
            grids = self._field.feature_grids(row, channels, latent)
        query = query_of(self._field, grids, shape)
        label = case.occupancy >= 0.5
        if config.inference == "dense":
            values = dense(query, shape, self._device)
        else:
            reach = config.support_mm / self._spacing_mm
            values = sparse(query, label, reach, config.threshold, self._device)
        mask = case.lattice.refined_mask(
            native.mask, case.occupancy, values.probability, config.threshold, config.keep_margin
        )
        evidence = weigh(
            native.mask,
            mask,
            native.image.geometry.spacing_mm,
            least_agreement=config.least_agreement,
            longest_bridge_mm=config.longest_bridge_mm,
            smallest_piece_mm3=config.smallest_piece_mm3,
        )
        return Refined(evidence.mask, case, values, row is None, evidence.agreement, evidence.is_careful)

    def _fits(self, row: int, case: RefinementCase) -> bool:
        """Tell whether a case's own grids are of this lattice: its label may have changed since training."""
        architecture = self._field.architecture
        if not architecture.residual_channels:
            return True
        sides = [side * self._spacing_mm for side in case.lattice.shape]
        trained = architecture.residual_shapes[row]
        ratios = [side / points for side, points in zip(sides, trained, strict=True)]
        return max(ratios) / min(ratios) < 1.1
