"""The newest transform of each item, registered or imported, as a file of other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engines.contract.errors import PreconditionError, WorkstationError
from engines.contract.kinds import OutputKind
from engines.contract.messages import Message
from engines.contract.registry import all_specs
from engines.contract.transform_file import TransformFile
from engines.imaging.transforms.formats import (
    FORMATS,
    TransformDescription,
    TransformFormat,
    write_transform,
)
from engines.imaging.transforms.stored_transform import stored_transform
from workstation.project.exporters.export_format import (
    ExportFormat,
    ExportOptions,
    ExportResult,
    refuse_existing,
)
from workstation.project.imported_transforms import newest_imported
from workstation.project.items import Item
from workstation.project.project import Project
from workstation.project.registration_choice import rank
from workstation.project.result_review import verdicts

_KEYS = {".tfm": "itk_tfm", ".h5": "itk_h5", ".json": "homography_json"}
_LOSS = Message("Only items that were registered; how far the result was verified is in the JSON alone.")


def transform_exports() -> list[ExportFormat]:
    """Return an export for each format of transforms."""
    return [_export_of(known) for known in FORMATS.values()]


def _export_of(known: TransformFormat) -> ExportFormat:
    def write(project: Project, items: Sequence[Item], out: Path, _options: ExportOptions) -> ExportResult:
        return export_registrations(project, known.suffix, items, out)

    return ExportFormat(_KEYS[known.suffix], known.title, known.explanation, _LOSS, "", write)


def export_registrations(project: Project, suffix: str, items: Sequence[Item], out: Path) -> ExportResult:
    """Write ``<item><suffix>`` for each item with a registration that found a transform.

    Raises
    ------
    PreconditionError
        If no item has one.
    ProjectError
        If a file exists already; nothing is written then.
    """
    found = {item.id: transform for item in items if (transform := newest_transform(project, item.id))}
    if not found:
        raise PreconditionError(
            "None of these items was registered.", remedy="Register a pair first, or export keypoints."
        )
    files = {item_id: out / f"{item_id}{suffix}" for item_id in found}
    for file in files.values():
        refuse_existing(file)
    for item_id, transform in found.items():
        if suffix == ".json":
            files[item_id].parent.mkdir(parents=True, exist_ok=True)
            transform.write(files[item_id])
        else:
            fixed_from_moving = stored_transform(transform)
            assert fixed_from_moving is not None
            write_transform(files[item_id], fixed_from_moving, _description(transform))
    notes = []
    doubtful = sum(transform.verdict != "registered" for transform in found.values())
    if doubtful:
        notes.append(
            Message("{n} of the transforms were not confirmed by the verification.", {"n": doubtful})
        )
    return ExportResult(tuple(files.values()), notes=tuple(notes))


def newest_transform(project: Project, item_id: str) -> TransformFile | None:
    """Return the transform of an item that was accepted, else the newest, of a run or imported, or None."""
    decided = verdicts(project.store)
    imported = newest_imported(project, item_id)
    roles = {
        output.role for spec in all_specs() for output in spec.outputs if output.kind is OutputKind.TRANSFORM
    }
    files = [
        (rank(decided.get((item_id, folder.name)), file.stat().st_mtime), file)
        for folder in project.runs.folders()
        for role in roles
        if (file := folder / "outputs" / role / f"{item_id}.json").is_file()
    ]
    for order, file in sorted(files, reverse=True):
        try:
            transform = TransformFile.read(file)
        except WorkstationError:
            continue  # a run that was cut off; the one before it counts
        if transform.matrix is not None:
            is_older = imported is not None and order < rank(None, imported[0])
            return imported[1] if imported is not None and is_older else transform
    return None if imported is None else imported[1]


def _description(transform: TransformFile) -> TransformDescription:
    return TransformDescription(
        transform.fixed_size, transform.moving_size, transform.model, transform.method
    )
