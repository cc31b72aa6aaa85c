"""Right column of the Compare screen: export, the reference, the modes, and what a mode has to turn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from workstation.actions.registry import ActionRegistry
from workstation.views.elements.empty_state import action_button
from workstation.views.protocols.compare import SourceRow
from workstation.views.protocols.overlay_modes import Mode, ModeSettings
from workstation.views.runs.run_words import sentence

MODE_VERBS = {
    "tiles": Mode.TILES,
    "blend": Mode.BLEND,
    "peek": Mode.WARPED,
    "flicker": Mode.FLICKER,
    "curtain": Mode.CURTAIN,
    "checkerboard": Mode.CHECKERBOARD,
    "difference": Mode.DIFFERENCE,
    "vectors": Mode.VECTORS,
}
VOLUME_VERBS = {verb: mode for verb, mode in MODE_VERBS.items() if mode not in (Mode.BLEND, Mode.VECTORS)} | {
    "distance": Mode.DISTANCE
}


class ComparePanel(QScrollArea):
    """The panel.

    Signals
    -------
    referenceChosen : str
    """

    referenceChosen = Signal(str)

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(7)
        layout.addWidget(action_button(actions.action("compare.export"), "primary"))
        layout.addWidget(section(self.tr("COMPARED WITH")))
        self.reference = QComboBox()
        self.reference.setAccessibleName(self.tr("Reference"))
        self.reference.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.reference.setToolTip(self.tr("What every pane is laid over"))
        self.reference.activated.connect(
            lambda _index: self.referenceChosen.emit(str(self.reference.currentData()))
        )
        layout.addWidget(self.reference)
        layout.addWidget(section(self.tr("REGISTRATION")))
        layout.addLayout(_with_keys(actions, ("accept", "reject")))
        layout.addWidget(section(self.tr("MODE")))
        layout.addLayout(_with_keys(actions, tuple(MODE_VERBS)))
        self.setting = QLabel()
        self.setting.setWordWrap(True)
        self.setting.setProperty("role", "muted")
        layout.addWidget(self.setting)
        layout.addWidget(section(self.tr("PANES")))
        for verb in ("points", "link_window", "reset_window", "whole", "add"):
            layout.addWidget(action_button(actions.action(f"compare.{verb}")))
        layout.addStretch(1)
        self.setWidget(inner)

    def show_sources(self, sources: Sequence[SourceRow], reference: str) -> None:
        """List what the panes can be compared with."""
        with QSignalBlocker(self.reference):
            self.reference.clear()
            for source in sources:
                self.reference.addItem(sentence(source.title), source.key)
            self.reference.setCurrentIndex(self.reference.findData(reference))

    def show_settings(self, mode: Mode, settings: ModeSettings) -> None:
        """Say what the mode has to turn, and how."""
        magnified = settings.magnification
        texts = {
            Mode.FLICKER: self.tr("{hz:.1f} Hz; [ and ] change the speed.").format(hz=settings.flicker_hz),
            Mode.CURTAIN: self.tr("Drag the edge, or [ and ]; Shift+R turns it."),
            Mode.CHECKERBOARD: self.tr("Tiles of {px:.0f} px; Ctrl+wheel, or [ and ].").format(
                px=settings.tile_px
            ),
            Mode.VECTORS: self.tr("Arrows ×{n}; Ctrl+wheel, or [ and ].").format(n=magnified)
            if magnified
            else self.tr("Arrows as long as is well seen; Ctrl+wheel, or [ and ]."),
        }
        self.setting.setText(texts.get(mode, ""))
        self.setting.setVisible(mode in texts)


def _with_keys(actions: ActionRegistry, verbs: Sequence[str]) -> QGridLayout:
    """Return buttons with their keys beside them."""
    grid = QGridLayout()
    grid.setSpacing(5)
    for place, verb in enumerate(verbs):
        action = actions.action(f"compare.{verb}")
        grid.addWidget(action_button(action), place, 0)
        key = QLabel(action.shortcut().toString())
        key.setProperty("role", "muted")
        grid.addWidget(key, place, 1)
    grid.setColumnStretch(0, 1)
    return grid


def section(title: str) -> QLabel:
    """Return the title of a section of the panel."""
    label = QLabel(title)
    label.setProperty("role", "section")
    return label
