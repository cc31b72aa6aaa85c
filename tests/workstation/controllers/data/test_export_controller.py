"""Exports and keypoint imports of the window, and transforms of the current item as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Severity
from engines.imaging.transforms.formats import read_transform
from engines.imaging.transforms.point_transform import ProjectiveTransform
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.controllers.data.export_controller import ExportController, export_choices, free_place
from workstation.controllers.pairs.transform_files import TransformFiles
from workstation.controllers.workbench import Workbench
from workstation.project.imported_transforms import newest_imported
from workstation.project.label_map_commands import AddLabelMap
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project
from workstation.views.protocols.cards import Card
from workstation.views.protocols.exports import ExportChoice, ExportRequest, KeypointRequest
from workstation.views.protocols.pairs import FitSummary

AFFINE = ProjectiveTransform([[1.02, 0.03, 6.0], [-0.03, 1.02, -4.0], [0.0, 0.0, 1.0]])


@pytest.fixture
def bench(qapp, pair_project_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    made = Workbench()
    made.set_project(Project.open(pair_project_folder))

    def at_once(_channel: str, work: Callable[[], Any], done: Any, failed: Any = None) -> None:
        try:
            result = work()
        except WorkstationError as error:
            failed(error)
        else:
            done(result)

    monkeypatch.setattr(made.background, "submit", at_once)
    yield made
    made.close()


@pytest.fixture
def cards(bench: Workbench) -> list[Card]:
    posted: list[Card] = []
    bench.card_posted.connect(posted.append)
    return posted


def test_an_export_says_where_its_files_are(bench: Workbench, cards: list[Card], tmp_path: Path) -> None:
    shown: list[Path] = []
    ExportController(bench, shown.append).export(ExportRequest("two_text", tmp_path / "出 1", ""))
    assert sorted(path.name for path in (tmp_path / "出 1").iterdir()) == ["pair_a_01.txt", "pair_a_02.txt"]
    (card,) = cards
    assert card.severity is Severity.NOTE
    assert str(tmp_path / "出 1") in str(card.kept)
    assert "pair_a_02.txt" in card.details
    card.buttons[0].clicked()
    assert shown == [tmp_path / "出 1"]


def test_a_refused_export_is_a_card(bench: Workbench, cards: list[Card], tmp_path: Path) -> None:
    exports = ExportController(bench, lambda _folder: None)
    exports.export(ExportRequest("fire", tmp_path / "out", "pair_b"))
    assert "no keypoint pair" in str(cards[0].what)
    assert cards[0].severity is Severity.ERROR


def test_choices_have_a_free_place(tmp_path: Path) -> None:
    (tmp_path / "bigwarp").mkdir()
    (tmp_path / "coco.json").write_text("", encoding="utf-8")
    places = {choice.key: choice.place for choice in export_choices(tmp_path)}
    assert places["bigwarp"] == tmp_path / "bigwarp-2"
    assert places["coco"] == tmp_path / "coco-2.json"
    assert free_place(tmp_path / "new") == tmp_path / "new"


def test_keypoints_come_into_the_item(bench: Workbench, cards: list[Card], tmp_path: Path) -> None:
    path = tmp_path / "landmarks.csv"
    path.write_text('"P","true","11","12","13","14"\n', encoding="utf-8")
    exports = ExportController(bench, lambda _folder: None)
    exports.import_keypoints(KeypointRequest(path, "pair_b", is_one_based=True))
    (pair,) = bench.project.keypoints.pairs("pair_b")
    assert (pair.fixed_xy, pair.moving_xy, pair.source) == ((12.0, 13.0), (10.0, 11.0), "import")
    exports.import_keypoints(KeypointRequest(path, "pair_b", is_one_based=True))
    assert "there already" in str(cards[-1].what)
    exports.import_keypoints(KeypointRequest(tmp_path / "gone.csv", "pair_b"))
    assert cards[-1].severity is Severity.ERROR


class Pairs(SimpleNamespace):
    """What `TransformFiles` asks of the controller of pairs."""


@pytest.fixture
def pairs(bench: Workbench) -> Pairs:
    reloaded: list[str] = []
    registration = SimpleNamespace(is_linked=False, show_item=lambda item: reloaded.append(item.id))
    return Pairs(
        link=AFFINE,
        item=bench.project.items.get("pair_a"),
        registration=registration,
        pair_fit=SimpleNamespace(summary=FitSummary("affine", 6, 6), rows=()),
        reloaded=reloaded,
    )


@pytest.mark.parametrize("suffix", [".tfm", ".h5", ".json"])
def test_the_transform_goes_out_and_comes_in(
    suffix: str, bench: Workbench, cards: list[Card], pairs: Pairs, tmp_path: Path
) -> None:
    files = TransformFiles(bench, pairs)
    path = tmp_path / f"变换{suffix}"
    files.write(path, may_replace=False)
    np.testing.assert_allclose(read_transform(path).matrix, AFFINE.matrix, atol=1e-12)
    assert str(tmp_path) in str(cards[0].kept)
    files.write(path, may_replace=False)
    assert "already" in str(cards[1].what)
    files.read(path)
    found = newest_imported(bench.project, "pair_a")
    assert found is not None
    np.testing.assert_allclose(found[1].matrix, AFFINE.matrix, atol=1e-12)
    assert pairs.reloaded == ["pair_a"]


def test_a_file_that_is_no_transform_is_a_card(
    bench: Workbench, cards: list[Card], pairs: Pairs, tmp_path: Path
) -> None:
    (tmp_path / "a.tfm").write_text("no", encoding="utf-8")
    TransformFiles(bench, pairs).read(tmp_path / "a.tfm")
    assert "a.tfm cannot be read" in str(cards[0].what)


def test_an_export_tells_how_far_it_is_and_that_it_ended(
    bench: Workbench, cards: list[Card], tmp_path: Path
) -> None:
    project = bench.project
    assert project is not None
    grid = VolumeGeometry((4, 3, 2), np.diag([1.0, 1.0, 3.0, 1.0]))
    empty = Volume(np.zeros(grid.shape, np.uint8), grid)
    project.history.execute(AddLabelMap.on_grid_of(empty, "pair_a", "main"))
    project.history.execute(AddLabelMap.on_grid_of(empty, "pair_a", "b", state=LabelMapState.PROPOSAL))
    exports = ExportController(bench, lambda _folder: None)
    steps: list[tuple[Path, int, int]] = []
    ended: list[Path] = []
    exports.progressed.connect(lambda *step: steps.append(step))
    exports.ended.connect(ended.append)

    offered: list[ExportChoice] = []
    exports.load_choices(offered.extend)
    assert {choice.label_maps for choice in offered if choice.has_label_maps} == {("main", "b")}

    place = tmp_path / "mha"
    exports.export(ExportRequest("mha", place, "", with_proposals=True))
    assert (place / "pair_a" / "main.mha").is_file()
    assert (steps[0], steps[-1]) == ((place, 0, 2), (place, 2, 2))
    assert ended == [place]
    assert str(place) in str(cards[0].kept)


def test_a_cancelled_export_leaves_nothing(bench: Workbench, cards: list[Card], tmp_path: Path) -> None:
    project = bench.project
    assert project is not None
    grid = VolumeGeometry((4, 3, 2), np.diag([1.0, 1.0, 3.0, 1.0]))
    project.history.execute(
        AddLabelMap.on_grid_of(Volume(np.zeros(grid.shape, np.uint8), grid), "pair_a", "main")
    )
    exports = ExportController(bench, lambda _folder: None)
    exports.progressed.connect(lambda place, _done, _total: exports.cancel(place))
    exports.export(ExportRequest("mha", tmp_path / "mha", ""))
    assert "cancelled" in str(cards[0].what)
    assert not (tmp_path / "mha").exists()
    exports.cancel(tmp_path / "mha")
