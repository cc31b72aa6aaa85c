"""The Train screen, wired: phases, settings, live curves."""

from __future__ import annotations

from workstation.actions.registry import ActionRegistry
from workstation.controllers.train_controller import TrainController
from workstation.controllers.workbench import Workbench
from workstation.screens import Screen
from workstation.views.discard_dialog import ask_discard
from workstation.views.empty_state import without_training
from workstation.views.run_words import sentence
from workstation.views.train_screen import VERBS, TrainScreen


def build(workbench: Workbench, actions: ActionRegistry) -> Screen:
    """Make the screen."""
    view = TrainScreen({verb: actions.action(f"train.{verb}") for verb in VERBS})
    view.set_empty(without_training(actions))
    controller = TrainController(workbench, view, view)
    view.pipeline_chosen.connect(controller.choose_pipeline)
    view.phase_chosen.connect(controller.choose_phase)
    view.preset_chosen.connect(controller.choose_preset)
    view.settings_changed.connect(controller.set_settings)
    view.base_chosen.connect(controller.choose_base)
    view.fix_requested.connect(controller.fix)
    controller.import_requested.connect(actions.action("project.import").trigger)
    view.remedy_requested.connect(controller.apply_remedy)
    view.preview_requested.connect(controller.draw_preview)
    actions.bind("train.start", controller.start, lambda: sentence(controller.verbs.start))
    actions.bind("train.pause", controller.pause, lambda: sentence(controller.verbs.pause))
    actions.bind("train.continue", controller.proceed, lambda: sentence(controller.verbs.proceed))
    actions.bind("train.stop", controller.stop, lambda: sentence(controller.verbs.stop))
    actions.bind("train.resume", controller.resume, lambda: sentence(controller.verbs.resume))
    actions.bind(
        "train.discard",
        lambda: ask_discard(view, controller.discard),
        lambda: sentence(controller.verbs.discard),
    )
    controller.verbs_changed.connect(actions.refresh)
    actions.refresh()
    return Screen(
        view,
        view.panel,
        controller,
        shown=lambda: controller.set_shown(True),
        hidden=lambda: controller.set_shown(False),
        close=controller.close,
    )
