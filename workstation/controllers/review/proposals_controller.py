"""Proposals: what a label map of a model would change in the accepted one, and taking it over.

Accepting is a union, computed here from the voxels as they are at that moment: it never takes an accepted
voxel away. Replacing does, so its first call shows the voxels that would go, and the second applies it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.errors import InputError, UnknownKeyError, WorkstationError
from engines.contract.messages import Message
from engines.imaging.volumes.proposals import (
    ADDED,
    KEPT,
    RELABELLED,
    REMOVED,
    Difference,
    added_piece,
    difference,
    replaced,
    slice_within,
    united,
)
from engines.imaging.volumes.voxel_changes import Labels, VoxelChanges
from workstation.controllers.masks.label_edits import LabelEdits
from workstation.controllers.pairs.pair_edits import execute
from workstation.controllers.review.proposal_import import bring_in_results, free_name, resampled_proposal
from workstation.controllers.workbench import Workbench
from workstation.project.label_map_commands import AddLabelMap, DeleteLabelMap, SetLabelMapFacts
from workstation.project.label_maps import LabelMap, LabelMapState
from workstation.project.result_review import ACCEPT_ALL, REPLACE
from workstation.views.protocols.cards import Card
from workstation.views.protocols.components import (
    ChangeColours,
    ProposalBarView,
    ProposalRow,
    ProposalSummary,
)
from workstation.views.protocols.volume import Box, LabelLayer

if TYPE_CHECKING:
    from workstation.controllers.volume.volume_controller import VolumeController

KEY = "proposal.changes"
DELAY_MS = 350
ACCEPT_SLICE = Message("accept a slice of the proposal into {name}").text
ACCEPT_COMPONENT = Message("accept a component of the proposal into {name}").text
_DIFFERENCE, _RESAMPLE, _BRING_IN = "proposals.difference", "proposals.resample", "proposals.bring_in"
_OPACITY = 0.85
_REACH_VOXELS = 3
TakeOver = Callable[[Labels, Labels, Difference], VoxelChanges]


@dataclass(frozen=True, eq=False)
class _Looked:
    found: Difference
    codes: Any


class ProposalsController(QObject):
    """Behind the line about proposals.

    Parameters
    ----------
    workbench : Workbench
    volumes : VolumeController
    edits : LabelEdits
    bar : ProposalBarView
    colours : ChangeColours
    fresh_name : callable
        Returns what the accepted label map is called where there is none yet.

    Attributes
    ----------
    edits : LabelEdits
    is_showing : bool
        Whether changes are coloured in the slices.

    Signals
    -------
    changed
        What may be done now changed.
    """

    changed = Signal()

    def __init__(
        self,
        workbench: Workbench,
        volumes: VolumeController,
        edits: LabelEdits,
        bar: ProposalBarView,
        colours: ChangeColours,
        fresh_name: Callable[[], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._volumes = volumes
        self.edits = edits
        self._bar = bar
        self._colours = colours
        self._fresh_name = fresh_name
        self.is_showing = True
        self._chosen = ""
        self._target = ""
        self._found: Difference | None = None
        self._is_working = False
        self._is_asked = False
        self._subject: tuple[object, ...] = ()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self.look)
        volumes.active_changed.connect(self._on_subject)
        # The array of a proposal may arrive after that of the label map that is drawn in.
        volumes.layers.labels_changed.connect(self._on_subject)
        volumes.arrays.changed.connect(self._on_voxels)
        edits.busy_changed.connect(self.changed)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def proposals(self) -> list[LabelMap]:
        """The proposals of the case."""
        return [one for one in self._volumes.layers.maps if one.state is LabelMapState.PROPOSAL]

    @property
    def chosen(self) -> LabelMap | None:
        """The proposal that is looked at."""
        return self._volumes.layers.map_of(self._chosen) if self._chosen else None

    @property
    def target(self) -> LabelMap | None:
        """The accepted label map that it is compared with; None when the case has none."""
        return self._volumes.layers.map_of(self._target) if self._target else None

    @property
    def found(self) -> Difference | None:
        """What the proposal changes; None until it was computed, and when grids differ."""
        return self._found

    @property
    def num_added(self) -> int:
        """Voxels that accepting would add."""
        return 0 if self._found is None else self._found.count(ADDED)

    @property
    def num_lost(self) -> int:
        """Accepted voxels that replacing would take away."""
        return 0 if self._found is None else self._found.num_lost

    @property
    def is_asked(self) -> bool:
        """Whether the voxels are shown that replacing would take away: the next call does it."""
        return self._is_asked

    @property
    def has_other_grid(self) -> bool:
        """Whether the proposal lies on another grid than what is accepted."""
        chosen, target = self.chosen, self.target
        if chosen is None or target is None:
            return False
        return target.geometry.difference(chosen.geometry) is not None

    def close(self) -> None:
        """Let go of threads and timers; the screen goes."""
        self._stop()

    # -- choices -------------------------------------------------------------------------------------

    def choose(self, label_map_id: str) -> None:
        """Look at another proposal."""
        if label_map_id != self._chosen:
            self._chosen = label_map_id
            self._subject = ()
            self._on_subject()

    def show_changes(self, is_showing: bool) -> None:
        """Colour what the proposal changes, or stop that."""
        self.is_showing = is_showing
        self._is_asked = False
        self.look()

    # -- answers -------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Add every voxel that the proposal has and the accepted label map lacks."""
        self._take_over(ACCEPT_ALL, united)

    def accept_slice(self, axis: int) -> None:
        """Add those of the slice through the crosshair, across an array axis."""
        index = round(self._volumes.position[axis])
        self._take_over(
            ACCEPT_SLICE,
            lambda own, other, found: united(own, other, found, slice_within(found, axis, index)),
        )

    def accept_component(self) -> None:
        """Add those that hang together at the crosshair."""
        i, j, k = (round(value) for value in self._volumes.position)

        def take(own: Labels, other: Labels, found: Difference) -> VoxelChanges:
            piece = added_piece(found, (i, j, k), _REACH_VOXELS)
            if piece is None:
                raise InputError(
                    "The proposal adds nothing at the crosshair.",
                    remedy="Move the crosshair to a voxel that it adds; they are coloured.",
                )
            return united(own, other, found, piece)

        self._take_over(ACCEPT_COMPONENT, take)

    def replace(self) -> None:
        """Show what would be taken away; again: make the accepted label map as the proposal is."""
        if self._found is None:
            return
        if self._found.num_lost and not self._is_asked:
            self._is_asked = True
            self.is_showing = True
            self._show(_Looked(self._found, self._found.full()))
            self._go_to_lost(self._found)
            self._tell()
            return
        self._take_over(REPLACE, replaced)

    def reject(self) -> None:
        """Delete the proposal; undo brings it back."""
        if self.chosen is not None and execute(self._bench, DeleteLabelMap(self.chosen.id)):
            self._volumes.read_maps()

    def resample(self) -> None:
        """Make a copy of the proposal on the grid of the accepted label map."""
        project, chosen, target = self._bench.project, self.chosen, self.target
        volume = self._volumes.arrays.get(self._chosen)
        if project is None or chosen is None or target is None or volume is None:
            return
        self._is_working = True
        self._tell()
        self._bench.background.submit(
            _RESAMPLE,
            lambda: resampled_proposal(project, chosen, volume, target.geometry),
            lambda label_map_id: self._on_made([label_map_id]),
            self._on_failed,
        )

    def bring_in(self) -> None:
        """Make proposals of what the runs wrote for this item."""
        project, item = self._bench.project, self._volumes.item
        if project is None or item is None:
            return
        self._is_working = True
        self._tell()
        self._bench.background.submit(
            _BRING_IN, lambda: bring_in_results(project, item.id), self._on_made, self._on_failed
        )

    # -- comparing -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Compare the proposal with what is accepted."""
        self._stop()
        proposal = self._volumes.arrays.get(self._chosen) if self._chosen else None
        target = self._volumes.arrays.get(self._target) if self._target else None
        if proposal is None or self.has_other_grid or (self._target and target is None):
            self._show(None)
            return
        own = target.voxels if target is not None else np.zeros(proposal.voxels.shape, np.uint8, order="F")
        other, locked, is_showing = proposal.voxels, self._locked(), self.is_showing
        self._is_working = True

        def work() -> _Looked:
            found = difference(own, other, locked)
            return _Looked(found, found.full() if is_showing else None)

        self._bench.background.submit(_DIFFERENCE, work, self._show)
        self._tell()

    def _show(self, looked: _Looked | None) -> None:
        self._is_working = False
        self._found = None if looked is None else looked.found
        chosen = self.chosen
        if looked is None or looked.codes is None or chosen is None:
            self._volumes.remove_labels(KEY)
        else:
            removed = self._colours.removed
            colours = {ADDED: self._colours.added, REMOVED: removed, KEPT: self._colours.kept}
            colours[RELABELLED] = removed
            self._volumes.add_labels(
                LabelLayer(KEY, "", looked.codes, chosen.geometry, colours, opacity=_OPACITY)
            )
        self._tell()

    def _go_to_lost(self, found: Difference) -> None:
        lost = np.argwhere((found.codes == REMOVED) | (found.codes == RELABELLED))
        # The voxel nearest to the middle of all: a middle itself may lie beside them.
        near = lost[np.argmin(((lost - lost.mean(axis=0)) ** 2).sum(axis=1))]
        i, j, k = (float(at + side.start) for at, side in zip(near, found.box, strict=True))
        self._volumes.go_to((i, j, k))

    # -- inside --------------------------------------------------------------------------------------

    def _take_over(self, title: str, take: TakeOver) -> None:
        project, chosen = self._bench.project, self.chosen
        proposal = self._volumes.arrays.get(self._chosen)
        if project is None or chosen is None or proposal is None or self.has_other_grid:
            return
        other, locked = proposal.voxels, self._locked()
        target_id = self._target or self._fresh_target(chosen)
        if not target_id or not self._name_classes(target_id, chosen):
            return

        def change(own: Labels) -> VoxelChanges:
            # Of the voxels as they are when it is this edit's turn.
            return take(own, other, difference(own, other, locked))

        try:
            sources = tuple((key, project.label_maps.get(key).revision) for key in (chosen.id, target_id))
        except UnknownKeyError as error:
            self._on_failed(error)
            return
        self._is_asked = False
        self._volumes.arrays.load(
            target_id, lambda _volume: self.edits.add(target_id, change, title, sources=sources)
        )

    def _fresh_target(self, chosen: LabelMap) -> str:
        proposal = self._volumes.arrays.get(chosen.id)
        if proposal is None:
            return ""
        name = free_name(self._fresh_name(), {one.name for one in self._volumes.layers.maps})
        command = AddLabelMap.on_grid_of(proposal, chosen.item_id, name, classes=chosen.classes)
        return self._volumes.edits.add(command)

    def _name_classes(self, target_id: str, chosen: LabelMap) -> bool:
        """Give the accepted label map the names of classes that come with the proposal."""
        target = self._volumes.layers.map_of(target_id)
        if target is None:
            return False
        known = {one.value for one in target.classes}
        new = tuple(one for one in chosen.classes if one.value not in known)
        if not new:
            return True
        classes = tuple(sorted((*target.classes, *new), key=lambda one: one.value))
        is_done = execute(self._bench, SetLabelMapFacts(target_id, classes=classes))
        self._volumes.read_maps()
        return is_done

    def _locked(self) -> frozenset[int]:
        return self._volumes.layers.look(self._target).locked if self._target else frozenset()

    def _stop(self) -> None:
        self._timer.stop()
        self._is_working = False
        self._bench.background.drop(_DIFFERENCE)

    def _tell(self) -> None:
        found, chosen, target = self._found, self.chosen, self.target
        summary = ProposalSummary(
            tuple(ProposalRow(one.id, one.name, one.source) for one in self.proposals),
            self._chosen,
            "" if target is None else target.name,
            is_working=self._is_working,
        )
        if chosen is not None and target is not None and self.has_other_grid:
            note = Message(
                "It lies on another grid than {name}: {difference}. Resample it first.",
                {"name": target.name, "difference": target.geometry.difference(chosen.geometry)},
            )
            summary = replace(summary, note=note)
        if found is not None and chosen is not None:
            summary = replace(
                summary,
                added=found.count(ADDED),
                removed=found.count(REMOVED),
                relabelled=found.count(RELABELLED),
                kept=found.count(KEPT),
                voxel_ml=chosen.geometry.voxel_volume_ml,
            )
            if self._is_asked:
                question = Message(
                    "{n} accepted voxels, {volume:.3f} mL, would go. Replace again to do it.",
                    {"n": found.num_lost, "volume": found.num_lost * chosen.geometry.voxel_volume_ml},
                )
                summary = replace(summary, question=question)
        self._bar.show_proposals(summary)
        self.changed.emit()

    # -- news ----------------------------------------------------------------------------------------

    def _on_subject(self) -> None:
        maps = self._volumes.layers.maps
        proposals = [one.id for one in self.proposals]
        active = self._volumes.active_id
        if active in proposals:
            self._chosen = active
        elif self._chosen not in proposals:
            self._chosen = proposals[-1] if proposals else ""
        accepted = [one.id for one in maps if one.state is LabelMapState.ACCEPTED]
        if active in accepted:
            self._target = active
        elif self._target not in accepted:
            self._target = accepted[0] if accepted else ""
        arrays = [id(self._volumes.arrays.get(key)) for key in (self._chosen, self._target) if key]
        subject = (self._chosen, self._target, self._locked(), tuple(proposals), *arrays)
        if subject != self._subject:
            self._subject = subject
            self._is_asked = False
            self._found = None
            self.look()
            self._tell()

    def _on_voxels(self, label_map_id: str, _box: Box | None) -> None:
        if label_map_id in (self._chosen, self._target):
            # Numbers and colours are of other voxels now.
            self._is_asked = False
            self._timer.start()

    def _on_made(self, label_map_ids: list[str]) -> None:
        self._is_working = False
        self._volumes.read_maps()
        if label_map_ids:
            self.choose(label_map_ids[-1])
        else:
            self._bench.note("No run wrote a label map for this item that is not here already.")
        self._tell()

    def _on_failed(self, error: BaseException) -> None:
        self._is_working = False
        if isinstance(error, WorkstationError):
            self._bench.post(Card.of_error(error))
        self._tell()
