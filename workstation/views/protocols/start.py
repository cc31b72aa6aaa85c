"""What the dialogs that start runs show, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engines.contract.kinds import Action
from engines.contract.messages import Message

CheckSettings = Callable[[Mapping[str, Any]], Message | None]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model that can be used; without a run id: none at all.

    Parameters
    ----------
    run_id : str
    title : str
        English template.
    is_in_use : bool
        Whether the project says that new results are made with it.
    """

    run_id: str
    title: str
    is_in_use: bool = False


@dataclass(frozen=True, slots=True)
class ItemGroup:
    """Items that a run can be about.

    Parameters
    ----------
    key : str
    title : Message
        With their number.
    item_ids : tuple of str
        Empty where a split is meant.
    split : str
    is_empty : bool
    """

    key: str
    title: Message
    item_ids: tuple[str, ...] = ()
    split: str = ""
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class StartChoice:
    """A pipeline with everything that can be chosen for one action of it.

    Parameters
    ----------
    key, title, summary : str
    models : tuple of ModelRow
        Newest first.
    groups : tuple of ItemGroup
    phases : tuple of (key, title)
        For weights of other programs.
    schema, values : mapping
        Of the settings.
    check : callable
        Says what is wrong with settings together.
    """

    key: str
    title: str
    summary: str
    models: tuple[ModelRow, ...]
    groups: tuple[ItemGroup, ...]
    phases: tuple[tuple[str, str], ...]
    schema: Mapping[str, Any]
    values: Mapping[str, Any]
    check: CheckSettings


@dataclass(frozen=True, slots=True)
class StartOrder:
    """What the person wants to be started."""

    action: Action
    pipeline: str
    run_id: str = ""
    phase: str = ""
    group: ItemGroup | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
