"""What rejecting the chosen components would do to volume and centre line; found on a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engines.contract.messages import Message
from engines.imaging.volumes.volume import Volume
from workstation.controllers.review.component_survey import Survey
from workstation.controllers.workbench import Workbench
from workstation.project.label_maps import LabelMapState
from workstation.views.protocols.components import NOTHING, ComponentPanelView

if TYPE_CHECKING:
    from workstation.controllers.volume.volume_controller import VolumeController

_CHANNEL = "components.effect"
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lines:
    """Centre lines of a class and of what it is compared with, in the box around both.

    Parameters
    ----------
    box : three slices
    own, other : ndarray of bool, (i, j, k)
        The masks.
    own_line, other_line : ndarray of bool, (i, j, k)
    """

    box: tuple[slice, slice, slice]
    own: Mask
    other: Mask
    own_line: Mask
    other_line: Mask


def lines_of(own: npt.NDArray[Any], other: npt.NDArray[Any] | None, label: int) -> Lines | None:
    """Return the centre lines of a class in one label map, or two; None when one of them is empty; slow."""
    # scikit-image takes long to import, and nothing else of the screen needs it.
    from engines.imaging.volumes.label_metrics import bounding_box, centre_line

    first = own == label
    second = first if other is None else other == label
    if not first.any() or not second.any():
        return None
    box = bounding_box(first | second, margin=1)
    first, second = first[box], second[box]
    line = centre_line(first)
    return Lines(box, first, second, line, line if other is None else centre_line(second))


def cldice_without(lines: Lines, gone: Mask | None) -> float | None:
    """Return the agreement of centre lines (clDice) without some components.

    A component thins as it would alone, so nothing is thinned again.

    Parameters
    ----------
    lines : Lines
    gone : ndarray of bool, (i, j, k) or None
        The components, in the same box.
    """
    line, own = lines.own_line, lines.own
    if gone is not None:
        line, own = line & ~gone, own & ~gone
    if not line.any() or not lines.other_line.any():
        return None
    precision = float(lines.other[line].mean())
    sensitivity = float(own[lines.other_line].mean())
    total = precision + sensitivity
    return 2 * precision * sensitivity / total if total else 0.0


class ComponentEffect:
    """What rejecting would do, in words.

    Parameters
    ----------
    workbench : Workbench
    volumes : VolumeController
    panel : ComponentPanelView
    """

    def __init__(self, workbench: Workbench, volumes: VolumeController, panel: ComponentPanelView) -> None:
        self._bench = workbench
        self._volumes = volumes
        self._panel = panel
        self._known: tuple[object, object, Lines | None] | None = None

    def show(self, survey: Survey | None, keys: Sequence[str], volume: Volume | None) -> None:
        """Say it of some lines of a survey; nothing for none, and for what is gone already."""
        self._bench.background.drop(_CHANNEL)
        numbers = survey.numbers_of(keys) if survey is not None else []
        if survey is None or volume is None:
            self._known = None
        if survey is None or volume is None or not numbers:
            self._panel.show_effect(NOTHING)
            return
        reference, name = self._reference(survey.label_map_id, volume)
        known = self._known
        pieces, other = survey.pieces, None if reference is None else reference.voxels

        def work() -> tuple[Message, Lines | None]:
            if known is not None and known[0] is pieces and known[1] is other:
                lines = known[2]
            else:
                lines = lines_of(volume.voxels, other, pieces.label)
            return _message(survey, numbers, lines, name), lines

        def done(made: tuple[Message, Lines | None]) -> None:
            self._known = (pieces, other, made[1])
            self._panel.show_effect(made[0])

        self._bench.background.submit(_CHANNEL, work, done)

    def _reference(self, label_map_id: str, volume: Volume) -> tuple[Volume | None, str]:
        """Return the accepted label map that a proposal is compared with, where it lies on the same grid."""
        layers = self._volumes.layers
        own = layers.map_of(label_map_id)
        if own is None or own.state is LabelMapState.ACCEPTED:
            return None, ""
        for one in layers.maps:
            found = layers.volume_of(one.id)
            if one.state is LabelMapState.ACCEPTED and found is not None:
                is_same = found.geometry.difference(volume.geometry) is None
                return (found, one.name) if is_same else (None, "")
        return None, ""


def _message(survey: Survey, numbers: Sequence[int], lines: Lines | None, name: str) -> Message:
    chosen = [piece for piece in survey.pieces.components if piece.number in numbers]
    before = sum(piece.volume_ml for piece in survey.pieces.components)
    facts: dict[str, object] = {
        "before": before,
        "after": before - sum(piece.volume_ml for piece in chosen),
    }
    if lines is None:
        return Message("Rejecting: {before:.3f} → {after:.3f} mL", facts)
    mask, box = survey.pieces.mask(numbers)
    gone = np.zeros(lines.own.shape, dtype=bool)
    inner = tuple(
        slice(side.start - outer.start, side.stop - outer.start)
        for side, outer in zip(box, lines.box, strict=True)
    )
    gone[inner] = mask
    if not name:
        share = float(gone[lines.own_line].mean()) if lines.own_line.any() else 0.0
        return Message(
            "Rejecting: {before:.3f} → {after:.3f} mL, {percent:.1f} % of the centre line",
            {**facts, "percent": 100.0 * share},
        )
    first, second = cldice_without(lines, None), cldice_without(lines, gone)
    if first is None or second is None:
        return Message("Rejecting: {before:.3f} → {after:.3f} mL", facts)
    return Message(
        "Rejecting: {before:.3f} → {after:.3f} mL, clDice to {name} {first:.3f} → {second:.3f}",
        {**facts, "name": name, "first": first, "second": second},
    )
