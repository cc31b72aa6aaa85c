"""A strip of pictures: what a training will see, before it is started."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from engines.contract.training_preview import TrainingPicture
from workstation.views.runs.run_words import spoken

_HEIGHT_PX = 150


class TrainingPreview(QWidget):
    """A button, and below it the pictures once they were asked for.

    Signals
    -------
    requested : int
        Draw pictures with this seed; each time another one.
    """

    requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seed = 0
        self.button = QPushButton(self.tr("Show what training will see"), self)
        self.button.setProperty("role", "link")
        self.button.setToolTip(self.tr("Draw pictures of one item with the settings in the form"))
        self.button.clicked.connect(self._ask)
        self.hide_button = QPushButton(self.tr("Hide"), self)
        self.hide_button.setProperty("role", "link")
        self.hide_button.setToolTip(self.tr("Put the pictures away"))
        self.hide_button.clicked.connect(self.clear)
        self.note = QLabel(self)
        self.note.setProperty("role", "muted")
        self.scroll = QScrollArea(self)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setWidgetResizable(True)
        self.scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setFixedHeight(_HEIGHT_PX + 44)
        self.scroll.setAccessibleName(self.tr("What training will see"))
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addWidget(self.hide_button)
        row.addWidget(self.note)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.scroll)
        self.clear()

    def show_pictures(self, pictures: Sequence[TrainingPicture]) -> None:
        """Show pictures side by side; without any, say that there are none."""
        self.button.setText(self.tr("Draw others"))
        self.note.setText("" if pictures else self.tr("No item that this phase would train on can be drawn."))
        strip = QWidget(self.scroll)
        row = QHBoxLayout(strip)
        row.setContentsMargins(0, 0, 0, 0)
        for picture in pictures:
            row.addWidget(_captioned(picture, strip))
        row.addStretch(1)
        self.scroll.setWidget(strip)
        self.scroll.setVisible(bool(pictures))
        self.hide_button.setVisible(True)

    def clear(self) -> None:
        """Put the pictures away."""
        self.scroll.setVisible(False)
        self.hide_button.setVisible(False)
        self.note.clear()
        self.button.setText(self.tr("Show what training will see"))

    def _ask(self) -> None:
        self.note.setText(self.tr("Drawing…"))
        self.requested.emit(self._seed)
        self._seed += 1


def _captioned(picture: TrainingPicture, parent: QWidget) -> QWidget:
    holder = QWidget(parent)
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    shown = QLabel(holder)
    pixmap = _pixmap(picture.image)
    shown.setPixmap(pixmap.scaledToHeight(_HEIGHT_PX, Qt.TransformationMode.SmoothTransformation))
    shown.setAccessibleName(spoken(picture.title))
    caption = QLabel(spoken(picture.title), holder)
    caption.setProperty("role", "muted")
    column.addWidget(shown)
    column.addWidget(caption)
    return holder


def _pixmap(image: np.ndarray) -> QPixmap:
    pixels = np.ascontiguousarray(image, dtype=np.uint8)
    height, width = pixels.shape[:2]
    kind = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
    return QPixmap.fromImage(QImage(pixels.data, width, height, pixels.strides[0], kind).copy())
