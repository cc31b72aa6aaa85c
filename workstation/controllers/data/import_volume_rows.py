"""What the import dialog shows of a case of volumes: a row, and its middle slice with and without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.views.protocols.cards import NOTHING
from workstation.views.protocols.imports import ImportRow
from workstation.views.protocols.pairs import Image

if TYPE_CHECKING:
    from engines.imaging.volumes.volume_facts import VolumeFacts
    from workstation.project.importers.inspection import FileFacts
    from workstation.project.importers.proposal import ProposedFile, ProposedItem

_OPACITY = 0.55


def volume_row(item: ProposedItem, severity: Severity | None, facts: Mapping[Path, FileFacts]) -> ImportRow:
    """Return the row of a case."""
    volumes = [file for file in item.files if file.role in item.volume_roles]
    labels = [file for file in item.files if file.role not in item.volume_roles]
    return ImportRow(
        key=item.key,
        is_included=item.is_included,
        is_complete=item.is_complete,
        subject=item.subject,
        item=item.item,
        fixed=_shown(volumes),
        moving="",
        fixed_modality=volumes[0].modality or "" if len(volumes) == 1 else "",
        laterality="",
        visit=item.visit or "",
        split=item.split.value if item.split is not None else "",
        masks=", ".join(file.path.name for file in labels),
        severity=severity,
        paths="\n".join(line for file in item.files for line in _lines(file, facts)),
        is_single=True,
        is_volume=True,
        can_edit_modality=len(volumes) == 1,
        facts=_facts(volumes, facts),
    )


def _shown(volumes: list[ProposedFile]) -> str:
    from workstation.project.importers.volume_reading import series_of

    if len(volumes) > 1:
        return ", ".join(file.modality or file.role for file in volumes)
    series = series_of(volumes[0].source)
    if series is None:
        return volumes[0].path.name
    words = (str(series.number or ""), series.description, f"({len(series.files)})")
    return " ".join(word for word in words if word)


def _lines(file: ProposedFile, facts: Mapping[Path, FileFacts]) -> list[str]:
    from workstation.project.importers.volume_reading import series_of
    from workstation.project.importers.volume_rows import label_text

    place = file.path.parent if series_of(file.source) is not None else file.path
    known = facts.get(file.path)
    lines = [f"{file.role}: {place}"]
    if known is not None and known.volume is not None and known.volume.label_ml:
        lines.append(f"    {label_text(known.volume)}")
    return lines


def _facts(volumes: list[ProposedFile], facts: Mapping[Path, FileFacts]) -> Message:
    """Return size, spacing and range of the first volume, or what the headers of a series say."""
    from workstation.project.importers.volume_reading import series_of
    from workstation.project.importers.volume_rows import is_in_hu

    first = volumes[0]
    known = facts.get(first.path)
    if known is not None and known.volume is not None:
        found = known.volume
        texts = _grid(found.grid.shape, found.grid.spacing_mm)
        texts |= {"low": f"{found.low:.4g}", "high": f"{found.high:.4g}"}
        if is_in_hu(first.modality):
            return Message("{shape}, {spacing} mm, {low} to {high} HU", texts)
        return Message("{shape}, {spacing} mm, {low} to {high}", texts)
    series = series_of(first.source)
    if series is None:
        return NOTHING
    return Message("{shape}, {spacing} mm", _grid(series.shape, series.spacing_mm))


def _grid(shape: Sequence[int], spacing_mm: Sequence[float]) -> dict[str, object]:
    """Return size and spacing for a narrow column: one number where voxels are cubes."""
    steps = [f"{step:.3g}" for step in spacing_mm]
    spacing = steps[0] if len(set(steps)) == 1 else " x ".join(steps)
    return {"shape": " x ".join(map(str, shape)), "spacing": spacing}


def volume_preview(item: ProposedItem, facts: Mapping[Path, FileFacts]) -> tuple[Image | None, Image | None]:
    """Return the middle slice of the first volume that was read, and the same with the label map over it."""
    known = {
        file.role: found.volume
        for file in item.files
        if (found := facts.get(file.path)) is not None and found.volume is not None
    }
    image = next((known[role] for role in item.volume_roles if role in known), None)
    if image is None or image.preview is None:
        return None, None
    labels = known.get("label_map")
    if labels is None or labels.preview is None or image.grid.difference(labels.grid) is not None:
        return image.preview, None
    return image.preview, _overlaid(image.preview, labels)


def _overlaid(grey: Image, labels: VolumeFacts) -> Image:
    from engines.imaging.volumes.label_classes import colour_of

    assert labels.preview is not None
    colours = {one.value: one.colour for one in labels.classes}
    picture = np.repeat(grey[..., np.newaxis], 3, axis=2).astype(np.float32)
    for value in np.unique(labels.preview):
        if value:
            text = colours.get(int(value), colour_of(int(value)))
            colour = np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float32)
            inside = labels.preview == value
            picture[inside] = picture[inside] * (1 - _OPACITY) + colour * _OPACITY
    return picture.astype(np.uint8)
