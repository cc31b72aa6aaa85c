"""Settings of registration; forms, command line and help texts are made from them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from engines.contract.config import ImportWeightsConfig, RunConfig, TrainingConfig, setting

GRID_PX = 16
"""Working sizes are multiples of it: two descriptor cells."""


class TrainConfig(TrainingConfig):
    """Settings of the four phases; a phase reads those that concern it."""

    epochs: int = setting(40, "Passes over the training items.", unit="epochs", ge=1, le=100_000)
    max_minutes: float = setting(
        13.0, "Time after which training ends by itself; 0 means no limit.", unit="min", ge=0, le=100_000
    )
    batch_size: int = setting(2, "Image pairs in one batch.", unit="items", ge=1, le=1024)
    learning_rate: float = setting(1e-3, "Peak learning rate of the optimiser.", gt=0, le=1)

    recipe: Literal["recommended", "literal"] = setting(
        "recommended",
        "literal trains as the published plan has it: it sets network, losses and their weights itself.",
    )
    network: Literal["xmodal", "xmodal_wide", "compat"] = setting(
        "xmodal",
        "Small network of our own, the published sizes with own first layers, or the published network; "
        "a run that starts from another takes that one's.",
    )
    stems: Literal["shared", "polarity", "modality"] = setting(
        "polarity", "What has its own first layers: nothing, dark and bright vessels, or each modality."
    )
    detector_resolution: Literal["half", "full"] = setting(
        "half", "Resolution of the detector of the small network; half costs less.", is_advanced=True
    )
    image_size_px: int = setting(
        320, "Side of the square that images are fitted into; a multiple of 16.", unit="px", ge=64, le=1536
    )
    samples_per_item: int = setting(
        2, "Warped pairs drawn from each training item in an epoch.", unit="pairs", ge=1, le=1000
    )
    width: int = setting(
        16, "Channels of the first network stage; later stages have two and four times as many.", ge=4, le=128
    )
    descriptor_size: int = setting(64, "Length of a keypoint's descriptor.", ge=8, le=512)
    vesselness_channel: bool = setting(True, "Whether the network also sees a map of vessel-like lines.")
    vesselness_dropout: float = setting(
        0.3, "Probability of hiding one of the two input channels of an image.", ge=0, le=1, is_advanced=True
    )

    rotation_deg: float = setting(45.0, "Largest turn of the warped image.", unit="deg", ge=0, le=180)
    rotation_start_deg: float = setting(
        15.0, "Largest turn during the first epochs.", unit="deg", ge=0, le=180, is_advanced=True
    )
    rotation_start_epochs: int = setting(
        5,
        "Epochs that are limited to the first turn.",
        unit="epochs",
        ge=0,
        le=10_000,
        is_advanced=True,
    )
    scale_min: float = setting(0.8, "Smallest scale of the warped image.", ge=0.1, le=1.0)
    scale_max: float = setting(1.25, "Largest scale of the warped image.", ge=1.0, le=10.0)
    translation_fraction: float = setting(
        0.2, "Largest shift of the warped image, as a share of its side.", ge=0, le=0.5
    )
    perspective_fraction: float = setting(
        0.05, "Largest jitter of a corner of the warped image, as a share of its side.", ge=0, le=0.2
    )
    min_overlap: float = setting(
        0.4, "Smallest common share of the two images.", ge=0.05, le=0.95, is_advanced=True
    )
    modality_probability: float = setting(
        0.5,
        "Probability of giving an image the look of another modality: angiogram, red-free, OCT, OCTA.",
        ge=0,
        le=1,
    )
    looks_per_item: int = setting(
        4,
        "Looks of other modalities that are made of each item, drawn anew in every run.",
        unit="looks",
        ge=0,
        le=100,
        is_advanced=True,
    )
    scanned_share: float = setting(
        0.2,
        "Share of looks that are a cut-out, as OCT and OCTA scan it; it fills the canvas.",
        ge=0,
        le=1,
        is_advanced=True,
    )
    scanned_scale_min: float = setting(
        0.35, "Smallest scale of such a cut-out.", ge=0.1, le=1, is_advanced=True
    )
    polarity_inversion_probability: float = setting(
        0.3, "Probability of turning dark vessels bright, for each image.", ge=0, le=1
    )
    photometric_strength: float = setting(
        1.0,
        "Strength of changes of contrast, blur, noise and shading; 0 leaves images as they are.",
        ge=0,
        le=2,
    )

    lambda_detector: float = setting(1.0, "Weight of the detector loss of the fixed image.", ge=0, le=100)
    lambda_moving: float = setting(
        1.0, "Weight of the detector loss of the warped image; 0 is the recipe of the paper.", ge=0, le=100
    )
    lambda_descriptor: float = setting(1.0, "Weight of the descriptor loss.", ge=0, le=100)
    descriptor_loss: Literal["infonce", "triplet"] = setting(
        "infonce", "Contrast with all other points, or with the hardest and a random one.", is_advanced=True
    )
    temperature: float = setting(
        0.07, "Temperature of the infonce descriptor loss.", ge=0.01, le=1, is_advanced=True
    )
    triplet_margin: float = setting(
        0.8, "Margin of the triplet descriptor loss.", ge=0.01, le=2, is_advanced=True
    )
    negatives_exclusion_px: float = setting(
        16.0,
        "Points nearer than this to the true partner do not count as wrong ones.",
        unit="px",
        ge=0,
        le=200,
        is_advanced=True,
    )
    max_points: int = setting(
        256,
        "Points of an image that enter the descriptor loss.",
        unit="points",
        ge=8,
        le=5000,
        is_advanced=True,
    )
    validation_warps: int = setting(
        2, "Warped pairs made from each validation item.", unit="pairs", ge=1, le=100, is_advanced=True
    )
    validation_rotation_deg: float = setting(
        30.0, "Largest turn of a validation pair.", unit="deg", ge=0, le=180, is_advanced=True
    )
    bifurcations: Literal["mask", "vesselness", "points", "mask_and_points"] = setting(
        "mask_and_points",
        "Where training points come from: the vessel mask, lines found in the image, a person's points, or "
        "the mask and the points.",
        is_advanced=True,
    )
    vesselness_weight: float = setting(
        0.4,
        "Weight of the detector loss where points come from lines found in the image.",
        ge=0,
        le=1,
        is_advanced=True,
    )

    lambda_geometry: float = setting(
        0.75, "From phase 2 on: weight of the agreement of both detectors.", ge=0, le=100
    )
    geometry_ramp_epochs: int = setting(
        5,
        "Epochs of phase 2 over which that weight rises, and in which only the moving detector follows.",
        unit="epochs",
        ge=0,
        le=10_000,
        is_advanced=True,
    )
    pke_candidate_score: float = setting(
        0.1, "From phase 3 on: least score of a new point in the fixed image.", ge=0, le=1, is_advanced=True
    )
    pke_geometry_score: float = setting(
        0.5, "Least score of the moving detector at the place of a new point.", ge=0, le=1
    )
    pke_content_ratio: float = setting(
        0.75,
        "Largest ratio of the descriptor distances of a new point to its own partner and to the next best.",
        gt=0,
        le=1,
    )
    pke_validation_ratio: float = setting(
        0.9, "The same ratio where validation counts what would be found.", gt=0, le=1, is_advanced=True
    )
    pke_max_new_points: int = setting(
        300, "New points of an image in one round at most.", unit="points", ge=1, le=5000
    )
    pke_radius_px: float = setting(
        10.0,
        "Least distance of new points from each other and from given ones, at 768 px.",
        unit="px",
        ge=1,
        le=100,
        is_advanced=True,
    )

    real_share: float = setting(0.8, "In phase 4: share of real pairs among the training pairs.", ge=0, le=1)
    real_pairs: Literal["landmarks", "landmarks_and_verified"] = setting(
        "landmarks_and_verified",
        "Which real pairs train: those with keypoint pairs, or also those registered without training.",
    )
    real_geometry: Literal["t_0to1", "pre_align"] = setting(
        "pre_align",
        "Whether a real pair keeps its own geometry, or is aligned first and then warped anew every time.",
    )
    real_max_rmse_px: float = setting(
        6.0,
        "Largest error of a real pair's transform at its points, at 768 px.",
        unit="px",
        gt=0,
        le=100,
        is_advanced=True,
    )
    lambda_pke: float = setting(
        0.5, "In phase 4: weight of the descriptor loss at points that were found by training.", ge=0, le=100
    )

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if self.image_size_px % GRID_PX:
            raise ValueError("image_size_px must be a multiple of 16")
        return self


class ImportConfig(ImportWeightsConfig):
    """Settings of taking over weights that another program trained."""

    network: Literal["compat", "xmodal_wide"] = setting(
        "compat",
        "The published network as it is, or with first layers of its own for dark and bright vessels.",
    )
    stems: Literal["shared", "polarity", "modality"] = setting(
        "polarity", "What has its own first layers in the wider network."
    )
    vesselness_channel: bool = setting(
        True, "Whether the wider network also sees a map of vessel-like lines; it begins without effect."
    )
    image_size_px: int = setting(
        768, "Side of the square that images are fitted into; a multiple of 16.", unit="px", ge=64, le=1536
    )

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if self.image_size_px % GRID_PX:
            raise ValueError("image_size_px must be a multiple of 16")
        return self


class MatcherConfig(RunConfig):
    """How a trained network's keypoints become a transform."""

    model: Literal["auto", "homography", "affine", "quadratic"] = setting(
        "auto", "Family of the transform; auto takes a homography where enough of the images is common."
    )
    num_candidates: int = setting(
        4, "Poses of the search that are refined and verified.", ge=1, le=32, is_advanced=True
    )
    rotation_sweep_deg: float = setting(
        60.0,
        "Step of the turns of the moving image that a network tries over the full circle; 0 tries none.",
        unit="deg",
        ge=0,
        le=180,
        is_advanced=True,
    )
    scale_sweep_steps: int = setting(
        1,
        "Times one image is shrunk by 0.6 when too little matches; 0 trusts the field of view. "
        "An OCT or OCTA image is always tried at a half and a quarter as well.",
        ge=0,
        le=4,
        is_advanced=True,
    )
    guided_pass: bool = setting(
        True,
        "Whether the moving image is matched once more after it was laid on the fixed one.",
        is_advanced=True,
    )
    nms_radius_px: int = setting(
        4, "Least distance between keypoints at the working size.", unit="px", ge=1, le=50, is_advanced=True
    )
    detection_threshold: float = setting(0.02, "Least score of a keypoint.", ge=0, le=1, is_advanced=True)
    max_keypoints: int = setting(
        600, "Keypoints of an image at most.", unit="points", ge=16, le=10_000, is_advanced=True
    )
    ratio: float = setting(
        0.95,
        "Largest ratio of the best to the second best descriptor distance; 1 keeps every mutual match.",
        gt=0,
        le=1,
        is_advanced=True,
    )
    inlier_px: float = setting(
        4.0, "Largest error of an inlier at the working size.", unit="px", gt=0, le=50, is_advanced=True
    )
    min_inliers: int = setting(
        6,
        "Inliers below which a network's transform is not used.",
        unit="points",
        ge=4,
        le=500,
        is_advanced=True,
    )
    weights: Literal["best", "last"] = setting(
        "best", "Which checkpoint of the run is used.", is_advanced=True
    )


