"""Live curves of a run: two groups of metrics side by side, raw values always visible.

Redraws happen at most ten times a second and only for what changed. Long lines are thinned to what the
screen can show: the least and the greatest value of each stretch stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from engines.contract.kinds import PanelKind
from workstation.views.protocols.runs import Curve, FloatArray, RunView, SeriesKey
from workstation.views.runs.run_colours import series_colours, status_colour
from workstation.views.runs.run_curves import FEW_POINTS_SMOOTHING, SMOOTHING, DebiasedMean, sample, thin
from workstation.views.runs.run_words import key_label, metric_label, number_text, spoken, tr

REDRAW_MS = 100
MAX_MARKED_POINTS = 300
"""Up to so many raw points are drawn as dots; more would only be a thick band."""

DASHES = (
    (Qt.PenStyle.SolidLine, "━"),
    (Qt.PenStyle.DashLine, "╍"),
    (Qt.PenStyle.DotLine, "┅"),
    (Qt.PenStyle.DashDotLine, "┉"),
)


@dataclass(frozen=True, slots=True)
class Look:
    """Name of a line in the legend, whose it is, and its colour and dash by number."""

    label: str
    colour: int
    dash: int
    owner: str = ""


@dataclass
class _Line:
    """Two plot items of one series, and how much of it they hold."""

    raw: pg.PlotDataItem
    smooth: pg.PlotDataItem
    mean: DebiasedMean
    means: FloatArray
    steps: FloatArray
    values: FloatArray
    look: Look | None = None
    is_whole: bool = True

    def update(self, curve: Curve, *, is_whole: bool) -> None:
        """Append what is new and draw it; `is_whole` says that the whole run is in view."""
        drawn = self.steps.size
        if not self._is_continued_by(curve):
            # A resume took points back: the mean starts over.
            self.mean, self.means, drawn = self.mean.restarted(), np.empty(0), 0
        elif curve.steps.size == drawn and self.is_whole == is_whole:
            return
        self.means = np.concatenate([self.means, self.mean.extend(curve.values[drawn:])])
        self.steps, self.values, self.is_whole = curve.steps, curve.values, is_whole
        has_marks = curve.steps.size <= MAX_MARKED_POINTS
        for item, values, fewer in ((self.raw, curve.values, thin), (self.smooth, self.means, sample)):
            xs, ys = fewer(curve.steps, values) if is_whole else (curve.steps, values)
            is_finite = bool(np.isfinite(ys).all())
            item.setData(
                xs,
                ys,
                skipFiniteCheck=is_finite,
                connect="all" if is_finite else "finite",
                symbol="o" if has_marks and item is self.raw else None,
            )

    def _is_continued_by(self, curve: Curve) -> bool:
        last = self.steps.size - 1
        if last < 0:
            return True
        if curve.steps.size <= last or curve.steps[last] != self.steps[last]:
            return False
        return bool(np.array_equal(curve.values[[0, last]], self.values[[0, last]], equal_nan=True))

    def remove_from(self, plot: pg.PlotItem) -> None:
        plot.removeItem(self.raw)
        plot.removeItem(self.smooth)


class CurvePlot(QWidget):
    """One plot with its own legend line: name, style and newest raw value of every series."""

    def __init__(
        self, parent: QWidget | None = None, *, is_thinned: bool = True, is_smoothed: bool = True
    ) -> None:
        super().__init__(parent)
        self._is_thinned = is_thinned
        self._is_smoothed = is_smoothed
        self.legend = QLabel(self)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.plot = pg.PlotWidget(
            self, background=None, viewBox=pg.ViewBox(enableMenu=False), enableMenu=False
        )
        # pyqtgraph makes this menu without a parent, and nobody would delete it.
        menu = self.plot.getPlotItem().ctrlMenu
        menu.setParent(self.plot, menu.windowFlags())
        self.plot.setMinimumHeight(84)
        # A closer look needs every point; the button in the corner leads back to the whole run.
        self._is_zoomed = False
        self.plot.getViewBox().sigRangeChangedManually.connect(self._on_zoomed)
        self.plot.getPlotItem().autoBtn.clicked.connect(self._on_whole)
        self.plot.showGrid(x=True, y=True, alpha=0.15)
        self.plot.getAxis("left").enableAutoSIPrefix(False)
        self.plot.getAxis("bottom").enableAutoSIPrefix(False)
        self.plot.getAxis("left").setWidth(56)
        self._lines: dict[SeriesKey, _Line] = {}
        self._best_line: pg.InfiniteLine | None = None
        self._patience: pg.LinearRegionItem | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.legend)
        layout.addWidget(self.plot, 1)
        self._apply_palette()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self._apply_palette()
        super().changeEvent(event)

    def _apply_palette(self) -> None:
        text = self.palette().color(self.foregroundRole())
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(pg.mkPen(text, width=1))
            axis.setTextPen(pg.mkPen(text))

    def set_axis_labels(self, x_label: str, y_label: str) -> None:
        """Name the axes."""
        self.plot.setLabel("bottom", x_label)
        self.plot.setLabel("left", y_label)
        # Room for the label beside the numbers.
        self.plot.getAxis("left").setWidth(72 if y_label else 56)

    def set_log(self, is_log: bool) -> None:
        """Switch the value axis between logarithmic and linear."""
        self.plot.setLogMode(x=False, y=is_log)

    def show_curves(self, curves: Mapping[SeriesKey, Curve], looks: Mapping[SeriesKey, Look]) -> None:
        """Draw these series and no others; only new points are worked on."""
        for key in [key for key in self._lines if key not in curves]:
            self._lines.pop(key).remove_from(self.plot.getPlotItem())
        for key, curve in curves.items():
            if key not in self._lines:
                self._lines[key] = self._make_line(key[1])
            self._lines[key].update(curve, is_whole=self._is_thinned and not self._is_zoomed)
        self._restyle(looks)
        self._write_legend(curves, looks)

    def _on_zoomed(self) -> None:
        self._set_zoomed(is_zoomed=True)

    def _on_whole(self) -> None:
        self._set_zoomed(is_zoomed=False)

    def _set_zoomed(self, *, is_zoomed: bool) -> None:
        if is_zoomed == self._is_zoomed:
            return
        self._is_zoomed = is_zoomed
        for line in self._lines.values():
            line.update(Curve(line.steps, line.values), is_whole=self._is_thinned and not is_zoomed)

    def drawn(self, key: SeriesKey) -> tuple[FloatArray, FloatArray]:
        """Return steps and smoothed values on the screen."""
        line = self._lines[key]
        return line.steps, line.means

    def mark_best(self, step: int | None, label: str) -> None:
        """Draw where the best checkpoint is."""
        if step is None:
            if self._best_line is not None:
                self._best_line.hide()
            return
        if self._best_line is None:
            pen = pg.mkPen(status_colour("done"), width=1, style=Qt.PenStyle.DashLine)
            self._best_line = pg.InfiniteLine(
                angle=90,
                pen=pen,
                label=" ",
                # Beside the line on the side that has room.
                labelOpts={
                    "position": 0.92,
                    "color": status_colour("done"),
                    "anchors": [(0, 0.5), (1, 0.5)],
                },
            )
            self.plot.addItem(self._best_line, ignoreBounds=True)
        self._best_line.show()
        self._best_line.setPos(step)
        self._best_line.label.setFormat(label)

    def mark_patience(self, span: tuple[float, float] | None) -> None:
        """Shade the steps that passed without improvement."""
        if span is None:
            if self._patience is not None:
                self._patience.hide()
            return
        if self._patience is None:
            shade = QColor(status_colour("warning"))
            shade.setAlpha(36)
            self._patience = pg.LinearRegionItem(movable=False, brush=shade, pen=pg.mkPen(None))
            self._patience.setZValue(-10)
            self.plot.addItem(self._patience, ignoreBounds=True)
        self._patience.show()
        self._patience.setRegion(span)

    def _make_line(self, split: str) -> _Line:
        raw, smooth = (self.plot.plot([], [], pen=None) for _ in range(2))
        if self._is_thinned:
            for item in (raw, smooth):
                item.setDownsampling(auto=True, method="peak")
                item.setClipToView(True)
        smoothing = SMOOTHING.get(split, FEW_POINTS_SMOOTHING) if self._is_smoothed else 0.0
        mean = DebiasedMean(smoothing)
        return _Line(raw, smooth, mean, np.empty(0), np.empty(0), np.empty(0))

    def _restyle(self, looks: Mapping[SeriesKey, Look]) -> None:
        """Give every line its colour and dash; the dash tells lines apart without colour."""
        colours = series_colours()
        for key, line in self._lines.items():
            look = looks[key]
            if line.look == look:
                continue
            line.look = look
            colour = QColor(colours[look.colour % len(colours)])
            pale = QColor(colour)
            pale.setAlpha(90)
            line.raw.setPen(pg.mkPen(pale, width=1))
            line.raw.setSymbolPen(None)
            line.raw.setSymbolBrush(pale)
            line.raw.setSymbolSize(4)
            line.smooth.setPen(pg.mkPen(colour, width=1.5, style=DASHES[look.dash % len(DASHES)][0]))

    def _write_legend(self, curves: Mapping[SeriesKey, Curve], looks: Mapping[SeriesKey, Look]) -> None:
        colours = series_colours()
        parts: dict[str, str] = {}
        for key, look in looks.items():
            mark = DASHES[look.dash % len(DASHES)][1]
            colour = colours[look.colour % len(colours)]
            line = f'<span style="color:{colour}">{mark}</span>&nbsp;'
            newest = self._newest(curves[key])
            # Two runs, or two splits, share the name of a metric.
            if look.owner:
                before = parts.get(look.label, f"{look.label}: ")
                parts[look.label] = f"{before}{line}{look.owner} {newest} "
            else:
                parts[look.label] = f"{line}{look.label} {newest}"
        self.legend.setText(" &nbsp; ".join(parts.values()))

    def _newest(self, curve: Curve) -> str:
        if not curve.values.size:
            return ""
        value = float(curve.values[-1])
        if np.isfinite(value):
            return f"<b>{number_text(value)}</b>"
        why = f" ({curve.reason})" if curve.reason else ""
        return f"<i>{self.tr('not measured')}{why}</i>"


@dataclass(frozen=True, slots=True)
class CurveGroup:
    """Metrics that are drawn in one plot."""

    title: str
    metrics: tuple[str, ...]


def curve_groups(run: RunView) -> tuple[CurveGroup, ...]:
    """Return what can be drawn: the pipeline's own curve panels, then every series they leave out."""
    groups = [
        CurveGroup(spoken(panel.title), panel.metrics)
        for panel in run.panel_specs
        if panel.kind is PanelKind.CURVE and panel.metrics
    ]
    present = dict.fromkeys(key for key, _split in run.curves)
    grouped = {key for group in groups for key in group.metrics}
    losses = tuple(key for key in present if key.startswith("loss") and key not in grouped)
    if losses:
        groups.insert(0, CurveGroup(tr("Loss"), losses))
    known = {metric.key: metric for metric in run.metrics}
    groups += [
        CurveGroup(metric_label(known[key]) if key in known else key_label(key), (key,))
        for key in present
        if key not in grouped and key not in losses
    ]
    return tuple(groups)


