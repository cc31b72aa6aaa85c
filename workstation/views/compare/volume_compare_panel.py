"""Right column of the Compare screen for volumes: export, reference, class, plane, modes, and grids."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from engines.contract.messages import Message
from workstation.actions.registry import ActionRegistry
from workstation.views.compare.compare_panel import section
from workstation.views.elements.empty_state import action_button
from workstation.views.protocols.compare import SourceRow
from workstation.views.protocols.overlay_modes import Mode, ModeSettings
from workstation.views.protocols.volume import Plane
from workstation.views.runs.run_words import sentence

VERBS = ("tiles", "peek", "flicker", "curtain", "checkerboard", "difference", "distance")
PLANES = ("axial", "coronal", "sagittal")


class VolumeComparePanel(QScrollArea):
    """The panel.

    Signals
    -------
    referenceChosen : str
    classChosen : int
    imageChosen : str
    """

    referenceChosen = Signal(str)
    classChosen = Signal(int)
    imageChosen = Signal(str)

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
        self.reference = _box(self.tr("Reference"), self.tr("What every pane is laid over"))
        self.reference.activated.connect(
            lambda _index: self.referenceChosen.emit(str(self.reference.currentData()))
        )
        layout.addWidget(self.reference)
        layout.addWidget(section(self.tr("CLASS")))
        self.classes = _box(self.tr("Class"), self.tr("Show, compare and measure one class, or all"))
        self.classes.activated.connect(lambda _index: self.classChosen.emit(int(self.classes.currentData())))
        layout.addWidget(self.classes)
        self.images_title = section(self.tr("IMAGE BELOW"))
        self.images = _box(self.tr("Image below"), self.tr("The image that label maps are shown over"))
        self.images.activated.connect(lambda _index: self.imageChosen.emit(str(self.images.currentData())))
        layout.addWidget(self.images_title)
        layout.addWidget(self.images)
        layout.addWidget(section(self.tr("PLANE")))
        self.planes = _box(self.tr("Plane"), self.tr("Every pane shows this plane through the crosshair"))
        for plane in PLANES:
            action = actions.action(f"compare.{plane}")
            self.planes.addItem(action.icon(), f"{action.iconText()}  {action.shortcut().toString()}", plane)
        self.planes.activated.connect(lambda index: actions.action(f"compare.{PLANES[index]}").trigger())
        layout.addWidget(self.planes)
        layout.addWidget(section(self.tr("MODE")))
        grid = QGridLayout()
        grid.setSpacing(5)
        for place, verb in enumerate(VERBS):
            grid.addWidget(action_button(actions.action(f"compare.{verb}")), place, 0)
            key = QLabel(actions.action(f"compare.{verb}").shortcut().toString())
            key.setProperty("role", "muted")
            grid.addWidget(key, place, 1)
        grid.setColumnStretch(0, 1)
        layout.addLayout(grid)
        self.setting = QLabel()
        self.setting.setWordWrap(True)
        self.setting.setProperty("role", "muted")
        layout.addWidget(self.setting)
        self.busy = QLabel(self.tr("Working it out over the whole volumes…"))
        self.busy.setWordWrap(True)
        self.busy.setProperty("status", "running")
        self.busy.hide()
        layout.addWidget(self.busy)
        self.grids = QLabel()
        self.grids.setWordWrap(True)
        self.grids.setProperty("status", "warning")
        self.resample = action_button(actions.action("compare.resample"))
        layout.addWidget(self.grids)
        layout.addWidget(self.resample)
        layout.addWidget(section(self.tr("PANES")))
        for verb in ("link_window", "reset_window", "whole", "add", "export_surface"):
            layout.addWidget(action_button(actions.action(f"compare.{verb}")))
        layout.addStretch(1)
        self.setWidget(inner)
        self.show_grids(Message(""), is_resampling=False)

    def show_sources(self, sources: Sequence[SourceRow], reference: str) -> None:
        """List what the panes can be compared with."""
        with QSignalBlocker(self.reference):
            self.reference.clear()
            for source in sources:
                self.reference.addItem(sentence(source.title), source.key)
            self.reference.setCurrentIndex(self.reference.findData(reference))

    def show_classes(self, classes: Sequence[tuple[int, str]], chosen: int) -> None:
        """List the classes; 0 is all of them."""
        with QSignalBlocker(self.classes):
            self.classes.clear()
            self.classes.addItem(self.tr("All classes"), 0)
            for value, name in classes:
                self.classes.addItem(f"{value}  {name}", value)
            self.classes.setCurrentIndex(max(0, self.classes.findData(chosen)))

    def show_plane(self, plane: Plane) -> None:
        """Say which plane is shown."""
        self.planes.setCurrentIndex(PLANES.index(plane.value))

    def show_images(self, images: Sequence[tuple[str, str]], base: str) -> None:
        """List the images that label maps can be shown over; a case of one needs no choice."""
        with QSignalBlocker(self.images):
            self.images.clear()
            for role, title in images:
                self.images.addItem(title, role)
            self.images.setCurrentIndex(max(0, self.images.findData(base)))
        self.images.setVisible(len(images) > 1)
        self.images_title.setVisible(len(images) > 1)

    def show_grids(self, problem: Message, *, is_resampling: bool) -> None:
        """Say that sources lie on different grids."""
        text = sentence(problem)
        if text and is_resampling:
            text += " " + self.tr("Those on another grid are resampled for viewing, and not measured.")
        self.grids.setText(f"▲ {text}" if text else "")
        self.grids.setVisible(bool(text))
        self.resample.setVisible(bool(text))

    def show_settings(self, mode: Mode, settings: ModeSettings) -> None:
        """Say what the mode has to turn, and how."""
        texts = {
            Mode.FLICKER: self.tr("{hz:.1f} Hz; [ and ] change the speed.").format(hz=settings.flicker_hz),
            Mode.CURTAIN: self.tr("Drag the edge, or [ and ]; Shift+R turns it."),
            Mode.CHECKERBOARD: self.tr("Tiles of {px:.0f} px; Shift+wheel, or [ and ].").format(
                px=settings.tile_px
            ),
            Mode.DIFFERENCE: self.tr(
                "Label maps: added blue, removed orange, kept grey; mL of the whole volume. "
                "Images: values minus those of the reference."
            ),
            Mode.DISTANCE: self.tr(
                "Surface of each source, coloured by its distance from the reference's surface: "
                "outside it blue, inside it orange."
            ),
        }
        self.setting.setText(texts.get(mode, self.tr("Wheel: slice. Ctrl+wheel: zoom. Click: crosshair.")))


def _box(name: str, tip: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setToolTip(tip)
    return box
