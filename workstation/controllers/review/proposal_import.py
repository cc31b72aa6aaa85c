"""Label maps that runs wrote, brought in as proposals. Slow: called on a thread."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from engines.imaging.volumes.label_classes import LabelClass, named
from engines.imaging.volumes.resampling import resample_labels
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.project.label_map_commands import AddLabelMap
from workstation.project.label_maps import LabelMap, LabelMapState
from workstation.project.project import Project
from workstation.runs.outputs import label_map_outputs


def bring_in_label_map(project: Project, item_id: str, path: Path, run_id: str, name: str) -> str:
    """Make a proposal of a label map file; the file itself stays where it is.

    Parameters
    ----------
    project : Project
    item_id : str
    path : Path
        Any format of label maps, on a grid of its own.
    run_id : str
        The run that wrote it.
    name : str
        A number is added when the item has a label map of that name.

    Returns
    -------
    label_map_id : str

    Raises
    ------
    InputError
        If the file cannot be read or the item is gone.
    OSError, EditNotSavedError
        If the disk refuses; nothing is changed then.
    """
    # Libraries of file formats take long to import.
    from engines.imaging.volumes.volume_files import read_label_map

    return _add_proposal(project, item_id, read_label_map(path), run_id, name)


def bring_in_results(project: Project, item_id: str) -> list[str]:
    """Make proposals of what the runs of a project wrote for an item, each once.

    What was rejected as a proposal comes again only from another run.

    Returns
    -------
    label_map_ids : list of str
        Of the new ones, the newest run last.
    """
    known = {label_map.source for label_map in project.label_maps.of_item(item_id)}
    made = []
    for output in reversed(label_map_outputs(project, item_id)):
        if output.run_id not in known:
            name = f"{output.role} {output.run_id}"
            made.append(bring_in_label_map(project, item_id, output.path, output.run_id, name))
    return made


def resampled_proposal(project: Project, proposal: LabelMap, volume: Volume, onto: VolumeGeometry) -> str:
    """Make a copy of a proposal on another grid and return its id; each voxel takes the nearest label."""
    labels = resample_labels(volume.voxels, volume.geometry, onto)
    return _add_proposal(
        project, proposal.item_id, Volume(labels, onto), proposal.source, proposal.name, proposal.classes
    )


def free_name(stem: str, taken: Collection[str]) -> str:
    """Return the stem, or the stem with the first number that is free."""
    names = (stem if number == 1 else f"{stem} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _add_proposal(
    project: Project,
    item_id: str,
    volume: Volume,
    source: str,
    name: str,
    classes: tuple[LabelClass, ...] = (),
) -> str:
    maps = project.label_maps.of_item(item_id)
    # A result holds numbers only; what they mean is known from the other label maps of the item.
    known = {one.value: one for label_map in reversed(maps) for one in label_map.classes}
    values = [int(value) for value in np.unique(volume.voxels)]
    command = AddLabelMap.on_grid_of(
        volume,
        item_id,
        free_name(name, {label_map.name for label_map in maps}),
        state=LabelMapState.PROPOSAL,
        source=source,
        classes=classes or named(values, tuple(known.values())),
    )
    file = project.label_maps.keep(item_id, command.label_map_id, volume)
    project.history.execute(replace(command, file=file))
    return command.label_map_id
