"""What the workstation knows about refinement."""

from __future__ import annotations

from engines.contract.kinds import Action, AnnotationKind, FileKind, ItemKind, OutputKind, PanelKind
from engines.contract.roles import VOLUME_ROLES
from engines.contract.spec import (
    MetricSpec,
    Needs,
    OutputSpec,
    PanelSpec,
    PhaseSpec,
    PipelineSpec,
    RoleSpec,
)

_NO_REFERENCE = "No item has a clean label map, or the mask is empty."
_NO_VALIDATION = "No validation item has one."

SPEC = PipelineSpec(
    key="refinement",
    title="Refinement",
    summary="Repair vessel labels of CT: one smooth field for each case, which sees the label and the image.",
    item_kinds=(ItemKind.VOLUME, ItemKind.VOLUME_PAIR, ItemKind.VOLUME_SET),
    roles=(
        *(role for role in VOLUME_ROLES if role.name in ("volume", "ct", "cta")),
        RoleSpec(
            "reference_label_map",
            FileKind.LABEL_MAP,
            "Clean label map",
            aliases=("clean_label_map", "clean_label", "reference_label"),
        ),
    ),
    annotation_kinds=(AnnotationKind.LABEL_MAP,),
    phases=(
        PhaseSpec(
            key="fit",
            title="Fit",
            purpose="Fit one field to each case's label, with what all cases share learned together.",
            needs=Needs(annotation=AnnotationKind.LABEL_MAP, min_items=1),
            produces=("field",),
            preset="laptop",
        ),
    ),
    metrics=(
        MetricSpec("lattice_dice", "Dice on the whole lattice", "", True, is_headline=True),
        MetricSpec("dice", "Dice to the clean label", "", True, _NO_REFERENCE, is_headline=True),
        MetricSpec("cldice", "clDice to the clean label", "", True, _NO_REFERENCE, is_headline=True),
        MetricSpec("nsd_1mm", "Surface Dice at 1 mm", "", True, _NO_REFERENCE),
        MetricSpec("hd95_mm", "95 % Hausdorff distance", "mm", False, _NO_REFERENCE),
        MetricSpec("missing_mm", "Missing branches", "mm", False, _NO_REFERENCE),
        MetricSpec("spurious_mm", "Spurious branches", "mm", False, _NO_REFERENCE),
        MetricSpec("components", "Pieces", "", False),
        MetricSpec("loops", "Loops", "", False),
        MetricSpec("volume_ml", "Volume", "mL", False),
        MetricSpec("dice_to_input", "Agreement with the input (Dice)", "", True),
        MetricSpec("sample_dice", "Dice on drawn points only", "", True),
        MetricSpec("new_case_dice", "Dice of validation items, latent fitted", "", True, _NO_VALIDATION),
        MetricSpec("clean_dice", "Dice to clean labels of validation items", "", True, _NO_VALIDATION),
        MetricSpec("components_added", "Pieces more than in the label", "", False),
        MetricSpec("output_spread", "Spread of the field", "", True),
        MetricSpec(
            "band_inside_share", "Boundary points in the label", "", True, "No points on the boundary."
        ),
        MetricSpec(
            "band_far_share", "Boundary points off the boundary", "", False, "No points on the boundary."
        ),
        MetricSpec("positive_share", "Drawn points in the label", "", True),
        MetricSpec("label_share", "Share of the lattice in the label", "", True),
        MetricSpec("query_gap", "Change of a point with its company", "", False),
        MetricSpec("feature_spacing_ratio", "Finest features, in vessel radii", "", False),
        MetricSpec("loss_total", "Loss", "", False),
        MetricSpec("loss_dice", "Dice loss, weighted", "", False),
        MetricSpec("loss_focal", "Focal loss, weighted", "", False),
        MetricSpec("loss_recall", "Missed centre line", "", False),
        MetricSpec("loss_latent", "Squared length of the latent", "", False),
    ),
    baselines=("input", "drop_specks", "closing", "gaussian", "largest_two", "hu_threshold"),
    outputs=(
        OutputSpec("refined", OutputKind.LABEL_MAP, "Refined"),
        OutputSpec("cleaned", OutputKind.LABEL_MAP, "Cleaned"),
        OutputSpec("fused", OutputKind.LABEL_MAP, "Fused"),
        OutputSpec("probability", OutputKind.IMAGE, "Probability"),
        OutputSpec("components", OutputKind.TABLE, "Pieces"),
        OutputSpec("review", OutputKind.TABLE, "Review"),
        OutputSpec("report", OutputKind.TABLE, "Report"),
    ),
    panels=(
        PanelSpec("loss", PanelKind.CURVE, "Loss", ("loss_total", "loss_dice", "loss_focal")),
        PanelSpec(
            "overlap",
            PanelKind.CURVE,
            "Dice on whole lattices",
            ("lattice_dice", "new_case_dice", "clean_dice", "sample_dice"),
        ),
        PanelSpec("pieces", PanelKind.CURVE, "Pieces more than in the label", ("components_added",)),
        PanelSpec("previews", PanelKind.IMAGE_SERIES, "Kept, added and removed"),
    ),
    presets=("tiny", "laptop", "gpu", "documented"),
    configs={
        Action.TRAIN: "engines.refinement.config:TrainConfig",
        Action.PREDICT: "engines.refinement.config:PredictConfig",
        Action.EVALUATE: "engines.refinement.config:EvaluateConfig",
        Action.IMPORT_WEIGHTS: "engines.refinement.config:ImportConfig",
    },
    train="engines.refinement.train:train",
    predict="engines.refinement.predict:predict",
    evaluate="engines.refinement.evaluate:evaluate",
    import_weights="engines.refinement.import_weights:import_weights",
    diagnose="engines.refinement.diagnose:RULES",
    position=1,
    source="NeAR (Yang et al., MICCAI 2022), rewritten for thin vessels; see SOURCE.md.",
)
