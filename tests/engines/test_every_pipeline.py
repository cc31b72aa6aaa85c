"""What every pipeline promises: a spec that resolves, settings that explain themselves, a run that works.

A new pipeline is covered without a change here, as long as its files are 2-D images and masks, volumes and
label maps.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic_core import PydanticUndefined

from engines.contract.config import ImportWeightsConfig, RunConfig, TrainingConfig
from engines.contract.evaluation import EvaluationReport
from engines.contract.events import Checkpoint, Event, EventWriter, Metric, Output, Progress, read_events
from engines.contract.grade_file import GradeFile
from engines.contract.kinds import Action, AnnotationKind, FileKind, PanelKind, Split
from engines.contract.manifest import (
    AnnotationRecord,
    FileRecord,
    ItemRecord,
    Manifest,
    write_keypoint_pairs,
)
from engines.contract.presets import preset_values, training_config
from engines.contract.registry import all_specs, config_class, load_spec, pipeline_keys, resolve
from engines.contract.run_context import RunContext, StopRequested
from engines.contract.run_folder import RunFolder, RunRequest
from engines.contract.spec import PhaseSpec, PipelineSpec
from engines.imaging.images import write_image
from engines.imaging.opencv import cv2
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume

_SIDE = 256
_STEPS = 6
_SPECS = [pytest.param(spec, id=spec.key) for spec in all_specs()]
_PHASES = [
    pytest.param(spec, phase, id=f"{spec.key}-{phase.key}") for spec in all_specs() for phase in spec.phases
]


def test_there_are_pipelines_and_their_keys_are_their_folders() -> None:
    assert pipeline_keys()
    for key in pipeline_keys():
        assert load_spec(key).key == key


@pytest.mark.parametrize("spec", _SPECS)
def test_everything_that_a_spec_names_exists(spec: PipelineSpec) -> None:
    for action in spec.configs:
        assert callable(resolve(spec.function(action)))
    rules = resolve(spec.diagnose)
    assert isinstance(rules, tuple)
    assert len({rule.name for rule in rules}) == len(rules)
    optional = {Action.IMPORT_WEIGHTS} if not spec.import_weights else set()
    assert set(spec.configs) == set(Action) - optional
    for action in spec.configs:
        assert issubclass(config_class(spec, action), RunConfig)
    assert issubclass(config_class(spec, Action.TRAIN), TrainingConfig)
    if spec.import_weights:
        assert issubclass(config_class(spec, Action.IMPORT_WEIGHTS), ImportWeightsConfig)


@pytest.mark.parametrize("spec", _SPECS)
def test_names_are_unique_and_refer_to_each_other(spec: PipelineSpec) -> None:
    for group in (spec.phases, spec.metrics):
        keys = [entry.key for entry in group]
        assert len(keys) == len(set(keys))
    spellings = [name for role in spec.roles for name in (role.name, *role.aliases)]
    assert len(spellings) == len(set(spellings))
    roles, phases = {role.name for role in spec.roles}, {phase.key for phase in spec.phases}
    metrics = {metric.key for metric in spec.metrics}
    for phase in spec.phases:
        assert set(phase.needs.roles) <= roles
        assert set(phase.needs.phases) <= phases - {phase.key}
        assert phase.preset in spec.presets
        assert phase.gate is None or phase.gate.metric in metrics
        assert phase.purpose.endswith(".")
    names = [panel.name for panel in spec.panels]
    assert len(names) == len(set(names))
    for panel in spec.panels:
        assert set(panel.metrics) <= metrics
        assert (panel.kind is PanelKind.CURVE) or not panel.metrics
    assert spec.headline_metrics
    assert spec.baselines


@pytest.mark.parametrize(
    ("spec", "action"),
    [
        pytest.param(spec, action, id=f"{spec.key}-{action}")
        for spec in all_specs()
        for action in spec.configs
    ],
)
def test_every_setting_is_bounded_and_described(spec: PipelineSpec, action: Action) -> None:
    schema = config_class(spec, action).model_json_schema()["properties"]
    for name, field in config_class(spec, action).model_fields.items():
        assert field.default is not PydanticUndefined, name
        assert field.description, name
        assert field.description.endswith("."), name
        entry = schema[name]
        assert "unit" in entry, name
        if entry.get("type") in ("integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & set(entry), name
            assert {"maximum", "exclusiveMaximum"} & set(entry), name


@pytest.mark.parametrize(("spec", "phase"), _PHASES)
def test_presets_hold_known_settings_within_bounds(spec: PipelineSpec, phase: PhaseSpec) -> None:
    assert "tiny" in spec.presets
    known = set(config_class(spec, Action.TRAIN).model_fields)
    for preset in spec.presets:
        values = preset_values(spec, phase.key, preset)
        assert set(values) <= known
        resolved = training_config(spec, phase.key, preset).values()
        assert {key: resolved[key] for key in values} == values


@pytest.mark.parametrize("key", pipeline_keys())
def test_spec_and_settings_import_neither_torch_nor_qt(key: str) -> None:
    code = (
        f"import sys, engines.{key}.spec, engines.{key}.config\n"
        "found = {'torch', 'cv2', 'PySide6', 'workstation'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an image, uint8 (H, W, 3), of a branching structure, and the mask of that structure."""
    generator = np.random.default_rng(seed)
    lines = np.zeros((_SIDE, _SIDE), dtype=np.uint8)
    start = generator.uniform(0.4, 0.6, 2) * _SIDE
    for angle in np.linspace(0, 2 * np.pi, 7)[:-1] + generator.uniform(0, 1):
        point, heading = start, angle
        for number in range(20):
            heading += generator.normal(0, 0.15)
            end = point + 6 * np.array([np.cos(heading), np.sin(heading)])
            cv2.line(lines, tuple(point.round().astype(int)), tuple(end.round().astype(int)), 255, 3)
            if number % 5 == 4:
                twig = end + 30 * np.array([np.cos(heading + 0.8), np.sin(heading + 0.8)])
                cv2.line(lines, tuple(end.round().astype(int)), tuple(twig.round().astype(int)), 255, 2)
            point = end
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE]
    field = np.hypot(columns - _SIDE / 2, rows - _SIDE / 2) < 0.47 * _SIDE
    mask = (lines > 0) & field
    grey = (
        130 - 60 * cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8) + generator.normal(0, 4, mask.shape)
    )
    image = np.dstack([grey + 50, grey, 0.6 * grey])
    return np.where(field[:, :, None], image, 0).clip(0, 255).astype(np.uint8), mask


