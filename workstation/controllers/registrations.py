"""Registrations of a project: the methods there are, the newest result of an item, and new runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Action, ItemKind, OutputKind, RunState
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PipelineSpec
from engines.contract.transform_file import TransformFile
from workstation.project.project import Project
from workstation.views.protocols import MethodRow


@dataclass(frozen=True)
class Registration:
    """A transform file and the run that wrote it."""

    run_id: str
    transform: TransformFile


def registering_spec(kind: ItemKind) -> PipelineSpec | None:
    """Return the pipeline that produces transforms for a kind of item, or None."""
    return next((spec for spec in all_specs() if kind in spec.item_kinds and transform_role(spec)), None)


def transform_role(spec: PipelineSpec) -> str:
    """Return the role of a pipeline's transform output; empty when it has none."""
    return next((output.role for output in spec.outputs if output.kind is OutputKind.TRANSFORM), "")


def methods(project: Project, spec: PipelineSpec) -> list[MethodRow]:
    """Return the ways to register: without training, then every finished training run, newest first."""
    rows = []
    if spec.can_predict_untrained:
        rows.append(MethodRow("", "Classical (needs no training)", "Vessels, oriented search, verification."))
    for path in reversed(project.runs.folders()):
        folder = RunFolder(path)
        try:
            request = folder.read_request()
        except WorkstationError:
            continue  # the run list shows what is wrong with it
        summary = folder.read_summary()
        is_usable = summary is not None and summary.get("state") in (RunState.FINISHED, RunState.STOPPED)
        has_model = any((folder.checkpoints_dir / name).is_dir() for name in ("best", "last"))
        is_of_spec = request.pipeline == spec.key and request.action is Action.TRAIN
        if is_of_spec and is_usable and has_model:
            rows.append(MethodRow(folder.id, folder.id, str(path)))
    return rows


def newest_registration(project: Project, spec: PipelineSpec, item_id: str) -> Registration | None:
    """Return the newest transform of an item, or None."""
    newest: tuple[float, Path] | None = None
    for path in project.runs.folders():
        file = path / "outputs" / transform_role(spec) / f"{item_id}.json"
        if file.is_file() and (newest is None or file.stat().st_mtime >= newest[0]):
            newest = (file.stat().st_mtime, path)
    if newest is None:
        return None
    return read_registration(RunFolder(newest[1]), spec, item_id)


def read_registration(folder: RunFolder, spec: PipelineSpec, item_id: str) -> Registration:
    """Read the transform that a run wrote for an item.

    Raises
    ------
    GeometryError
        If it wrote none.
    """
    file = folder.outputs_dir / transform_role(spec) / f"{item_id}.json"
    return Registration(folder.id, TransformFile.read(file))


def prepare_registration(project: Project, spec: PipelineSpec, item_id: str, method: str) -> RunFolder:
    """Write the run folder that registers one item by a method of `methods`.

    Raises
    ------
    WorkstationError
        If something that the run needs is missing.
    """
    from workstation.runs.launch import prepare_run

    base = RunFolder(project.runs.folder(method)) if method else None
    return prepare_run(project, spec, action=Action.PREDICT, items=[item_id], base_run=base)
