"""What controllers know of showing and drawing in volumes: plain records and protocols, no widget.

Positions in a volume are voxel positions ``(i, j, k)`` of the *grid that is shown*, as floats, voxel
centres at whole numbers; arrays are indexed ``[i, j, k]``, see `engines.imaging.volumes.volume`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engines.contract.messages import Message
from engines.imaging.volumes.volume import Volume, VolumeGeometry

Position = tuple[float, float, float]
"""A voxel position ``(i, j, k)`` of the shown grid."""
Box = tuple[slice, slice, slice]


class Plane(StrEnum):
    """Which of the three slices a pane shows; by the array axis nearest to the anatomical direction."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


class PaneLayout(StrEnum):
    """How the panes of a volume view are laid out."""

    FOUR = "four"
    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"
    SURFACE = "surface"
    TILES = "tiles"
    """One axial pane for each image of the case."""


class LabelStyle(StrEnum):
    """How a label map is drawn over the image."""

    FILLED = "filled"
    OUTLINE = "outline"


@dataclass(frozen=True, eq=False)
class ImageLayer:
    """An image of the case.

    Parameters
    ----------
    key : str
        Role of the file, stable within the item.
    title : str
    volume : Volume
        On any grid; it is resampled slice by slice where it is not the shown one.
    window : (low, high)
        Values that are shown black and white.
    opacity : float
        0 to 1.
    is_visible : bool
    """

    key: str
    title: str
    volume: Volume
    window: tuple[float, float]
    opacity: float = 1.0
    is_visible: bool = True


@dataclass(frozen=True, eq=False)
class LabelLayer:
    """A label map of the case.

    Parameters
    ----------
    key : str
        Id of the label map.
    title : str
    labels : ndarray of uint8 or uint16, (I, J, K)
        Changed in place by the editor, which then calls `VolumeViewLike.refresh_labels`.
    geometry : VolumeGeometry
        Nearest neighbours are shown where it is not the shown grid.
    colours : mapping of int to "#rrggbb"
        Labels without a colour get one by their number; see `label_classes.colour_of`.
    opacity : float
    is_visible : bool
    style : LabelStyle
    hidden : frozenset of int
        Labels that are not drawn.
    """

    key: str
    title: str
    labels: npt.NDArray[Any]
    geometry: VolumeGeometry
    colours: Mapping[int, str] = field(default_factory=dict)
    opacity: float = 0.5
    is_visible: bool = True
    style: LabelStyle = LabelStyle.FILLED
    hidden: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False)
class VoxelPreview:
    """Voxels that an edit would change, drawn hatched above everything until it is applied or dropped.

    Parameters
    ----------
    mask : ndarray of bool, (i, j, k)
    box : three slices
        Where the mask lies in the shown grid.
    colour : "#rrggbb"
    """

    mask: npt.NDArray[np.bool_]
    box: Box
    colour: str


@dataclass(frozen=True, eq=False)
class SurfaceMesh:
    """A surface in the world.

    Parameters
    ----------
    vertices_mm : ndarray of float32, (N, 3)
        World positions, RAS.
    faces : ndarray of int32, (M, 3)
        Vertex numbers, counter-clockwise seen from outside.
    colour : "#rrggbb"
    opacity : float
    key : str
        For picking: which structure it is.
    """

    vertices_mm: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    colour: str
    opacity: float = 1.0
    key: str = ""


@dataclass(frozen=True, slots=True)
class PaneEvent:
    """The mouse on a slice.

    Parameters
    ----------
    plane : Plane
    axis : int
        Array axis across the slice.
    position : Position
    is_shift, is_control, is_alt : bool
    """

    plane: Plane
    axis: int
    position: Position
    is_shift: bool = False
    is_control: bool = False
    is_alt: bool = False


class SliceTool(Protocol):
    """What the left mouse button does on slices. Without a tool it moves the crosshair."""

    def pressed(self, event: PaneEvent) -> None:
        """Take a press."""

    def moved(self, event: PaneEvent) -> None:
        """Take a move with the button down; hovering comes by `VolumeViewLike.cursorMoved`."""

    def released(self, event: PaneEvent) -> None:
        """Take a release."""

    def double_clicked(self, event: PaneEvent) -> None:
        """Take a double click, which closes a polygon."""


