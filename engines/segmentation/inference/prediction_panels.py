"""Pictures of a prediction: how masks are drawn, where they disagree, grades by slice."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.contract.kinds import PanelKind
from engines.contract.panels import PanelFile
from engines.contract.run_context import RunContext
from engines.imaging.images import write_image
from engines.segmentation.config import PredictConfig
from engines.segmentation.evaluation.pictures import (
    heat_picture,
    in_rows,
    outlined,
    probability_picture,
    shown_modality,
)
from engines.segmentation.inference.prediction import CaseRunner, PredictedCase
from engines.segmentation.inference.slice_inference import probability_of

_MOST_SHOWN = 12
_FILM = 4
"""Pictures in a row."""
_MOST_SAMPLES = 8
_PICTURES = {
    "uncertainty": (PanelKind.IMAGE_SERIES, "Votes, entropy and disagreement"),
    "calibration": (PanelKind.IMAGE_SERIES, "Image-only map against masks"),
    "samples": (PanelKind.IMAGE_SERIES, "Drawn masks"),
    "drawing": (PanelKind.SCRUBBER, "How a mask is drawn, step by step"),
    "film": (PanelKind.IMAGE_SERIES, "Steps of a drawing beside each other"),
}


class PredictionPanels:
    """Written anew with every item, the first items only.

    Parameters
    ----------
    run : RunContext
    config : PredictConfig
    has_grades : bool
    """

    def __init__(self, run: RunContext, config: PredictConfig, *, has_grades: bool) -> None:
        self._run = run
        self._threshold, self._band = config.grade_threshold, config.abstain_band
        self._has_grades = has_grades
        self._frames: dict[str, list[dict[str, Any]]] = {}
        self._num_shown = 0
        self._slices: list[dict[str, Any]] = []
        self._grades: list[list[Any]] = []

    def add(self, predicted: PredictedCase, runner: CaseRunner, row: dict[str, Any]) -> None:
        """Show one more item, whose line in the table of the run is `row`."""
        if self._has_grades:
            self._add_grade(row)
        if self._num_shown >= _MOST_SHOWN:
            return
        self._num_shown += 1
        name = predicted.case.id
        place = int(np.argmax(predicted.fused.probability[0].sum(axis=(1, 2))))
        image = predicted.frame.put(predicted.case.image[predicted.numbers[place]])
        flair = image[shown_modality(image)]
        fused, samples = predicted.fused, predicted.drawn.samples
        calibration = predicted.drawn.calibration[place]
        votes = (samples[:, place, 0] >= 0.5).mean(axis=0)
        self._show(
            "uncertainty",
            name,
            votes=probability_picture(votes),
            entropy=heat_picture(fused.entropy[place], 1.0),
            disagreement=heat_picture(fused.mutual_information[place], 0.5),
            spread=heat_picture(fused.spread[place], 0.5),
        )
        self._show(
            "calibration",
            name,
            image_only_map=probability_picture(calibration[0]),
            image_only_mask=outlined(flair, calibration >= 0.5),
            fused_mask=outlined(flair, fused.regions[:, place]),
            difference=heat_picture(np.abs(calibration[0] - samples[:, place, 0].mean(axis=0)), 1.0),
        )
        drawn = [outlined(flair, sample[place] >= 0.5) for sample in samples[:_MOST_SAMPLES]]
        rows = [drawn[start : start + _FILM] for start in range(0, len(drawn), _FILM)]
        self._show("samples", name, drawn_masks=in_rows(*rows))
        if runner.network.is_diffusion:
            seen = [probability_picture(step) for step in runner.trajectory(predicted)]
            for step, picture in enumerate(seen):
                self._show("drawing", name, step, drawing=picture)
            chosen = np.unique(np.linspace(0, len(seen) - 1, min(2 * _FILM, len(seen))).round().astype(int))
            frames = [seen[step] for step in chosen]
            self._show("film", name, film=in_rows(frames[:_FILM], frames[_FILM:]))
        if self._has_grades:
            margins = predicted.drawn.grades[:, 1] - predicted.drawn.grades[:, 0]
            self._slices.append(
                {
                    "name": name,
                    "x": predicted.numbers.tolist(),
                    "y": [round(probability_of(float(margin)), 4) for margin in margins],
                }
            )
            ends = [
                min(found["x"][0] for found in self._slices),
                max(found["x"][-1] for found in self._slices),
            ]
            band = [
                {"name": name, "x": ends, "y": [level, level]}
                for name, level in (
                    ("undecided from", self._threshold - self._band),
                    ("undecided to", self._threshold + self._band),
                )
                if self._band
            ]
            self._run.panel(
                "slice_grades",
                PanelFile(
                    kind=PanelKind.CURVE,
                    title="Probability of the high grade by slice",
                    data={"series": [*self._slices, *band], "x_label": "Slice", "y_label": "P(HGG)"},
                ),
            )

    def _add_grade(self, row: dict[str, Any]) -> None:
        keys = ("item", "grade", "probability_hgg", "probability_low", "probability_high", "volume_ml")
        self._grades.append([row[key] for key in keys])
        self._run.panel(
            "grades",
            PanelFile(
                kind=PanelKind.TABLE,
                title="Grade by item",
                data={
                    "columns": ["Item", "Grade", "P(HGG)", "from", "to", "Tumour / mL"],
                    "rows": self._grades,
                },
            ),
        )

    def _show(self, panel: str, item: str, step: int = 0, **pictures: Any) -> None:
        """Add pictures of an item to a panel, by name."""
        kind, title = _PICTURES[panel]
        frames = self._frames.setdefault(panel, [])
        for name, picture in pictures.items():
            path = self._run.folder.panels_dir / panel / f"{item}_{name}_{step:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, picture)
            relative = path.relative_to(self._run.folder.path).as_posix()
            frames.append({"step": step, "item": item, "name": name, "path": relative})
        self._run.panel(panel, PanelFile(kind=kind, title=title, data={"frames": frames}))
