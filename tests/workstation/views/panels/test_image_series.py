from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage

from workstation.views.panels.image_series import ImageSeries, columns_for
from workstation.views.protocols.runs import Frame


@pytest.fixture
def frames(tmp_path):
    made = []
    for step in (100, 200, 300):
        for item in ("eye_1", "eye_2"):
            for name in ("keypoints", "matches"):
                image = QImage(20, 10, QImage.Format.Format_RGB32)
                image.fill(QColor(step % 256, 0, 0))
                path = tmp_path / f"图 {item}_{name}_{step}.png"
                assert image.save(str(path))
                made.append(Frame(step, item, name, path))
    return made


@pytest.fixture
def series(qtbot):
    widget = ImageSeries()
    qtbot.addWidget(widget)
    widget.resize(500, 300)
    widget.show()
    return widget


def test_without_pictures_there_is_a_sentence(series):
    assert series.empty.isVisible()
    assert series.pictures == []


def test_all_pictures_of_an_item_and_step_stand_side_by_side(series, frames):
    series.show_frames(frames)
    assert [picture.caption.text() for picture in series.pictures] == ["Keypoints", "Matches"]
    assert not series.pictures[0].image.pixmap().isNull()
    assert "300" in series.step_label.text()


def test_scrubber_goes_through_the_steps(series, frames, qtbot):
    series.show_frames(frames)
    series.slider.setFocus()
    qtbot.keyClick(series.slider, Qt.Key.Key_Left)
    assert "200" in series.step_label.text()
    colour = series.pictures[0].image.pixmap().toImage().pixelColor(1, 1)
    assert abs(colour.red() - 200) < 10  # smooth scaling rounds


def test_slider_at_the_end_follows_new_pictures_and_elsewhere_it_stays(series, frames):
    series.show_frames(frames[:8])
    assert "200" in series.step_label.text()
    series.show_frames(frames)
    assert "300" in series.step_label.text()
    series.slider.setValue(0)
    series.show_frames([*frames, Frame(400, "eye_1", "keypoints", frames[0].path)])
    assert "100" in series.step_label.text()


def test_item_can_be_chosen(series, frames):
    series.show_frames(frames)
    series.item_box.setCurrentIndex(1)
    assert series.item_box.currentData() == "eye_2"
    series.show_frames([*frames, Frame(400, "eye_2", "keypoints", frames[0].path)])
    assert series.item_box.currentData() == "eye_2"


def test_missing_picture_is_said_and_not_drawn(series, frames, tmp_path):
    series.show_frames([Frame(1, "eye", "a", tmp_path / "gone.png"), Frame(1, "eye", "b", frames[0].path)])
    assert "missing" in series.pictures[0].image.text()
    series.show_frames([Frame(1, "eye", "a", frames[0].path), Frame(2, "eye", "b", frames[0].path)])
    assert "no picture" in series.pictures[0].image.text()


@pytest.mark.parametrize(
    ("count", "width", "height", "columns"),
    [(7, 1400, 200, 7), (7, 500, 420, 4), (1, 10, 900, 1), (4, 300, 1300, 1)],
)
def test_pictures_are_laid_out_as_large_as_they_can_be(count, width, height, columns):
    assert columns_for(count, width, height) == columns


def test_a_high_place_gets_rows(series, frames, qtbot):
    series.show_frames(frames)
    assert series.pictures[0].y() == series.pictures[1].y()
    series.resize(200, 700)
    qtbot.waitUntil(lambda: series.pictures[0].y() < series.pictures[1].y())
    assert series.pictures[0].x() == series.pictures[1].x()
