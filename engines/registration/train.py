"""Phase 1: learn a detector and a descriptor from warped copies of single images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.contract.geometry import apply_homography, invert
from engines.contract.run_context import RunContext
from engines.core.loop import fit
from engines.core.task import Batch, PreviewImage, TrainingTask
from engines.registration.config import TrainConfig
from engines.registration.data import (
    LabelledView,
    WarpedPair,
    load_labelled_view,
    training_items,
    warp_range,
    warped_pair,
)
from engines.registration.keypoints import extract_keypoints
from engines.registration.losses import dice_loss, infonce_loss, triplet_loss
from engines.registration.matching import (
    Consensus,
    Keypoints,
    corner_error_px,
    find_consensus,
    mutual_matches,
)
from engines.registration.model import build_network, sample_descriptors
from engines.registration.pictures import checkerboard, draw_keypoints, draw_matches, grey_picture

_CORRECT_PX = 3.0
_SUCCESS_PX = 5.0
_RATIO = 0.95
_INLIER_PX = 4.0
_LEAST_INLIERS = 6
_NMS_RADIUS_PX = 4
_NUM_KEYPOINTS = 400
_NUM_PREVIEWS = 2
_CLEAR_SCORE = 0.2
_VALIDATION_SEED = 20_000


def train(run: RunContext) -> None:
    """Train phase 1 in the run folder."""
    config = run.typed_config(TrainConfig)
    run.phase("Reading images")
    train_items, validation_items = training_items(run)
    train_views = [load_labelled_view(run, item, config.image_size_px) for item in train_items]
    run.check_stop()
    validation_views = [load_labelled_view(run, item, config.image_size_px) for item in validation_items]
    run.phase("Training")
    fit(run, SyntheticPairsTask(train_views, validation_views, config), config)


@dataclass(frozen=True)
class _Scored:
    """One validation pair after the whole chain from images to transform."""

    fixed: Keypoints
    moving: Keypoints
    matches: np.ndarray[Any, Any]
    consensus: Consensus | None


class SyntheticPairsTask(TrainingTask):
    """Phase 1 as the training loop sees it.

    The best checkpoint is chosen by `matching_accuracy`: the share of true bifurcations whose nearest
    descriptor among all true bifurcations of the warped image lies within 3 px of the truth. It is
    defined from the first validation on and changes smoothly, unlike the share of registered pairs.

    Parameters
    ----------
    train_views, validation_views : sequence of LabelledView
    config : TrainConfig
    """

    best_metric = "matching_accuracy"
    best_is_higher = True

    def __init__(
        self,
        train_views: Sequence[LabelledView],
        validation_views: Sequence[LabelledView],
        config: TrainConfig,
    ) -> None:
        self._train_views = train_views
        self._config = config
        self._bounds = warp_range(config, 0)
        # The same weights for the same seed, whatever was drawn before.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self._network = build_network(self.model_facts())
        bounds = warp_range(config)
        self._validation_pairs = [
            warped_pair(view, config, bounds, _VALIDATION_SEED + 1000 * number + warp)
            for number, view in enumerate(validation_views)
            for warp in range(config.validation_warps)
        ]

    @property
    def network(self) -> nn.Module:
        """The network of both images."""
        return self._network

    @property
    def num_train_items(self) -> int:
        """Warped pairs in an epoch."""
        return len(self._train_views) * self._config.samples_per_item

    def on_epoch_start(self, epoch: int) -> None:
        """Start with small turns."""
        self._bounds = warp_range(self._config, epoch)

    def train_sample(self, index: int, seed: int) -> dict[str, Any]:
        """Warp one training image."""
        view = self._train_views[index % len(self._train_views)]
        return _as_sample(warped_pair(view, self._config, self._bounds, seed))

    def collate(self, samples: Sequence[dict[str, Any]]) -> Batch:
        """Stack images; join points, which differ in number, with the index of their pair."""
        stacked = ("channels", "polarities", "labels")
        batch: dict[str, Any] = {name: torch.stack([sample[name] for sample in samples]) for name in stacked}
        batch["item"] = [sample["item"] for sample in samples]
        for name in ("fixed_xy", "moving_xy"):
            batch[name] = torch.cat([sample[name] for sample in samples])
        batch["image_index"] = torch.cat(
            [torch.full((len(sample["fixed_xy"]),), number) for number, sample in enumerate(samples)]
        )
        return batch

    def training_losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return detector losses of both images, the descriptor loss, and their weighted sum."""
        return self._losses(*_maps(network, batch), batch)

    def _losses(self, logits: Tensor, grids: Tensor, batch: Batch) -> dict[str, Tensor]:
        config = self._config
        num_pairs = len(batch["channels"])
        probability = torch.sigmoid(logits.float()).reshape(num_pairs, 2, *logits.shape[2:])
        fixed, moving = _descriptors_at(grids, batch)
        arguments = (fixed, moving, batch["fixed_xy"], batch["moving_xy"], batch["image_index"])
        if config.descriptor_loss == "infonce":
            descriptor = infonce_loss(
                *arguments, temperature=config.temperature, exclusion_px=config.negatives_exclusion_px
            )
        else:
            descriptor = triplet_loss(
                *arguments, margin=config.triplet_margin, exclusion_px=config.negatives_exclusion_px
            )
        parts = {
            "detector": (config.lambda_detector, dice_loss(probability[:, 0], batch["labels"][:, 0])),
            "moving": (config.lambda_moving, dice_loss(probability[:, 1], batch["labels"][:, 1])),
            "descriptor": (config.lambda_descriptor, descriptor),
        }
        # A part without points keeps its place in the graph, so that every batch can be back-propagated.
        total = 0.0 * (logits.float().mean() + grids.float().mean())
        losses: dict[str, Tensor] = {}
        for name, (weight, loss) in parts.items():
            if loss is not None:
                losses[name] = loss
                total = total + weight * loss
        return {**losses, "total": total}

    def validation_metrics(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score fixed warps of the validation images."""
        return self._score(self._validation_pairs, network, device)

    def quick_validation(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score one warp only."""
        return self._score(self._validation_pairs[:1], network, device)

    def _score(
        self, pairs: Sequence[WarpedPair], network: nn.Module, device: torch.device
    ) -> dict[str, float | None]:
        losses: dict[str, list[float]] = {}
        num_right, num_points, repeated, num_detected = 0, 0, 0, 0
        errors: list[float] = []
        for pair in pairs:
            batch = self._on_device(pair, device)
            logits, grids = _maps(network, batch)
            for name, loss in self._losses(logits, grids, batch).items():
                losses.setdefault(name, []).append(float(loss))
            if len(pair.fixed_xy) > 1:
                fixed, moving = _descriptors_at(grids, batch)
                nearest = (fixed @ moving.T).argmax(dim=1).cpu().numpy()
                gap = np.linalg.norm(pair.moving_xy[nearest] - pair.moving_xy, axis=1)
                num_right += int((gap <= _CORRECT_PX).sum())
                num_points += len(gap)
            scored = self._register(pair, logits, grids)
            again, total = _repeated(scored, pair)
            repeated, num_detected = repeated + again, num_detected + total
            errors.append(_corner_error(scored, pair))
        median = float(np.median(errors))
        metrics: dict[str, float | None] = {
            f"loss_{name}": float(np.mean(values)) for name, values in losses.items()
        }
        return {
            **metrics,
            "matching_accuracy": num_right / num_points if num_points else None,
            "repeatability_3px": repeated / num_detected if num_detected else 0.0,
            "success_5px": float(np.mean(np.array(errors) <= _SUCCESS_PX)),
            "corner_error_px": median if np.isfinite(median) else None,
        }

    def previews(self, network: nn.Module, device: torch.device) -> Sequence[PreviewImage]:
        """Show keypoints, matches and the registered image of the first validation pairs."""
        pictures: list[PreviewImage] = []
        first_of_item = self._validation_pairs[:: self._config.validation_warps]
        for pair in first_of_item[:_NUM_PREVIEWS]:
            batch = self._on_device(pair, device)
            logits, grids = _maps(network, batch)
            scored = self._register(pair, logits, grids)
            item = pair.item
            fixed, moving = (grey_picture(pair.channels[side, 0], pair.channels[side, 1]) for side in (0, 1))
            heat = torch.sigmoid(logits[0, 0].float()).cpu().numpy()
            clear_xy = scored.fixed.points_xy[scored.fixed.scores >= _CLEAR_SCORE]
            warp = None if scored.consensus is None else scored.consensus.fixed_from_moving
            pictures += [
                PreviewImage("fixed_kps", item, draw_keypoints(fixed, clear_xy, pair.fixed_xy)),
                PreviewImage("detector", item, (255 * heat).astype(np.uint8)),
                PreviewImage(
                    "matches",
                    item,
                    draw_matches(
                        fixed,
                        moving,
                        scored.fixed.points_xy[scored.matches[:, 0]],
                        scored.moving.points_xy[scored.matches[:, 1]],
                        pair.homography_moving_from_fixed,
                        _SUCCESS_PX,
                    ),
                ),
                PreviewImage("fix_registered_checkerboard", item, checkerboard(fixed, moving, warp)),
            ]
        return pictures

    def model_facts(self) -> dict[str, Any]:
        """Return what builds the network again."""
        return {
            "mode": "xmodal",
            "width": self._config.width,
            "descriptor_size": self._config.descriptor_size,
            "num_channels": 2 if self._config.vesselness_channel else 1,
            "image_size_px": self._config.image_size_px,
        }

    def _on_device(self, pair: WarpedPair, device: torch.device) -> dict[str, Any]:
        batch = self.collate([_as_sample(pair)])
        return {name: value.to(device) for name, value in batch.items() if isinstance(value, Tensor)}

    def _register(self, pair: WarpedPair, logits: Tensor, grids: Tensor) -> _Scored:
        fixed, moving = (
            extract_keypoints(
                logits[side],
                grids[side],
                pair.fields[side] > 0,
                nms_radius_px=_NMS_RADIUS_PX,
                threshold=0.0,
                max_keypoints=_NUM_KEYPOINTS,
            )
            for side in (0, 1)
        )
        matches = mutual_matches(fixed.descriptors, moving.descriptors, _RATIO)
        consensus = find_consensus(
            fixed.points_xy[matches[:, 0]],
            moving.points_xy[matches[:, 1]],
            inlier_px=_INLIER_PX,
            min_inliers=_LEAST_INLIERS,
        )
        return _Scored(fixed, moving, matches, consensus)


def _as_sample(pair: WarpedPair) -> dict[str, Any]:
    names = ("channels", "polarities", "labels", "fixed_xy", "moving_xy")
    tensors = {name: torch.from_numpy(np.ascontiguousarray(getattr(pair, name))) for name in names}
    return {**tensors, "item": pair.item}


def _maps(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return detector logits and descriptor grids of all images, the fixed one of each pair first."""
    logits, grids = network(batch["channels"].flatten(0, 1), batch["polarities"].flatten())
    return logits, grids


def _descriptors_at(grids: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return descriptors of the common points of all pairs, in the order of the batch's points."""
    fixed, moving = [], []
    for number in range(len(batch["channels"])):
        is_here = batch["image_index"] == number
        fixed.append(sample_descriptors(grids[2 * number], batch["fixed_xy"][is_here]))
        moving.append(sample_descriptors(grids[2 * number + 1], batch["moving_xy"][is_here]))
    return torch.cat(fixed), torch.cat(moving)


def _corner_error(scored: _Scored, pair: WarpedPair) -> float:
    if scored.consensus is None:
        return float("inf")
    true = invert(pair.homography_moving_from_fixed)
    size = (pair.fields.shape[2], pair.fields.shape[1])
    return corner_error_px(scored.consensus.fixed_from_moving, true, size)


def _repeated(scored: _Scored, pair: WarpedPair) -> tuple[int, int]:
    """Return how many fixed keypoints in the common area are found again, and of how many."""
    mapped = apply_homography(pair.homography_moving_from_fixed, scored.fixed.points_xy)
    columns, rows = np.rint(mapped).astype(np.int64).reshape(-1, 2).T
    field = pair.fields[1]
    is_on = (columns >= 0) & (rows >= 0) & (columns < field.shape[1]) & (rows < field.shape[0])
    is_on[is_on] = field[rows[is_on], columns[is_on]] > 0
    mapped = mapped[is_on]
    if not len(mapped) or not len(scored.moving):
        return 0, len(mapped)
    distance = np.linalg.norm(mapped[:, None] - scored.moving.points_xy[None], axis=2).min(axis=1)
    return int((distance <= _CORRECT_PX).sum()), len(mapped)
