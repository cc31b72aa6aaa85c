"""Score a network on fixed validation pairs, warped and real, by the same chain as prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.contract.geometry import apply_homography, invert
from engines.core.task import Batch
from engines.imaging.matching.landmark_metrics import FAILED, score_errors, score_pairs
from engines.registration.data import WarpedPair
from engines.registration.inference.keypoints import extract_keypoints
from engines.registration.inference.matching import (
    Consensus,
    Keypoints,
    corner_error_px,
    find_consensus,
    mutual_matches,
)
from engines.registration.inference.network_view import NetworkView
from engines.registration.model import sample_descriptors
from engines.registration.training.pair_losses import PairLosses
from engines.registration.training.real_pairs import RealPair, direction_agreement

CORRECT_PX = 3.0
SUCCESS_PX = 5.0
_RATIO = 0.95
_INLIER_PX = 4.0
_LEAST_INLIERS = 6
_NMS_RADIUS_PX = 4
_NUM_KEYPOINTS = 400


@dataclass(frozen=True)
class Scored:
    """One pair after the whole chain from images to transform."""

    fixed: Keypoints
    moving: Keypoints
    matches: np.ndarray[Any, Any]
    consensus: Consensus | None


def as_sample(pair: WarpedPair) -> dict[str, Any]:
    """Return a pair as tensors."""
    names = ("channels", "polarities", "labels", "fields", "fixed_xy", "moving_xy", "given_xy", "vessels")
    sample: dict[str, Any] = {
        name: torch.from_numpy(np.ascontiguousarray(getattr(pair, name))) for name in names
    }
    sample["other_from_reference"] = torch.from_numpy(pair.other_from_reference).float()
    for name in ("weight", "geometry_weight"):
        sample[name] = torch.tensor(getattr(pair, name), dtype=torch.float32)
    sample["reference_side"] = torch.tensor(pair.reference_side)
    return {**sample, "item": pair.item}


def collated(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Stack images; join points, which differ in number, with the index of their pair."""
    stacked = (
        "channels",
        "polarities",
        "labels",
        "fields",
        "vessels",
        "other_from_reference",
        "weight",
        "geometry_weight",
        "reference_side",
    )
    batch: dict[str, Any] = {name: torch.stack([sample[name] for sample in samples]) for name in stacked}
    batch["item"] = [sample["item"] for sample in samples]
    for name in ("fixed_xy", "moving_xy", "given_xy"):
        batch[name] = torch.cat([sample[name] for sample in samples])
    for name, points in (("image_index", "fixed_xy"), ("given_index", "given_xy")):
        batch[name] = torch.cat(
            [torch.full((len(sample[points]),), number) for number, sample in enumerate(samples)]
        )
    return batch


def maps_of(network: nn.Module, batch: Batch, *, needs_other_detector: bool = True) -> tuple[Tensor, Tensor]:
    """Return detector logits and descriptor grids of all images, the fixed one of each pair first.

    Without `needs_other_detector` nothing is learned from the detector of the images that were warped, so
    its gradient is not computed.
    """
    if needs_other_detector:
        logits, grids = network(batch["channels"].flatten(0, 1), batch["polarities"].flatten())
        return logits, grids
    reference = batch["reference_side"]
    order = torch.stack([reference, 1 - reference], dim=1)
    rows = torch.arange(len(reference), device=order.device)
    maps = [
        network(batch["channels"][rows, order[:, side]], batch["polarities"][rows, order[:, side]])
        for side in (0, 1)
    ]
    # The order is its own inverse: reference and other back to fixed and moving.
    logits = torch.stack([maps[0][0], maps[1][0].detach()], dim=1)[rows[:, None], order]
    grids = torch.stack([maps[0][1], maps[1][1]], dim=1)[rows[:, None], order]
    return logits.flatten(0, 1), grids.flatten(0, 1)


def batch_of(pair: WarpedPair, device: torch.device) -> dict[str, Any]:
    """Return one pair as a batch on a device."""
    batch = collated([as_sample(pair)])
    return {name: value.to(device) if isinstance(value, Tensor) else value for name, value in batch.items()}


