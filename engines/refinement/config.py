"""Settings of refinement; forms, command line and help texts are made from them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from engines.contract.config import ImportWeightsConfig, RunConfig, TrainingConfig, setting

Variant = Literal["shape", "shape+appearance"]


class TrainConfig(TrainingConfig):
    """Settings of fitting fields to labels."""

    epochs: int = setting(60, "Passes over the training items.", unit="epochs", ge=1, le=100_000)
    batch_size: int = setting(1, "Cases in one batch.", unit="items", ge=1, le=1024)
    learning_rate: float = setting(2e-3, "Peak learning rate of the optimiser.", gt=0, le=1)
    validate_every_epochs: int = setting(10, "Epochs between validations.", unit="epochs", ge=1, le=10_000)
    preview_every_epochs: int = setting(
        10,
        "Epochs between previews of the fixed cases; 0 writes none.",
        unit="epochs",
        ge=0,
        le=10_000,
        is_advanced=True,
    )

    variant: Variant = setting(
        "shape+appearance",
        "Whether the field sees the image too; only then can it repair what the label has wrong.",
    )
    label_class: int = setting(
        9, "Label to refine; 9 is the coronary arteries of the Public Cardiac CT classes.", ge=1, le=65_535
    )
    work_spacing_mm: float = setting(
        0.5, "Point distance of the work lattice; at most the vessel radius.", unit="mm", ge=0.1, le=5
    )
    margin_mm: float = setting(
        8.0, "Margin of the work lattice around the label.", unit="mm", ge=1, le=50, is_advanced=True
    )

    points_per_step: int = setting(
        32_768, "Points drawn from a case in one step.", unit="points", ge=64, le=4_000_000
    )
    band_share_start: float = setting(
        0.5, "Share of points on the boundary in the first third of training.", ge=0, le=0.95
    )
    band_share_middle: float = setting(
        0.3, "Share of points on the boundary in the second third.", ge=0, le=0.95, is_advanced=True
    )
    band_share_end: float = setting(
        0.1, "Share of points on the boundary in the last third.", ge=0, le=0.95, is_advanced=True
    )
    band_points: float = setting(
        2.0, "Width of the boundary band outside the label, in lattice points.", ge=1, le=20, is_advanced=True
    )
    has_weights: bool = setting(
        True,
        "Whether points count by their importance weights; without them a field is fitted to the sample.",
        is_advanced=True,
    )

    lambda_dice: float = setting(0.7, "Weight of the Dice loss.", ge=0, le=100)
    lambda_focal: float = setting(0.3, "Weight of the focal loss.", ge=0, le=100)
    focal_gamma: float = setting(
        4.0,
        "How much the focal loss favours points that are still wrong; 0 is plain cross entropy.",
        ge=0,
        le=10,
    )
    lambda_recall: float = setting(
        0.0, "Weight of keeping the label's centre line; 0 leaves it out.", ge=0, le=100
    )
    lambda_latent: float = setting(
        1e-4, "Weight of the squared length of a case's latent.", ge=0, le=100, is_advanced=True
    )

    latent_size: int = setting(256, "Numbers that describe a case.", ge=4, le=4096, is_advanced=True)
    latent_grid: int = setting(
        16,
        "Side of the finest feature grid that is made from a case's latent: 4, 8, 16, 32 or 64.",
        unit="points",
        ge=4,
        le=64,
        is_advanced=True,
    )
    residual_channels: int = setting(
        0,
        "Channels of each case's own feature grids, which reproduce its label; 0 has none.",
        ge=0,
        le=64,
    )
    residual_spacing_mm: float = setting(
        0.0,
        "Point distance of the finest of these grids; 0 takes the vessel radius.",
        unit="mm",
        ge=0,
        le=10,
        is_advanced=True,
    )
    encoder_width: int = setting(
        8, "Channels of the image encoder at full resolution; coarser levels have more.", ge=2, le=128
    )
    encoder_levels: int = setting(
        3, "Levels of the image encoder; each sees twice as far.", ge=1, le=6, is_advanced=True
    )
    label_context: bool = setting(
        True, "Whether the encoder also sees a blurred copy of the label, with parts hidden while it learns."
    )
    is_mirrored: bool = setting(
        False,
        "Whether the encoder sees cases mirrored at random while it learns: slower, but less by heart.",
        is_advanced=True,
    )
    head_width: int = setting(64, "Width of the three layers of the point head.", ge=8, le=512)
    fourier_octaves: int = setting(
        4, "Octaves of the position code of a point.", ge=0, le=10, is_advanced=True
    )

    num_scored: int = setting(
        3, "Training cases whose whole lattice is scored in a validation.", unit="items", ge=1, le=1000
    )
    latent_steps: int = setting(
        60,
        "Steps that fit a new case's latent in a validation; 0 takes the mean latent.",
        unit="steps",
        ge=0,
        le=10_000,
        is_advanced=True,
    )

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        if not (self.lambda_dice or self.lambda_focal):
            raise ValueError("lambda_dice and lambda_focal cannot both be 0")
        if self.latent_grid not in (4, 8, 16, 32, 64):
            raise ValueError("latent_grid must be 4, 8, 16, 32 or 64")
        return self


class FieldConfig(RunConfig):
    """How a trained field becomes a mask."""

    threshold: float = setting(0.5, "Probability from which a point is vessel.", gt=0, lt=1)
    keep_margin: float = setting(
        0.4,
        "Distance of the probability from the threshold within which the label stays as it is; 0 lets the "
        "field decide everywhere.",
        ge=0,
        lt=0.5,
    )
    latent_steps: int = setting(
        300,
        "Steps that fit the latent of a case that was not trained on; 0 takes the mean latent.",
        unit="steps",
        ge=0,
        le=10_000,
    )
    inference: Literal["sparse", "dense"] = setting(
        "sparse",
        "Whether the field is asked around the label and where a coarse sweep finds vessel, or everywhere.",
    )
    support_mm: float = setting(
        3.0, "Distance to the label within which the field is always asked.", unit="mm", ge=0.2, le=50
    )
    least_agreement: float = setting(
        0.85,
        "Agreement with the centre lines of a case's label (clDice) from which the field decides alone. "
        "Below it, veins or weak contrast mislead it: the label keeps its branches and only its wounds are "
        "healed; 0 trusts it always.",
        ge=0,
        le=1,
    )
    longest_bridge_mm: float = setting(
        8.0,
        "Largest extent of what may join two pieces of the label in a case where the field is not trusted.",
        unit="mm",
        ge=0,
        le=100,
        is_advanced=True,
    )
    smallest_piece_mm3: float = setting(
        10.0,
        "Pieces of the result that are smaller than this are left out; 0 keeps all.",
        unit="mm3",
        ge=0,
        le=10_000,
    )
    resolution: int = setting(
        128,
        "Points a side of the lattice on which an imported field is asked; others do not use it.",
        unit="points",
        ge=8,
        le=512,
        is_advanced=True,
    )
    weights: Literal["best", "last"] = setting(
        "best", "Which checkpoint of the run is used.", is_advanced=True
    )


class PredictConfig(FieldConfig):
    """Settings of refining label maps."""

    smallest_piece_mm3: float = setting(
        0.0,
        "Pieces of the result that are smaller than this are left out before cleaning; 0 leaves all to it.",
        unit="mm3",
        ge=0,
        le=10_000,
        is_advanced=True,
    )
    from_run: str = setting(
        "",
        "Earlier refining run, by id or folder: its results are cleaned, fused and checked again with what "
        "was decided since, and the field is not asked.",
    )
    anatomy: Literal["public_cardiac_ct", "none"] = setting(
        "public_cardiac_ct",
        "Whose classes the label maps have: which are aorta and muscle, and who keeps a voxel. Without "
        "anatomy every other class keeps its voxels.",
    )
    aorta_class: int = setting(
        0, "Class of the aorta; 0 takes that of the anatomy.", ge=0, le=65_535, is_advanced=True
    )
    myocardium_class: int = setting(
        0, "Class of the heart muscle; 0 takes that of the anatomy.", ge=0, le=65_535, is_advanced=True
    )
    ostium_mm: float = setting(
        3.0, "Farthest distance of a tree's root from the aorta.", unit="mm", gt=0, le=50, is_advanced=True
    )
    far_from_myocardium_mm: float = setting(
        15.0,
        "Mean distance to the heart muscle from which a piece is flagged.",
        unit="mm",
        gt=0,
        le=200,
        is_advanced=True,
    )
    gap_mm: float = setting(
        6.0, "Longest gap that is proposed to be bridged.", unit="mm", gt=0, le=50, is_advanced=True
    )
    speck_mm3: float = setting(
        5.0, "Pieces smaller than this are proposed to be removed.", unit="mm3", ge=0, le=10_000
    )
    stub_mm: float = setting(
        3.0, "Pieces shorter than this are proposed to be removed.", unit="mm", ge=0, le=100
    )
    write_probability: bool = setting(
        False, "Whether the probability is written as a volume too, for other programs."
    )


class ImportConfig(ImportWeightsConfig):
    """Settings of importing fields that other programs trained."""

    checkpoint: Literal["best", "latest"] = setting(
        "best", "Which weights of a folder are taken, where it has both."
    )
    table: str = setting(
        "",
        "Table of the cases that the field was trained on, in the order of the latents; info.csv beside the "
        "weights by default.",
    )
    label_class: int = setting(
        0, "Class that it refines; 0 takes what config.json says, else 9.", ge=0, le=65_535
    )
    window_low_hu: float = setting(
        -200.0, "Value of the image that the field saw as 0.", unit="HU", ge=-2000, le=4000, is_advanced=True
    )
    window_high_hu: float = setting(
        500.0, "Value of the image that the field saw as 1.", unit="HU", ge=-2000, le=4000, is_advanced=True
    )

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if self.window_low_hu >= self.window_high_hu:
            raise ValueError("window_low_hu must be below window_high_hu")
        return self


class EvaluateConfig(FieldConfig):
    """Settings of scoring refined label maps."""

    cases: Literal["project", "noise_bench"] = setting(
        "project",
        "What is scored: the project's items, or procedural vessels whose labels were spoiled on purpose, "
        "where the truth is known.",
    )
    num_cases: int = setting(
        10, "Procedural cases of the noise bench; every third is hard.", unit="items", ge=1, le=200
    )
    noise_severity: int = setting(2, "How badly the noise bench spoils labels: 1 to 3.", ge=1, le=3)
    bench_voxels: int = setting(
        96,
        "Side of the noise bench's cases.",
        unit="voxels",
        ge=32,
        le=256,
        is_advanced=True,
    )
    bench_spacing_mm: float = setting(
        0.8, "Voxel size of the noise bench's cases.", unit="mm", ge=0.2, le=3, is_advanced=True
    )
    label_class: int = setting(
        9, "Label to score when no run is given; a run knows its own.", ge=1, le=65_535, is_advanced=True
    )
    speck_mm3: float = setting(
        10.0, "Pieces smaller than this are dropped by the baseline drop_specks.", unit="mm3", ge=0, le=10_000
    )
    closing_mm: float = setting(1.6, "Radius of the baseline closing.", unit="mm", ge=0.1, le=20)
    gaussian_mm: float = setting(0.6, "Blur of the baseline gaussian.", unit="mm", ge=0.05, le=20)
    threshold_hu: float = setting(
        200.0, "Least value of the baseline hu_threshold, near the label.", unit="HU", ge=-1024, le=3071
    )
    threshold_reach_mm: float = setting(
        1.6, "Distance to the label within which hu_threshold looks.", unit="mm", ge=0, le=20
    )
