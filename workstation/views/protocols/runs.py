"""What the Train and Runs screens show, as plain data, and the views that controllers talk to.

Controllers build these records and hand them over; the views draw them and answer with signals. No Qt here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engines.contract.evaluation import EvaluationReport
from engines.contract.events import Diagnosis
from engines.contract.kinds import RunState
from engines.contract.messages import Message
from engines.contract.panels import PanelFile
from engines.contract.spec import MetricSpec, PanelSpec
from engines.contract.training_preview import TrainingPicture
from workstation.views.protocols.cards import Card

FloatArray = npt.NDArray[np.float64]
SeriesKey = tuple[str, str]
"""Metric key and split."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of a run.

    Parameters
    ----------
    steps : ndarray of float64, (N,)
        Optimiser steps, rising.
    values : ndarray of float64, (N,)
        NaN where the metric was undefined.
    reason : str
        Why the newest undefined value is undefined.
    """

    steps: FloatArray
    values: FloatArray
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture of a fixed item at one step; `path` is absolute."""

    step: int
    item: str
    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """A pipeline in the list."""

    key: str
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What a phase would learn from.

    Parameters
    ----------
    subjects, items : mapping of split to int
        Of the items that the phase can use.
    num_sealed_items : int
        Evaluation items, which training leaves out.
    split_hash : str
    """

    subjects: Mapping[str, int] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)
    num_sealed_items: int = 0
    split_hash: str = ""


@dataclass(frozen=True, slots=True)
class GateValue:
    """A quality gate and what the run reached; `value` is None when it was not measured."""

    metric: MetricSpec
    wanted: float
    value: float | None

    @property
    def is_reached(self) -> bool:
        """Whether the value passes."""
        if self.value is None:
            return False
        return self.value >= self.wanted if self.metric.higher_is_better else self.value <= self.wanted


@dataclass(frozen=True, slots=True)
class PhaseCard:
    """A phase as a card.

    Parameters
    ----------
    state : RunState or None
        Of its newest run; None when it never ran.
    locked_because : Message or None
        Why it cannot start; None when it can.
    fix : str
        Name of the screen on which the reason can be put right, or empty.
    progress : float or None
        0 to 1; None while the end is unknown.
    eta_s : (float, float) or None
        Shortest and longest time left, in s.
    ways : tuple of (str, str)
        Other ways to start, each what is asked for when it is chosen, and its English words.
    base_gate : GateValue or None
        What the model reached that the phase starts from.
    """

    key: str
    title: str
    purpose: str
    state: RunState | None = None
    locked_because: Message | None = None
    fix: str = ""
    progress: float | None = None
    eta_s: tuple[float, float] | None = None
    stage: str = ""
    gate: GateValue | None = None
    run_id: str = ""
    ways: tuple[tuple[str, str], ...] = ()
    base_gate: GateValue | None = None


@dataclass(frozen=True, slots=True)
class BaseRow:
    """A model that a phase can start from.

    Parameters
    ----------
    title : str
        The id without what every run of the list has in common.
    gate : GateValue or None
        What it reached of the gate of its own phase.
    """

    run_id: str
    title: str
    gate: GateValue | None = None


@dataclass(frozen=True, slots=True)
class Verbs:
    """What can be done with a run now; each field is None when it can, else the reason why not."""

    start: Message | None = None
    pause: Message | None = None
    proceed: Message | None = None
    stop: Message | None = None
    discard: Message | None = None
    resume: Message | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything a screen draws of one run.

    Parameters
    ----------
    metrics : tuple of MetricSpec
        Of the run's pipeline; they name and order its curves.
    panel_specs : tuple of PanelSpec
        Of the run's pipeline; the curve panels say which metrics are drawn together.
    best : (str, int, float or None) or None
        Metric, step and value of the best checkpoint.
    patience : (int, int) or None
        Validations without improvement so far, and how many end the run.
    panel_views : mapping of str to mapping
        How somebody left panels, by their titles.
    """

    run_id: str
    state: RunState
    curves: Mapping[SeriesKey, Curve] = field(default_factory=dict)
    metrics: tuple[MetricSpec, ...] = ()
    panel_specs: tuple[PanelSpec, ...] = ()
    frames: Sequence[Frame] = ()
    panels: Sequence[PanelFile] = ()
    diagnoses: Sequence[Diagnosis] = ()
    warnings: Sequence[Message] = ()
    failure: Card | None = None
    best: tuple[str, int, float | None] | None = None
    patience: tuple[int, int] | None = None
    folder: Path | None = None
    panel_views: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StripText:
    """The one line about the run that is under way; `num_queued` others wait."""

    run_id: str
    title: str
    state: RunState
    progress: float | None = None
    eta_s: tuple[float, float] | None = None
    stage: str = ""
    num_queued: int = 0


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in the list."""

    run_id: str
    folder: Path
    pipeline: str
    pipeline_title: str
    action: str
    phase: str
    state: RunState
    started: float | None = None
    duration_s: float | None = None
    headline: tuple[MetricSpec, float | None] | None = None
    split_hash: str = ""
    preset: str = ""
    sweep: str = ""
    """The sweep that it belongs to, and what stands for it there."""


@dataclass(frozen=True, slots=True)
class SweepRow:
    """What one value of a setting came to.

    Parameters
    ----------
    key : str
        Setting; empty where none was changed.
    value : str
    num_finished : int
        Trainings that ended well.
    runs : tuple of str
        One for each seed.
    values : mapping of metric key to (mean, spread) or None
        The spread is None with fewer than two seeds.
    """

    key: str
    value: str
    num_finished: int
    runs: tuple[str, ...]
    values: Mapping[str, tuple[float, float | None] | None]


@dataclass(frozen=True, slots=True)
class SweepView:
    """The table of a sweep; its first metric ranks the rows."""

    name: str
    split_hash: str
    metrics: tuple[MetricSpec, ...]
    rows: tuple[SweepRow, ...]


@dataclass(frozen=True, slots=True)
class EvaluationView:
    """A report with the words for its columns.

    Parameters
    ----------
    num_subjects : int
        Distinct subjects behind the items.
    page : Path or None
        The same as a page with pictures, when the run wrote one.
    """

    report: EvaluationReport
    metrics: tuple[MetricSpec, ...]
    num_subjects: int
    page: Path | None = None


CheckSettings = Callable[[Mapping[str, Any]], Message | None]
"""Tell what is wrong with settings as a whole, or None."""


class TrainView(Protocol):
    """The Train screen as its controller sees it."""

    def show_pipelines(self, rows: Sequence[PipelineRow], chosen: str) -> None:
        """List the pipelines."""

    def show_data(self, summary: DataSummary) -> None:
        """Say what the phase would learn from."""

    def show_phases(self, cards: Sequence[PhaseCard], chosen: str) -> None:
        """Draw the phase cards."""

    def show_verbs(self, verbs: Verbs) -> None:
        """Enable the buttons, and say why the others are not."""

    def show_presets(self, names: Sequence[str], chosen: str) -> None:
        """List the presets of the phase."""

    def show_settings(
        self, schema: Mapping[str, Any], values: Mapping[str, Any], check: CheckSettings
    ) -> None:
        """Build the form of the phase's settings."""

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Write values into the form, as if they had been typed."""

    def show_command(self, command: str) -> None:
        """Print the command line that does the same."""

    def show_bases(self, rows: Sequence[BaseRow], chosen: str) -> None:
        """List the models that the phase can start from, the newest first; none where it starts anew."""

    def show_run(self, run: RunView | None) -> None:
        """Draw a run, or its absence."""

    def offer_preview(self, is_offered: bool) -> None:
        """Say whether the pipeline can draw what a training will see."""

    def show_preview(self, pictures: Sequence[TrainingPicture]) -> None:
        """Show what a training will see; without pictures, say that there are none."""


class RunsView(Protocol):
    """The Runs screen as its controller sees it."""

    def show_runs(self, rows: Sequence[RunRow]) -> None:
        """List the runs, newest first."""

    def show_run(self, run: RunView | None) -> None:
        """Draw the chosen run, or its absence."""

    def show_overlay(self, run: RunView | None) -> None:
        """Draw a second run's curves over the first."""

    def show_comparison(self, sentence: Message | None) -> None:
        """Say what may and may not be compared between the chosen runs."""

    def show_evaluation(self, evaluation: EvaluationView | None) -> None:
        """Draw the chosen run's evaluation, or its absence."""

    def show_sweep(self, sweep: SweepView | None) -> None:
        """Draw the table of the sweep that the chosen run belongs to, or its absence."""

    def show_log(self, text: str) -> None:
        """Show the end of the log."""

    def show_verbs(self, verbs: RunVerbs) -> None:
        """Enable the buttons, and say why the others are not."""

    def show_model_in_use(self, run_id: str) -> None:
        """Mark the run whose model registers and is evaluated."""


@dataclass(frozen=True, slots=True)
class RunVerbs:
    """What can be done with the chosen run; each field is None when it can, else the reason why not."""

    use: Message | None = None
    evaluate: Message | None = None
    resume: Message | None = None
    repeat: Message | None = None
    discard: Message | None = None
    open_folder: Message | None = None
    compare: Message | None = None
