"""Starting what is no training: applying a model, evaluating with settings, importing weights.

What can be chosen is read on a thread from specs and runs; no pipeline is known by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import ConfigError, RunFolderError, WorkstationError
from engines.contract.kinds import Action, RunState, Split
from engines.contract.messages import Message
from engines.contract.registry import all_specs, config_class, load_spec
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PipelineSpec
from engines.contract.weights_report import FILE_NAME, WeightsReport
from workstation.controllers.command_line import join, scalar
from workstation.controllers.pairs.registrations import methods
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.workbench import Workbench
from workstation.runs.results import ResultReader
from workstation.views.protocols.cards import Card
from workstation.views.protocols.start import (
    CheckSettings,
    ItemGroup,
    ModelRow,
    StartChoice,
    StartOrder,
)

if TYPE_CHECKING:
    from workstation.project.items import Item
    from workstation.project.project import Project

_SPLITS = {
    Split.VAL: "Items for validation: {n}",
    Split.EVALUATION: "Items set apart for evaluation: {n}",
    Split.TRAIN: "Items that were trained on: {n}",
}


def start_choices(project: Project, action: Action, item_id: str) -> list[StartChoice]:
    """Return the pipelines that offer an action, those that fit an item first; slow.

    Parameters
    ----------
    project : Project
    action : Action
        Not training.
    item_id : str
        The current item; empty for none.
    """
    items = project.items.all()
    current = next((item for item in items if item.id == item_id), None)
    done = {(found.pipeline, found.item_id) for found in ResultReader().read(project)}
    choices = []
    for spec in all_specs():
        try:
            kind = config_class(spec, action)
        except WorkstationError:
            # The pipeline does not offer it.
            continue
        models = _models(project, spec, action)
        if not models and action is not Action.IMPORT_WEIGHTS:
            continue
        usable = [item for item in items if _is_usable(item, spec)]
        left = [item for item in usable if (spec.key, item.id) not in done]
        groups = _groups(action, usable, left, current)
        schema = kind.model_json_schema()
        defaults = {key: node.get("default") for key, node in schema.get("properties", {}).items()}
        fits = current is not None and _is_usable(current, spec)
        # What fits the current item, then what has a model of its own.
        rank = (not fits, not any(model.run_id for model in models))
        choices.append(
            (
                rank,
                StartChoice(
                    spec.key,
                    spec.title,
                    spec.summary,
                    models,
                    groups,
                    tuple((phase.key, phase.title) for phase in spec.phases),
                    schema,
                    defaults,
                    _checker(spec, action),
                ),
            )
        )
    return [choice for _rank, choice in sorted(choices, key=lambda found: found[0])]


def command_of(project: Project, order: StartOrder, changed: Mapping[str, Any]) -> str:
    """Return the command line that does the same."""
    words = ["workstation", order.action.value.replace("_", "-"), str(project.folder), order.pipeline]
    settings = dict(changed)
    if order.action is Action.IMPORT_WEIGHTS:
        words += [str(settings.pop("source", "")), "--phase", order.phase]
    if order.run_id:
        words += ["--run", order.run_id]
    if order.group is not None and order.group.split in (Split.VAL, Split.EVALUATION):
        words += ["--split", order.group.split]
    if order.group is not None and order.group.item_ids:
        is_evaluation = order.action is Action.EVALUATE
        words += ["--split", "all"] if is_evaluation else ["--items", *order.group.item_ids]
    for key, value in settings.items():
        words += ["--set", f"{key}={scalar(value)}"]
    return join(words)


def prepare(project: Project, order: StartOrder) -> RunFolder:
    """Write the run folder of an order; slow.

    Raises
    ------
    WorkstationError
        If something that the run needs is missing, or a setting is wrong.
    """
    from workstation.runs.launch import prepare_run

    spec = load_spec(order.pipeline)
    schema = config_class(spec, order.action).model_json_schema().get("properties", {})
    changed = {
        key: value for key, value in order.settings.items() if value != schema.get(key, {}).get("default")
    }
    group = order.group
    return prepare_run(
        project,
        spec,
        action=order.action,
        phase=order.phase,
        overrides=changed,
        base_run=RunFolder(project.runs.folder(order.run_id)) if order.run_id else None,
        items=list(group.item_ids) if group is not None and group.item_ids else None,
        split=group.split or None if group is not None else None,
        command=command_of(project, order, changed),
    )


class StartRuns(QObject):
    """Behind the dialogs that start runs.

    Parameters
    ----------
    workbench : Workbench

    Signals
    -------
    started : str
        A run was started from here, by id.
    refused : str
        One could not be started, and why.
    weights_imported : str, WeightsReport
        A run that imported weights has finished.
    """

    started = Signal(str)
    refused = Signal(str)
    weights_imported = Signal(str, object)

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._importing: set[str] = set()
        workbench.live_runs.ended.connect(self._on_ended)

    def load(self, action: Action, done: Callable[[list[StartChoice]], None]) -> None:
        """Read what can be started, and tell it."""
        project, item_id = self._bench.project, self._bench.item_id
        if project is not None:
            self._bench.background.submit(
                "start.choices", lambda: start_choices(project, action, item_id), done, self._on_refused
            )

    def start(self, order: StartOrder) -> None:
        """Start a run."""
        project = self._bench.project
        if project is None:
            return

        def begin(folder: RunFolder) -> None:
            if order.action is Action.IMPORT_WEIGHTS:
                self._importing.add(folder.id)
            schedule_of(self._bench).start(folder)
            self.started.emit(folder.id)
            if order.action is Action.EVALUATE:
                self._bench.request_run(folder.id)

        self._bench.background.submit(
            "start.prepare", lambda: prepare(project, order), begin, self._on_refused
        )

    def _on_refused(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            self._bench.post(Card.of_error(error))
            self.refused.emit(error.render())

    def _on_ended(self, run_id: str) -> None:
        run = self._bench.live_runs.get(run_id)
        if run is None or run_id not in self._importing:
            return
        self._importing.discard(run_id)
        model = run.model
        if model.state is not RunState.FINISHED:
            self.refused.emit(str(model.failure.cause) if model.failure is not None else "")
            return
        try:
            report = WeightsReport.read(model.folder.outputs_dir / FILE_NAME)
        except RunFolderError as error:
            self._on_refused(error)
            return
        self.weights_imported.emit(run_id, report)


def _is_usable(item: Item, spec: PipelineSpec) -> bool:
    roles = [role.name for role in spec.roles]
    required = [role.name for role in spec.roles if role.required]
    has_any = not roles or any(role in item.files for role in roles)
    return item.kind in spec.item_kinds and item.has(*required) and has_any


def _models(project: Project, spec: PipelineSpec, action: Action) -> tuple[ModelRow, ...]:
    if action is Action.IMPORT_WEIGHTS:
        return ()
    found = methods(project, spec)
    rows = [ModelRow(row.id, f"{row.title}, {row.id}", row.is_in_use) for row in found.rows if row.id]
    rows.sort(key=lambda row: not row.is_in_use)
    if action is Action.EVALUATE:
        rows.append(ModelRow("", "No model: the baselines alone"))
    elif spec.can_predict_untrained:
        rows.append(ModelRow("", "No model: the method that needs no training"))
    return tuple(rows)


def _groups(
    action: Action, usable: list[Item], left: list[Item], current: Item | None
) -> tuple[ItemGroup, ...]:
    if action is Action.IMPORT_WEIGHTS:
        return ()
    if action is Action.EVALUATE:
        counts = {split: sum(item.split is split for item in usable) for split in _SPLITS}
        groups = [
            ItemGroup(
                split.value,
                Message(title, {"n": counts[split]}),
                split=split.value,
                is_empty=not counts[split],
            )
            for split, title in _SPLITS.items()
        ]
        open_items = [item for item in usable if item.split is not Split.TEST]
        groups.append(_group("all", "All items outside the test split: {n}", open_items))
        return tuple(sorted(groups, key=lambda group: group.is_empty))
    groups = []
    if current is not None and current in usable:
        title = Message("The chosen item: {item}", {"item": current.id})
        groups.append(ItemGroup("chosen", title, (current.id,)))
    groups.append(_group("left", "Items without a result: {n}", left))
    groups.append(_group("all", "All items that fit: {n}", usable))
    return tuple(groups)


def _group(key: str, title: str, items: list[Item]) -> ItemGroup:
    return ItemGroup(
        key, Message(title, {"n": len(items)}), tuple(item.id for item in items), is_empty=not items
    )


def _checker(spec: PipelineSpec, action: Action) -> CheckSettings:
    def check(values: Mapping[str, Any]) -> Message | None:
        try:
            config_class(spec, action).from_values(values)
        except ConfigError as error:
            return error.message
        return None

    return check
