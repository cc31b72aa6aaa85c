"""What the workstation knows about synthesis."""

from __future__ import annotations

from dataclasses import replace

from engines.contract.kinds import Action, ItemKind, OutputKind, PanelKind
from engines.contract.roles import VOLUME_ROLES
from engines.contract.spec import (
    MetricSpec,
    Needs,
    OutputSpec,
    PanelSpec,
    PhaseSpec,
    PipelineSpec,
    VariantsSpec,
)

_NO_VESSEL = "No voxel rises by more than 80 HU from NCCT to CTA."
_NO_LUNG = "No lungs were found."
_NO_BODY = "No slice shows a body of at least 8 px."
_PAIR = ("ncct", "cta")


def _value(key: str, label: str, unit: str = "", *, is_higher_better: bool = False) -> MetricSpec:
    return MetricSpec(key, label, unit, is_higher_better)


_FUSIONS = VariantsSpec(
    key="fusion",
    title="Compare fusion variants",
    short={"epochs": 4},
    rows={
        "product": {"fusion": "product", "residual_base": "input"},
        "product on G": {"fusion": "product", "residual_base": "g"},
        "product in 0 to 1": {"fusion": "product01", "residual_base": "input"},
        "both on G": {"fusion": "concat", "residual_base": "g"},
        "both and product on G": {"fusion": "concat_product", "residual_base": "g"},
    },
)

