"""Writes the table of pairs to a file, as it is shown."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path

from engines.contract.errors import InputError, WorkstationError
from engines.contract.files import write_text_atomically
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import Card
from workstation.views.protocols.pairs import PairRow

_LOG = logging.getLogger(__name__)

COLUMNS = (
    "pair",
    "state",
    "is_used",
    "fixed_x_px",
    "fixed_y_px",
    "moving_x_px",
    "moving_y_px",
    "fit_residual_px",
    "left_out_residual_px",
    "score",
    "annotator",
    "source",
)


class TableExport:
    """Behind the export of the table.

    Parameters
    ----------
    workbench : Workbench
    """

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench

    def write(self, path: Path, rows: Sequence[PairRow], *, may_replace: bool) -> None:
        """Write pairs on a thread, and say where they are.

        Parameters
        ----------
        path : Path
        rows : sequence of PairRow
            In the order in which they are written.
        may_replace : bool
            Whether the person agreed that a file of that name goes.
        """
        kept = tuple(rows)
        self._bench.background.submit(
            "pairs.export_table",
            lambda: write_table(path, kept, may_replace=may_replace),
            lambda _nothing: self._on_written(path, len(kept)),
            self._on_failed,
        )

    def _on_written(self, path: Path, num_pairs: int) -> None:
        what = Message("{count} pairs were written to {file}.", {"count": num_pairs, "file": path.name})
        kept = Message("It is in {folder}.", {"folder": str(path.parent)})
        self._bench.post(Card(Severity.NOTE, what, kept=kept))

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))


def write_table(path: Path, rows: Sequence[PairRow], *, may_replace: bool) -> None:
    """Write pairs as CSV in `COLUMNS`; what is missing is left empty.

    Raises
    ------
    InputError
        If a file is there that may not be replaced, or the disk refuses.
    """
    if path.exists() and not may_replace:
        raise InputError("There is a file {file} already.", remedy="Choose another name.", file=path.name)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row) for row in rows)
    try:
        write_text_atomically(path, text.getvalue())
    except OSError as error:
        raise InputError(
            "The table could not be written to {file}: {reason}.",
            remedy="Choose another folder, or close the program that has the file open.",
            file=path.name,
            reason=error.strerror or str(error),
        ) from error


def _cells(row: PairRow) -> list[str]:
    numbers = (*(row.fixed_xy or (None, None)), *(row.moving_xy or (None, None)), row.fit_px, row.loo_px)
    is_used = row.state == "placed"
    return [
        row.label,
        row.state,
        "yes" if is_used else "no",
        *("" if number is None else f"{number:.4f}" for number in numbers),
        "" if row.score is None else f"{row.score:.4f}",
        row.annotator,
        row.source,
    ]
