"""Reading CSV and TSV tables as people make them.

UTF-8 with or without a byte-order mark, UTF-16 with one, else GB18030 (which holds GBK), as Chinese Excel
writes it. Few Chinese characters can be valid in both: then the reading wins whose paths exist. The
delimiter is the one of comma, tab and semicolon that makes the header readable. Header
names may differ in case, and use spaces or hyphens for underscores.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.contract.errors import TableError
from engines.contract.manifest import KEYPOINT_COLUMNS
from engines.contract.messages import Message

ITEM_COLUMNS = ("subject", "item", "role", "path")
OPTIONAL_ITEM_COLUMNS = (
    "modality",
    "visit",
    "laterality",
    "kind",
    "split",
    "spacing_mm",
    "classes",
    "own_grid",
)
_DELIMITERS = (",", "\t", ";")
_LARGEST_TABLE_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, cells stripped, by normalised column name; `num_extra` cells had no column."""

    line: int
    cells: dict[str, str]
    num_extra: int

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a recognised header.

    Parameters
    ----------
    path : Path
    is_keypoints : bool
        Whether it holds keypoint pairs; else it holds files of items.
    rows : tuple of Row
        Lines that are not blank.
    unknown_columns : tuple of str
    """

    path: Path
    is_keypoints: bool
    rows: tuple[Row, ...]
    unknown_columns: tuple[str, ...]


def read_table(path: Path) -> Table:
    """Read a table of items or of keypoint pairs, told apart by the header.

    Raises
    ------
    TableError
        If the file cannot be read, is no text, or lacks a column; the sentence names the columns.
    """
    first, *others = _readings(path)
    table = _parse(path, first)
    if others and not table.is_keypoints:
        candidates = [table, *(_parse(path, text) for text in others)]
        table = max(candidates, key=_num_existing)
    return table


def _num_existing(table: Table) -> int:
    return sum((table.path.parent / row["path"]).is_file() for row in table.rows)


def _parse(path: Path, text: str) -> Table:
    lines = text.splitlines(keepends=True)
    if not any(line.strip() for line in lines):
        raise TableError("{path} is empty.", remedy=_EXPECTED, path=path, **_COLUMNS)
    delimiter = max(_DELIMITERS, key=lambda mark: _num_known(_header(lines, mark)))
    header = _header(lines, delimiter)
    is_keypoints = sum(name in KEYPOINT_COLUMNS[1:] for name in header) > sum(
        name in ITEM_COLUMNS for name in header if name != "item"
    )
    required = KEYPOINT_COLUMNS if is_keypoints else ITEM_COLUMNS
    _check_header(path, header, required)
    known = required if is_keypoints else (*ITEM_COLUMNS, *OPTIONAL_ITEM_COLUMNS)
    return Table(
        path=path,
        is_keypoints=is_keypoints,
        rows=tuple(_rows(path, lines, delimiter, header)),
        unknown_columns=tuple(name for name in header if name and name not in known),
    )


_EXPECTED = Message(
    "A table of files has the columns {item_columns}; one of keypoint pairs {keypoint_columns}."
).text
_COLUMNS = {"item_columns": ", ".join(ITEM_COLUMNS), "keypoint_columns": ", ".join(KEYPOINT_COLUMNS)}


def _readings(path: Path) -> list[str]:
    """Return the text of a file in every encoding it can be in, the likeliest first."""
    if path.is_dir():
        raise TableError(
            "{path} is a folder.",
            remedy="Give a CSV or TSV table that lists the files, with the columns {item_columns}.",
            path=path,
            **_COLUMNS,
        )
    try:
        if path.stat().st_size > _LARGEST_TABLE_BYTES:
            raise TableError("{path} is too large for a table.", remedy=_EXPECTED, path=path, **_COLUMNS)
        content = path.read_bytes()
    except OSError as error:
        raise TableError(
            "The table {path} cannot be read: {reason}.",
            remedy="Check the path, and that you may read it.",
            path=path,
            reason=error.strerror,
        ) from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings: tuple[str, ...] = ("utf-16",)
    elif b"\0" in content:
        encodings = ()
    else:
        encodings = ("utf-8-sig", "gb18030")
    readings = []
    for encoding in encodings:
        try:
            readings.append(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    if readings:
        is_plain = content.isascii() or content.startswith(codecs.BOM_UTF8)
        return readings[:1] if is_plain else readings
    raise TableError(
        "{path} is not a text table.",
        remedy="Save it as CSV (UTF-8), not as a workbook.",
        path=path,
    )


def _normalise(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


def _header(lines: Sequence[str], delimiter: str) -> list[str]:
    first = next(line for line in lines if line.strip())
    return [_normalise(name) for name in next(csv.reader([first], delimiter=delimiter), [])]


def _num_known(header: Sequence[str]) -> int:
    return sum(name in (*ITEM_COLUMNS, *OPTIONAL_ITEM_COLUMNS, *KEYPOINT_COLUMNS) for name in header)


def _check_header(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    twice = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if missing:
        near = [match for name in missing for match in difflib.get_close_matches(name, header, n=1)]
        raise TableError(
            "{path} lacks the columns: {missing}.",
            remedy="Did you mean them by: {near}? A table of files has the columns {item_columns}; one of "
            "keypoint pairs {keypoint_columns}."
            if near
            else _EXPECTED,
            path=path,
            missing=", ".join(missing),
            near=", ".join(near),
            **_COLUMNS,
        )
    if twice:
        raise TableError(
            "{path} has the column '{name}' twice.",
            remedy="Rename or remove one.",
            path=path,
            name=twice[0],
        )


def _rows(path: Path, lines: Sequence[str], delimiter: str, header: Sequence[str]) -> list[Row]:
    reader = csv.reader(lines, delimiter=delimiter)
    rows = []
    is_header = True
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if is_header:
                is_header = False
                continue
            extra = [cell for cell in cells[len(header) :] if cell.strip()]
            named = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name}
            rows.append(Row(reader.line_num, named, len(extra)))
    except csv.Error as error:
        raise TableError(
            "{path} is damaged in line {line}: {reason}.",
            remedy="Correct the line, or save the table again.",
            path=path,
            line=reader.line_num,
            reason=str(error),
        ) from error
    return rows
