"""What the workstation knows about registration."""

from __future__ import annotations

from engines.contract.kinds import Action, AnnotationKind, FileKind, ItemKind, OutputKind, PanelKind
from engines.contract.spec import (
    MetricSpec,
    Needs,
    OutputSpec,
    PanelSpec,
    PhaseSpec,
    PipelineSpec,
    RoleSpec,
)

_NO_SCORED_ITEM = "No item has four or more keypoint pairs."
_NO_POINTS = "No bifurcation of the validation images lies in the common area."

SPEC = PipelineSpec(
    key="registration",
    title="Registration",
    summary="Align two retinal images of one eye, also across modalities such as CF and FA.",
    item_kinds=(ItemKind.IMAGE_PAIR, ItemKind.IMAGE_SET),
    roles=(
        RoleSpec(
            "fixed", FileKind.IMAGE, "Fixed image", required=True, aliases=("reference", "ref", "target")
        ),
        RoleSpec(
            "moving", FileKind.IMAGE, "Moving image", required=True, aliases=("query", "source", "floating")
        ),
        RoleSpec("image", FileKind.IMAGE, "Single image", aliases=("img", "photo")),
        RoleSpec(
            "vessel_mask",
            FileKind.MASK,
            "Vessel mask",
            aliases=("vessels", "vessel", "mask", "fixed_vessel_mask"),
        ),
        RoleSpec("moving_vessel_mask", FileKind.MASK, "Vessel mask of the moving image"),
        RoleSpec("field_of_view", FileKind.MASK, "Field of view", aliases=("fov", "fov_mask")),
    ),
    annotation_kinds=(AnnotationKind.KEYPOINT_PAIRS,),
    phases=(
        PhaseSpec(
            key="phase_1",
            title="Phase 1: synthetic pairs",
            purpose="Learn bifurcations and descriptors from single images and warped copies of themselves.",
            needs=Needs(roles=("vessel_mask",), min_items=2),
            produces=("detector", "descriptor"),
            preset="laptop",
        ),
    ),
    metrics=(
        MetricSpec("auc_25", "AUC to 25 px", "", True, _NO_SCORED_ITEM, is_headline=True),
        MetricSpec(
            "median_error_px",
            "Median error",
            "px",
            False,
            "Half of the items or more have no transform.",
            is_headline=True,
        ),
        MetricSpec("success_5px", "Within 5 px", "", True, _NO_SCORED_ITEM),
        MetricSpec("success_10px", "Within 10 px", "", True, _NO_SCORED_ITEM),
        MetricSpec("success_25px", "Within 25 px", "", True, _NO_SCORED_ITEM),
        MetricSpec("acceptable", "Acceptable", "", True, _NO_SCORED_ITEM),
        MetricSpec("inaccurate", "Inaccurate", "", False, _NO_SCORED_ITEM),
        MetricSpec("failed", "Failed", "", False, _NO_SCORED_ITEM),
        MetricSpec("loss_total", "Loss", "", False),
        MetricSpec("loss_detector", "Detector loss", "", False, "No image of the batch has a bifurcation."),
        MetricSpec(
            "loss_moving",
            "Detector loss, warped image",
            "",
            False,
            "No bifurcation lies in the warped image.",
        ),
        MetricSpec("loss_descriptor", "Descriptor loss", "", False, "The batch has no common bifurcation."),
        MetricSpec(
            "matching_accuracy", "Matching accuracy at true points", "", True, _NO_POINTS, is_headline=True
        ),
        MetricSpec("repeatability_3px", "Keypoints found again within 3 px", "", True, _NO_POINTS),
        MetricSpec(
            "corner_error_px",
            "Median corner error",
            "px",
            False,
            "Half of the validation pairs or more have no transform.",
        ),
    ),
    baselines=("identity", "classical", "landmark_fit"),
    outputs=(
        OutputSpec("transform", OutputKind.TRANSFORM, "Transform from moving to fixed"),
        OutputSpec("registered", OutputKind.IMAGE, "Moving image on the fixed grid"),
        OutputSpec("blend", OutputKind.IMAGE, "Fixed and registered image in two colours"),
        OutputSpec("suggestions", OutputKind.KEYPOINT_PAIRS, "Suggested keypoint pairs"),
    ),
    panels=(
        PanelSpec(
            "losses",
            PanelKind.CURVE,
            "Losses",
            ("loss_total", "loss_detector", "loss_moving", "loss_descriptor"),
        ),
        PanelSpec(
            "validation",
            PanelKind.CURVE,
            "Validation on warped images",
            ("matching_accuracy", "success_5px", "repeatability_3px"),
        ),
        PanelSpec("corner_error", PanelKind.CURVE, "Corner error on warped images", ("corner_error_px",)),
        PanelSpec("previews", PanelKind.IMAGE_SERIES, "Validation pictures"),
    ),
    presets=("tiny", "laptop"),
    configs={
        Action.TRAIN: "engines.registration.config:TrainConfig",
        Action.PREDICT: "engines.registration.config:PredictConfig",
        Action.EVALUATE: "engines.registration.config:EvaluateConfig",
    },
    train="engines.registration.train:train",
    predict="engines.registration.predict:predict",
    evaluate="engines.registration.evaluate:evaluate",
    diagnose="engines.registration.diagnose:RULES",
    source="SuperRetina (Liu et al., ECCV 2022), rewritten for pairs of modalities; see SOURCE.md.",
    can_predict_untrained=True,
)
