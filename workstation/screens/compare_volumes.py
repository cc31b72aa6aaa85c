"""The part of the Compare screen for volumes, wired; and which part the keys of the screen belong to now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtWidgets import QStackedWidget

from engines.imaging.comparison import Change
from workstation.actions.compare import SLICES
from workstation.actions.held_key import HeldKey
from workstation.actions.held_steps import HeldSteps
from workstation.actions.registry import ActionRegistry
from workstation.controllers.compare.case_table_controller import CaseTableController
from workstation.controllers.compare.compare_controller import CompareController
from workstation.controllers.compare.surface_export import SurfaceExport
from workstation.controllers.compare.volume_compare_controller import VolumeCompareController
from workstation.controllers.compare.volume_figure import VolumeFigureSubject
from workstation.controllers.volume.volume_images import cache_folder
from workstation.controllers.workbench import Workbench
from workstation.screens.volume_actions import FIRST_SLAB_MM, SLAB_FACTOR, SLAB_RANGE_MM
from workstation.viewers.compare_view import CompareView
from workstation.views.compare.compare_screen import CompareScreen
from workstation.views.compare.volume_compare_panel import VolumeComparePanel
from workstation.views.compare.volume_compare_part import VolumeComparePart
from workstation.views.elements.display import display
from workstation.views.protocols.overlay_modes import Mode, ModeSettings
from workstation.views.protocols.volume import Plane


@dataclass
class VolumeSide:
    """Everything of the Compare screen that belongs to volumes."""

    part: VolumeComparePart
    controller: VolumeCompareController
    cases: CaseTableController

    def subject(self) -> VolumeFigureSubject | None:
        """Return what a figure shows now, or None while nothing is shown."""
        slices, view = self.controller.slices, self.part.view
        if slices is None or not self.controller.is_showing:
            return None
        return VolumeFigureSubject(slices, self.controller.wish, view.shown_panes(), view.settings)


@dataclass
class Sides:
    """Images and volumes: what the keys of the screen do goes to the one that is shown.

    Parameters
    ----------
    centre : CompareScreen
    images : CompareController
    volumes : VolumeSide
    watchers : list of callable
        Called when the mode, or the side, is another.
    """

    centre: CompareScreen
    images: CompareController
    volumes: VolumeSide
    watchers: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for controller in (self.images, self.volumes.controller):
            controller.watchers.append(self.changed)

    def changed(self) -> None:
        """Tell that the mode, or the side, is another."""
        for watcher in self.watchers:
            watcher()

    @property
    def is_volume(self) -> bool:
        """Whether a case with volumes is shown."""
        return self.volumes.controller.is_active

    @property
    def controller(self) -> CompareController | VolumeCompareController:
        """The controller of what is shown."""
        return self.volumes.controller if self.is_volume else self.images

    @property
    def view(self) -> CompareView:
        """The panes that are shown."""
        return self.volumes.part.view if self.is_volume else self.centre.view

    # -- as the keys of modes know it ----------------------------------------------------------------

    @property
    def mode(self) -> Mode:
        """The mode that is on."""
        return self.controller.mode

    def choose(self, mode: Mode) -> None:
        """Switch a mode on, or off when it is on."""
        self.controller.choose(mode)

    def set_mode(self, mode: Mode) -> None:
        """Show a mode."""
        self.controller.set_mode(mode)

    @property
    def settings(self) -> ModeSettings:
        """What may be turned."""
        return self.view.settings

    def set_settings(self, settings: ModeSettings) -> None:
        """Turn what a mode has to turn."""
        self.view.set_settings(settings)

    def turn(self, direction: int) -> None:
        """Turn a step up or down."""
        self.view.turn(direction)


def build_volumes(
    workbench: Workbench,
    actions: ActionRegistry,
    centre: CompareScreen,
    panels: QStackedWidget,
    colours: dict[Change, str],
    open_folder: Callable[[Path], None],
) -> VolumeSide:
    """Make the part for volumes and connect it."""
    panel = VolumeComparePanel(actions)
    panels.addWidget(panel)

    def set_shown(is_shown: bool) -> None:
        centre.show_side(part if is_shown else None)
        panels.setCurrentIndex(int(is_shown))

    part = VolumeComparePart(actions, panel, set_shown)
    centre.add_side(part)
    # As on the Volume screen: the first preset is for vessels with contrast, the second without.
    contrast, plain = (
        (preset.centre - preset.width / 2, preset.centre + preset.width / 2)
        for preset in display().windows[:2]
    )
    windows = (plain, contrast)
    controller = VolumeCompareController(workbench, part, colours, windows, cache_folder(), centre)
    cases = CaseTableController(workbench, part, open_folder, centre)
    side = VolumeSide(part, controller, cases)
    view = part.view
    view.sourceChosen.connect(controller.choose_source)
    view.paneRemoved.connect(controller.remove_pane)
    view.cursorMoved.connect(lambda x, y: workbench.cursor_moved.emit(controller.cursor_text(x, y)))
    view.stepped.connect(controller.step)
    view.placed.connect(controller.place)
    view.windowDragged.connect(controller.drag_window)
    view.windowReset.connect(controller.reset_window)
    view.linkChosen.connect(controller.set_window_linked)
    panel.referenceChosen.connect(controller.choose_reference)
    panel.classChosen.connect(controller.set_class)
    panel.classChosen.connect(cases.set_class)
    panel.imageChosen.connect(controller.set_base)
    part.cases.choiceChanged.connect(cases.choose)
    part.cases.caseOpened.connect(cases.open)
    part.cases.sortChosen.connect(cases.sort_by)

    def look_at_cases() -> None:
        sources = controller.sources
        source = sources.get(controller.reference) if sources is not None else None
        cases.look(source.name if source is not None else "")

    controller.sources_read.connect(look_at_cases)
    controller.state_changed.connect(actions.refresh)
    cases.state_changed.connect(actions.refresh)
    actions.set_scope(SLICES, view)
    _bind(workbench, actions, side, open_folder)
    return side


def _bind(
    workbench: Workbench, actions: ActionRegistry, side: VolumeSide, open_folder: Callable[[Path], None]
) -> None:
    controller, cases, tr = side.controller, side.cases, side.part.tr
    surfaces = SurfaceExport(workbench, open_folder)

    def no_volume() -> str:
        if not controller.is_active:
            return tr("The item has no volumes.")
        return "" if controller.is_showing else tr("There is nothing to compare yet.")

    def cannot_measure() -> str:
        if not controller.is_active:
            return tr("The item has no volumes.")
        if not cases.choice.is_complete:
            return tr("No item has label maps to compare.")
        return "" if cases.num_cases else tr("No case has all three label maps.")

    def not_measuring() -> str:
        return "" if cases.is_measuring else tr("Nothing is being measured.")

    def no_table() -> str:
        return "" if cases.table is not None and cases.table.rows else tr("No case is measured yet.")

    def no_mask() -> str:
        sources = controller.sources
        has_mask = sources is not None and any(
            (source := sources.get(key)) is not None and source.is_mask for key in controller.chosen
        )
        return no_volume() or ("" if has_mask else tr("No pane shows a label map."))

    def write_surfaces() -> None:
        project, slices = workbench.project, controller.slices
        if project is not None and slices is not None:
            surfaces.export(slices, controller.chosen, controller.label, project.folder / "exports")

    def no_hu() -> str:
        text = tr("Presets are for images in HU.")
        return no_volume() or ("" if controller.has_hu else text)

    slab, thickness = actions.action("compare.slab"), [FIRST_SLAB_MM]

    def set_slab(factor: float = 1.0) -> None:
        low, high = SLAB_RANGE_MM
        thickness[0] = min(high, max(low, thickness[0] * factor))
        if factor != 1.0:
            slab.setChecked(True)
        controller.set_slab(thickness[0] if slab.isChecked() else 0.0)

    resample, held = actions.action("compare.resample"), HeldSteps()
    handlers: dict[str, tuple[Callable[[], None], Callable[[], str]]] = {
        "slice_next": (lambda: controller.step(held.next(1)), no_volume),
        "slice_previous": (lambda: controller.step(held.next(-1)), no_volume),
        "slices_next": (lambda: controller.step(10), no_volume),
        "slices_previous": (lambda: controller.step(-10), no_volume),
        "resample": (lambda: controller.set_resampling(resample.isChecked()), no_volume),
        "slab": (set_slab, no_volume),
        "slab_thicker": (lambda: set_slab(SLAB_FACTOR), no_volume),
        "slab_thinner": (lambda: set_slab(1 / SLAB_FACTOR), no_volume),
        "measure": (cases.measure, cannot_measure),
        "stop_measuring": (cases.stop, not_measuring),
        "export_table": (cases.export, no_table),
        "export_surface": (write_surfaces, no_mask),
    }
    for plane in Plane:
        handlers[plane.value] = (lambda plane=plane: controller.set_plane(plane), no_volume)  # type: ignore[misc]
    for number, preset in enumerate(display().windows, start=1):
        window = (preset.centre - preset.width / 2, preset.centre + preset.width / 2)
        handlers[f"window_{number}"] = (lambda window=window: controller.set_window(window), no_hu)  # type: ignore[misc]
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"compare.{verb}", triggered, reason)
    _bind_masks(actions, side, no_mask)


def _bind_masks(actions: ActionRegistry, side: VolumeSide, no_mask: Callable[[], str]) -> None:
    """Bind the key that hides the label maps: held, or switched by a tap."""
    key, action = HeldKey(side.part), actions.action("compare.masks")
    action.setAutoRepeat(False)

    def show(has_masks: bool) -> None:
        side.controller.set_masks(has_masks)
        action.setChecked(has_masks)

    def tapped() -> None:
        before = side.controller.has_masks
        show(not before)
        key.begin(action, lambda: show(before))

    actions.bind("compare.masks", tapped, no_mask)
    action.setChecked(True)
