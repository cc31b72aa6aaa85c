"""What controllers know of comparing volumes: slices, panes and the table of cases as plain records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engines.contract.geometry import Size
from engines.contract.messages import Message
from engines.imaging.comparison import Change
from engines.imaging.screen_picture import Picture
from engines.imaging.volumes.case_statistics import Interval
from engines.imaging.volumes.label_comparison import Agreement, Metric
from workstation.views.protocols.cards import NOTHING
from workstation.views.protocols.compare import PaneContent, SourceRow
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.volume import Plane


@dataclass(frozen=True, eq=False)
class VolumePaneContent(PaneContent):
    """What one pane shows of a volume.

    Parameters
    ----------
    volumes_ml : mapping of Change to float
        Of a difference, over the whole volume.
    legend_mm : float or None
        The distance at the ends of the colour scale, when distances are shown.
    legend_values : (float, str) or None
        The value at the ends of the colour scale and its unit, when images are subtracted.
    is_resampled : bool
        The label map lies on another grid and is shown by nearest neighbours.
    note : Message
        Why a mode shows nothing here.
    """

    volumes_ml: Mapping[Change, float] = field(default_factory=dict)
    legend_mm: float | None = None
    legend_values: tuple[float, str] | None = None
    is_resampled: bool = False
    note: Message = NOTHING


@dataclass(frozen=True, eq=False)
class SliceSet:
    """One slice in every pane.

    Parameters
    ----------
    reference : Picture or None
    contents : tuple of VolumePaneContent
    size : (width, height)
        Of the frame, in square pixels.
    spacing_mm : float
        Side of a pixel of the frame.
    letters : (left, right, top, bottom)
        Anatomical directions of the edges.
    place : str
        Where the slice lies: ``"S 12.5 mm"``.
    number, num_slices : int
        `number` counts from 0.
    cross_xy : (x, y)
        The crosshair, in pixels of the frame.
    slab_mm : float
        Thickness of the slab whose largest values images show; 0 for slices.
    """

    reference: Picture | None
    contents: tuple[VolumePaneContent, ...]
    size: Size
    spacing_mm: float
    letters: tuple[str, str, str, str]
    place: str
    number: int
    num_slices: int
    cross_xy: tuple[float, float]
    slab_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class TableChoice:
    """Which masks the table of cases compares, by the names they have in every item.

    Parameters
    ----------
    before, after, reference : str
    label : int
        Class; 0 for all.
    """

    before: str = ""
    after: str = ""
    reference: str = ""
    label: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether all three are chosen."""
        return bool(self.before and self.after and self.reference)


@dataclass(frozen=True)
class CaseRow:
    """One item of the table.

    Parameters
    ----------
    item_id, subject : str
    before, after : Agreement or None
        None when they cannot be compared.
    problem : Message
        Why not.
    """

    item_id: str
    subject: str
    before: Agreement | None = None
    after: Agreement | None = None
    problem: Message = NOTHING

    def value(self, metric: Metric, side: str) -> float | None:
        """Return a number; `side` is ``"before"``, ``"after"`` or ``"delta"``."""
        before = self.before.values[metric] if self.before is not None else None
        after = self.after.values[metric] if self.after is not None else None
        if side == "delta":
            return None if before is None or after is None else after - before
        return before if side == "before" else after


@dataclass(frozen=True)
class CaseTable:
    """The table of cases.

    Parameters
    ----------
    choice : TableChoice
    rows : tuple of CaseRow
        Worst first.
    means : mapping of (Metric, side) to float or None
    intervals : mapping of Metric to Interval or None
        Of the mean change.
    num_subjects : int
        With numbers.
    sorted_by : Metric
    """

    choice: TableChoice
    rows: tuple[CaseRow, ...]
    means: Mapping[tuple[Metric, str], float | None] = field(default_factory=dict)
    intervals: Mapping[Metric, Interval | None] = field(default_factory=dict)
    num_subjects: int = 0
    sorted_by: Metric = Metric.DICE


class VolumeCompareScreenView(Protocol):
    """The part of the Compare screen for volumes, as its controllers know it."""

    def set_shown(self, is_shown: bool) -> None:
        """Take the middle of the screen, or leave it to images."""

    def show_sources(self, sources: Sequence[SourceRow], chosen: Sequence[str], reference: str) -> None:
        """List what panes can show, what each of them shows, and what they are compared with."""

    def show_slices(self, slices: SliceSet) -> None:
        """Show a slice in every pane."""

    def show_mode(self, mode: Mode) -> None:
        """Lay each pane over the reference in a mode."""

    def show_plane(self, plane: Plane) -> None:
        """Say which plane is shown."""

    def show_classes(self, classes: Sequence[tuple[int, str]], chosen: int) -> None:
        """List the classes, by value and name; 0 is all of them."""

    def show_images(self, images: Sequence[tuple[str, str]], base: str) -> None:
        """List the images that label maps can be shown over, by role and title; empty: the first."""

    def show_message(self, message: Message) -> None:
        """Say in place of the panes why there are none; an empty message ends it."""

    def show_busy(self, is_busy: bool) -> None:
        """Say that a mode is being worked out over whole volumes."""

    def show_grids(self, problem: Message, *, is_resampling: bool) -> None:
        """Say that sources lie on different grids; an empty message: they do not."""

    def show_names(self, names: Sequence[tuple[str, int]], choice: TableChoice) -> None:
        """List the names of label maps with the number of items that have them, and the choice."""

    def show_table(self, table: CaseTable | None) -> None:
        """Fill the table of cases."""

    def show_progress(self, done: int, total: int) -> None:
        """Say how many cases are measured; both 0: nothing is going on."""
