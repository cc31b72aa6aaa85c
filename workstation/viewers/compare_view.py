"""Two to six linked panes of one item: one camera, one cursor, one mode, and window and level shared."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engines.contract.geometry import Size
from engines.imaging.screen_picture import Picture
from workstation.viewers.compare_pane import ImagePane
from workstation.viewers.image_overlay import turned
from workstation.viewers.mode_painter import Camera, Window
from workstation.views.protocols.compare import MAX_PANES, MIN_PANES, PaneContent, ShownPane, SourceRow
from workstation.views.protocols.overlay_modes import Mode, ModeSettings
from workstation.views.runs.run_words import sentence

LETTERS = "ABCDEF"
COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}


class PaneFrame(QWidget):
    """A pane with its header: letter, source, and a button that takes it away.

    Signals
    -------
    sourceChosen : str
    removed
    """

    sourceChosen = Signal(str)
    removed = Signal()

    def __init__(self, letter: str, pane: ImagePane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.letter = letter
        self.pane = pane
        self.box = QComboBox()
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(5)
        self.box.setAccessibleName(self.tr("Source of pane {letter}").format(letter=letter))
        self.box.activated.connect(lambda _index: self.sourceChosen.emit(str(self.box.currentData())))
        self.note = QLabel()
        self.note.setProperty("role", "muted")
        self.close_button = QToolButton()
        self.close_button.setText("✕")
        self.close_button.setProperty("role", "flat")
        self.close_button.setToolTip(self.tr("Take this pane away"))
        self.close_button.setAccessibleName(self.tr("Take pane {letter} away").format(letter=letter))
        self.close_button.clicked.connect(self.removed)
        name = QLabel(letter)
        name.setProperty("role", "title")
        bar = QFrame()
        bar.setObjectName("pane_bar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(10, 3, 6, 3)
        row.addWidget(name)
        row.addWidget(self.box, 1)
        row.addWidget(self.note)
        row.addWidget(self.close_button)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.problem.setProperty("role", "muted")
        self.problem.setContentsMargins(16, 16, 16, 16)
        holder = QWidget()
        self._stack = QStackedLayout(holder)
        self._stack.addWidget(self.pane)
        self._stack.addWidget(self.problem)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(bar)
        layout.addWidget(holder, 1)

    def show_sources(self, sources: Sequence[SourceRow], chosen: str) -> None:
        """List the sources, and which of them is shown."""
        with QSignalBlocker(self.box):
            self.box.clear()
            for source in sources:
                self.box.addItem(sentence(source.title), source.key)
                tip = source.detail or sentence(source.title)
                self.box.setItemData(self.box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            self.box.setCurrentIndex(self.box.findData(chosen))
        self.box.setToolTip(str(self.box.currentData(Qt.ItemDataRole.ToolTipRole) or ""))

    def show_content(self, content: PaneContent) -> None:
        """Show a source, or why it cannot be shown."""
        self.pane.show_content(content)
        text = sentence(content.problem)
        self.problem.setText(text)
        self._stack.setCurrentWidget(self.problem if text else self.pane)
        notes = []
        if content.is_reference:
            notes.append(self.tr("reference"))
        if content.picture is None and not text:
            notes.append("…")
        elif content.picture is not None and content.picture.scale < 1.0:
            notes.append(self.tr("shown at {percent:.0f} %").format(percent=100 * content.picture.scale))
        notes += self.pane.notes()
        self.note.setText(" · ".join(notes))


class CompareView(QWidget):
    """The panes.

    Signals
    -------
    sourceChosen : int, str
        Pane and key.
    paneRemoved : int
    settingsChanged : ModeSettings
    cursorMoved : float, float
        x and y in pixels of the frame.
    """

    sourceChosen = Signal(int, str)
    paneRemoved = Signal(int)
    settingsChanged = Signal(object)
    cursorMoved = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.frames: list[PaneFrame] = []
        self.mode = Mode.TILES
        self._settings = ModeSettings()
        self._camera: Camera | None = None
        self._is_whole = True
        self._is_window_linked = True
        self._has_points = True
        self._frame: tuple[Picture | None, Size | None, float | None] = (None, None, None)
        self._sources: dict[str, str] = {}
        self._reference_name = ""
        self._is_second = True
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._alternate)
        self._fit = QTimer(self)
        self._fit.setSingleShot(True)
        self._fit.setInterval(0)
        self._fit.timeout.connect(self._fit_whole)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(3)

    # -- what is shown -------------------------------------------------------------------------------

    @property
    def panes(self) -> list[ImagePane]:
        """The panes, in order."""
        return [frame.pane for frame in self.frames]

    def show_sources(self, sources: Sequence[SourceRow], chosen: Sequence[str], reference: str) -> None:
        """Show one pane for each chosen source."""
        self._set_number(len(chosen))
        self._sources = {source.key: sentence(source.title) for source in sources}
        self._reference_name = self._sources.get(reference, "")
        for frame, key in zip(self.frames, chosen, strict=True):
            frame.show_sources(sources, key)
            frame.close_button.setVisible(len(chosen) > MIN_PANES)
            frame.pane.set_names(self._reference_name, self._sources.get(key, ""))

    def show_frame(self, reference: Picture | None, size: Size | None, spacing_mm: float | None) -> None:
        """Take the reference, and the frame of every pane."""
        is_other = size != self._frame[1]
        self._frame = (reference, size, spacing_mm)
        for pane in self.panes:
            pane.set_reference(*self._frame)
        if is_other:
            self.show_whole()

    def show_pane(self, index: int, content: PaneContent) -> None:
        """Show the content of a pane."""
        if index < len(self.frames):
            self.frames[index].show_content(content)

    def show_mode(self, mode: Mode) -> None:
        """Lay every pane over the reference."""
        self.mode = mode
        self._is_second = True
        for pane in self.panes:
            pane.set_mode(mode)
            pane.alternate(True)
        self._run_clock()

    @property
    def settings(self) -> ModeSettings:
        """What may be turned."""
        return self._settings

    def set_settings(self, settings: ModeSettings) -> None:
        """Turn what a mode has to turn, in every pane."""
        self._settings = settings
        for pane in self.panes:
            pane.set_settings(settings)
        self._run_clock()
        self.settingsChanged.emit(settings)

    def turn(self, direction: int) -> None:
        """Turn a step up or down."""
        self.set_settings(turned(self.mode, self._settings, direction))

    def show_points(self, is_shown: bool) -> None:
        """Draw the landmarks, or not."""
        self._has_points = is_shown
        for pane in self.panes:
            pane.show_points(is_shown)

    def set_window_linked(self, is_linked: bool) -> None:
        """Let window and level of all panes follow each other."""
        self._is_window_linked = is_linked
        if is_linked and self.frames:
            self._share_window(self.panes[0], self.panes[0].painter.window)

    def reset_window(self) -> None:
        """Show the grey values as they are."""
        for pane in self.panes:
            pane.set_window(None)

    def shown_panes(self) -> list[ShownPane]:
        """Return how each pane is seen, for a figure."""
        return [pane.shown() for pane in self.panes]

    def show_whole(self) -> None:
        """Show the whole frame in every pane."""
        self._is_whole = True
        # Panes have their size only after the layout was done.
        self._fit.start()

    def shut(self) -> None:
        """Stop the clocks."""
        self._clock.stop()
        self._fit.stop()

    def sizeHint(self) -> QSize:
        """Return a size that leaves room for a panel."""
        return QSize(900, 600)

    # -- panes ---------------------------------------------------------------------------------------

    def _set_number(self, number: int) -> None:
        number = min(number, MAX_PANES)
        if number == len(self.frames):
            return
        while len(self.frames) > number:
            frame = self.frames.pop()
            frame.setParent(None)
            frame.deleteLater()
        while len(self.frames) < number:
            self.frames.append(self._new_frame(len(self.frames)))
        columns = COLUMNS.get(number, 1)
        for index, frame in enumerate(self.frames):
            self._grid.addWidget(frame, index // columns, index % columns)
        for place in range(3):
            self._grid.setColumnStretch(place, 1 if place < columns else 0)
            self._grid.setRowStretch(place, 1 if place * columns < number else 0)
        if self._is_whole:
            self.show_whole()

    def new_pane(self, _index: int) -> ImagePane:
        """Make a pane."""
        return ImagePane()

    def _new_frame(self, index: int) -> PaneFrame:
        frame = PaneFrame(LETTERS[index], self.new_pane(index))
        frame.sourceChosen.connect(lambda key: self.sourceChosen.emit(index, key))
        frame.removed.connect(lambda: self.paneRemoved.emit(index))
        pane = frame.pane
        pane.set_reference(*self._frame)
        pane.set_settings(self._settings)
        pane.set_mode(self.mode)
        pane.show_points(self._has_points)
        if self._is_window_linked and self.frames:
            pane.set_window(self.panes[0].painter.window)
        if self._camera is not None:
            pane.set_camera(self._camera)
        pane.cameraChanged.connect(self._on_camera)
        pane.cursorMoved.connect(lambda x, y: self._on_cursor(pane, (x, y)))
        pane.cursorLeft.connect(lambda: self._on_cursor(pane, None))
        pane.settingsChanged.connect(self.set_settings)
        pane.windowChanged.connect(lambda window: self._share_window(pane, window))
        return frame

    # -- links ---------------------------------------------------------------------------------------

    def _on_camera(self, camera: Camera) -> None:
        self._is_whole = False
        self._look(camera)

    def _look(self, camera: Camera) -> None:
        self._camera = camera
        for pane in self.panes:
            pane.set_camera(camera)

    def _fit_whole(self) -> None:
        cameras = [camera for pane in self.panes if (camera := pane.whole_camera()) is not None]
        if cameras:
            self._look(min(cameras, key=lambda camera: camera.zoom))

    def _on_cursor(self, pane: ImagePane, xy: tuple[float, float] | None) -> None:
        for other in self.panes:
            if other is not pane:
                other.set_cursor(xy)
        if xy is not None:
            self.cursorMoved.emit(*xy)

    def _share_window(self, pane: ImagePane, window: Window | None) -> None:
        for other in self.panes if self._is_window_linked else [pane]:
            other.set_window(window)

    def _run_clock(self) -> None:
        if self.mode is Mode.FLICKER:
            self._clock.start(round(500 / self._settings.flicker_hz))
        else:
            self._clock.stop()

    def _alternate(self) -> None:
        self._is_second = not self._is_second
        for pane in self.panes:
            pane.alternate(self._is_second)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the whole frame in view."""
        super().resizeEvent(event)
        if self._is_whole:
            self._fit.start()
