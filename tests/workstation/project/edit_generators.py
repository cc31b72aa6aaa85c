"""A random edit of every kind, for the tests of the history: a new kind of `Command` gets a row here.

A generator takes the open project and a random number generator; it returns a command that the project
accepts now, or None when there is nothing that such an edit could change.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.mask_editing import Paint, stroke
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.project.annotations import KeypointPair, PairState
from workstation.project.commands import (
    AddPair,
    DeletePairs,
    ImportedPair,
    ImportPairs,
    MarkNotVisible,
    MovePoint,
    PlacePoint,
    SetPairState,
)
from workstation.project.component_commands import JudgeComponents
from workstation.project.component_review import accepted_voxels
from workstation.project.grade_commands import SetGrades
from workstation.project.grades import grades
from workstation.project.history import Command
from workstation.project.item_commands import EditItem, MergeSubjects, SwapRoles
from workstation.project.label_map_commands import (
    AddLabelMap,
    DeleteLabelMap,
    PaintVoxels,
    SetLabelMapFacts,
    SetLabelMapState,
)
from workstation.project.label_maps import LabelMap, LabelMapState
from workstation.project.project import Project
from workstation.project.result_commands import JudgeResult, Verdict
from workstation.project.result_review import verdicts
from workstation.project.suggestion_commands import AcceptSuggestions, RejectSuggestions, SuggestPairs

ITEMS = ("a", "b")
Generator = Callable[[Project, Random], Command | None]


def point(rng: Random) -> tuple[float, float]:
    return float(rng.randrange(100)), float(rng.randrange(80))


def pairs(project: Project, rng: Random, *states: PairState) -> list[KeypointPair]:
    """Return the pairs of a random item, in these states; None: in any."""
    found = project.keypoints.pairs(rng.choice(ITEMS))
    return [pair for pair in found if not states or pair.state in states]


def some_ids(found: list[KeypointPair], rng: Random) -> tuple[str, ...]:
    return tuple(pair.id for pair in rng.sample(found, rng.randint(1, min(3, len(found)))))


def add_pair(_project: Project, rng: Random) -> Command:
    return AddPair(rng.choice(ITEMS), point(rng), point(rng) if rng.random() < 0.7 else None)


def place_point(project: Project, rng: Random) -> Command | None:
    halves = [pair for pair in pairs(project, rng) if not pair.is_complete]
    if not halves:
        return None
    pair = rng.choice(halves)
    return PlacePoint(pair.id, "moving" if pair.moving_xy is None else "fixed", point(rng))


def move_point(project: Project, rng: Random) -> Command | None:
    whole = [pair for pair in pairs(project, rng) if pair.is_complete]
    return MovePoint(rng.choice(whole).id, rng.choice(["fixed", "moving"]), point(rng)) if whole else None


def delete_pairs(project: Project, rng: Random) -> Command | None:
    found = pairs(project, rng)
    return DeletePairs(some_ids(found, rng)) if found else None


def set_pair_state(project: Project, rng: Random) -> Command | None:
    found = pairs(project, rng)
    return SetPairState(some_ids(found, rng), rng.choice(list(PairState))) if found else None


def mark_not_visible(project: Project, rng: Random) -> Command | None:
    whole = [pair for pair in pairs(project, rng) if pair.is_complete]
    return MarkNotVisible(rng.choice(whole).id, rng.choice(["fixed", "moving"])) if whole else None


def import_pairs(project: Project, rng: Random) -> Command:
    item = rng.choice(ITEMS)
    labels = {pair.label for pair in project.keypoints.pairs(item)}
    names = [f"import {rng.randrange(10**6)}" for _ in range(rng.randint(1, 4))]
    rows = [ImportedPair(name, point(rng), point(rng)) for name in dict.fromkeys(names) if name not in labels]
    return ImportPairs(item, tuple(rows))


def suggest_pairs(project: Project, rng: Random) -> Command:
    item = rng.choice(ITEMS)
    old = [pair.id for pair in project.keypoints.pairs(item) if pair.state is PairState.PREDICTED]
    rows = [
        ImportedPair("", point(rng), point(rng), PairState.PREDICTED, "run", rng.random())
        for _ in range(rng.randint(1, 3))
    ]
    return SuggestPairs(item, tuple(rows), tuple(old[: rng.randint(0, 2)]))


def accept_suggestions(project: Project, rng: Random) -> Command | None:
    found = pairs(project, rng, PairState.PREDICTED)
    return AcceptSuggestions(some_ids(found, rng)) if found else None


def reject_suggestions(project: Project, rng: Random) -> Command | None:
    found = pairs(project, rng, PairState.PREDICTED)
    return RejectSuggestions(some_ids(found, rng)) if found else None


def edit_item(project: Project, rng: Random) -> Command:
    item = rng.choice(ITEMS)
    role = rng.choice(sorted(project.items.get(item).files))
    return EditItem(
        item,
        f"subject {rng.randint(1, 4)}",
        rng.choice([None, "2020", "2021"]),
        rng.choice([None, "OD", "OS"]),
        {role: rng.choice([None, "CF", "FA"])},
    )


def merge_subjects(project: Project, rng: Random) -> Command | None:
    names = sorted({item.subject for item in project.items.all()})
    if len(names) < 2:
        return None
    rng.shuffle(names)
    return MergeSubjects(tuple(names), names[0])


def swap_roles(_project: Project, rng: Random) -> Command:
    return SwapRoles(rng.choice(ITEMS))


def add_label_map(_project: Project, rng: Random) -> Command:
    grid = VolumeGeometry((5, 4, 3), np.diag([0.7, 0.7, 2.5, 1.0]))
    volume = Volume(np.zeros(grid.shape, np.uint8), grid)
    return AddLabelMap.on_grid_of(volume, rng.choice(ITEMS), f"label map {rng.randrange(10**6)}")


def label_map(project: Project, rng: Random) -> LabelMap | None:
    found = project.label_maps.of_item(rng.choice(ITEMS))
    return rng.choice(found) if found else None


def set_label_map_facts(project: Project, rng: Random) -> Command | None:
    chosen = label_map(project, rng)
    if chosen is None:
        return None
    if rng.random() < 0.5:
        return SetLabelMapFacts(chosen.id, name=f"renamed {rng.randrange(10**6)}")
    return SetLabelMapFacts(chosen.id, classes=(LabelClass(rng.randrange(1, 9), "血管", "#123456"),))


def paint_voxels(project: Project, rng: Random) -> Command | None:
    chosen = label_map(project, rng)
    if chosen is None:
        return None
    voxels = project.label_maps.read(chosen.id)[0].voxels
    path = [(rng.randrange(5), rng.randrange(4), rng.randrange(3)) for _ in range(2)]
    change = stroke(voxels, path, np.ones((1, 1, 1), bool), Paint(rng.randrange(400)))
    return PaintVoxels(chosen.id, change.to_text(), dropped=rng.choice((None, None, 1)))


def judge_components(project: Project, rng: Random) -> Command | None:
    chosen = label_map(project, rng)
    if chosen is None:
        return None
    voxels = tuple((rng.randrange(5), rng.randrange(4), rng.randrange(3)) for _ in range(rng.randint(1, 3)))
    return JudgeComponents(chosen.id, 1, voxels, is_accepted=rng.random() < 0.7)


def judge_result(project: Project, rng: Random) -> Command | None:
    chosen = label_map(project, rng)
    verdict = rng.choice(list(Verdict))
    if verdict is Verdict.REJECTED and chosen is not None:
        return JudgeResult(chosen.item_id, "run-1", verdict, (chosen.id,))
    return JudgeResult(rng.choice(ITEMS), f"run-{rng.randrange(3)}", verdict)


def set_grades(_project: Project, rng: Random) -> Command:
    return SetGrades(
        {item: rng.choice(["LGG", "HGG", None]) for item in rng.sample(ITEMS, rng.randint(1, 2))}
    )


def delete_label_map(project: Project, rng: Random) -> Command | None:
    chosen = label_map(project, rng)
    return DeleteLabelMap(chosen.id) if chosen is not None else None


def set_label_map_state(project: Project, rng: Random) -> Command | None:
    chosen = label_map(project, rng)
    return SetLabelMapState(chosen.id, rng.choice(list(LabelMapState))) if chosen is not None else None


GENERATORS: dict[str, Generator] = {
    "add_pair": add_pair,
    "place_point": place_point,
    "move_point": move_point,
    "delete_pairs": delete_pairs,
    "set_pair_state": set_pair_state,
    "mark_not_visible": mark_not_visible,
    "import_pairs": import_pairs,
    "suggest_pairs": suggest_pairs,
    "accept_suggestions": accept_suggestions,
    "reject_suggestions": reject_suggestions,
    "edit_item": edit_item,
    "merge_subjects": merge_subjects,
    "swap_roles": swap_roles,
    "add_label_map": add_label_map,
    "paint_voxels": paint_voxels,
    "set_label_map_facts": set_label_map_facts,
    "judge_components": judge_components,
    "judge_result": judge_result,
    "set_grades": set_grades,
    "delete_label_map": delete_label_map,
    "set_label_map_state": set_label_map_state,
}


def random_edit(project: Project, rng: Random) -> Command:
    """Return an edit of a random kind that is possible now."""
    while True:
        command = GENERATORS[rng.choice(list(GENERATORS))](project, rng)
        if command is not None:
            return command


def state_of(project: Project) -> dict[str, Any]:
    """Return all that edits can change, as plain JSON data."""
    state: dict[str, Any] = {}
    for item in project.items.all():
        files = {role: [str(file.path), file.modality] for role, file in sorted(item.files.items())}
        facts = [item.subject, item.visit, item.laterality, item.split, item.status, files]
        points = [
            [p.id, p.label, p.fixed_xy, p.moving_xy, p.state, p.annotator, p.source, p.score]
            for p in project.keypoints.pairs(item.id)
        ]
        label_maps = [
            [
                found.id,
                found.name,
                found.state,
                len(found.classes),
                sorted(accepted_voxels(project.store, found.id, 1)),
                zlib.crc32(np.ascontiguousarray(voxels).tobytes()),
            ]
            for found in project.label_maps.of_item(item.id)
            for voxels in [project.label_maps.read(found.id)[0].voxels.astype(np.uint16)]
        ]
        judged = {run: verdict for (name, run), verdict in verdicts(project.store).items() if name == item.id}
        graded = grades(project.store).get(item.id)
        state[item.id] = [
            facts,
            sorted(points),
            sorted(label_maps),
            sorted(judged.items()),
            graded and (graded.value, graded.source),
        ]
    plain = json.loads(json.dumps(state))
    assert isinstance(plain, dict)
    return plain
