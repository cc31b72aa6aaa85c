"""`PipelineSpec`: everything the window knows about a pipeline, as plain frozen data.

A pipeline's `spec.py` assigns one module-level ``SPEC = PipelineSpec(...)``. Code is named by
``"module:name"`` strings and imported only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engines.contract.errors import UnknownKeyError
from engines.contract.kinds import (
    Action,
    AnnotationKind,
    FileKind,
    ItemKind,
    OutputKind,
    PanelKind,
)


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """A file that an item can hold.

    Parameters
    ----------
    name : str
        Role, for example ``"fixed"``.
    kind : FileKind
    title : str
        English words for people.
    required : bool
        Whether an item of the pipeline's item kind is incomplete without it.
    aliases : tuple of str
        Other spellings accepted on import.
    """

    name: str
    kind: FileKind
    title: str
    required: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """What must exist before a phase can start.

    Parameters
    ----------
    roles : tuple of str
        Roles a training item must have.
    annotation : AnnotationKind or None
        Annotation a training item must have.
    min_items : int
        Number of such items, over train and validation, at least.
    phases : tuple of str
        Phases of the same pipeline with a finished run.
    """

    roles: tuple[str, ...] = ()
    annotation: AnnotationKind | None = None
    min_items: int = 1
    phases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OtherNeeds:
    """What a phase needs instead when a setting has a certain value.

    Parameters
    ----------
    setting, value : str
        Of the training settings.
    needs : Needs
    title : str
        What training with it means, as words on a button.
    """

    setting: str
    value: str
    needs: Needs
    title: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A quality gate: a metric and the value it should reach before the next phase makes sense."""

    metric: str
    value: float


