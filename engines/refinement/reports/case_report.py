"""What a refinement changed in one case: JSON for programs, CSV for tables.

Every difference is a signed number: counts of voxels are unsigned in other programs, where a mask that
shrinks seems to grow by 10**17 %.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.contract.files import write_json_atomically, write_text_atomically
from engines.contract.item_review import Reason
from engines.contract.manifest import ComponentDecision
from engines.imaging.volumes.components import label_components
from engines.imaging.volumes.label_metrics import Mask, Spacing, bounding_box, dice, surface
from engines.refinement.anatomy.clean import JudgedComponent
from engines.refinement.anatomy.organs import class_boxes
from engines.refinement.anatomy.topology import num_loops

Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class ClassChange:
    """One class before and after.

    Parameters
    ----------
    label : int
    voxels_before, voxels_after, voxels_added, voxels_removed : int
    volume_before_ml, volume_after_ml : float
    volume_change_percent : float or None
        Negative where the class shrank; None where it did not exist before.
    dice : float
        Of both; agreement, no quality.
    components_before, components_after : int
    largest_share : float or None
        Share of the largest piece, after; None without a voxel.
    loops_before, loops_after : int
        First Betti number.
    shift_mm : float or None
        Mean distance of both surfaces to each other; None where one is empty.
    signed_shift_mm : float or None
        Mean distance by which the new surface lies outside the old one, negative inside.
    """

    label: int
    voxels_before: int
    voxels_after: int
    voxels_added: int
    voxels_removed: int
    volume_before_ml: float
    volume_after_ml: float
    volume_change_percent: float | None
    dice: float
    components_before: int
    components_after: int
    largest_share: float | None
    loops_before: int
    loops_after: int
    shift_mm: float | None
    signed_shift_mm: float | None


@dataclass(frozen=True)
class CaseReport:
    """Everything about one refined case.

    Parameters
    ----------
    item, label_class, status : as in the review
    reasons : sequence of Reason
        Rules of the gate that fired.
    findings : sequence of Reason
        What does not look like anatomy, after.
    classes : sequence of ClassChange
    conflicts : mapping of (winner, loser) to int
    components : sequence of JudgedComponent
    decisions : sequence of ComponentDecision
    facts : mapping
        Plain values: hashes, model, settings, versions, seconds.
    """

    item: str
    label_class: int
    status: str
    reasons: Sequence[Reason]
    findings: Sequence[Reason]
    classes: Sequence[ClassChange]
    conflicts: Mapping[tuple[int, int], int]
    components: Sequence[JudgedComponent]
    decisions: Sequence[ComponentDecision]
    facts: Mapping[str, Any]

    def values(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "item": self.item,
            "label_class": self.label_class,
            "status": self.status,
            "rules": [_plain(reason) for reason in self.reasons],
            "findings": [_plain(reason) for reason in self.findings],
            "classes": [_rounded(asdict(change)) for change in self.classes],
            "conflicts": [
                {"winner": winner, "loser": loser, "voxels": count}
                for (winner, loser), count in self.conflicts.items()
            ],
            "components": [_rounded(asdict(piece)) for piece in self.components],
            "decisions": [decision.model_dump(mode="json") for decision in self.decisions],
            **self.facts,
        }

    def write(self, folder: Path) -> Path:
        """Write ``<item>.json`` and ``<item>.csv`` and return the first."""
        path = folder / f"{self.item}.json"
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        names = [field.name for field in fields(ClassChange)]
        writer.writerow(["item", *names])
        for change in self.classes:
            row = _rounded(asdict(change))
            writer.writerow([self.item, *("" if row[name] is None else row[name] for name in names)])
        write_text_atomically(folder / f"{self.item}.csv", buffer.getvalue())
        # Last: it is what a resumed run looks for.
        write_json_atomically(path, self.values())
        return path


def class_changes(before: Labels, after: Labels, spacing_mm: Spacing) -> list[ClassChange]:
    """Return every class of two label maps of one grid; untouched ones too.

    Parameters
    ----------
    before, after : ndarray of integers, (I, J, K)
    spacing_mm : (i, j, k)
    """
    boxes = (class_boxes(before), class_boxes(after))
    changes = []
    for value in sorted({*boxes[0], *boxes[1]}):
        sides = [found[value] for found in boxes if value in found]
        i, j, k = (
            slice(min(side[axis].start for side in sides), max(side[axis].stop for side in sides))
            for axis in range(3)
        )
        changes.append(class_change(value, before[i, j, k] == value, after[i, j, k] == value, spacing_mm))
    return changes


def class_change(label: int, before: Mask, after: Mask, spacing_mm: Spacing) -> ClassChange:
    """Return what became of one class."""
    # Python's integers have a sign and no end.
    count_before, count_after = int(np.count_nonzero(before)), int(np.count_nonzero(after))
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    pieces_before, _ = _pieces(before)
    is_same = bool(np.array_equal(before, after))
    pieces_after, share = _pieces(after)
    shift = (0.0, 0.0) if is_same else _shift_mm(before, after, spacing_mm)
    loops_before = num_loops(before)
    return ClassChange(
        label=label,
        voxels_before=count_before,
        voxels_after=count_after,
        voxels_added=int(np.count_nonzero(after & ~before)),
        voxels_removed=int(np.count_nonzero(before & ~after)),
        volume_before_ml=count_before * voxel_ml,
        volume_after_ml=count_after * voxel_ml,
        volume_change_percent=100.0 * (count_after - count_before) / count_before if count_before else None,
        dice=1.0 if is_same else dice(after, before),
        components_before=pieces_before,
        components_after=pieces_after,
        largest_share=share,
        loops_before=loops_before,
        loops_after=loops_before if is_same else num_loops(after),
        shift_mm=None if shift is None else shift[0],
        signed_shift_mm=None if shift is None else shift[1],
    )


def _pieces(mask: Mask) -> tuple[int, float | None]:
    if not mask.any():
        return 0, None
    labels, count = label_components(mask)
    return count, float(np.count_nonzero(labels == 1)) / float(np.count_nonzero(mask))


def _shift_mm(before: Mask, after: Mask, spacing_mm: Spacing) -> tuple[float, float] | None:
    """Return the mean distance of both surfaces, and that of the new one outwards."""
    if not before.any() or not after.any():
        return None
    box = bounding_box(before | after)
    before, after = np.pad(before[box], 1), np.pad(after[box], 1)
    old, new = surface(before), surface(after)
    to_old = ndimage.distance_transform_edt(~old, sampling=spacing_mm)
    to_new = ndimage.distance_transform_edt(~new, sampling=spacing_mm)
    signed = np.where(before[new], -to_old[new], to_old[new])
    return float(np.concatenate([to_old[new], to_new[old]]).mean()), float(signed.mean())


def _plain(reason: Reason) -> dict[str, Any]:
    return {"rule": reason.rule, "text": reason.text.format(**reason.values), "values": reason.values}


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}
