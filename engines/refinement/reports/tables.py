"""``per_item.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.contract.files import write_text_atomically


def write_per_item(path: Path, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, atomically; what a row lacks stays empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    write_text_atomically(path, buffer.getvalue())
