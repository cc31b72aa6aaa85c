"""The two recipes behind one switch: what the published plan sets, and what it leaves to the person."""

from __future__ import annotations

from typing import Any

from engines.registration.config import TrainConfig

LITERAL: dict[str, Any] = {
    "network": "compat",
    "stems": "shared",
    "vesselness_channel": False,
    "descriptor_loss": "triplet",
    "triplet_margin": 0.8,
    "lambda_detector": 1.0,
    "lambda_moving": 0.0,
    "lambda_descriptor": 1.0,
    "lambda_geometry": 1.0,
    "geometry_ramp_epochs": 0,
    "polarity_inversion_probability": 0.0,
    "learning_rate": 1e-4,
    "bifurcations": "mask",
    "pke_candidate_score": 0.1,
    "pke_geometry_score": 0.5,
    "pke_content_ratio": 0.7,
    "pke_validation_ratio": 0.9,
    "pke_max_new_points": 300,
    "real_share": 0.8,
    "real_pairs": "landmarks",
    "real_geometry": "t_0to1",
}
"""Values of the published plan. Sizes of images and looks of other modalities are data, not recipe."""


def with_recipe(config: TrainConfig) -> tuple[TrainConfig, tuple[str, ...]]:
    """Return the settings that a run really uses, and which of its settings the recipe changed."""
    if config.recipe == "recommended":
        return config, ()
    changed = tuple(key for key, value in LITERAL.items() if getattr(config, key) != value)
    return config.model_copy(update=LITERAL), changed
