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
    in_rows,
    outlined,
    probability_picture,
    shown_modality,
    side_by_side,
)
from engines.segmentation.prediction import CaseRunner, PredictedCase

_MOST_SHOWN = 12
_FILM = 8


class PredictionPanels:
    """Written anew with every item, the first items only.

    Parameters
    ----------
    run : RunContext
    has_grades : bool
    abstain_band : float
        Around one half, where nothing is said.
    """

    def __init__(self, run: RunContext, *, has_grades: bool, abstain_band: float) -> None:
        self._run = run
        self._band = abstain_band
        self._has_grades = has_grades
        self._drawing: list[dict[str, Any]] = []
        self._uncertainty: list[dict[str, Any]] = []
        self._film: list[dict[str, Any]] = []
        self._slices: list[dict[str, Any]] = []
        self._grades: list[list[Any]] = []

    def add(self, predicted: PredictedCase, runner: CaseRunner, row: dict[str, Any]) -> None:
        """Show one more item, whose line in the table of the run is `row`."""
        if self._has_grades:
            self._add_grade(row)
        if len(self._uncertainty) >= _MOST_SHOWN:
            return
        name = predicted.case.id
        place = int(np.argmax(predicted.fused.probability[0].sum(axis=(1, 2))))
        image = predicted.frame.put(predicted.case.image[predicted.numbers[place]])
        flair = image[shown_modality(image)]
        fused, samples = predicted.fused, predicted.drawn.samples
        calibration = predicted.drawn.calibration[place]
        maps = [
            outlined(flair, calibration >= 0.5),
            outlined(flair, fused.regions[:, place]),
            probability_picture(calibration[0]),
            probability_picture((samples[:, place, 0] >= 0.5).mean(axis=0)),
            heat_picture(fused.entropy[place], 1.0),
            heat_picture(fused.mutual_information[place], 0.5),
            heat_picture(fused.spread[place], 0.5),
            heat_picture(np.abs(calibration[0] - samples[:, place, 0].mean(axis=0)), 1.0),
        ]
        drawn = [outlined(flair, sample[place] >= 0.5) for sample in samples[: len(maps)]]
        self._uncertainty.append(self._frame(name, "votes", 0, in_rows(maps, drawn)))
        self._run.panel(
            "uncertainty",
            PanelFile(
                kind=PanelKind.IMAGE_SERIES,
                title="Image-only mask, fused mask, image-only map, votes, entropy, disagreement, spread, "
                "map against masks; drawn masks",
                data={"frames": self._uncertainty},
            ),
        )
        if runner.network.is_diffusion:
            seen = [probability_picture(step) for step in runner.trajectory(predicted)]
            self._drawing += [
                self._frame(name, "drawing", step, picture) for step, picture in enumerate(seen)
            ]
            chosen = np.unique(np.linspace(0, len(seen) - 1, min(_FILM, len(seen))).round().astype(int))
            self._film.append(self._frame(name, "film", 0, side_by_side([seen[step] for step in chosen])))
            self._run.panel(
                "film",
                PanelFile(
                    kind=PanelKind.IMAGE_SERIES,
                    title="Steps of a drawing beside each other",
                    data={"frames": self._film},
                ),
            )
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
            ends = [
                min(found["x"][0] for found in self._slices),
                max(found["x"][-1] for found in self._slices),
            ]
            band = [
                {"name": "nothing is said", "x": ends, "y": [level, level]}
                for level in (0.5 - self._band, 0.5 + self._band)
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

    def _frame(self, item: str, name: str, step: int, picture: Any) -> dict[str, Any]:
        path = self._run.folder.panels_dir / name / f"{item}_{step:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, picture)
        relative = path.relative_to(self._run.folder.path).as_posix()
        return {"step": step, "item": item, "name": name, "path": relative}
