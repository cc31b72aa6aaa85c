"""Roles of volumes that several pipelines share; a pipeline names the ones it needs in its spec."""

from __future__ import annotations

from engines.contract.kinds import FileKind
from engines.contract.spec import RoleSpec

VOLUME_ROLES: tuple[RoleSpec, ...] = (
    RoleSpec("volume", FileKind.VOLUME, "Volume", aliases=("scan", "vol", "image_volume")),
    RoleSpec("ct", FileKind.VOLUME, "CT", aliases=("ct_volume",)),
    RoleSpec("ncct", FileKind.VOLUME, "Non-contrast CT", aliases=("nect", "plain_ct", "non_contrast")),
    RoleSpec("cta", FileKind.VOLUME, "CT angiography", aliases=("ccta", "contrast_ct", "angiography_ct")),
    RoleSpec("t1", FileKind.VOLUME, "T1", aliases=("t1n", "t1w")),
    RoleSpec("t1ce", FileKind.VOLUME, "T1 with contrast", aliases=("t1c", "t1gd", "t1ce_volume")),
    RoleSpec("t2", FileKind.VOLUME, "T2", aliases=("t2w",)),
    RoleSpec("flair", FileKind.VOLUME, "FLAIR", aliases=("t2f", "t2flair")),
    RoleSpec(
        "label_map",
        FileKind.LABEL_MAP,
        "Label map",
        aliases=("label", "labels", "seg", "segmentation", "volume_mask", "gt", "ground_truth"),
    ),
    RoleSpec("brain_mask", FileKind.LABEL_MAP, "Brain mask", aliases=("brainmask",)),
)
"""In the order in which they are shown."""

HELPER_MASKS = frozenset({"brain_mask"})
"""Roles of masks that pipelines read with the images; nobody draws in them, and no training learns them."""
