"""What an import did, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message


class Verdict(StrEnum):
    """What a finding says about its row."""

    REFUSED = "refused"
    """The row was not imported."""
    WARNING = "warning"
    """The row was imported, and something about it should be looked at."""
    NOTE = "note"
    """The row was there already."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A remark on one row of a table.

    Parameters
    ----------
    table : Path
    line : int
        Line of the table, from 1; 0 when the remark is on the whole table.
    verdict : Verdict
    message, remedy : Message
    """

    table: Path
    line: int
    verdict: Verdict
    message: Message
    remedy: Message = field(default_factory=lambda: Message(""))

    def __str__(self) -> str:
        place = f"{self.table.name}, line {self.line}" if self.line else self.table.name
        return f"{place}: {' '.join(part for part in (str(self.message), str(self.remedy)) if part)}"


@dataclass(slots=True)
class ImportReport:
    """The outcome of an import.

    Attributes
    ----------
    num_rows : int
        Rows read, files and keypoints together.
    num_files, num_pairs : int
        Rows imported.
    items : list of str
        Ids of the items that are new or got a file or keypoints.
    findings : list of Finding
    volumes : list of Message
        A line for every imported volume and label map: size, spacing, range or labels.
    is_cancelled : bool
        Whether the import was stopped; nothing was imported then.
    """

    num_rows: int = 0
    num_files: int = 0
    num_pairs: int = 0
    items: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    volumes: list[Message] = field(default_factory=list)
    is_cancelled: bool = False

    @classmethod
    def merged(cls, reports: Iterable[ImportReport]) -> ImportReport:
        """Return one report of several imports."""
        parts = tuple(reports)
        return cls(
            num_rows=sum(part.num_rows for part in parts),
            num_files=sum(part.num_files for part in parts),
            num_pairs=sum(part.num_pairs for part in parts),
            items=list(dict.fromkeys(item for part in parts for item in part.items)),
            findings=[finding for part in parts for finding in part.findings],
            volumes=[line for part in parts for line in part.volumes],
            is_cancelled=any(part.is_cancelled for part in parts),
        )

    @property
    def num_imported(self) -> int:
        """Number of rows imported."""
        return self.num_files + self.num_pairs

    @property
    def refused(self) -> list[Finding]:
        """Rows that were not imported."""
        return [finding for finding in self.findings if finding.verdict is Verdict.REFUSED]

    @property
    def warnings(self) -> list[Finding]:
        """Rows that were imported and should be looked at."""
        return [finding for finding in self.findings if finding.verdict is Verdict.WARNING]

    @property
    def notes(self) -> list[Finding]:
        """Rows that were there already."""
        return [finding for finding in self.findings if finding.verdict is Verdict.NOTE]

    @property
    def exit_code(self) -> int:
        """0 when a row was imported or was there already, else 2; 1 when cancelled."""
        if self.is_cancelled:
            return 1
        return 0 if self.num_imported > 0 or self.notes else 2

    def warn_of(self, table: Path, line: int, message: Message) -> None:
        """Record a remark on an imported row."""
        self.findings.append(Finding(table, line, Verdict.WARNING, message))

    def note(self, table: Path, line: int, message: Message) -> None:
        """Record that a row was there already."""
        self.findings.append(Finding(table, line, Verdict.NOTE, message))

    def refuse(self, table: Path, line: int, error: WorkstationError) -> None:
        """Record an error as the reason for refusing a row."""
        self.findings.append(Finding(table, line, Verdict.REFUSED, error.message, error.remedy))
