"""The table of cases: every item that has both masks and the reference, measured and put in order.

Slow: used on threads. Numbers are kept by the revision of the label maps that they come from.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from engines.contract.errors import InputError, WorkstationError
from engines.contract.files import write_text_atomically
from engines.imaging.volumes.case_statistics import bootstrap_interval, mean_of
from engines.imaging.volumes.label_comparison import HIGHER_IS_BETTER, Agreement, Metric, agreement
from engines.imaging.volumes.volume import Volume
from workstation.controllers.compare.volume_compare_sources import VolumeSource, read_mask
from workstation.project.project import Project
from workstation.views.protocols.volume_compare import CaseRow, CaseTable, TableChoice

SIDES = ("before", "after", "delta")
Names = Mapping[str, Mapping[str, VolumeSource]]
"""Label maps by name, then by item id."""
_Known = dict[tuple[object, object, int], Agreement]


class CaseMeasures:
    """Measures cases; what was measured once is not measured again.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: _Known = {}

    def table(
        self,
        names: Names,
        choice: TableChoice,
        subjects: Mapping[str, str],
        *,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> CaseTable | None:
        """Measure every item that has all three masks. Slow.

        Parameters
        ----------
        subjects : mapping of item id to subject
        progress : callable
            Takes the number of cases that are done, and of all of them.

        Returns
        -------
        CaseTable, or None when it was stopped.
        """
        items = cases_of(names, choice)
        rows = []
        for done, item_id in enumerate(items):
            progress(done, len(items))
            row = self._row(names, choice, item_id, subjects.get(item_id, ""), should_stop)
            if row is None or should_stop():
                return None
            rows.append(row)
        progress(len(items), len(items))
        return arranged(rows, choice)

    def _row(
        self,
        names: Names,
        choice: TableChoice,
        item_id: str,
        subject: str,
        should_stop: Callable[[], bool],
    ) -> CaseRow | None:
        before, after, reference = (
            names[name][item_id] for name in (choice.before, choice.after, choice.reference)
        )
        read: dict[object, Volume] = {}

        def voxels(source: VolumeSource) -> Volume:
            if source.stamp not in read:
                read[source.stamp] = read_mask(self._project, source)
            return read[source.stamp]

        found: list[Agreement] = []
        try:
            for source in (before, after):
                key = (source.stamp, reference.stamp, choice.label)
                if key not in self._known:
                    made = agreement(voxels(source), voxels(reference), choice.label, should_stop)
                    if made is None:
                        return None
                    self._known[key] = made
                found.append(self._known[key])
        except WorkstationError as error:
            return CaseRow(item_id, subject, problem=error.advice)
        return CaseRow(item_id, subject, found[0], found[1])


def cases_of(names: Names, choice: TableChoice) -> list[str]:
    """Return the items that have all three masks, in the order of the project."""
    if not choice.is_complete:
        return []
    wanted = [names.get(name, {}) for name in (choice.before, choice.after, choice.reference)]
    return [item_id for item_id in wanted[0] if all(item_id in found for found in wanted)]


def first_choice(names: Names, reference: str = "") -> TableChoice:
    """Return what is compared when nobody chose: the two names that most cases share with a reference."""
    if not names:
        return TableChoice()
    reference = reference if reference in names else next(iter(names))
    shared = {
        name: len(found.keys() & names[reference].keys())
        for name, found in names.items()
        if name != reference
    }
    ranked = sorted(shared, key=lambda name: -shared[name])
    if not ranked:
        return TableChoice(reference, reference, reference)
    # Names come in the order in which they were made: what was there first is what was changed.
    before, after = sorted(ranked[:2], key=list(names).index) if len(ranked) > 1 else (ranked[0], ranked[0])
    return TableChoice(before, after, reference)


def arranged(rows: list[CaseRow], choice: TableChoice, sorted_by: Metric = Metric.DICE) -> CaseTable:
    """Return the table of rows, worst change first, with means and their intervals by subject."""
    ordered = sorted(rows, key=lambda row: _badness(row, sorted_by))
    subjects = [row.subject for row in ordered]
    deltas = {metric: [row.value(metric, "delta") for row in ordered] for metric in Metric}
    return CaseTable(
        choice,
        tuple(ordered),
        {
            (metric, side): mean_of([row.value(metric, side) for row in ordered])
            for metric in Metric
            for side in SIDES
        },
        {metric: bootstrap_interval(values, subjects) for metric, values in deltas.items()},
        len({row.subject for row in ordered if row.before is not None}),
        sorted_by,
    )


def csv_of(table: CaseTable) -> str:
    """Return a table as CSV: a line a case, in the order shown, then the mean; what has no value is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["item", "subject", *(f"{metric}_{side}" for metric in Metric for side in SIDES), "problem"]
    )
    for row in table.rows:
        numbers = [_number(row.value(metric, side)) for metric in Metric for side in SIDES]
        reasons = {
            str(reason)
            for found in (row.before, row.after)
            if found is not None
            for reason in found.reasons.values()
        }
        writer.writerow([row.item_id, row.subject, *numbers, str(row.problem) or " ".join(sorted(reasons))])
    means = [_number(table.means.get((metric, side))) for metric in Metric for side in SIDES]
    writer.writerow(["mean", "", *means, ""])
    return text.getvalue()


def write_csv(path: Path, table: CaseTable) -> Path:
    """Write a table to a new file.

    Raises
    ------
    InputError
        If the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomically(path, csv_of(table))
    except OSError as error:
        raise InputError(
            "The table could not be written to {file}: {reason}.",
            remedy="Choose another folder, or close the program that has the file open.",
            file=path.name,
            reason=error.strerror or str(error),
        ) from error
    return path


def _badness(row: CaseRow, metric: Metric) -> tuple[int, float, str]:
    delta = row.value(metric, "delta")
    if delta is None:
        return 1, 0.0, row.item_id
    is_higher_better = HIGHER_IS_BETTER[metric]
    if is_higher_better is None:
        return 0, -abs(delta), row.item_id
    return 0, delta if is_higher_better else -delta, row.item_id


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.6g}"
