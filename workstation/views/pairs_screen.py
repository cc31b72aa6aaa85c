"""The Pairs screen: tool bar, two linked canvases, and the table below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QLabel,
    QSplitter,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from engines.contract.geometry import Size
from engines.contract.messages import Message
from engines.imaging.point_transform import PointTransform
from workstation.actions.registry import ActionRegistry
from workstation.translation import translate_message
from workstation.viewers.image_overlay import ImageOverlay
from workstation.viewers.pair_view import SIDES, PairView, Tool
from workstation.views.action_bar import ActionBar
from workstation.views.keypoint_table import KeypointTable
from workstation.views.mode_words import mode_note
from workstation.views.overlay_modes import Mode, Overlay
from workstation.views.pairs_panel import PairsPanel
from workstation.views.protocols import FitSummary, MethodRow, PairRow, RegistrationSummary

TOOL_BAR = (
    ("select", "add"),
    ("delete", "exclude"),
    ("previous", "next", "worst"),
    ("lock", "reset_view"),
    ("blend", "peek", "flicker", "curtain", "checkerboard"),
)


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
        self.overlay = ImageOverlay(self.pair_view.fixed)
        self.overlay.settingsChanged.connect(self._show_overlay_caption)
        self.table = KeypointTable()
        self.message = QLabel()
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setWordWrap(True)
        self.message.setProperty("role", "title")
        self.no_pairs = QLabel(
            self.tr("No pairs yet. Press N and click a vessel fork in fixed, then in moving.")
        )
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

    def set_link(self, fixed_from_moving: PointTransform | None, sizes: tuple[Size, Size]) -> None:
        """Link the canvases."""
        self.pair_view.set_link(fixed_from_moving, sizes)

    def show_overlay(self, overlay: Overlay) -> None:
        """Lay a picture over the fixed image in a mode, or nothing."""
        self.overlay.show_overlay(overlay, (self.tr("fixed"), self.tr("moving")))
        self._show_overlay_caption()

    def _show_overlay_caption(self) -> None:
        overlay = self.overlay.overlay
        note = mode_note(overlay.mode, self.overlay.settings)
        if overlay.mode is Mode.TILES:
            note = ""
        elif overlay.picture is None or not overlay.is_current:
            note = f"{note}  …"
        self.pair_view.set_caption("fixed", self._title("fixed"), note)

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


def _tool_bar(actions: ActionRegistry) -> ActionBar:
    return ActionBar([[actions.action(f"pairs.{verb}") for verb in group] for group in TOOL_BAR])
