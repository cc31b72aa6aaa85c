"""Panels of kind `image_series`: pictures of fixed items over the steps of a run, with a scrubber."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QPixmap, QPixmapCache, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from engines.contract.panels import PanelFile
from workstation.views.panels import PanelWidget
from workstation.views.protocols.runs import Frame
from workstation.views.runs.run_words import key_label

_GAP_PX = 6
_CAPTION_PX = 20


class Picture(QWidget):
    """One picture with its name below, as large as its place allows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixmap = QPixmap()
        self._name = ""
        self.image = QLabel(self)
        self.image.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.image.setWordWrap(True)
        self.image.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.image.setMinimumSize(64, 48)
        self.caption = QLabel(self)
        self.caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.caption.setProperty("role", "muted")
        self.caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addWidget(self.image, 1)
        layout.addWidget(self.caption)

    def show_frame(self, frame: Frame | None, name: str) -> None:
        """Draw a frame; None says that there is no picture of this name at the step."""
        self._name = key_label(name)
        self._name_it()
        self._pixmap = _load(frame.path) if frame is not None else QPixmap()
        if self._pixmap.isNull():
            self.image.setPixmap(QPixmap())
            self.image.setText(
                self.tr("no picture at this step") if frame is None else self.tr("the picture is missing")
            )
        else:
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the picture again."""
        super().resizeEvent(event)
        self._name_it()
        if not self._pixmap.isNull():
            self._fit()

    def _name_it(self) -> None:
        """Write the name in one line: a second one would take from a low picture."""
        metrics = self.caption.fontMetrics()
        self.caption.setText(metrics.elidedText(self._name, Qt.TextElideMode.ElideRight, self.width()))
        self.caption.setToolTip(self._name)

    def _fit(self) -> None:
        size = self.image.size().expandedTo(QSize(1, 1))
        self.image.setPixmap(
            self._pixmap.scaled(
                size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
        )


class _Place(QWidget):
    """Where the pictures lie."""

    resized = Signal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()


class ImageSeries(PanelWidget):
    """Pictures of one item at one step, side by side; a slider goes through the steps.

    While the slider stands at the newest step, it follows new ones.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frames: tuple[Frame, ...] = ()
        self._steps: list[int] = []
        self.item_box = QComboBox(self)
        self.item_box.setToolTip(self.tr("Which of the fixed validation items is shown"))
        self.item_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.item_box.currentIndexChanged.connect(self._on_item_chosen)
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setPageStep(1)
        self.slider.setToolTip(self.tr("Step of the run; the right end follows the newest"))
        self.slider.setAccessibleName(self.tr("Step of the pictures"))
        self.slider.valueChanged.connect(self._draw)
        self.step_label = QLabel(self)
        self.step_label.setMinimumWidth(90)
        self.empty = QLabel(self.tr("No pictures yet. They appear after the first validation."), self)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setProperty("role", "muted")
        self.empty.setWordWrap(True)
        self._controls = QWidget(self)
        row = QHBoxLayout(self._controls)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.item_box)
        row.addWidget(self.slider, 1)
        row.addWidget(self.step_label)
        self._place = _Place(self)
        self._place.resized.connect(self._arrange)
        self._grid = QGridLayout(self._place)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(_GAP_PX)
        self._columns = 0
        self.pictures: list[Picture] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._controls)
        layout.addWidget(self._place, 1)
        layout.addWidget(self.empty, 1)
        self.show_frames(())

    def show_panel(self, panel: PanelFile, run_folder: Path) -> None:
        """Draw ``{"frames": [{"step", "item", "name", "path"}]}``."""
        self.show_frames(
            tuple(
                Frame(int(row["step"]), str(row["item"]), str(row["name"]), run_folder / str(row["path"]))
                for row in panel.data.get("frames", ())
            )
        )

    def show_frames(self, frames: Sequence[Frame]) -> None:
        """Draw these pictures; the chosen item and step stay, or follow the newest."""
        if tuple(frames) == self._frames and frames:
            return
        self._frames = tuple(frames)
        items = list(dict.fromkeys(frame.item for frame in self._frames))
        for widget in (self._controls, self._place):
            widget.setVisible(bool(items))
        self.empty.setVisible(not items)
        chosen = self.item_box.currentData()
        with QSignalBlocker(self.item_box):
            self.item_box.clear()
            for item in items:
                self.item_box.addItem(item or self.tr("all items"), item)
            self.item_box.setCurrentIndex(max(0, self.item_box.findData(chosen)) if items else -1)
        self.item_box.setVisible(len(items) > 1 or any(items))
        self._list_steps()

    def _on_item_chosen(self) -> None:
        self._list_steps()

    def _list_steps(self) -> None:
        """Renew the slider: at the right end it follows, elsewhere it keeps its step."""
        is_following = self.slider.value() >= self.slider.maximum()
        before = self._step()
        item = self.item_box.currentData()
        self._steps = sorted({frame.step for frame in self._frames if frame.item == item})
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, max(0, len(self._steps) - 1))
            self.slider.setEnabled(len(self._steps) > 1)
            if is_following or before not in self._steps:
                self.slider.setValue(self.slider.maximum())
            else:
                self.slider.setValue(self._steps.index(before))
        self._draw()

    def _step(self) -> int:
        index = self.slider.value()
        return self._steps[index] if index < len(self._steps) else -1

    def _draw(self) -> None:
        item, step = self.item_box.currentData(), self._step()
        names = list(dict.fromkeys(frame.name for frame in self._frames if frame.item == item))
        shown = {frame.name: frame for frame in self._frames if frame.item == item and frame.step == step}
        if len(self.pictures) != len(names):
            while len(self.pictures) < len(names):
                self.pictures.append(Picture(self._place))
            while len(self.pictures) > len(names):
                gone = self.pictures.pop()
                self._grid.removeWidget(gone)
                gone.hide()
                gone.deleteLater()
            self._columns = 0
            self._arrange()
        for picture, name in zip(self.pictures, names, strict=True):
            picture.show_frame(shown.get(name), name)
        self.step_label.setText(self.tr("step {n}").format(n=step) if step >= 0 else "")

    def _arrange(self) -> None:
        """Lay the pictures in as many rows as make them largest."""
        if not self.pictures:
            return
        columns = columns_for(len(self.pictures), self._place.width(), self._place.height())
        if columns == self._columns:
            return
        self._columns = columns
        for number, picture in enumerate(self.pictures):
            self._grid.addWidget(picture, number // columns, number % columns)
            picture.show()
        rows = -(-len(self.pictures) // columns)
        for row in range(max(rows, self._grid.rowCount())):
            self._grid.setRowStretch(row, int(row < rows))
        for column in range(max(columns, self._grid.columnCount())):
            self._grid.setColumnStretch(column, int(column < columns))


def columns_for(count: int, width: int, height: int) -> int:
    """Return in how many columns square pictures with captions are largest; of equals, the most columns.

    Parameters
    ----------
    count : int
        Pictures, one at least.
    width, height : int, px
    """

    def side(columns: int) -> float:
        rows = -(-count // columns)
        return min(width / columns, height / rows - _CAPTION_PX) - _GAP_PX

    return max(range(1, count + 1), key=lambda columns: (round(side(columns)), columns))


def _load(path: Path) -> QPixmap:
    """Read a picture once; previews are never rewritten under the same name."""
    key = str(path)
    pixmap = QPixmap()
    if not QPixmapCache.find(key, pixmap):
        pixmap.load(key)
        if not pixmap.isNull():
            QPixmapCache.insert(key, pixmap)
    return pixmap


def build(parent: QWidget | None = None) -> ImageSeries:
    """Return a drawer of image series."""
    return ImageSeries(parent)
