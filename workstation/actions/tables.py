"""All action tables, in the order of the menus; a screen with actions of its own adds its table here."""

from __future__ import annotations

from workstation.actions.application import APPLICATION_ACTIONS
from workstation.actions.compare import COMPARE_ACTIONS
from workstation.actions.components import COMPONENT_ACTIONS
from workstation.actions.data import DATA_ACTIONS
from workstation.actions.display import DISPLAY_ACTIONS
from workstation.actions.help import HELP_ACTIONS
from workstation.actions.masks import MASK_ACTIONS
from workstation.actions.pairs import PAIRS_ACTIONS
from workstation.actions.registry import ActionSpec
from workstation.actions.review import REVIEW_ACTIONS, START_ACTIONS
from workstation.actions.training import RUNS_ACTIONS, TRAIN_ACTIONS
from workstation.actions.volume import VOLUME_ACTIONS

ALL_ACTIONS: tuple[ActionSpec, ...] = (
    *HELP_ACTIONS,
    *APPLICATION_ACTIONS,
    *DATA_ACTIONS,
    *PAIRS_ACTIONS,
    *DISPLAY_ACTIONS,
    *VOLUME_ACTIONS,
    *MASK_ACTIONS,
    *COMPONENT_ACTIONS,
    *REVIEW_ACTIONS,
    *COMPARE_ACTIONS,
    *TRAIN_ACTIONS,
    *RUNS_ACTIONS,
    *START_ACTIONS,
)
