"""The classes of the active label map: how much of each there is, and their names, colours and locks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.messages import Message
from engines.imaging.volumes.label_classes import LabelClass, class_table, colour_of, named
from workstation.controllers.masks.label_edits import LabelEdits
from workstation.controllers.pairs.pair_edits import execute
from workstation.controllers.volume.volume_layers import VolumeLayers
from workstation.controllers.workbench import Workbench
from workstation.project.label_map_commands import SetLabelMapFacts
from workstation.views.protocols.volume import ClassRow

_CHANNEL = "volume.counts"
_COUNT_DELAY_MS = 400
_DELETE = Message("delete class {label} of {name}").text


def label_counts(labels: npt.NDArray[Any]) -> dict[int, int]:
    """Return the number of voxels of each label but 0; slice by slice, so that little memory is taken."""
    total = np.zeros(0, np.int64)
    for index in range(labels.shape[2]):
        counts = np.bincount(labels[:, :, index].ravel(order="K"))
        if counts.size > total.size:
            counts[: total.size] += total
            total = counts
        else:
            total[: counts.size] += counts
    return {int(value): int(total[value]) for value in np.flatnonzero(total) if value}


class VolumeClasses(QObject):
    """The rows of the class list, and its edits.

    Parameters
    ----------
    workbench : Workbench
    layers : VolumeLayers
    is_drawing : callable
        While this is true nothing is counted: a thread that works makes the stroke stutter.

    Signals
    -------
    changed
        The rows, or the active class, are others.
    """

    changed = Signal()

    def __init__(
        self,
        workbench: Workbench,
        layers: VolumeLayers,
        is_drawing: Callable[[], bool] = lambda: False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._layers = layers
        self._is_drawing = is_drawing
        self._counts: dict[str, Mapping[int, int]] = {}
        self._active_of: dict[str, int] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_COUNT_DELAY_MS)
        self._timer.timeout.connect(self._count)

    # -- questions -----------------------------------------------------------------------------------

    @property
    def active(self) -> int:
        """The label that tools draw with."""
        classes = self.classes
        first = classes[0].value if classes else 1
        return self._active_of.get(self._layers.active_id, first)

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Every class of the active label map: those of its table, then labels that it lacks."""
        label_map = self._layers.active
        if label_map is None:
            return ()
        counts = self._counts.get(label_map.id, {})
        chosen = self._active_of.get(label_map.id)
        values = {one.value for one in label_map.classes} | set(counts)
        return named(values | ({chosen} if chosen else set()), label_map.classes)

    @property
    def num_unnamed(self) -> int:
        """Labels in the voxels that the class table does not name."""
        label_map = self._layers.active
        if label_map is None:
            return 0
        known = {one.value for one in label_map.classes}
        return len(set(self._counts.get(label_map.id, {})) - known)

    def name_of(self, label_map_id: str, value: int) -> str:
        """Return how a label is called in a label map."""
        label_map = self._layers.map_of(label_map_id)
        known = label_map.classes if label_map is not None else ()
        found = named({value}, known)
        return found[0].name if found else ""

    def rows(self) -> list[ClassRow]:
        """Return the lines of the class list."""
        label_map = self._layers.active
        if label_map is None:
            return []
        look, counts = self._layers.look(label_map.id), self._counts.get(label_map.id)
        voxel_ml, active = label_map.geometry.voxel_volume_ml, self.active
        return [
            ClassRow(
                one.value,
                one.name,
                one.colour,
                None if counts is None else counts.get(one.value, 0) * voxel_ml,
                is_locked=one.value in look.locked,
                is_hidden=one.value in look.hidden,
                is_active=one.value == active,
            )
            for one in self.classes
        ]

    # -- choices -------------------------------------------------------------------------------------

    def set_active(self, value: int) -> None:
        """Draw with another label."""
        if self._layers.active is not None and value > 0:
            self._active_of[self._layers.active_id] = value
            self.changed.emit()

    def step(self, offset: int) -> None:
        """Draw with the next class of the list, or the one before."""
        values = [one.value for one in self.classes]
        if values:
            index = values.index(self.active) if self.active in values else 0
            self.set_active(values[(index + offset) % len(values)])

    def toggle(self, value: int, name: str) -> None:
        """Hide or lock a class, or stop that; `name` is ``"hidden"`` or ``"locked"``."""
        key = self._layers.active_id
        if key:
            before: frozenset[int] = getattr(self._layers.look(key), name)
            self._layers.set_look(key, **{name: before ^ {value}})
            self.changed.emit()

    # -- edits ---------------------------------------------------------------------------------------

    def add(self, name: str = "", colour: str = "") -> int:
        """Add a class after the last one, and draw with it; returns its label, 0 when it was refused."""
        if self._layers.active is None:
            return 0
        value = max((one.value for one in self.classes), default=0) + 1
        made = LabelClass(value, name or f"label {value}", colour or colour_of(value))
        if not self._set((*self._layers.active.classes, made)):
            return 0
        self.set_active(value)
        return value

    def change(self, value: int, *, name: str | None = None, colour: str | None = None) -> None:
        """Rename a class, or give it another colour; a label without a class gets one."""
        label_map = self._layers.active
        found = next((one for one in self.classes if one.value == value), None)
        if label_map is None or found is None:
            return
        made = replace(found, name=name or found.name, colour=colour or found.colour)
        if made not in label_map.classes:
            others = tuple(one for one in label_map.classes if one.value != value)
            self._set((*others, made))

    def delete(self, value: int, edits: LabelEdits) -> None:
        """Take a class out of the table, and its voxels out of the label map, as one edit.

        Parameters
        ----------
        value : int
        edits : LabelEdits
            Takes the voxels away on a thread.
        """
        label_map = self._layers.active
        if label_map is None:
            return
        # SciPy, which the operations need, is not loaded with the screen.
        from engines.imaging.volumes.class_operations import deleted

        if self._active_of.get(label_map.id) == value:
            del self._active_of[label_map.id]
        if not self._counts.get(label_map.id, {}).get(value):
            self._set(tuple(one for one in label_map.classes if one.value != value))
            return
        edits.add(
            label_map.id,
            lambda labels: deleted()(labels, value, label_map.geometry.spacing_mm),
            _DELETE,
            dropped=value,
            label=self.name_of(label_map.id, value),
        )

    def load_table(self, key: str) -> None:
        """Take the names and colours of a shipped table; classes that it lacks stay.

        Raises
        ------
        UnknownKeyError
            If there is no such table.
        """
        label_map = self._layers.active
        if label_map is not None:
            table = class_table(key)
            values = {one.value for one in table}
            self._set((*table, *(one for one in label_map.classes if one.value not in values)))

    def _set(self, classes: tuple[LabelClass, ...]) -> bool:
        ordered = tuple(sorted(classes, key=lambda one: one.value))
        is_done = execute(self._bench, SetLabelMapFacts(self._layers.active_id, classes=ordered))
        if is_done and self._bench.project is not None:
            # At once: the news of the project comes with the next turn of the event loop.
            item_id = self._bench.item_id
            self._layers.set_maps(self._bench.project.label_maps.of_item(item_id))
            self.changed.emit()
        return is_done

    # -- counting ------------------------------------------------------------------------------------

    def count_later(self, *, is_now: bool = False) -> None:
        """Count the voxels of the active label map again, a moment after the last stroke."""
        if is_now:
            self._timer.stop()
            self._count()
        else:
            self._timer.start()

    def forget(self) -> None:
        """Let go of what was counted; another case comes."""
        self._timer.stop()
        self._bench.background.drop(_CHANNEL)
        self._counts.clear()

    def _count(self) -> None:
        if self._is_drawing():
            self._timer.start()
            return
        key = self._layers.active_id
        volume = self._layers.volume_of(key)
        if volume is not None:
            self._bench.background.submit(
                _CHANNEL, lambda: label_counts(volume.voxels), lambda counts: self._on_counts(key, counts)
            )

    def _on_counts(self, key: str, counts: Mapping[int, int]) -> None:
        if self._counts.get(key) != counts:
            self._counts[key] = counts
            self.changed.emit()
