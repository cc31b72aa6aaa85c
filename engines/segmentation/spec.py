"""What the workstation knows about segmentation and grading."""

from __future__ import annotations

from engines.contract.kinds import Action, AnnotationKind, ItemKind, OutputKind, PanelKind
from engines.contract.roles import VOLUME_ROLES
from engines.contract.spec import (
    AttributeSpec,
    MetricSpec,
    Needs,
    OutputSpec,
    PanelSpec,
    PhaseSpec,
    PipelineSpec,
)

_ONE_CLASS = "The subjects have one grade, or none."
_NO_HEAD = "There is no grade head, or no item has a grade."
_NO_LABELS = "The item has no label map, or its coding tells no such region apart."
_ONE_SAMPLE = "One mask was drawn, or the network draws none."
_NOT_WEIGHED = "Losses are not weighed by uncertainty."

_MASK_METRICS = tuple(
    metric
    for suffix, words in (("", "whole tumour"), ("_tc", "tumour core"), ("_et", "enhancing tumour"))
    for metric in (
        MetricSpec(f"dice{suffix}", f"Dice, {words}", "", True, _NO_LABELS, is_headline=not suffix),
        MetricSpec(f"iou{suffix}", f"IoU, {words}", "", True, _NO_LABELS),
        MetricSpec(f"hd95{suffix}_mm", f"HD95, {words}", "mm", False, _NO_LABELS, not suffix),
    )
)
_GRADE_METRICS = (
    MetricSpec("auc", "AUC of the grade", "", True, _ONE_CLASS, is_headline=True),
    MetricSpec("f1", "F1, mean of both grades", "", True, _ONE_CLASS),
    MetricSpec("f1_lgg", "F1 of low grades", "", True, _ONE_CLASS),
    MetricSpec("f1_hgg", "F1 of high grades", "", True, _ONE_CLASS),
    MetricSpec("accuracy", "Accuracy", "", True, _NO_HEAD),
    MetricSpec("balanced_accuracy", "Balanced accuracy", "", True, _ONE_CLASS),
    MetricSpec("brier", "Brier score", "", False, _NO_HEAD),
    MetricSpec("ece", "Calibration error", "", False, _NO_HEAD),
)
_TRAINING_METRICS = (
    MetricSpec("calib_dice", "Dice of the image-only mask", "", True, _NO_LABELS),
    MetricSpec("x0_dice", "Dice of the clean mask in training, which has seen the true one", "", True),
    MetricSpec("chance_dice", "Dice of coin flips", "", True),
    MetricSpec("pairwise_dice", "Dice between drawn masks", "", False, _ONE_SAMPLE),
    MetricSpec("swapped_image_dice", "Dice with another subject's image", "", False, _ONE_SAMPLE),
    MetricSpec("dice_before", "Dice before this phase", "", True),
    MetricSpec("dice_after", "Dice after this phase", "", True),
    MetricSpec("loss_total", "L_total", "", False, _NO_LABELS),
    MetricSpec("loss_seg", "L_seg", "", False, _NO_LABELS),
    MetricSpec("loss_mask", "Loss of the drawn mask", "", False, _NO_LABELS),
    MetricSpec("loss_calib", "Loss of the image-only mask", "", False, _NO_LABELS),
    MetricSpec("loss_cls", "L_cls", "", False, _NO_HEAD),
    MetricSpec("sigma_seg", "sigma_seg", "", False, _NOT_WEIGHED),
    MetricSpec("sigma_cls", "sigma_cls", "", False, _NOT_WEIGHED),
    MetricSpec("alpha_lgg", "alpha_LGG", "", True, "No training subject has a low grade."),
    MetricSpec("alpha_hgg", "alpha_HGG", "", True, "No training subject has a high grade."),
    MetricSpec("expected_dice", "Dice that the author of these settings expects", "", True),
    MetricSpec("expected_iou", "IoU that the author of these settings expects", "", True),
    MetricSpec("expected_accuracy", "Accuracy that the author of these settings expects", "", True),
    MetricSpec("expected_auc", "AUC that the author of these settings expects", "", True),
    MetricSpec("constant_accuracy", "Accuracy of always saying the frequent grade", "", True, _NO_HEAD),
    MetricSpec("share_hgg_train", "Share of high grades, training", "", True, _NO_HEAD),
    MetricSpec("share_hgg_val", "Share of high grades, validation", "", True, _NO_HEAD),
    MetricSpec("gradient_cosine", "Cosine of the tasks' gradients", "", True, "They share no weights."),
    MetricSpec("head_gradient_norm", "Gradient of the head", "", False),
    MetricSpec("single_class_batch", "Batches of one grade", "", False),
    MetricSpec("last_signal_share", "Signal left at the last step", "", True),
    MetricSpec("extra_output_channels", "Output channels too many", "", False),
    MetricSpec("head_sees_mask", "Head sees the true mask in training", "", False),
    MetricSpec("grades_in_order", "Grades follow the subjects' numbers", "", False, "Too few are graded."),
    MetricSpec("shared_subjects", "Subjects or files in both splits", "", False),
    MetricSpec("ema_horizon_steps", "Steps that the averaged weights look back", "steps", False),
)

