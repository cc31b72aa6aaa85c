"""The mask editor of the Volume screen, wired: tools in the panel, keys, mouse."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker

from workstation.actions.registry import ActionRegistry
from workstation.controllers.masks.mask_editor import MaskEditor
from workstation.controllers.volume.volume_controller import VolumeController
from workstation.controllers.workbench import Workbench
from workstation.views.elements.display import display
from workstation.views.protocols.masks import MaskTool
from workstation.views.volume.mask_panel import MaskPanel
from workstation.views.volume.volume_screen import VolumeScreen

DRAWING = (MaskTool.ERASE, MaskTool.PAINT, MaskTool.POLYGON)
Handlers = dict[str, tuple[Callable[[], None], Callable[[], str] | None]]


def bind_masks(
    workbench: Workbench, actions: ActionRegistry, centre: VolumeScreen, controller: VolumeController
) -> MaskEditor:
    """Make the editor and connect it; it lives as long as the controller of the screen."""
    panel = MaskPanel(actions)
    centre.tool_sections.addWidget(panel)
    named = display().colours
    colours = {"added": named["added"], "removed": named["removed"], "gate": named["vessels"]}
    editor = MaskEditor(workbench, controller, panel, colours, controller)
    view = centre.view
    view.cursorMoved.connect(editor.hover)
    view.radiusScrolled.connect(editor.step_radius)
    view.spaceTapped.connect(editor.swap)
    panel.radiusTyped.connect(editor.set_radius)
    panel.gateTyped.connect(editor.set_gate)
    _bind(actions, centre, panel, editor)

    def show_state() -> None:
        settings = editor.drawing.settings
        with QSignalBlocker(actions):
            for tool in MaskTool:
                actions.action(f"masks.{tool.value}").setChecked(tool is settings.tool)
            actions.action("masks.ball").setChecked(settings.is_ball)
            actions.action("masks.gate").setChecked(settings.is_gated)
            actions.action("masks.background").setChecked(not settings.is_over_labels)
        actions.refresh()

    editor.state_changed.connect(show_state)
    show_state()
    return editor


def _bind(actions: ActionRegistry, centre: VolumeScreen, panel: MaskPanel, editor: MaskEditor) -> None:
    tr = centre.tr

    def no_volume() -> str:
        return "" if editor.has_volume else tr("There is no volume to draw on.")

    def no_labels() -> str:
        return no_volume() or ("" if editor.has_labels else tr("There is no label map to work on yet."))

    def cannot_operate() -> str:
        is_running = editor.operations.is_running
        return no_labels() or (tr("A preview is being worked out.") if is_running else "")

    def no_gate() -> str:
        has_values = editor.drawing.gate_values is not None
        return cannot_operate() or ("" if has_values else tr("There is no image for the gate."))

    def no_preview() -> str:
        # A stroke begins and ends too often to ask every action whether Esc means something now.
        can_end = editor.is_busy or editor.tool in DRAWING
        return "" if can_end else tr("There is no preview, and nothing is half drawn.")

    def chooser(tool: MaskTool) -> Callable[[], None]:
        return lambda: editor.choose(tool)

    ball, gate = actions.action("masks.ball"), actions.action("masks.gate")
    background = actions.action("masks.background")
    handlers: Handlers = {tool.value: (chooser(tool), no_volume) for tool in MaskTool}
    handlers |= {
        "swap": (editor.swap, no_volume),
        "ball": (lambda: editor.set_ball(ball.isChecked()), no_volume),
        "smaller": (lambda: editor.step_radius(-1), no_volume),
        "larger": (lambda: editor.step_radius(1), no_volume),
        "gate": (lambda: editor.set_gated(gate.isChecked()), no_volume),
        "background": (lambda: editor.set_over_labels(not background.isChecked()), no_volume),
        "interpolate": (editor.interpolate, cannot_operate),
        "copy_next": (lambda: editor.copy_slice(1), cannot_operate),
        "copy_previous": (lambda: editor.copy_slice(-1), cannot_operate),
        "clear_slice": (editor.clear_slice, cannot_operate),
        "smooth": (lambda: editor.smooth(panel.smooth_mm.value()), cannot_operate),
        "grow": (lambda: editor.grow(panel.margin_mm.value()), cannot_operate),
        "shrink": (lambda: editor.grow(-panel.margin_mm.value()), cannot_operate),
        "islands": (lambda: editor.remove_islands(panel.island_mm3.value()), cannot_operate),
        "holes": (editor.fill_holes, cannot_operate),
        "threshold": (editor.threshold, no_gate),
        "apply": (editor.apply, no_preview),
        "drop": (editor.drop, no_preview),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"masks.{verb}", triggered, reason)
    actions.action("masks.swap").setAutoRepeat(False)
