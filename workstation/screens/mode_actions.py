"""Keys and buttons of the modes, the same on every screen that lays pictures over each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from PySide6.QtCore import QObject

from workstation.actions.held_key import HeldKey
from workstation.actions.registry import ActionRegistry
from workstation.views.protocols.overlay_modes import Mode, ModeSettings


class ModeOwner(Protocol):
    """Whoever knows which mode is on."""

    watchers: list[Callable[[], None]]

    @property
    def mode(self) -> Mode:
        """The mode that is on."""

    def choose(self, mode: Mode) -> None:
        """Switch a mode on, or off when it is on."""

    def set_mode(self, mode: Mode) -> None:
        """Show a mode."""


class Turned(Protocol):
    """What draws a mode and holds its settings."""

    @property
    def settings(self) -> ModeSettings:
        """What may be turned."""

    def set_settings(self, settings: ModeSettings) -> None:
        """Turn what a mode has to turn."""

    def turn(self, direction: int) -> None:
        """Turn a step up or down."""


def bind_modes(
    actions: ActionRegistry,
    screen: str,
    verbs: Mapping[str, Mode],
    owner: ModeOwner,
    parent: QObject,
    reason: Callable[[], str],
    refused: Mapping[str, Callable[[], str]] | None = None,
) -> None:
    """Bind one checkable action a mode: a tap switches it, holding its key shows it for as long.

    Parameters
    ----------
    verbs : mapping of verb to Mode
    parent : QObject
        Of what waits for the release of a key.
    reason : callable
        Why no mode can be chosen now.
    refused : mapping of verb to callable
        The same for modes that need more.
    """
    reasons = refused or {}
    held = HeldKey(parent)
    for verb, mode in verbs.items():
        action = actions.action(f"{screen}.{verb}")
        action.setAutoRepeat(False)

        def chosen(action=action, mode: Mode = mode) -> None:  # type: ignore[no-untyped-def]
            before = owner.mode
            owner.choose(mode)
            held.begin(action, lambda: owner.set_mode(before))

        actions.bind(f"{screen}.{verb}", chosen, reasons.get(verb, reason))

    def show_checks() -> None:
        for verb, mode in verbs.items():
            actions.action(f"{screen}.{verb}").setChecked(owner.mode is mode)

    owner.watchers.append(show_checks)
    show_checks()


def bind_turning(
    actions: ActionRegistry,
    screen: str,
    verbs: tuple[str, str, str],
    drawn: Turned,
    reason: Callable[[], str],
) -> None:
    """Bind the actions that turn a mode's setting down and up, and the one that turns the curtain."""
    less, more, turn = verbs
    actions.bind(f"{screen}.{less}", lambda: drawn.turn(-1), reason)
    actions.bind(f"{screen}.{more}", lambda: drawn.turn(1), reason)

    def turn_curtain() -> None:
        drawn.set_settings(replace(drawn.settings, is_vertical=not drawn.settings.is_vertical))

    actions.bind(f"{screen}.{turn}", turn_curtain, reason)
