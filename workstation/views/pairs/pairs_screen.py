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
from engines.imaging.transforms.point_transform import PointTransform
from workstation.actions.registry import ActionRegistry
from workstation.translation import translate_message
from workstation.viewers.image_overlay import ImageOverlay
from workstation.viewers.pair_view import SIDES, PairView, Tool
from workstation.views.compare.mode_words import mode_note
from workstation.views.elements.action_bar import ActionBar
from workstation.views.elements.empty_state import EmptyState
from workstation.views.pairs.keypoint_panel import KeypointPanel
from workstation.views.pairs.pairs_panel import PairsPanel
from workstation.views.pairs.suggestion_bar import SuggestionBar
from workstation.views.protocols.edits import SourceRow, SuggestionSummary
from workstation.views.protocols.overlay_modes import Mode, Overlay
from workstation.views.protocols.pairs import FitSummary, MethodRow, ModelScore, PairRow, RegistrationSummary

Point = tuple[float, float]
TOOL_BAR = (
    ("select", "add"),
    ("snap",),
    ("delete", "exclude", "not_visible"),
    ("previous", "next", "nearest", "worst"),
    ("lock", "reset_view"),
    ("blend", "peek", "flicker", "curtain", "checkerboard", "compare"),
)
TABLE_MENU = ("exclude", "not_visible", "accept", "reject", "delete", "nearest", "worst", "export_table")


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
        self.pairs_panel = KeypointPanel(actions.action("pairs.export_table"))
        self.table = self.pairs_panel.table
        self.table.menu_actions = [actions.action(f"pairs.{verb}") for verb in TABLE_MENU]
        self.message = QLabel()
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setWordWrap(True)
        self.message.setProperty("role", "title")
        self._captions = ("", "")
        images = QWidget()
        self._images = QStackedLayout(images)
        self._images.addWidget(self.pair_view)
        self._images.addWidget(self.message)
        self.elsewhere = EmptyState("", "", actions.action("screen.volume"), [actions.action("item.next")])
        self._images.addWidget(self.elsewhere)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(3)
        splitter.addWidget(images)
        splitter.addWidget(self.pairs_panel)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([620, 190])
        self.pairs_panel.setMinimumHeight(112)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(_tool_bar(actions))
        layout.addWidget(splitter, 1)
        self.suggestion_bar = SuggestionBar(actions)
        layout.addWidget(self.suggestion_bar)

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
        self.pairs_panel.show_rows(rows, selected)

    def centre_on(self, row: PairRow) -> None:
        """Bring a pair into view."""
        self.pair_view.centre_on(row)

    def show_fit(self, fit: FitSummary) -> None:
        """Show the fit in the panel."""
        self.panel.show_fit(fit)

    def show_models(self, scores: Sequence[ModelScore]) -> None:
        """Show how well every kind of transform suits the pairs."""
        self.panel.show_models(scores)

    def show_methods(self, methods: Sequence[MethodRow], chosen: str) -> None:
        """List the methods of registration."""
        self.panel.show_methods(methods, chosen)

    def show_registration(self, registration: RegistrationSummary) -> None:
        """Show what the last registration said."""
        self.panel.show_registration(registration)

    def set_link(self, fixed_from_moving: PointTransform | None, sizes: tuple[Size, Size]) -> None:
        """Link the canvases."""
        self.pair_view.set_link(fixed_from_moving, sizes)

    def preview_link(self, fixed_from_moving: PointTransform | None) -> None:
        """Link the canvases as they would be if a dragged point were put down."""
        self.pair_view.preview_link(fixed_from_moving)

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

    def show_tool(self, *, is_adding: bool) -> None:
        """Let clicks place points, or select them."""
        self.pair_view.tool = Tool.ADD if is_adding else Tool.SELECT

    def show_hint(self, hint: Message) -> None:
        """Say what the next click means."""
        self.panel.show_hint(translate_message(hint))

    def image_px(self, side: str, screen_px: float) -> float:
        """Return how many pixels of an image so many pixels of the screen cover now."""
        zoom = self.pair_view.canvas(side).zoom
        return screen_px / zoom if zoom > 0 else 0.0

    def show_snap(
        self, side: str, xy: Point | None, radius_px: float = 0.0, target_xy: Point | None = None
    ) -> None:
        """Show within which distance a click snaps, and to what."""
        self.pair_view.canvas(side).overlay.show_snap(xy, radius_px, target_xy)

    def show_snapping(self, *, is_on: bool, radius_px: float) -> None:
        """Show whether clicks snap, and from how far."""
        self.panel.show_snapping(is_on=is_on, radius_px=radius_px)

    def show_suggestions(self, suggestions: SuggestionSummary) -> None:
        """Show how many suggestions are left, and what became of the last question."""
        self.suggestion_bar.show_suggestions(suggestions)

    def ask_source(self, sources: Sequence[SourceRow]) -> None:
        """Let the person choose whose points are carried over."""
        self.suggestion_bar.ask_source(sources)

    def show_message(self, message: Message) -> None:
        """Say in place of the images why there are none."""
        text = translate_message(message)
        self.message.setText(text)
        self._images.setCurrentWidget(self.message if text else self.pair_view)

    def show_elsewhere(self, message: Message) -> None:
        """Say in place of the images that another screen shows the item."""
        self.elsewhere.sentence.setText(translate_message(message))
        self._images.setCurrentWidget(self.elsewhere)

    def _title(self, side: str) -> str:
        names = {"fixed": self.tr("Fixed"), "moving": self.tr("Moving")}
        return f"{names[side]}   {self._captions[SIDES.index(side)]}".rstrip()


def _tool_bar(actions: ActionRegistry) -> ActionBar:
    return ActionBar([[actions.action(f"pairs.{verb}") for verb in group] for group in TOOL_BAR])
