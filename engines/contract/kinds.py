"""Closed lists: what an item, file, annotation, output or panel can be.

The window draws by these kinds and never by a pipeline's key, so a new pipeline needs none of its code.
"""

from __future__ import annotations

from enum import StrEnum


class ItemKind(StrEnum):
    """What one row of a data set is."""

    IMAGE_PAIR = "image_pair"
    IMAGE_SET = "image_set"
    VOLUME = "volume"
    VOLUME_SET = "volume_set"
    VOLUME_PAIR = "volume_pair"


class FileKind(StrEnum):
    """What one file of an item holds."""

    IMAGE = "image"
    VOLUME = "volume"
    MASK = "mask"
    LABEL_MAP = "label_map"


class AnnotationKind(StrEnum):
    """What a person draws or decides."""

    KEYPOINT_PAIRS = "keypoint_pairs"
    LABEL_MAP = "label_map"
    GRADE = "grade"


class OutputKind(StrEnum):
    """What a run produces for an item."""

    TRANSFORM = "transform"
    IMAGE = "image"
    LABEL_MAP = "label_map"
    KEYPOINT_PAIRS = "keypoint_pairs"
    TABLE = "table"
    MESH = "mesh"


class PanelKind(StrEnum):
    """How a picture of a run is drawn; `workstation/views/panels/<kind>.py` draws it."""

    IMAGE_SERIES = "image_series"
    CURVE = "curve"
    HISTOGRAM = "histogram"
    MATRIX = "matrix"
    DECISION = "decision"
    PROBABILITY = "probability"
    RELIABILITY = "reliability"
    VECTOR_FIELD = "vector_field"
    PATCH_MAP = "patch_map"
    TABLE = "table"
    SCRUBBER = "scrubber"
    LAYERS = "layers"


class Split(StrEnum):
    """Which part of the data an item belongs to.

    `evaluation` items are never trained on, nor used to choose a model: landmark pairs, for example.
    """

    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    EVALUATION = "evaluation"


class Action(StrEnum):
    """What a run does."""

    TRAIN = "train"
    PREDICT = "predict"
    EVALUATE = "evaluate"
    IMPORT_WEIGHTS = "import_weights"

    @property
    def makes_model(self) -> bool:
        """Whether a finished run of it holds a model that other runs can build on."""
        return self in (Action.TRAIN, Action.IMPORT_WEIGHTS)


class RunState(StrEnum):
    """The life of a run, one owner: the run model of the window, fed by events."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, in whatever way."""
        return self in (RunState.FINISHED, RunState.STOPPED, RunState.FAILED)


class Severity(StrEnum):
    """How much a diagnosis matters."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"
