"""The Pairs screen: two linked canvases, the tool bar, the table, the task panel, and their controller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engines.contract.geometry import FloatArray, Size
from engines.contract.messages import Message
from workstation.actions.pairs import AREA, CANVAS
from workstation.actions.registry import ActionRegistry
from workstation.controllers.pairs_controller import PairsController
from workstation.controllers.workbench import Workbench
from workstation.screens import Screen
from workstation.translation import translate_message
from workstation.viewers.pair_view import SIDES, PairView, Tool
from workstation.views.keypoint_table import KeypointTable
from workstation.views.pairs_panel import PairsPanel
from workstation.views.protocols import FitSummary, MethodRow, PairRow, RegistrationSummary

TOOL_BAR = ("select", "add", "", "delete", "exclude", "", "previous", "next", "worst", "", "lock", "blend", "reset_view")


class PairsScreen(QWidget):
    """Centre of the screen; with its panel it is the controller's `PairsView`.

    Parameters
    ----------
    actions : ActionRegistry
    panel : PairsPanel
    """

    def __init__(self, actions: ActionRegistry, panel: PairsPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel = panel
        self.pair_view = PairView()
        self.table = KeypointTable()
        self.message = QLabel()
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setWordWrap(True)
        self.message.setProperty("role", "title")
        self.no_pairs = QLabel(self.tr("No pairs yet. Press N and click a vessel fork in fixed, then in moving."))
        self.no_pairs.setProperty("role", "muted")
        self.no_pairs.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._captions = ("", "")
        images = QWidget()
        self._images = QStackedLayout(images)
        self._images.addWidget(self.pair_view)
        self._images.addWidget(self.message)
        below = QWidget()
        self._below = QStackedLayout(below)
        self._below.addWidget(self.table)
        self._below.addWidget(self.no_pairs)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(3)
        splitter.addWidget(images)
        splitter.addWidget(below)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([620, 190])
        below.setMinimumHeight(90)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(_tool_bar(actions))
        layout.addWidget(splitter, 1)

    # -- PairsView -----------------------------------------------------------------------------------

    def show_images(self, fixed: Any, moving: Any) -> None:
        """Show two images, or none."""
        self.pair_view.show_images(fixed, moving)

    def show_captions(self, fixed: str, moving: str) -> None:
        """Say what the panes show."""
        self._captions = (fixed, moving)
        self.pair_view.set_caption("fixed", self._title("fixed"))
        self.pair_view.set_caption("moving", self._title("moving"))

    def show_pairs(self, rows: Sequence[PairRow], selected: str) -> None:
        """Show the pairs on both canvases and in the table."""
        self.pair_view.show_rows(rows, selected)
        self.table.show_rows(rows, selected)
        self._below.setCurrentWidget(self.table if rows else self.no_pairs)

    def centre_on(self, row: PairRow) -> None:
        """Bring a pair into view."""
        self.pair_view.centre_on(row)

    def show_fit(self, fit: FitSummary) -> None:
        """Show the fit in the panel."""
        self.panel.show_fit(fit)

    def show_methods(self, methods: Sequence[MethodRow], chosen: str) -> None:
        """List the methods of registration."""
        self.panel.show_methods(methods, chosen)

    def show_registration(self, registration: RegistrationSummary) -> None:
        """Show what the last registration said."""
        self.panel.show_registration(registration)

    def set_link(self, homography_fixed_from_moving: FloatArray | None, sizes: tuple[Size, Size]) -> None:
        """Link the canvases."""
        self.pair_view.set_link(homography_fixed_from_moving, sizes)

    def show_blend(self, blend: Any) -> None:
        """Show the overlay in the fixed pane, or the fixed image."""
        self.pair_view.show_blend(blend)
        if self.pair_view.is_blend_shown:
            title = self.tr("Overlay")
            self.pair_view.set_caption("fixed", title, self.tr("fixed green, moving magenta"))
        else:
            self.pair_view.set_caption("fixed", self._title("fixed"))

    def show_tool(self, *, is_adding: bool, half_label: str) -> None:
        """Say what the next click means."""
        self.pair_view.tool = Tool.ADD if is_adding else Tool.SELECT
        if half_label:
            hint = self.tr("Pair {label}: now click the same place in moving. Esc drops it.")
        elif is_adding:
            hint = self.tr("Click a vessel fork in fixed, then the same one in moving.")
        else:
            hint = self.tr("Press N, then click the same place in both images.")
        self.panel.show_hint(hint.format(label=half_label))

    def show_message(self, message: Message) -> None:
        """Say in place of the images why there are none."""
        text = translate_message(message)
        self.message.setText(text)
        self._images.setCurrentWidget(self.message if text else self.pair_view)

    def _title(self, side: str) -> str:
        names = {"fixed": self.tr("Fixed"), "moving": self.tr("Moving")}
        return f"{names[side]}   {self._captions[SIDES.index(side)]}".rstrip()

    # -- keys ----------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Peek also when the focus is not in a canvas."""
        if event.key() == Qt.Key.Key_T and not event.isAutoRepeat():
            self.pair_view.peekHeld.emit(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """End the peek."""
        if event.key() == Qt.Key.Key_T and not event.isAutoRepeat():
            self.pair_view.peekHeld.emit(False)
        else:
            super().keyReleaseEvent(event)


def build(workbench: Workbench, actions: ActionRegistry) -> Screen:
    """Make the screen and connect it."""
    panel = PairsPanel(actions)
    centre = PairsScreen(actions, panel)
    controller = PairsController(workbench, centre, centre)
    view = centre.pair_view
    view.pointAdded.connect(controller.click)
    view.pointMoved.connect(controller.move)
    view.pointDragged.connect(controller.drag)
    view.pairSelected.connect(controller.select)
    view.peekHeld.connect(controller.peek)
    view.cursorMoved.connect(
        lambda side, x, y: workbench.cursor_moved.emit(f"{side}   x {x:.1f}   y {y:.1f} px")
    )
    view.nudged.connect(controller.nudge)
    centre.table.pairChosen.connect(lambda pair_id: controller.select(pair_id, is_centred=True))
    panel.modelChosen.connect(controller.choose_model)
    panel.methodChosen.connect(controller.choose_method)
    panel.linkChosen.connect(controller.choose_link)
    _bind(actions, centre, controller)
    controller.state_changed.connect(actions.refresh)
    controller.show_item(workbench.item_id)
    return Screen(centre, panel, controller, close=view.shut)


def _bind(actions: ActionRegistry, centre: PairsScreen, controller: PairsController) -> None:
    view, tr = centre.pair_view, centre.tr

    def no_images() -> str:
        return "" if controller.has_pair_of_images else tr("The item has no pair of images.")

    def no_pairs() -> str:
        return no_images() or ("" if controller.pair_fit.rows else tr("There are no pairs yet."))

    def no_selection() -> str:
        return no_images() or ("" if controller.selected else tr("Select a pair first."))

    def no_residuals() -> str:
        has_fit = controller.pair_fit.homography_fixed_from_moving is not None
        return no_pairs() or ("" if has_fit else tr("There are too few pairs for a transform."))

    def no_link() -> str:
        has_link = controller.link is not None
        return no_images() or ("" if has_link else tr("There is no transform yet: place pairs, or register."))

    def cannot_register() -> str:
        return no_images() or (tr("A registration is running.") if controller.is_registering else "")

    def choose_tool(is_adding: bool) -> None:
        actions.action("pairs.add").setChecked(is_adding)
        actions.action("pairs.select").setChecked(not is_adding)
        controller.set_adding(is_adding)

    def escape() -> None:
        if controller.half:
            controller.drop_half()
        else:
            choose_tool(False)

    lock, blend = actions.action("pairs.lock"), actions.action("pairs.blend")
    handlers: dict[str, tuple[Callable[[], None], Callable[[], str] | None]] = {
        "add": (lambda: choose_tool(True), no_images),
        "select": (lambda: choose_tool(False), no_images),
        "drop": (escape, None),
        "next": (lambda: controller.step(1), no_pairs),
        "previous": (lambda: controller.step(-1), no_pairs),
        "worst": (controller.step_worst, no_residuals),
        "exclude": (controller.toggle_excluded, no_selection),
        "delete": (controller.delete, no_selection),
        "lock": (lambda: view.set_locked(lock.isChecked()), no_images),
        "blend": (lambda: controller.set_blend(blend.isChecked()), no_link),
        "reset_view": (view.show_whole, no_images),
        "register": (controller.register, cannot_register),
        "use_registration": (controller.use_registration, no_images),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"pairs.{verb}", triggered, reason)
    actions.set_scope(CANVAS, view)
    actions.set_scope(AREA, view, centre.table)
    with QSignalBlocker(actions):
        choose_tool(False)
        lock.setChecked(True)
        blend.setChecked(False)


def _tool_bar(actions: ActionRegistry) -> QWidget:
    bar = QFrame()
    bar.setObjectName("pane_bar")
    row = QHBoxLayout(bar)
    row.setContentsMargins(8, 4, 8, 4)
    row.setSpacing(4)
    for verb in TOOL_BAR:
        if not verb:
            row.addSpacing(12)
            continue
        button = QToolButton()
        button.setProperty("role", "flat")
        button.setDefaultAction(actions.action(f"pairs.{verb}"))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row.addWidget(button)
    row.addStretch(1)
    return bar