class PredictConfig(MatcherConfig):
    """Settings of registering pairs."""

    method: Literal["auto", "classical", "model", "fused"] = setting(
        "auto",
        "What registers; fused lets search and model propose; auto is fused where a run is given.",
    )
    write_images: bool = setting(True, "Whether the registered image and the blend are written.")
    max_suggestions: int = setting(
        30, "Keypoint pairs that are suggested for an item at most.", unit="points", ge=1, le=300
    )


class EvaluateConfig(MatcherConfig):
    """Settings of scoring against landmarks."""

    rotation_deg: float = setting(
        0.0, "Turn of every moving image before registration, counter-clockwise.", unit="deg", ge=-360, le=360
    )
    stress: Literal["none", "zoom", "low_overlap", "any", "degraded", "heavily_degraded"] = setting(
        "none", "A harder variant of every pair."
    )
    stress_seed: int = setting(0, "Seed of the harder variants.", ge=0, le=2**31 - 1)
    suite: Literal["single", "rotations", "stress", "full"] = setting(
        "single",
        "What is scored beside the first condition: turns of 0 to 60 degrees, harder variants, or both.",
    )
    num_stress_seeds: int = setting(
        5, "Draws of each harder variant in a suite.", unit="draws", ge=1, le=100, is_advanced=True
    )
    regression: bool = setting(
        False,
        "Whether a network that regresses an affine transform is trained on the batches of the model and "
        "scored as the row regression; that takes about as long as the model's own training.",
        is_advanced=True,
    )
    bootstrap_samples: int = setting(
        2000, "Draws of subjects behind the 95 % intervals.", unit="draws", ge=0, le=100_000, is_advanced=True
    )
    num_pictures: int = setting(
        6, "Checkerboards on the page, of the pairs with the largest errors.", ge=0, le=200, is_advanced=True
    )
