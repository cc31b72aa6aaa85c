"""Make a run of a field that another program trained: the published head, the documented one, or our own."""

from __future__ import annotations

from pathlib import Path

from engines.contract.errors import CheckpointError, PreconditionError
from engines.contract.run_context import RunContext
from engines.contract.weights_report import WeightsReport
from engines.core import checkpoint
from engines.core.generations import FACTS_FILE, WEIGHTS_FILE
from engines.core.weights import fill, load_weights, publish_import, require_complete
from engines.imaging.volumes.near_format import TABLE, read_table
from engines.refinement.config import ImportConfig
from engines.refinement.fields.compatible_field import CompatibleArchitecture, CompatibleField
from engines.refinement.model import build_field
from engines.refinement.old_runs import OldRun, find_old_run, read_log

_DEFAULT_CLASS = 9
_METRICS = {
    "train": {"total": "loss_total", "dice": "sample_dice", "learning_rate": "learning_rate"},
    "val": {"total": "loss_total", "dice": "lattice_dice"},
}
"""Our keys for what the logs say. Evaluations of the earlier program ask uniformly, so they are Dice."""


def import_weights(run: RunContext) -> None:
    """Read weights safely, tell what they are, and publish them as a run."""
    config = run.typed_config(ImportConfig)
    source = Path(config.source)
    if not config.source or not source.exists():
        raise PreconditionError(
            "There is no file or folder '{source}'.",
            remedy="Give the file or folder of the weights as an absolute path.",
            source=config.source,
        )
    run.phase("Reading weights")
    if (source / FACTS_FILE).is_file():
        _import_own(run, source)
        return
    old = find_old_run(source, config.checkpoint)
    tensors = load_weights(old.weights)
    architecture = CompatibleArchitecture.of_weights(tensors)
    field = CompatibleField(architecture)
    report = fill(field, tensors)
    require_complete(report, old.weights)
    ids, notes = _case_ids(old, config, architecture.num_cases)
    label_class = config.label_class or int(old.settings.get("class_index") or _DEFAULT_CLASS)
    facts = {
        "compatible_head": architecture.facts(),
        "rows": {name: row for row, name in enumerate(ids)},
        "label_class": label_class,
        "window_hu": [config.window_low_hu, config.window_high_hu],
        "settings": old.settings,
    }
    _draw_logs(run, old)
    notes.append(
        f"The {architecture.head} head norms over all points of a call, so it is asked for whole lattices "
        "only. Predict with resolution=256 and keep_margin=0 to repeat what its own program wrote."
    )
    publish_import(run, old.weights, field.state_dict(), facts, report.with_notes(*notes))
    run.summary |= {"head": architecture.head, "cases": architecture.num_cases, "label_class": label_class}


def _import_own(run: RunContext, folder: Path) -> None:
    weights, facts = checkpoint.load_weights(folder)
    try:
        field = build_field(facts)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            "{path} is no checkpoint of a refinement field.",
            remedy="Choose the checkpoint folder of a refinement run.",
            path=folder,
        ) from error
    report: WeightsReport = fill(field, weights)
    require_complete(report, folder)
    publish_import(run, folder / WEIGHTS_FILE, weights, facts, report)


def _case_ids(old: OldRun, config: ImportConfig, num_cases: int) -> tuple[list[str], list[str]]:
    """Return the ids of the latents' rows, and what people should know about them.

    Raises
    ------
    CheckpointError
        If the table has other cases than the weights.
    """
    table = _table_of(old, config)
    if table is None:
        note = (
            "No table of cases was found, so nobody knows which latent is whose and nothing can be refined. "
            "Import again with --set table=info.csv."
        )
        return [], [note]
    ids = read_table(table)
    if len(ids) != num_cases or len(set(ids)) != len(ids):
        raise CheckpointError(
            "The table {table} has {rows} cases, {different} of them different, and the weights have latents "
            "for {cases}.",
            remedy="Give the table that the run was trained on, unchanged: --set table=PATH.",
            table=table,
            rows=len(ids),
            different=len(set(ids)),
            cases=num_cases,
        )
    return ids, [f"Case ids come from {table}, in its order."]


def _table_of(old: OldRun, config: ImportConfig) -> Path | None:
    if config.table:
        return Path(config.table)
    folder = old.weights.parent
    places = [folder, folder.parent.parent]
    if recorded := old.settings.get("data_path"):
        # Relative to where the run was started, above its folder of checkpoints.
        places.append(folder.parent.parent / str(recorded))
    return next((place / TABLE for place in places if (place / TABLE).is_file()), None)


def _draw_logs(run: RunContext, old: OldRun) -> None:
    """Tell what the run's logs say as if it had been trained here, so that its curves are drawn."""
    epochs = {(entry.split, entry.epoch): entry for path in old.logs for entry in read_log(path)}
    for entry in sorted(epochs.values(), key=lambda one: (one.step, one.split)):
        for name, key in _METRICS[entry.split].items():
            if name in entry.values:
                run.metric(key, entry.values[name], split=entry.split, step=entry.step, epoch=entry.epoch)
    run.summary["logged_epochs"] = len({epoch for _, epoch in epochs})
