"""The Volume screen, wired: a case in three planes, its label maps, and the tools that draw in them."""

from __future__ import annotations

from workstation.actions.registry import ActionRegistry
from workstation.controllers.volume.label_arrays import LabelArrays
from workstation.controllers.volume.volume_controller import VolumeController
from workstation.controllers.volume.volume_images import cache_folder
from workstation.controllers.workbench import Workbench
from workstation.screens import Screen
from workstation.screens.attribute_actions import bind_attributes
from workstation.screens.component_actions import bind_components
from workstation.screens.mask_actions import bind_masks
from workstation.screens.review_actions import bind_review
from workstation.screens.volume_actions import bind_class_delete, bind_volume, reading_text
from workstation.viewers.napari_compat import warm_up
from workstation.viewers.volume_view import VolumeView
from workstation.views.elements.display import display
from workstation.views.volume.volume_panel import VolumePanel
from workstation.views.volume.volume_screen import VolumeScreen


def prepare() -> None:
    """Load what the first canvas needs."""
    warm_up()


def build(workbench: Workbench, actions: ActionRegistry) -> Screen:
    """Make the screen and connect it."""
    presets = {
        preset.name: (preset.centre - preset.width / 2, preset.centre + preset.width / 2)
        for preset in display().windows
    }
    panel = VolumePanel(actions, presets)
    centre = VolumeScreen(actions, panel, VolumeView)
    arrays = LabelArrays(workbench)
    controller = VolumeController(workbench, centre, arrays, presets, cache_folder(), centre)
    arrays.setParent(controller)
    view = centre.view
    view.cursorMoved.connect(controller.hover)
    view.windowDragged.connect(lambda key, low, high: controller.layers.set_window(key, (low, high)))
    view.surfacePicked.connect(controller.pick)
    controller.reading_changed.connect(
        lambda reading: workbench.cursor_moved.emit(reading_text(centre, reading))
    )
    centre.stopped.connect(controller.stop_reading)
    centre.stopped.connect(controller.edits.cancel)
    bind_volume(actions, centre, controller)
    bind_attributes(workbench, actions, centre, controller)
    editor = bind_masks(workbench, actions, centre, controller)
    components = bind_components(workbench, actions, centre, controller)
    bind_class_delete(actions, centre, controller, components.proposals.edits)
    review = bind_review(workbench, actions, centre, controller, components)
    controller.state_changed.connect(actions.refresh)
    controller.show_item(workbench.item_id)

    def close() -> None:
        editor.close()
        review.close()
        components.close()
        controller.close()
        view.shut()

    return Screen(
        centre,
        panel,
        controller,
        shown=lambda: controller.set_shown(True),
        hidden=lambda: controller.set_shown(False),
        close=close,
    )
