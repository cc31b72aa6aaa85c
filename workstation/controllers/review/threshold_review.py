"""Another threshold for a result that came with a probability: counted while it is moved, then applied.

Counting is done on a thread, one count at a time: what was asked for meanwhile is forgotten but for the last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, Signal

from engines.contract.errors import InputError, WorkstationError
from engines.contract.messages import Message
from engines.contract.probability_file import SparseProbability
from workstation.controllers.masks.label_edits import LabelEdits
from workstation.controllers.review.review_controller import ReviewController
from workstation.controllers.workbench import Workbench
from workstation.runs.results import ItemResult
from workstation.views.protocols.cards import Card
from workstation.views.protocols.review import ReviewPanelView, ThresholdSummary
from workstation.views.protocols.volume import LabelLayer, LabelStyle

if TYPE_CHECKING:
    from engines.imaging.volumes.thresholding import Thresholded
    from workstation.controllers.volume.volume_controller import VolumeController

KEY = "review.threshold"
APPLY = Message("threshold {name} at {label}").text
STEP = 0.02
_LOAD, _COUNT = "review.probability", "review.threshold"
_USUAL = 0.5
_LOWEST, _HIGHEST = 0.0, 1.0


class ThresholdReview(QObject):
    """Behind the threshold slider.

    Parameters
    ----------
    workbench : Workbench
    volumes : VolumeController
    edits : LabelEdits
    review : ReviewController
    panel : ReviewPanelView
    colour : "#rrggbb"
        Of the outline.

    Signals
    -------
    changed
        What may be done now changed.
    """

    changed = Signal()

    def __init__(
        self,
        workbench: Workbench,
        volumes: VolumeController,
        edits: LabelEdits,
        review: ReviewController,
        panel: ReviewPanelView,
        colour: str,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._volumes = volumes
        self._edits = edits
        self._review = review
        self._panel = panel
        self._colour = colour
        self._result: ItemResult | None = None
        self._probability: SparseProbability | None = None
        self._outline: npt.NDArray[np.uint8] | None = None
        self._is_counting = False
        self.summary: ThresholdSummary | None = None
        self.is_touched = False
        """Whether a threshold is tried out that is not applied."""
        review.result_changed.connect(self._on_result)

    @property
    def has_probability(self) -> bool:
        """Whether the result that is shown came with a probability."""
        return self._probability is not None

    def close(self) -> None:
        """Let go of threads; the screen goes."""
        for channel in (_LOAD, _COUNT):
            self._bench.background.drop(channel)

    # -- what the person does ------------------------------------------------------------------------

    def move(self, value: float) -> None:
        """Try a threshold out."""
        if self._probability is None:
            return
        value = min(max(value, _LOWEST), _HIGHEST)
        was_touched, self.is_touched = self.is_touched, True
        self.summary = ThresholdSummary(value)
        self._panel.show_threshold(self.summary)
        if not was_touched:
            # Not at every step of the slider: every action is asked then.
            self.changed.emit()
        self._count()

    def step(self, offset: int) -> None:
        """Raise the threshold by a step, or lower it."""
        if self.summary is not None:
            self.move(round(self.summary.value + offset * STEP, 4))

    def apply(self) -> None:
        """Make the step that is looked at as large as the threshold says, as one edit."""
        probability, summary = self._probability, self.summary
        label_map_id = self._review.steps.get(self._review.role, "")
        if probability is None or summary is None or not label_map_id:
            return
        # Takes long to import, and nothing else of the screen needs it.
        from engines.imaging.volumes.thresholding import threshold_changes

        locked, value = self._volumes.layers.look(label_map_id).locked, summary.value
        self._edits.add(
            label_map_id,
            lambda labels: threshold_changes(labels, probability, value, locked),
            APPLY,
            label=f"{value:.2f}",
        )
        self.is_touched = False
        self._hide()
        self._tell()

    def drop(self) -> None:
        """Go back to the threshold that the run chose."""
        if self._result is not None and self._probability is not None:
            self.is_touched = False
            self._hide()
            self._begin(self._result)

    # -- inside --------------------------------------------------------------------------------------

    def _on_result(self) -> None:
        result = self._review.result if self._review.steps else None
        if result is self._result:
            return
        self._result = result
        self._probability, self.summary, self.is_touched = None, None, False
        self._hide()
        self._tell()
        if result is not None and result.probability is not None:
            path = result.probability
            self._bench.background.submit(
                _LOAD, lambda: SparseProbability.read(path), self._on_read, self._on_failed
            )

    def _on_read(self, probability: SparseProbability) -> None:
        grid = self._volumes.layers.map_of(next(iter(self._review.steps.values()), ""))
        if self._result is None or grid is None:
            return
        if grid.geometry.shape != probability.shape:
            self._on_failed(
                InputError("The probability lies on another grid than the result.", remedy="Run it again.")
            )
            return
        self._probability = probability
        if self._review.role:
            # The table of components is about the class that the run worked on.
            self._volumes.set_class(probability.label)
        self._begin(self._result)

    def _begin(self, result: ItemResult) -> None:
        chosen = result.review.threshold if result.review is not None else None
        self.summary = ThresholdSummary(_USUAL if chosen is None else chosen)
        self._tell()
        self._count()

    def _count(self) -> None:
        probability, summary = self._probability, self.summary
        if probability is None or summary is None or self._is_counting:
            return
        from engines.imaging.volumes.thresholding import at_threshold

        self._is_counting = True
        value = summary.value
        self._bench.background.submit(_COUNT, lambda: at_threshold(probability, value), self._on_counted)

    def _on_counted(self, found: Thresholded) -> None:
        self._is_counting = False
        probability, summary = self._probability, self.summary
        grid = self._volumes.layers.map_of(next(iter(self._review.steps.values()), ""))
        if probability is None or summary is None or grid is None:
            return
        if found.mask.shape != probability.values.shape:
            return
        volume_ml = found.num_voxels * grid.geometry.voxel_volume_ml
        counted = replace(summary, volume_ml=volume_ml, num_components=found.num_components)
        if self.is_touched:
            self._show(found, probability)
        # While the slider moves, what is shown is a moment old rather than nothing.
        self._panel.show_threshold(counted)
        if found.threshold == summary.value:
            self.summary = counted
        else:
            self._count()

    def _show(self, found: Thresholded, probability: SparseProbability) -> None:
        is_new = self._outline is None
        if self._outline is None:
            # Pages of zeros that nobody writes to take no memory.
            self._outline = np.zeros(probability.shape, np.uint8, order="F")
        self._outline[probability.box] = found.mask
        if not is_new:
            self._volumes.view.refresh_labels(KEY, probability.box)
            return
        grid = self._volumes.layers.map_of(next(iter(self._review.steps.values()), ""))
        assert grid is not None
        self._volumes.add_labels(
            LabelLayer(
                KEY,
                "",
                self._outline,
                grid.geometry,
                {1: self._colour},
                opacity=1.0,
                style=LabelStyle.OUTLINE,
            )
        )

    def _hide(self) -> None:
        self._outline = None
        self._volumes.remove_labels(KEY)

    def _tell(self) -> None:
        self._panel.show_threshold(self.summary)
        self.changed.emit()

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            self._bench.post(Card.of_error(error))
