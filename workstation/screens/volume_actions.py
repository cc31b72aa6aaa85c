"""What the actions of the Volume screen do, why one cannot be done now, and what its panel says."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from engines.imaging.volumes.label_classes import class_tables
from workstation.actions.held_key import HeldKey
from workstation.actions.held_steps import HeldSteps
from workstation.actions.registry import ActionRegistry
from workstation.actions.volume import CANVAS
from workstation.controllers.masks.label_edits import LabelEdits
from workstation.controllers.volume.volume_controller import VolumeController
from workstation.controllers.volume.volume_layers import OPACITY_STEP
from workstation.controllers.volume.volume_probe import Reading
from workstation.views.protocols.volume import LabelStyle, PaneLayout
from workstation.views.volume.volume_screen import VolumeScreen

Reason = Callable[[], str]
Handlers = dict[str, tuple[Callable[[], None], Reason | None]]
FIRST_SLAB_MM = 10.0
SLAB_FACTOR = 1.5
SLAB_RANGE_MM = (0.5, 200.0)
LAYOUTS = tuple(PaneLayout)


def reading_text(widget: QWidget, reading: Reading | None) -> str:
    """Return what lies under the mouse as one line: world mm, voxel, value with its unit, label."""
    if reading is None:
        return ""
    tr = widget.tr
    x, y, z = reading.world_mm
    i, j, k = reading.voxel
    parts = [f"x {x:.1f}  y {y:.1f}  z {z:.1f} mm", tr("voxel {i} {j} {k}").format(i=i, j=j, k=k)]
    if reading.value is None:
        parts.append(tr("outside the image"))
    else:
        value = f"{reading.value:.0f}" if reading.value == round(reading.value) else f"{reading.value:.4g}"
        text = f"{value} {reading.unit}" if reading.unit else f"{reading.image} {value}"
        parts.append(text.replace("-", "−"))
    if reading.label:
        parts.append(tr("label {value}: {name}").format(value=reading.label, name=reading.name))
    elif reading.label == 0:
        parts.append(tr("no label"))
    return "   ·   ".join(parts)


def bind_volume(actions: ActionRegistry, centre: VolumeScreen, controller: VolumeController) -> None:
    """Bind the actions and connect the panel."""
    reasons = Reasons(centre, controller)
    handlers = {
        **_navigation(actions, centre, controller, reasons),
        **_looks(actions, centre, controller, reasons),
        **_maps(centre, controller, reasons),
        **_class_actions(centre, controller, reasons),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"volume.{verb}", triggered, reason)
    _bind_tables(actions, centre)
    _bind_layouts(actions, controller, reasons.no_image)
    _bind_peek(actions, centre, controller, reasons.no_image)
    actions.set_scope(CANVAS, centre.view)
    _connect_panel(centre, controller)
    with QSignalBlocker(actions):
        actions.action("volume.masks").setChecked(True)
        actions.action("volume.crosshair").setChecked(True)


def bind_class_delete(
    actions: ActionRegistry, centre: VolumeScreen, controller: VolumeController, edits: LabelEdits
) -> None:
    """Bind the deletion of a class, whose voxels go on a thread."""
    reasons, classes = Reasons(centre, controller), controller.classes

    def reason() -> str:
        if reasons.no_voxels():
            return reasons.no_voxels()
        if not any(one.value == classes.active for one in classes.classes):
            return centre.tr("The label map has no such class.")
        if classes.active in controller.locked:
            return centre.tr("The class is locked: unlock it with Shift+L.")
        return centre.tr("Another edit is being made.") if edits.is_busy else ""

    actions.bind("volume.class_delete", lambda: classes.delete(classes.active, edits), reason)


class Reasons:
    """Why an action cannot run now, translated; empty when it can.

    Parameters
    ----------
    centre : VolumeScreen
    controller : VolumeController
    """

    def __init__(self, centre: VolumeScreen, controller: VolumeController) -> None:
        self._tr = centre.tr
        self._controller = controller

    def no_image(self) -> str:
        """Say that no volume is shown."""
        return "" if self._controller.image is not None else self._tr("No volume is shown.")

    def no_map(self) -> str:
        """Say that no label map is drawn in."""
        no_map = self._tr("The case has no label map yet: make one with M.")
        return self.no_image() or ("" if self._controller.active_id else no_map)

    def no_voxels(self) -> str:
        """Say that the label map is still read."""
        is_read = self._controller.active_labels is not None
        return self.no_map() or ("" if is_read else self._tr("The label map is being read."))

    def no_hu(self) -> str:
        """Say that presets are for images in HU."""
        base = self._controller.layers.base
        has_unit = base is not None and bool(base.unit)
        text = self._tr("Presets are for images in HU; take the automatic window.")
        return self.no_image() or ("" if has_unit else text)

    def one_image(self) -> str:
        """Say that there is nothing to change to."""
        has_many = len(self._controller.layers.images) > 1
        return self.no_image() or ("" if has_many else self._tr("The case has one image."))

    def one_map(self) -> str:
        """Say that there is no other label map."""
        has_many = len(self._controller.layers.maps) > 1
        return self.no_map() or ("" if has_many else self._tr("The case has one label map."))

    def is_on_image(self) -> str:
        """Say that the label map lies on the grid of the image already, or cannot be brought there."""
        image, grid = self._controller.image, self._controller.grid
        if self.no_voxels() or image is None or grid is None:
            return self.no_voxels()
        if image.geometry.difference(grid) is None:
            return self._tr("The label map lies on the grid of the image.")
        return self.is_busy()

    def cannot_refine(self) -> str:
        """Say that a finer label map would be too large."""
        grid = self._controller.grid
        if self.no_voxels() or grid is None:
            return self.no_voxels()
        is_large = not self._controller.edits.can_refine(grid)
        too_large = self._tr("A grid twice as fine would have more than 2000 million voxels.")
        return too_large if is_large else self.is_busy()

    def is_busy(self) -> str:
        """Say that another label map is being made."""
        is_busy = self._controller.edits.is_resampling
        return self._tr("Another label map is being resampled.") if is_busy else ""

    def no_reading(self) -> str:
        """Say that the mouse is nowhere."""
        return "" if self._controller.image is not None else self._tr("No volume is shown.")

    def no_item(self) -> str:
        """Say that there is nothing to read."""
        return "" if self._controller.item is not None else self._tr("Choose an item on the left.")


def _navigation(
    actions: ActionRegistry, centre: VolumeScreen, controller: VolumeController, reasons: Reasons
) -> Handlers:
    view = centre.view
    slab = actions.action("volume.slab")
    thickness = [FIRST_SLAB_MM]

    def set_slab(factor: float = 1.0) -> None:
        low, high = SLAB_RANGE_MM
        thickness[0] = min(high, max(low, thickness[0] * factor))
        if factor != 1.0:
            slab.setChecked(True)
        view.set_slab(thickness[0] if slab.isChecked() else 0.0)

    def centre_on_cursor() -> None:
        reading, grid = controller.reading, controller.grid
        if reading is not None and grid is not None:
            i, j, k = (float(value) for value in grid.voxel_of([reading.world_mm])[0])
            controller.go_to((i, j, k))
        else:
            controller.go_to(controller.position)

    def copy() -> None:
        reading = controller.reading or controller.read_at(controller.position)
        QGuiApplication.clipboard().setText(reading_text(centre, reading))

    held, crosshair = HeldSteps(), actions.action("volume.crosshair")
    no_image = reasons.no_image
    return {
        "slice_next": (lambda: view.step(None, held.next(1)), no_image),
        "slice_previous": (lambda: view.step(None, held.next(-1)), no_image),
        "slices_next": (lambda: view.step(None, 10), no_image),
        "slices_previous": (lambda: view.step(None, -10), no_image),
        "whole": (view.show_whole, no_image),
        "centre": (centre_on_cursor, no_image),
        "crosshair": (lambda: view.show_crosshair(crosshair.isChecked()), no_image),
        "slab": (set_slab, no_image),
        "slab_thicker": (lambda: set_slab(SLAB_FACTOR), no_image),
        "slab_thinner": (lambda: set_slab(1 / SLAB_FACTOR), no_image),
        "copy_reading": (copy, reasons.no_reading),
        "read_again": (controller.read_again, reasons.no_item),
    }


def _looks(
    actions: ActionRegistry, centre: VolumeScreen, controller: VolumeController, reasons: Reasons
) -> Handlers:
    layers = controller.layers
    masks, outline = actions.action("volume.masks"), actions.action("volume.outline")

    def set_style() -> None:
        layers.set_style(LabelStyle.OUTLINE if outline.isChecked() else LabelStyle.FILLED)

    handlers: Handlers = {
        "masks": (lambda: layers.set_masks(masks.isChecked()), reasons.no_image),
        "outline": (set_style, reasons.no_image),
        "less": (lambda: layers.step_opacity(-OPACITY_STEP), reasons.no_map),
        "more": (lambda: layers.step_opacity(OPACITY_STEP), reasons.no_map),
        "auto_window": (layers.fit_base, reasons.no_image),
        "image_next": (lambda: controller.step_base(1), reasons.one_image),
    }
    for number, name in enumerate(controller.presets, start=1):
        handlers[f"window_{number}"] = (
            lambda name=name: layers.show_base_in(controller.presets[name]),
            reasons.no_hu,
        )  # type: ignore[misc]
    return handlers


def _maps(centre: VolumeScreen, controller: VolumeController, reasons: Reasons) -> Handlers:
    edits, layer_list = controller.edits, centre.panel.layers

    def new() -> None:
        made = controller.new_label_map(edits.free_name(centre.tr("label map")))
        if made:
            layer_list.edit(made)

    def on_image() -> None:
        image, source = controller.image, controller.layers.active
        if image is not None and source is not None:
            name = edits.free_name(centre.tr("{name} on the image").format(name=source.name))
            edits.resample(image.geometry, name, is_smooth=False)

    def finer() -> None:
        source = controller.layers.active
        if source is not None:
            edits.refine(edits.free_name(centre.tr("{name} fine").format(name=source.name)))

    return {
        "new_map": (new, reasons.no_image),
        "rename_map": (lambda: layer_list.edit(controller.active_id), reasons.no_map),
        "delete_map": (edits.delete, reasons.no_map),
        "map_next": (lambda: controller.step_active(1), reasons.one_map),
        "map_on_image": (on_image, reasons.is_on_image),
        "map_finer": (finer, reasons.cannot_refine),
    }


def _class_actions(centre: VolumeScreen, controller: VolumeController, reasons: Reasons) -> Handlers:
    classes, class_list = controller.classes, centre.panel.classes

    def add() -> None:
        value = classes.add()
        if value:
            class_list.edit(value)

    return {
        "class_next": (lambda: classes.step(1), reasons.no_map),
        "class_previous": (lambda: classes.step(-1), reasons.no_map),
        "class_add": (add, reasons.no_map),
        "class_rename": (lambda: class_list.edit(classes.active), reasons.no_map),
        "class_colour": (lambda: class_list.ask_colour(classes.active), reasons.no_map),
        "class_table": (lambda: _ask_table(class_list.ask_table), reasons.no_map),
        "class_hide": (lambda: classes.toggle(classes.active, "hidden"), reasons.no_map),
        "class_lock": (lambda: classes.toggle(classes.active, "locked"), reasons.no_map),
    }


def _ask_table(ask: Callable[[tuple[str, ...]], object]) -> None:
    ask(class_tables())


def _bind_layouts(actions: ActionRegistry, controller: VolumeController, no_image: Reason) -> None:
    """Bind one checkable action a layout; that of the surface goes back to the layout before it."""
    before = [PaneLayout.FOUR]

    def show_checks() -> None:
        for layout in LAYOUTS:
            actions.action(f"volume.{layout.value}").setChecked(controller.layout is layout)

    def choose(layout: PaneLayout) -> None:
        wanted = layout
        if layout is PaneLayout.SURFACE:
            if controller.layout is PaneLayout.SURFACE:
                wanted = before[0]
            else:
                before[0] = controller.layout
        controller.set_layout(wanted)
        show_checks()

    for layout in LAYOUTS:
        actions.bind(f"volume.{layout.value}", lambda layout=layout: choose(layout), no_image)  # type: ignore[misc]
    show_checks()


def _bind_tables(actions: ActionRegistry, centre: VolumeScreen) -> None:
    lower, action = centre.lower, actions.action("volume.tables")

    def no_tables() -> str:
        return centre.tr("No volume is shown.") if lower.isHidden() else ""

    actions.bind("volume.tables", lambda: lower.set_folded(not lower.is_folded), no_tables)
    lower.folded.connect(lambda is_folded: action.setChecked(not is_folded))
    action.setChecked(not lower.is_folded)


def _bind_peek(
    actions: ActionRegistry, centre: VolumeScreen, controller: VolumeController, no_image: Reason
) -> None:
    held, peek = HeldKey(centre), actions.action("volume.peek")
    peek.setAutoRepeat(False)

    def set_overlays(has_overlays: bool) -> None:
        controller.layers.set_overlays(has_overlays)
        peek.setChecked(not has_overlays)

    def tapped() -> None:
        before = controller.layers.has_overlays
        set_overlays(not before)
        held.begin(peek, lambda: set_overlays(before))

    actions.bind("volume.peek", tapped, no_image)


def _connect_panel(centre: VolumeScreen, controller: VolumeController) -> None:
    panel, layers, classes = centre.panel, controller.layers, controller.classes
    panel.layers.layerChosen.connect(
        lambda key, is_image: controller.set_base(key) if is_image else controller.set_active(key)
    )
    panel.layers.visibilityToggled.connect(
        lambda key: layers.set_look(key, is_visible=not layers.look(key).is_visible)
    )
    panel.layers.opacityChosen.connect(
        lambda key, is_image, opacity: (
            layers.set_over(key, opacity) if is_image else layers.set_look(key, opacity=opacity)
        )
    )
    panel.layers.renamed.connect(controller.edits.rename)
    panel.classes.classChosen.connect(controller.set_class)
    panel.classes.renamed.connect(lambda value, name: classes.change(value, name=name))
    panel.classes.colourChosen.connect(lambda value, colour: classes.change(value, colour=colour))
    panel.classes.toggled.connect(classes.toggle)
    panel.classes.tableChosen.connect(classes.load_table)
    panel.window_box.presetChosen.connect(lambda name: layers.show_base_in(controller.presets[name]))
    panel.window_box.windowTyped.connect(lambda low, high: layers.show_base_in((low, high)))
