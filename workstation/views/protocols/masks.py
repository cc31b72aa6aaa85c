"""What the mask editor knows of its panel: plain records and a protocol, no widget."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from engines.contract.messages import Message


class MaskTool(StrEnum):
    """What the left mouse button does on slices."""

    ERASE = "erase"
    PAINT = "paint"
    POLYGON = "polygon"
    FILL = "fill"
    PICK = "pick"
    CROSSHAIR = "crosshair"


@dataclass(frozen=True, slots=True)
class ToolRow:
    """How the tools are set.

    Parameters
    ----------
    tool : MaskTool
    radius_mm : float
    is_ball : bool
        Brush and fill work in three dimensions.
    is_gated : bool
    low, high : float
        The gate, both included.
    unit : str
        Of the gate: ``"HU"``, or empty.
    is_over_labels : bool
        Whether painting replaces other classes.
    class_name, colour : str
        What is drawn with; empty while there is no label map.
    map_name : str
        Label map that is drawn in; empty for none.
    """

    tool: MaskTool
    radius_mm: float
    is_ball: bool
    is_gated: bool
    low: float
    high: float
    unit: str
    is_over_labels: bool
    class_name: str = ""
    colour: str = ""
    map_name: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSummary:
    """What an operation would change.

    Parameters
    ----------
    title : Message
        The operation.
    num_added, num_removed : int
        Voxels.
    added_ml, removed_ml : float
    num_replaced : int
        Voxels that would go from one class to another.
    is_running : bool
        Whether it is still worked out.
    """

    title: Message
    num_added: int = 0
    num_removed: int = 0
    added_ml: float = 0.0
    removed_ml: float = 0.0
    num_replaced: int = 0
    is_running: bool = False


class MaskPanelView(Protocol):
    """The tools in the panel of the Volume screen, for their controller."""

    def show_tools(self, tools: ToolRow) -> None:
        """Show how the tools are set."""

    def show_change(self, change: ChangeSummary | None) -> None:
        """Show what an operation would change, until it is applied or dropped; None: nothing."""

    def show_hint(self, hint: Message) -> None:
        """Say what the next click means, or why the last one did nothing."""
