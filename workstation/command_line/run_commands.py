"""``train``, ``predict`` and ``evaluate``: prepare a run folder, start its engine, print what came out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from engines.contract.config import parse_overrides
from engines.contract.errors import InputError
from engines.contract.evaluation import EvaluationReport
from engines.contract.kinds import Action, AnnotationKind, RunState, Split
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PhaseSpec, PipelineSpec
from workstation.command_line.following import exit_code_of_run, follow
from workstation.command_line.output import cell_text, remark, say, say_json, say_table
from workstation.command_line.project_commands import find_run
from workstation.project.project import Project
from workstation.runs.launch import prepare_resume, prepare_run, start_engine
from workstation.runs.outputs import evaluation_report
from workstation.runs.preconditions import newest_finished_run, select_items
from workstation.runs.run_model import RunModel

ALL = "all"
SEAL_SETTING = "times_test_split_was_opened"


def train(options: argparse.Namespace) -> int:
    """Train a phase, all phases, or continue a run."""
    spec = load_spec(options.pipeline)
    with Project.open(options.project) as project:
        if options.resume is not None:
            return _resume(project, spec, options)
        if options.base_run and options.all_phases:
            raise InputError(
                "One run cannot be where every phase starts.",
                remedy="Leave --base-run out, or train one phase with --phase.",
            )
        phases = spec.phases if options.all_phases else (spec.phase(options.phase or spec.phases[0].key),)
        for phase in phases:
            code = _train_phase(project, spec, phase, options)
            if code:
                return code
    return 0


def _train_phase(project: Project, spec: PipelineSpec, phase: PhaseSpec, options: argparse.Namespace) -> int:
    earlier = phase.needs.phases[-1] if phase.needs.phases else ""
    base_run = newest_finished_run(project, spec, phase=earlier) if earlier else None
    folder = prepare_run(
        project,
        spec,
        action=Action.TRAIN,
        phase=phase.key,
        preset=options.preset or "",
        overrides=parse_overrides(options.set),
        base_run=find_run(project, options.base_run) if options.base_run else base_run,
        command=options.command_text,
    )
    say(str(folder.path))
    return _finish_training(follow(folder, start_engine, phase.title))


def _resume(project: Project, spec: PipelineSpec, options: argparse.Namespace) -> int:
    folder = find_run(project, options.resume)
    request = folder.read_request()
    if request.pipeline != spec.key or request.action is not Action.TRAIN:
        raise InputError(
            "{run} is no training of {pipeline}.",
            remedy="Choose a training run; list them with: workstation runs PROJECT.",
            run=folder.id,
            pipeline=spec.key,
        )
    if options.set or options.preset or options.phase or options.all_phases:
        raise InputError(
            "A resumed run keeps its settings.",
            remedy="Leave out --set, --preset and --phase, or train anew.",
        )
    prepare_resume(folder)
    say(str(folder.path))
    return _finish_training(follow(folder, start_engine, request.phase))


def _finish_training(model: Any) -> int:
    code = exit_code_of_run(model)
    for key, value in {"state": model.state.value, **model.summary}.items():
        if key not in ("traceback", "cause", "remedy", "type"):
            say(f"{key}: {_as_words(value)}")
    return code


def _as_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {cell_text(inner)}" for key, inner in value.items())
    return cell_text(value)


def predict(options: argparse.Namespace) -> int:
    """Predict and print the written files."""
    spec = load_spec(options.pipeline)
    with Project.open(options.project) as project:
        if options.resume is not None:
            return _say_outputs(follow(_stopped_prediction(project, spec, options), start_engine, spec.title))
        model = find_run(project, options.run) if options.run else None
        if model is None and not spec.can_predict_untrained:
            model = newest_finished_run(project, spec)
        folder = prepare_run(
            project,
            spec,
            action=Action.PREDICT,
            overrides=parse_overrides(options.set),
            base_run=model,
            items=_item_names(options.items),
            command=options.command_text,
        )
    return _say_outputs(follow(folder, start_engine, spec.title))


def _stopped_prediction(project: Project, spec: PipelineSpec, options: argparse.Namespace) -> RunFolder:
    """Return a run to go on with; pipelines that can skip what is finished, and the others begin again."""
    folder = find_run(project, options.resume)
    request = folder.read_request()
    if request.pipeline != spec.key or request.action is not Action.PREDICT:
        raise InputError(
            "{run} is no prediction of {pipeline}.",
            remedy="Choose such a run; list them with: workstation runs PROJECT.",
            run=folder.id,
            pipeline=spec.key,
        )
    if options.set or options.items or options.run:
        raise InputError(
            "A resumed run keeps its settings and items.", remedy="Leave out --set, --run and --items."
        )
    prepare_resume(folder)
    return folder


def _say_outputs(run: RunModel) -> int:
    for path in dict.fromkeys(output.path for output in run.outputs):
        say(str(run.folder.file_path(path)))
    return exit_code_of_run(run)


def _item_names(words: Sequence[str] | None) -> list[str] | None:
    if not words:
        return None
    return [name for word in words for name in word.split(",") if name]


def evaluate(options: argparse.Namespace) -> int:
    """Score a run's model and the baselines; print a table or the report."""
    spec = load_spec(options.pipeline)
    with Project.open(options.project) as project:
        model = find_run(project, options.run) if options.run else newest_finished_run(project, spec)
        split = options.split or default_split(project, spec, has_model=model is not None)
        folder = prepare_run(
            project,
            spec,
            action=Action.EVALUATE,
            overrides=parse_overrides(options.set),
            base_run=model,
            split=split,
            command=options.command_text,
        )
        _count_openings(project, folder)
    run = follow(folder, start_engine, spec.title)
    code = exit_code_of_run(run)
    report = evaluation_report(folder)
    if report is None or run.state is not RunState.FINISHED:
        return code or 1
    if options.json:
        say_json(report.model_dump(mode="json"))
    else:
        _say_report(report)
    return code


def default_split(project: Project, spec: PipelineSpec, *, has_model: bool) -> str:
    """Return what is scored when nobody says: everything without a model, else what it did not learn from.

    That is `val`; where no item of it can be scored, the items set apart for evaluation.
    """
    if not has_model:
        return ALL
    num_pairs = project.keypoints.counts()
    needs_pairs = AnnotationKind.KEYPOINT_PAIRS in spec.annotation_kinds
    required = [role.name for role in spec.roles if role.required]
    scored = {
        item.split
        for item in select_items(project, spec)
        if item.has(*required) and (not needs_pairs or item.id in num_pairs)
    }
    if Split.VAL not in scored and Split.EVALUATION in scored:
        remark("No item of the split val can be scored; scoring the split evaluation.")
        return Split.EVALUATION.value
    return Split.VAL.value


def _count_openings(project: Project, folder: RunFolder) -> None:
    """Count how often the test split was looked at: a number that is tuned to means nothing any more."""
    if not folder.read_manifest().of_split(Split.TEST):
        return
    times = int(project.setting(SEAL_SETTING, 0)) + 1
    project.set_setting(SEAL_SETTING, times)
    remark(f"The seal of the test split is open: it was scored {times} times in this project.")


def _say_report(report: EvaluationReport) -> None:
    say(
        f"{report.pipeline}, {report.items} items of split {report.split}"
        + (f", model of {report.run}" if report.run else ", no model")
    )
    metrics = list(dict.fromkeys(key for row in report.rows.values() for key in row))
    say_table(
        ("row", *metrics),
        [(name, *(values.get(key) for key in metrics)) for name, values in report.rows.items()],
    )
