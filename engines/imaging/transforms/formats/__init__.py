"""Transforms in files of other programs: ITK's, and the JSON of this one."""

from __future__ import annotations

from engines.imaging.transforms.formats.table import (
    FORMATS,
    TransformDescription,
    TransformFormat,
    read_transform,
    write_transform,
)

__all__ = ["FORMATS", "TransformDescription", "TransformFormat", "read_transform", "write_transform"]
