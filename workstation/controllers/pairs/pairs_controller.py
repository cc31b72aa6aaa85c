"""Keypoint pairs of the current item: edits are commands, the fit and the overlay follow.

The controller knows the view as a `PairsView` only. Every edit is on the disk before the view shows it.
What edits, snapping and suggestions do is in controllers of their own; here they meet.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.geometry import Size
from engines.contract.kinds import FileKind
from engines.contract.messages import Message
from engines.imaging.transforms.point_transform import PointTransform, TransformModel
from workstation.controllers.pairs.model_comparison import ModelComparison
from workstation.controllers.pairs.overlay_controller import OverlayController
from workstation.controllers.pairs.pair_edits import PairEdits
from workstation.controllers.pairs.pair_fit import PairFit, fit_pairs, moved, worst_first
from workstation.controllers.pairs.pair_images import ImageReader, caption, files_of, whole_images
from workstation.controllers.pairs.pair_selection import PairSelection
from workstation.controllers.pairs.pair_walk import nearest, stepped
from workstation.controllers.pairs.registration_controller import RegistrationController
from workstation.controllers.pairs.snapping import Snapping
from workstation.controllers.pairs.suggestions_controller import SuggestionsController
from workstation.controllers.workbench import Workbench
from workstation.project.annotations import KeypointPair, PairState, Side
from workstation.project.items import Item
from workstation.views.protocols.cards import Card
from workstation.views.protocols.pairs import PairRow, PairsView

_LOG = logging.getLogger(__name__)

MAX_FITS_AT_ONCE = 300
"""Pairs up to which the left-out residuals take a few ms; beyond, they are found on a thread."""

_IDLE = Message("Press N, then click the same place in both images.")
_ADDING = Message("Click a vessel fork in fixed, then the same one in moving.")
_HALVES = {
    "moving": Message("Pair {label}: now click the same place in moving. Esc drops it; X: not seen there."),
    "fixed": Message("Pair {label}: now click the same place in fixed. Esc drops it; X: not seen there."),
}


class PairsController(QObject):
    """Behind the Pairs screen.

    Parameters
    ----------
    workbench : Workbench
    view : PairsView

    Attributes
    ----------
    edits : PairEdits
    snapping : Snapping
    suggestions : SuggestionsController
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
        self._selection = PairSelection()
        self._fit = fit_pairs([], "homography")
        self._model: TransformModel = "homography"
        self._walked = ""
        self._is_adding = False
        self._images: tuple[Any, Any] = (None, None)
        workbench.item_changed.connect(self.show_item)
        workbench.data_changed.connect(self._on_data_changed)
        self._reader = ImageReader(workbench.background, self)
        self._reader.progressed.connect(view.show_message)
        self.overlay = OverlayController(workbench, view)
        self._comparison = ModelComparison(workbench, view)
        self.registration = RegistrationController(workbench, view, self)
        self.registration.changed.connect(self._show_link)
        self.snapping = Snapping(workbench, view, self)
        self.snapping.changed.connect(self.state_changed)
        self.edits = PairEdits(workbench, self._selection, self.snapping, self.refresh)
        self.suggestions = SuggestionsController(
            workbench,
            view,
            self._selection,
            self.registration,
            self.refresh,
            lambda pair_id: self.select(pair_id, is_centred=True),
        )
        self.suggestions.changed.connect(self.state_changed)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def pair_fit(self) -> PairFit:
        """The present fit."""
        return self._fit

    @property
    def selected(self) -> str:
        """Id of the selected pair; empty when there is none."""
        return self._selection.current

    @property
    def selection(self) -> PairSelection:
        """The pairs, and which of them edits mean."""
        return self._selection

    @property
    def half(self) -> str:
        """Id of the pair that waits for its second point; empty when none does."""
        half = self._selection.half
        return half.id if half is not None else ""

    @property
    def is_adding(self) -> bool:
        """Whether clicks place points."""
        return self._is_adding

    @property
    def item(self) -> Item | None:
        """The item that is shown."""
        return self._item

    @property
    def images(self) -> tuple[Any, Any]:
        """Its images, fixed and moving; None until they are read."""
        return self._images

    @property
    def has_pair_of_images(self) -> bool:
        """Whether both images of the item are shown."""
        return self._images[0] is not None and self._images[1] is not None

    @property
    def has_image(self) -> bool:
        """Whether any image of the item is shown."""
        return self._images[0] is not None or self._images[1] is not None

    @property
    def link(self) -> PointTransform | None:
        """The transform that links views and overlay now, fixed_from_moving, or None."""
        if self.registration.is_linked:
            return self.registration.fixed_from_moving
        return self._fit.fixed_from_moving

    @property
    def has_large_image(self) -> bool:
        """Whether an image is shown from a pyramid: too large to register, or to lay over another."""
        whole = whole_images(self._images)
        return any(image is not known for image, known in zip(whole, self._images, strict=True))

    @property
    def is_registering(self) -> bool:
        """Whether a registration of the current item is under way."""
        return self.registration.is_running

    # -- item ----------------------------------------------------------------------------------------

    def show_item(self, item_id: str) -> None:
        """Show an item: its pairs at once, its images when they are read."""
        project = self._bench.project
        self._item = project.items.get(item_id) if project is not None and item_id else None
        self._selection.clear()
        self._images = (None, None)
        self.edits.item = self._item
        self.suggestions.show_item(self._item)
        self.snapping.show_item(None, self._images)
        self.registration.show_item(self._item)
        self._view.show_images(None, None)
        self._reader.drop()
        if self._item is None:
            self._view.show_message(Message("Choose an item on the left."))
            self.refresh()
            return
        if not any(file.kind is FileKind.IMAGE for file in self._item.files.values()):
            text = "{item} holds volumes: keypoints are placed in images."
            self._view.show_elsewhere(Message(text, {"item": self._item.id}))
            self.refresh()
            return
        files = files_of(self._item)
        self._view.show_captions(caption(files[0]), caption(files[1]))
        self._view.show_message(Message("Reading the images…"))
        self._reader.read(files, self._on_images, self._on_images_failed)
        self.refresh()

    def refresh(self) -> None:
        """Read the pairs again, and show what follows from them."""
        self._selection.take(self._read_pairs())
        pairs, model = self._selection.pairs, self._model
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
        self._show_hint()
        self.state_changed.emit()

    def choose_model(self, model: TransformModel) -> None:
        """Fit another kind of transform."""
        self._model = model
        self.refresh()

    def select(self, pair_id: str, *, is_centred: bool = False) -> None:
        """Select a pair, or none."""
        self.select_several((pair_id,) if pair_id else (), is_centred=is_centred)

    def select_several(self, pair_ids: Sequence[str], *, is_centred: bool = False) -> None:
        """Select pairs, as a table can; the last one is the one that is shown and centred."""
        self._selection.choose(pair_ids)
        self._view.show_pairs(self._fit.rows, self._selection.current)
        row = self._row(self._selection.current)
        if is_centred and row is not None:
            self._view.centre_on(row)
        self.state_changed.emit()

    def step(self, offset: int, order: Sequence[str] = ()) -> None:
        """Select the next or previous pair in an order, by default that of their making, and centre it."""
        chosen = stepped(order or [row.id for row in self._fit.rows], self.selected, offset)
        if chosen:
            self.select(chosen, is_centred=True)

    def step_worst(self, offset: int = 1) -> None:
        """Select the pair with the next smaller residual, or larger; after the smallest comes the largest."""
        ranked = [row.id for row in worst_first(self._fit.rows)]
        # A walk goes on only from where it stands; otherwise it begins at the worst.
        is_walking = self._walked == self.selected and self._walked in ranked
        if ranked:
            self._walked = stepped(ranked, self._walked, offset) if is_walking else ranked[0]
            self.select(self._walked, is_centred=True)

    def select_nearest(self, side: Side, x: float, y: float) -> None:
        """Select the pair nearest to a place of one image."""
        chosen = nearest(self._fit.rows, side, (x, y))
        if chosen:
            self.select(chosen)

    def hover(self, side: Side, x: float, y: float, is_free: bool = False) -> None:
        """Remember which image the mouse is in, and show what a click there would be drawn to."""
        self.edits.side = side
        self.snapping.hover(side, (x, y), is_free=is_free or not self._is_adding)

    # -- edits ---------------------------------------------------------------------------------------

    def click(self, side: Side, x: float, y: float, is_free: bool = False) -> None:
        """Place a point: fixed first, then moving; see `PairEdits.click`."""
        if self._is_adding:
            self.edits.click(side, x, y, is_free=is_free)

    def move(self, pair_id: str, side: Side, x: float, y: float, is_free: bool = True) -> None:
        """Move a point."""
        self.edits.move(pair_id, side, x, y, is_free=is_free)

    def delete(self) -> None:
        """Delete what is chosen; where that is suggestions only, they are rejected and the next one comes."""
        if all(pair.state is PairState.PREDICTED for pair in self._selection.chosen):
            self.suggestions.reject()
        else:
            self.edits.delete()

    def set_used(self, pair_id: str, is_used: bool) -> None:
        """Let a pair count for the fit, or leave it out."""
        self._selection.choose((pair_id,))
        self.edits.set_used(pair_id, is_used)

    def drag(self, pair_id: str, side: Side, x: float, y: float, is_free: bool = True) -> None:
        """Show the residuals as they would be with a point elsewhere, without any edit."""
        self.snapping.hover(side, (x, y), is_free=is_free)
        pairs = self._selection.pairs
        shown = [moved(pair, side, (x, y)) if pair.id == pair_id else pair for pair in pairs]
        fit = fit_pairs(shown, self._model, has_left_out=len(shown) <= MAX_FITS_AT_ONCE)
        if not self.registration.is_linked:
            self._view.preview_link(fit.fixed_from_moving)
            self.overlay.preview(fit.fixed_from_moving)
        self._view.show_pairs(fit.rows, pair_id)
        self._view.show_fit(fit.summary)

    # -- link and registration -----------------------------------------------------------------------

    def register(self) -> None:
        """Start a run that registers the item."""
        self.registration.register()

    def close(self) -> None:
        """Let go of the window's signals, and stop speaking for runs; the screen goes."""
        self._bench.item_changed.disconnect(self.show_item)
        self._bench.data_changed.disconnect(self._on_data_changed)
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
        if self._read_pairs() != self._selection.pairs:
            self.refresh()

    def _on_left_out(self, fit: PairFit) -> None:
        self._fit = fit
        self._view.show_pairs(fit.rows, self._selection.current)
        self._view.show_fit(fit.summary)
        self.state_changed.emit()

    def _on_images(self, images: tuple[Any, Any]) -> None:
        self._images = images
        self._view.show_message(Message(""))
        self._view.show_images(*images)
        self.snapping.show_item(self._item, whole_images(images))
        sizes = self._sizes()
        self._comparison.update(self._selection.pairs, None if sizes is None else sizes[1])
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
        self._view.show_pairs(self._fit.rows, self._selection.current)
        self._view.show_fit(self._fit.summary)
        self.suggestions.show()
        self._show_hint()
        self._show_link()

    def _show_link(self) -> None:
        link, sizes = self.link, self._sizes()
        if sizes is not None:
            self._view.set_link(link, sizes)
        self._view.show_registration(self.registration.summary)
        self.overlay.update(whole_images(self._images), link)
        self.state_changed.emit()

    def _show_hint(self) -> None:
        half = self._selection.half
        hint = _ADDING if self._is_adding else _IDLE
        if self.edits.note.text:
            hint, self.edits.note = self.edits.note, Message("")
        elif half is not None:
            template = _HALVES["moving" if half.moving_xy is None else "fixed"]
            hint = Message(template.text, {"label": half.label})
        self._view.show_tool(is_adding=self._is_adding)
        self._view.show_hint(hint)

    def _sizes(self) -> tuple[Size, Size] | None:
        fixed, moving = self._images
        if fixed is None or moving is None:
            return None
        return (fixed.shape[1], fixed.shape[0]), (moving.shape[1], moving.shape[0])

    def _row(self, pair_id: str) -> PairRow | None:
        return next((row for row in self._fit.rows if row.id == pair_id), None)
