"""The Train screen, wired: phases, settings, live curves."""

from __future__ import annotations

from engines.contract.spec import PhaseSpec
from workstation.actions.registry import ActionRegistry
from workstation.controllers.training.train_controller import TrainController
from workstation.controllers.training.variant_runs import VariantRuns
from workstation.controllers.workbench import Workbench
from workstation.screens import Screen
from workstation.views.elements.empty_state import without_training
from workstation.views.runs.discard_dialog import ask_discard
from workstation.views.runs.run_words import sentence, spoken
from workstation.views.training.train_screen import VERBS, TrainScreen


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
    _bind_variants(workbench, actions, view, controller)
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


def _bind_variants(
    workbench: Workbench, actions: ActionRegistry, view: TrainScreen, controller: TrainController
) -> None:
    """Bind the comparison that a phase offers; its button is there only where one does."""
    runs, action, button = (
        VariantRuns(workbench, view),
        actions.action("train.variants"),
        view.buttons["variants"],
    )
    usual = action.text()

    def phase() -> PhaseSpec | None:
        spec = controller.spec
        return spec.phase(controller.phase) if spec is not None and controller.phase else None

    def reason() -> str:
        chosen = phase()
        if chosen is None or chosen.variants is None:
            return view.tr("This phase offers no short trainings to compare.")
        return view.tr("The comparison is under way.") if runs.is_busy else sentence(controller.verbs.start)

    def start() -> None:
        spec, chosen, form = controller.spec, phase(), controller.form
        if spec is not None and chosen is not None:
            runs.start(spec, chosen, form.preset, form.overrides(), form.base_run)

    def name() -> None:
        chosen = phase()
        variants = chosen.variants if chosen is not None else None
        action.setText(spoken(variants.title) if variants is not None else usual)
        button.setVisible(variants is not None)

    actions.bind("train.variants", start, reason)

    def look() -> None:
        name()
        actions.refresh()

    controller.verbs_changed.connect(name)
    view.phase_chosen.connect(look)
    view.pipeline_chosen.connect(look)
    name()