class _GroupPlot(QWidget):
    """A plot with the chooser of what it draws."""

    changed = Signal()

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.group_box = QComboBox(self)
        self.group_box.setAccessibleName(name)
        self.group_box.setToolTip(self.tr("What this plot draws"))
        self.group_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.group_box.setMinimumContentsLength(14)
        self.group_box.currentIndexChanged.connect(self.changed)
        self.log_box = QCheckBox(self.tr("Log"), self)
        self.log_box.setToolTip(self.tr("Logarithmic value axis; values of zero and below are not drawn"))
        self.curves = CurvePlot(self)
        self.log_box.toggled.connect(self.curves.set_log)
        head = QHBoxLayout()
        head.addWidget(self.group_box, 1)
        head.addWidget(self.log_box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 0, 4, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.curves, 1)

    def offer(self, groups: Sequence[CurveGroup], default: int) -> None:
        """List the groups, keeping the chosen one."""
        titles = [group.title for group in groups]
        if titles == [self.group_box.itemText(index) for index in range(self.group_box.count())]:
            return
        chosen = self.group_box.currentText()
        with QSignalBlocker(self.group_box):
            self.group_box.clear()
            self.group_box.addItems(titles)
            index = titles.index(chosen) if chosen in titles else min(default, len(titles) - 1)
            self.group_box.setCurrentIndex(index)


