"""Settings of segmentation and grading; forms, command line and help texts are made from them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from engines.contract.config import ImportWeightsConfig, RunConfig, TrainingConfig, setting

LabelCodingChoice = Literal["auto", "2017", "2023", "2012", "binary"]


class TrainConfig(TrainingConfig):
    """Settings of training; each phase uses those that concern it."""

    epochs: int = setting(20, "Passes over the training items.", unit="epochs", ge=1, le=100_000)
    batch_size: int = setting(4, "Slices in one batch.", unit="slices", ge=1, le=1024)
    ema_decay: float = setting(
        0.999, "Decay of the averaged weights used to validate and predict.", ge=0, lt=1, is_advanced=True
    )

    method: Literal["diffusion", "unet", "classifier"] = setting(
        "diffusion",
        "Diffusion; or, to compare with, a plain U-Net of as many parameters, or a grade classifier alone.",
    )
    network: Literal["compact", "preview", "v2"] = setting(
        "compact",
        "Compact; preview is the published one, 129 million weights; v2 is our own reading.",
    )
    base_width: int = setting(
        32, "Channels of the diffusion network at full resolution: any multiple of 8.", ge=8, le=256
    )
    condition_width: int = setting(
        16, "Channels of the image-only branch at full resolution.", ge=8, le=128, is_advanced=True
    )
    num_levels: int = setting(4, "Resolutions of the networks.", ge=2, le=6, is_advanced=True)
    prediction: Literal["x0", "v", "eps"] = setting(
        "x0", "What the network predicts: the clean mask, a velocity, or the noise.", is_advanced=True
    )
    noise_schedule: Literal["linear", "cosine"] = setting(
        "linear", "Course of the noise over the trained steps.", is_advanced=True
    )
    noise_steps: int = setting(
        1000, "Steps of noise in training; sampling takes any number of them.", unit="steps", ge=10, le=4000
    )
    grade_head: Literal["image", "bottleneck", "off"] = setting(
        "image",
        "Where the grade is read: the image-only branch; or the middle of the diffusion network, which "
        "sees the noisy true mask in training; or nowhere.",
    )
    stop_gradient: bool = setting(
        True, "Whether the grade loss leaves the weights of the segmentation alone."
    )

    regions: Literal["wt", "wt_tc_et"] = setting(
        "wt_tc_et", "What is segmented: the whole tumour, or it, its core and the enhancing part."
    )
    label_coding: LabelCodingChoice = setting(
        "auto", "Coding of the labels; found over all items by default.", is_advanced=True
    )
    image_size: int = setting(
        0,
        "Side to which slices are padded; 0 takes the smallest that holds every brain.",
        unit="px",
        ge=0,
        le=1024,
    )
    slices_per_subject: int = setting(
        8, "Slices drawn from each subject in an epoch.", unit="slices", ge=1, le=1000
    )
    tumour_share: float = setting(0.67, "Share of drawn slices that have tumour.", ge=0, le=1)
    flips: bool = setting(True, "Whether slices are mirrored at random.", is_advanced=True)
    affine: bool = setting(True, "Whether slices are turned and scaled at random.", is_advanced=True)
    elastic: bool = setting(False, "Whether slices are bent at random.", is_advanced=True)
    bias_field: bool = setting(True, "Whether brightness varies at random over a slice.", is_advanced=True)
    gamma: bool = setting(True, "Whether contrast varies at random.", is_advanced=True)
    noise: bool = setting(True, "Whether noise is added at random.", is_advanced=True)
    modality_dropout: float = setting(
        0.1, "Chance that a modality is missing from a slice.", ge=0, le=0.9, is_advanced=True
    )

    focal_weight: float = setting(0.5, "Weight of the focal loss beside Dice.", ge=0, le=100)
    focal_gamma: float = setting(
        1.5, "How much the focal loss of masks favours wrong pixels.", ge=0, le=10, is_advanced=True
    )
    calibration_weight: float = setting(1.0, "Weight of the loss of the image-only mask.", ge=0, le=100)
    grade_gamma: float = setting(
        2.0, "How much the grade loss favours wrong subjects; 0 is cross entropy.", ge=0, le=10
    )
    low_grade_factor: float = setting(
        1.0, "Extra factor on the weight of the low grade.", gt=0, le=100, is_advanced=True
    )
    grade_weight: float = setting(0.1, "Weight of the grade loss, where weights are fixed.", ge=0, le=100)
    weighting: Literal["fixed", "uncertainty", "pcgrad"] = setting(
        "fixed", "How both tasks are weighed: fixed, by learned uncertainty, or with conflicts taken out."
    )
    conflict_every_steps: int = setting(
        50,
        "Steps between measurements of the angle between both tasks' gradients; 0 never measures.",
        unit="steps",
        ge=0,
        le=100_000,
        is_advanced=True,
    )

    validation_steps: int = setting(5, "Sampling steps of a validation.", unit="steps", ge=1, le=1000)
    validation_samples: int = setting(
        1, "Masks drawn for each slice of a validation.", unit="masks", ge=1, le=16, is_advanced=True
    )
    num_evaluation_cases: int = setting(
        20, "Validation subjects that are scored; 0 scores all.", unit="subjects", ge=0, le=10_000
    )
    slices_per_batch: int = setting(
        16, "Slices computed at once when sampling.", unit="slices", ge=1, le=1024, is_advanced=True
    )

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        if self.base_width % 8 or self.condition_width % 8:
            raise ValueError("base_width and condition_width must be multiples of 8")
        if self.method == "classifier" and self.grade_head == "off":
            raise ValueError("a classifier without a grade head does nothing")
        if self.image_size % 32:
            raise ValueError("image_size must be 0 or a multiple of 32")
        return self


class SamplingConfig(RunConfig):
    """How masks are drawn from a trained network."""

    sampler: Literal["ddim", "dpm_solver", "ancestral"] = setting("ddim", "How masks are drawn.")
    sampling_steps: int = setting(
        10, "Steps of each drawing, at most those of the training.", unit="steps", ge=1, le=4000
    )
    samples: int = setting(5, "Masks drawn for each slice.", unit="masks", ge=1, le=64)
    eta: float = setting(0.0, "Noise added by DDIM in each step.", ge=0, le=1, is_advanced=True)
    start: Literal["noise", "calibration"] = setting(
        "noise", "Whether drawing starts from noise or from the noisy image-only mask."
    )
    start_share: float = setting(
        0.25, "Share of the noise with which the image-only mask is started.", gt=0, le=1, is_advanced=True
    )
    fusion: Literal["mean", "staple"] = setting(
        "mean", "How the drawn masks become one: their mean, or STAPLE."
    )
    threshold: float = setting(0.5, "Probability from which a voxel is tumour.", gt=0, lt=1)
    slices_per_batch: int = setting(
        8, "Slices computed at once.", unit="slices", ge=1, le=1024, is_advanced=True
    )
    grade_threshold: float = setting(0.5, "Probability from which the high grade is said.", gt=0, lt=1)
    abstain_band: float = setting(
        0.1,
        "Distance of the grade's probability from its threshold within which nothing is said.",
        ge=0,
        lt=0.5,
    )
    weights: Literal["best", "last"] = setting(
        "best", "Which checkpoint of the run is used.", is_advanced=True
    )


class PredictConfig(SamplingConfig):
    """Settings of segmenting and grading."""

    write_probability: bool = setting(True, "Whether the probability is written too, as a volume.")
    write_uncertainty: bool = setting(True, "Whether maps of uncertainty are written too, as volumes.")


class EvaluateConfig(SamplingConfig):
    """Settings of scoring."""

    label_coding: LabelCodingChoice = setting(
        "auto", "Coding of the labels when no run is given; a run knows its own.", is_advanced=True
    )
    unet_run: str = setting("", "Folder of a plain U-Net's run, scored beside the model; empty for none.")
    has_steps_curve: bool = setting(
        False, "Whether Dice is measured with 1, 2, 5, 10, 20 and 50 steps too, on eight items."
    )


class ImportConfig(ImportWeightsConfig):
    """Settings of importing weights."""

    num_regions: int = setting(1, "Regions that the weights segment.", ge=1, le=3)
    noise_steps: int = setting(
        1000, "Steps of noise that the weights were trained with.", unit="steps", ge=10, le=4000
    )
