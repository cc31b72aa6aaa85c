"""Settings of synthesis; forms, command line and help texts are made from them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from engines.contract.config import ImportWeightsConfig, RunConfig, TrainingConfig, setting

WindowName = Literal["lung_and_vessels", "lung", "vessels", "full", "custom"]
Alignment = Literal["none", "grid", "rigid", "deformable"]
_SLICE_LEARNING_RATE = 2e-4


class TrainConfig(TrainingConfig):
    """Settings of training generator, registration, discriminator and refiner."""

    epochs: int = setting(100, "Passes over the training slices.", unit="epochs", ge=1, le=100_000)
    batch_size: int = setting(1, "Slices in one batch.", unit="slices", ge=1, le=1024)
    learning_rate: float = setting(_SLICE_LEARNING_RATE, "Peak learning rate of G, or of G2.", gt=0, le=1)
    warmup_steps: int = setting(
        200,
        "Steps over which the learning rate rises, from a fraction that is never zero.",
        unit="steps",
        ge=0,
        le=1_000_000,
        is_advanced=True,
    )
    gradient_clip_norm: float = setting(
        0.0, "Largest norm of the gradient of all networks; 0 does not clip.", ge=0, le=1e6, is_advanced=True
    )
    ema_decay: float = setting(
        0.999,
        "Decay of the averaged weights of G and G2, with which is validated and predicted; 0 averages none.",
        ge=0,
        lt=1,
        is_advanced=True,
    )
    validate_every_epochs: int = setting(1, "Epochs between validations.", unit="epochs", ge=1, le=10_000)

    window: WindowName = setting("lung", "HU that become -1 and 1: the same for NCCT and CTA.")
    window_low: float = setting(
        -1000.0, "Lower end of the window named custom.", unit="HU", ge=-1024, le=3071, is_advanced=True
    )
    window_high: float = setting(
        1000.0, "Upper end of the window named custom.", unit="HU", ge=-1024, le=3071, is_advanced=True
    )
    alignment: Alignment = setting(
        "grid", "What is done before: nothing, one grid, rigid registration, or rigid and deformable."
    )
    grades: Literal["a", "ab", "abc"] = setting(
        "ab", "Grades of alignment that are trained on; c is the worst.", is_advanced=True
    )
    neighbour_mm: float = setting(
        2.0, "Distance of the two slices that are seen beside each slice.", unit="mm", ge=0.1, le=20
    )
    lung_weights: str = setting(
        "",
        "File of lungmask weights on this machine, which finds the lungs; empty finds them by their HU.",
        is_advanced=True,
    )
    crop_px: int = setting(256, "Side of training crops; 0 takes whole slices.", unit="px", ge=0, le=4096)
    slices_per_epoch: int = setting(
        0, "Slices drawn in an epoch; 0 takes each once.", unit="slices", ge=0, le=1_000_000
    )
    lung_repeats: int = setting(
        2, "How often slices with lung come for each slice without.", ge=1, le=20, is_advanced=True
    )
    is_mirrored: bool = setting(
        False, "Whether slices are mirrored left to right at random.", is_advanced=True
    )
    cache_dir: str = setting(
        "", "Folder that keeps aligned slices for later runs; empty keeps none.", is_advanced=True
    )
    num_val_slices: int = setting(
        16, "Slices scored in a validation, spread over the items.", unit="slices", ge=1, le=10_000
    )

    generator: Literal["large", "light", "small", "tiny"] = setting(
        "light", "Size of G: 61, 7.8, 0.48 or 0.02 million parameters."
    )
    residual_output: bool = setting(
        True, "Whether G adds a change to the NCCT instead of making the whole image."
    )
    residual_scale: float = setting(
        1.0, "Largest change that G can add; 2 reaches every value.", gt=0, le=2, is_advanced=True
    )

    registrar: Literal["tiny", "tiny_attention", "deep"] = setting(
        "tiny", "Size of R: 0.07 million parameters, with attention, or 2.06 million."
    )
    with_registrar: bool = setting(
        False, "Whether R also corrects shifts in a phase that has D.", is_advanced=True
    )
    registrar_rate: float = setting(
        0.5, "Learning rate of R, relative to that of G.", gt=0, le=100, is_advanced=True
    )
    registrar_schedule: Literal["constant", "cosine"] = setting(
        "cosine", "Course of the learning rate of R.", is_advanced=True
    )
    smoothness_weight: float = setting(0.5, "Weight of the smoothness of R's displacement.", ge=0, le=1000)
    r_detach_epochs: int = setting(
        0, "Epochs in which R does not pull at G through its input.", unit="epochs", ge=0, le=10_000
    )

    disc_type: Literal["patchgan", "resblock"] = setting("patchgan", "Kind of D.")
    d_cond_mode: Literal["none", "concat", "residual"] = setting(
        "none", "What D sees of the NCCT: nothing, the slices beside, or the difference."
    )
    d_high_pass: bool = setting(
        False,
        "Whether D sees only the fine detail of that, amplified: noise and edges without their HU.",
        is_advanced=True,
    )
    gan_loss_type: Literal["hinge", "lsgan"] = setting("hinge", "Form of the adversarial loss.")
    ndf: int = setting(64, "Channels of D's first layer.", ge=1, le=512, is_advanced=True)
    num_d: int = setting(2, "Scales that D judges.", ge=1, le=4, is_advanced=True)
    n_blocks_res_d: int = setting(4, "Blocks of the residual D.", ge=1, le=6, is_advanced=True)
    use_attention: bool = setting(True, "Whether the residual D has self-attention.", is_advanced=True)
    spectral_norm: bool = setting(
        True,
        "Whether D's convolutions have spectral norm; without, R1 alone keeps D smooth.",
        is_advanced=True,
    )
    gan_weight: float = setting(1.0, "Weight of the adversarial loss of G.", ge=0, le=1000)
    gan_share: float = setting(
        0.0,
        "Share of the pull at the image that the adversarial loss gets, instead of gan_weight; 0 keeps that.",
        ge=0,
        lt=1,
        is_advanced=True,
    )
    feat_match_weight: float = setting(1.0, "Weight of feature matching.", ge=0, le=1000)
    label_smoothing: float = setting(
        0.0, "How much the target of real patches is lowered, LSGAN only.", ge=0, le=0.5, is_advanced=True
    )
    grad_clip_norm_d: float = setting(
        0.0, "Largest norm of D's gradient; 0 does not clip.", ge=0, le=1e6, is_advanced=True
    )
    discriminator_rate: float = setting(
        1.0, "Learning rate of D, relative to that of G.", gt=0, le=100, is_advanced=True
    )
    discriminator_schedule: Literal["constant", "cosine"] = setting(
        "cosine", "Course of the learning rate of D.", is_advanced=True
    )
    preheat_steps: int = setting(
        200, "Steps in which D learns alone when it is switched on.", unit="steps", ge=0, le=100_000
    )
    r1_gamma: float = setting(10.0, "Strength of the gradient penalty R1; 0 leaves it out.", ge=0, le=1e6)
    r1_interval: int = setting(
        16, "Steps from one gradient penalty to the next, which counts as many times.", ge=1, le=1000
    )
    r1_reduction: Literal["per_logit", "mean", "sum"] = setting(
        "per_logit", "What of D's map R1 differentiates; it changes R1 by orders of magnitude."
    )

    fusion: Literal["product", "concat", "concat_product", "g_only", "product01", "gate"] = setting(
        "product", "How G2 gets NCCT and G's image; product is NCCT times the absolute value of G's image."
    )
    residual_base: Literal["input", "g", "ncct"] = setting(
        "input", "What G2's correction is added to: the fused image, G's image or the NCCT."
    )
    refine_hidden: int = setting(64, "Channels of G2.", ge=4, le=512)
    refine_blocks: int = setting(6, "Blocks of G2.", ge=1, le=32)
    freeze_g: bool = setting(True, "Whether G stays as it is while G2 learns.", is_advanced=True)

    lung_weight_start: float = setting(1.0, "Weight of the lung in the first epoch.", ge=1, le=1000)
    lung_weight_end: float = setting(10.0, "Weight of the lung from the end of its rise on.", ge=1, le=1000)
    lung_weight_epochs: int = setting(
        25, "Epochs over which the weight of the lung rises.", unit="epochs", ge=0, le=10_000
    )
    vessel_weight: float = setting(
        0.0, "Weight of the mean difference in vessels, as a loss of its own.", ge=0, le=100
    )
    num_loss_scales: int = setting(
        1, "Resolutions at which L1 and SSIM count: 1, 1/2, 1/4.", ge=1, le=3, is_advanced=True
    )
    perceptual_weight: float = setting(0.0, "Weight of the difference in features; 0 has none.", ge=0, le=10)
    perceptual: Literal["own", "vgg19"] = setting(
        "own", "Features of a small vessel network trained at the start, or of VGG19.", is_advanced=True
    )
    perceptual_file: str = setting("", "File of VGG19 weights on this machine.", is_advanced=True)
    feature_steps: int = setting(
        150, "Steps that train the vessel network.", unit="steps", ge=1, le=100_000, is_advanced=True
    )

    pretrained_g: str = setting(
        "", "File with weights of G instead of those of the run before.", is_advanced=True
    )
    pretrained_g2: str = setting(
        "", "File with weights of G2 instead of those of the run before.", is_advanced=True
    )
    skip_warmup: bool = setting(
        True,
        "Whether a network whose trained weights are loaded begins at its peak learning rate.",
        is_advanced=True,
    )
    best_by: Literal["l1_ssim", "fine_detail"] = setting(
        "l1_ssim",
        "What selects the checkpoint: L1 + SSIM, or fine detail among those whose error in vessels stays "
        "within 5 % of the start.",
        is_advanced=True,
    )
    diag_interval: int = setting(
        50,
        "Steps between measurements that cost time: AUC of D, update ratios, gradient shares.",
        unit="steps",
        ge=1,
        le=100_000,
        is_advanced=True,
    )

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        if self.residual_base == "input" and self.fusion in ("concat", "concat_product"):
            raise ValueError(
                f'fusion "{self.fusion}" has more than three channels and cannot be its own base; '
                'set residual_base to "g"'
            )
        if self.window == "custom" and self.window_low >= self.window_high:
            raise ValueError("window_low must be below window_high")
        if self.perceptual_weight and self.perceptual == "vgg19" and not self.perceptual_file:
            raise ValueError('perceptual "vgg19" needs perceptual_file; "own" needs no file')
        return self


class VolumeConfig(RunConfig):
    """How whole volumes are made."""

    blend: Literal["weighted", "centre"] = setting(
        "weighted", "Whether a slice is made from its three predictions (1/4, 1/2, 1/4) or the centre one."
    )
    tile_px: int = setting(
        0,
        "Side of overlapping tiles; 0 takes the size of the crops trained on, or whole slices.",
        unit="px",
        ge=0,
        le=4096,
    )
    slices_at_once: int = setting(4, "Slices in one batch.", unit="slices", ge=1, le=256, is_advanced=True)
    tta_flips: bool = setting(
        False, "Whether mirrored slices are averaged in; sound where training mirrored too."
    )
    tta_degrees: float = setting(
        0.0, "Angle of two rotated copies that are averaged in; 0 has none.", unit="deg", ge=0, le=10
    )
    weights: Literal["best", "last"] = setting(
        "best", "Which checkpoint of the run is used.", is_advanced=True
    )


class PredictConfig(VolumeConfig):
    """Settings of making volumes."""

    write_generated: bool = setting(True, "Whether G's image is written beside the refined one.")
    write_spread: bool = setting(False, "Whether the spread of a slice's three predictions is written.")
    write_dicom: bool = setting(
        False, "Whether DICOM secondary captures are written, marked as synthetic in every slice."
    )


class EvaluateConfig(VolumeConfig):
    """Settings of scoring volumes."""

    alignment: Alignment = setting(
        "grid", "What is done before: nothing, one grid, rigid registration, or rigid and deformable."
    )
    lung_weights: str = setting(
        "",
        "File of lungmask weights on this machine, which finds the lungs; empty finds them by their HU.",
        is_advanced=True,
    )
    vessel_hu: float = setting(
        150.0, "Value from which a voxel counts as vessel in the overlap.", unit="HU", ge=-1024, le=3071
    )
    range_low: float = setting(
        -1000.0, "Lower end of the range of PSNR and SSIM.", unit="HU", ge=-1024, le=3071
    )
    range_high: float = setting(
        1000.0, "Upper end of the range of PSNR and SSIM.", unit="HU", ge=-1024, le=3071
    )
    num_resamples: int = setting(
        1000, "Draws of items for the intervals.", ge=100, le=100_000, is_advanced=True
    )
    num_worst: int = setting(6, "Worst slices that are shown.", unit="slices", ge=0, le=50, is_advanced=True)

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.range_low >= self.range_high:
            raise ValueError("range_low must be below range_high")
        return self


class ImportConfig(ImportWeightsConfig):
    """Settings of bringing in weights, a configuration and a log of another program."""

    generator: Literal["large", "light", "small", "tiny"] = setting("large", "Size of the G in the file.")
    registrar: Literal["tiny", "tiny_attention", "deep"] = setting(
        "tiny", "Size of the R in the file.", is_advanced=True
    )
    residual_output: bool = setting(True, "Whether G adds a change to the NCCT.")
    window: WindowName = setting("lung", "HU that become -1 and 1 in that program.")
    window_low: float = setting(
        -1000.0, "Lower end of the window named custom.", unit="HU", ge=-1024, le=3071, is_advanced=True
    )
    window_high: float = setting(
        1000.0, "Upper end of the window named custom.", unit="HU", ge=-1024, le=3071, is_advanced=True
    )
    neighbour_mm: float = setting(
        2.0, "Distance of the two slices that are seen beside each slice.", unit="mm", ge=0.1, le=20
    )
    crop_px: int = setting(
        0, "Side of the crops it was trained on; 0 is whole slices.", unit="px", ge=0, le=4096
    )
