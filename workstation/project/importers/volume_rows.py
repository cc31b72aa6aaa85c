"""Rows of volumes: where they are kept, the grids of label maps, and what is said of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from engines.contract.errors import GeometryError, InputError, TableError
from engines.contract.files import hash_file
from engines.contract.kinds import FileKind
from engines.contract.messages import Message
from engines.contract.spec import RoleSpec
from engines.imaging.volumes.label_classes import class_table, named
from engines.imaging.volumes.merged_masks import MergedMasks, read_apart
from engines.imaging.volumes.volume_facts import VolumeFacts
from engines.imaging.volumes.volume_names import DICOM_SUFFIXES, stem_of
from workstation.project.importers.inspection import FileFacts
from workstation.project.importers.plan import Cancelled
from workstation.project.importers.volume_reading import VolumeSource, facts_of_labels, read_source
from workstation.project.items import NewFile
from workstation.project.label_map_commands import AddLabelMap
from workstation.project.project import Project

FOLDER = "volumes"
"""Below the project: volumes that were no file of their own."""
VOLUME_KINDS = (FileKind.VOLUME, FileKind.LABEL_MAP)
OVERLAPS = Message(
    "{count} voxels of {file} belong to several masks, and count for the smallest of them only; "
    "cut were: {names}."
)
_SPARE_BYTES = 100_000_000
_MOST_LABELS_SHOWN = 12
_YES = ("yes", "y", "true", "1")


class VolumeKeeper:
    """Writes DICOM series, HDF5 datasets and merged masks into the project, each as one ``.nii.gz``.

    Nothing of a header goes with them: no name, no date, no number of a patient.

    Parameters
    ----------
    folder : Path
        Of the project.
    should_stop : callable
        Asked while a series is read.

    Attributes
    ----------
    written : set of Path
        Files that were made.
    """

    def __init__(self, folder: Path, should_stop: Callable[[], bool] | None = None) -> None:
        self._folder = folder / FOLDER
        self._should_stop = should_stop or (lambda: False)
        self.written: set[Path] = set()

    def keep(
        self, path: Path, source: VolumeSource | None, item_id: str, role: str, facts: FileFacts
    ) -> tuple[Path, FileFacts]:
        """Write a volume; return its file, and what is known of that file.

        Raises
        ------
        InputError
            If the disk has no room, or the volume cannot be read.
        Cancelled
            If it was asked to stop.
        OSError
            If the disk refuses.
        """
        from engines.imaging.volumes.volume_files import read_geometry, write_volume

        assert facts.volume is not None
        self._folder.mkdir(exist_ok=True)
        free = shutil.disk_usage(self._folder).free
        if free < facts.size_bytes + _SPARE_BYTES:
            raise InputError(
                "Keeping {item} in the project needs up to {needed} MB, and {free} MB are free.",
                remedy="Free some space, then import again.",
                item=item_id,
                needed=round(facts.size_bytes / 1e6),
                free=round(free / 1e6),
            )
        try:
            read = read_source(
                path, source, is_label_map=facts.volume.is_label_map, should_stop=self._should_stop
            )
        except InputError:
            if self._should_stop():
                raise Cancelled from None
            raise
        part = write_volume(self._folder / f".{item_id}_{role}.part.nii.gz", read.volume)
        sha256 = hash_file(part)
        target = self._free_place(f"{item_id}_{role}", sha256)
        if target.exists():
            part.unlink()
        else:
            os.replace(part, target)
            self.written.add(target)
        volume = facts.volume
        if isinstance(source, MergedMasks):
            # Classes may have been set apart since the files were looked at.
            volume = replace(facts_of_labels(path, source, read), classes=source.together)
        # The file's own grid: a header rounds numbers.
        volume = replace(volume, grid=read_geometry(target))
        kept = replace(facts, sha256=sha256, size_bytes=target.stat().st_size, volume=volume)
        return target.resolve(), kept

    def remove_unused(self, used: Iterable[Path]) -> None:
        """Remove what was written for rows that were not imported after all."""
        kept = {path.resolve() for path in used}
        for path in self.written:
            if path.resolve() not in kept:
                path.unlink(missing_ok=True)

    def _free_place(self, stem: str, sha256: str) -> Path:
        number = 1
        while True:
            path = self._folder / (f"{stem}.nii.gz" if number == 1 else f"{stem}-{number}.nii.gz")
            if not path.exists() or hash_file(path) == sha256:
                return path
            number += 1


def series_at(path: Path) -> VolumeSource | None:
    """Return the DICOM series that a folder, or a file of it, means; None for any other path.

    Raises
    ------
    InputError
        If a folder holds no series, or several.
    """
    if not path.is_dir() and path.suffix.lower() not in DICOM_SUFFIXES:
        return None
    from engines.imaging.volumes.dicom_series import find_series

    found = find_series([path if path.is_dir() else path.parent])
    if not path.is_dir():
        found = [series for series in found if path in series.files]
    if len(found) == 1:
        return found[0]
    raise InputError(
        "{path} holds {count} DICOM series, not one.",
        remedy="Name a slice of the series that is meant, or import the folder to choose among them.",
        path=path,
        count=len(found),
    )


def check_file_kind(role: RoleSpec, path: Path, facts: FileFacts, *, is_on_volume: bool) -> None:
    """Refuse a volume in the role of an image, and an image in the role of a volume.

    Raises
    ------
    TableError
        Which of the two it is.
    """
    is_volume_role = role.kind is FileKind.VOLUME or (role.kind is FileKind.LABEL_MAP and is_on_volume)
    if facts.volume is None and is_volume_role:
        raise TableError(
            "'{role}' is a volume, and {path} is an image.",
            remedy="Give .nii.gz, .nii, .nrrd, .mha, .mhd, .h5 or a folder of DICOM slices.",
            role=role.name,
            path=path.name,
        )
    if facts.volume is not None and role.kind not in VOLUME_KINDS:
        raise TableError(
            "'{role}' is an image, and {path} is a volume.",
            remedy="Use a role of volumes: volume, ct, ncct, cta, t1, t1ce, t2, flair or label_map.",
            role=role.name,
            path=path.name,
        )


def check_label_grid(image: NewFile, role: str, facts: VolumeFacts, own_grid: str) -> None:
    """Refuse a label map on another grid than its image's, unless the row takes it as it is.

    Raises
    ------
    GeometryError
        With how they differ.
    """
    if image.grid is None or own_grid.lower() in _YES:
        return
    difference = image.grid.difference(facts.grid)
    if difference is not None:
        raise GeometryError(
            "'{role}' of {item} does not lie on the grid of '{image}': {difference}.",
            remedy="Give the mask of this image. To import it on its own grid, unchanged, write yes in a "
            "column own_grid.",
            role=role,
            item=image.item_id,
            image=image.role,
            difference=difference,
        )


def with_classes(facts: FileFacts, table_key: str) -> FileFacts:
    """Return facts of a label map with the classes of a shipped table; errors as `class_table`."""
    if not table_key or facts.volume is None:
        return facts
    return replace(facts, volume=replace(facts.volume, classes=class_table(table_key)))


def keep_label_map(project: Project, new: NewFile, facts: VolumeFacts, taken: set[str]) -> AddLabelMap:
    """Write the voxels of an imported label map into the project; return the edit that adds it.

    Parameters
    ----------
    project : Project
    new : NewFile
        The label map, as it is on the disk.
    facts : VolumeFacts
    taken : set of str
        Names of label maps that the item has.
    """
    from engines.imaging.volumes.volume_files import read_label_map

    volume = read_label_map(new.path)
    name = _free_name(stem_of(new.path), taken)
    classes = named([value for value, _ml in facts.label_ml], facts.classes)
    # Classes of a table that this one lacks can still be drawn.
    classes = tuple(sorted({*classes, *facts.classes}, key=lambda one: one.value))
    command = AddLabelMap.on_grid_of(volume, new.item_id, name, source="import", classes=classes)
    return replace(command, file=project.label_maps.keep(new.item_id, command.label_map_id, volume))


def keep_masks_apart(
    project: Project,
    item_id: str,
    masks: MergedMasks,
    taken: set[str],
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[AddLabelMap]:
    """Write each class that was set apart into the project; yield the edit that adds it.

    Raises
    ------
    VolumeReadError, GeometryError
        If a mask cannot be read any more.
    """
    for label_class, volume in read_apart(masks, should_stop=should_stop):
        name = _free_name(label_class.name, taken)
        command = AddLabelMap.on_grid_of(volume, item_id, name, source="import", classes=(label_class,))
        yield replace(command, file=project.label_maps.keep(item_id, command.label_map_id, volume))


def _free_name(stem: str, taken: set[str]) -> str:
    names = (stem if number == 1 else f"{stem} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def remarks(name: str, facts: VolumeFacts) -> Iterator[Message]:
    """Yield what should be looked at in a volume or label map."""
    if facts.num_not_finite:
        parameters = {"file": name, "count": facts.num_not_finite}
        yield Message(
            "{count} voxels of {file} are not numbers. They stay as they are, and are shown black.",
            parameters,
        )
    if facts.is_label_map and not facts.label_ml:
        yield Message("{file} is empty: no voxel has a label.", {"file": name})
    if not facts.is_label_map and facts.low == facts.high:
        yield Message("All voxels of {file} are equal.", {"file": name})
    if not facts.is_spacing_known:
        yield Message(
            "{file} does not say how large its voxels are: they count as cubes of 1 mm.", {"file": name}
        )
    beyond = beyond_classes(facts)
    if beyond:
        yield Message(
            "{file} holds labels that its class table does not name: {values}. They are shown by number.",
            {"file": name, "values": shown_list(str(value) for value in beyond)},
        )
    if facts.overlaps:
        total = sum(one.num_lost for one in facts.overlaps)
        cut = shown_list(f"{one.name} {one.num_lost / one.num_voxels:.1%}" for one in facts.overlaps)
        parameters = {"file": name, "count": total, "names": cut}
        yield Message(OVERLAPS.text, parameters)


def beyond_classes(facts: VolumeFacts) -> list[int]:
    """Return the labels that a given class table does not name."""
    known = {one.value for one in facts.classes}
    return [value for value, _ml in facts.label_ml if value not in known] if known else []


def description(item: str, role: str, facts: VolumeFacts, modality: str | None) -> Message:
    """Return one line of the import report: size, spacing, and range or labels."""
    parameters: dict[str, object] = {"item": item, "role": role} | dict(grid_texts(facts))
    if not facts.is_label_map:
        parameters |= {"low": f"{facts.low:g}", "high": f"{facts.high:g}"}
        text = (
            "{item} {role}: {shape} voxels of {spacing} mm, {low} to {high} HU"
            if is_in_hu(modality)
            else "{item} {role}: {shape} voxels of {spacing} mm, values {low} to {high}"
        )
        return Message(text, parameters)
    parameters["labels"] = label_text(facts)
    text = "{item} {role}: {shape} voxels of {spacing} mm; {labels}"
    if not facts.label_ml:
        text = "{item} {role}: {shape} voxels of {spacing} mm, empty"
    return Message(text, parameters)


def is_in_hu(modality: str | None) -> bool:
    """Tell whether the values of a modality are Hounsfield units."""
    return modality in ("CT", "CTA")


def apart_text(item: str, masks: MergedMasks) -> Message:
    """Return the line of the import report that says which masks got label maps of their own."""
    names = shown_list(one.name for one in masks.classes if one.name in masks.apart)
    return Message(
        "{item}: label maps of their own, uncut, because they overlap other masks: {names}",
        {"item": item, "names": names},
    )


def grid_texts(facts: VolumeFacts) -> Mapping[str, object]:
    """Return size and spacing of a volume for people."""
    return {
        "shape": " x ".join(map(str, facts.grid.shape)),
        "spacing": " x ".join(f"{step:.4g}" for step in facts.grid.spacing_mm),
    }


def label_text(facts: VolumeFacts) -> str:
    """Return names and volumes of the labels: ``1 aorta 12.3 mL, 2 heart 401 mL``."""
    names: dict[int, str] = {one.value: one.name for one in facts.classes}
    parts = [
        f"{value} {names[value]} {_ml(ml)} mL" if value in names else f"{value}: {_ml(ml)} mL"
        for value, ml in facts.label_ml
    ]
    return shown_list(parts)


def _ml(volume: float) -> str:
    return f"{volume:.3g}" if volume < 1000 else f"{volume:.0f}"


def shown_list(parts: Iterable[str]) -> str:
    """Return the first of some texts, joined; dots tell of more."""
    listed = list(parts)
    more = ", …" if len(listed) > _MOST_LABELS_SHOWN else ""
    return ", ".join(listed[:_MOST_LABELS_SHOWN]) + more
