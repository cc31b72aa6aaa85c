"""What a person does to pairs, as stored commands. The rules of clicks and keys live here.

- A pair begins in fixed and ends in moving; a click into the wrong pane places nothing and says so.
- *Not visible* means, for a half pair, the side that is missing; for a complete one, the side that the
  mouse or an arrow key was in last. That side then has no point. Doing it again takes it back: the pair
  waits for its point.
- Only what is no suggestion can be excluded; deleting a suggestion rejects it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message
from workstation.controllers.pairs.pair_selection import PairSelection
from workstation.controllers.pairs.snapping import Snapping
from workstation.controllers.workbench import Workbench
from workstation.project.annotations import PairState, Side
from workstation.project.commands import (
    SNAPPED,
    AddPair,
    DeletePairs,
    MarkNotVisible,
    MovePoint,
    PlacePoint,
    SetPairState,
)
from workstation.project.history import Command
from workstation.project.items import Item
from workstation.project.suggestion_commands import RejectSuggestions
from workstation.views.protocols.cards import NOTHING, Card

_LOG = logging.getLogger(__name__)
_WRONG_PANE = Message("A pair begins in fixed: click there first, then the same place in moving.")


def execute(workbench: Workbench, command: Command) -> bool:
    """Do an edit; one that is refused gives a card."""
    if workbench.project is None:
        return False
    try:
        workbench.project.history.execute(command)
    except WorkstationError as error:
        _LOG.warning("%s", error)
        workbench.post(Card.of_error(error))
        return False
    return True


class PairEdits:
    """Edits of the current item.

    Parameters
    ----------
    workbench : Workbench
    selection : PairSelection
    snapping : Snapping
    on_edit : callable
        Reads and shows the pairs again.

    Attributes
    ----------
    item : Item or None
    side : Side
        Where the mouse or an arrow key was last.
    note : Message
        Why the last click did nothing; empty when it did what it should.
    """

    def __init__(
        self,
        workbench: Workbench,
        selection: PairSelection,
        snapping: Snapping,
        on_edit: Callable[[], None],
    ) -> None:
        self._bench = workbench
        self._selection = selection
        self._snapping = snapping
        self._on_edit = on_edit
        self.item: Item | None = None
        self.side: Side = "moving"
        self.note = NOTHING

    def click(self, side: Side, x: float, y: float, *, is_free: bool = False) -> None:
        """Place a point: fixed first, then moving."""
        if self.item is None:
            return
        self.side, self.note = side, NOTHING
        half = self._selection.half
        if half is None and side == "moving":
            self.note = _WRONG_PANE
            self._on_edit()
            return
        xy, is_snapped = self._snapping.snapped(side, (x, y), is_free=is_free)
        note = SNAPPED if is_snapped else ""
        if half is None:
            command: Command = AddPair(self.item.id, xy, note=note)
            pair_id = command.pair_id  # type: ignore[attr-defined]
        else:
            pair_id = half.id
            # A second click into the same image corrects the first.
            kind = PlacePoint if half.point(side) is None else MovePoint
            command = kind(half.id, side, xy, note)
        if self._execute(command):
            self._selection.choose((pair_id,))
            self._on_edit()

    def move(self, pair_id: str, side: Side, x: float, y: float, *, is_free: bool = True) -> None:
        """Move a point."""
        if self._selection.get(pair_id) is None:
            return
        self.side, self.note = side, NOTHING
        xy, is_snapped = self._snapping.snapped(side, (x, y), is_free=is_free)
        self._selection.choose((pair_id,))
        self._execute(MovePoint(pair_id, side, xy, SNAPPED if is_snapped else ""))
        self._on_edit()

    def nudge(self, side: Side, dx: float, dy: float) -> None:
        """Move the current point of a side by pixels, never to a fork."""
        pair = self._selection.pair
        xy = None if pair is None else pair.point(side)
        if pair is not None and xy is not None:
            self.move(pair.id, side, xy[0] + dx, xy[1] + dy)

    def delete(self) -> None:
        """Delete the chosen pairs; suggestions among them are rejected."""
        chosen = self._selection.chosen
        suggested = tuple(pair.id for pair in chosen if pair.state is PairState.PREDICTED)
        others = tuple(pair.id for pair in chosen if pair.state is not PairState.PREDICTED)
        if others:
            self._execute(DeletePairs(others))
        if suggested:
            self._execute(RejectSuggestions(suggested))
        if chosen:
            self._on_edit()

    def toggle_excluded(self) -> None:
        """Leave the chosen pairs out of the fit; or, when none of them is in it, take them back."""
        pairs = [
            pair for pair in self._selection.chosen if pair.state in (PairState.PLACED, PairState.EXCLUDED)
        ]
        if pairs:
            is_any_used = any(pair.state is PairState.PLACED for pair in pairs)
            state = PairState.EXCLUDED if is_any_used else PairState.PLACED
            self._execute(SetPairState(tuple(pair.id for pair in pairs if pair.state is not state), state))
            self._on_edit()

    def set_used(self, pair_id: str, is_used: bool) -> None:
        """Take one pair into the fit, or leave it out."""
        pair = self._selection.get(pair_id)
        state = PairState.PLACED if is_used else PairState.EXCLUDED
        if pair is not None and pair.state in (PairState.PLACED, PairState.EXCLUDED) and pair.state != state:
            self._execute(SetPairState((pair_id,), state))
            self._on_edit()

    def toggle_not_visible(self) -> None:
        """Say that the place cannot be seen on one side, or take that back."""
        pair = self._selection.pair or self._selection.half
        if pair is None:
            return
        if pair.state is PairState.NOT_VISIBLE:
            self._execute(SetPairState((pair.id,), PairState.PLACED))
        elif pair.is_complete:
            self._execute(MarkNotVisible(pair.id, self.side))
        else:
            self._execute(MarkNotVisible(pair.id, "moving" if pair.moving_xy is None else "fixed"))
        self._on_edit()

    def drop_half(self) -> None:
        """Forget the first point of an unfinished pair."""
        half = self._selection.half
        if half is not None:
            self._execute(DeletePairs((half.id,)))
            self._on_edit()

    def _execute(self, command: Command) -> bool:
        return execute(self._bench, command)
