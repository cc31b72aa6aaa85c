from __future__ import annotations

from pathlib import Path

from engines.contract.kinds import ItemKind
from engines.contract.manifest import FileRecord, ItemRecord, Manifest
from engines.contract.transform_file import TransformFile
from workstation.controllers.pairs.registrations import newest_registration, registering_spec, transform_role
from workstation.project.item_commands import SwapRoles
from workstation.project.project import Project


def write_run(project: Project, folder: Path) -> None:
    """Write what is left of a run that registered `pair_a` as it is now."""
    spec = registering_spec(ItemKind.IMAGE_PAIR)
    assert spec is not None
    item = project.items.get("pair_a")
    files = {role: FileRecord(path=str(file.path), sha256=file.sha256) for role, file in item.files.items()}
    record = ItemRecord(id=item.id, subject=item.subject, kind=item.kind, files=files)
    (folder / "outputs" / transform_role(spec)).mkdir(parents=True)
    Manifest(items=(record,)).write(folder / "manifest.json")
    transform = TransformFile(
        matrix=[[1, 0, 5], [0, 1, 0], [0, 0, 1]],
        fixed_size=(200, 160),
        moving_size=(200, 160),
        verdict="registered",
        method="classical",
    )
    transform.write(folder / "outputs" / transform_role(spec) / "pair_a.json")
    project.runs.add(folder.name, folder)


def test_a_transform_of_exchanged_images_is_not_shown_until_they_are_put_back(pair_project: Project) -> None:
    spec = registering_spec(ItemKind.IMAGE_PAIR)
    assert spec is not None
    write_run(pair_project, pair_project.folder / "runs" / "r1")
    assert newest_registration(pair_project, spec, "pair_a") is not None
    pair_project.history.execute(SwapRoles("pair_a"))
    assert newest_registration(pair_project, spec, "pair_a") is None
    pair_project.history.undo("pair_a")
    assert newest_registration(pair_project, spec, "pair_a") is not None
