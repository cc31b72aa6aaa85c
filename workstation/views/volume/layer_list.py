"""The images and label maps of a case: which is at the bottom, which is drawn in, how opaque each is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QSizePolicy,
    QSlider,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.views.elements.icons import icon
from workstation.views.elements.theme import current_theme
from workstation.views.protocols.volume import LayerRow

_SLIDER_PX = 62
_EYE = QSize(15, 15)


class LayerList(QWidget):
    """Rows of layers; images above, label maps below.

    Signals
    -------
    layerChosen : str, bool
        Key, and whether it is an image: the base, or the label map to draw in.
    visibilityToggled : str
        Key of a label map.
    opacityChosen : str, bool, float
        Key, whether it is an image, 0 to 1.
    renamed : str, str
        Key and new name of a label map.
    """

    layerChosen = Signal(str, bool)
    visibilityToggled = Signal(str)
    opacityChosen = Signal(str, bool, float)
    renamed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)
        self._groups = {True: QButtonGroup(self), False: QButtonGroup(self)}
        self._rows: list[LayerRow] = []
        self.lines: dict[str, LayerLine] = {}

    def show_rows(self, rows: Sequence[LayerRow]) -> None:
        """List layers; lines that are there already stay, so that a slider may be dragged."""
        if [(row.key, row.is_image) for row in rows] != [(row.key, row.is_image) for row in self._rows]:
            self._build(rows)
        self._rows = list(rows)
        has_many = sum(row.is_image for row in rows) > 1
        for row in rows:
            self.lines[row.key].show_row(row, is_alone=row.is_image and not has_many)

    def edit(self, key: str) -> None:
        """Let the person type another name for a label map."""
        if key in self.lines:
            self.lines[key].edit()

    def _build(self, rows: Sequence[LayerRow]) -> None:
        for line in self.lines.values():
            self._groups[line.is_image].removeButton(line.radio)
            self._column.removeWidget(line)
            line.hide()
            line.deleteLater()
        self.lines = {}
        for row in rows:
            line = LayerLine(row.key, row.is_image, self)
            self._groups[row.is_image].addButton(line.radio)
            line.radio.clicked.connect(
                lambda _checked=False, row=row: self.layerChosen.emit(row.key, row.is_image)
            )
            line.eye.clicked.connect(lambda _checked=False, row=row: self.visibilityToggled.emit(row.key))
            line.slider.valueChanged.connect(
                lambda value, row=row: self.opacityChosen.emit(row.key, row.is_image, value / 100)
            )
            line.renamed.connect(self.renamed)
            self._column.addWidget(line)
            self.lines[row.key] = line


class LayerLine(QWidget):
    """One layer.

    Signals
    -------
    renamed : str, str
        Key and new name.
    """

    renamed = Signal(str, str)

    def __init__(self, key: str, is_image: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key = key
        self.is_image = is_image
        self._title = self._shown = ""
        self.radio = QRadioButton(self)
        self.radio.setToolTip(
            self.tr("Show this image at the bottom; tools and the status line read it.")
            if is_image
            else self.tr("Draw in this label map.")
        )
        self.eye = QToolButton(self)
        self.eye.setProperty("role", "flat")
        self.eye.setIconSize(_EYE)
        self.eye.setToolTip(self.tr("Show or hide"))
        # Names of images and label maps stand below each other.
        policy = self.eye.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.eye.setSizePolicy(policy)
        self.eye.setVisible(not is_image)
        self.name = QLabel(self)
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.name.installEventFilter(self)
        self.field = QLineEdit(self)
        self.field.setAccessibleName(self.tr("Name of the label map"))
        self.field.editingFinished.connect(self._on_named)
        self.field.installEventFilter(self)
        middle = QWidget(self)
        self._middle = QStackedLayout(middle)
        self._middle.addWidget(self.name)
        self._middle.addWidget(self.field)
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setRange(0, 100)
        self.slider.setFixedWidth(_SLIDER_PX)
        self.slider.setToolTip(self.tr("Opacity"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.radio)
        row.addWidget(self.eye)
        row.addWidget(middle, 1)
        row.addWidget(self.slider)

    def show_row(self, row: LayerRow, *, is_alone: bool) -> None:
        """Show what the layer is now; an image that is alone needs no opacity."""
        title = self.tr("{name} (proposal)").format(name=row.title) if row.is_proposal else row.title
        self._title = row.title
        self._shown = title
        self._elide()
        self.name.setProperty("role", "" if row.is_visible else "muted")
        self.name.style().polish(self.name)
        self.name.setToolTip(f"{title}\n{row.detail}")
        self.radio.setAccessibleName(title)
        self.eye.setAccessibleName(self.tr("Show {name}").format(name=title))
        self.slider.setAccessibleName(self.tr("Opacity of {name}").format(name=title))
        self.eye.setIcon(icon("eye" if row.is_visible else "hidden", current_theme()))
        with QSignalBlocker(self.radio), QSignalBlocker(self.slider):
            self.radio.setChecked(row.is_active)
            if not self.slider.isSliderDown():
                self.slider.setValue(round(100 * row.opacity))
        self.slider.setEnabled(not (row.is_image and row.is_active))
        self.slider.setVisible(not is_alone)

    def _elide(self) -> None:
        """Show as much of the name as there is room for."""
        text = self._shown
        if self.isVisible():
            metrics = self.name.fontMetrics()
            text = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, self.name.width())
        self.name.setText(text)

    def edit(self) -> None:
        """Let the person type another name."""
        self.field.setText(self._title)
        self._middle.setCurrentWidget(self.field)
        self.field.selectAll()
        self.field.setFocus()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Rename by a double click; Esc leaves the name as it was."""
        if watched is self.name and event.type() == QEvent.Type.MouseButtonDblClick and not self.is_image:
            self.edit()
            return True
        if watched is self.name and event.type() == QEvent.Type.MouseButtonPress:
            assert isinstance(event, QMouseEvent)
            if event.button() == Qt.MouseButton.LeftButton:
                self.radio.click()
        if watched is self.name and event.type() == QEvent.Type.Resize:
            self._elide()
        is_key = watched is self.field and event.type() == QEvent.Type.KeyPress
        if is_key and event.key() == Qt.Key.Key_Escape:  # type: ignore[attr-defined]
            self.field.setText(self._title)
            self._middle.setCurrentWidget(self.name)
            return True
        return False

    def _on_named(self) -> None:
        if self._middle.currentWidget() is not self.field:
            return
        self._middle.setCurrentWidget(self.name)
        name = self.field.text().strip()
        if name and name != self._title:
            self.renamed.emit(self.key, name)
