"""What is said of a segmented item for the queue of results: numbers, and why a person should look."""

from __future__ import annotations

from engines.contract.component_table import Value
from engines.contract.item_review import ItemReview, Reason, ReviewColumn, ReviewStep
from engines.imaging.volumes.label_metrics import dice
from engines.segmentation.config import PredictConfig
from engines.segmentation.inference.prediction import PredictedCase

LABEL_MAP = "label_map"
UNDECIDED = "undecided"
_LEAST_AGREEMENT = 0.8
_COLUMNS = (
    ReviewColumn(key="volume_after_ml", title="Tumour / mL", help="Volume of the whole tumour.", decimals=2),
    ReviewColumn(
        key="volume_low_ml", title="from / mL", help="2.5 % of the drawn masks are smaller.", decimals=2
    ),
    ReviewColumn(
        key="volume_high_ml", title="to / mL", help="2.5 % of the drawn masks are larger.", decimals=2
    ),
    ReviewColumn(
        key="pairwise_dice",
        title="Agreement",
        help="Mean Dice between the drawn masks: there is no ground truth.",
        decimals=3,
    ),
    ReviewColumn(
        key="calibration_dice",
        title="Image only",
        help="Dice with the mask of the image-only branch.",
        decimals=3,
    ),
    ReviewColumn(key="grade", title="Grade", help="The grade of the data set, for research only."),
    ReviewColumn(key="probability_hgg", title="P(HGG)", help="Probability of the high grade.", decimals=3),
    ReviewColumn(
        key="probability_low", title="from", help="Lower end of its 95 % interval over slices.", decimals=3
    ),
    ReviewColumn(
        key="probability_high", title="to", help="Upper end of its 95 % interval over slices.", decimals=3
    ),
)


def review_of(
    predicted: PredictedCase, row: dict[str, Value], config: PredictConfig, *, has_grades: bool
) -> ItemReview:
    """Return the review of an item.

    Parameters
    ----------
    predicted : PredictedCase
    row : dict
        Of the table of the run.
    config : PredictConfig
    has_grades : bool
    """
    mask = predicted.fused.regions[0]
    agreement = dice(mask, predicted.drawn.calibration[:, 0] >= config.threshold) if mask.any() else None
    values = {**row, "volume_after_ml": row["volume_ml"], "calibration_dice": agreement}
    kept = {column.key: values.get(column.key) for column in _COLUMNS}
    reasons = tuple(_reasons(predicted, kept, is_empty=not mask.any(), has_grades=has_grades))
    is_one_region = len(predicted.fused.regions) == 1
    return ItemReview(
        status="review" if reasons else "accept",
        reasons=reasons,
        values={key: value for key, value in kept.items() if value is not None},
        columns=_COLUMNS,
        steps=(ReviewStep(role=LABEL_MAP, title="Tumour"),),
        threshold=config.threshold if is_one_region else None,
    )


def _reasons(
    predicted: PredictedCase, values: dict[str, Value], *, is_empty: bool, has_grades: bool
) -> list[Reason]:
    found = []
    if is_empty:
        found.append(Reason(rule="no_tumour", text="No tumour was found: look whether that is so."))
    for key, text in (
        ("pairwise_dice", "The drawn masks agree with a Dice of {dice} only: look where they differ."),
        ("calibration_dice", "The image alone gives another mask, Dice {dice}: look which of them is right."),
    ):
        value = values[key]
        if isinstance(value, float) and value < _LEAST_AGREEMENT:
            found.append(Reason(rule=f"low_{key}", text=text, values={"dice": round(value, 3)}))
    if predicted.case.missing:
        names = ", ".join(predicted.case.missing)
        found.append(
            Reason(
                rule="missing_modality",
                text="{names} is missing, zeros stand for it: trust mask and grade less.",
                values={"names": names},
            )
        )
    if has_grades and values["grade"] == UNDECIDED:
        text = "The probability of the high grade is too near to the threshold to say a grade."
        found.append(Reason(rule="undecided_grade", text=text))
    if has_grades and not predicted.calibration.is_fitted:
        text = "The probability of the grade was never calibrated: read it as an order, not as a share."
        found.append(Reason(rule="uncalibrated_grade", text=text))
    return found