def _volume_scene(seed: int) -> tuple[Volume, Volume]:
    """Return a CT of a bright winding vessel, and its label map with class 9."""
    generator = np.random.default_rng(seed)
    shape = (26, 22, 24)
    i, j, k = np.meshgrid(*map(np.arange, shape), indexing="ij")
    wave = 3.0 * np.sin(i / 4.0 + seed)
    vessel = (j - 11 - wave) ** 2 + (k - 12 + 0.5 * wave) ** 2 < 4.0
    vessel &= (i > 3) & (i < 22)
    image = -90.0 + 450.0 * vessel + generator.normal(0.0, 15.0, shape)
    geometry = VolumeGeometry(shape, np.diag([1.0, 1.0, 1.0, 1.0]))
    return Volume(image.astype(np.int16), geometry), Volume(9 * vessel.astype(np.uint8), geometry)


@dataclass
class Bench:
    """A folder with synthetic items that hold every image, needed mask and annotation of a pipeline."""

    folder: Path
    spec: PipelineSpec

    def run_folder(self, name: str, action: Action, **request: Any) -> RunFolder:
        """Create a run folder over four subjects."""
        run = RunFolder(self.folder / name)
        splits = (Split.TRAIN, Split.TRAIN, Split.VAL, Split.TEST)
        items = tuple(self._item(run, number, split) for number, split in enumerate(splits))
        if action is not Action.TRAIN:
            items = items[-1:]
        phase = request.get("phase", "")
        if action is Action.TRAIN:
            overrides = {"max_steps": _STEPS, "num_threads": 1, "device": "cpu", "checkpoint_every_s": 1e4}
            config = training_config(self.spec, phase, "tiny", overrides)
        else:
            config = config_class(self.spec, action).from_values({"num_threads": 1, "device": "cpu"})
        run.create(
            RunRequest(pipeline=self.spec.key, action=action, settings=config.values(), **request),
            Manifest(items=items, split_hash="0123456789abcdef"),
        )
        return run

    def _item(self, run: RunFolder, number: int, split: Split) -> ItemRecord:
        images = self.folder / "images"
        image, mask = _scene(number)
        files = {}
        needed = {role for phase in self.spec.phases for role in phase.needs.roles}
        for role in self.spec.roles:
            if role.kind is FileKind.MASK and role.name not in needed:
                continue
            if role.kind in (FileKind.VOLUME, FileKind.LABEL_MAP):
                path = images / f"{number}_{role.name}.nii.gz"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_volume(path, _volume_scene(number)[role.kind is FileKind.LABEL_MAP])
                files[role.name] = FileRecord(path=str(path))
                continue
            assert role.kind in (FileKind.IMAGE, FileKind.MASK), "add a synthetic file of this kind here"
            path = images / f"{number}_{role.name}.png"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_image(path, image if role.kind is FileKind.IMAGE else mask)
            files[role.name] = FileRecord(path=str(path))
        annotations = {}
        if AnnotationKind.KEYPOINT_PAIRS in self.spec.annotation_kinds:
            points = np.random.default_rng(number).uniform(60, 190, (8, 2))
            path = run.annotations_dir / f"{number}.csv"
            write_keypoint_pairs(path, f"item_{number}", map(str, range(8)), points, points)
            annotations[AnnotationKind.KEYPOINT_PAIRS] = AnnotationRecord(path=f"annotations/{number}.csv")
        if AnnotationKind.LABEL_MAP in self.spec.annotation_kinds:
            path = run.annotations_dir / f"{number}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_volume(path, _volume_scene(number)[1])
            annotations[AnnotationKind.LABEL_MAP] = AnnotationRecord(path=f"annotations/{number}.nii.gz")
        if AnnotationKind.GRADE in self.spec.annotation_kinds:
            GradeFile(grade=("LGG", "HGG")[number % 2]).write(run.annotations_dir / f"{number}.grade.json")
            annotations[AnnotationKind.GRADE] = AnnotationRecord(path=f"annotations/{number}.grade.json")
        return ItemRecord(
            id=f"item_{number}",
            subject=f"subject_{number}",
            kind=self.spec.item_kinds[0],
            split=split,
            files=files,
            annotations=annotations,
        )


