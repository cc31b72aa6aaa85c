"""Reading text and numbers, with errors that name file, line, what is wrong and how to fix it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engines.contract.errors import TableError
from workstation.project.annotations import Point

_LARGEST_BYTES = 256 * 2**20


def read_bytes(path: Path) -> bytes:
    """Return the content of a file.

    Raises
    ------
    TableError
        If it cannot be read or is too large for a file of points.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise TableError("{file} is too large for a file of points.", file=path.name)
        return path.read_bytes()
    except OSError as error:
        raise TableError(
            "{file} cannot be read: {reason}.",
            remedy="Check the path, and that you may read it.",
            file=path,
            reason=error.strerror or str(error),
        ) from error


def read_text(path: Path) -> str:
    """Return the content of a text file: UTF-8, else GB18030 as Chinese Windows writes it.

    Raises
    ------
    TableError
        If it cannot be read or is no text.
    """
    content = read_bytes(path)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise TableError("{file} is no text file.", remedy="Save it as UTF-8.", file=path.name)


def csv_rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a comma-separated text that are not empty, each with its line.

    Raises
    ------
    TableError
        If a row is damaged.
    """
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise TableError(
            "{file}, line {line}: {reason}.",
            remedy="Correct the line, or export the file again.",
            file=path.name,
            line=reader.line_num,
            reason=str(error),
        ) from error


def csv_text(rows: Sequence[Sequence[object]], *, is_quoted: bool = False) -> bytes:
    """Return rows as comma-separated UTF-8, every cell in quotes if asked."""
    buffer = io.StringIO(newline="")
    if is_quoted:
        csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    else:
        csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode("utf-8")


def number(path: Path, line: int, text: object, *, allow_infinite: bool = False) -> float:
    """Return a coordinate.

    Raises
    ------
    TableError
        If it is no number, or not finite where that has no meaning.
    """
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = None
    if value is None or (not allow_infinite and not math.isfinite(value)):
        raise TableError(
            "{file}, line {line}: '{text}' is no number."
            if line
            else "{file}: '{text}' is no number where a coordinate belongs.",
            remedy="Write coordinates with a decimal point: 12.5.",
            file=path.name,
            line=line,
            text=text,
        )
    return value


def number_rows(path: Path, num_columns: int) -> list[tuple[int, list[float]]]:
    """Return the rows of a text of numbers, separated by white space, commas or semicolons.

    Raises
    ------
    TableError
        If a row has another number of columns, or holds no number.
    """
    rows = []
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        cells = text.replace(",", " ").replace(";", " ").split()
        if not cells or cells[0].startswith("#"):
            continue
        if len(cells) != num_columns:
            raise TableError(
                "{file}, line {line}: {found} columns, but this format has {wanted}.",
                remedy="Write one point on each line, and 12.5, not 12,5.",
                file=path.name,
                line=line,
                found=len(cells),
                wanted=num_columns,
            )
        rows.append((line, [number(path, line, cell) for cell in cells]))
    if not rows:
        raise TableError("{file} holds no points.", remedy="Export it again.", file=path.name)
    return rows


def number_text(points: Sequence[Sequence[float]]) -> bytes:
    """Return rows of numbers separated by spaces."""
    return "".join(" ".join(map(digits, row)) + "\n" for row in points).encode("utf-8")


def digits(value: float) -> str:
    """Return a number with every digit it has."""
    return repr(float(value))


def as_point(values: Sequence[float]) -> Point:
    """Return the first two numbers as a point."""
    return float(values[0]), float(values[1])


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises
    ------
    TableError
        If it is no JSON; the sentence names the line.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise TableError(
            "{file}, line {line}: this is no JSON: {reason}.",
            remedy="Export the file again.",
            file=path.name,
            line=error.lineno,
            reason=error.msg,
        ) from error
    except RecursionError as error:
        raise TableError("{file} is nested too deeply.", file=path.name) from error


def json_bytes(value: object) -> bytes:
    """Return plain data as indented JSON."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def damaged(path: Path, what: str) -> TableError:
    """Return the error of a file whose parts are not as its format has them."""
    return TableError(
        "{file}: '{what}' is missing or is not as this format has it.",
        remedy="Export the file again.",
        file=path.name,
        what=what,
    )
