"""Labels become colours and edges."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QLineF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QTransform

from engines.imaging.volumes.label_classes import colour_of
from workstation.viewers.label_painter import PreviewPicture, colour_table, outlines


def test_labels_have_their_colour_or_one_by_their_number() -> None:
    table = colour_table(np.dtype(np.uint8), {2: "#ff8000"}, opacity=1.0, hidden=frozenset({3}))
    assert table[0] == 0
    assert table[1] == 0xFF000000 | int(colour_of(1)[1:], 16)
    assert table[2] == 0xFFFF8000
    assert table[3] == 0


def test_colours_are_multiplied_by_their_opacity() -> None:
    table = colour_table(np.dtype(np.uint16), {300: "#ff8000"}, opacity=0.5)
    assert table.shape == (65536,)
    alpha, red, green, blue = (int(table[300]) >> shift & 255 for shift in (24, 16, 8, 0))
    assert (alpha, red, blue) == (128, 128, 0)
    assert 63 <= green <= 65


def test_edges_enclose_the_voxels_of_a_label() -> None:
    labels = np.zeros((6, 7), np.uint8)
    labels[2:5, 3:5] = 4
    lines = outlines(labels)
    assert set(lines) == {4}
    assert {line.toTuple() for line in lines[4]} == {
        (2.5, 1.5, 2.5, 4.5),
        (4.5, 1.5, 4.5, 4.5),
        (2.5, 1.5, 4.5, 1.5),
        (2.5, 4.5, 4.5, 4.5),
    }


def test_two_labels_share_one_edge_and_the_length_of_all_edges_is_right() -> None:
    labels = np.zeros((4, 5), np.uint16)
    labels[:, :2] = 1
    labels[:2, 2:] = 9
    lines = outlines(labels)

    def length(parts: list[QLineF]) -> float:
        return sum(line.length() for line in parts)

    assert length(lines[1]) == 4 + 2 + 2 + 4
    assert length(lines[9]) == 3 + 2 + 3
    assert outlines(np.zeros((3, 3), np.uint8)) == {}


def test_a_preview_is_hatched_within_its_voxels_only() -> None:
    image = QImage(80, 80, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(QColor("black"))
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    painter = QPainter(image)
    PreviewPicture(mask, (2, 2), "#00ff00").paint(painter, QTransform.fromScale(10, 10), QRectF(0, 0, 80, 80))
    painter.end()
    inside = {image.pixelColor(x, y).green() for x in range(28, 43) for y in range(28, 43)}
    assert min(inside) > 40
    assert len(inside) > 1
    assert image.pixelColor(15, 35).green() == 0
    assert image.pixelColor(52, 35).green() == 0
