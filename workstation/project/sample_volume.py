"""The volume of the sample: a phantom of a coronary CT angiography, made anew on every machine.

Nobody was scanned for it, so its truth is known: the label map is right by construction. A second one, as a
careless annotator might have drawn it, lies beside it as a proposal.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.volume import Volume
from workstation.project.label_map_commands import AddLabelMap, SetLabelMapFacts
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project

ITEM = "coronary-ct"
SUBJECT = "person-d"
IMAGE_FILE = "coronary_ct.nii.gz"
LABEL_FILE = "coronary_ct_labels.nii.gz"
TRUTH = "truth"
PROPOSAL = "careless annotator"
CLASSES = (LabelClass(1, "coronary arteries", "#E69F00"), LabelClass(2, "aorta", "#F0E442"))
"""The arteries come first: they are what a person draws."""
_SEED = 11
_NOISE_SEED = 5
_SEVERITY = 2


def volume_rows() -> list[tuple[str, ...]]:
    """Return the rows of the item table, in the columns of `sample.ITEM_COLUMNS`."""
    return [
        (SUBJECT, ITEM, "cta", IMAGE_FILE, "CTA", "", "", "train", ""),
        (SUBJECT, ITEM, "label_map", LABEL_FILE, "", "", "", "train", ""),
    ]


def write_volume_files(folder: Path) -> None:
    """Make the phantom, and write its image and its true labels as NIfTI; takes about a second."""
    from engines.imaging.volumes.coronary_phantom import AORTA, CORONARY, PhantomOptions, make_phantom
    from engines.imaging.volumes.volume_files import write_volume

    phantom = make_phantom(_SEED, PhantomOptions(has_calcium=True))
    write_volume(folder / IMAGE_FILE, phantom.image)
    drawn = np.zeros(phantom.label_map.geometry.shape, dtype=np.uint8)
    for known, found in zip(CLASSES, (CORONARY, AORTA), strict=True):
        drawn[phantom.label_map.voxels == found] = known.value
    write_volume(folder / LABEL_FILE, Volume(drawn, phantom.label_map.geometry))


def add_label_maps(project: Project) -> None:
    """Name the classes of the imported label map, and add the careless one as a proposal."""
    from engines.imaging.volumes.label_noise import MIXED, corrupt

    (truth,) = project.label_maps.of_item(ITEM)
    volume, _ = project.label_maps.read(truth.id)
    project.history.execute(SetLabelMapFacts(truth.id, name=TRUTH, classes=CLASSES))
    artery = CLASSES[0].value
    is_artery = volume.voxels == artery
    noisy = np.where(is_artery, 0, volume.voxels).astype(volume.voxels.dtype)
    noisy[corrupt(is_artery, MIXED, _SEVERITY, _NOISE_SEED) & (noisy == 0)] = artery
    careless = Volume(noisy, volume.geometry, volume.header)
    command = AddLabelMap.on_grid_of(
        careless, ITEM, PROPOSAL, state=LabelMapState.PROPOSAL, source="import", classes=CLASSES
    )
    file = project.label_maps.keep(ITEM, command.label_map_id, careless)
    project.history.execute(replace(command, file=file))
