"""The SVG of a figure, read back as XML, and its captions."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

import numpy as np
import pytest

from engines.imaging.comparison import ResidualVectors
from engines.imaging.opencv import cv2
from workstation.controllers.compare.figure import FigureOptions, Panel, figure_svg
from workstation.views.protocols.compare import PanePoint

NS = {"svg": "http://www.w3.org/2000/svg"}
HREF = "{http://www.w3.org/1999/xlink}href"
PIXELS = np.zeros((50, 100, 3), np.uint8)
PIXELS[:, :, 0] = 255


def parsed(*panels: Panel, **options: object) -> ElementTree.Element:
    return ElementTree.fromstring(figure_svg(panels, FigureOptions(**options)).encode("utf-8"))


def test_images_are_embedded_as_they_are() -> None:
    root = parsed(Panel(PIXELS), Panel(PIXELS), width_mm=82.0)
    images = root.findall(".//svg:image", NS)
    assert len(images) == 2
    assert float(images[0].get("width")) == pytest.approx(40.0)
    assert float(images[0].get("height")) == pytest.approx(20.0)
    assert float(images[1].get("x")) == pytest.approx(42.0)
    data = base64.b64decode(images[0].get(HREF).split(",", 1)[1])
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded[:, :, ::-1], PIXELS)


def test_points_lie_where_their_pixels_are_and_those_outside_are_left_out() -> None:
    points = [PanePoint("3", (49.5, 24.5), 0), PanePoint("4", (500.0, 2.0), 1)]
    root = parsed(Panel(PIXELS, points=points), width_mm=50.0, has_titles=False, num_columns=1)
    circles = root.findall(".//svg:circle[@class='point']", NS)
    assert len(circles) == 1
    assert float(circles[0].get("cx")) == pytest.approx(25.0)
    assert float(circles[0].get("cy")) == pytest.approx(12.5)


def test_scale_bar_is_as_long_as_it_says() -> None:
    root = parsed(Panel(PIXELS, px_per_pixel=2.0), width_mm=100.0, spacing_mm=0.02, num_columns=1)
    bar = root.findall(".//svg:line[@class='scale']", NS)[-1]
    length_mm_on_page = float(bar.get("x2")) - float(bar.get("x1"))
    # 200 px of the frame on 100 mm: 1 mm of the eye is 50 px and so 25 mm of the page.
    assert length_mm_on_page == pytest.approx(25.0)
    assert "1 mm" in "".join(root.itertext())
    assert not parsed(Panel(PIXELS)).findall(".//svg:line[@class='scale']", NS)


def test_vectors_are_paths_and_say_their_magnification() -> None:
    vectors = ResidualVectors(np.array([[10.0, 10.0]]), np.array([[12.0, 10.0]]), np.array([2.0]))
    root = parsed(Panel(PIXELS, vectors=vectors, magnification=10), width_mm=100.0, num_columns=1)
    paths = root.findall(".//svg:path[@class='vector']", NS)
    assert len(paths) == 2
    start, tip = (word[1:].split(",") for word in paths[0].get("d").split()[:2])
    assert float(tip[0]) - float(start[0]) == pytest.approx(20.0)
    text = "".join(root.itertext())
    assert "×10" in text
    assert "2 px" in text


def test_letters_titles_and_caption_are_text_and_escaped() -> None:
    panels = (Panel(PIXELS, title="a < b"), Panel(PIXELS, title="右眼"))
    root = parsed(*panels, caption="Item 患者 & <x>. " + "word " * 60)
    texts = [node.text for node in root.findall(".//svg:text", NS)]
    assert {"A", "B", "a < b", "右眼"} <= set(texts)
    lines = [text for text in texts if text and "word" in text]
    assert len(lines) > 1
    assert texts[-len(lines)].startswith("Item 患者 & <x>.")
    assert not [
        node.text
        for node in parsed(panels[0], caption="").findall(".//svg:text", NS)
        if node.text in ("A", "B")
    ], "one panel needs no letter"
