"""Keypoint pairs of the current item: edits are commands, the fit and the overlay follow.

The controller knows the view as a `PairsView` only. Every edit is on the disk before the view shows it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.geometry import Size
from engines.contract.messages import Message
from engines.imaging.point_transform import PointTransform, TransformModel
from workstation.controllers.model_comparison import ModelComparison
from workstation.controllers.overlay_controller import OverlayController
from workstation.controllers.pair_fit import PairFit, fit_pairs, moved, worst_first
from workstation.controllers.pair_images import caption, files_of, read_images
from workstation.controllers.pair_walk import nearest, stepped
from workstation.controllers.registration_controller import RegistrationController
from workstation.controllers.workbench import Workbench
from workstation.project.annotations import KeypointPair, PairState, Side
from workstation.project.commands import AddPair, DeletePairs, MovePoint, PlacePoint, SetPairState
from workstation.project.history import Command
from workstation.project.items import Item
from workstation.views.protocols import Card, PairRow, PairsView

_LOG = logging.getLogger(__name__)

MAX_FITS_AT_ONCE = 300
"""Pairs up to which the left-out residuals take a few ms; beyond, they are found on a thread."""


class PairsController(QObject):
    """Behind the Pairs screen.

    Parameters
    ----------
    workbench : Workbench
    view : PairsView

    Attributes
    ----------
    overlay : OverlayController
    registration : RegistrationController

    Signals
    -------
    state_changed
        What may be done now changed; ask the reasons again.
    """

    state_changed = Signal()

    def __init__(self, workbench: Workbench, view: PairsView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view = view
        self._item: Item | None = None
        self._pairs: list[KeypointPair] = []
        self._fit = fit_pairs([], "homography")
        self._model: TransformModel = "homography"
        self._selected = ""
        self._half = ""
        self._walked = ""
        self._is_adding = False
        self._images: tuple[Any, Any] = (None, None)
        workbench.item_changed.connect(self.show_item)
        workbench.data_changed.connect(self._on_data_changed)
        self.overlay = OverlayController(workbench, view)
        self._comparison = ModelComparison(workbench, view)
        self.registration = RegistrationController(workbench, view, self)
        self.registration.changed.connect(self._show_link)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def pair_fit(self) -> PairFit:
        """The present fit."""
        return self._fit

    @property
    def selected(self) -> str:
        """Id of the selected pair; empty when there is none."""
        return self._selected

    @property
    def half(self) -> str:
        """Id of the pair that waits for its second point; empty when none does."""
        return self._half

    @property
    def is_adding(self) -> bool:
        """Whether clicks place points."""
        return self._is_adding

    @property
    def has_pair_of_images(self) -> bool:
        """Whether both images of the item are shown."""
        return self._images[0] is not None and self._images[1] is not None

    @property
    def link(self) -> PointTransform | None:
        """The transform that links views and overlay now, fixed_from_moving, or None."""
        if self.registration.is_linked:
            return self.registration.fixed_from_moving
        return self._fit.fixed_from_moving

    @property
    def is_registering(self) -> bool:
        """Whether a registration of the current item is under way."""
        return self.registration.is_running

    # -- item ----------------------------------------------------------------------------------------

    def show_item(self, item_id: str) -> None:
        """Show an item: its pairs at once, its images when they are read."""
        project = self._bench.project
        self._item = project.items.get(item_id) if project is not None and item_id else None
        self._selected = self._half = ""
        self._images = (None, None)
        self.registration.show_item(self._item)
        self._view.show_images(None, None)
        self._bench.background.drop("pairs.images")
        if self._item is None:
            self._view.show_message(Message("Choose an item on the left."))
            self.refresh()
            return
        files = files_of(self._item)
        self._view.show_captions(caption(files[0]), caption(files[1]))
        self._view.show_message(Message("Reading the images…"))
        self._bench.background.submit(
            "pairs.images", lambda: read_images(files), self._on_images, self._on_images_failed
        )
        self.refresh()

    def refresh(self) -> None:
        """Read the pairs again, and show what follows from them."""
        self._pairs = self._read_pairs()
        ids = {pair.id for pair in self._pairs}
        if self._selected not in ids:
            self._selected = ""
        halves = [pair for pair in self._pairs if pair.state is PairState.PLACED and not pair.is_complete]
        self._half = halves[-1].id if halves else ""
        pairs, model = self._pairs, self._model
        is_quick = len(pairs) <= MAX_FITS_AT_ONCE
        self._fit = fit_pairs(pairs, model, has_left_out=is_quick)
        self._bench.background.drop("pairs.left_out")
        if not is_quick:
            self._bench.background.submit(
                "pairs.left_out", lambda: fit_pairs(pairs, model), self._on_left_out, self._on_failed
            )
        sizes = self._sizes()
        self._comparison.update(pairs, None if sizes is None else sizes[1])
        self._show()

    # -- tools ---------------------------------------------------------------------------------------

    def set_adding(self, is_adding: bool) -> None:
        """Let clicks place points, or select them."""
        self._is_adding = is_adding
        self._show_tool()
        self.state_changed.emit()

    def choose_model(self, model: TransformModel) -> None:
        """Fit another kind of transform."""
        self._model = model
        self.refresh()

    def select(self, pair_id: str, *, is_centred: bool = False) -> None:
        """Select a pair, or none."""
        self._selected = pair_id
        self._view.show_pairs(self._fit.rows, self._selected)
        row = self._row(pair_id)
        if is_centred and row is not None:
            self._view.centre_on(row)
        self.state_changed.emit()

    def step(self, offset: int, order: Sequence[str] = ()) -> None:
        """Select the next or previous pair in an order, by default that of their making, and centre it."""
        chosen = stepped(order or [row.id for row in self._fit.rows], self._selected, offset)
        if chosen:
            self.select(chosen, is_centred=True)

    def step_worst(self, offset: int = 1) -> None:
        """Select the pair with the next smaller residual, or larger; after the smallest comes the largest."""
        ranked = [row.id for row in worst_first(self._fit.rows)]
        # A walk goes on only from where it stands; otherwise it begins at the worst.
        is_walking = self._walked == self._selected and self._walked in ranked
        if ranked:
            self._walked = stepped(ranked, self._walked, offset) if is_walking else ranked[0]
            self.select(self._walked, is_centred=True)

    def select_nearest(self, side: Side, x: float, y: float) -> None:
        """Select the pair nearest to a place of one image."""
        chosen = nearest(self._fit.rows, side, (x, y))
        if chosen:
            self.select(chosen)

    # -- edits ---------------------------------------------------------------------------------------

    def click(self, side: Side, x: float, y: float) -> None:
        """Place a point: fixed first, then moving."""
        if self._item is None or not self._is_adding:
            return
        half = self._pair(self._half)
        if half is None:
            if side == "fixed":
                command = AddPair(self._item.id, (x, y))
                if self._execute(command):
                    self._selected = command.pair_id
                    self.refresh()
            return
        empty: Side = "moving" if half.moving_xy is None else "fixed"
        if side == empty:
            if self._execute(PlacePoint(half.id, side, (x, y))):
                self._selected = half.id
                self.refresh()
        else:
            # A second click into the same image corrects the first.
            self.move(half.id, side, x, y)

    def move(self, pair_id: str, side: Side, x: float, y: float) -> None:
        """Move a point."""
        if self._pair(pair_id) is not None:
            self._selected = pair_id
            self._execute(MovePoint(pair_id, side, (x, y)))
            self.refresh()

    def drag(self, pair_id: str, side: Side, x: float, y: float) -> None:
        """Show the residuals as they would be with a point elsewhere, without any edit."""
        shown = [moved(pair, side, (x, y)) if pair.id == pair_id else pair for pair in self._pairs]
        fit = fit_pairs(shown, self._model, has_left_out=len(shown) <= MAX_FITS_AT_ONCE)
        self._view.show_pairs(fit.rows, pair_id)
        self._view.show_fit(fit.summary)
        if not self.registration.is_linked:
            self.overlay.preview(fit.fixed_from_moving)

    def nudge(self, side: Side, dx: float, dy: float) -> None:
        """Move the selected point of a side by pixels."""
        pair = self._pair(self._selected)
        xy = None if pair is None else pair.point(side)
        if pair is not None and xy is not None:
            self.move(pair.id, side, xy[0] + dx, xy[1] + dy)

    def delete(self) -> None:
        """Delete the selected pair."""
        if self._pair(self._selected) is not None:
            self._execute(DeletePairs((self._selected,)))
            self.refresh()

    def toggle_excluded(self) -> None:
        """Leave the selected pair out of the fit, or take it back."""
        pair = self._pair(self._selected)
        if pair is not None:
            is_used = pair.state is PairState.PLACED
            state = PairState.EXCLUDED if is_used else PairState.PLACED
            self._execute(SetPairState((pair.id,), state))
            self.refresh()

    def set_used(self, pair_id: str, is_used: bool) -> None:
        """Let a pair count for the fit, or leave it out."""
        pair = self._pair(pair_id)
        if pair is not None and (pair.state is PairState.PLACED) is not is_used:
            self._selected = pair_id
            self._execute(SetPairState((pair_id,), PairState.PLACED if is_used else PairState.EXCLUDED))
            self.refresh()

    def drop_half(self) -> None:
        """Forget the first point of an unfinished pair."""
        if self._half:
            self._execute(DeletePairs((self._half,)))
            self.refresh()

    def _execute(self, command: Command) -> bool:
        project = self._bench.project
        if project is None:
            return False
        try:
            project.history.execute(command)
        except WorkstationError as error:
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))
            return False
        return True

    # -- link and registration -----------------------------------------------------------------------

    def register(self) -> None:
        """Start a run that registers the item."""
        self.registration.register()

    def close(self) -> None:
        """Stop speaking for runs; the screen goes."""
        self.registration.close()

    def _read_pairs(self) -> list[KeypointPair]:
        project = self._bench.project
        if project is None or self._item is None:
            return []
        # Those of one import share their moment; a person then expects 2 before 10.
        return sorted(
            project.keypoints.pairs(self._item.id), key=lambda pair: (pair.created, pair.label.zfill(12))
        )

    # -- answers -------------------------------------------------------------------------------------

    def _on_data_changed(self) -> None:
        # An edit made here was shown already, with its fits.
        if self._read_pairs() != self._pairs:
            self.refresh()

    def _on_left_out(self, fit: PairFit) -> None:
        self._fit = fit
        self._view.show_pairs(fit.rows, self._selected)
        self._view.show_fit(fit.summary)
        self.state_changed.emit()

    def _on_images(self, images: tuple[Any, Any]) -> None:
        self._images = images
        self._view.show_message(Message(""))
        self._view.show_images(*images)
        self._comparison.update(self._pairs, (images[1].shape[1], images[1].shape[0]))
        self._show()

    def _on_images_failed(self, error: BaseException) -> None:
        self._on_failed(error)
        if isinstance(error, WorkstationError):
            self._view.show_message(error.message)

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))

    def _show(self) -> None:
        self._view.show_pairs(self._fit.rows, self._selected)
        self._view.show_fit(self._fit.summary)
        self._show_tool()
        self._show_link()

    def _show_link(self) -> None:
        link, sizes = self.link, self._sizes()
        if sizes is not None:
            self._view.set_link(link, sizes)
        self._view.show_registration(self.registration.summary)
        self.overlay.update(self._images, link)
        self.state_changed.emit()

    def _show_tool(self) -> None:
        half = self._pair(self._half)
        self._view.show_tool(is_adding=self._is_adding, half_label=half.label if half is not None else "")

    def _sizes(self) -> tuple[Size, Size] | None:
        fixed, moving = self._images
        if fixed is None or moving is None:
            return None
        return (fixed.shape[1], fixed.shape[0]), (moving.shape[1], moving.shape[0])

    def _pair(self, pair_id: str) -> KeypointPair | None:
        return next((pair for pair in self._pairs if pair.id == pair_id), None)

    def _row(self, pair_id: str) -> PairRow | None:
        return next((row for row in self._fit.rows if row.id == pair_id), None)
