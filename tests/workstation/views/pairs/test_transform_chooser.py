from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engines.contract.messages import Message
from engines.imaging.transforms.point_pairs import SMALLEST_NUM_POINTS
from workstation.views.pairs.residual_histogram import round_limit
from workstation.views.pairs.transform_chooser import MODELS, TransformChooser
from workstation.views.protocols.pairs import FitSummary, ModelScore

SCORES = (
    ModelScore("similarity", 4.0, 4.6),
    ModelScore("affine", 3.0, 3.4, is_best=True),
    ModelScore("homography", 2.9, 3.9),
    ModelScore("quadratic", missing=2),
    ModelScore("thin_plate_spline", 0.0, 9.8),
)


@pytest.fixture
def chooser(qtbot) -> TransformChooser:
    widget = TransformChooser()
    qtbot.addWidget(widget)
    widget.show()
    widget.show_models(SCORES)
    return widget


def test_every_model_can_be_chosen(chooser: TransformChooser, qtbot) -> None:
    assert list(MODELS) == list(SMALLEST_NUM_POINTS)
    with qtbot.waitSignal(chooser.modelChosen) as chosen:
        QTest.mouseClick(chooser.model_buttons["thin_plate_spline"], Qt.MouseButton.LeftButton)
    assert chosen.args == ["thin_plate_spline"]


def test_left_out_error_stands_beside_every_model_and_the_best_has_a_star(chooser: TransformChooser) -> None:
    assert chooser.errors["affine"].text() == "★ 3.40 px"
    assert chooser.errors["homography"].text() == "3.90 px"
    assert "left out 9.80 px" in chooser.model_buttons["thin_plate_spline"].toolTip()


def test_model_that_needs_more_pairs_is_disabled_with_the_reason(chooser: TransformChooser) -> None:
    assert not chooser.model_buttons["quadratic"].isEnabled()
    assert chooser.errors["quadratic"].text() == "needs 2 more"
    assert "2 more" in chooser.model_buttons["quadratic"].toolTip()
    assert chooser.model_buttons["affine"].isEnabled()


def test_model_that_could_not_be_fitted_says_why(chooser: TransformChooser) -> None:
    chooser.show_models((ModelScore("affine", problem=Message("The points lie on one line.")),))
    assert chooser.errors["affine"].text() == "–"
    assert chooser.model_buttons["affine"].toolTip() == "The points lie on one line."


def test_too_flexible_a_model_is_warned_about_in_one_sentence(chooser: TransformChooser) -> None:
    chooser.show_fit(FitSummary("thin_plate_spline", 10, 10, 0.0, 9.8))
    assert chooser.warning.isVisible()
    assert chooser.warning.text().startswith("Thin-plate spline: fit 0.0 px but left out 9.8 px")
    assert "affine reaches 3.4 px" in chooser.warning.text()


@pytest.mark.parametrize("model", ["affine", "similarity", "quadratic"])
def test_best_stiffer_and_unknown_models_are_not_warned_about(chooser: TransformChooser, model: str) -> None:
    chooser.show_fit(FitSummary(model, 10, 10, 3.0, 3.4))
    assert not chooser.warning.isVisible()


def test_fold_is_warned_about(chooser: TransformChooser) -> None:
    chooser.show_fit(FitSummary("thin_plate_spline", 10, 10, 0.0, 1.0))
    chooser.show_models((ModelScore("thin_plate_spline", 0.0, 1.0, folded_share=0.032, is_best=True),))
    assert "3.2 %" in chooser.warning.text()


def test_numbers_of_the_fit(chooser: TransformChooser) -> None:
    chooser.show_fit(
        FitSummary(
            "affine", 16, 18, 2.1, 3.4, worst="5", worst_px=9.8, residuals_px=(1.0, 2.0, 9.8, 3.0, 1.2)
        )
    )
    values = {name: label.text() for name, label in chooser.fit_values.items()}
    assert values == {"used": "16 of 18 pairs", "mean": "2.10 px", "loo": "3.40 px", "worst": "#5   9.80 px"}
    assert chooser.histogram.isVisible()
    assert chooser.histogram.limit_px == 10.0
    assert sum(chooser.histogram.counts) == 5
    assert chooser.histogram.counts[-1] == 1


def test_missing_pairs_are_counted_and_nothing_is_zero(chooser: TransformChooser) -> None:
    chooser.show_fit(FitSummary("homography", 2, 3, missing=2))
    assert chooser.fit_sentence.text() == "2 more pairs are needed for a homography."
    assert chooser.fit_values["mean"].text() == "–"
    assert not chooser.histogram.isVisible()


@pytest.mark.parametrize(
    ("largest", "limit"), [(0.0, 0.01), (0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (9.8, 10.0), (230.0, 500.0)]
)
def test_axis_ends_at_a_round_number(largest: float, limit: float) -> None:
    assert round_limit(largest) == pytest.approx(limit)