SPEC = PipelineSpec(
    key="synthesis",
    title="Contrast synthesis",
    summary="Make a CT angiography from a non-contrast CT, and sharpen it. Synthetic, not for diagnosis.",
    # Pairs to train on; of what has no CTA one can be made.
    item_kinds=(ItemKind.VOLUME_PAIR, ItemKind.VOLUME, ItemKind.VOLUME_SET),
    roles=tuple(replace(role, required=role.name == "ncct") for role in VOLUME_ROLES if role.name in _PAIR),
    annotation_kinds=(),
    phases=(
        PhaseSpec(
            key="g",
            title="G",
            purpose="Train the generator on pairs by L1 and structural similarity.",
            needs=Needs(roles=_PAIR, min_items=1),
            produces=("generator",),
            preset="laptop",
        ),
        PhaseSpec(
            key="g_r",
            title="G with R",
            purpose="Go on with a registration network that takes small shifts between the scans away.",
            needs=Needs(roles=_PAIR, min_items=1, phases=("g",)),
            produces=("generator", "registrar"),
            preset="laptop",
        ),
        PhaseSpec(
            key="g_d",
            title="G with D",
            purpose="Go on with a discriminator, which asks for the texture and edges of a real CTA.",
            needs=Needs(roles=_PAIR, min_items=1, phases=("g",)),
            produces=("generator", "discriminator"),
            preset="laptop",
        ),
        PhaseSpec(
            key="g2",
            title="G2",
            purpose="Keep G as it is and train a second network that corrects its image; needs no D.",
            needs=Needs(roles=_PAIR, min_items=1, phases=("g",)),
            produces=("generator", "refiner"),
            preset="laptop",
            variants=_FUSIONS,
        ),
        PhaseSpec(
            key="g2_d",
            title="G2 with D",
            purpose="Go on with a discriminator that judges the corrected image.",
            needs=Needs(roles=_PAIR, min_items=1, phases=("g", "g2")),
            produces=("generator", "refiner", "discriminator"),
            preset="laptop",
        ),
    ),
    metrics=(
        MetricSpec("vessel_mae_hu", "Error in vessels", "HU", False, _NO_VESSEL, is_headline=True),
        MetricSpec("mae_hu", "Error in the body", "HU", False, is_headline=True),
        MetricSpec("ssim", "Structural similarity in the body", "", True, is_headline=True),
        MetricSpec("psnr_db", "PSNR in the body", "dB", True, "Both volumes are equal."),
        MetricSpec("rmse_hu", "Root mean squared error", "HU", False),
        MetricSpec("lung_mae_hu", "Error in the lungs", "HU", False, _NO_LUNG),
        MetricSpec("vessel_contrast_ratio", "Vessel contrast, share of the real", "", True, _NO_VESSEL),
        MetricSpec("hf_ratio", "Fine detail, share of the real", "", True, _NO_BODY),
        MetricSpec(
            "seam_ratio", "Steps between slices, share of the real", "", False, "Fewer than 2 slices."
        ),
        MetricSpec("vessel_dice", "Vessel overlap (Dice)", "", True, "No voxel is above the threshold."),
        _value("val_loss", "L1 + SSIM of validation slices"),
        _value("val_loss_at_start", "L1 + SSIM before the first step"),
        _value("detail_score", "Distance of fine detail from the real one, vessels kept"),
        _value("val_ssim", "Structural similarity", is_higher_better=True),
        _value("l1_vs_cta", "Difference to the CTA"),
        _value("l1_ncct_vs_cta", "Difference of the NCCT to the CTA"),
        _value("l1_warped", "Difference to the CTA after R"),
        MetricSpec("identity_vessel_mae_hu", "Error in vessels of the NCCT", "HU", False, _NO_VESSEL),
        _value("residual_mag", "Size of the change"),
        MetricSpec(
            "residual_ratio", "Size of the change, share of the real", "", True, "Both scans are equal."
        ),
        _value("clamped_share", "Values at the ends of the window"),
        _value("registrar_gain", "Part of the difference that R takes away"),
        _value("mean_shift_px", "Mean displacement by R", "px"),
        _value("p99_shift_px", "Largest displacements by R", "px"),
        _value("folded_share", "Pixels that R folds"),
        _value("smoothness", "Smoothness of R, weighted"),
        _value("D_real", "D on real patches", is_higher_better=True),
        _value("D_fake", "D on generated patches"),
        _value("d_real_std", "Spread of D over real patches"),
        _value("d_fake_std", "Spread of D over generated patches"),
        _value("d_loss", "Loss of D"),
        _value("gan_g", "Adversarial loss of G"),
        _value("gan_weight", "Weight of the adversarial loss"),
        _value("d_auc", "D tells real from generated (AUC)", is_higher_better=True),
        _value("val_d_auc", "D on validation slices (AUC)", is_higher_better=True),
        _value("gnorm_D", "Gradient of D"),
        _value("d_clip_share", "Steps whose D gradient was clipped"),
        _value("r1", "Gradient penalty R1, not weighted"),
        _value("r1_share", "Weighted R1 over the loss of D"),
        _value("w_recon", "Reconstruction, weighted"),
        _value("w_gan", "Adversarial loss, weighted"),
        _value("w_fm", "Feature matching, weighted"),
        _value("w_r1", "R1, weighted"),
        _value("value_share_recon", "Share of reconstruction, by value"),
        _value("value_share_gan", "Share of the adversarial loss, by value"),
        _value("value_share_fm", "Share of feature matching, by value"),
        _value("grad_share_recon", "Pull of reconstruction at the image"),
        _value("grad_share_gan", "Pull of the adversarial loss", is_higher_better=True),
        _value("grad_share_fm", "Pull of feature matching"),
        _value("recon_gan_cosine", "Agreement of both pulls", is_higher_better=True),
        _value("update_ratio_generator", "Relative step of G"),
        _value("update_ratio_discriminator", "Relative step of D"),
        _value("update_ratio_refiner", "Relative step of G2"),
        _value("loss_total", "Loss"),
    ),
    baselines=("identity",),
    outputs=(
        OutputSpec("generated_cta", OutputKind.IMAGE, "Image of G, not for diagnosis"),
        OutputSpec("synthetic_cta", OutputKind.IMAGE, "Synthetic CTA, not for diagnosis"),
        OutputSpec("spread", OutputKind.IMAGE, "Spread of the predictions"),
    ),
    panels=(
        PanelSpec("validation", PanelKind.CURVE, "Validation", ("val_loss", "l1_vs_cta", "l1_ncct_vs_cta")),
        PanelSpec(
            "vessels", PanelKind.CURVE, "Error in vessels (HU)", ("vessel_mae_hu", "identity_vessel_mae_hu")
        ),
        PanelSpec("discriminator", PanelKind.CURVE, "D on real and generated patches", ("D_real", "D_fake")),
        PanelSpec("losses", PanelKind.CURVE, "Parts of the loss", ("w_recon", "w_gan", "w_fm")),
        PanelSpec(
            "detail", PanelKind.CURVE, "Fine detail and size of the change", ("hf_ratio", "residual_ratio")
        ),
        PanelSpec("previews", PanelKind.IMAGE_SERIES, "NCCT, generated, refined, real"),
        PanelSpec("alignment", PanelKind.IMAGE_SERIES, "Checkerboards of NCCT and CTA"),
        PanelSpec("log", PanelKind.CURVE, "Other values of the log"),
        PanelSpec("worst_slices", PanelKind.IMAGE_SERIES, "Worst slices"),
        PanelSpec("slices", PanelKind.TABLE, "Slices, worst first"),
        PanelSpec("slice_errors", PanelKind.CURVE, "Error by slice"),
        PanelSpec("fusion", PanelKind.TABLE, "What the window leaves of vessel contrast"),
    ),
    presets=("tiny", "laptop", "gpu", "g2_known", "d_recommended", "progressive"),
    configs={
        Action.TRAIN: "engines.synthesis.config:TrainConfig",
        Action.PREDICT: "engines.synthesis.config:PredictConfig",
        Action.EVALUATE: "engines.synthesis.config:EvaluateConfig",
        Action.IMPORT_WEIGHTS: "engines.synthesis.config:ImportConfig",
    },
    train="engines.synthesis.train:train",
    predict="engines.synthesis.predict:predict",
    evaluate="engines.synthesis.evaluate:evaluate",
    import_weights="engines.synthesis.import_weights:import_weights",
    started_facts="engines.synthesis.training.facts:started_facts",
    diagnose="engines.synthesis.diagnose:RULES",
    position=4,
    source="Reg-GAN (Kong et al., NeurIPS 2021), pix2pixHD, with a second network; see SOURCE.md.",
)