@dataclass(frozen=True, slots=True)
class VariantsSpec:
    """Short trainings of a phase that differ in one choice, made to be compared.

    Parameters
    ----------
    key : str
        What differs, in one word.
    title : str
        Name of the comparison, English, a translation id.
    short : mapping of str to object
        Settings that make all of them short.
    rows : mapping of str to mapping
        The settings of each, by name.
    """

    key: str
    title: str
    short: Mapping[str, Any]
    rows: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PhaseSpec:
    """One training phase; phases form a graph through `needs.phases`.

    Parameters
    ----------
    key, title, purpose : str
        `purpose` is one sentence.
    needs : Needs
    produces : tuple of str
        What a finished run of it offers to later phases, in words of the pipeline.
    preset : str
        Name of the preset chosen at first.
    gate : Gate or None
    other_needs : tuple of OtherNeeds
        Ways to train without what `needs` asks for.
    variants : VariantsSpec or None
        What can be compared by short trainings.
    """

    key: str
    title: str
    purpose: str
    needs: Needs
    produces: tuple[str, ...]
    preset: str
    gate: Gate | None = None
    other_needs: tuple[OtherNeeds, ...] = ()
    variants: VariantsSpec | None = None

    def needs_with(self, settings: Mapping[str, Any] | None) -> Needs:
        """Return what the phase needs with these settings; None: with the usual ones."""
        for other in self.other_needs:
            if settings is not None and settings.get(other.setting) == other.value:
                return other.needs
        return self.needs


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A number that a run reports.

    Parameters
    ----------
    key : str
        lower_snake_case with its unit, for example ``"median_error_px"``.
    label, unit : str
    higher_is_better : bool
    undefined_when : str
        Why it can be missing, as a sentence.
    is_headline : bool
        Whether it heads tables and run cards.
    """

    key: str
    label: str
    unit: str
    higher_is_better: bool
    undefined_when: str = ""
    is_headline: bool = False


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """A file written for each predicted item: ``outputs/<role>/<item id>.<ext>``."""

    role: str
    kind: OutputKind
    title: str


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """A picture that the pipeline writes to ``panels/<name>.json``, or draws from named metrics.

    Parameters
    ----------
    name, title : str
    kind : PanelKind
    metrics : tuple of str
        For a `curve` panel: the keys drawn together.
    """

    name: str
    kind: PanelKind
    title: str
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttributeSpec:
    """What a person can say of a whole item, one of a few values.

    Parameters
    ----------
    kind : AnnotationKind
        How it is kept; one of the pipeline's `annotation_kinds`.
    title : str
    values : tuple of str
        What it can be, in the order in which they are offered.
    note : str
        What has to be known before one is chosen, as a sentence.
    """

    kind: AnnotationKind
    title: str
    values: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A pipeline: one folder of `engines/`.

    Parameters
    ----------
    key, title, summary : str
    item_kinds : tuple of ItemKind
        Kinds of item it can use; the first is its usual one.
    roles : tuple of RoleSpec
    annotation_kinds : tuple of AnnotationKind
    phases : tuple of PhaseSpec
    metrics : tuple of MetricSpec
        Evaluation and training metrics.
    baselines : tuple of str
        Rows that every evaluation prints beside the model.
    outputs : tuple of OutputSpec
    panels : tuple of PanelSpec
    presets : tuple of str
        Names; ``resources/presets/<key>/<name>.yaml`` holds the values.
    configs : mapping of Action to "module:name"
        A `RunConfig` class for each action that the pipeline can do.
    train, predict, evaluate : str
        "module:name" of a function ``(run: RunContext) -> None``.
    diagnose : str
        "module:name" of a tuple of rules.
    source : str
        The papers and repositories the method comes from.
    """

    key: str
    title: str
    summary: str
    item_kinds: tuple[ItemKind, ...]
    roles: tuple[RoleSpec, ...]
    annotation_kinds: tuple[AnnotationKind, ...]
    phases: tuple[PhaseSpec, ...]
    metrics: tuple[MetricSpec, ...]
    baselines: tuple[str, ...]
    outputs: tuple[OutputSpec, ...]
    panels: tuple[PanelSpec, ...]
    presets: tuple[str, ...]
    configs: dict[Action, str]
    train: str
    predict: str
    evaluate: str
    diagnose: str
    source: str
    can_predict_untrained: bool = field(default=False)
    """Whether `predict` works without any model, by a method that needs no training."""
    position: int = field(default=0)
    """Place in lists; the first is chosen at first. Pipelines of one place are sorted by key."""
    import_weights: str = field(default="")
    """A "module:name" of a function ``(run: RunContext) -> None`` that makes a model from foreign weights;
    its settings derive from `ImportWeightsConfig`. Empty where the pipeline reads none."""
    training_preview: str = field(default="")
    """A "module:name" of a function that draws what a training will see, see `training_preview`."""

    attributes: tuple[AttributeSpec, ...] = field(default=())
    """What a person can say of a whole item of one of its `item_kinds`, besides drawing in it."""

    started_facts: str = field(default="")
    """A "module:name" of a function ``(run: RunContext) -> dict``, free of torch: more numbers for the
    event that begins a training. Empty for none."""

    def function(self, action: Action) -> str:
        """Return the ``"module:name"`` that carries out an action.

        Raises
        ------
        UnknownKeyError
            If the pipeline cannot do it.
        """
        name = str(getattr(self, action.value))
        if not name:
            raise UnknownKeyError(
                "{pipeline} cannot do '{action}'.",
                remedy="Choose one of: {known}.",
                pipeline=self.title,
                action=action.value,
                known=", ".join(self.configs),
            )
        return name

    def phase(self, key: str) -> PhaseSpec:
        """Return a phase by key.

        Raises
        ------
        UnknownKeyError
            With the known keys.
        """
        for phase in self.phases:
            if phase.key == key:
                return phase
        raise UnknownKeyError(
            "{pipeline} has no phase '{key}'.",
            remedy="Choose one of: {known}.",
            pipeline=self.key,
            key=key,
            known=", ".join(phase.key for phase in self.phases),
        )

    def metric(self, key: str) -> MetricSpec | None:
        """Return a metric by key, or None."""
        return next((metric for metric in self.metrics if metric.key == key), None)

    @property
    def headline_metrics(self) -> tuple[MetricSpec, ...]:
        """Metrics that head tables and cards."""
        return tuple(metric for metric in self.metrics if metric.is_headline)
