"""Registrations of a project: the methods there are, the newest result of an item, and new runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from engines.contract.errors import RunFolderError
from engines.contract.kinds import Action, ItemKind, OutputKind, RunState
from engines.contract.registry import all_specs, load_spec
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PipelineSpec
from engines.contract.suggestions_file import SuggestionsFile
from engines.contract.transform_file import TransformFile
from workstation.controllers.runs.run_headers import RunHeader, read_header
from workstation.controllers.runs.runs_controller import model_in_use
from workstation.project.imported_transforms import newest_imported
from workstation.project.project import Project
from workstation.project.registration_choice import rank
from workstation.project.result_commands import Verdict
from workstation.project.result_review import verdicts
from workstation.views.protocols.pairs import MethodRow


@dataclass(frozen=True)
class Registration:
    """A transform file, the run that wrote it, empty when it was imported, and what a person decided."""

    run_id: str
    transform: TransformFile
    judged: Verdict | None = None


@dataclass(frozen=True)
class Methods:
    """The ways to register, and the run that the project says to use; empty when none was chosen."""

    rows: tuple[MethodRow, ...]
    in_use: str


def registering_spec(kind: ItemKind) -> PipelineSpec | None:
    """Return the pipeline that produces transforms for a kind of item, or None."""
    return next((spec for spec in all_specs() if kind in spec.item_kinds and transform_role(spec)), None)


def transform_role(spec: PipelineSpec) -> str:
    """Return the role of a pipeline's transform output; empty when it has none."""
    return next((output.role for output in spec.outputs if output.kind is OutputKind.TRANSFORM), "")


def methods(project: Project, spec: PipelineSpec) -> Methods:
    """Return the ways to register: without training, then every training run with a model, newest first."""
    chosen = model_in_use(project, spec.key)
    rows = []
    if spec.can_predict_untrained:
        rows.append(MethodRow("", "Classical (needs no training)", "Vessels, oriented search, verification."))
    for path in reversed(project.runs.folders()):
        folder = RunFolder(path)
        if not any((folder.checkpoints_dir / name).is_dir() for name in ("best", "last")):
            continue
        header = read_header(folder)
        is_of_spec = header.pipeline == spec.key and header.action in (Action.TRAIN, Action.IMPORT_WEIGHTS)
        if is_of_spec and header.state in (RunState.FINISHED, RunState.STOPPED):
            rows.append(_trained(header, spec, is_in_use=header.run_id == chosen))
    return Methods(tuple(rows), chosen)


def _trained(header: RunHeader, spec: PipelineSpec, *, is_in_use: bool) -> MethodRow:
    title = next((phase.title for phase in spec.phases if phase.key == header.phase), header.phase)
    key, value = next(iter(header.values.items()), ("", None))
    metric = next((metric for metric in spec.metrics if metric.key == key), None)
    return MethodRow(header.run_id, title, header.run_id, header.started, metric, value, is_in_use)


def newest_registration(project: Project, spec: PipelineSpec, item_id: str) -> Registration | None:
    """Return the transform of an item that was accepted, else the newest, of a run or from a file, or None.

    A run that registered other images is left out: fixed and moving may have been exchanged since.
    """
    decided = verdicts(project.store)
    newest: tuple[tuple[int, float], Path] | None = None
    fixed = project.items.get(item_id).files.get("fixed")
    fixed_sha256 = fixed.sha256 if fixed is not None else ""
    for path in project.runs.folders():
        file = path / "outputs" / transform_role(spec) / f"{item_id}.json"
        if not file.is_file():
            continue
        order = rank(decided.get((item_id, path.name)), file.stat().st_mtime)
        is_newer = newest is None or order >= newest[0]
        if is_newer and _is_of_image(RunFolder(path), item_id, fixed_sha256):
            newest = (order, path)
    imported = newest_imported(project, item_id)
    if imported is not None and (newest is None or rank(None, imported[0]) >= newest[0]):
        return Registration("", imported[1])
    if newest is None:
        return None
    found = read_registration(RunFolder(newest[1]), spec, item_id)
    return replace(found, judged=decided.get((item_id, newest[1].name)))


def _is_of_image(folder: RunFolder, item_id: str, fixed_sha256: str) -> bool:
    """Tell whether a run had this image as the fixed one of an item; what it does not say counts as yes."""
    try:
        manifest = folder.read_manifest()
    except RunFolderError:
        return True
    record = next((item for item in manifest.items if item.id == item_id), None)
    file = record.files.get("fixed") if record is not None else None
    return file is None or not file.sha256 or not fixed_sha256 or file.sha256 == fixed_sha256


def read_registration(folder: RunFolder, spec: PipelineSpec, item_id: str) -> Registration:
    """Read the transform that a run wrote for an item.

    Raises
    ------
    GeometryError
        If it wrote none.
    """
    file = folder.outputs_dir / transform_role(spec) / f"{item_id}.json"
    return Registration(folder.id, TransformFile.read(file))


def read_suggestions(project: Project, run_id: str, item_id: str) -> SuggestionsFile:
    """Read the keypoint pairs that a run suggests for an item.

    Raises
    ------
    WorkstationError
        If it wrote none.
    """
    folder = RunFolder(project.runs.folder(run_id))
    spec = load_spec(folder.read_request().pipeline)
    role = next((output.role for output in spec.outputs if output.kind is OutputKind.KEYPOINT_PAIRS), "")
    return SuggestionsFile.read(folder.outputs_dir / role / f"{item_id}.json")


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
