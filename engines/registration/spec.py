"""What the workstation knows about registration."""

from __future__ import annotations

from engines.contract.kinds import Action, AnnotationKind, FileKind, ItemKind, OutputKind, PanelKind
from engines.contract.spec import (
    Gate,
    MetricSpec,
    Needs,
    OtherNeeds,
    OutputSpec,
    PanelSpec,
    PhaseSpec,
    PipelineSpec,
    RoleSpec,
)

_NO_SCORED_ITEM = "No item has four or more keypoint pairs."
_NOTHING_LEARNED = "Training has not come to trust any new point yet."
_NO_VESSELS = "No vessels are seen in the common area."
_NO_REAL = "No validation item is a real pair with a transform."
_NO_POINTS = "No bifurcation of the validation images lies in the common area."


def _without_masks(*phases: str) -> tuple[OtherNeeds, ...]:
    """Return the ways to train from images without vessel masks."""
    drawn = Needs(annotation=AnnotationKind.KEYPOINT_PAIRS, min_items=2, phases=phases)
    return (
        OtherNeeds(
            "bifurcations",
            "vesselness",
            Needs(min_items=2, phases=phases),
            "Use lines found in the images",
        ),
        OtherNeeds("bifurcations", "points", drawn, "Use the points that were placed"),
    )


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
            title="Phase 1: warps",
            purpose="Learn bifurcations and descriptors from single images and warped copies of themselves.",
            needs=Needs(roles=("vessel_mask",), min_items=2),
            produces=("detector", "descriptor"),
            preset="laptop",
            gate=Gate("matching_accuracy", 0.5),
            other_needs=_without_masks(),
        ),
        PhaseSpec(
            key="phase_2",
            title="Phase 2: agree",
            purpose="Make the detector find the same places in both images of a pair.",
            needs=Needs(roles=("vessel_mask",), min_items=2, phases=("phase_1",)),
            produces=("detector", "descriptor"),
            preset="laptop",
            gate=Gate("repeatability_3px", 0.5),
            other_needs=_without_masks("phase_1"),
        ),
        PhaseSpec(
            key="phase_3",
            title="Phase 3: expand",
            purpose="Learn points that no label names, once both images and their descriptors agree on them.",
            needs=Needs(roles=("vessel_mask",), min_items=2, phases=("phase_1", "phase_2")),
            produces=("detector", "descriptor", "learned_points"),
            preset="laptop",
            gate=Gate("success_5px", 0.6),
            other_needs=_without_masks("phase_1", "phase_2"),
        ),
        PhaseSpec(
            key="phase_4",
            title="Phase 4: real",
            purpose="Go on with real pairs of two modalities, and some synthetic ones against forgetting.",
            # Real pairs need no mask; the synthetic part takes the items that have one.
            needs=Needs(min_items=2, phases=("phase_1", "phase_2", "phase_3")),
            produces=("detector", "descriptor", "learned_points"),
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
        MetricSpec("auc_5", "AUC to 5 px", "", True, _NO_SCORED_ITEM),
        MetricSpec("auc_10", "AUC to 10 px", "", True, _NO_SCORED_ITEM),
        MetricSpec("cpu_s", "Processor time of a pair", "s", False, "The row is no method."),
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
            "loss_geometry", "Disagreement of the detectors", "", False, "The images have nothing in common."
        ),
        MetricSpec("loss_descriptor_pke", "Descriptor loss at learned points", "", False, _NOTHING_LEARNED),
        MetricSpec("given_recall_3px", "Given points found", "", True, _NO_POINTS),
        MetricSpec("pke_candidates", "Candidates", "points per image", True),
        MetricSpec("pke_after_geometry", "Seen in both images", "points per image", True),
        MetricSpec("pke_after_content", "With their own descriptor", "points per image", True),
        MetricSpec("pke_accepted", "Accepted in this round", "points per image", True),
        MetricSpec("pke_points", "Learned points", "points per image", True),
        MetricSpec("pke_known_pixels", "Places remembered", "pixels per image", True),
        MetricSpec("pke_validation_points", "New points in validation images", "points per image", True),
        MetricSpec("active_reference", "Active share, fixed image", "", True),
        MetricSpec("active_moving", "Active share, warped image", "", True),
        MetricSpec("descriptor_alikeness", "Alikeness of descriptors", "", False),
        MetricSpec("direction_agreement", "Vessels agree under the transform", "", True, _NO_VESSELS),
        MetricSpec("direction_agreement_swapped", "Vessels agree under its inverse", "", False, _NO_VESSELS),
        MetricSpec("real_auc_25", "AUC to 25 px on real pairs", "", True, _NO_REAL),
        MetricSpec("real_success_10px", "Real pairs within 10 px", "", True, _NO_REAL),
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
            (
                "loss_total",
                "loss_detector",
                "loss_moving",
                "loss_descriptor",
                "loss_geometry",
                "loss_descriptor_pke",
            ),
        ),
        PanelSpec(
            "validation",
            PanelKind.CURVE,
            "Validation on warped images",
            ("matching_accuracy", "success_5px", "repeatability_3px", "given_recall_3px"),
        ),
        PanelSpec(
            "expansion",
            PanelKind.CURVE,
            "New keypoints of an image",
            ("pke_candidates", "pke_after_geometry", "pke_after_content", "pke_accepted", "pke_points"),
        ),
        PanelSpec(
            "detectors",
            PanelKind.CURVE,
            "Active share of the detectors",
            ("active_reference", "active_moving"),
        ),
        PanelSpec(
            "real_pairs", PanelKind.CURVE, "Real validation pairs", ("real_auc_25", "real_success_10px")
        ),
        PanelSpec("corner_error", PanelKind.CURVE, "Corner error on warped images", ("corner_error_px",)),
        PanelSpec("previews", PanelKind.IMAGE_SERIES, "Validation pictures"),
    ),
    presets=("tiny", "laptop"),
    configs={
        Action.TRAIN: "engines.registration.config:TrainConfig",
        Action.PREDICT: "engines.registration.config:PredictConfig",
        Action.EVALUATE: "engines.registration.config:EvaluateConfig",
        Action.IMPORT_WEIGHTS: "engines.registration.config:ImportConfig",
    },
    train="engines.registration.train:train",
    predict="engines.registration.predict:predict",
    evaluate="engines.registration.evaluate:evaluate",
    import_weights="engines.registration.import_weights:import_weights",
    training_preview="engines.registration.training.preview:draw",
    diagnose="engines.registration.diagnose:RULES",
    source="SuperRetina (Liu et al., ECCV 2022), rewritten for pairs of modalities; see SOURCE.md.",
    can_predict_untrained=True,
)
