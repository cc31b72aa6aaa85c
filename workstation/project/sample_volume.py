"""The volumes of the sample: phantoms of coronary CT angiographies, made anew on every machine.

Nobody was scanned for them, so their truth is known: the label maps are right by construction. Beside that of
the first lies one as a careless annotator might have drawn it, as a proposal. The second is smaller and there
to validate on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.volume import Volume
from workstation.project.label_map_commands import AddLabelMap, SetLabelMapFacts
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project

ITEM = "coronary-ct"
TRUTH = "truth"
PROPOSAL = "careless annotator"
CLASSES = (LabelClass(9, "coronary arteries", "#E69F00"), LabelClass(6, "aorta", "#F0E442"))
"""With the values of ``resources/label_classes/public_cardiac_ct.yaml``, which refinement expects."""
_NOISE_SEED = 5
_SEVERITY = 2


@dataclass(frozen=True)
class _Case:
    subject: str
    item: str
    stem: str
    """Of its files."""
    split: str
    seed: int
    num_voxels: int


_CASES = (
    _Case("person-d", ITEM, "coronary_ct", "train", 11, 128),
    _Case("person-e", "coronary-ct-2", "coronary_ct_2", "val", 12, 80),
)


def volume_rows() -> list[tuple[str, ...]]:
    """Return the rows of the item table, in the columns of `sample.ITEM_COLUMNS`."""
    return [
        (case.subject, case.item, role, f"{case.stem}{ending}.nii.gz", modality, "", "", case.split, "")
        for case in _CASES
        for role, ending, modality in (("cta", "", "CTA"), ("label_map", "_labels", ""))
    ]


def write_volume_files(folder: Path) -> None:
    """Make the phantoms, and write their images and their true labels as NIfTI; takes a second or two."""
    from engines.imaging.volumes.coronary_phantom import AORTA, CORONARY, PhantomOptions, make_phantom
    from engines.imaging.volumes.volume_files import write_volume

    for case in _CASES:
        options = PhantomOptions(num_voxels=case.num_voxels, has_calcium=True)
        phantom = make_phantom(case.seed, options)
        write_volume(folder / f"{case.stem}.nii.gz", phantom.image)
        drawn = np.zeros(phantom.label_map.geometry.shape, dtype=np.uint8)
        for known, found in zip(CLASSES, (CORONARY, AORTA), strict=True):
            drawn[phantom.label_map.voxels == found] = known.value
        write_volume(folder / f"{case.stem}_labels.nii.gz", Volume(drawn, phantom.label_map.geometry))


def add_label_maps(project: Project) -> None:
    """Name the classes of the imported label maps, and add the careless one as a proposal."""
    from engines.imaging.volumes.label_noise import MIXED, corrupt

    for case in _CASES:
        (truth,) = project.label_maps.of_item(case.item)
        project.history.execute(SetLabelMapFacts(truth.id, name=TRUTH, classes=CLASSES))
    (truth,) = project.label_maps.of_item(ITEM)
    volume, _ = project.label_maps.read(truth.id)
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