class VolumeViewLike(Protocol):
    """Three linked slices and a surface.

    Signals (Qt, of the widget)
    ---------------------------
    cursorMoved : object
        `PaneEvent` of the mouse over a slice; None when it left.
    crosshairMoved : object
        Position, moved by the person.
    windowDragged : str, float, float
        Key of the image, low, high: window and level by dragging with the right button.
    radiusScrolled : int
        Steps of Shift and wheel, or Alt and drag: the brush gets larger or smaller.
    surfacePicked : object
        World position (x, y, z) in mm under a click on the surface.
    """

    def set_grid(self, geometry: VolumeGeometry | None) -> None:
        """Show another grid: slices follow its array axes; None empties the view."""

    def set_images(self, layers: Sequence[ImageLayer]) -> None:
        """Show these images, the first at the bottom; those that are shown already stay uploaded."""

    def set_labels(self, layers: Sequence[LabelLayer]) -> None:
        """Show these label maps above the images."""

    def refresh_labels(self, key: str, box: Box | None = None) -> None:
        """Draw a label map anew whose array was changed in place; only slices that cut the box."""

    def set_preview(self, preview: VoxelPreview | None) -> None:
        """Show what an edit would change."""

    def set_brush(self, radius_mm: float | None, *, is_ball: bool = False) -> None:
        """Draw the brush around the mouse; None: no brush."""

    def set_polygon(self, plane: Plane, corners: Sequence[Position]) -> None:
        """Draw the corners of a polygon that is not closed yet; empty: none."""

    def set_tool(self, tool: SliceTool | None) -> None:
        """Give the left button to a tool."""

    @property
    def crosshair(self) -> Position:
        """Where the three slices cut."""

    def set_crosshair(self, position: Position, *, is_centred: bool = False) -> None:
        """Move the slices; centred: pan the panes to it, too."""

    def show_crosshair(self, is_shown: bool) -> None:
        """Draw the lines of the crosshair, or leave them out."""

    def step(self, plane: Plane | None, count: int) -> None:
        """Go some slices further in a pane; None: the one with the focus."""

    def set_layout(self, layout: PaneLayout) -> None:
        """Choose the panes."""

    def set_slab(self, thickness_mm: float) -> None:
        """Show the maximum over a slab instead of a slice; 0: slices."""

    def show_surfaces(self, meshes: Sequence[SurfaceMesh]) -> None:
        """Show surfaces in the fourth pane; made on a thread by the caller."""

    def show_whole(self) -> None:
        """Fit the slices into their panes."""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A line of the list of layers.

    Parameters
    ----------
    key, title : str
    is_image : bool
    is_visible : bool
    opacity : float
    is_proposal : bool
    is_active : bool
        Whether the tools draw in it.
    detail : str
        Grid, spacing and source, for the tooltip.
    """

    key: str
    title: str
    is_image: bool
    is_visible: bool
    opacity: float
    is_proposal: bool = False
    is_active: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class of the active label map, as the panel lists it."""

    value: int
    name: str
    colour: str
    volume_ml: float | None = None
    is_locked: bool = False
    is_hidden: bool = False
    is_active: bool = False


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """A line of the component table; see `engines.imaging.volumes.components.Component`."""

    number: int
    label: int
    volume_ml: float
    length_mm: float
    mean_intensity: float | None
    position: Position
    state: str = ""
    """``""``, ``"accepted"``, ``"rejected"``, ``"added"`` or ``"removed"``."""


@dataclass(frozen=True, slots=True)
class WindowRow:
    """The grey-value window of the base image.

    Parameters
    ----------
    low, high : float
        Shown black and white.
    unit : str
        Empty for values without one.
    title : str
        Of the image; empty while there is none.
    preset : str
        Name of the preset that it is; empty for none.
    """

    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    title: str = ""
    preset: str = ""


class VolumeScreenView(Protocol):
    """The Volume screen, for its controller."""

    view: VolumeViewLike

    def show_layers(self, rows: Sequence[LayerRow]) -> None:
        """List the images and label maps of the case."""

    def show_classes(self, rows: Sequence[ClassRow], num_unnamed: int = 0) -> None:
        """List the classes of the active label map; so many labels are not in its table."""

    def show_window(self, window: WindowRow) -> None:
        """Show the grey-value window of the base image."""

    def show_problem(self, problem: Message | None, *, is_elsewhere: bool = False) -> None:
        """Say in place of the slices why there are none; elsewhere: another screen shows the item."""

    def show_message(self, message: Message) -> None:
        """Say in place of the slices what is going on, where nothing is wrong."""

    def show_progress(self, text: Message | None, share: float | None) -> None:
        """Say what is being loaded; None: nothing; a share of None has no known end."""
