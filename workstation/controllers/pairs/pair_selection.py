"""The pairs of the current item, and which of them edits mean; plain data."""

from __future__ import annotations

from collections.abc import Sequence

from workstation.project.annotations import KeypointPair, PairState


class PairSelection:
    """The pairs of an item, with those that edits mean.

    Attributes
    ----------
    pairs : list of KeypointPair
        In the order in which they are shown.
    current : str
        Id of the pair that is shown as selected; empty when there is none.
    """

    def __init__(self) -> None:
        self.pairs: list[KeypointPair] = []
        self.current = ""
        self._chosen: tuple[str, ...] = ()

    @property
    def chosen(self) -> list[KeypointPair]:
        """The pairs that an edit means: several of the table, or the current one."""
        ids = set(self._chosen) | {self.current}
        return [pair for pair in self.pairs if pair.id in ids]

    @property
    def pair(self) -> KeypointPair | None:
        """The current pair."""
        return self.get(self.current)

    @property
    def half(self) -> KeypointPair | None:
        """The newest pair that waits for its second point."""
        halves = [pair for pair in self.pairs if pair.state is PairState.PLACED and not pair.is_complete]
        return halves[-1] if halves else None

    @property
    def suggestions(self) -> list[KeypointPair]:
        """The pairs that a person has neither accepted nor rejected, in order."""
        return [pair for pair in self.pairs if pair.state is PairState.PREDICTED]

    def get(self, pair_id: str) -> KeypointPair | None:
        """Return a pair, or None."""
        return next((pair for pair in self.pairs if pair.id == pair_id), None)

    def clear(self) -> None:
        """Forget the pairs: another item comes."""
        self.pairs, self.current, self._chosen = [], "", ()

    def take(self, pairs: Sequence[KeypointPair]) -> None:
        """Take the pairs as they are now; what is gone is no longer selected."""
        self.pairs = list(pairs)
        ids = {pair.id for pair in self.pairs}
        self._chosen = tuple(pair_id for pair_id in self._chosen if pair_id in ids)
        if self.current not in ids:
            self.current = ""

    def choose(self, pair_ids: Sequence[str]) -> None:
        """Select pairs; the last one is the current one."""
        self._chosen = tuple(pair_ids)
        self.current = pair_ids[-1] if pair_ids else ""

    def suggestion_after(self, pair_id: str) -> str:
        """Return the suggestion that follows a pair in the list; after the last comes the first."""
        ids = [pair.id for pair in self.pairs]
        start = ids.index(pair_id) + 1 if pair_id in ids else 0
        open_ids = {pair.id for pair in self.suggestions}
        return next((other for other in ids[start:] + ids[:start] if other in open_ids), "")
