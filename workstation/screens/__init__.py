"""The table of screens: one row and one module each.

A module ``workstation/screens/<key>.py`` has one function ``build(workbench, actions) -> Screen`` that
makes the widgets and the controller of the screen, connects them, and binds the screen's actions. It is
imported by a thread after the window has painted: napari and pyqtgraph take seconds.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

from PySide6.QtCore import QT_TRANSLATE_NOOP
from PySide6.QtWidgets import QWidget

from engines.contract.kinds import ItemKind
from workstation.actions.registry import ActionRegistry
from workstation.controllers.workbench import Workbench


def _nothing() -> None:
    return


@dataclass
class Screen:
    """A screen that was built.

    Parameters
    ----------
    centre : QWidget
        Fills the middle of the window.
    panel : QWidget or None
        Task panel on the right; its top is the one primary action.
    controller : object
        Kept alive with the screen.
    shown, hidden : callable
        Called when the screen appears and disappears.
    close : callable
        Called before the window closes; lets go of threads and canvases.
    """

    centre: QWidget
    panel: QWidget | None
    controller: object
    shown: Callable[[], None] = field(default=_nothing)
    hidden: Callable[[], None] = field(default=_nothing)
    close: Callable[[], None] = field(default=_nothing)


@dataclass(frozen=True, slots=True)
class ScreenSpec:
    """One row of the table.

    Parameters
    ----------
    key : str
        Also the module under ``workstation/screens`` and the action ``screen.<key>``.
    title : str
        English, translated in the context ``screens``.
    shows_items : bool
        Whether the data browser stands beside it.
    kinds : tuple of ItemKind
        Items that it can show; empty for any, or for none in particular.
    """

    key: str
    title: str
    shows_items: bool = True
    kinds: tuple[ItemKind, ...] = ()

    def can_show(self, kind: ItemKind) -> bool:
        """Tell whether the screen can show an item."""
        return not self.kinds or kind in self.kinds

    def load(self) -> ModuleType:
        """Import the module, and let it prepare what needs no window; a thread may do it."""
        module = importlib.import_module(f"workstation.screens.{self.key}")
        getattr(module, "prepare", _nothing)()
        return module

    def build(self, workbench: Workbench, actions: ActionRegistry) -> Screen:
        """Import the module and make the screen."""
        screen = self.load().build(workbench, actions)
        assert isinstance(screen, Screen)
        return screen


_OF_IMAGES = (ItemKind.IMAGE_PAIR, ItemKind.IMAGE_SET)
_OF_VOLUMES = (ItemKind.VOLUME, ItemKind.VOLUME_SET, ItemKind.VOLUME_PAIR)

SCREENS: tuple[ScreenSpec, ...] = (
    ScreenSpec("pairs", QT_TRANSLATE_NOOP("screens", "Pairs"), kinds=_OF_IMAGES),
    ScreenSpec("volume", QT_TRANSLATE_NOOP("screens", "Volume"), kinds=_OF_VOLUMES),
    ScreenSpec("compare", QT_TRANSLATE_NOOP("screens", "Compare")),
    ScreenSpec("train", QT_TRANSLATE_NOOP("screens", "Train"), shows_items=False),
    ScreenSpec("runs", QT_TRANSLATE_NOOP("screens", "Runs"), shows_items=False),
)


def screen_for(kind: ItemKind, current: str) -> str:
    """Return the screen for an item: the current one where it can show it, else the first that can."""
    able = [spec.key for spec in SCREENS if spec.can_show(kind)]
    return current if current in able else able[0]
