"""What the command line prints: lines, tables and JSON on stdout, remarks and progress on stderr."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any
from unicodedata import east_asian_width

from tqdm import tqdm

ABSENT = "-"
"""How a table shows what is undefined."""


def use_utf8() -> None:
    """Have both streams take every character, also on Windows and under ``LANG=C``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Paths that came in under another encoding go out as the bytes they are.
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")


def say(text: str) -> None:
    """Print a line of the command's result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def remark(text: str) -> None:
    """Print a line that is not part of the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def complain(text: str) -> None:
    """Print what is wrong, as exactly one line."""
    remark("workstation: " + " ".join(text.split()))


def say_json(value: dict[str, Any]) -> None:
    """Print one JSON object."""
    say(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def say_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns; numbers to the right, None as a dash."""
    lines = [[cell_text(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(header, *lines, strict=True)]
    is_number = [
        all(row[index] is None or isinstance(row[index], int | float) for row in rows) and bool(rows)
        for index in range(len(header))
    ]
    for line in (list(header), *lines):
        cells = [
            " " * (width - _width(text)) + text if right else text + " " * (width - _width(text))
            for text, width, right in zip(line, widths, is_number, strict=True)
        ]
        say("  ".join(cells).rstrip())


def cell_text(value: object) -> str:
    """Return how a table shows a value."""
    if value is None or value == "":
        return ABSENT
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _width(text: str) -> int:
    """Return the columns that a text takes on a terminal."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


class ProgressBar:
    """A bar on stderr when that is a terminal, and nothing otherwise; use with ``with``.

    Parameters
    ----------
    title : str
    unit : str
    """

    def __init__(self, title: str, unit: str = "step") -> None:
        self._bar: tqdm[Any] = tqdm(
            desc=title, unit=unit, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False
        )

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def show(self, done: int, total: int, note: str = "") -> None:
        """Show how far the work is; `total` 0 means unknown."""
        if self._bar.disable:
            return
        self._bar.total = total or None
        self._bar.n = done
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.refresh()
