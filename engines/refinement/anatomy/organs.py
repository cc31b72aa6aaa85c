"""What is known of the organs in a label map: which class is which, and what has to hold between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.contract.item_review import Reason
from engines.imaging.volumes.label_metrics import Mask, Spacing, num_components

Labels = npt.NDArray[Any]
Box = tuple[slice, slice, slice]

_CONTACT_MM = 2.0
_SMALLEST_PIECE_ML = 0.05
_SMALLEST_HOLE_VOXELS = 8


@dataclass(frozen=True)
class Contact:
    """A class that has to reach one of some others.

    Parameters
    ----------
    value : int
    others : tuple of int
        Nothing is said where none of them is there.
    farthest_mm : float
    """

    value: int
    others: tuple[int, ...]
    farthest_mm: float


@dataclass(frozen=True)
class Anatomy:
    """The organs of a class table.

    Parameters
    ----------
    aorta, myocardium : int
        0 where there is none.
    leaks : tuple of int
        Classes into which a vessel label leaks.
    priority : tuple of int
        Classes, the strongest first: who keeps a voxel that two want.
    most_pieces : mapping of int to int
        Classes that hang together in so many pieces at most.
    contacts : tuple of Contact
    solid : tuple of int
        Classes without holes.
    """

    aorta: int = 0
    myocardium: int = 0
    leaks: tuple[int, ...] = ()
    priority: tuple[int, ...] = ()
    most_pieces: tuple[tuple[int, int], ...] = ()
    contacts: tuple[Contact, ...] = ()
    solid: tuple[int, ...] = ()

    def masks(self, labels: Labels, label_class: int) -> dict[str, Mask]:
        """Return ``"aorta"``, ``"myocardium"`` and ``"leak"``, as far as the label map has them."""
        wanted = {"aorta": (self.aorta,), "myocardium": (self.myocardium,), "leak": self.leaks}
        found = {}
        for name, values in wanted.items():
            others = [value for value in values if value not in (0, label_class)]
            mask = np.isin(labels, others)
            if others and mask.any():
                found[name] = mask
        return found

    def priority_of(self, labels: Labels, label_class: int) -> tuple[int, ...]:
        """Return who keeps a voxel; classes that nothing is known of keep theirs against the refined one."""
        present = [int(value) for value in np.unique(labels) if value]
        unknown = [value for value in present if value not in self.priority and value != label_class]
        known = self.priority if label_class in self.priority else (*self.priority, label_class)
        return (*unknown, *known)


PUBLIC_CARDIAC_CT = Anatomy(
    aorta=6,
    myocardium=1,
    leaks=(8, 4, 5, 7, 10),
    priority=(9, 8, 10, 2, 3, 1, 6, 4, 5, 7),
    # The aorta is one or two, depending on the field of view; there are up to five pulmonary veins.
    most_pieces=((1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (7, 1), (8, 1), (6, 2), (9, 2), (10, 5)),
    contacts=(
        Contact(8, (2,), _CONTACT_MM),
        Contact(10, (2,), _CONTACT_MM),
        Contact(9, (6, 1), 15.0),
    ),
    solid=(1,),
)
NO_ANATOMY = Anatomy()
ANATOMIES: Mapping[str, Anatomy] = {"public_cardiac_ct": PUBLIC_CARDIAC_CT, "none": NO_ANATOMY}


def check_labels(labels: Labels, spacing_mm: Spacing, anatomy: Anatomy) -> list[Reason]:
    """Return what does not look like anatomy; nothing is changed.

    Parameters
    ----------
    labels : ndarray of integers, (I, J, K)
    spacing_mm : (i, j, k)
    anatomy : Anatomy
    """
    boxes = class_boxes(labels)
    smallest = _SMALLEST_PIECE_ML * 1000.0 / float(np.prod(spacing_mm))
    found = []
    for value, most in anatomy.most_pieces:
        if value in boxes:
            count = _num_large_pieces(labels[boxes[value]] == value, smallest)
            if count > most:
                found.append(
                    Reason(
                        rule="pieces",
                        text="Class {value} is in {count} pieces of at least 0.05 mL; {most} are expected.",
                        values={"value": str(value), "count": str(count), "most": str(most)},
                    )
                )
    for contact in anatomy.contacts:
        others = [value for value in contact.others if value in boxes]
        if contact.value in boxes and others:
            distance = _distance_mm(labels, boxes, contact.value, others, spacing_mm)
            if distance > contact.farthest_mm:
                found.append(
                    Reason(
                        rule="contact_lost",
                        text="Class {value} lies {distance} mm from {others}, which it has to reach.",
                        values={
                            "value": str(contact.value),
                            "distance": round(distance, 1),
                            "others": ", ".join(f"class {other}" for other in others),
                        },
                    )
                )
    for value in anatomy.solid:
        if value in boxes:
            holes = _hole_voxels(labels[boxes[value]] == value, labels[boxes[value]] == 0)
            if holes >= _SMALLEST_HOLE_VOXELS:
                found.append(
                    Reason(
                        rule="holes",
                        text="Class {value} has holes of {count} voxels in all. Fill them by hand.",
                        values={"value": str(value), "count": str(holes)},
                    )
                )
    return found


def new_findings(before: list[Reason], after: list[Reason]) -> list[Reason]:
    """Return the findings that the input did not have."""
    known = {(finding.rule, finding.values.get("value")) for finding in before}
    return [finding for finding in after if (finding.rule, finding.values.get("value")) not in known]


def class_boxes(labels: Labels) -> dict[int, Box]:
    """Return the box of every class that has voxels."""
    return {
        index + 1: box
        for index, box in enumerate(ndimage.find_objects(labels.astype(np.int32, copy=False)))
        if box
    }


def _num_large_pieces(mask: Mask, smallest: float) -> int:
    if num_components(mask) == 1:
        return 1
    numbers, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    return max(1, int((sizes >= smallest).sum()))


def _distance_mm(
    labels: Labels, boxes: Mapping[int, Box], value: int, others: list[int], spacing_mm: Spacing
) -> float:
    joint = [boxes[one] for one in (value, *others)]
    i, j, k = (
        slice(min(box[axis].start for box in joint), max(box[axis].stop for box in joint))
        for axis in range(3)
    )
    part = labels[i, j, k]
    distance = ndimage.distance_transform_edt(~np.isin(part, others), sampling=spacing_mm)
    return float(distance[part == value].min())


def _hole_voxels(mask: Mask, is_background: Mask) -> int:
    # A chamber within the muscle is no hole: only what nobody labelled is.
    return int((ndimage.binary_fill_holes(mask) & is_background & ~mask).sum())
