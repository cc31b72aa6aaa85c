"""All four phases as the training loop sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.core.task import Batch, PreviewImage, TrainingTask
from engines.registration.config import TrainConfig
from engines.registration.data import WarpedPair, validation_pair, warp_range, warped_pair
from engines.registration.evaluation.scoring import (
    SUCCESS_PX,
    Scored,
    as_sample,
    batch_of,
    collated,
    maps_of,
    pair_agreement,
    registered,
    score_real,
    score_warped,
)
from engines.registration.model import KeypointNetwork, build_network
from engines.registration.networks.published_preprocessing import Preprocessing
from engines.registration.training.images import LabelledView
from engines.registration.training.pair_losses import PairLosses, expansion_rules
from engines.registration.training.phase_plan import Terms
from engines.registration.training.pictures import (
    checkerboard,
    draw_keypoints,
    draw_learned,
    draw_matches,
    grey_picture,
    side_by_side,
    warped_picture,
)
from engines.registration.training.pke import learned_points
from engines.registration.training.real_pairs import RealPair, real_training_pair
from engines.registration.training.torch_geometry import rasterised
from engines.registration.training.value_maps import ValueMaps

_NUM_PREVIEWS = 2
_NUM_TRAINING_PAIRS = 4
_CLEAR_SCORE = 0.2
VALIDATION_SEED = 20_000
_NO_POINTS = np.zeros((0, 2))


class PairsTask(TrainingTask):
    """Training on pairs of one eye: warped copies, and in phase 4 real pairs.

    The best checkpoint is chosen by `matching_accuracy`: the share of true bifurcations whose nearest
    descriptor among all true bifurcations of the warped image lies within 3 px of the truth. It is
    defined from the first validation on and changes smoothly, unlike the share of registered pairs. In
    phase 4 real validation pairs choose, by `real_auc_25`, when there are any.

    Parameters
    ----------
    train_views, validation_views : sequence of LabelledView
    config : TrainConfig
    phase : str
    facts : mapping
        Of the network, see `network_facts`.
    weights : mapping of str to Tensor, optional
        To start from.
    value_maps : mapping, optional
        State of the value maps to start from.
    real_train, real_validation : sequence of RealPair
    """

    best_is_higher = True

    def __init__(
        self,
        train_views: Sequence[LabelledView],
        validation_views: Sequence[LabelledView],
        config: TrainConfig,
        phase: str = "phase_1",
        *,
        facts: Mapping[str, Any] | None = None,
        weights: Mapping[str, Tensor] | None = None,
        value_maps: Mapping[str, Any] | None = None,
        real_train: Sequence[RealPair] = (),
        real_validation: Sequence[RealPair] = (),
    ) -> None:
        self._train_views = train_views
        self._real_train = real_train
        self._real_validation = real_validation
        self._config = config
        self._terms = Terms(phase)
        self._facts = dict(facts or network_facts(config))
        self._bounds = warp_range(config, 0)
        # The same weights for the same seed, whatever was drawn before.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self._network: KeypointNetwork = build_network(self._facts)
        if weights is not None:
            self._network.load_state_dict(dict(weights))
        self._maps = ValueMaps(config.image_size_px)
        if value_maps:
            self._maps.load(value_maps)
        self._losses = PairLosses(config, self._terms, self._maps)
        self.best_metric = (
            "real_auc_25" if self._terms.has_real_pairs and real_validation else "matching_accuracy"
        )
        self._validation_pairs = [
            validation_pair(view, config, VALIDATION_SEED + 1000 * number + warp, warp)
            for number, view in enumerate(validation_views)
            for warp in range(config.validation_warps)
        ]
        self._agreement = pair_agreement(self._validation_pairs)

    @property
    def network(self) -> nn.Module:
        """The network of both images."""
        return self._network

    @property
    def num_train_items(self) -> int:
        """Pairs in an epoch."""
        return (len(self._train_views) + len(self._real_train)) * self._config.samples_per_item

    def on_epoch_start(self, epoch: int) -> None:
        """Start with small turns, and let the weights of the phase rise."""
        is_start = self._terms.phase == "phase_1"
        self._bounds = warp_range(self._config, epoch if is_start else None)
        self._losses.epoch = epoch

    def train_sample(self, index: int, seed: int) -> dict[str, Any]:
        """Warp one training image, or draw a real pair with the share that the phase has."""
        generator = np.random.default_rng(seed)
        if self._real_train and generator.random() < self._config.real_share:
            pair = self._real_train[int(generator.integers(len(self._real_train)))]
            return as_sample(real_training_pair(pair, self._config, self._bounds, generator))
        view = self._train_views[index % len(self._train_views)]
        return as_sample(warped_pair(view, self._config, self._bounds, seed))

    def collate(self, samples: Sequence[dict[str, Any]]) -> Batch:
        """Stack images and join points."""
        return collated(samples)

    def training_losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of the phase and their weighted sum."""
        maps = maps_of(network, batch, needs_other_detector=self._losses.needs_other_detector)
        return self._losses.of_batch(*maps, batch, is_training=True)

    def after_optimiser_step(self) -> dict[str, float]:
        """Report how busy the detectors are, how alike descriptors, and what expansion found."""
        return self._losses.values

    def validation_metrics(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score fixed warps of the validation images, and real pairs where there are any."""
        values = {**score_warped(self._validation_pairs, network, self._losses, device), **self._agreement}
        if self._real_validation:
            values |= score_real(self._real_validation, network, device)
        return values

    def quick_validation(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score the first pairs only."""
        values = {
            **score_warped(self._validation_pairs[:1], network, self._losses, device),
            **self._agreement,
        }
        if self._real_validation:
            values |= score_real(self._real_validation[:1], network, device)
        return values

    def previews(self, network: nn.Module, device: torch.device) -> Sequence[PreviewImage]:
        """Show training pairs, keypoints, matches, the registered image, and learned points."""
        first_of_item = self._validation_pairs[:: self._config.validation_warps]
        pictures = [
            picture
            for pair in first_of_item[:_NUM_PREVIEWS]
            for picture in self._shown(pair, network, device)
        ]
        if self._terms.has_expansion:
            pictures += [self._learned(view) for view in self._train_views[:_NUM_PREVIEWS]]
        return [*pictures, self._training_pairs()]

    def _shown(self, pair: WarpedPair, network: nn.Module, device: torch.device) -> list[PreviewImage]:
        logits, grids = maps_of(network, batch_of(pair, device))
        scored: Scored = registered(logits, grids, pair.fields)
        fixed, moving = (grey_picture(pair.channels[side, 0], pair.channels[side, 1]) for side in (0, 1))
        heat = torch.sigmoid(logits[0, 0].float()).cpu().numpy()
        clear = [each.points_xy[each.scores >= _CLEAR_SCORE] for each in (scored.fixed, scored.moving)]
        warp = None if scored.consensus is None else scored.consensus.fixed_from_moving
        matches = draw_matches(
            fixed,
            moving,
            scored.fixed.points_xy[scored.matches[:, 0]],
            scored.moving.points_xy[scored.matches[:, 1]],
            pair.homography_moving_from_fixed,
            SUCCESS_PX,
        )
        shown = {
            "fixed_kps": draw_keypoints(fixed, clear[0], pair.fixed_xy),
            "vessel_keypoints_extracted": draw_keypoints(fixed, _NO_POINTS, pair.fixed_xy),
            "affined_moving_kps": draw_keypoints(moving, clear[1], pair.moving_xy),
            "detector": (255 * heat).astype(np.uint8),
            "matches": matches,
            "registered": warped_picture(moving, warp),
            "fix_registered_checkerboard": checkerboard(fixed, moving, warp),
        }
        return [PreviewImage(name, pair.item, image) for name, image in shown.items()]

    def _learned(self, view: LabelledView) -> PreviewImage:
        """Show the points that training has come to trust on a training image."""
        height, width = view.view.field.shape
        places = torch.from_numpy(view.points_xy).round().long()
        given = rasterised(
            places[:, 1], places[:, 0], torch.zeros(len(places), dtype=torch.int64), (1, height, width)
        )
        values = self._maps.of([view.item], torch.device("cpu"))
        rows, columns = learned_points(values, given, expansion_rules(self._config))[0].nonzero(as_tuple=True)
        learned_xy = torch.stack([columns, rows], dim=1).double().numpy()
        image = grey_picture(view.view.intensity, view.view.vesselness)
        return PreviewImage("learned_points", view.item, draw_learned(image, view.points_xy, learned_xy))

    def _training_pairs(self) -> PreviewImage:
        """Show what training sees: pairs as they are drawn, fixed above moving."""
        samples = [self.train_sample(number, number) for number in range(_NUM_TRAINING_PAIRS)]
        rows = [
            side_by_side([grey_picture(*sample["channels"][side].numpy()) for sample in samples])
            for side in (0, 1)
        ]
        return PreviewImage("training_pairs", "drawn", np.vstack(rows))

    def extra_state(self) -> dict[str, Any]:
        """Return the value maps."""
        return {"value_maps": self._maps.state()}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Restore the value maps."""
        if "value_maps" in state:
            self._maps.load(state["value_maps"])

    def model_facts(self) -> dict[str, Any]:
        """Return what builds the network again."""
        return self._facts


def network_facts(config: TrainConfig, preprocessing: Preprocessing | None = None) -> dict[str, Any]:
    """Return the facts of the network that the settings ask for."""
    is_compat = config.network == "compat"
    return {
        "mode": config.network,
        "width": config.width,
        "descriptor_size": config.descriptor_size,
        "num_channels": 2 if config.vesselness_channel and not is_compat else 1,
        "stems": config.stems,
        "has_full_detector": config.detector_resolution == "full",
        "image_size_px": config.image_size_px,
        "preprocessing": preprocessing or ("published" if is_compat else "flat"),
    }
