"""A comparison row: a small network that regresses the affine transform of a pair directly.

It is trained when it is asked for, on the batches of the run that is evaluated: the same images, warps, looks
and order, as many steps, the same optimiser. It sees both images as channels of one, and knows nothing of
keypoints. Nothing of it is used elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.contract.errors import InputError, WorkstationError
from engines.contract.geometry import FloatArray, compose, invert
from engines.contract.kinds import Action, Split
from engines.contract.manifest import ItemRecord, Manifest
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights
from engines.core.device import choose_device
from engines.core.loop import fit
from engines.core.task import Batch, PreviewImage
from engines.registration.config import EvaluateConfig, TrainConfig
from engines.registration.data import WarpedPair
from engines.registration.evaluation.scoring import SUCCESS_PX, as_sample, collated
from engines.registration.inference.matching import corner_error_px
from engines.registration.inference.network_view import network_view
from engines.registration.inference.pair_result import PairResult
from engines.registration.inference.registrars import PairWork
from engines.registration.model import build_network
from engines.registration.networks.published_preprocessing import Preprocessing
from engines.registration.training.images import load_labelled_views
from engines.registration.training.pairs_task import PairsTask, network_facts
from engines.registration.training.phase_plan import PHASE_KEYS, Terms
from engines.registration.training.real_pairs import load_real_pairs
from engines.registration.training.recipes import with_recipe

ROW = "regression"
_FOLDER = "regression"
_GRID = 5
_GROUPS = 4
_STAGES = (1, 2, 4, 4, 4)
"""Channels of the stages over the first one's; each halves the image."""
_POOLED = 4


class AffineNetwork(nn.Module):
    """Both images in, the six numbers of ``moving_from_fixed`` out; at first it says that nothing moved.

    Parameters
    ----------
    width : int
        Channels of the first stage, as of the network it is compared with; a multiple of 4.
    num_channels : int
        Of one image.
    """

    def __init__(self, width: int, num_channels: int) -> None:
        super().__init__()
        width = -(-width // _GROUPS) * _GROUPS
        self.num_channels = num_channels
        sizes = [2 * num_channels, *(factor * width for factor in _STAGES)]
        blocks: list[nn.Module] = []
        for before, after in pairwise(sizes):
            blocks += [
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                nn.GroupNorm(_GROUPS, after),
                nn.ReLU(inplace=True),
                nn.Conv2d(after, after, 3, padding=1),
                nn.ReLU(inplace=True),
            ]
        self.features = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(_POOLED))
        last = nn.Linear(4 * width, 6)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(nn.Linear(sizes[-1] * _POOLED**2, 4 * width), nn.ReLU(inplace=True), last)

    def forward(self, pairs: Tensor) -> Tensor:
        """Return ``moving_from_fixed`` in units of half a side around the middle.

        Parameters
        ----------
        pairs : Tensor, (B, 2, C, S, S)

        Returns
        -------
        Tensor of float32, (B, 2, 3)
        """
        seen = pairs[:, :, : self.num_channels].flatten(1, 2)
        change = self.head(self.features(seen).flatten(1)).float().view(-1, 2, 3)
        return change + torch.eye(2, 3, device=change.device)


