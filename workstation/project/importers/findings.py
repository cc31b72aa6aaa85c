"""A remark on a proposal, and the buttons that do something about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.project.importers.proposal import ImportProposal, ProposedItem

Change = Callable[[ImportProposal], ImportProposal]


@dataclass(frozen=True, slots=True)
class Fix:
    """One thing that can be done about a finding.

    Parameters
    ----------
    title : Message
        The words on its button.
    change : callable or None
        Returns the proposal with it done; None when the person has to choose a partner first.
    """

    title: Message
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class ProposalFinding:
    """A remark on a proposal.

    Parameters
    ----------
    key : str
    severity : Severity
        Errors keep an item, or a file of it, from being imported.
    message : Message
    items : tuple of str
        Keys of the items that it is about.
    fixes : tuple of Fix
    """

    key: str
    severity: Severity
    message: Message
    items: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()


def keep(key: str, title: Message | None = None) -> Fix:
    """Return the fix that leaves everything as it is."""
    return Fix(title or Message("Keep it"), lambda proposal: proposal.with_settled(key))


def leave_out(*keys: str) -> Fix:
    """Return the fix that does not import some items."""
    return Fix(Message("Leave out"), lambda proposal: proposal.with_included(keys, False))


def change_item(key: str, change: Callable[[ProposedItem], ProposedItem]) -> Change:
    """Return the change of one item."""
    return lambda proposal: proposal.changed(key, change)


def skip_file(path: Path) -> Fix:
    """Return the fix that leaves a file out of every item."""
    return Fix(Message("Skip this file"), lambda proposal: proposal.without_file(path))
