"""Edits of components that are shown in the slices before they are done, and how their voxels change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message
from engines.imaging.volumes.bridging import Bridge, bridge_components
from engines.imaging.volumes.components import ClassComponents
from engines.imaging.volumes.label_metrics import Mask
from engines.imaging.volumes.mask_editing import Paint, painted
from workstation.controllers.masks.label_edits import Change, LabelEdits
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import Card
from workstation.views.protocols.components import ChangeColours, ComponentPanelView, Offer
from workstation.views.protocols.volume import Box, VoxelPreview

if TYPE_CHECKING:
    from workstation.controllers.volume.volume_controller import VolumeController

BRIDGE = Message("bridge components of {name}").text
_CHANNEL = "components.bridge"


@dataclass(frozen=True, eq=False)
class _Pending:
    offer: Offer
    title: str
    change: Change


class ComponentOffers(QObject):
    """At most one edit that waits for an answer.

    Parameters
    ----------
    workbench : Workbench
    volumes : VolumeController
    edits : LabelEdits
    panel : ComponentPanelView
    colours : ChangeColours

    Signals
    -------
    changed
        Another edit waits, or none.
    """

    changed = Signal()

    def __init__(
        self,
        workbench: Workbench,
        volumes: VolumeController,
        edits: LabelEdits,
        panel: ComponentPanelView,
        colours: ChangeColours,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._volumes = volumes
        self._edits = edits
        self._panel = panel
        self._colours = colours
        self._pending: _Pending | None = None

    @property
    def pending(self) -> Offer | None:
        """What waits for an answer."""
        return None if self._pending is None else self._pending.offer

    # -- answers -------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Do what is shown."""
        pending = self._pending
        if pending is not None:
            self.cancel()
            self._edits.add(self._volumes.active_id, pending.change, pending.title)

    def applies(self, verb: str) -> bool:
        """Do what is shown when this action asked for it; drop it otherwise, and return False."""
        if self._pending is not None and self._pending.offer.verb == verb:
            self.apply()
            return True
        self.cancel()
        return False

    def cancel(self) -> None:
        """Drop what is shown."""
        self._bench.background.drop(_CHANNEL)
        if self._pending is not None:
            self._pending = None
            self._volumes.view.set_preview(None)
            self._panel.show_offer(None)
            self.changed.emit()

    # -- questions -----------------------------------------------------------------------------------

    def removal(self, verb: str, count: int, volume_ml: float, mask: Mask, box: Box, title: str) -> None:
        """Show components that would go."""
        text = Message(
            "{n} components with {volume:.3f} mL would be removed.", {"n": count, "volume": volume_ml}
        )
        self._volumes.view.set_preview(VoxelPreview(mask, box, self._colours.removed))
        self._wait(_Pending(Offer(verb, text), title, self.erasing(mask, box)))

    def bridge(self, pieces: ClassComponents, first: int, second: int) -> None:
        """Show the tube that would join two components, once a thread has found it."""
        volume = self._volumes.arrays.get(self._volumes.active_id)
        if volume is None:
            return
        radius_mm, locked, spacing_mm = (
            self._panel.radius_mm,
            self._volumes.locked,
            volume.geometry.spacing_mm,
        )
        self._bench.background.submit(
            _CHANNEL,
            lambda: bridge_components(volume.voxels, pieces, first, second, spacing_mm, radius_mm, locked),
            self._on_bridge,
            self._on_failed,
        )

    def _on_bridge(self, found: Bridge) -> None:
        facts = {"gap": found.gap.distance_mm, "n": int(found.tube.sum())}
        text = Message("A bridge over {gap:.1f} mm would add {n} voxels.", facts)
        if not found.is_joining:
            text = Message(
                "A bridge over {gap:.1f} mm would add {n} voxels, but not join: another class lies between.",
                facts,
            )
        self._volumes.view.set_preview(VoxelPreview(found.tube, found.box, self._colours.added))
        i, j, k = ((side.start + side.stop - 1) / 2.0 for side in found.box)
        self._volumes.go_to((i, j, k))
        self._wait(_Pending(Offer("bridge", text), BRIDGE, self.filling(found.tube, found.box)))

    def _wait(self, pending: _Pending) -> None:
        self._pending = pending
        self._panel.show_offer(pending.offer)
        self.changed.emit()

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            self._bench.post(Card.of_error(error))

    # -- voxels --------------------------------------------------------------------------------------

    def erasing(self, mask: Mask, box: Box) -> Change:
        """Return what takes the active class out of a mask."""
        paint = Paint(0, locked=self._volumes.locked, only=self._volumes.active_class)
        return lambda labels: painted(labels, mask, paint, _start(box))

    def filling(self, mask: Mask, box: Box) -> Change:
        """Return what gives the free voxels of a mask to the active class; other classes keep theirs."""
        paint = Paint(self._volumes.active_class, locked=self._volumes.locked, only=0)
        return lambda labels: painted(labels, mask, paint, _start(box))


def _start(box: Box) -> tuple[int, int, int]:
    i, j, k = (side.start for side in box)
    return i, j, k
