"""A pane of the Compare screen that shows slices: the wheel goes through them, a click sets the crosshair."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QLinearGradient, QMouseEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

from engines.imaging.comparison import Change
from engines.imaging.volumes.distance_colours import MIDDLE, NO_OFFSET, distance_colours
from workstation.viewers.compare_pane import WHEEL_STEP, ImagePane, Point
from workstation.viewers.image_overlay import turned
from workstation.viewers.marks import HALO, paint_text
from workstation.viewers.mode_painter import paint_label
from workstation.views.elements.display import display
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.volume_compare import SliceSet, VolumePaneContent
from workstation.views.runs.run_words import sentence

_INK = QColor("#ffffff")
_LETTERS = QColor("#f0c674")
_CROSS = QColor(255, 255, 255, 150)
_CROSS_GAP_PX = 14.0
_LEGEND_PX = (150.0, 10.0)
_LEGEND_ROOM_PX = 80
_STOPS = 9
_WHEEL_NOTCH = 120


class SlicePane(ImagePane):
    """The pane.

    Signals
    -------
    stepped : int
        Slices to go.
    placed : float, float
        x and y in pixels of the frame: where the crosshair goes.
    windowDragged : float, float
        Pixels of the screen to the right and down.
    """

    stepped = Signal(int)
    placed = Signal(float, float)
    windowDragged = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slices: SliceSet | None = None
        self._pressed: QPointF | None = None
        self._wheel = 0

    def show_place(self, slices: SliceSet) -> None:
        """Take letters, slice and crosshair."""
        self._slices = slices
        self.update()

    def notes(self) -> list[str]:
        """Return what the header says of the source besides its name."""
        content = self.content
        is_resampled = isinstance(content, VolumePaneContent) and content.is_resampled
        return [self.tr("resampled for viewing")] if is_resampled else []

    # -- painting ------------------------------------------------------------------------------------

    def paint_more(self, painter: QPainter) -> None:
        """Paint crosshair, letters, slice, and the scale of distances."""
        slices, content = self._slices, self.content
        if slices is None or content.picture is None:
            return
        self._paint_cross(painter, self.to_screen(slices.cross_xy))
        self._paint_letters(painter, slices)
        place = self.tr("{place} · {number} of {count}").format(
            place=slices.place, number=slices.number + 1, count=slices.num_slices
        )
        if slices.slab_mm:
            slab = self.tr("maximum over {thickness:g} mm").format(thickness=slices.slab_mm)
            place = f"{place} · {slab}"
        paint_text(painter, QPointF(16, 40 if self._has_legend else self.height() - 46), place, _INK)
        if not isinstance(content, VolumePaneContent) or content.is_reference:
            return
        if self._mode in (Mode.DIFFERENCE, Mode.DISTANCE) and content.note.text:
            text = painter.fontMetrics().elidedText(
                sentence(content.note), Qt.TextElideMode.ElideRight, self.width() - 40
            )
            paint_label(painter, QPointF(16, 66), text)
        elif self._mode is Mode.DISTANCE and content.legend_mm is not None:
            title = self.tr("inside · outside the reference")
            self._paint_scale(painter, content.legend_mm, "mm", title, MIDDLE)
        elif self._mode is Mode.DIFFERENCE and content.legend_values is not None:
            title = self.tr("below · above the reference")
            self._paint_scale(painter, *content.legend_values, title, NO_OFFSET)

    @property
    def _has_legend(self) -> bool:
        """Whether the lower right corner is taken."""
        return self._mode in (Mode.DIFFERENCE, Mode.DISTANCE) and not self.content.is_reference

    def share_text(self, change: Change, name: str) -> str:
        """Return what the legend of a difference says of a class: its share and its volume."""
        text, content = super().share_text(change, name), self.content
        if isinstance(content, VolumePaneContent) and change in content.volumes_ml:
            return f"{text} · {content.volumes_ml[change]:.2f} mL"
        return text

    def _paint_cross(self, painter: QPainter, at: QPointF) -> None:
        width, height, gap = float(self.width()), float(self.height()), _CROSS_GAP_PX
        painter.setPen(QPen(_CROSS, 1.0))
        for start, end in (
            (QPointF(0, at.y()), QPointF(at.x() - gap, at.y())),
            (QPointF(at.x() + gap, at.y()), QPointF(width, at.y())),
            (QPointF(at.x(), 0), QPointF(at.x(), at.y() - gap)),
            (QPointF(at.x(), at.y() + gap), QPointF(at.x(), height)),
        ):
            painter.drawLine(start, end)

    def _paint_letters(self, painter: QPainter, slices: SliceSet) -> None:
        left, right, top, bottom = slices.letters
        width, height = self.width(), self.height()
        # The legend of a mode takes the lower right corner, and may reach to the middle.
        below = height - (_LEGEND_ROOM_PX if self._has_legend else 8)
        for letter, at in (
            (left, QPointF(8, height / 2 + 5)),
            (right, QPointF(width - 20, height / 2 + 5)),
            (top, QPointF(width / 2 - 5, 18)),
            (bottom, QPointF(width / 2 - 5, below)),
        ):
            paint_text(painter, at, letter, _LETTERS)

    def _paint_scale(self, painter: QPainter, end: float, unit: str, title: str, middle: str) -> None:
        width, height = _LEGEND_PX
        bar = QRectF(self.width() - width - 20, self.height() - height - 34, width, height)
        colours = display().colours
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        shares = [2 * stop / (_STOPS - 1) - 1 for stop in range(_STOPS)]
        ends = colours["removed"], colours["added"]
        for share, (red, green, blue) in zip(
            shares, distance_colours(shares, 1.0, ends, middle), strict=True
        ):
            gradient.setColorAt((share + 1) / 2, QColor(int(red), int(green), int(blue)))
        painter.setPen(QPen(HALO, 1.5))
        painter.setBrush(gradient)
        painter.drawRect(bar)
        metrics = painter.fontMetrics()
        for share, text in ((0.0, f"−{end:g}"), (0.5, "0"), (1.0, f"+{end:g} {unit}".rstrip())):
            left = bar.left() + share * width - metrics.horizontalAdvance(text) * share
            paint_text(painter, QPointF(left, bar.bottom() + 16), text, _INK)
        at = QPointF(bar.right() - metrics.horizontalAdvance(title), bar.top() - 7)
        paint_text(painter, at, title, _INK)

    # -- mouse ---------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold; a left press that is let go where it was sets the crosshair."""
        super().mousePressEvent(event)
        is_place = event.button() == Qt.MouseButton.LeftButton and self._grip != "edge"
        self._pressed = QPointF(event.position()) if is_place else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag; small tremors are no drag."""
        if self._pressed is not None:
            moved = event.position() - self._pressed
            if moved.manhattanLength() < QApplication.startDragDistance():
                return
            self._pressed = None
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go; without a drag the crosshair comes here."""
        if self._pressed is not None:
            self.placed.emit(*self.camera.to_image(event.position(), self.size()))
        self._pressed = None
        super().mouseReleaseEvent(event)

    def _drag_window(self, offset: QPointF) -> None:
        self.windowDragged.emit(offset.x(), offset.y())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Go through the slices; with Ctrl zoom at the mouse, with Shift turn what the mode has to turn."""
        # Touchpads send small parts of a notch, and Alt or Shift may turn the wheel sideways.
        delta = event.angleDelta().y() or event.angleDelta().x()
        direction = 1 if delta > 0 else -1
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_at(event.position(), WHEEL_STEP**direction)
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.settingsChanged.emit(turned(self._mode, self.painter.settings, direction))
        else:
            self._wheel += delta
            steps = int(self._wheel / _WHEEL_NOTCH)
            self._wheel -= steps * _WHEEL_NOTCH
            if steps:
                self.stepped.emit(steps)

    def to_frame(self, at: QPointF) -> Point:
        """Return the place in the frame of a position in the pane."""
        return self.camera.to_image(at, self.size())
