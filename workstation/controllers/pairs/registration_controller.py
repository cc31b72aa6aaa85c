"""Registering the current item: the methods, the run, its result, and which transform links the views."""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.kinds import RunState
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PipelineSpec
from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.transforms.stored_transform import stored_transform
from workstation.controllers.pairs.registrations import (
    Methods,
    Registration,
    methods,
    newest_registration,
    prepare_registration,
    read_registration,
    registering_spec,
)
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.runs.runs_controller import model_in_use
from workstation.controllers.workbench import Workbench
from workstation.project.items import Item
from workstation.project.result_commands import Verdict
from workstation.views.protocols.cards import Card
from workstation.views.protocols.pairs import PairsView, RegistrationSummary

_LOG = logging.getLogger(__name__)
_PREPARING = "…"


class RegistrationController(QObject):
    """Behind the registration part of the Pairs screen.

    Parameters
    ----------
    workbench : Workbench
    view : PairsView

    Signals
    -------
    changed
        The result, the link or the running registration is another.
    ended : run id, item id
        A registration that was started here is over; without a run id it could not begin, or failed.
    """

    changed = Signal()
    ended = Signal(str, str)

    def __init__(self, workbench: Workbench, view: PairsView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view = view
        self._item: Item | None = None
        self._registration: Registration | None = None
        self._is_confirmed = False
        self._is_linked = False
        self._run_id = ""
        self._run_item = ""
        self._run_failure = ""
        self._own_runs: set[str] = set()
        self._method = ""
        self._in_use = ""
        workbench.live_runs.ended.connect(self._on_run_ended)
        workbench.data_changed.connect(self._on_data_changed)
        schedule_of(workbench).watchers.append(self._shows)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def fixed_from_moving(self) -> PointTransform | None:
        """The transform of the registration; None when it has none."""
        if self._registration is None:
            return None
        return stored_transform(self._registration.transform)

    @property
    def is_linked(self) -> bool:
        """Whether the confirmed registration, not the pairs, links views and overlay."""
        return self._is_linked and self._is_confirmed and self._registration is not None

    @property
    def is_running(self) -> bool:
        """Whether a registration of the current item is under way."""
        return bool(self._run_id) and self._item is not None and self._run_item == self._item.id

    @property
    def summary(self) -> RegistrationSummary:
        """What the view says of it."""
        if self.is_running:
            return RegistrationSummary("running")
        if self._run_failure:
            return RegistrationSummary("failed", reason=self._run_failure)
        if self._registration is None:
            return RegistrationSummary()
        transform = self._registration.transform
        return RegistrationSummary(
            verdict=transform.verdict,
            method=transform.method,
            z=transform.z,
            sharpness=transform.sharpness,
            reason=transform.reason,
            has_transform=transform.matrix is not None,
            is_confirmed=self._is_confirmed,
            is_used=self.is_linked,
        )

    # -- what the person does ------------------------------------------------------------------------

    def show_item(self, item: Item | None) -> None:
        """Take another item: its newest registration is read on a thread."""
        self._item = item
        self._run_failure = ""
        self._registration, self._is_confirmed, self._is_linked = None, False, False
        project, spec = self._bench.project, self._spec()
        if project is None or item is None or spec is None:
            return
        self._bench.background.submit(
            "pairs.registration",
            lambda: newest_registration(project, spec, item.id),
            self.take,
            self._on_failed,
        )
        self._load_methods()

    def choose_method(self, method: str) -> None:
        """Register by another method from now on."""
        self._method = method

    def choose_link(self, link: str) -> None:
        """Link views and overlay through the pairs or the registration (``"result"``)."""
        self._is_linked = link == "result"
        self.changed.emit()

    def register(self) -> None:
        """Start a run that registers the item."""
        project, item, spec = self._bench.project, self._item, self._spec()
        if project is None or item is None or spec is None:
            return
        self._run_id, self._run_item, self._run_failure = _PREPARING, item.id, ""
        self.changed.emit()
        method = self._method
        self._bench.background.submit(
            "pairs.register",
            lambda: prepare_registration(project, spec, item.id, method),
            self._on_prepared,
            self._on_register_failed,
        )

    def use_anyway(self) -> None:
        """Trust a registration that the verification did not confirm."""
        if self._registration is not None:
            self._is_confirmed = self._is_linked = True
            self.changed.emit()

    def take(self, registration: Registration | None) -> None:
        """Show a result; one that was neither verified nor accepted is not laid over unless asked for."""
        self._registration = registration
        self._is_confirmed = registration is not None and (
            registration.judged is Verdict.ACCEPTED
            or (
                registration.judged is not Verdict.REJECTED and registration.transform.verdict == "registered"
            )
        )
        self._is_linked = self._is_confirmed
        self.changed.emit()

    def close(self) -> None:
        """Stop speaking for runs; the screen goes."""
        self._bench.live_runs.ended.disconnect(self._on_run_ended)
        self._bench.data_changed.disconnect(self._on_data_changed)
        schedule_of(self._bench).watchers.remove(self._shows)

    # -- answers -------------------------------------------------------------------------------------

    def _spec(self) -> PipelineSpec | None:
        return registering_spec(self._item.kind) if self._item is not None else None

    def _on_prepared(self, folder: RunFolder) -> None:
        self._run_id = folder.id
        self._own_runs.add(folder.id)
        schedule_of(self._bench).start(folder)
        self.changed.emit()

    def _on_register_failed(self, error: BaseException) -> None:
        self._run_id = ""
        self._on_failed(error)
        self.ended.emit("", self._run_item)
        self.changed.emit()

    def _on_run_ended(self, run_id: str) -> None:
        if run_id != self._run_id:
            self._load_methods()
            return
        run, item, spec = self._bench.live_runs.get(run_id), self._item, self._spec()
        self._run_id = ""
        is_finished = run is not None and run.model.state is RunState.FINISHED
        self.ended.emit(run_id if is_finished else "", self._run_item)
        if item is None or item.id != self._run_item or run is None or spec is None:
            return
        if run.model.failure is not None:
            self._run_failure = run.model.failure.cause
            self.changed.emit()
            return
        try:
            self.take(read_registration(run.model.folder, spec, item.id))
        except WorkstationError as error:
            self._on_failed(error)
            self.changed.emit()

    def _shows(self, run_id: str) -> bool:
        """Tell whether the screen itself says how a run went."""
        run = self._bench.live_runs.get(run_id)
        is_fine = run is not None and run.model.state is RunState.FINISHED
        return is_fine and run_id in self._own_runs

    def _on_data_changed(self) -> None:
        project, spec = self._bench.project, self._spec()
        if project is not None and spec is not None and model_in_use(project, spec.key) != self._in_use:
            self._load_methods()

    def _load_methods(self) -> None:
        project, spec = self._bench.project, self._spec()
        if project is not None and spec is not None:
            self._bench.background.submit(
                "pairs.methods", lambda: methods(project, spec), self._on_methods, self._on_failed
            )

    def _on_methods(self, found: Methods) -> None:
        if found.in_use != self._in_use:
            # Whoever says which model is used last is right: here, or on the screen of the runs.
            self._in_use = self._method = found.in_use
        if self._method not in {row.id for row in found.rows}:
            self._method = ""
        self._view.show_methods(found.rows, self._method)

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))
