"""Suggestions through every edit: what they count for, and where they came from."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engines.contract.errors import InputError
from engines.contract.kinds import Action
from engines.contract.manifest import read_keypoint_pairs
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder
from workstation.project.annotations import KeypointPair, PairState
from workstation.project.commands import (
    SNAPPED,
    AddPair,
    ImportedPair,
    MarkNotVisible,
    MovePoint,
    PlacePoint,
    SetPairState,
)
from workstation.project.project import Project
from workstation.project.suggestion_commands import AcceptSuggestions, RejectSuggestions, SuggestPairs

RUN = "run-7"


def suggestion(x: float, score: float = 0.9) -> ImportedPair:
    return ImportedPair("", (x, 10.0), (x + 1, 11.0), PairState.PREDICTED, RUN, score)


def suggest(project: Project, *scores: float) -> list[str]:
    pairs = tuple(suggestion(5.0 + 9 * number, score) for number, score in enumerate(scores))
    project.history.execute(SuggestPairs("a", pairs))
    return [pair.pair_id for pair in pairs]


def by_id(project: Project) -> dict[str, KeypointPair]:
    return {pair.id: pair for pair in project.keypoints.pairs("a")}


def test_suggestions_count_for_nothing_until_they_are_accepted(project: Project, tmp_path: Path) -> None:
    project.history.execute(AddPair("a", (1.0, 2.0), (2.0, 3.0)))
    first, second = suggest(project, 0.9, 0.8)
    assert project.keypoints.counts() == {"a": 1}
    assert read_keypoint_pairs(project.keypoints.mirror_path("a"))[0] == ["1"]
    spec = next(spec for spec in all_specs() if spec.annotation_kinds and spec.can_predict_untrained)

    def frozen(name: str) -> list[str]:
        folder = RunFolder(tmp_path / name)
        manifest = project.manifest_for(spec, action=Action.PREDICT, run_folder=folder, items=["a"])
        (record,) = manifest.items[0].annotations.values()
        return read_keypoint_pairs(folder.path / record.path)[0]

    assert frozen("before") == ["1"]
    project.history.execute(AcceptSuggestions((first,)))
    assert frozen("after") == ["1", "2"]
    project.history.execute(RejectSuggestions((second,)))
    assert frozen("rejected") == ["1", "2"]
    assert project.keypoints.counts() == {"a": 2}


def test_accepting_keeps_run_and_score_and_names_the_person(project: Project) -> None:
    project.annotator = "engine starter"
    (pair_id,) = suggest(project, 0.91)
    project.annotator = "wang"
    stored = project.history.execute(AcceptSuggestions((pair_id,)))
    pair = by_id(project)[pair_id]
    assert (pair.state, pair.source, pair.score, pair.annotator) == (PairState.PLACED, RUN, 0.91, "wang")
    assert str(stored.title) == "accept suggestion 1"
    project.history.undo("a")
    pair = by_id(project)[pair_id]
    assert (pair.state, pair.annotator) == (PairState.PREDICTED, "engine starter")


def test_a_moved_suggestion_is_accepted_and_the_journal_says_that_it_was_edited(project: Project) -> None:
    (pair_id,) = suggest(project, 0.6)
    stored = project.history.execute(MovePoint(pair_id, "moving", (20.0, 21.0)))
    pair = by_id(project)[pair_id]
    assert (pair.state, pair.source, pair.score) == (PairState.PLACED, RUN, 0.6)
    assert str(stored.title) == "accept point 1, edited in moving"


def test_asking_again_replaces_the_untouched_ones_in_one_step(project: Project) -> None:
    kept, replaced = suggest(project, 0.9, 0.5)
    project.history.execute(AcceptSuggestions((kept,)))
    new = suggestion(50.0)
    stored = project.history.execute(SuggestPairs("a", (new,), (replaced,)))
    assert set(by_id(project)) == {kept, new.pair_id}
    assert str(stored.title) == "suggest point 2"
    project.history.undo("a")
    assert set(by_id(project)) == {kept, replaced}
    with pytest.raises(InputError, match="no suggestion any more"):
        project.history.execute(SuggestPairs("a", (), (kept,)))


def test_what_was_rejected_is_known_until_it_is_undone(project: Project) -> None:
    first, second = suggest(project, 0.9, 0.8)
    project.history.execute(RejectSuggestions((first, second)))
    assert {pair.id for pair in project.keypoints.rejected("a")} == {first, second}
    assert project.keypoints.rejected("b") == []
    project.history.undo("a")
    assert project.keypoints.rejected("a") == []
    project.history.redo("a")
    assert len(project.keypoints.rejected("a")) == 2


def test_propagated_points_say_where_they_came_from(project: Project) -> None:
    pair = ImportedPair("", (5.0, 6.0), (7.0, 8.0), PairState.PREDICTED, "propagated:b")
    stored = project.history.execute(SuggestPairs("a", (pair,), origin="b"))
    assert str(stored.title) == "propagate 1 points of b"
    (found,) = by_id(project).values()
    assert (found.source, found.score) == ("propagated:b", None)


def test_not_visible_takes_the_point_away_and_undo_brings_it_back(project: Project) -> None:
    command = AddPair("a", (5.0, 6.0), (7.0, 8.0))
    project.history.execute(command)
    stored = project.history.execute(MarkNotVisible(command.pair_id, "moving"))
    (pair,) = by_id(project).values()
    assert (pair.state, pair.fixed_xy, pair.moving_xy) == (PairState.NOT_VISIBLE, (5.0, 6.0), None)
    assert str(stored.title) == "mark point 1 as not visible in moving"
    with pytest.raises(InputError, match="no other point"):
        project.history.execute(MarkNotVisible(command.pair_id, "fixed"))
    project.history.undo("a")
    assert by_id(project)[command.pair_id].moving_xy == (7.0, 8.0)


def test_a_snapped_point_says_so_in_the_journal(project: Project) -> None:
    command = AddPair("a", (5.0, 6.0), note=SNAPPED)
    titles = [
        str(project.history.execute(command).title),
        str(project.history.execute(PlacePoint(command.pair_id, "moving", (7.0, 8.0), SNAPPED)).title),
        str(project.history.execute(MovePoint(command.pair_id, "fixed", (5.5, 6.0), SNAPPED)).title),
    ]
    assert titles == [
        "add point 1, snapped",
        "place point 1 in moving, snapped",
        "move point 1 in fixed, snapped",
    ]


@pytest.mark.parametrize("seed", range(4))
def test_no_walk_of_edits_loses_a_provenance(project: Project, seed: int) -> None:
    rng = random.Random(seed)
    scores = dict(zip(suggest(project, 0.95, 0.9, 0.7, 0.4), (0.95, 0.9, 0.7, 0.4), strict=True))
    for _ in range(40):
        pairs = by_id(project)
        open_ids = [pair.id for pair in pairs.values() if pair.state is PairState.PREDICTED]
        verb = rng.choice(("accept", "reject", "move", "exclude", "ask", "undo", "undo", "redo"))
        if verb == "undo":
            project.history.undo("a")
        elif verb == "redo":
            project.history.redo("a")
        elif verb == "ask":
            new = suggestion(rng.uniform(0, 90), 0.5)
            scores[new.pair_id] = 0.5
            project.history.execute(SuggestPairs("a", (new,), tuple(open_ids)))
        elif verb == "accept" and open_ids:
            project.history.execute(AcceptSuggestions(tuple(rng.sample(open_ids, 1))))
        elif verb == "reject" and open_ids:
            project.history.execute(RejectSuggestions(tuple(rng.sample(open_ids, 1))))
        elif verb in ("move", "exclude") and pairs:
            pair_id = rng.choice(list(pairs))
            if verb == "move":
                project.history.execute(MovePoint(pair_id, "fixed", (rng.uniform(0, 90), 20.0)))
            elif pairs[pair_id].state is not PairState.PREDICTED:
                project.history.execute(SetPairState((pair_id,), PairState.EXCLUDED))
        for pair in by_id(project).values():
            assert (pair.source, pair.score) == (RUN, scores[pair.id])
        used = [pair for pair in by_id(project).values() if pair.is_used]
        assert project.keypoints.counts().get("a", 0) == len(used)
