"""What the controllers of components and proposals know of their table and their bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engines.contract.component_table import RULES, ComponentColumn, Value
from engines.contract.messages import Message

NOTHING = Message("")

ACCEPTED, REJECTED, OPEN = "accepted", "rejected", ""
ACCEPTING = "accept"
"""Suggestion of a pipeline."""


@dataclass(frozen=True, slots=True)
class ComponentLine:
    """A line of the component table.

    Parameters
    ----------
    key : str
        Stable until the next survey of the label map.
    number : int
        1 is the largest; 0 for a rejected component, which has no number any more.
    volume_ml : float
    num_voxels : int
    length_mm : float or None
        Of its centre line; None while it is measured, and where it says nothing.
    mean_intensity : float or None
    state : str
        ``"accepted"``, ``"rejected"``, or empty when nobody decided.
    position : (i, j, k)
        Where the slices go to.
    proposal : str
        ``"accept"`` or ``"reject"``: what a pipeline would do; empty when it says nothing.
    values : mapping
        Of the columns that a pipeline brings, by key.
    """

    key: str
    number: int
    volume_ml: float
    num_voxels: int
    length_mm: float | None
    mean_intensity: float | None
    state: str
    position: tuple[int, int, int]
    proposal: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)


def rules_of(line: ComponentLine) -> list[str]:
    """Return the rules that a component hit, as its pipeline says."""
    found = line.values.get(RULES)
    return [rule.strip() for rule in found.split(",") if rule.strip()] if isinstance(found, str) else []


@dataclass(frozen=True, slots=True)
class ComponentSummary:
    """What stands beside the table.

    Parameters
    ----------
    class_name : str
    is_working : bool
        Whether the components are being looked for, or measured.
    note : Message
        Why there is nothing to show; empty when there is.
    unit : str
        Of the intensities; empty when unknown.
    """

    class_name: str = ""
    is_working: bool = False
    note: Message = NOTHING
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """An edit that is shown but not done.

    Parameters
    ----------
    verb : str
        Of the action that asked for it; the same action again applies it.
    text : Message
        What applying does, with numbers.
    """

    verb: str
    text: Message


class ComponentPanelView(Protocol):
    """The table of components and what is around it."""

    @property
    def threshold_ml(self) -> float:
        """Volume that *accept large* and *reject small* compare with."""

    @property
    def radius_mm(self) -> float:
        """Radius of a bridge."""

    @property
    def rule(self) -> str:
        """Rule whose suggestions *do as suggested* follows; empty for all."""

    def show_effect(self, effect: Message) -> None:
        """Say what rejecting the chosen components would do; empty: nothing."""

    def show_lines(
        self, lines: Sequence[ComponentLine], columns: Sequence[ComponentColumn], selected: Sequence[str]
    ) -> None:
        """Show components, and select some without saying so."""

    def show_summary(self, summary: ComponentSummary) -> None:
        """Say what the table is about."""

    def show_offer(self, offer: Offer | None) -> None:
        """Ask for an answer to an edit that is shown in the slices; None: no question."""

    def order(self) -> list[str]:
        """Return the keys of the lines that are shown, from top to bottom."""


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A label map that can be chosen as the proposal.

    Parameters
    ----------
    key : str
        Label map id.
    title, source : str
        Its name, and the run that made it.
    """

    key: str
    title: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class ProposalSummary:
    """The proposal that is looked at, against the accepted label map.

    Parameters
    ----------
    rows : tuple of ProposalRow
        What can be chosen.
    chosen : str
        Key of the one looked at; empty for none.
    target : str
        Name of the accepted label map; empty when there is none yet.
    added, removed, relabelled, kept : int
        Voxels; see `engines.imaging.volumes.proposals`.
    voxel_ml : float
    is_working : bool
    note : Message
        What stands in the way, for example another grid.
    question : Message
        What the next click of the same button does; empty when it asks nothing.
    """

    rows: tuple[ProposalRow, ...] = ()
    chosen: str = ""
    target: str = ""
    added: int = 0
    removed: int = 0
    relabelled: int = 0
    kept: int = 0
    voxel_ml: float = 0.0
    is_working: bool = False
    note: Message = NOTHING
    question: Message = NOTHING


class ProposalBarView(Protocol):
    """The line about proposals."""

    def show_proposals(self, summary: ProposalSummary) -> None:
        """Show what would change, and what can be chosen."""


@dataclass(frozen=True, slots=True)
class ChangeColours:
    """Colours of what changes, as "#rrggbb"."""

    added: str
    removed: str
    kept: str
    selected: str
