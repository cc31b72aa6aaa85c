"""Chooser of the transform that is fitted to the pairs: every model with its honest error beside it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFormLayout,
    QGridLayout,
    QLabel,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from workstation.translation import translate_message
from workstation.views.pairs.residual_histogram import ResidualHistogram
from workstation.views.protocols.pairs import FitSummary, ModelScore

MODELS: dict[str, str] = {
    "similarity": QT_TRANSLATE_NOOP("TransformChooser", "Similarity"),
    "affine": QT_TRANSLATE_NOOP("TransformChooser", "Affine"),
    "homography": QT_TRANSLATE_NOOP("TransformChooser", "Homography"),
    "quadratic": QT_TRANSLATE_NOOP("TransformChooser", "Quadratic"),
    "thin_plate_spline": QT_TRANSLATE_NOOP("TransformChooser", "Thin-plate spline"),
}
"""The stiffest first."""
BEST = "★"
_NOTABLY_WORSE = 1.02
_VISIBLE_FOLDS = 0.001


def model_title(model: str) -> str:
    """Return the name of a model in the language of the window."""
    return QCoreApplication.translate("TransformChooser", MODELS[model])


class TransformChooser(QWidget):
    """Radio buttons, the fit in numbers, and a warning when a stiffer model predicts better.

    Signals
    -------
    modelChosen : str
        A key of `MODELS`.
    """

    modelChosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fit = FitSummary("homography", 0, 0)
        self._scores: dict[str, ModelScore] = {}
        self._group = QButtonGroup(self)
        self.model_buttons: dict[str, QRadioButton] = {}
        self.errors: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(1)
        grid.setColumnStretch(0, 1)
        heading = _label("muted", self.tr("Mean left out"))
        heading.setToolTip(self.tr("Mean residual of each pair under the transform fitted without it."))
        grid.addWidget(heading, 0, 1, Qt.AlignmentFlag.AlignRight)
        for line, model in enumerate(MODELS, start=1):
            button = QRadioButton(model_title(model))
            button.clicked.connect(lambda _checked=False, model=model: self.modelChosen.emit(model))
            self._group.addButton(button)
            self.model_buttons[model] = button
            self.errors[model] = _label("muted")
            grid.addWidget(button, line, 0)
            grid.addWidget(self.errors[model], line, 1, Qt.AlignmentFlag.AlignRight)
        self.model_buttons[self._fit.model].setChecked(True)
        self.fit_sentence = _label("muted", is_wrapped=True)
        self.warning = _label("", is_wrapped=True)
        self.warning.setProperty("status", "warning")
        form = QFormLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(3)
        self.fit_values = {name: _label("") for name in ("used", "mean", "loo", "worst")}
        for name, title, tip in (
            ("used", self.tr("Fit on"), self.tr("Placed pairs with both points.")),
            ("mean", self.tr("mTRE"), self.tr("Mean distance of the mapped points to their partners.")),
            (
                "loo",
                self.tr("Left out"),
                self.tr("The same with each pair left out of its fit: the honest one."),
            ),
            ("worst", self.tr("Worst"), self.tr("The pair with the largest left-out residual.")),
        ):
            caption = _label("muted", title)
            caption.setToolTip(tip)
            form.addRow(caption, self.fit_values[name])
        self.histogram = ResidualHistogram()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(grid)
        layout.addWidget(self.fit_sentence)
        layout.addWidget(self.warning)
        layout.addLayout(form)
        layout.addWidget(self.histogram)
        self.show_fit(self._fit)

    def show_fit(self, fit: FitSummary) -> None:
        """Show the fit, or how many pairs it still needs."""
        self._fit = fit
        with QSignalBlocker(self._group):
            self.model_buttons[fit.model].setChecked(True)
        self._say(self.fit_sentence, self._sentence(fit))
        self.fit_values["used"].setText(
            self.tr("{used} of {all} pairs").format(used=fit.num_used, all=fit.num_pairs)
        )
        self.fit_values["mean"].setText(_pixels(fit.mean_px))
        self.fit_values["loo"].setText(_pixels(fit.loo_px))
        self.fit_values["worst"].setText(f"#{fit.worst}   {_pixels(fit.worst_px)}" if fit.worst else "–")
        self.histogram.show_residuals(fit.residuals_px)
        self._say(self.warning, self._warning())

    def show_models(self, scores: Sequence[ModelScore]) -> None:
        """Show how well every model suits the pairs, and disable those that need more of them."""
        self._scores = {score.model: score for score in scores}
        for model, score in self._scores.items():
            text, tip = self._error_text(score)
            self.errors[model].setText(text)
            self.errors[model].setToolTip(tip)
            self.errors[model].setProperty("role", "" if score.is_best else "muted")
            self.errors[model].style().polish(self.errors[model])
            self.model_buttons[model].setEnabled(not score.missing)
            self.model_buttons[model].setToolTip(tip)
        self._say(self.warning, self._warning())

    def _sentence(self, fit: FitSummary) -> str:
        title = model_title(fit.model).lower()
        if fit.missing == 1:
            return self.tr("One more pair is needed for a {model}.").format(model=title)
        if fit.missing:
            return self.tr("{n} more pairs are needed for a {model}.").format(n=fit.missing, model=title)
        return translate_message(fit.problem)

    def _error_text(self, score: ModelScore) -> tuple[str, str]:
        """Return the error beside a model, and what to know about it."""
        if score.missing:
            tip = self.tr("It needs {n} more placed pairs.").format(n=score.missing)
            return self.tr("needs {n} more").format(n=score.missing), tip
        if score.fit_px is None:
            return "–", translate_message(score.problem)
        if score.loo_px is None:
            return "–", self.tr("One more pair is needed to leave one out.")
        tip = self.tr("Fit {fit} px, left out {left_out} px.").format(
            fit=f"{score.fit_px:.2f}", left_out=f"{score.loo_px:.2f}"
        )
        if score.is_best:
            return f"{BEST} {_pixels(score.loo_px)}", self.tr("{numbers} The best of all.").format(
                numbers=tip
            )
        return _pixels(score.loo_px), tip

    def _warning(self) -> str:
        """Return why another model may be the better choice, or an empty text."""
        chosen = self._scores.get(self._fit.model)
        best = next((score for score in self._scores.values() if score.is_best), None)
        if chosen is None or chosen.fit_px is None:
            return ""
        if chosen.folded_share > _VISIBLE_FOLDS:
            return self.tr(
                "{model}: {share} % of the moving image is folded over. Look for a wrong pair."
            ).format(model=model_title(chosen.model), share=f"{100 * chosen.folded_share:.1f}")
        models = list(MODELS)
        if best is None or best.loo_px is None or chosen.loo_px is None:
            return ""
        is_more_flexible = models.index(chosen.model) > models.index(best.model)
        if not is_more_flexible or chosen.loo_px < _NOTABLY_WORSE * best.loo_px:
            return ""
        return self.tr(
            "{model}: fit {fit} px but left out {left_out} px; {best} reaches {best_px} px."
        ).format(
            model=model_title(chosen.model),
            fit=f"{chosen.fit_px:.1f}",
            left_out=f"{chosen.loo_px:.1f}",
            best=model_title(best.model).lower(),
            best_px=f"{best.loo_px:.1f}",
        )

    def _say(self, label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))


def _label(role: str, text: str = "", *, is_wrapped: bool = False) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(is_wrapped)
    if role:
        label.setProperty("role", role)
    return label


def _pixels(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} px"
