"""A figure as vectors: panels with images, points, arrows, letters, a scale bar and a caption, as SVG text.

Lengths are millimetres on the page; the images are embedded. A PNG is this SVG drawn at a resolution.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from engines.imaging.comparison import ResidualVectors, nice_length, viridis
from engines.imaging.screen_picture import ByteImage, encode_png
from workstation.views.protocols.compare import PanePoint

Point = tuple[float, float]
GAP_MM = 2.0
TEXT_MM = 2.9
LINE_MM = 3.9
_FONT = "DejaVu Sans, Noto Sans CJK SC, Microsoft YaHei, PingFang SC, Arial, sans-serif"
LETTERS = "ABCDEFGHIJKL"
_POINT_MM = 1.0
_CHARACTERS_PER_MM = 0.8


@dataclass(frozen=True, eq=False)
class Panel:
    """One image of a figure.

    Parameters
    ----------
    pixels : ndarray of uint8, (H, W, 3)
        RGB; the seen part of the frame.
    origin_xy : (x, y)
        Position in the frame of the upper left corner of `pixels`, in px of the frame.
    px_per_pixel : float
        Pixels of the frame for one pixel of `pixels`.
    points : sequence of PanePoint
    vectors : ResidualVectors or None
    magnification : int
        Of the vectors.
    title : str
    edge_letters : (left, right, top, bottom)
        Anatomical directions; empty for none.
    legend : sequence of ("#rrggbb", str)
        Colours and what they mean.
    """

    pixels: ByteImage
    origin_xy: tuple[float, float] = (-0.5, -0.5)
    px_per_pixel: float = 1.0
    points: Sequence[PanePoint] = ()
    vectors: ResidualVectors | None = None
    magnification: int = 1
    title: str = ""
    edge_letters: Sequence[str] = ()
    legend: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, eq=False)
class FigureContent:
    """What a figure shows.

    Parameters
    ----------
    panels : sequence of Panel
    spacing_mm : float or None
        Distance of neighbouring pixels of the frame.
    caption : str
    """

    panels: Sequence[Panel]
    spacing_mm: float | None
    caption: str


@dataclass(frozen=True, slots=True)
class FigureOptions:
    """What a figure holds.

    Parameters
    ----------
    width_mm : float
    num_columns : int
    spacing_mm : float or None
        Distance of neighbouring pixels of the frame; None draws no scale bar.
    has_letters, has_points, has_titles : bool
    caption : str
        Empty for none.
    point_colours : tuple of ``"#rrggbb"``
    """

    width_mm: float = 170.0
    num_columns: int = 2
    spacing_mm: float | None = None
    has_letters: bool = True
    has_points: bool = True
    has_titles: bool = True
    caption: str = ""
    point_colours: tuple[str, ...] = ("#E69F00",)


def figure_svg(panels: Sequence[Panel], options: FigureOptions) -> str:
    """Return the SVG of a figure."""
    columns = max(1, min(options.num_columns, len(panels)))
    width = (options.width_mm - GAP_MM * (columns - 1)) / columns
    title = LINE_MM + 1.0 if options.has_titles else 0.0
    parts: list[str] = []
    top = 0.0
    for first in range(0, len(panels), columns):
        row = panels[first : first + columns]
        heights = [width * panel.pixels.shape[0] / panel.pixels.shape[1] for panel in row]
        for place, panel in enumerate(row):
            letter = LETTERS[first + place] if options.has_letters and len(panels) > 1 else ""
            left = place * (width + GAP_MM)
            parts += _panel(panel, options, letter, (left, top, width, heights[place]), title)
        top += max(heights) + title + GAP_MM
    lines = list(_wrapped(options.caption, int(options.width_mm * _CHARACTERS_PER_MM)))
    for line in lines:
        top += LINE_MM
        parts.append(_text(line, 0.0, top, TEXT_MM, "#000000"))
    height = top + (1.5 if lines else 0.0)
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<svg version="1.1" xmlns="http://www.w3.org/2000/svg" '
            'xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{options.width_mm:.3f}mm" height="{height:.3f}mm" '
            f'viewBox="0 0 {options.width_mm:.3f} {height:.3f}">',
            f'<rect width="{options.width_mm:.3f}" height="{height:.3f}" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        ]
    )


def figure_height_mm(svg: str) -> float:
    """Return the height that `figure_svg` wrote."""
    return float(svg.split('height="', 1)[1].split("mm", 1)[0])


def _panel(
    panel: Panel,
    options: FigureOptions,
    letter: str,
    box: tuple[float, float, float, float],
    title_mm: float,
) -> Iterator[str]:
    left, top, width, height = box
    mm_per_px = width / (panel.pixels.shape[1] * panel.px_per_pixel)
    data = base64.b64encode(encode_png(panel.pixels)).decode("ascii")
    yield '<g class="panel">'
    if title_mm:
        yield _text(panel.title, left + (5.0 if letter else 0.0), top + LINE_MM - 0.4, TEXT_MM, "#000000")
        if letter:
            yield _text(letter, left, top + LINE_MM - 0.4, 3.9, "#000000", is_bold=True)
    top += title_mm
    yield (
        f'<image x="{left:.3f}" y="{top:.3f}" width="{width:.3f}" height="{height:.3f}" '
        f'preserveAspectRatio="none" xlink:href="data:image/png;base64,{data}"/>'
    )

    def place(xy: Point) -> Point:
        return (
            left + (xy[0] - panel.origin_xy[0]) * mm_per_px,
            top + (xy[1] - panel.origin_xy[1]) * mm_per_px,
        )

    if letter and not title_mm:
        yield _outlined(letter, left + 1.6, top + 4.6, 4.2)
    if panel.vectors is not None:
        yield from _arrows(panel, place)
        yield from _vector_legend(panel, left + width, top + height)
    elif options.has_points:
        for point in panel.points:
            x, y = place(point.xy)
            if left <= x <= left + width and top <= y <= top + height:
                colour = options.point_colours[point.index % len(options.point_colours)]
                yield (
                    f'<circle class="point" cx="{x:.3f}" cy="{y:.3f}" r="{_POINT_MM}" fill="{colour}" '
                    'stroke="#000000" stroke-width="0.25"/>'
                )
                yield _outlined(point.label, x + 1.5, y + 0.9, 2.5)
    yield from _edge_letters(panel.edge_letters, left, top, (width, height))
    yield from _legend(panel.legend, left + width, top + height)
    if options.spacing_mm:
        yield from _scale_bar(options.spacing_mm, mm_per_px, left, top + height, width)
    yield "</g>"


def _arrows(panel: Panel, place: Callable[[Point], Point]) -> Iterator[str]:
    vectors = panel.vectors
    assert vectors is not None
    if not len(vectors.length_px):
        return
    colours = viridis(vectors.length_px / max(float(vectors.length_px.max()), 1e-9))
    for mapped, true, colour in zip(vectors.mapped_xy, vectors.true_xy, colours, strict=True):
        tip = mapped + (true - mapped) * panel.magnification
        x1, y1 = place((mapped[0], mapped[1]))
        x2, y2 = place((tip[0], tip[1]))
        angle = math.atan2(y2 - y1, x2 - x1)
        head = min(1.5, 0.6 * math.hypot(x2 - x1, y2 - y1))
        wings = " ".join(
            f"L{x2:.3f},{y2:.3f} L{x2 - head * math.cos(angle + turn):.3f},"
            f"{y2 - head * math.sin(angle + turn):.3f}"
            for turn in (0.5, -0.5)
        )
        path = f"M{x1:.3f},{y1:.3f} {wings}"
        for stroke, thick in (("#000000", 0.8), (colour, 0.45)):
            yield (
                f'<path class="vector" d="{path}" fill="none" stroke="{stroke}" '
                f'stroke-width="{thick}" stroke-linecap="round"/>'
            )


def _vector_legend(panel: Panel, right: float, bottom: float) -> Iterator[str]:
    vectors = panel.vectors
    assert vectors is not None
    if not len(vectors.length_px):
        return
    wide, high, steps = 22.0, 1.6, 22
    left, top = right - wide - 12.0, bottom - 4.0
    for step, colour in enumerate(viridis([place / (steps - 1) for place in range(steps)])):
        x = left + wide * step / steps
        yield (
            f'<rect x="{x:.3f}" y="{top:.3f}" width="{wide / steps + 0.05:.3f}" height="{high}" '
            f'fill="{colour}"/>'
        )
    yield _outlined("0", left - 2.4, top + high, 2.5)
    yield _outlined(f"{float(vectors.length_px.max()):.2g} px", left + wide + 0.8, top + high, 2.5)
    yield _outlined(f"×{panel.magnification}", left, top - 0.9, 2.5)


def _scale_bar(
    spacing_mm: float, mm_per_px: float, left: float, bottom: float, width: float
) -> Iterator[str]:
    length = nice_length(0.25 * width / mm_per_px * spacing_mm)
    drawn = length / spacing_mm * mm_per_px
    x, y = left + 3.0, bottom - 3.0
    for colour, thick in (("#000000", 1.4), ("#ffffff", 0.8)):
        yield (
            f'<line class="scale" x1="{x:.3f}" y1="{y:.3f}" x2="{x + drawn:.3f}" y2="{y:.3f}" '
            f'stroke="{colour}" stroke-width="{thick}"/>'
        )
    text = f"{length:g} mm" if length >= 1 else f"{length * 1000:g} µm"
    yield _outlined(text, x, y - 1.4, 2.7)


def _edge_letters(letters: Sequence[str], left: float, top: float, size: Point) -> Iterator[str]:
    width, height = size
    places = (
        (left + 1.2, top + height / 2 + 1.0),
        (left + width - 3.4, top + height / 2 + 1.0),
        (left + width / 2 - 1.0, top + 3.6),
        (left + width / 2 - 1.0, top + height - 1.4),
    )
    for letter, (x, y) in zip(letters, places, strict=False):
        yield _outlined(letter, x, y, 3.0)


def _legend(legend: Sequence[tuple[str, str]], right: float, bottom: float) -> Iterator[str]:
    longest = max((len(text) for _, text in legend), default=0)
    x, y = right - 4.5 - 1.5 * longest, bottom - 2.4 - 3.4 * (len(legend) - 1)
    for colour, text in legend:
        yield (
            f'<rect class="legend" x="{x:.3f}" y="{y - 2.0:.3f}" width="2.4" height="2.4" '
            f'fill="{colour}" stroke="#000000" stroke-width="0.2"/>'
        )
        yield _outlined(text, x + 3.4, y, 2.5)
        y += 3.4


def _outlined(text: str, x: float, y: float, size: float) -> str:
    """Write in white on a black outline; two texts, because not every viewer paints an outline first."""
    words = escape(text)
    head = f'<text x="{x:.3f}" y="{y:.3f}" font-family={quoteattr(_FONT)} font-size="{size}" '
    return (
        f'{head}fill="#000000" stroke="#000000" stroke-width="0.7" stroke-linejoin="round">{words}</text>'
        f'{head}fill="#ffffff">{words}</text>'
    )


def _text(text: str, x: float, y: float, size: float, colour: str, *, is_bold: bool = False) -> str:
    weight = ' font-weight="bold"' if is_bold else ""
    return (
        f'<text x="{x:.3f}" y="{y:.3f}" font-family={quoteattr(_FONT)} font-size="{size}"{weight} '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _wrapped(text: str, num_characters: int) -> Iterator[str]:
    """Break a text into lines; a Chinese character is as wide as two letters and may stand anywhere."""
    line, used = "", 0
    for word in _pieces(text):
        wide = sum(2 if ord(character) > 0x2E7F else 1 for character in word)
        if line and used + wide > num_characters:
            yield line.strip()
            line, used = "", 0
        line, used = line + word, used + wide
    if line.strip():
        yield line.strip()


def _pieces(text: str) -> Iterator[str]:
    word = ""
    for character in text:
        if character == " " or ord(character) > 0x2E7F:
            yield word + character
            word = ""
        else:
            word += character
    if word:
        yield word