def registered(logits: Tensor, grids: Tensor, fields: np.ndarray[Any, Any]) -> Scored:
    """Match the two images of a pair and find what the matches agree on."""
    fixed, moving = (
        extract_keypoints(
            logits[side],
            grids[side],
            fields[side] > 0,
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
    return Scored(fixed, moving, matches, consensus)


def score_warped(
    pairs: Sequence[WarpedPair], network: nn.Module, losses: PairLosses, device: torch.device
) -> dict[str, float | None]:
    """Score warped pairs: losses, matching at true points, keypoints found again, corner error."""
    of_losses: dict[str, list[float]] = {}
    num_right, num_points, repeated, num_detected, recalled, num_given = 0, 0, 0, 0, 0, 0
    found: list[int] = []
    errors: list[float] = []
    for pair in pairs:
        batch = batch_of(pair, device)
        logits, grids = maps_of(network, batch)
        for name, loss in losses.of_batch(logits, grids, batch, is_training=False).items():
            of_losses.setdefault(name, []).append(float(loss))
        if len(pair.fixed_xy) > 1:
            num_right += _right_partners(pair, grids)
            num_points += len(pair.fixed_xy)
        scored = registered(logits, grids, pair.fields)
        again, total = _repeated(scored, pair)
        repeated, num_detected = repeated + again, num_detected + total
        seen, given = _recalled(scored, pair)
        recalled, num_given = recalled + seen, num_given + given
        if losses.terms.has_expansion:
            found.append(losses.found_points(logits, grids, batch))
        errors.append(_corner_error(scored, pair))
    median = float(np.median(errors))
    values: dict[str, float | None] = {
        **{f"loss_{name}": float(np.mean(each)) for name, each in of_losses.items()},
        "matching_accuracy": num_right / num_points if num_points else None,
        "repeatability_3px": repeated / num_detected if num_detected else 0.0,
        "given_recall_3px": recalled / num_given if num_given else None,
        "success_5px": float(np.mean(np.array(errors) <= SUCCESS_PX)),
        "corner_error_px": median if np.isfinite(median) else None,
    }
    if found:
        values["pke_validation_points"] = float(np.mean(found))
    return values


def score_real(
    pairs: Sequence[RealPair], network: nn.Module, device: torch.device
) -> dict[str, float | None]:
    """Score real pairs by their points, in native fixed pixels, without turning or shrinking anything."""
    scores = []
    agreements = []
    for pair in pairs:
        images = np.stack([pair.fixed.channels(), pair.moving.channels()])
        stems = torch.tensor([pair.fixed.stem, pair.moving.stem], device=device)
        logits, grids = network(torch.from_numpy(images).to(device), stems)
        scored = registered(logits, grids, np.stack([pair.fixed.field, pair.moving.field]))
        agreements.append(direction_agreement(pair.fixed, pair.moving, pair.geometry.moving_from_fixed))
        if scored.consensus is None:
            scores.append(FAILED)
            continue
        mapped = apply_homography(scored.consensus.fixed_from_moving, pair.moving_xy)
        native_from_view = invert(pair.fixed.view_from_native)
        gap = apply_homography(native_from_view, mapped) - apply_homography(native_from_view, pair.fixed_xy)
        scores.append(score_errors(np.hypot(gap[:, 0], gap[:, 1])))
    summary = score_pairs(scores)
    straight, turned = (float(np.mean(values)) for values in zip(*agreements, strict=True))
    return {
        "real_auc_25": summary["auc_25"],
        "real_success_10px": summary["success_10px"],
        "direction_agreement": straight,
        "direction_agreement_swapped": turned,
    }


def pair_agreement(pairs: Sequence[WarpedPair]) -> dict[str, float | None]:
    """Return how well vessels of warped pairs agree under their transform, and under its inverse."""
    agreements = []
    for pair in pairs:
        views = [
            NetworkView(
                pair.channels[side, 0],
                pair.channels[side, 1],
                pair.fields[side] > 0,
                "dark",
                np.eye(3),
                (pair.fields.shape[2], pair.fields.shape[1]),
            )
            for side in (0, 1)
        ]
        if all(view.vesselness.any() for view in views):
            agreements.append(direction_agreement(views[0], views[1], pair.homography_moving_from_fixed))
    if not agreements:
        return {"direction_agreement": None, "direction_agreement_swapped": None}
    straight, turned = (float(np.mean(values)) for values in zip(*agreements, strict=True))
    return {"direction_agreement": straight, "direction_agreement_swapped": turned}


def _right_partners(pair: WarpedPair, grids: Tensor) -> int:
    """Count true points whose nearest descriptor in the other image lies where it should."""
    fixed = sample_descriptors(grids[0], torch.from_numpy(pair.fixed_xy).to(grids.device))
    moving = sample_descriptors(grids[1], torch.from_numpy(pair.moving_xy).to(grids.device))
    nearest = (fixed @ moving.T).argmax(dim=1).cpu().numpy()
    gap = np.linalg.norm(pair.moving_xy[nearest] - pair.moving_xy, axis=1)
    return int((gap <= CORRECT_PX).sum())


def _corner_error(scored: Scored, pair: WarpedPair) -> float:
    if scored.consensus is None:
        return float("inf")
    true = invert(pair.homography_moving_from_fixed)
    size = (pair.fields.shape[2], pair.fields.shape[1])
    return corner_error_px(scored.consensus.fixed_from_moving, true, size)


def _repeated(scored: Scored, pair: WarpedPair) -> tuple[int, int]:
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
    return int((distance <= CORRECT_PX).sum()), len(mapped)


def _recalled(scored: Scored, pair: WarpedPair) -> tuple[int, int]:
    """Return how many given points of the reference have a keypoint, and of how many."""
    detected = (scored.fixed, scored.moving)[pair.reference_side].points_xy
    if not len(pair.given_xy) or not len(detected):
        return 0, len(pair.given_xy)
    # Only so many: a detector that fires everywhere finds everything.
    strongest = detected[: 2 * len(pair.given_xy)]
    distance = np.linalg.norm(pair.given_xy[:, None] - strongest[None], axis=2).min(axis=1)
    return int((distance <= CORRECT_PX).sum()), len(pair.given_xy)
