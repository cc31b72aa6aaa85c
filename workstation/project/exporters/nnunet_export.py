"""A training set as nnU-Net (version 2) reads it: images, labels without gaps, and ``dataset.json``.

The project's split goes along as ``splits_final.json``, one fold. nnU-Net looks for it beside the
preprocessed images, and makes five random folds where there is none.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.errors import PreconditionError
from engines.contract.files import write_json_atomically
from engines.contract.kinds import FileKind, Split
from engines.contract.messages import Message
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.project.exporters.export_format import ExportOptions, ExportResult
from workstation.project.exporters.label_map_exports import (
    ExportedLabels,
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

DATASET = "dataset.json"
SPLITS = "splits_final.json"
SUFFIX = ".nii.gz"
BACKGROUND = "background"
_HELD_BACK = (Split.TEST, Split.EVALUATION)
_CT_ROLES = ("ct", "ncct", "cta")


def export_nnunet(project: Project, items: Sequence[Item], out: Path, options: ExportOptions) -> ExportResult:
    """Write a training set.

    Raises
    ------
    PreconditionError
        If an item has several label maps to choose from, the items have different images, or nothing is
        drawn.
    ProjectError
        If the place is taken.
    ExportCancelled
        If the person stopped it.
    """
    chosen = chosen_label_maps(project, items, options)
    _require_one_each(chosen)
    roles = _common_roles(chosen)
    numbers: dict[str, int] = {}
    records: list[dict[str, Any]] = []
    resampled: list[str] = []
    with new_folder(out) as folder:
        for one in progressing(chosen, options):
            labels = read_labels(project, one.label_map)
            values = {
                value: numbers.setdefault(name, len(numbers) + 1)
                for value, name in _unique_names(labels.classes).items()
            }
            written, is_resampled = _write_case(one, labels, values, roles, folder)
            records.append(record(one, labels, written, folder))
            if is_resampled:
                resampled.append(one.item.id)
        num_training = sum(one.item.split not in _HELD_BACK for one in chosen)
        if not numbers or not num_training:
            raise PreconditionError(
                "There is nothing to train on: no class is drawn, or every item is held back for a test.",
                remedy="Draw first, or choose other items.",
            )
        write_json_atomically(folder / DATASET, _dataset(chosen[0].item, roles, numbers, num_training))
        fold = _fold(chosen)
        has_split = bool(fold["train"] and fold["val"])
        if has_split:
            write_json_atomically(folder / SPLITS, [fold])
        write_manifest(folder, project, "nnunet", records)
        tables = (DATASET, SPLITS) if has_split else (DATASET,)
        files = tuple(out / path for path in (*files_of(records), *tables))
    return ExportResult(files, notes=_notes(items, chosen, resampled, has_split))


def _require_one_each(chosen: Sequence[LabelMapExport]) -> None:
    several = next((one for one in chosen if not one.is_only), None)
    if several is not None:
        names = [one.label_map.name for one in chosen if one.item.id == several.item.id]
        raise PreconditionError(
            "{item} has {n} label maps, and a training set holds one for each item.",
            remedy="Choose one of them by name: {names}.",
            item=several.item.id,
            n=len(names),
            names=", ".join(names),
        )


def _common_roles(chosen: Sequence[LabelMapExport]) -> tuple[str, ...]:
    """Return the roles of the images, which every case must have."""
    roles = _image_roles(chosen[0].item)
    for one in chosen:
        if _image_roles(one.item) != roles or not roles:
            raise PreconditionError(
                "{item} has the images {found}, and {first} has {expected}; the cases of a training set have "
                "the same.",
                remedy="Choose items of one kind.",
                item=one.item.id,
                found=", ".join(_image_roles(one.item)) or "none",
                first=chosen[0].item.id,
                expected=", ".join(roles) or "none",
            )
    return roles


def _image_roles(item: Item) -> tuple[str, ...]:
    return tuple(role for role, file in item.files.items() if file.kind is FileKind.VOLUME)


def _unique_names(classes: Sequence[LabelClass]) -> dict[int, str]:
    """Return a name of its own for each value: nnU-Net knows classes by name, and 0 as background."""
    names: dict[int, str] = {}
    for one in classes:
        is_taken = one.name in (BACKGROUND, *names.values())
        names[one.value] = f"{one.name} {one.value}" if is_taken else one.name
    return names


def _write_case(
    one: LabelMapExport,
    labels: ExportedLabels,
    values: Mapping[int, int],
    roles: Sequence[str],
    folder: Path,
) -> tuple[list[WrittenFile], bool]:
    """Write the images and the labels of an item; tell whether an image had to be resampled."""
    from engines.imaging.volumes.volume_files import write_volume

    kind = "Ts" if one.item.split in _HELD_BACK else "Tr"
    images, label_folder = folder / f"images{kind}", folder / f"labels{kind}"
    for place in (images, label_folder):
        place.mkdir(exist_ok=True)
    table = np.zeros(max(values, default=0) + 1, dtype=np.uint8 if len(values) < 256 else np.uint16)
    for value, number in values.items():
        table[value] = number
    volume = labels.volume
    renumbered = Volume(np.asfortranarray(table[volume.voxels]), volume.geometry, volume.header)
    is_resampled = False
    files = [WrittenFile(write_volume(label_folder / f"{one.item.id}{SUFFIX}", renumbered), values)]
    for channel, role in enumerate(roles):
        path = images / f"{one.item.id}_{channel:04}{SUFFIX}"
        is_resampled |= _write_image(one.item.files[role], volume.geometry, path)
        files.append(WrittenFile(path))
    return files, is_resampled


def _write_image(file: ItemFile, grid: VolumeGeometry, path: Path) -> bool:
    """Write an image on the grid of its labels; tell whether it was resampled for that."""
    from engines.imaging.volumes.resampling import resample_volume
    from engines.imaging.volumes.volume_files import read_volume, write_volume

    source = file.require()
    image = read_volume(source)
    if grid.difference(image.geometry) is not None:
        write_volume(path, resample_volume(image, grid))
        return True
    if source.name.lower().endswith(SUFFIX):
        shutil.copyfile(source, path)
    else:
        write_volume(path, image)
    return False


def _dataset(
    item: Item, roles: Sequence[str], numbers: Mapping[str, int], num_training: int
) -> dict[str, Any]:
    # nnU-Net normalises a channel called CT by the intensities of the whole set, and others case by case.
    channels = {
        str(channel): "CT" if _is_ct(role, item.files[role]) else role for channel, role in enumerate(roles)
    }
    return {
        "channel_names": channels,
        "labels": {BACKGROUND: 0, **numbers},
        "numTraining": num_training,
        "file_ending": SUFFIX,
    }


def _fold(chosen: Sequence[LabelMapExport]) -> dict[str, list[str]]:
    """Return the project's split; what has none is trained on."""
    used = [one.item for one in chosen if one.item.split not in _HELD_BACK]
    return {
        "train": [item.id for item in used if item.split is not Split.VAL],
        "val": [item.id for item in used if item.split is Split.VAL],
    }


def _is_ct(role: str, file: ItemFile) -> bool:
    return role in _CT_ROLES or (file.modality or "").upper() in ("CT", "CTA")


def _notes(
    items: Sequence[Item], chosen: Sequence[LabelMapExport], resampled: Sequence[str], has_split: bool
) -> tuple[Message, ...]:
    notes = []
    if resampled:
        names = ", ".join(resampled)
        notes.append(
            Message("Images were resampled onto the grid of their labels: {names}.", {"names": names})
        )
    if has_split:
        notes.append(
            Message(
                "Copy {name} into the folder of the data set below nnUNet_preprocessed, so that nnU-Net "
                "validates on the items that this project does.",
                {"name": SPLITS},
            )
        )
    without = sum(bool(_image_roles(item)) for item in items) - len(chosen)
    if without:
        notes.append(Message("{n} items without such a label map were left out.", {"n": without}))
    return tuple(notes)
