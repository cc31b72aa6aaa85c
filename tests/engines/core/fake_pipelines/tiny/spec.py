from __future__ import annotations

from engines.contract.kinds import Action, FileKind, ItemKind
from engines.contract.spec import MetricSpec, Needs, PhaseSpec, PipelineSpec, RoleSpec

SPEC = PipelineSpec(
    key="tiny",
    title="Tiny",
    summary="A regression for tests.",
    item_kinds=(ItemKind.IMAGE_SET,),
    roles=(RoleSpec("image", FileKind.IMAGE, "Image"),),
    annotation_kinds=(),
    phases=(PhaseSpec("only", "Only phase", "Fit a line.", Needs(), (), "none"),),
    metrics=(
        MetricSpec("error", "Error", "", higher_is_better=False, is_headline=True),
        MetricSpec("second", "Second", "", higher_is_better=True, undefined_when="there is no second"),
    ),
    baselines=(),
    outputs=(),
    panels=(),
    presets=(),
    configs={
        Action.TRAIN: "engines.tiny.config:TinyTrainingConfig",
        Action.PREDICT: "engines.tiny.config:TinyConfig",
        Action.EVALUATE: "engines.tiny.config:TinyConfig",
    },
    train="engines.tiny.train:train",
    predict="engines.tiny.predict:predict",
    evaluate="engines.tiny.predict:predict",
    diagnose="",
    source="",
)
