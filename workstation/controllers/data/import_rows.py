"""What the import dialog shows of a proposal, as plain rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engines.contract.errors import InputError
from engines.contract.kinds import Severity
from workstation.controllers.data.import_volume_rows import volume_row
from workstation.views.protocols.imports import FindingRow, ImportRow, LayoutRow
from workstation.views.protocols.pairs import Image

if TYPE_CHECKING:
    from workstation.project.importers.findings import ProposalFinding
    from workstation.project.importers.inspection import FileFacts
    from workstation.project.importers.proposal import ImportProposal, ProposedFile, ProposedItem

PREVIEW_SIDE_PX = 320
_IMAGE_ROLES = ("fixed", "moving", "image")


def layout_rows(proposals: Iterable[ImportProposal]) -> list[LayoutRow]:
    """Return one row for each layout that fits."""
    from workstation.project.importers.layouts import layout

    rows = []
    for proposal in proposals:
        found = layout(proposal.layout)
        rows.append(LayoutRow(found.key, found.title, found.summary, proposal.num_complete))
    return rows


class RowCache:
    """Makes the rows of proposals; an item that did not change keeps its row, of thousands of them.

    Parameters
    ----------
    facts : mapping of Path to FileFacts
        What reading the files told; nothing before they are read.
    """

    def __init__(self, facts: Mapping[Path, FileFacts] | None = None) -> None:
        self._facts = facts or {}
        self._made: dict[int, tuple[ProposedItem, Severity | None, ImportRow]] = {}

    def rows(self, proposal: ImportProposal, findings: Sequence[ProposalFinding]) -> list[ImportRow]:
        """Return one row for each item; may be called on any thread, one at a time."""
        worst: dict[str, Severity] = {}
        for finding in findings:  # errors come first
            for key in finding.items:
                worst.setdefault(key, finding.severity)
        made = {}
        for item in proposal.items:
            severity = worst.get(item.key)
            known = self._made.get(id(item))
            if known is None or known[0] is not item or known[1] is not severity:
                known = (item, severity, self._row(item, severity))
            made[id(item)] = known
        self._made = made
        return [row for _item, _severity, row in made.values()]

    def _row(self, item: ProposedItem, severity: Severity | None) -> ImportRow:
        return volume_row(item, severity, self._facts) if item.volume_roles else _row(item, severity)


def _row(item: ProposedItem, severity: Severity | None) -> ImportRow:
    first, second = item.file("fixed") or item.file("image"), item.file("moving")
    # Names alone, unless the folders are what tells the two apart.
    needs_folder = first is not None and second is not None and first.path.name == second.path.name
    masks = [file.path.name for file in item.files if file.role not in _IMAGE_ROLES]
    return ImportRow(
        key=item.key,
        is_included=item.is_included,
        is_complete=item.is_complete,
        subject=item.subject,
        item=item.item,
        fixed=_name(first, needs_folder=needs_folder),
        moving=_name(second, needs_folder=needs_folder),
        fixed_modality=first.modality or "" if first is not None else "",
        moving_modality=second.modality or "" if second is not None else "",
        laterality=item.laterality or "",
        visit=item.visit or "",
        split=item.split.value if item.split is not None else "",
        num_points=len(item.points),
        masks=", ".join(masks),
        severity=severity,
        paths="\n".join(f"{file.role}: {file.path}" for file in item.files),
        is_single=item.file("image") is not None,
    )


def _name(file: ProposedFile | None, *, needs_folder: bool) -> str:
    if file is None:
        return ""
    return f"{file.path.parent.name}/{file.path.name}" if needs_folder else file.path.name


def finding_rows(findings: Iterable[ProposalFinding]) -> list[FindingRow]:
    """Return one row for each finding."""
    return [
        FindingRow(
            found.key,
            found.severity,
            found.message,
            tuple(fix.title for fix in found.fixes),
            found.items,
            found.message.text,
        )
        for found in findings
    ]


def preview_of(item: ProposedItem) -> tuple[Image | None, Image | None]:
    """Read the two images of an item, or the only one, in a small size."""
    first, second = item.file("fixed") or item.file("image"), item.file("moving")
    return _small(first), _small(second)


def _small(file: ProposedFile | None) -> Image | None:
    # Of no use before a person imports, and slow to load.
    from engines.imaging.images import read_image, to_uint8
    from engines.imaging.opencv import cv2

    if file is None:
        return None
    try:
        image = to_uint8(read_image(file.path))
    except InputError:
        return None
    height, width = image.shape[:2]
    ratio = min(1.0, PREVIEW_SIDE_PX / max(height, width))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
