"""Suggested pairs: asking a registration run for them, carrying points over, accepting and rejecting."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message
from engines.contract.suggestions_file import SuggestionsFile
from engines.imaging.transforms.point_transform import PointTransform
from workstation.controllers.pairs.pair_edits import execute
from workstation.controllers.pairs.pair_selection import PairSelection
from workstation.controllers.pairs.propagation import PREFIX, PropagationSource, propagation_sources
from workstation.controllers.pairs.registration_controller import RegistrationController
from workstation.controllers.pairs.registrations import read_suggestions
from workstation.controllers.workbench import Workbench
from workstation.project.annotations import SIDES, KeypointPair, PairState
from workstation.project.commands import ImportedPair
from workstation.project.items import Item
from workstation.project.project import Project
from workstation.project.suggestion_commands import AcceptSuggestions, RejectSuggestions, SuggestPairs
from workstation.views.protocols.cards import NOTHING, Card
from workstation.views.protocols.edits import PairEditView, SourceRow, SuggestionSummary

_LOG = logging.getLogger(__name__)
DEFAULT_THRESHOLD = 0.9
_LEAST_GAP_PX = 6.0
_GAP_SHARE = 0.01
_ALL_TAKEN = Message("Every place that was suggested has a pair, or was rejected before.")
_NO_SOURCE = Message("No other pair of this eye shares an image with this one, or reaches it by transforms.")


class SuggestionsController(QObject):
    """Behind the suggestions of the Pairs screen.

    Parameters
    ----------
    workbench : Workbench
    view : PairEditView
    selection : PairSelection
    registration : RegistrationController
        Runs the engine that suggests.
    on_edit : callable
        Reads and shows the pairs again.
    on_choice : callable
        Selects a pair by id and centres it.

    Signals
    -------
    changed
        What may be done now changed.
    """

    changed = Signal()

    def __init__(
        self,
        workbench: Workbench,
        view: PairEditView,
        selection: PairSelection,
        registration: RegistrationController,
        on_edit: Callable[[], None],
        on_choice: Callable[[str], None],
    ) -> None:
        super().__init__(registration)
        self._bench = workbench
        self._view = view
        self._selection = selection
        self._registration = registration
        self._on_edit = on_edit
        self._on_choice = on_choice
        self._item: Item | None = None
        self._asked: set[str] = set()
        self._sources: dict[str, PropagationSource] = {}
        self._note = NOTHING
        self._shown: SuggestionSummary | None = None
        self.threshold = DEFAULT_THRESHOLD
        registration.ended.connect(self._on_run_ended)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def num_left(self) -> int:
        """How many suggestions are neither accepted nor rejected."""
        return len(self._selection.suggestions)

    @property
    def is_on_suggestion(self) -> bool:
        """Whether a suggestion is selected."""
        return any(pair.state is PairState.PREDICTED for pair in self._selection.chosen)

    @property
    def num_sure(self) -> int:
        """How many suggestions reach the threshold."""
        return len(self._sure())

    def show_item(self, item: Item | None) -> None:
        """Take another item."""
        self._item, self._note, self._sources = item, NOTHING, {}
        self._bench.background.drop("pairs.sources")

    def show(self) -> None:
        """Show how the suggestions stand."""
        is_asking = self._item is not None and self._item.id in self._asked
        summary = SuggestionSummary(self.num_left, self.num_sure, self.threshold, is_asking, self._note)
        if summary != self._shown:
            self._shown = summary
            self._view.show_suggestions(summary)

    def set_threshold(self, threshold: float) -> None:
        """Accept from another score on when all are accepted."""
        self.threshold = threshold
        self.show()
        self.changed.emit()

    # -- asking --------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Start a registration by the chosen method; what it suggests is taken in when it ends."""
        if self._item is not None:
            self._asked.add(self._item.id)
            self._note = NOTHING
            self._registration.register()
            self.show()

    def take(self, item_id: str, run_id: str, found: SuggestionsFile) -> None:
        """Take in what a run suggests, in one step; its untouched forerunners go."""
        project = self._bench.project
        if project is None:
            return
        item = project.items.get(item_id)
        hashes = tuple(item.files[side].sha256 for side in SIDES)
        if found.pairs and (found.fixed_sha256, found.moving_sha256) != hashes:
            self._say(item_id, Message("The suggestions belong to other images."))
            return
        pairs = [
            ImportedPair("", pair.fixed_xy, pair.moving_xy, PairState.PREDICTED, run_id, pair.score)
            for pair in found.pairs
        ]
        self._take_in(project, item, pairs, is_replaced=lambda source: not source.startswith(PREFIX))
        if not found.pairs:
            self._say(item_id, Message(found.reason))

    def _on_run_ended(self, run_id: str, item_id: str) -> None:
        """Read what a run that was asked suggests; a run that failed speaks for itself."""
        if item_id not in self._asked:
            return
        self._asked.discard(item_id)
        project = self._bench.project
        if project is not None and run_id:
            try:
                self.take(item_id, run_id, read_suggestions(project, run_id, item_id))
            except WorkstationError as error:
                self._on_failed(error)
        self.show()
        self.changed.emit()

    # -- carrying over -------------------------------------------------------------------------------

    def look_for_sources(self, fixed_from_moving: PointTransform | None) -> None:
        """Find whose points can be carried over, and let the person choose."""
        project, item = self._bench.project, self._item
        if project is None or item is None:
            return
        self._bench.background.submit(
            "pairs.sources",
            lambda: propagation_sources(project, item, fixed_from_moving),
            self._on_sources,
            self._on_failed,
        )

    def propagate(self, source_id: str) -> None:
        """Take in the points of another item."""
        project, item, source = self._bench.project, self._item, self._sources.get(source_id)
        if project is not None and item is not None and source is not None:
            own = f"{PREFIX}{source_id}"
            self._take_in(project, item, source.pairs, is_replaced=own.__eq__, origin=source_id)

    def _on_sources(self, sources: Sequence[PropagationSource]) -> None:
        self._sources = {source.item_id: source for source in sources}
        if sources:
            self._view.ask_source([SourceRow(source.item_id, source.title) for source in sources])
        elif self._item is not None:
            self._say(self._item.id, _NO_SOURCE)

    # -- answers of the person -----------------------------------------------------------------------

    def accept(self) -> None:
        """Accept the chosen suggestions, and go to the next."""
        self._answer([pair.id for pair in self._selection.chosen], AcceptSuggestions)

    def reject(self) -> None:
        """Reject the chosen suggestions, and go to the next."""
        self._answer([pair.id for pair in self._selection.chosen], RejectSuggestions)

    def accept_sure(self) -> None:
        """Accept every suggestion whose score reaches the threshold."""
        self._answer([pair.id for pair in self._sure()], AcceptSuggestions)

    def reject_all(self) -> None:
        """Reject every suggestion that is left."""
        self._answer([pair.id for pair in self._selection.suggestions], RejectSuggestions)

    def _answer(
        self, pair_ids: Iterable[str], command: type[AcceptSuggestions] | type[RejectSuggestions]
    ) -> None:
        open_ids = {pair.id for pair in self._selection.suggestions}
        meant = tuple(pair_id for pair_id in pair_ids if pair_id in open_ids)
        if not meant:
            return
        following = self._selection.suggestion_after(meant[-1])
        self._note = NOTHING
        if execute(self._bench, command(meant)):
            self._on_edit()
            if following in {pair.id for pair in self._selection.suggestions}:
                self._on_choice(following)

    # -- parts ---------------------------------------------------------------------------------------

    def _sure(self) -> list[KeypointPair]:
        return [pair for pair in self._selection.suggestions if (pair.score or 0.0) >= self.threshold]

    def _take_in(
        self,
        project: Project,
        item: Item,
        pairs: Sequence[ImportedPair],
        *,
        is_replaced: Callable[[str], bool],
        origin: str = "",
    ) -> None:
        present = project.keypoints.pairs(item.id)
        untouched = [pair for pair in present if pair.state is PairState.PREDICTED]
        replaced = [pair for pair in untouched if is_replaced(pair.source)]
        kept = [pair for pair in present if pair not in replaced]
        new = beside_nothing(pairs, [*kept, *project.keypoints.rejected(item.id)], gaps_of(item))
        if not new and pairs:
            self._say(item.id, _ALL_TAKEN)
        if not new and not replaced:
            return
        command = SuggestPairs(item.id, tuple(new), tuple(pair.id for pair in replaced), origin)
        if execute(self._bench, command) and self._item is not None and self._item.id == item.id:
            self._on_edit()
            if new:
                self._note = NOTHING
                self._on_choice(new[0].pair_id)
            self.show()

    def _say(self, item_id: str, note: Message) -> None:
        if self._item is not None and self._item.id == item_id:
            self._note = note
            self.show()

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))


def beside_nothing(
    pairs: Sequence[ImportedPair], taken: Sequence[KeypointPair], gaps_px: tuple[float, float]
) -> list[ImportedPair]:
    """Return the pairs that lie near no other, in fixed and in moving.

    Parameters
    ----------
    gaps_px : (fixed, moving)
        Least distances.
    """
    places = [(pair.fixed_xy, pair.moving_xy) for pair in taken]

    def is_free(pair: ImportedPair) -> bool:
        own = (pair.fixed_xy, pair.moving_xy)
        return not any(
            there is not None and here is not None and math.dist(here, there) < gap
            for place in places
            for here, there, gap in zip(own, place, gaps_px, strict=True)
        )

    return [pair for pair in pairs if is_free(pair)]


def gaps_of(item: Item) -> tuple[float, float]:
    """Return how far suggestions keep from pairs: 1 % of the long side of either image, 6 px at least."""
    sides = [max(item.files[side].width or 0, item.files[side].height or 0) for side in SIDES]
    return max(_LEAST_GAP_PX, _GAP_SHARE * sides[0]), max(_LEAST_GAP_PX, _GAP_SHARE * sides[1])