class _AskToStop(EventWriter):
    """Asks its run to stop as soon as a step is reported."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(folder.events_path)
        self._folder = folder

    def write(self, event: Event) -> None:
        super().write(event)
        if isinstance(event, Progress) and event.step > 0:
            self._folder.write_control("stop")


def _carry_out(folder: RunFolder, *, stops: bool = False) -> RunContext:
    run = RunContext.open(folder)
    if stops:
        run.events.close()
        run.events = _AskToStop(folder)
    try:
        resolve(run.spec.function(run.request.action))(run)
    finally:
        run.events.close()
    return run


@pytest.mark.parametrize(("spec", "phase"), _PHASES)
def test_a_pipeline_trains_stops_resumes_predicts_and_evaluates(
    spec: PipelineSpec, phase: PhaseSpec, tmp_path: Path
) -> None:
    bench = Bench(tmp_path / "a project 项目", spec)
    base = ""
    for earlier in phase.needs.phases:
        folder = bench.run_folder(f"{earlier} run", Action.TRAIN, phase=earlier, base_run=base)
        _carry_out(folder)
        base = str(folder.path)

    folder = bench.run_folder("training", Action.TRAIN, phase=phase.key, preset="tiny", base_run=base)
    with pytest.raises(StopRequested):
        _carry_out(folder, stops=True)
    (stopped_at,) = {event.step for event in read_events(folder.events_path) if isinstance(event, Checkpoint)}
    assert 0 < stopped_at < _STEPS
    folder.write_control(None)
    folder.write_request(folder.read_request().model_copy(update={"resume": True}))
    run = _carry_out(folder)
    assert run.step == _STEPS
    events = read_events(folder.events_path)
    metrics = [event for event in events if isinstance(event, Metric)]
    assert {"train", "val"} <= {event.split for event in metrics}
    losses = [event for event in metrics if event.key == "loss_total" and event.split == "train"]
    assert losses[-1].step == _STEPS
    assert all(event.value is not None for event in losses)
    declared = {metric.key for metric in spec.metrics}
    of_the_loop = {"learning_rate", "gradient_norm", "step_seconds", "steps_per_second"}
    assert {event.key for event in metrics} - of_the_loop <= declared
    assert (folder.checkpoints_dir / "best" / "weights.safetensors").is_file()

    model = str(folder.path)
    predicted = bench.run_folder("prediction", Action.PREDICT, base_run=model)
    _carry_out(predicted)
    outputs = [event for event in read_events(predicted.events_path) if isinstance(event, Output)]
    assert outputs
    assert {output.role for output in outputs} <= {output.role for output in spec.outputs}
    assert all((predicted.path / output.path).is_file() for output in outputs)
    assert predicted.per_item_path.is_file()

    scored = bench.run_folder("evaluation", Action.EVALUATE, base_run=model)
    _carry_out(scored)
    report = EvaluationReport.read(scored.evaluation_path)
    assert report.run == "training"
    assert report.split == "test"
    assert set(report.rows) >= {"model", *spec.baselines}
    assert all(set(row) <= declared for row in report.rows.values())
    assert {entry["item"] for entry in report.per_item} == {"item_3"}


@pytest.mark.parametrize(
    "spec", [spec for spec in all_specs() if spec.can_predict_untrained], ids=lambda s: s.key
)
def test_predicting_without_a_model_needs_none(spec: PipelineSpec, tmp_path: Path) -> None:
    folder = Bench(tmp_path, spec).run_folder("prediction", Action.PREDICT)
    _carry_out(folder)
    assert any(isinstance(event, Output) for event in read_events(folder.events_path))