SPEC = PipelineSpec(
    key="segmentation",
    title="Segmentation and grading",
    summary="Outline brain tumours by diffusion, with maps of uncertainty, and tell low from high grade.",
    item_kinds=(ItemKind.VOLUME_SET,),
    roles=tuple(role for role in VOLUME_ROLES if role.name in ("t1", "t1ce", "t2", "flair", "brain_mask")),
    annotation_kinds=(AnnotationKind.LABEL_MAP, AnnotationKind.GRADE),
    attributes=(
        AttributeSpec(
            AnnotationKind.GRADE,
            "Grade",
            ("LGG", "HGG"),
            "The grade of the data set, for research only: low (LGG) or high (HGG).",
        ),
    ),
    phases=(
        PhaseSpec(
            key="together",
            title="Mask and grade",
            purpose="Train mask and grade together; the grade reads the image-only branch and moves no mask.",
            needs=Needs(annotation=AnnotationKind.LABEL_MAP, min_items=2),
            produces=("mask", "grade"),
            preset="laptop",
        ),
        PhaseSpec(
            key="segment",
            title="1 Mask",
            purpose="Train the mask alone; the grade head is frozen and unused.",
            needs=Needs(annotation=AnnotationKind.LABEL_MAP, min_items=2),
            produces=("mask",),
            preset="laptop",
        ),
        PhaseSpec(
            key="grade",
            title="2 Grade head",
            purpose="Train the grade head alone on features of the frozen network, computed once.",
            needs=Needs(annotation=AnnotationKind.LABEL_MAP, min_items=2, phases=("segment",)),
            produces=("grade",),
            preset="laptop",
        ),
        PhaseSpec(
            key="joint",
            title="3 Joint",
            purpose="Train everything a little more, both tasks at once.",
            needs=Needs(annotation=AnnotationKind.LABEL_MAP, min_items=2, phases=("segment", "grade")),
            produces=("mask", "grade"),
            preset="laptop",
        ),
    ),
    metrics=(
        *_MASK_METRICS,
        *_GRADE_METRICS,
        *_TRAINING_METRICS,
        MetricSpec("volume_ml", "Tumour volume", "mL", True),
        MetricSpec("denoiser_calls", "Denoiser calls a slice", "", False),
        MetricSpec("condition_calls", "Image-only calls a slice", "", False),
        MetricSpec("error_auc", "AUC of uncertainty for wrong voxels", "", True, _ONE_SAMPLE),
    ),
    baselines=(
        "calibration",
        "one_sample",
        "otsu_flair",
        "uncalibrated_grade",
        "volume_grade",
        "constant_grade",
    ),
    outputs=(
        OutputSpec("label_map", OutputKind.LABEL_MAP, "Tumour"),
        OutputSpec("probability", OutputKind.IMAGE, "Probability of tumour"),
        OutputSpec("entropy", OutputKind.IMAGE, "Entropy of the drawn masks"),
        OutputSpec("mutual_information", OutputKind.IMAGE, "Disagreement of the drawn masks"),
        OutputSpec("review", OutputKind.TABLE, "What to look at"),
    ),
    panels=(
        PanelSpec("loss", PanelKind.CURVE, "Losses of both tasks", ("loss_total", "loss_seg", "loss_cls")),
        PanelSpec(
            "overlap",
            PanelKind.CURVE,
            "Dice of drawn masks, averaged weights, by subject",
            ("dice", "dice_tc", "dice_et", "calib_dice", "x0_dice", "chance_dice", "expected_dice"),
        ),
        PanelSpec(
            "grade",
            PanelKind.CURVE,
            "Grade by subject",
            (
                *("auc", "f1", "accuracy", "balanced_accuracy", "constant_accuracy"),
                *("expected_accuracy", "expected_auc"),
            ),
        ),
        PanelSpec("sigma", PanelKind.CURVE, "Learned weights", ("sigma_seg", "sigma_cls")),
        PanelSpec("conflict", PanelKind.CURVE, "Cosine of the tasks' gradients", ("gradient_cosine",)),
        PanelSpec("previews", PanelKind.IMAGE_SERIES, "Modalities, true, image-only and drawn mask"),
        PanelSpec("drawing", PanelKind.SCRUBBER, "How a mask is drawn, step by step"),
        PanelSpec("film", PanelKind.IMAGE_SERIES, "Steps of a drawing beside each other"),
        PanelSpec("uncertainty", PanelKind.IMAGE_SERIES, "Votes, entropy and disagreement"),
        PanelSpec("calibration", PanelKind.IMAGE_SERIES, "Image-only map against masks"),
        PanelSpec("samples", PanelKind.IMAGE_SERIES, "Drawn masks"),
        PanelSpec("grades", PanelKind.TABLE, "Grade by item"),
        PanelSpec("slice_grades", PanelKind.CURVE, "Probability of the high grade by slice"),
        PanelSpec("reliability", PanelKind.RELIABILITY, "Stated and observed share of high grades"),
        PanelSpec("roc", PanelKind.CURVE, "ROC of the grade"),
        PanelSpec("precision_recall", PanelKind.CURVE, "Precision and recall of the high grade"),
        PanelSpec("confusion", PanelKind.DECISION, "Grades said and true"),
        PanelSpec("abstain", PanelKind.CURVE, "Accuracy where nothing is said near the threshold"),
        PanelSpec("steps_dice", PanelKind.CURVE, "Dice against steps"),
        PanelSpec("parameters", PanelKind.TABLE, "Parameters"),
        PanelSpec("model_card", PanelKind.TABLE, "Model card"),
    ),
    presets=("tiny", "laptop", "gpu", "documented"),
    configs={
        Action.TRAIN: "engines.segmentation.config:TrainConfig",
        Action.PREDICT: "engines.segmentation.config:PredictConfig",
        Action.EVALUATE: "engines.segmentation.config:EvaluateConfig",
        Action.IMPORT_WEIGHTS: "engines.segmentation.config:ImportConfig",
    },
    train="engines.segmentation.train:train",
    predict="engines.segmentation.predict:predict",
    evaluate="engines.segmentation.evaluate:evaluate",
    diagnose="engines.segmentation.diagnose:RULES",
    import_weights="engines.segmentation.import_weights:import_weights",
    started_facts="engines.segmentation.slices.checks:started_facts",
    position=3,
    source="MedSegDiff (Wu et al. 2022, 2023), rewritten with clean-mask prediction; see SOURCE.md.",
)
