"""How file names say which image of a pair they belong to: ``a_fixed``, ``a_moving``; ``a_01``, ``a_02``."""

from __future__ import annotations

from pathlib import Path

from workstation.project.annotations import Side

ENDINGS: tuple[tuple[str, str], ...] = (("_fixed", "_moving"), ("_01", "_02"), ("_1", "_2"))
"""Endings of the fixed and the moving file, before the suffix."""


def stem_of(path: Path, suffixes: tuple[str, ...]) -> str:
    """Return a file name without the longest of these suffixes, which may have several dots."""
    name = path.name
    for suffix in sorted(suffixes, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem


def split_stem(stem: str) -> tuple[str, Side | None]:
    """Return what the two files of an item share, and the side; None when the name does not tell."""
    for fixed, moving in ENDINGS:
        if stem.lower().endswith(fixed):
            return stem[: -len(fixed)], "fixed"
        if stem.lower().endswith(moving):
            return stem[: -len(moving)], "moving"
    return stem, None


def split_side(path: Path, suffixes: tuple[str, ...]) -> tuple[str, Side | None]:
    """Return `split_stem` of a file's name."""
    return split_stem(stem_of(path, suffixes))


def partner_of(path: Path, suffixes: tuple[str, ...]) -> Path:
    """Return the file of the other image; the file itself when its name does not tell the side."""
    stem = stem_of(path, suffixes)
    for fixed, moving in ENDINGS:
        for own, other in ((fixed, moving), (moving, fixed)):
            if stem.lower().endswith(own):
                return path.with_name(stem[: -len(own)] + other + path.name[len(stem) :])
    return path
