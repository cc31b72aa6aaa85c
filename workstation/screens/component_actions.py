"""The component table and the line about proposals, wired into the Volume screen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QSignalBlocker
from PySide6.QtWidgets import QVBoxLayout

from engines.imaging.volumes.slicing import plane_geometry
from workstation.actions.components import AREA, PANEL
from workstation.actions.registry import ActionRegistry
from workstation.controllers.masks.label_edits import LabelEdits
from workstation.controllers.review.components_controller import ComponentsController
from workstation.controllers.review.proposals_controller import ProposalsController
from workstation.controllers.volume.volume_controller import VolumeController
from workstation.controllers.workbench import Workbench
from workstation.views.elements.display import display
from workstation.views.protocols.components import ACCEPTED, OPEN, REJECTED, ChangeColours
from workstation.views.protocols.volume import PaneEvent, PaneLayout, Plane
from workstation.views.review.component_panel import ComponentPanel
from workstation.views.review.proposal_bar import ProposalBar
from workstation.views.volume.volume_screen import VolumeScreen

Reason = Callable[[], str]
_SINGLE = {
    PaneLayout.AXIAL: Plane.AXIAL,
    PaneLayout.CORONAL: Plane.CORONAL,
    PaneLayout.SAGITTAL: Plane.SAGITTAL,
    PaneLayout.TILES: Plane.AXIAL,
}


class ComponentParts(QObject):
    """What `bind_components` made; lives as long as the screen.

    Parameters
    ----------
    components : ComponentsController
    proposals : ProposalsController
    panel : ComponentPanel
    bar : ProposalBar
    """

    def __init__(
        self,
        components: ComponentsController,
        proposals: ProposalsController,
        panel: ComponentPanel,
        bar: ProposalBar,
    ) -> None:
        super().__init__(panel)
        self.components = components
        self.proposals = proposals
        self.panel = panel
        self.bar = bar

    def close(self) -> None:
        """Let go; the screen goes."""
        self.components.close()
        self.proposals.close()


def bind_components(
    workbench: Workbench, actions: ActionRegistry, centre: VolumeScreen, controller: VolumeController
) -> ComponentParts:
    """Add the table and the line to the screen, and bind their actions."""
    colours = display().colours
    changes = ChangeColours(colours["added"], colours["removed"], colours["kept"], colours["selected"])
    panel, bar = ComponentPanel(actions), ProposalBar(actions, changes)
    centre.lower.addTab(panel, centre.tr("Components"))
    column = centre.layout()
    assert isinstance(column, QVBoxLayout)
    # Between the tool bar and the panes: what it says is about what is seen.
    column.insertWidget(1, bar)
    edits = LabelEdits(workbench, controller.arrays, controller)
    edits.progressed.connect(centre.show_progress)
    centre.stopped.connect(edits.cancel)
    components = ComponentsController(workbench, controller, edits, panel, changes, controller)
    proposals = ProposalsController(
        workbench, controller, edits, bar, changes, lambda: centre.tr("accepted"), controller
    )
    panel.linesChosen.connect(components.select)
    panel.numbersChanged.connect(components.renew_offer)
    panel.shownChanged.connect(components.set_shown)
    bar.proposalChosen.connect(proposals.choose)
    # After the controller of the screen, which moves the crosshair there.
    centre.view.surfacePicked.connect(lambda _world_mm: components.pick())
    components.changed.connect(actions.refresh)
    proposals.changed.connect(actions.refresh)
    components.set_shown(panel.isVisible())
    _bind_table(actions, centre, panel, components)
    _bind_proposals(actions, centre, controller, proposals, edits)
    # Not the table: with Tab among its keys, the focus would never leave it.
    actions.set_scope(AREA, centre.view)
    actions.set_scope(PANEL, panel)
    return ComponentParts(components, proposals, panel, bar)


def _bind_table(
    actions: ActionRegistry, centre: VolumeScreen, panel: ComponentPanel, components: ComponentsController
) -> None:
    tr = centre.tr

    def no_components() -> str:
        return "" if components.lines else tr("There are no components.")

    def no_choice() -> str:
        return no_components() or ("" if components.chosen else tr("Choose a component first."))

    def nothing_to_accept() -> str:
        is_there = components.of_state(OPEN) or components.of_state(ACCEPTED)
        return no_choice() or ("" if is_there else tr("It was rejected: restore it first."))

    def locked() -> str:
        return tr("The class is locked.") if components.is_locked else ""

    def nothing_to_reject() -> str:
        return nothing_to_accept() or locked()

    def nothing_to_restore() -> str:
        is_there = components.of_state(REJECTED)
        return no_choice() or ("" if is_there else tr("Choose a rejected component.")) or locked()

    def no_two() -> str:
        there = components.of_state(OPEN) + components.of_state(ACCEPTED)
        is_two = len(there) == 2
        return no_components() or ("" if is_two else tr("Choose two components, with Ctrl.")) or locked()

    def no_others() -> str:
        there = sum(line.state != REJECTED for line in components.lines)
        is_all = len(nothing_rejected()) >= there
        return nothing_to_reject() or (tr("There are no others.") if is_all else "")

    def nothing_rejected() -> list[object]:
        return [line for line in components.chosen if line.state != REJECTED]

    def no_large() -> str:
        limit = panel.threshold_ml
        is_there = any(line.state == OPEN and line.volume_ml >= limit for line in components.lines)
        return no_components() or ("" if is_there else tr("No open component reaches the limit."))

    def no_small() -> str:
        limit = panel.threshold_ml
        is_there = any(line.state == OPEN and line.volume_ml < limit for line in components.lines)
        return (
            no_components() or ("" if is_there else tr("No open component is below the limit.")) or locked()
        )

    def nothing_suggested() -> str:
        is_there = bool(components.suggested()) or components.offers.pending is not None
        return (
            no_components() or ("" if is_there else tr("No run suggests anything that is open.")) or locked()
        )

    def no_offer() -> str:
        return "" if components.offers.pending is not None else tr("Nothing is shown that waits.")

    handlers: dict[str, tuple[Callable[[], None], Reason]] = {
        "accept": (components.accept, nothing_to_accept),
        "reject": (components.reject, nothing_to_reject),
        "restore": (components.restore, nothing_to_restore),
        "next": (lambda: components.step(1), no_components),
        "previous": (lambda: components.step(-1), no_components),
        "pick": (components.pick, no_components),
        "accept_large": (components.accept_large, no_large),
        "reject_small": (components.reject_small, no_small),
        "keep_only": (components.keep_only, no_others),
        "follow": (components.follow, nothing_suggested),
        "bridge": (components.bridge, no_two),
        "apply": (components.apply, no_offer),
        "cancel": (components.cancel, no_offer),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"components.{verb}", triggered, reason)
    panel.limit.valueChanged.connect(actions.refresh)


def _bind_proposals(
    actions: ActionRegistry,
    centre: VolumeScreen,
    controller: VolumeController,
    proposals: ProposalsController,
    edits: LabelEdits,
) -> None:
    tr = centre.tr
    hovered: dict[str, int] = {}

    def remember(event: PaneEvent | None) -> None:
        if event is not None:
            hovered["axis"] = event.axis

    def axis() -> int:
        plane = _SINGLE.get(controller.layout)
        assert controller.grid is not None
        if plane is None and "axis" in hovered:
            return hovered["axis"]
        return plane_geometry(controller.grid, plane or Plane.AXIAL).axis

    def no_proposal() -> str:
        return "" if proposals.chosen is not None else tr("The case has no proposal.")

    def not_compared() -> str:
        if proposals.has_other_grid:
            return tr("It lies on another grid: resample it first.")
        busy = tr("Wait until it is compared.") if proposals.found is None or edits.is_busy else ""
        return no_proposal() or busy

    def adds_nothing() -> str:
        is_adding = proposals.num_added > 0
        return not_compared() or ("" if is_adding else tr("It adds nothing that is not accepted already."))

    def changes_nothing() -> str:
        is_changing = proposals.num_added + proposals.num_lost > 0
        return not_compared() or ("" if is_changing else tr("It changes nothing."))

    def not_other_grid() -> str:
        is_other = proposals.has_other_grid
        return no_proposal() or ("" if is_other else tr("It lies on the grid of what is accepted."))

    def no_item() -> str:
        return "" if controller.item is not None else tr("Choose an item on the left.")

    show = actions.action("proposals.show")
    handlers: dict[str, tuple[Callable[[], None], Reason]] = {
        "show": (lambda: proposals.show_changes(show.isChecked()), no_proposal),
        "accept": (proposals.accept, adds_nothing),
        "accept_slice": (lambda: proposals.accept_slice(axis()), adds_nothing),
        "accept_component": (proposals.accept_component, adds_nothing),
        "replace": (proposals.replace, changes_nothing),
        "reject": (proposals.reject, no_proposal),
        "resample": (proposals.resample, not_other_grid),
        "bring_in": (proposals.bring_in, no_item),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"proposals.{verb}", triggered, reason)
    centre.view.cursorMoved.connect(remember)
    proposals.changed.connect(lambda: show.setChecked(proposals.is_showing))
    with QSignalBlocker(actions):
        show.setChecked(proposals.is_showing)
