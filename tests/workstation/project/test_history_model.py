"""Random edits, undos, redos and re-openings against a plain model in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from engines.contract.kinds import FileKind
from workstation.project.annotations import SIDES, PairState
from workstation.project.commands import (
    AddPair,
    DeletePairs,
    ImportedPair,
    ImportPairs,
    MovePoint,
    PlacePoint,
    SetPairState,
)
from workstation.project.items import NewFile, insert_file
from workstation.project.project import Project

POINTS = st.tuples(st.integers(0, 99), st.integers(0, 79)).map(lambda xy: (float(xy[0]), float(xy[1])))
ITEMS = st.sampled_from(["a", "b"])
SCOPES = st.sampled_from(["a", "b", None])
Pairs = dict[str, list[Any]]
"""Pair id to [fixed_xy, moving_xy, state]."""


@dataclass
class Stack:
    """One item: its pairs now, and the states before and after every edit."""

    pairs: Pairs = field(default_factory=dict)
    done: list[tuple[int, Pairs, Pairs]] = field(default_factory=list)
    undone: list[tuple[int, int, Pairs, Pairs]] = field(default_factory=list)


class HistoryMachine(RuleBasedStateMachine):
    pairs = Bundle("pairs")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.project = Project.create(Path(self.folder.name) / "项目", "model")
        with self.project.store.write() as session:
            for item in ("a", "b"):
                new = NewFile(item, item, "fixed", FileKind.IMAGE, Path("x"), item, 0, None, 100, 80)
                insert_file(session, new, self.project.folder)
        self.stacks = {"a": Stack(), "b": Stack()}
        self.clock = 0
        self.newest_edit = 0

    def teardown(self) -> None:
        self.project.close()
        self.folder.cleanup()

    def edited(self, item: str, change: Callable[[Pairs], None]) -> None:
        stack = self.stacks[item]
        before = deepcopy(stack.pairs)
        change(stack.pairs)
        self.clock += 1
        self.newest_edit = self.clock
        stack.done.append((self.clock, before, deepcopy(stack.pairs)))
        stack.undone.clear()

    def item_of(self, pair: str) -> str | None:
        return next((item for item, stack in self.stacks.items() if pair in stack.pairs), None)

    @rule(target=pairs, item=ITEMS, fixed=POINTS, moving=st.none() | POINTS)
    def add(self, item: str, fixed: tuple[float, float], moving: tuple[float, float] | None) -> str:
        command = AddPair(item, fixed, moving)
        self.project.history.execute(command)
        self.edited(item, lambda pairs: pairs.update({command.pair_id: [fixed, moving, PairState.PLACED]}))
        return command.pair_id

    @rule(target=pairs, item=ITEMS, points=st.lists(POINTS, min_size=1, max_size=4))
    def load(self, item: str, points: list[tuple[float, float]]) -> Any:
        rows = tuple(ImportedPair(f"{self.clock}.{n}", xy, xy) for n, xy in enumerate(points))
        self.project.history.execute(ImportPairs(item, rows))
        added = {row.pair_id: [row.fixed_xy, row.moving_xy, row.state] for row in rows}
        self.edited(item, lambda pairs: pairs.update(added))
        return multiple(*added)

    @rule(pair=pairs, side=st.sampled_from(SIDES), xy=POINTS)
    def move(self, pair: str, side: str, xy: tuple[float, float]) -> None:
        item = self.item_of(pair)
        if item is None:
            return
        index = SIDES.index(side)  # type: ignore[arg-type]
        was, state = self.stacks[item].pairs[pair][index], self.stacks[item].pairs[pair][2]
        kind = PlacePoint if was is None else MovePoint
        self.project.history.execute(kind(pair, side, xy))  # type: ignore[arg-type]

        def change(pairs: Pairs) -> None:
            pairs[pair][index] = xy
            # Whoever moves a suggestion accepts it.
            if kind is MovePoint and state is PairState.PREDICTED:
                pairs[pair][2] = PairState.PLACED

        self.edited(item, change)

    @rule(pair=pairs, state=st.sampled_from(PairState))
    def set_state(self, pair: str, state: PairState) -> None:
        item = self.item_of(pair)
        if item is not None:
            self.project.history.execute(SetPairState((pair,), state))
            self.edited(item, lambda pairs: pairs[pair].__setitem__(2, state))

    @rule(chosen=st.lists(pairs, min_size=1, max_size=3))
    def delete(self, chosen: list[str]) -> None:
        item = self.item_of(chosen[0])
        together = tuple(pair for pair in chosen if item is not None and self.item_of(pair) == item)
        if item is not None:
            self.project.history.execute(DeletePairs(together))
            self.edited(item, lambda pairs: [pairs.pop(pair, None) for pair in together] and None)

    @rule(scope=SCOPES)
    def undo(self, scope: str | None) -> None:
        stored = self.project.history.undo(scope)
        open_stacks = [
            (stack.done[-1][0], item)
            for item, stack in self.stacks.items()
            if stack.done and scope in (item, None)
        ]
        if not open_stacks:
            assert stored is None
            return
        item = max(open_stacks)[1]
        assert stored is not None
        assert stored.item_id == item
        stack = self.stacks[item]
        number, before, after = stack.done.pop()
        self.clock += 1
        stack.undone.append((self.clock, number, before, after))
        stack.pairs = deepcopy(before)

    @rule(scope=SCOPES)
    def redo(self, scope: str | None) -> None:
        stored = self.project.history.redo(scope)
        open_stacks = [
            (stack.undone[-1][0], item)
            for item, stack in self.stacks.items()
            if stack.undone and (scope == item or (scope is None and stack.undone[-1][0] > self.newest_edit))
        ]
        if not open_stacks:
            assert stored is None
            return
        item = max(open_stacks)[1]
        assert stored is not None
        assert stored.item_id == item
        stack = self.stacks[item]
        _, number, before, after = stack.undone.pop()
        self.clock += 1
        stack.done.append((number, before, after))
        stack.pairs = deepcopy(after)

    @rule()
    def reopen(self) -> None:
        self.project.close()
        self.project = Project.open(self.project.folder)

    @invariant()
    def agrees_with_the_model(self) -> None:
        if not hasattr(self, "stacks"):
            return
        for item, stack in self.stacks.items():
            stored = self.project.keypoints.pairs(item)
            assert {p.id: [p.fixed_xy, p.moving_xy, p.state] for p in stored} == stack.pairs
            assert len({pair.label for pair in stored}) == len(stored)


TestHistory = HistoryMachine.TestCase
TestHistory.settings = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
