"""Pictures of a prediction: how masks are drawn, where they disagree, grades by slice."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.contract.kinds import PanelKind
from engines.contract.panels import PanelFile
from engines.contract.run_context import RunContext
from engines.imaging.images import write_image
from engines.segmentation.inference import probability_of
from engines.segmentation.pictures import (
    heat_picture,
    outlined,
    probability_picture,
    shown_modality,
    side_by_side,
)
from engines.segmentation.prediction import CaseRunner, PredictedCase

_MOST_SHOWN = 12


class PredictionPanels:
    """Written anew with every item, the first items only.

    Parameters
    ----------
    run : RunContext
    has_grades : bool
    """

    def __init__(self, run: RunContext, *, has_grades: bool) -> None:
        self._run = run
        self._has_grades = has_grades
        self._drawing: list[dict[str, Any]] = []
        self._uncertainty: list[dict[str, Any]] = []
        self._slices: list[dict[str, Any]] = []

    def add(self, predicted: PredictedCase, runner: CaseRunner) -> None:
        """Show one more item."""
        if len(self._uncertainty) >= _MOST_SHOWN:
            return
        name = predicted.case.id
        place = int(np.argmax(predicted.fused.probability[0].sum(axis=(1, 2))))
        image = predicted.frame.put(predicted.case.image[predicted.numbers[place]])
        flair = image[shown_modality(image)]
        fused, samples = predicted.fused, predicted.drawn.samples
        tiles = [
            outlined(flair, predicted.drawn.calibration[place] >= 0.5),
            outlined(flair, fused.regions[:, place]),
            probability_picture((samples[:, place, 0] >= 0.5).mean(axis=0)),
            heat_picture(fused.entropy[place], 1.0),
            heat_picture(fused.mutual_information[place], 0.5),
            heat_picture(fused.spread[place], 0.5),
            *(probability_picture(sample[place, 0]) for sample in samples[:8]),
        ]
        self._uncertainty.append(self._frame(name, "votes", 0, side_by_side(tiles)))
        self._run.panel(
            "uncertainty",
            PanelFile(
                kind=PanelKind.IMAGE_SERIES,
                title="Image-only mask, fused mask, votes, entropy, disagreement, spread, drawn masks",
                data={"frames": self._uncertainty},
            ),
        )
        if runner.network.is_diffusion:
            for step, seen in enumerate(runner.trajectory(predicted)):
                self._drawing.append(self._frame(name, "drawing", step, probability_picture(seen)))
            self._run.panel(
                "drawing",
                PanelFile(
                    kind=PanelKind.SCRUBBER,
                    title="How a mask is drawn, step by step",
                    data={"frames": self._drawing},
                ),
            )
        if self._has_grades:
            margins = predicted.drawn.grades[:, 1] - predicted.drawn.grades[:, 0]
            self._slices.append(
                {
                    "name": name,
                    "x": predicted.numbers.tolist(),
                    "y": [round(probability_of(float(margin)), 4) for margin in margins],
                }
            )
            self._run.panel(
                "slice_grades",
                PanelFile(
                    kind=PanelKind.CURVE,
                    title="Probability of the high grade by slice",
                    data={"series": self._slices, "x_label": "Slice", "y_label": "P(HGG)"},
                ),
            )

    def _frame(self, item: str, name: str, step: int, picture: Any) -> dict[str, Any]:
        path = self._run.folder.panels_dir / name / f"{item}_{step:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, picture)
        relative = path.relative_to(self._run.folder.path).as_posix()
        return {"step": step, "item": item, "name": name, "path": relative}
