"""Files written so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name beside the file, flush it to the disk, and replace the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_text_atomically(path: Path, text: str) -> None:
    """Write UTF-8 text, see `write_bytes_atomically`."""
    write_bytes_atomically(path, text.encode("utf-8"))


def write_json_atomically(path: Path, value: Any) -> None:
    """Write plain data as indented JSON, see `write_bytes_atomically`. NaN and infinity are refused."""
    write_text_atomically(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text as hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def relative_or_absolute(path: Path, start: Path) -> str:
    """Return `path` relative to `start` with forward slashes, or absolute where no relative path exists."""
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive on Windows
        return path.resolve().as_posix()
