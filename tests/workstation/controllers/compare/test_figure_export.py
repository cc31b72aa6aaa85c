"""Figures of the Compare screen: panels of every mode, captions without names, and files kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
from PySide6.QtGui import QImage

from engines.contract.errors import InputError
from engines.contract.transform_file import TransformFile
from engines.imaging.comparison import Change
from engines.imaging.images import read_image
from workstation.controllers.compare.compare_images import CompareImages
from workstation.controllers.compare.compare_sources import sources_of
from workstation.controllers.compare.figure_export import FigureExport
from workstation.controllers.compare.figure_panels import FigureSubject, caption_of, panels_of
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project
from workstation.views.compare.figure_painter import write_png
from workstation.views.protocols.compare import FigureRequest, ShownPane
from workstation.views.protocols.overlay_modes import Mode, ModeSettings

COLOURS = {Change.KEPT: "#999999", Change.ADDED: "#0072B2", Change.REMOVED: "#D55E00"}
SHOWN = ShownPane((49.5, 19.5, 149.5, 119.5), 99.5)


@pytest.fixture
def images(pair_project: Project) -> CompareImages:
    folder = pair_project.runs.root / "run_1"
    path = folder / "outputs" / "transform" / "pair_a.json"
    path.parent.mkdir(parents=True)
    matrix = [[1.0, 0.0, 3.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    TransformFile(
        matrix=matrix,
        fixed_size=(200, 160),
        moving_size=(200, 160),
        verdict="registered",
        method="classical",
    ).write(path)
    (folder / "config.yaml").write_text("pipeline: x\naction: predict\n", encoding="utf-8")
    return CompareImages(sources_of(pair_project, pair_project.items.get("pair_a")))


def subject(images: CompareImages, mode: Mode) -> FigureSubject:
    keys = ("run:run_1", "pairs:homography")
    return FigureSubject(images, keys, (SHOWN, SHOWN), "fixed", mode, ModeSettings(), COLOURS)


@pytest.fixture
def bench(qapp) -> Iterator[Workbench]:
    made = Workbench()
    yield made
    made.close()


@pytest.fixture
def export(bench: Workbench) -> FigureExport:
    return FigureExport(bench, write_png, str, MagicMock(), ("#E69F00",))


def test_seen_region_is_cut_out_and_the_whole_is_whole(images: CompareImages, tmp_path: Path) -> None:
    request = FigureRequest(tmp_path, "x")
    first, second = panels_of(subject(images, Mode.TILES), request, str)
    assert first.pixels.shape == second.pixels.shape == (100, 100, 3)
    assert first.origin_xy == (49.5, 19.5)
    whole = panels_of(subject(images, Mode.TILES), FigureRequest(tmp_path, "x", is_whole=True), str)
    assert whole[0].pixels.shape == (160, 200, 3)


def test_curtain_hangs_where_it_hung_on_the_screen(images: CompareImages, tmp_path: Path) -> None:
    request = FigureRequest(tmp_path, "x", is_whole=True)
    curtain = panels_of(subject(images, Mode.CURTAIN), request, str)[0].pixels
    fixed = images.pixels(images.sources.get("fixed"))
    warped = images.pixels(images.sources.get("run:run_1"))
    assert np.array_equal(curtain[:, :100, 0], fixed[:, :100])
    assert np.array_equal(curtain[:, 100:, 0], warped[:, 100:])


def test_flicker_becomes_two_panels_and_one_pane_can_be_chosen(images: CompareImages, tmp_path: Path) -> None:
    assert len(panels_of(subject(images, Mode.FLICKER), FigureRequest(tmp_path, "x"), str)) == 4
    only = panels_of(subject(images, Mode.VECTORS), FigureRequest(tmp_path, "x", pane=1), str)
    assert len(only) == 1
    assert only[0].vectors is not None


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.DISTANCE])
def test_every_mode_has_a_caption_with_run_and_errors_and_no_file_name(
    images: CompareImages, mode: Mode, tmp_path: Path
) -> None:
    caption = caption_of(subject(images, mode), FigureRequest(tmp_path, "x"), str)
    assert caption.startswith("Item pair_a: CF on FA.")
    assert "run run_1" in caption
    assert "6 pairs, mean error" in caption
    assert "(independent of them)" in caption
    assert "left out" in caption
    assert "{" not in caption
    files = images.sources.item.files.values()
    assert not any(file.path.name in caption or file.path.stem in caption for file in files)
    assert images.sources.item.subject not in caption


def test_png_has_the_size_and_the_resolution_that_were_asked_for(
    images: CompareImages, export: FigureExport, tmp_path: Path
) -> None:
    request = FigureRequest(tmp_path / "图 figures", "a", dpi=150, width_mm=120.0)
    path = export.write(subject(images, Mode.VECTORS), request)
    picture = read_image(path)
    assert picture.shape[1] == round(120 / 25.4 * 150)
    assert picture.std() > 20
    assert QImage(str(path)).dotsPerMeterX() == pytest.approx(150 / 0.0254, abs=2)


def test_no_file_is_ever_replaced(images: CompareImages, export: FigureExport, tmp_path: Path) -> None:
    request = FigureRequest(tmp_path, "a", file_format="svg")
    paths = [export.write(subject(images, Mode.TILES), request).name for _ in range(3)]
    assert paths == ["a.svg", "a-2.svg", "a-3.svg"]


def test_card_opens_the_folder(
    images: CompareImages, bench: Workbench, export: FigureExport, tmp_path: Path, qtbot
) -> None:
    cards = []
    bench.card_posted.connect(cards.append)
    export.export(subject(images, Mode.TILES), FigureRequest(tmp_path, "a", dpi=150))
    qtbot.waitUntil(lambda: bool(cards), timeout=20000)
    assert "burned-in" in cards[0].remedy.render()
    cards[0].buttons[0].clicked()
    export._open_folder.assert_called_once_with(tmp_path)


def test_folder_that_refuses_is_a_card_with_advice(
    images: CompareImages, export: FigureExport, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        export.write(subject(images, Mode.TILES), FigureRequest(blocked, "a"))
