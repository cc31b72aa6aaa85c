"""Cases as ``near_format_data``, with the crop box and the affine beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engines.contract.errors import PreconditionError
from engines.contract.kinds import FileKind
from engines.contract.messages import Message
from workstation.project.exporters.export_format import ExportOptions, ExportResult
from workstation.project.exporters.label_map_exports import (
    LabelMapExport,
    WrittenFile,
    chosen_label_maps,
    files_of,
    new_folder,
    progressing,
    read_labels,
    record,
    write_manifest,
)
from workstation.project.items import Item, ItemFile
from workstation.project.project import Project

KEY = "near_format"
_ROLES = ("ct", "cta", "volume")


def export_near_format(
    project: Project, items: Sequence[Item], out: Path, options: ExportOptions
) -> ExportResult:
    """Write one case for each item: its image and its label map, cropped and resized to a cube.

    Raises
    ------
    PreconditionError
        If an item has several label maps to choose from or no image, or nothing is drawn in it.
    ProjectError
        If the place is taken.
    ExportCancelled
        If the person stopped it.
    """
    from engines.imaging.volumes.near_format import SIDE, TABLE, write_case, write_table
    from engines.imaging.volumes.resampling import resample_volume
    from engines.imaging.volumes.volume_files import read_volume

    chosen = chosen_label_maps(project, items, options)
    _require_one_each(chosen)
    records: list[dict[str, Any]] = []
    with new_folder(out) as folder:
        for one in progressing(chosen, options):
            labels = read_labels(project, one.label_map)
            if not labels.drawn:
                raise PreconditionError(
                    "Nothing is drawn in {item}.", remedy="Draw first, or leave it out.", item=one.item.id
                )
            image = read_volume(_image(one).require())
            grid = labels.volume.geometry
            if grid.difference(image.geometry) is not None:
                image = resample_volume(image, grid)
            files = write_case(folder, one.item.id, image, labels.volume, side=options.cube_side or SIDE)
            records.append(record(one, labels, [WrittenFile(path) for path in files], folder))
        write_table(folder, [one.item.id for one in chosen])
        write_manifest(folder, project, KEY, records)
        written = tuple(out / path for path in (*files_of(records), TABLE))
    note = Message("Values of images are clipped to -200 and 500 HU; the cubes are not isotropic.")
    return ExportResult(written, notes=(note,))


def _require_one_each(chosen: Sequence[LabelMapExport]) -> None:
    several = next((one for one in chosen if not one.is_only), None)
    if several is not None:
        raise PreconditionError(
            "{item} has several label maps, and a case has one.",
            remedy="Choose one of them by its name.",
            item=several.item.id,
        )


def _image(one: LabelMapExport) -> ItemFile:
    files = one.item.files
    volumes = [role for role, file in files.items() if file.kind is FileKind.VOLUME]
    for role in (*_ROLES, *volumes):
        if role in files:
            return files[role]
    raise PreconditionError(
        "{item} has no image.", remedy="Import it, or choose other items.", item=one.item.id
    )
