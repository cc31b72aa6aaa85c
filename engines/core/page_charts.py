"""Line charts as SVG, for pages that need no program but a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

_WIDTH, _HEIGHT = 640, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 14, 44
_COLOURS = ("#2f7fd1", "#d1622f", "#3a9c5d", "#9a5bc4", "#b8962a", "#c23f6b", "#4aa7a7", "#7a7a7a")
_NUM_TICKS = 5


@dataclass(frozen=True)
class ChartLine:
    """One line: its name and points; a bound is dashed.

    Parameters
    ----------
    name : str
    xs, ys : sequence of float
        Of one length; a y that is not finite interrupts the line.
    is_bound : bool
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    is_bound: bool = False


@dataclass(frozen=True)
class PageChart:
    """A chart with its axes; a range left out follows the values."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[ChartLine, ...]
    note: str = ""
    y_range: tuple[float, float] | None = None


def draw_chart(chart: PageChart) -> str:
    """Return a chart as an SVG element; empty when no line has a point."""
    xs = np.concatenate([np.asarray(line.xs, dtype=np.float64) for line in chart.lines] or [np.zeros(0)])
    ys = np.concatenate([np.asarray(line.ys, dtype=np.float64) for line in chart.lines] or [np.zeros(0)])
    ys = ys[np.isfinite(ys)]
    if len(xs) == 0 or len(ys) == 0:
        return ""
    x_axis = _axis(float(xs.min()), float(xs.max()))
    y_axis = chart.y_range or _axis(float(ys.min()), float(ys.max()))
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(chart.title)}">',
        *_grid(x_axis, y_axis, chart),
        *(
            _polyline(line, _COLOURS[number % len(_COLOURS)], x_axis, y_axis)
            for number, line in enumerate(chart.lines)
        ),
        "</svg>",
        '<div class="legend">',
        *(
            f'<span><i style="border-top:3px {"dashed" if line.is_bound else "solid"} '
            f'{_COLOURS[number % len(_COLOURS)]}"></i>{escape(line.name)}</span>'
            for number, line in enumerate(chart.lines)
        ),
        "</div>",
    ]
    return "".join(parts)


def _axis(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _place(
    x: float, y: float, x_axis: tuple[float, float], y_axis: tuple[float, float]
) -> tuple[float, float]:
    across = (x - x_axis[0]) / (x_axis[1] - x_axis[0])
    up = (min(max(y, y_axis[0]), y_axis[1]) - y_axis[0]) / (y_axis[1] - y_axis[0])
    return (
        _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
        _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM),
    )


def _grid(x_axis: tuple[float, float], y_axis: tuple[float, float], chart: PageChart) -> list[str]:
    parts = []
    for y in np.linspace(*y_axis, _NUM_TICKS):
        _, height = _place(x_axis[0], float(y), x_axis, y_axis)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{height:.1f}" y2="{height:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{y:.3g}</text>'
        )
    for x in np.linspace(*x_axis, _NUM_TICKS):
        left, _ = _place(float(x), y_axis[0], x_axis, y_axis)
        parts.append(f'<text x="{left:.1f}" y="{_HEIGHT - 26}" text-anchor="middle">{x:.4g}</text>')
    middle = (_HEIGHT - _BOTTOM + _TOP) / 2
    parts.append(
        f'<text x="{(_WIDTH + _LEFT) / 2:.0f}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(chart.x_label)}'
        f'</text><text transform="translate(13 {middle:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(chart.y_label)}</text>"
    )
    return parts


def _polyline(line: ChartLine, colour: str, x_axis: tuple[float, float], y_axis: tuple[float, float]) -> str:
    pieces: list[list[str]] = [[]]
    for x, y in zip(line.xs, line.ys, strict=True):
        if not np.isfinite(y):
            pieces.append([])
            continue
        left, top = _place(float(x), float(y), x_axis, y_axis)
        pieces[-1].append(f"{left:.1f},{top:.1f}")
    dash = ' stroke-dasharray="6 4"' if line.is_bound else ""
    # A piece of one point would be invisible as a line: it is drawn as a dot of the line's cap.
    return "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" stroke-linecap="round"{dash} '
        f'points="{" ".join(piece if len(piece) > 1 else piece * 2)}"/>'
        for piece in pieces
        if piece
    )
