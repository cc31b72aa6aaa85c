"""Keypoint pairs of a project in the formats of other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engines.contract.errors import PreconditionError
from engines.contract.messages import Message
from workstation.project.annotations import SIDES, PairState
from workstation.project.exporters.export_format import (
    ExportFormat,
    ExportOptions,
    ExportResult,
)
from workstation.project.items import Item, ItemFile
from workstation.project.keypoint_formats import FORMATS, KeypointFormat
from workstation.project.keypoint_formats.format import ImageFacts, ItemPairs, PointPair
from workstation.project.project import Project


def keypoint_exports() -> list[ExportFormat]:
    """Return an export for each keypoint format."""
    return [_export_of(known) for known in FORMATS.values()]


def _export_of(known: KeypointFormat) -> ExportFormat:
    def write(project: Project, items: Sequence[Item], out: Path, _options: ExportOptions) -> ExportResult:
        return export_keypoints(project, known, items, out)

    suffix = "" if known.files_per_item else known.suffixes[0]
    return ExportFormat(known.key, known.title, known.explanation, known.loss, suffix, write)


def export_keypoints(
    project: Project, known: KeypointFormat, items: Sequence[Item], out: Path
) -> ExportResult:
    """Write the pairs of items.

    Raises
    ------
    PreconditionError
        If there is no pair that the format can hold.
    ProjectError
        If a file exists already; nothing is written then.
    """
    found = [_pairs_of(project, item) for item in items if item.has(*SIDES)]
    pairs = [pair for item in found for pair in item.pairs]
    said = sum(known.can_say(pair) for pair in pairs)
    suggestions = sum(pair.state is PairState.PREDICTED for pair in pairs)
    if not said:
        raise PreconditionError(
            "There is no keypoint pair that '{format}' can hold.",
            remedy="Place pairs first, or choose another format.",
            format=known.key,
        )
    files = known.write(found, out)
    left_out = len(pairs) - said - suggestions
    notes = []
    if left_out:
        notes.append(
            Message("{n} pairs were left out, because this format cannot say what they are.", {"n": left_out})
        )
    return ExportResult(tuple(files), said, left_out, tuple(notes))


def _pairs_of(project: Project, item: Item) -> ItemPairs:
    pairs = tuple(
        PointPair(pair.label, pair.fixed_xy, pair.moving_xy, pair.state)
        for pair in project.keypoints.pairs(item.id)
    )
    return ItemPairs(item.id, _facts(item.files["fixed"]), _facts(item.files["moving"]), pairs)


def _facts(file: ItemFile) -> ImageFacts:
    size = None if file.width is None or file.height is None else (file.width, file.height)
    return ImageFacts(file.path.name, size, file.spacing_mm, file.path)