class AffineTask(PairsTask):
    """The task of the evaluated run, with another network that is asked for the transform itself."""

    best_is_higher = False
    validation_metric_keys = ("corner_error_px", "success_5px")

    def __init__(self, *views: Any, config: TrainConfig, **more: Any) -> None:
        super().__init__(*views, config, **more)
        self.best_metric = "corner_error_px"
        facts = super().model_facts()
        self._side = config.image_size_px
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self._regressor = AffineNetwork(config.width, int(facts["num_channels"]))

    @property
    def network(self) -> nn.Module:
        """The network that regresses."""
        return self._regressor

    def training_losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the mean distance of a grid of points to where they belong, in half sides."""
        found = network(batch["channels"])
        true = batch["other_from_reference"].float()
        is_turned = batch["reference_side"] == 1
        true = torch.where(is_turned[:, None, None], torch.linalg.inv(true), true)
        mapped = _grid().to(found.device) @ found.transpose(1, 2)
        loss = (mapped - _true_places(true, self._side)).norm(dim=2).mean()
        return {"total": loss}

    def after_optimiser_step(self) -> dict[str, float]:
        """Report nothing."""
        return {}

    def validation_metrics(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score the fixed validation pairs by the distance of their corners."""
        errors = [self._corner_error(network, pair, device) for pair in self._validation_pairs]
        return {
            "corner_error_px": float(np.median(errors)),
            "success_5px": float(np.mean(np.array(errors) <= SUCCESS_PX)),
        }

    def quick_validation(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score all pairs: it takes no time."""
        return self.validation_metrics(network, device)

    def _corner_error(self, network: nn.Module, pair: WarpedPair, device: torch.device) -> float:
        channels = collated([as_sample(pair)])["channels"].to(device)
        true = invert(pair.homography_moving_from_fixed)
        found = fixed_from_moving(network, channels, self._side)
        return float("inf") if found is None else corner_error_px(found, true, (self._side, self._side))

    def previews(self, network: nn.Module, device: torch.device) -> Sequence[PreviewImage]:
        """Show nothing."""
        return ()

    def model_facts(self) -> dict[str, Any]:
        """Return what builds the network again."""
        return {
            "mode": ROW,
            "width": self._config.width,
            "num_channels": self._regressor.num_channels,
            "image_size_px": self._side,
            "preprocessing": super().model_facts()["preprocessing"],
        }


def fixed_from_moving(network: nn.Module, channels: Tensor, side: int) -> FloatArray | None:
    """Return the transform that the network finds for one pair, view pixels; None when it cannot be turned.

    Parameters
    ----------
    network : AffineNetwork
    channels : Tensor, (1, 2, C, S, S)
    side : int
    """
    with torch.no_grad():
        found = network(channels)[0].double().cpu().numpy()
    half = (side - 1) / 2
    unit_from_pixel = np.array([[1 / half, 0, -1], [0, 1 / half, -1], [0, 0, 1]])
    matrix = compose(invert(unit_from_pixel), np.vstack([found, [0, 0, 1]]), unit_from_pixel)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:2, :2])) < 1e-3:
        return None
    return invert(matrix)


def _grid() -> Tensor:
    """Return points over the image in half sides around its middle, (N, 3), homogeneous."""
    steps = torch.linspace(-1, 1, _GRID)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x.flatten(), y.flatten(), torch.ones(_GRID**2)], dim=1)


def _true_places(matrices: Tensor, side: int) -> Tensor:
    """Map the grid by homographies between pixels, (B, 3, 3), and return half sides, (B, N, 2)."""
    half = (side - 1) / 2
    grid = _grid().to(matrices.device)
    pixels = torch.cat([(grid[:, :2] + 1) * half, grid[:, 2:]], dim=1)
    mapped = pixels @ matrices.transpose(1, 2)
    return mapped[..., :2] / mapped[..., 2:] / half - 1


class _Inner(RunContext):
    """The training inside an evaluation: it stops with it."""

    outer: RunContext

    def should_stop(self) -> bool:
        """Tell whether the evaluation was asked to stop."""
        return self.outer.should_stop()


def train_regression(run: RunContext) -> RunFolder:
    """Train the network on the batches of the evaluated run, below this run's outputs.

    Raises
    ------
    InputError
        If the run is no training whose images can be read.
    StopRequested
        If the evaluation was asked to stop.
    """
    base = RunFolder(run.folder.file_path(run.request.base_run))
    request = base.read_request()
    if request.action is not Action.TRAIN:
        raise InputError("{run} is no training, so there are no batches to repeat.", run=base.id)
    steps = int((base.read_summary() or {}).get("step", 0))
    settings = {**request.settings, "max_minutes": 0.0, "early_stopping_patience": 0}
    settings |= {"max_steps": steps} if steps else {}
    folder = RunFolder(run.folder.outputs_dir / _FOLDER)
    items = tuple(_at(item, base) for item in base.read_manifest().items)
    folder.create(
        request.model_copy(update={"settings": settings, "base_run": "", "resume": False}),
        Manifest(items=items),
    )
    inner = _Inner.open(folder)
    inner.outer = run
    try:
        config, _ = with_recipe(inner.typed_config(TrainConfig))
        phase = request.phase or PHASE_KEYS[0]
        seen: Preprocessing = network_facts(config)["preprocessing"]
        views = [
            load_labelled_views(inner, split, config, seen, seed=config.seed + number)
            for number, split in enumerate((Split.TRAIN, Split.VAL))
        ]
        real = load_real_pairs(inner, Split.TRAIN, config, seen) if Terms(phase).has_real_pairs else []
        task = AffineTask(*views, config=config, phase=phase, real_train=real)
        fit(inner, task, config)
    finally:
        inner.events.close()
    run.summary[ROW] = {
        "parameters": sum(each.numel() for each in task.network.parameters()),
        "parameters_of_model": sum(
            each.numel() for each in build_network(network_facts(config)).parameters()
        ),
        "best_step": inner.summary["best_step"],
        "validation": inner.summary["best_values"],
    }
    return folder


def _at(item: ItemRecord, base: RunFolder) -> ItemRecord:
    """Return an item whose files are found from anywhere."""

    def placed(record: Any) -> Any:
        return record.model_copy(update={"path": str(base.file_path(record.path).resolve())})

    files = {role: placed(record) for role, record in item.files.items()}
    annotations = {kind: placed(record) for kind, record in item.annotations.items()}
    return item.model_copy(update={"files": files, "annotations": annotations})


@dataclass
class RegressionRegistrar:
    """Registers by the regressed transform; like `model_raw` it is verified and not refined."""

    network: AffineNetwork
    side: int
    preprocessing: Preprocessing
    device: torch.device

    def register(self, work: PairWork, rows: Collection[str] = (ROW,)) -> tuple[PairResult, ...]:
        """Return the row, when it is asked for."""
        if ROW not in rows:
            return ()
        with work.timed(ROW):
            views = [
                network_view(image, self.side, modality, is_square=True, preprocessing=self.preprocessing)
                for image, modality in zip((work.fixed, work.moving), work.modalities, strict=True)
            ]
            channels = torch.from_numpy(np.stack([view.channels() for view in views]))[None]
            found = fixed_from_moving(self.network, channels.to(self.device), self.side)
        if found is None:
            reason = "The regressed transform squeezes the image to a line."
            return (PairResult(ROW, None, "not_registered", reason=reason),)
        fixed, moving = (view.view_from_native for view in views)
        matrix = compose(invert(fixed), found, moving)
        doubt = "The vessels agree only in part under the transform."
        return (work.judged(ROW, matrix, "affine", ROW, doubt, (ROW,)),)


def regression_registrar(run: RunContext, config: EvaluateConfig) -> RegressionRegistrar:
    """Train the network, and return what registers with it; minutes."""
    run.phase("Training the direct regression")
    folder = train_regression(run)
    state, facts = load_weights(folder.checkpoints_dir / "best")
    network = AffineNetwork(int(facts["width"]), int(facts["num_channels"]))
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WorkstationError("The regression's weights do not fit.") from error
    device = choose_device(config)
    network.to(device).eval()
    return RegressionRegistrar(network, int(facts["image_size_px"]), facts["preprocessing"], device)
