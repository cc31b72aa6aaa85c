"""Keypoint pairs in the files of other programs, in both directions."""

from __future__ import annotations

from workstation.project.keypoint_formats.format import KeypointFormat, ReadOptions
from workstation.project.keypoint_formats.table import FORMATS, recognise

__all__ = ["FORMATS", "KeypointFormat", "ReadOptions", "recognise"]
