"""The Volume screen: tool bar, three slices with a surface, what is being read, and tables below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSplitter,
    QStackedLayout,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from engines.contract.messages import Message
from workstation.actions.registry import ActionRegistry
from workstation.translation import translate_message
from workstation.views.elements.action_bar import ActionBar
from workstation.views.elements.empty_state import EmptyState
from workstation.views.protocols.volume import ClassRow, LayerRow, WindowRow
from workstation.views.volume.volume_panel import VolumePanel

TOOL_BAR = (
    ("four", "axial", "coronal", "sagittal", "surface", "tiles"),
    ("whole", "centre", "crosshair", "slab"),
    ("masks", "outline", "peek"),
)
_LOWER_PX = 208
_LOWER_SHARE = 0.26
_LEAST_SPLIT_PX = 600
"""On a lower screen slices and tables beside each other are too small: the tables begin folded."""
_NO_LIMIT_PX = 16777215
_PROGRESS_DELAY_MS = 200
"""What is quicker needs no bar."""


class VolumeScreen(QWidget):
    """Centre of the screen; with its panel it is the controller's `VolumeScreenView`.

    Parameters
    ----------
    actions : ActionRegistry
    panel : VolumePanel
    make_view : callable
        Makes the widget that is a `VolumeViewLike`.

    Attributes
    ----------
    view : VolumeView
    lower : QTabWidget
        Below the panes; shown as soon as it holds a table.
    tool_sections : QVBoxLayout
        Top of the panel, for tools.

    Signals
    -------
    stopped
        The person does not want to wait for what is being read.
    """

    stopped = Signal()

    def __init__(
        self,
        actions: ActionRegistry,
        panel: VolumePanel,
        make_view: Callable[[], QWidget],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.panel = panel
        self.tool_sections = panel.tool_sections
        self.view = make_view()
        self.problem = EmptyState("", "", None, [actions.action("volume.read_again")])
        self.elsewhere = EmptyState("", "", actions.action("screen.pairs"), [actions.action("item.next")])
        self.message = EmptyState("")
        panes = QWidget()
        self._pages = QStackedLayout(panes)
        for page in (self.view, self.message, self.problem, self.elsewhere):
            self._pages.addWidget(page)
        self._pages.setCurrentWidget(self.message)
        self.lower = LowerTabs()
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(3)
        self.splitter.addWidget(panes)
        self.splitter.addWidget(self.lower)
        self.splitter.setStretchFactor(0, 1)
        self._is_divided = False
        self.lower.folded.connect(self._divide)
        self.progress = ProgressLine()
        self.progress.stopped.connect(self.stopped)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(
            ActionBar([[actions.action(f"volume.{verb}") for verb in group] for group in TOOL_BAR])
        )
        column.addWidget(self.splitter, 1)
        column.addWidget(self.progress)

    # -- VolumeScreenView ----------------------------------------------------------------------------

    def show_layers(self, rows: Sequence[LayerRow]) -> None:
        """List the images and label maps of the case."""
        self.panel.layers.show_rows(rows)
        # Also without label maps: with the first stroke nothing may move under the mouse.
        self.lower.set_needed(bool(rows))
        if rows and self.isVisible() and not self.lower.isHidden() and not self._is_divided:
            # Only once: from then on it is as the person wants it.
            self._is_divided = True
            self.lower.set_folded(self.splitter.height() < _LEAST_SPLIT_PX)
            self._divide()

    def _divide(self) -> None:
        """Give the tables their share of the height."""
        height = self.splitter.height()
        lower = self.lower.least_height
        if not self.lower.is_folded:
            lower = max(lower, round(_LOWER_SHARE * height))
        self.splitter.setSizes([max(0, height - lower), lower])

    def show_classes(self, rows: Sequence[ClassRow], num_unnamed: int = 0) -> None:
        """List the classes of the active label map."""
        self.panel.classes.show_rows(rows, num_unnamed)

    def show_window(self, window: WindowRow) -> None:
        """Show the grey-value window of the base image."""
        self.panel.window_box.show_window(window)

    def show_problem(self, problem: Message | None, *, is_elsewhere: bool = False) -> None:
        """Say in place of the slices why there are none."""
        if problem is None:
            self._pages.setCurrentWidget(self.view)
            return
        page = self.elsewhere if is_elsewhere else self.problem
        page.sentence.setText(translate_message(problem))
        self._pages.setCurrentWidget(page)

    def show_message(self, message: Message) -> None:
        """Say what is going on, where nothing is wrong."""
        self.message.sentence.setText(translate_message(message))
        self._pages.setCurrentWidget(self.message)

    def show_progress(self, text: Message | None, share: float | None) -> None:
        """Say what is being read; None: nothing; a share of None has no known end."""
        self.progress.show_progress("" if text is None else translate_message(text), share)


class LowerTabs(QTabWidget):
    """Tables of label maps below the panes; hidden while there are no tables, or no case.

    Signals
    -------
    folded : bool
        Only the tabs are left, or the tables are back.
    """

    folded = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.tabBar().setDrawBase(False)
        self._is_needed = self._has_queue = self._is_folded = False
        self.tabBarClicked.connect(lambda _index: self.set_folded(False))
        self.hide()

    @property
    def is_folded(self) -> bool:
        """Whether only the tabs are shown."""
        return self._is_folded

    @property
    def least_height(self) -> int:
        """Room for the tabs, and for a bar and a few rows unless they are folded."""
        return self.tabBar().sizeHint().height() if self._is_folded else _LOWER_PX

    def set_folded(self, is_folded: bool) -> None:
        """Leave the tabs only, or bring the tables back."""
        if is_folded != self._is_folded:
            self._is_folded = is_folded
            self._stack().setVisible(not is_folded)
            self.setMaximumHeight(self.least_height if is_folded else _NO_LIMIT_PX)
            self.updateGeometry()
            self.folded.emit(is_folded)

    def _stack(self) -> QStackedWidget:
        found = self.findChild(QStackedWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        assert found is not None
        return found

    def set_needed(self, is_needed: bool) -> None:
        """Tell whether the case has label maps."""
        self._is_needed = is_needed
        self.setVisible((is_needed or self._has_queue) and self.count() > 0)

    def set_queue(self, *, has_queue: bool) -> None:
        """Tell whether there are results to review, whatever case is shown."""
        self._has_queue = has_queue
        self.set_needed(self._is_needed)

    def minimumSizeHint(self) -> QSize:
        """Return room for a bar and a few rows: the slices need the rest."""
        return QSize(super().minimumSizeHint().width(), self.least_height)

    def tabInserted(self, index: int) -> None:
        """Appear with the first table."""
        super().tabInserted(index)
        self.set_needed(self._is_needed)


class ProgressLine(QFrame):
    """What is being read, how far it is, and a button that ends it.

    Signals
    -------
    stopped
    """

    stopped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pane_bar")
        self.text = QLabel(self)
        self.bar = QProgressBar(self)
        self.bar.setFixedWidth(220)
        self.stop = QPushButton(self.tr("Cancel"), self)
        self.stop.clicked.connect(self.stopped)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 3, 12, 3)
        row.setSpacing(10)
        row.addWidget(self.text, 1)
        row.addWidget(self.bar)
        row.addWidget(self.stop)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_PROGRESS_DELAY_MS)
        self._later.timeout.connect(self.show)
        self.hide()

    def show_progress(self, text: str, share: float | None) -> None:
        """Show a line, or none for an empty text."""
        if not text:
            self._later.stop()
            self.hide()
            return
        self.text.setText(f"{text}…")
        self.bar.setRange(0, 0 if share is None else 100)
        self.bar.setValue(0 if share is None else round(100 * share))
        if self.isHidden() and not self._later.isActive():
            self._later.start()
