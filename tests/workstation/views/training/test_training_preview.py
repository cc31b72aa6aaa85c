from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt

from engines.contract.training_preview import TrainingPicture
from workstation.views.training.training_preview import TrainingPreview


@pytest.fixture
def preview(qtbot):
    widget = TrainingPreview()
    qtbot.addWidget(widget)
    widget.resize(700, 240)
    widget.show()
    return widget


def test_pictures_come_when_asked_for_and_others_with_the_next_seed(preview, qtbot):
    assert not preview.scroll.isVisible()
    for seed in (0, 1):
        with qtbot.waitSignal(preview.requested) as asked:
            qtbot.mouseClick(preview.button, Qt.MouseButton.LeftButton)
        assert asked.args == [seed]
    grey = np.tile(np.arange(60, dtype=np.uint8), (40, 1))
    preview.show_pictures([TrainingPicture("A", grey), TrainingPicture("B", np.dstack([grey] * 3))])
    assert preview.scroll.isVisible()
    pixels = preview.scroll.grab().toImage()
    colours = {pixels.pixel(x, 80) for x in range(0, 200, 10)}
    assert len(colours) > 5
    qtbot.mouseClick(preview.hide_button, Qt.MouseButton.LeftButton)
    assert not preview.scroll.isVisible()


def test_no_pictures_are_said_in_words(preview):
    preview.show_pictures(())
    assert not preview.scroll.isVisible()
    assert preview.note.text()