class RunPlots(QWidget):
    """Two plots of a run side by side; each draws one of the pipeline's groups of curves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: RunView | None = None
        self._overlay: RunView | None = None
        self.left = _GroupPlot(self.tr("Left plot"), self)
        self.right = _GroupPlot(self.tr("Right plot"), self)
        self.note = QLabel(self)
        self.note.setProperty("role", "muted")
        self.empty = QLabel(self)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self.redraw)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        for side in (self.left, self.right):
            side.changed.connect(self._schedule)
            self.splitter.addWidget(side)
        self.splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.note)
        layout.addWidget(self.empty, 1)
        self.redraw()

    def show_run(self, run: RunView | None) -> None:
        """Draw a run; calls in quick succession are drawn together."""
        self._run = run
        self._schedule()

    def show_overlay(self, run: RunView | None) -> None:
        """Draw a second run's curves beside those of the first."""
        self._overlay = run
        self._schedule()

    def _schedule(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def redraw(self) -> None:
        """Draw what was last shown, now."""
        self._timer.stop()
        run = self._run
        is_empty = run is None or not run.curves
        self.splitter.setVisible(not is_empty)
        self.note.setVisible(not is_empty)
        self.empty.setVisible(is_empty)
        if run is None or is_empty:
            self.empty.setText(
                self.tr("No run yet. The curves appear here as soon as one starts.")
                if run is None
                else self.tr("The run has measured nothing yet.")
            )
            return
        groups = curve_groups(run)
        for position, side in enumerate((self.left, self.right)):
            side.offer(groups, position)
            group = groups[max(0, side.group_box.currentIndex())]
            self._draw_group(side.curves, run, group)
        self.note.setText(self._note(run))

    def _draw_group(self, plot: CurvePlot, run: RunView, group: CurveGroup) -> None:
        shown: dict[SeriesKey, Curve] = {}
        looks: dict[SeriesKey, Look] = {}
        known = {metric.key: metric for metric in run.metrics}
        sources = [run] if self._overlay is None else [run, self._overlay]
        splits = sorted({split for source in sources for key, split in source.curves if key in group.metrics})
        for colour, metric in enumerate(group.metrics):
            label = metric_label(known[metric]) if metric in known else key_label(metric)
            for number, source in enumerate(sources):
                for (key, split), curve in source.curves.items():
                    if key != metric:
                        continue
                    name = (f"{source.run_id}/{key}", split)
                    shown[name] = curve
                    dash = number * len(splits) + splits.index(split)
                    owner = " ".join(
                        [*(["AB"[number]] if self._overlay else []), *([split] if len(splits) > 1 else [])]
                    )
                    # One run and one split: the dash is free to tell the metrics apart.
                    looks[name] = Look(label, colour, dash if owner else colour, spoken(owner))
        plot.show_curves(shown, looks)
        best = run.best
        is_here = best is not None and best[0] in group.metrics
        plot.mark_best(
            best[1] if best else None,
            self.tr("best {value}").format(value=number_text(best[2]))
            if best and is_here and best[2] is not None
            else self.tr("best"),
        )
        plot.mark_patience(self._patience_span(run) if is_here else None)

    def _patience_span(self, run: RunView) -> tuple[float, float] | None:
        if run.best is None or run.patience is None or not all(run.patience):
            return None
        last = max((curve.steps[-1] for curve in run.curves.values() if curve.steps.size), default=0)
        return float(run.best[1]), float(last)

    def _note(self, run: RunView) -> str:
        parts = [self.tr("over steps; pale: every value as measured, strong: smoothed")]
        if run.best is not None and run.patience is not None and run.patience[1]:
            parts.append(
                self.tr("{n} of {limit} validations without improvement").format(
                    n=run.patience[0], limit=run.patience[1]
                )
            )
        return " · ".join(parts)
