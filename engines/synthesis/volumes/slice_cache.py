"""Aligned pairs kept in HDF5, one file a case: HU and masks, never normalised values.

So another window needs no new cache. A file says what it was made from; when sources, alignment or program
have changed it is stale and made again.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from engines.contract.files import hash_file, hash_text

if TYPE_CHECKING:
    from engines.synthesis.data import SynthesisCase

FORMAT_VERSION = 1
"""Raised whenever reading, alignment or masks change what a cached case holds."""
_VOXELS = ("ncct", "cta")
_MASKS = ("lung", "body", "vessel")

_log = logging.getLogger(__name__)


def cache_key(paths: Mapping[str, Path], alignment: str, seed: int) -> str:
    """Return what a cached case depends on, as a hash: contents of the sources, alignment, program."""
    sources = sorted((role, _content_hash(path)) for role, path in paths.items())
    return hash_text(json.dumps([FORMAT_VERSION, sources, alignment, seed]))


def _content_hash(path: Path) -> str:
    if path.is_dir():
        return hash_text("".join(hash_file(file) for file in sorted(path.rglob("*")) if file.is_file()))
    return hash_file(path)


def _file(folder: Path, item: str) -> Path:
    # Item ids may hold characters that a file system refuses.
    return folder / f"{hash_text(item)[:24]}.h5"


def cached_case(
    folder: Path, item: str, paths: Mapping[str, Path], alignment: str, seed: int
) -> dict[str, Any] | None:
    """Return what builds a case, or None when there is none, or a stale or damaged one."""
    file = _file(folder, item)
    if not file.is_file():
        return None
    try:
        with h5py.File(file, "r") as source:
            if source.attrs.get("key") != cache_key(paths, alignment, seed):
                _log.info("The cached slices of %s are stale and are made again.", item)
                return None
            facts = json.loads(str(source.attrs["facts"]))
            arrays: dict[str, Any] = {name: source[name][()].transpose(1, 2, 0) for name in _VOXELS}
            arrays |= {name: source[name][()].transpose(1, 2, 0).astype(bool) for name in _MASKS}
    except (OSError, KeyError, ValueError) as error:
        _log.warning("The cached slices %s cannot be read and are made again: %s", file.name, error)
        return None
    return {
        **{name: np.ascontiguousarray(array) for name, array in arrays.items()},
        "spacing_mm": tuple(facts["spacing_mm"]),
        "grade": facts["grade"],
        "alignment": facts["alignment"],
    }


def store_case(
    folder: Path, case: SynthesisCase, paths: Mapping[str, Path], alignment: str, seed: int
) -> Path:
    """Write a case; a reader sees the old file or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    file = _file(folder, case.id)
    part = file.with_suffix(".part")
    with h5py.File(part, "w") as target:
        for name in (*_VOXELS, *_MASKS):
            array = getattr(case, name).transpose(2, 0, 1)
            if name in _MASKS:
                array = array.astype(np.uint8)
            target.create_dataset(name, data=array, chunks=(1, *array.shape[1:]), compression="lzf")
        target.attrs["format_version"] = FORMAT_VERSION
        target.attrs["key"] = cache_key(paths, alignment, seed)
        target.attrs["facts"] = json.dumps(
            {"spacing_mm": list(case.spacing_mm), "grade": case.grade, "alignment": case.alignment}
        )
    os.replace(part, file)
    return file
